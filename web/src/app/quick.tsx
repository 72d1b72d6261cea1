/** Quick actions on Ctrl/Cmd K: what sellers ask for most, as a few words to fill in; and the way to every page. */

import { useEffect, useMemo, useRef, useState, type FormEvent } from "react";
import { Dialog as D } from "radix-ui";
import { useNavigate } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import { title } from "../model/format";
import { matching, type Choice } from "../model/palette";
import * as wire from "../wire/house";
import type { Ready } from "../wire/shapes";
import { t } from "../words/en";
import { Field } from "../parts/basic";
import { Empty, Problem } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { ProfileSelector } from "../parts/ProfileSelector";
import { useProfile, useProfiles } from "./session";

const GO = ["home", "runs", "inbox", "data", "signals", "policy", "audit", "people", "settings"] as const;

export default function QuickActions({ first, onClose }: { readonly first: string; readonly onClose: () => void }) {
  const plays = useQuery({ queryKey: ["quick"], queryFn: wire.quick, staleTime: 60_000 });
  const [picked, pick] = useState<string>(first);
  const play = plays.data?.find((one) => one.name === picked) ?? null;
  return (
    <D.Root open onOpenChange={(now) => !now && onClose()}>
      <D.Portal>
        <D.Overlay className="veil" />
        <D.Content className="dialog" style={{ "--wide": "38rem" } as React.CSSProperties} aria-describedby={undefined}>
          <D.Title className="hush">{t.quick.title}</D.Title>
          {play ? <Fill play={play} onBack={() => pick("")} onClose={onClose} /> : <Find onPick={(one) => pick(one.name)} onClose={onClose} />}
        </D.Content>
      </D.Portal>
    </D.Root>
  );
}

function Find({ onPick, onClose }: { readonly onPick: (play: Ready) => void; readonly onClose: () => void }) {
  const navigate = useNavigate();
  const plays = useQuery({ queryKey: ["quick"], queryFn: wire.quick, staleTime: 60_000 });
  const [words, say] = useState("");
  const [at, move] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const choices = useMemo(() => {
    const actions = (plays.data ?? []).map((play): Choice => ({ key: play.name, title: play.title || play.name, group: play.category, hint: play.prompt, missing: play.missing }));
    const pages = GO.map((name): Choice => ({ key: `/${name === "home" ? "" : name}`, title: `${t.quick.goTo} ${t.nav[name]}`, group: "", hint: "", missing: [] }));
    return matching([...actions, ...pages], words);
  }, [plays.data, words]);
  useEffect(() => move(0), [words]);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at, choices]);

  const pick = (choice: Choice | undefined) => {
    if (!choice) {
      onClose();
      return void navigate({ to: "/", search: { goal: words } });
    }
    if (choice.missing.length) return;
    if (choice.key.startsWith("/")) {
      onClose();
      return void navigate({ to: choice.key });
    }
    const play = plays.data?.find((one) => one.name === choice.key);
    if (play) onPick(play);
  };
  const onKey = (event: React.KeyboardEvent) => {
    if (event.key === "ArrowDown") move(Math.min(at + 1, choices.length - 1));
    else if (event.key === "ArrowUp") move(Math.max(at - 1, 0));
    else if (event.key === "Enter") pick(choices[at]);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <div className="row" style={{ padding: "var(--s3) var(--s4)", borderBottom: "1px solid var(--line)" }}>
        <Icon name="search" />
        <input
          className="grow"
          style={{ border: 0, background: "none", minHeight: "2.25rem", fontSize: "var(--t-l)", outline: "none" }}
          role="combobox"
          aria-expanded="true"
          aria-controls="quick-list"
          aria-activedescendant={choices[at] ? `quick-${at}` : undefined}
          aria-label={t.quick.search}
          placeholder={t.quick.search}
          value={words}
          autoFocus
          onChange={(event) => say(event.target.value)}
          onKeyDown={onKey}
        />
        <D.Close asChild>
          <button type="button" className="button bare icon" aria-label={t.common.close}>
            <Icon name="close" />
          </button>
        </D.Close>
      </div>
      <div className="palette-list" id="quick-list" role="listbox" aria-label={t.quick.title} ref={list} tabIndex={-1}>
        {plays.isError && <Problem error={plays.error} retry={() => void plays.refetch()} />}
        {choices.map((choice, index) => (
          <div key={choice.key} id={`quick-${index}`} role="option" aria-selected={index === at} aria-disabled={choice.missing.length > 0} className="palette-item" onPointerMove={() => move(index)} onClick={() => pick(choice)}>
            <span className="cut" style={{ fontWeight: 550 }}>{choice.title}</span>
            <span className="tiny dim">{choice.group && title(choice.group)}</span>
            {(choice.hint || choice.missing.length > 0) && <span className="tiny dim cut" style={{ gridColumn: "1 / -1" }}>{choice.missing.length ? t.quick.missing(choice.missing.join(", ")) : choice.hint}</span>}
          </div>
        ))}
        {plays.data && !choices.length && <Empty icon="search" title={t.quick.none}>{t.quick.noneLead}</Empty>}
      </div>
    </>
  );
}

function Fill({ play, onBack, onClose }: { readonly play: Ready; readonly onBack: () => void; readonly onClose: () => void }) {
  const navigate = useNavigate();
  const profiles = useProfiles();
  const [profile, setProfile] = useProfile();
  const names = Object.entries(play.fields);
  const [given, give] = useState<Record<string, string>>({});
  const [key] = useState(() => crypto.randomUUID?.() ?? String(Math.random()));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const start = async (planOnly: boolean) => {
    setBusy(true);
    setError(null);
    try {
      const id = await wire.startQuick(play.name, given, profile, planOnly, `${key}${planOnly ? "-plan" : ""}`);
      onClose();
      await navigate(planOnly ? { to: "/plans/$id", params: { id } } : { to: "/runs/$id", params: { id } });
    } catch (refused) {
      setError(refused);
      setBusy(false);
    }
  };
  const isWhole = names.every(([name]) => (given[name] ?? "").trim());
  return (
    <form style={{ display: "contents" }} onSubmit={(event: FormEvent) => { event.preventDefault(); if (isWhole) void start(false); }}>
      <header>
        <button type="button" className="button bare icon" aria-label={t.quick.back} onClick={onBack}>
          <Icon name="left" />
        </button>
        <div className="grow stack gap1">
          <h2>{play.title}</h2>
          <p className="small dim">{play.prompt}</p>
        </div>
      </header>
      <div className="body stack">
        {names.map(([name, what], at) => (
          <Field key={name} label={title(name)} help={what}>
            <input className="input" autoFocus={at === 0} value={given[name] ?? ""} onChange={(event) => give({ ...given, [name]: event.target.value })} />
          </Field>
        ))}
        {error != null && <Problem error={error} />}
      </div>
      <footer>
        <button type="submit" className="button first" disabled={busy || !isWhole} autoFocus={!names.length}>
          {t.quick.start}
        </button>
        <button type="button" className="button" disabled={busy || !isWhole} onClick={() => void start(true)}>
          {t.quick.planFirst}
        </button>
        <span className="end">
          <ProfileSelector profiles={profiles.data ?? []} value={profile} onPick={setProfile} />
        </span>
      </footer>
    </form>
  );
}
