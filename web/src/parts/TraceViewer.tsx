/** A trace as it grows: a waterfall of what took how long, and every event, thousands of them, in a list that only draws
 * what is seen. */

import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { count, duration, inFull, millis, words } from "../model/format";
import { add, barOf, emptyWaterfall, filterEvents, gistOf, ticksOf, type Span, type Waterfall } from "../model/spans";
import { toneOf } from "../model/states";
import * as wire from "../wire/house";
import { followTrace, type Line } from "../wire/live";
import type { TraceEvent } from "../wire/shapes";
import { t } from "../words/en";
import { Copy, Facts, Section } from "./basic";
import { Bones, Empty } from "./feedback";
import { Icon } from "./icons";
import { RawJson } from "./outputs";

interface Props {
  readonly traceId: string;
  readonly at: number | null;
  readonly onAt: (seq: number | null) => void;
}

interface Live {
  readonly events: readonly TraceEvent[];
  readonly fall: Waterfall;
  readonly line: Line;
}

function useTrace(traceId: string): Live {
  const kept = useRef<{ events: TraceEvent[]; fall: Waterfall }>({ events: [], fall: emptyWaterfall() });
  const [live, set] = useState<Live>({ events: [], fall: kept.current.fall, line: "connecting" });
  useEffect(() => {
    let stop: (() => void) | undefined;
    let left = false;
    const mine = { events: [] as TraceEvent[], fall: emptyWaterfall() };
    kept.current = mine;
    const take = (events: readonly TraceEvent[]) => {
      for (const event of events) mine.events.push(event);
      add(mine.fall, events);
      set((now) => ({ ...now, events: mine.events.slice(), fall: mine.fall }));
    };
    const missed = (after: number) => wire.trace(traceId, after).then((found) => found.events);
    const begin = (after: number) => {
      if (!left) stop = followTrace(traceId, after, { events: take, other: () => undefined, missed, line: (line) => set((now) => ({ ...now, line })) });
    };
    // what is there already comes in one piece, what comes later over the line
    missed(0).then(
      (events) => {
        if (left) return;
        take(events);
        begin(events.at(-1)?.seq ?? 0);
      },
      () => begin(0),
    );
    return () => {
      left = true;
      stop?.();
    };
  }, [traceId]);
  return live;
}

export function TraceViewer({ traceId, at, onAt }: Props) {
  const { events, fall, line } = useTrace(traceId);
  const [said, say] = useState("");
  const [names, setNames] = useState<ReadonlySet<string>>(new Set());
  const shown = useMemo(() => filterEvents(events, said, names), [events, said, names]);
  const picked = at === null ? null : (events.find((event) => event.seq === at) ?? null);
  return (
    <div className={`trace${picked ? " with-detail" : ""}`}>
      <div className="stack gap5">
        <Section title={t.trace.waterfall} flush>
          {events.length ? <Fall fall={fall} version={events.length} at={at} onAt={onAt} /> : <div className="inside"><Bones lines={3} /></div>}
        </Section>
        <Section
          title={
            <>
              {t.trace.events} <span className="dim small num" style={{ fontWeight: 400 }} aria-live="off">{t.trace.count(shown.length, events.length)}</span>
            </>
          }
          flush
          action={<span className={`state tone-${line === "open" ? "good" : line === "lost" ? "bad" : "calm"}`}>{t.trace.line[line]}</span>}
        >
          <div className="row gap3" style={{ padding: "var(--s3) var(--s4)", borderBottom: "1px solid var(--line)" }}>
            <input className="input small" style={{ flex: "1 1 16rem" }} type="search" aria-label={t.trace.filter} placeholder={t.trace.filter} value={said} onChange={(event) => say(event.target.value)} />
            <NameFilter events={events} names={names} onNames={setNames} />
          </div>
          {shown.length ? <Events events={shown} at={at} onAt={onAt} isLive={line === "open"} /> : events.length ? <Empty icon="search" title={t.trace.none}>{t.trace.noneLead}</Empty> : <div className="inside"><Bones lines={6} /></div>}
        </Section>
      </div>
      {picked && <Detail event={picked} onClose={() => onAt(null)} />}
    </div>
  );
}

function NameFilter({ events, names, onNames }: { readonly events: readonly TraceEvent[]; readonly names: ReadonlySet<string>; readonly onNames: (names: ReadonlySet<string>) => void }) {
  const known = useMemo(() => {
    const counts = new Map<string, number>();
    for (const event of events) counts.set(event.name, (counts.get(event.name) ?? 0) + 1);
    return [...counts].sort();
  }, [events]);
  const value = names.size === 1 ? [...names][0]! : "";
  return (
    <select className="select small" style={{ width: "auto", maxWidth: "100%" }} aria-label={t.trace.name} value={value} onChange={(event) => onNames(new Set(event.target.value ? [event.target.value] : []))}>
      <option value="">{t.trace.all}</option>
      {known.map(([name, n]) => (
        <option key={name} value={name}>
          {words(name)} ({count(n)})
        </option>
      ))}
    </select>
  );
}

// --- the waterfall --------------------------------------------------------------------------------------------------
const ROW = 30;

