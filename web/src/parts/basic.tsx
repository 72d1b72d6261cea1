/** The small things everything is drawn with. */

import { useEffect, useState, type ReactNode } from "react";
import { ago, inFull } from "../model/format";
import { piecesOf } from "../model/hidden";
import type { Meter } from "../model/budget";
import { toneOf, type Tone } from "../model/states";
import { t } from "../words/en";
import { Icon } from "./icons";

/** A state in its one colour. */
export function State({ state, label, live }: { readonly state: string; readonly label?: string; readonly live?: boolean }) {
  return <span className={`state tone-${toneOf(state)}${live ? " live" : ""}`}>{label ?? t.states[state] ?? state.replaceAll("_", " ")}</span>;
}

export function Tag({ children, title }: { readonly children: ReactNode; readonly title?: string }) {
  return (
    <span className="tag" title={title}>
      {children}
    </span>
  );
}

/** What a call does to the world; only what acts outside stands out. */
export function Effect({ of }: { readonly of: string }) {
  const said = t.effects[of] ?? of;
  return of === "execute" ? <span className="state plain tone-wait">{said}</span> : <span className="tag">{said}</span>;
}

/** The time that passes, for what says "3 min ago"; one clock for the whole page. */
export function useNow(everyMs = 15_000): Date {
  const [now, set] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => set(new Date()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function Ago({ at }: { readonly at: Date }) {
  const now = useNow();
  return isNaN(+at) ? null : (
    <time dateTime={at.toISOString()} title={inFull(at)}>
      {ago(at, now)}
    </time>
  );
}

/** Text with everything in it that an eye would miss. */
export function Exact({ children }: { readonly children: string }) {
  return (
    <>
      {piecesOf(children).map((piece, index) => {
        if (piece.kind === "plain") return piece.text;
        if (piece.kind === "hidden") {
          return (
            <span key={index} className="hid" title={piece.name}>
              {piece.code}
            </span>
          );
        }
        return (
          <span key={index} className="alike" title={piece.letters.map((one) => `${one} is U+${one.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`).join(", ")}>
            {[...piece.text].map((letter, at) => (piece.letters.includes(letter) ? <b key={at}>{letter}</b> : letter))}
          </span>
        );
      })}
    </>
  );
}

export function MeterBar({ meter, mark }: { readonly meter: Meter; readonly mark?: number | undefined }) {
  const state = meter.tone === "bad" ? t.budget.full : meter.tone === "wait" ? t.budget.near : "";
  return (
    <div className={`meter tone-${meter.tone}`}>
      <div className="row spread small">
        <span className="cut">{meter.label}</span>
        <span className="num dim">
          {state && <span className="text-tone strong">{state} · </span>}
          {meter.said}
        </span>
      </div>
      <div className="track" role="meter" aria-label={meter.label} aria-valuenow={Math.round(meter.percent)} aria-valuemin={0} aria-valuemax={100} aria-valuetext={`${meter.said}${state ? `, ${state}` : ""}`}>
        <i style={{ width: `${meter.limit === null ? 0 : Math.max(meter.percent, meter.used ? 2 : 0)}%` }} />
        {mark !== undefined && meter.limit !== null && <span className="mark" style={{ left: `${mark}%` }} />}
      </div>
    </div>
  );
}

export function Field({ label, help, children }: { readonly label: string; readonly help?: string; readonly children: ReactNode }) {
  return (
    <label className="field">
      <span>{label}</span>
      {children}
      {help && <span className="help">{help}</span>}
    </label>
  );
}

/** One of a few: a row of buttons of which one is pressed. */
export function Choices<T extends string>({ label, value, options, onPick }: { readonly label: string; readonly value: T; readonly options: readonly (readonly [T, ReactNode])[]; readonly onPick: (value: T) => void }) {
  return (
    <div className="choices" role="group" aria-label={label}>
      {options.map(([name, said]) => (
        <button key={name} type="button" aria-pressed={name === value} onClick={() => onPick(name)}>
          {said}
        </button>
      ))}
    </div>
  );
}

export function Copy({ text, label = t.common.copy, small = true }: { readonly text: string; readonly label?: string; readonly small?: boolean }) {
  const [done, set] = useState(false);
  return (
    <button
      type="button"
      className={`button bare${small ? " small" : ""}`}
      onClick={() => {
        void navigator.clipboard?.writeText(text).then(() => {
          set(true);
          setTimeout(() => set(false), 1500);
        });
      }}
    >
      <Icon name={done ? "check" : "copy"} size={16} />
      <span aria-live="polite">{done ? t.common.copied : label}</span>
    </button>
  );
}

export function Head({ title, lead, children }: { readonly title: ReactNode; readonly lead?: ReactNode; readonly children?: ReactNode }) {
  return (
    <header className="head">
      <div className="grow">
        <h1 tabIndex={-1}>{title}</h1>
        {lead && <p>{lead}</p>}
      </div>
      {children && <div className="row">{children}</div>}
    </header>
  );
}

export function Section({ title, action, children, flush }: { readonly title: ReactNode; readonly action?: ReactNode; readonly children: ReactNode; readonly flush?: boolean }) {
  return (
    <section className="card">
      <header>
        <h2 className="grow">{title}</h2>
        {action}
      </header>
      {flush ? children : <div className="inside">{children}</div>}
    </section>
  );
}

/** For the `ref` of tabs: the one that is open is in sight on a narrow screen, too. */
export function showCurrent(tabs: HTMLElement | null): void {
  const open = tabs?.querySelector<HTMLElement>("[aria-current=page]");
  if (tabs && open) tabs.scrollLeft = open.offsetLeft - tabs.offsetLeft - 48;
}

export function Facts({ rows, fold }: { readonly rows: readonly (readonly [string, ReactNode])[]; readonly fold?: boolean }) {
  const kept = rows.filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  return (
    <dl className={`facts${fold ? " fold" : ""}`}>
      {kept.map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name}:`}>{value}</dd>])}
    </dl>
  );
}

export function Dot({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return <span className={`step-dot tone-${tone}`}>{children}</span>;
}
