/** Goals that are run by the calendar: added, paused, ended. Whoever adds one asks for every run of it. */

import { useState, type FormEvent } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import * as wire from "../../wire/house";
import { t } from "../../words/en";
import { useCan, useProfile, useProfiles } from "../../app/session";
import { Exact, Field, Section } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { Problem } from "../../parts/feedback";
import { ProfileSelector } from "../../parts/ProfileSelector";

export function Schedules() {
  const client = useQueryClient();
  const may = useCan("schedule");
  const found = useQuery({ queryKey: ["schedules"], queryFn: wire.schedules });
  const [adding, add] = useState(false);
  const again = () => void client.invalidateQueries({ queryKey: ["schedules"] });
  const drop = useMutation({ mutationFn: wire.dropSchedule, onSuccess: again });
  const pause = useMutation({ mutationFn: (one: wire.Schedule & { isPaused: boolean }) => wire.pauseSchedule(one.scheduleId, !one.isPaused), onSuccess: again });
  const error = drop.error ?? pause.error;
  return (
    <Section
      title={t.settings.schedules}
      action={
        may && (
          <button type="button" className="button small" onClick={() => add(true)}>
            {t.common.add}
          </button>
        )
      }
    >
      <div className="stack">
        <p className="small dim">{t.settings.schedulesLead}</p>
        {error && <Problem error={error} />}
        {found.data?.length ? (
          <ul className="stack gap3">
            {found.data.map((one) => (
              <li key={one.scheduleId} className="row spread">
                <span className="stack grow" style={{ gap: 0, flexBasis: "14rem" }}>
                  <span className="row gap2">
                    <span className="strong wrap-any">
                      <Exact>{one.goal}</Exact>
                    </span>
                    {one.isPaused && <span className="state tone-wait">{t.settings.paused}</span>}
                  </span>
                  <span className="dim small">{[`${daysOf(one.weekdays)} ${one.time}`, one.zone, one.profile].filter(Boolean).join(" · ")}</span>
                </span>
                {may && (
                  <span className="row gap2">
                    <button type="button" className="button small" disabled={pause.isPending} aria-label={`${one.isPaused ? t.settings.resume : t.settings.pause}: ${one.goal}`} onClick={() => pause.mutate(one)}>
                      {one.isPaused ? t.settings.resume : t.settings.pause}
                    </button>
                    <button type="button" className="button small" disabled={drop.isPending} aria-label={`${t.common.remove}: ${one.goal}`} onClick={() => drop.mutate(one.scheduleId)}>
                      {t.common.remove}
                    </button>
                  </span>
                )}
              </li>
            ))}
          </ul>
        ) : (
          <p>{t.settings.noSchedules}</p>
        )}
      </div>
      {adding && <Add onClose={() => add(false)} onAdded={() => { add(false); again(); }} />}
    </Section>
  );
}

const daysOf = (days: readonly number[]) => [...days].sort((one, other) => one - other).map((day) => t.settings.days[day]).join(", ");

function Add({ onClose, onAdded }: { readonly onClose: () => void; readonly onAdded: () => void }) {
  const profiles = useProfiles();
  const [usual] = useProfile();
  const [picked, pick] = useState("");
  const profile = picked || usual;
  const [goal, setGoal] = useState("");
  const [days, setDays] = useState<readonly number[]>([0]);
  const [time, setTime] = useState("08:00");
  const [zone, setZone] = useState(Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  const save = useMutation({ mutationFn: () => wire.addSchedule({ goal: goal.trim(), weekdays: days, time, zone, profile }), onSuccess: onAdded });
  const ready = goal.trim() !== "" && days.length > 0 && time !== "" && zone.trim() !== "";
  return (
    <Dialog open onClose={onClose} title={t.settings.newSchedule} lead={t.settings.schedulesLead}>
      <form className="stack" onSubmit={(event: FormEvent) => { event.preventDefault(); if (ready) save.mutate(); }}>
        <Field label={t.settings.scheduleGoal}>
          <textarea className="area" rows={2} data-autofocus required value={goal} onChange={(event) => setGoal(event.target.value)} />
        </Field>
        <fieldset className="stack gap2">
          <legend className="label">{t.settings.scheduleDays}</legend>
          <div className="row gap3">
            {t.settings.days.map((name, day) => (
              <label key={name} className="row gap1 small" style={{ minHeight: "2rem" }}>
                <input type="checkbox" checked={days.includes(day)} onChange={(event) => setDays(event.target.checked ? [...days, day] : days.filter((one) => one !== day))} />
                {name}
              </label>
            ))}
          </div>
        </fieldset>
        <div className="tiles" style={{ "--tile": "10rem" } as React.CSSProperties}>
          <Field label={t.settings.scheduleTime}>
            <input className="input" type="time" required value={time} onChange={(event) => setTime(event.target.value)} />
          </Field>
          <Field label={t.settings.scheduleZone}>
            <input className="input" required autoCapitalize="none" value={zone} onChange={(event) => setZone(event.target.value)} />
          </Field>
        </div>
        {save.isError && <Problem error={save.error} />}
        <div className="row spread">
          <ProfileSelector profiles={profiles.data ?? []} value={profile} onPick={pick} />
          <button type="submit" className="button first" disabled={save.isPending || !ready}>
            {t.common.add}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
