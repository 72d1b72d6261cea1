/** How it looks, who is told, keys for programs, the stop button, what runs again and again, and what this is. */

import { useState } from "react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import * as wire from "../wire/house";
import { t } from "../words/en";
import { theme, wear } from "../app/look";
import { useCan, useHouse, useMe } from "../app/session";
import { isMac } from "../app/shell";
import { Choices, Facts, Field, Head, Section } from "../parts/basic";
import { Ask } from "../parts/dialog";
import { Problem, useToast } from "../parts/feedback";
import { Keys } from "./settings/Keys";
import { Notices } from "./settings/Notices";
import { Schedules } from "./settings/Schedules";

export function Settings() {
  return (
    <div className="page narrow">
      <Head title={t.settings.title}>
        <SignOut />
      </Head>
      <Look />
      <Password />
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

function Password() {
  const me = useMe();
  const client = useQueryClient();
  const say = useToast();
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const save = useMutation({
    mutationFn: () => wire.setPassword(fresh, old),
    onSuccess: () => {
      setOld("");
      setFresh("");
      say(t.people.saved);
      void client.invalidateQueries({ queryKey: ["me"] });
    },
  });
  if (me.isSolo || me.way === "oidc") return null;
  return (
    <Section title={t.settings.password}>
      <form className="stack" onSubmit={(event) => { event.preventDefault(); save.mutate(); }}>
        {!me.hasPassword && <p className="small text-tone tone-wait strong">{t.settings.noPassword}</p>}
        <input type="text" autoComplete="username" className="hush" tabIndex={-1} aria-hidden="true" value={me.user} readOnly />
        {me.hasPassword && (
          <Field label={t.settings.oldPassword}>
            <input className="input" type="password" autoComplete="current-password" value={old} onChange={(event) => setOld(event.target.value)} />
          </Field>
        )}
        <Field label={t.entrance.newPassword} help={t.entrance.newPasswordHelp}>
          <input className="input" type="password" autoComplete="new-password" minLength={12} value={fresh} onChange={(event) => setFresh(event.target.value)} />
        </Field>
        {save.isError && <Problem error={save.error} />}
        <div>
          <button type="submit" className="button" disabled={save.isPending || fresh.length < 12 || (me.hasPassword && !old)}>
            {t.common.save}
          </button>
        </div>
      </form>
    </Section>
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