function Fall({ fall, version, at, onAt }: { readonly fall: Waterfall; readonly version: number; readonly at: number | null; readonly onAt: (seq: number) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const start = fall.start;
  const end = Math.max(fall.end, start + 1);
  const spans = fall.spans;
  const rows = useVirtualizer({ count: spans.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 8 });
  const ticks = useMemo(() => ticksOf(end - start, 4), [end, start]);
  if (!spans.length) return <p className="inside small dim">{t.run.emptyLead}</p>;
  return (
    <div className="fall" data-version={version}>
      <div className="fall-row" aria-hidden="true">
        <span />
        <span className="axis">
          {ticks.map((tick) => (
            <span key={tick} style={{ left: `${(100 * tick) / (end - start)}%` }}>
              {tick ? duration(tick * 1000) : "0"}
            </span>
          ))}
        </span>
      </div>
      <div ref={box} style={{ maxHeight: "19rem", overflow: "auto" }} tabIndex={0} role="group" aria-label={t.trace.waterfall}>
        <div style={{ height: rows.getTotalSize(), position: "relative" }}>
          {rows.getVirtualItems().map((row) => (
            <FallRow key={row.key} span={spans[row.index]!} top={row.start} start={start} end={end} isAt={spans[row.index]!.seq === at} onAt={onAt} />
          ))}
        </div>
      </div>
    </div>
  );
}

function FallRow({ span, top, start, end, isAt, onAt }: { readonly span: Span; readonly top: number; readonly start: number; readonly end: number; readonly isAt: boolean; readonly onAt: (seq: number) => void }) {
  const bar = barOf(span, start, end);
  const took = span.end === null ? t.run.live : duration((span.end - span.start) * 1000);
  const what = span.kind === "wait" ? t.trace.asks(words(span.label)) : span.kind === "plan" ? t.plan.title : words(span.label);
  return (
    <button type="button" className="fall-row" style={{ position: "absolute", insetInline: 0, transform: `translateY(${top}px)` }} aria-current={isAt ? "true" : undefined} title={`${what}, ${t.states[span.state] ?? span.state}, ${took}`} onClick={() => onAt(span.seq)}>
      <span className="cut">
        <span className="dimmer mono">{span.step} </span>
        {what}
      </span>
      <span className={`fall-track tone-${toneOf(span.state)}`}>
        <span className={`fall-bar ${span.kind === "wait" ? "wait" : ""} ${span.end === null ? "open" : ""}`} style={{ left: `${bar.left}%`, width: `${bar.width}%` }} />
        <span className="hush">{took}</span>
      </span>
    </button>
  );
}

// --- the events -----------------------------------------------------------------------------------------------------
const EVENT_ROW = 32;

function Events({ events, at, onAt, isLive }: { readonly events: readonly TraceEvent[]; readonly at: number | null; readonly onAt: (seq: number | null) => void; readonly isLive: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const [follow, setFollow] = useState(isLive && at === null);
  const list = useVirtualizer({ count: events.length, getScrollElement: () => box.current, estimateSize: () => EVENT_ROW, overscan: 12 });
  const index = at === null ? -1 : events.findIndex((event) => event.seq === at);
  const arrived = useRef(false);
  useEffect(() => {
    if (follow && events.length) list.scrollToIndex(events.length - 1, { align: "end" });
  }, [follow, events.length, list]);
  useEffect(() => {
    if (index < 0 || arrived.current) return;
    arrived.current = true;
    list.scrollToIndex(index, { align: "center" });
  }, [index, list]);
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape" && at !== null) return onAt(null);
    if (step === undefined) return;
    event.preventDefault();
    setFollow(false);
    const to = Math.min(Math.max((index < 0 ? (step > 0 ? -1 : events.length) : index) + step, 0), events.length - 1);
    onAt(events[to]!.seq);
    list.scrollToIndex(to);
  };
  return (
    <>
      <div className="events" ref={box} tabIndex={0} role="group" aria-label={t.trace.events} onKeyDown={onKey} onWheel={() => setFollow(false)} onTouchMove={() => setFollow(false)}>
        <div style={{ height: list.getTotalSize(), position: "relative" }}>
          {list.getVirtualItems().map((row) => {
            const event = events[row.index]!;
            return (
              <button key={row.key} type="button" tabIndex={-1} className="event-row" style={{ transform: `translateY(${row.start}px)` }} aria-current={event.seq === at ? "true" : undefined} onClick={() => onAt(event.seq)}>
                <span className="dimmer num mono tiny">{event.seq}</span>
                <span className="dim num mono tiny">{millis(event.at)}</span>
                <span style={{ fontWeight: 550 }} className={toneClass(event)}>{words(event.name)}</span>
                <span className="dim mono tiny">{event.step}</span>
                <span className="dim">{gistOf(event)}</span>
              </button>
            );
          })}
        </div>
      </div>
      {isLive && (
        <div className="row" style={{ padding: "var(--s2) var(--s4)", borderTop: "1px solid var(--line)" }}>
          <button type="button" className="button small" aria-pressed={follow} onClick={() => setFollow(!follow)}>
            <Icon name={follow ? "check" : "down"} size={16} />
            {follow ? t.trace.following : t.trace.follow}
          </button>
        </div>
      )}
    </>
  );
}

const TONES: Readonly<Record<string, string>> = { tool_call_error: "bad", budget_exceeded: "bad", step_refused: "no", step_in_doubt: "doubt", budget_warning: "wait", approval_requested: "wait", approval_timeout: "mute", plan_failed: "bad", step_failed: "bad" };
const toneClass = (event: TraceEvent) => (TONES[event.name] ? `text-tone tone-${TONES[event.name]}` : "");

function Detail({ event, onClose }: { readonly event: TraceEvent; readonly onClose: () => void }) {
  return (
    <aside aria-label={t.trace.details}>
      <Section
        title={words(event.name)}
        action={
          <>
            <Copy text={location.href} label={t.trace.position} />
            <button type="button" className="button bare icon" aria-label={t.common.close} onClick={onClose}>
              <Icon name="close" />
            </button>
          </>
        }
      >
        <div className="stack">
          <Facts rows={[[t.trace.nr, String(event.seq)], [t.trace.at, inFull(event.at)], [t.trace.step, event.step], [t.trace.by, event.by]]} />
          <RawJson value={event.details} />
        </div>
      </Section>
    </aside>
  );
}
