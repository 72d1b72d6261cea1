/** How it looks, who is told, keys for programs, the stop button, what runs again and again, and what this is. */

import { useState, type FormEvent } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { words } from "../model/format";
import * as wire from "../wire/house";
import { t } from "../words/en";
import { theme, wear } from "../app/look";
import { useCan, useHouse, useMe } from "../app/session";
import { isMac } from "../app/shell";
import { Ago, Choices, Copy, Facts, Field, Head, Section } from "../parts/basic";
import { Ask, Dialog } from "../parts/dialog";
import { Problem } from "../parts/feedback";

export function Settings() {
  return (
    <div className="page narrow">
      <Head title={t.settings.title}>
        <SignOut />
      </Head>
      <Look />
      <Notices />
      <Keys />
      <Schedules />
      <Stop />
      <Shortcuts />
      <About />
    </div>
  );
}

function SignOut() {
  const me = useMe();
  if (me.isSolo) return null;
  return (
    <button type="button" className="button" onClick={() => void wire.logout().finally(() => location.reload())}>
      {t.entrance.out}
    </button>
  );
}

function Look() {
  const [now, set] = useState(theme());
  return (
    <Section title={t.settings.look}>
      <Choices label={t.settings.look} value={now} onPick={(value) => { wear(value); set(value); }} options={(["auto", "light", "dark"] as const).map((name) => [name, t.settings.themes[name]] as const)} />
    </Section>
  );
}

const ON = ["approval_waits", "approval_expires", "run_ends"] as const;

function Notices() {
  const client = useQueryClient();
  const may = useCan("govern");
  const found = useQuery({ queryKey: ["notices"], queryFn: wire.notices });
  const drop = useMutation({ mutationFn: wire.dropNotice, onSuccess: () => void client.invalidateQueries({ queryKey: ["notices"] }) });
  const [adding, add] = useState(false);
  return (
    <Section title={t.settings.notices} action={may && <button type="button" className="button small" onClick={() => add(true)}>{t.common.add}</button>}>
      <div className="stack">
        <p className="small dim">{t.settings.noticesLead}</p>
        {found.isError && <Problem error={found.error} />}
        {found.data?.length ? (
          <ul className="stack gap2">
            {found.data.map((one) => (
              <li key={one.targetId} className="row spread">
                <span className="wrap-any">
                  <span className="strong">{t.settings.kinds[one.kind] ?? one.kind}</span> <span className="dim">{one.address}</span>
                  {one.lastError && <span className="small text-tone tone-bad"> {one.lastError}</span>}
                </span>
                {may && (
                  <button type="button" className="button small" onClick={() => drop.mutate(one.targetId)}>
                    {t.common.remove}
                  </button>
                )}
              </li>
            ))}
          </ul>
        ) : (
          <p>{t.settings.noNotices}</p>
        )}
      </div>
      {adding && <AddNotice onClose={() => add(false)} />}
    </Section>
  );
}

function AddNotice({ onClose }: { readonly onClose: () => void }) {
  const client = useQueryClient();
  const [kind, setKind] = useState("webhook");
  const [address, setAddress] = useState("");
  const [on, setOn] = useState<readonly string[]>(ON);
  const send = useMutation({
    mutationFn: () => wire.addNotice({ kind, address, on: [...on] }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ["notices"] });
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} title={t.settings.notices} lead={t.settings.noticesLead}>
      <form className="stack" onSubmit={(event: FormEvent) => { event.preventDefault(); send.mutate(); }}>
        <Field label={t.settings.kind}>
          <select className="select" value={kind} onChange={(event) => setKind(event.target.value)}>
            {Object.entries(t.settings.kinds).map(([name, said]) => (
              <option key={name} value={name}>
                {said}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t.settings.address}>
          <input className="input" data-autofocus required type={kind === "email" ? "email" : "url"} placeholder={kind === "email" ? "name@company.example" : "https://"} value={address} onChange={(event) => setAddress(event.target.value)} />
        </Field>
        <fieldset className="stack gap2">
          <legend className="label">{t.settings.tell}</legend>
          {ON.map((name) => (
            <label key={name} className="check">
              <input type="checkbox" checked={on.includes(name)} onChange={(event) => setOn(event.target.checked ? [...on, name] : on.filter((one) => one !== name))} />
              <span>{t.settings.on[name]}</span>
            </label>
          ))}
        </fieldset>
        {send.isError && <Problem error={send.error} />}
        <div>
          <button type="submit" className="button first" disabled={send.isPending || !address || !on.length}>
            {t.common.add}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Keys() {
  const client = useQueryClient();
  const found = useQuery({ queryKey: ["keys"], queryFn: wire.keys });
  const [asking, ask] = useState(false);
  const [made, show] = useState("");
  const drop = useMutation({ mutationFn: wire.dropKey, onSuccess: () => void client.invalidateQueries({ queryKey: ["keys"] }) });
  return (
    <Section title={t.settings.keys} action={<button type="button" className="button small" onClick={() => ask(true)}>{t.common.add}</button>}>
      <div className="stack">
        <p className="small dim">{t.settings.keysLead}</p>
        {made && (
          <div className="notice tone-good">
            <div className="stack gap2">
              <p className="strong">{t.settings.keyOnce}</p>
              <p className="mono small wrap-any">{made}</p>
              <div>
                <Copy text={made} />
              </div>
            </div>
          </div>
        )}
        {found.data?.length ? (
          <ul className="stack gap2">
            {found.data.map((one) => (
              <li key={one.keyId} className="row spread">
                <span>
                  <span className="strong">{one.label || one.keyId}</span>{" "}
                  <span className="dim small">
                    {one.scopes.map(words).join(", ")} · {one.seenAt ? <>{t.settings.lastUsed} <Ago at={one.seenAt} /></> : t.settings.never} · {t.settings.ends} <Ago at={one.expiresAt} />
                  </span>
                </span>
                <button type="button" className="button small" onClick={() => drop.mutate(one.keyId)}>
                  {t.common.remove}
                </button>
              </li>
            ))}
          </ul>
        ) : (
          <p>{t.settings.noKeys}</p>
        )}
      </div>
      {asking && <AddKey onClose={() => ask(false)} onMade={(text) => { ask(false); show(text); }} />}
    </Section>
  );
}

const SCOPES = ["look", "start_run", "steer_run", "decide", "import_data"] as const;

function AddKey({ onClose, onMade }: { readonly onClose: () => void; readonly onMade: (text: string) => void }) {
  const client = useQueryClient();
  const me = useMe();
  const [label, say] = useState("");
  const [scopes, pick] = useState<readonly string[]>(["look"]);
  const make = useMutation({
    mutationFn: () => wire.makeKey(label.trim(), scopes),
    onSuccess: (made) => {
      void client.invalidateQueries({ queryKey: ["keys"] });
      onMade(made.text);
    },
  });
  return (
    <Dialog open onClose={onClose} title={t.settings.newKey} lead={t.settings.keysLead}>
      <form className="stack" onSubmit={(event: FormEvent) => { event.preventDefault(); make.mutate(); }}>
        <Field label={t.settings.keyName}>
          <input className="input" data-autofocus required value={label} onChange={(event) => say(event.target.value)} />
        </Field>
        <fieldset className="stack gap2">
          <legend className="label">{t.settings.scopes}</legend>
          {SCOPES.filter((scope) => me.can.includes(scope)).map((scope) => (
            <label key={scope} className="check">
              <input type="checkbox" checked={scopes.includes(scope)} onChange={(event) => pick(event.target.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope))} />
              <span>{t.settings.scope[scope]}</span>
            </label>
          ))}
        </fieldset>
        {make.isError && <Problem error={make.error} />}
        <div>
          <button type="submit" className="button first" disabled={make.isPending || !label.trim() || !scopes.length}>
            {t.common.add}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Schedules() {
  const client = useQueryClient();
  const found = useQuery({ queryKey: ["schedules"], queryFn: wire.schedules });
  const drop = useMutation({ mutationFn: wire.dropSchedule, onSuccess: () => void client.invalidateQueries({ queryKey: ["schedules"] }) });
  return (
    <Section title={t.settings.schedules}>
      <div className="stack">
        <p className="small dim">{t.settings.schedulesLead}</p>
        {found.data?.length ? (
          <ul className="stack gap2">
            {found.data.map((one) => (
              <li key={one.scheduleId} className="row spread">
                <span>
                  <span className="strong">{one.goal}</span>{" "}
                  <span className="dim small">
                    {one.weekdays.map((day) => t.settings.days[day]).join(", ")} {one.time} {one.zone} · {one.profile}
                  </span>
                </span>
                <button type="button" className="button small" onClick={() => drop.mutate(one.scheduleId)}>
                  {t.common.remove}
                </button>
              </li>
            ))}
          </ul>
        ) : (
          <p>{t.settings.noSchedules}</p>
        )}
      </div>
    </Section>
  );
}

function Stop() {
  const client = useQueryClient();
  const house = useHouse();
  const may = useCan("stop");
  const [asking, ask] = useState(false);
  const lift = useMutation({ mutationFn: wire.liftHalt, onSuccess: () => void client.invalidateQueries() });
  const halted = house.data?.halted ?? "";
  return (
    <Section title={t.settings.stop}>
      <div className="stack">
        <p className="small dim">{halted ? t.line.halted(halted) : t.settings.stopLead}</p>
        {may && (
          <div>
            {halted ? (
              <button type="button" className="button first" onClick={() => lift.mutate()}>
                {t.settings.lift}
              </button>
            ) : (
              <button type="button" className="button risky" onClick={() => ask(true)}>
                {t.settings.press}
              </button>
            )}
          </div>
        )}
        {lift.isError && <Problem error={lift.error} />}
      </div>
      <Ask open={asking} onClose={() => ask(false)} title={t.settings.press} lead={t.settings.stopLead} label={t.settings.stopWhy} submit={t.settings.press} risky onSubmit={(reason) => wire.halt(reason).then(() => client.invalidateQueries())} />
    </Section>
  );
}

function Shortcuts() {
  const mod = isMac() ? "⌘" : "Ctrl";
  const keys = [
    [`${mod} K`, t.keys.quick],
    ["/", t.keys.goal],
    [`${mod} Enter`, t.keys.run],
    ["t", t.keys.trace],
    ["g", t.keys.go],
    ["↑ ↓", t.keys.list],
    ["A D C E", t.ask.keys.replace("Keys: ", "")],
    ["Esc", t.keys.close],
  ] as const;
  return (
    <Section title={t.settings.shortcuts}>
      <dl className="facts" style={{ rowGap: "var(--s2)" }}>
        {keys.map(([key, what]) => [
          <dt key={key}>
            <kbd>{key}</kbd>
          </dt>,
          <dd key={`${key}:`}>{what}</dd>,
        ])}
      </dl>
    </Section>
  );
}

function About() {
  const house = useHouse();
  return (
    <Section title={t.settings.about}>
      <div className="stack">
        <Facts rows={[[t.settings.version, house.data?.version ?? ""], [t.home.durable, house.data?.durability ?? ""], [t.home.model, house.data?.model.line ?? ""]]} />
        <p className="small dim">{t.settings.privacy}</p>
      </div>
    </Section>
  );
}
