/** A trace as spans on a time axis: one for the run, one per attempt of a step, one per wait for a person.
 *
 * Folding is incremental: `add` takes the events that came since and touches only what they change.
 */

import type { TraceEvent } from "../wire/shapes";
import type { Json } from "../wire/read";

export type SpanKind = "call" | "wait" | "plan" | "park";

export interface Span {
  readonly key: string;
  readonly kind: SpanKind;
  readonly step: string;
  readonly label: string;
  readonly start: number; // ms since the epoch
  end: number | null; // null: still going on
  state: string;
  readonly seq: number; // of the event that opened it
  lastSeq: number;
}

export interface Waterfall {
  readonly spans: Span[];
  readonly open: Map<string, Span>;
  start: number;
  end: number;
  ended: boolean;
}

export const emptyWaterfall = (): Waterfall => ({ spans: [], open: new Map(), start: Infinity, end: -Infinity, ended: false });

/** Take in events in order; returns the same waterfall. */
export function add(fall: Waterfall, events: readonly TraceEvent[]): Waterfall {
  for (const event of events) take(fall, event);
  return fall;
}

const field = (details: Json, name: string): string => {
  const found = details !== null && typeof details === "object" && !Array.isArray(details) ? details[name] : undefined;
  return found == null ? "" : String(found);
};

function take(fall: Waterfall, event: TraceEvent): void {
  const at = +event.at;
  fall.start = Math.min(fall.start, at);
  fall.end = Math.max(fall.end, at);
  const attempt = field(event.details, "attempt");
  const begin = (key: string, kind: SpanKind, label: string, state: string) => {
    const span: Span = { key, kind, step: event.step, label, start: at, end: null, state, seq: event.seq, lastSeq: event.seq };
    fall.open.set(key, span);
    fall.spans.push(span);
  };
  const close = (key: string, state: string) => {
    const span = fall.open.get(key);
    if (!span) return;
    span.end = at;
    span.state = state;
    span.lastSeq = event.seq;
    fall.open.delete(key);
  };
  switch (event.name) {
    case "plan_requested":
      return begin(`plan/${attempt}`, "plan", "plan", "calling");
    case "plan_created":
    case "plan_failed":
      for (const key of [...fall.open.keys()]) if (key.startsWith("plan/")) close(key, event.name === "plan_created" ? "done" : "failed");
      return;
    case "tool_call_start":
      return begin(`call/${event.step}/${attempt}`, "call", field(event.details, "tool"), "calling");
    case "tool_call_complete":
      return close(`call/${event.step}/${attempt}`, "done");
    case "tool_call_error":
      return close(`call/${event.step}/${attempt}`, field(event.details, "retry_at") ? "waiting_retry" : field(event.details, "certainty") === "unknown" ? "in_doubt" : "failed");
    case "approval_requested":
      return begin(`wait/${field(event.details, "approval_id")}`, "wait", field(event.details, "tool"), "awaiting_approval");
    case "approval_received":
      if (field(event.details, "final") === "true") close(`wait/${field(event.details, "approval_id")}`, VERDICTS[field(event.details, "verdict")] ?? "done");
      return;
    case "approval_timeout":
      return close(`wait/${field(event.details, "approval_id")}`, "expired");
    case "approval_superseded":
    case "approval_revoked":
    case "approval_lapsed":
      return close(`wait/${field(event.details, "approval_id")}`, event.name.slice("approval_".length));
    case "run_finished":
      fall.ended = true;
      for (const key of [...fall.open.keys()]) close(key, "cancelled");
      return;
  }
}

const VERDICTS: Readonly<Record<string, string>> = { approve: "approved", deny: "denied", amend: "amended", "request-changes": "request-changes" };

export interface Bar {
  readonly left: number; // percent of the axis
  readonly width: number;
}

/** Where a span lies on an axis from `start` to `end`; thin ones keep a width that can be seen and pressed. */
export function barOf(span: Span, start: number, end: number): Bar {
  const length = Math.max(end - start, 1);
  const left = Math.min(Math.max(((span.start - start) / length) * 100, 0), 99.6);
  const width = Math.max((((span.end ?? end) - span.start) / length) * 100, 0.4);
  return { left, width: Math.min(width, 100 - left) };
}

/** Round marks on an axis of so many milliseconds, about `wanted` of them. */
export function ticksOf(length: number, wanted = 5): readonly number[] {
  if (!(length > 0)) return [0];
  const rough = length / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough;
  const marks: number[] = [];
  for (let at = 0; at <= length; at += step) marks.push(at);
  return marks;
}

/** Events whose name, step, person or details hold all of the words. */
export function filterEvents(events: readonly TraceEvent[], words: string, names: ReadonlySet<string>): readonly TraceEvent[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length && !names.size) return events;
  return events.filter((event) => {
    if (names.size && !names.has(event.name)) return false;
    if (!wanted.length) return true;
    const text = haystack(event);
    return wanted.every((word) => text.includes(word));
  });
}

const stacks = new WeakMap<TraceEvent, string>();

function haystack(event: TraceEvent): string {
  let text = stacks.get(event);
  if (text === undefined) {
    text = `${event.name} ${event.step} ${event.by} ${JSON.stringify(event.details)}`.toLowerCase();
    stacks.set(event, text);
  }
  return text;
}

/** One line for an event: what a person wants to know of it without opening it. */
export function gistOf(event: TraceEvent): string {
  const of = (name: string) => field(event.details, name);
  switch (event.name) {
    case "run_started": return of("goal");
    case "plan_requested": return of("feedback") || of("planner");
    case "plan_created": {
      const plan = (event.details as { plan?: { steps?: { tool?: string }[] } } | null)?.plan;
      return (plan?.steps ?? []).map((step) => step.tool).join(", ");
    }
    case "route_decision": return [of("target"), of("reason")].filter(Boolean).join(": ");
    case "tool_call_start": return of("tool");
    case "tool_call_complete": return of("note");
    case "approval_requested": return [of("tool"), of("side_effect"), of("risk") && `risk ${of("risk")}`].filter(Boolean).join(", ");
    case "approval_received": return [of("verdict"), of("rule") && `by ${of("rule")}`, of("reason")].filter(Boolean).join(" ");
    case "budget_warning":
    case "budget_exceeded": return `${of("scope")} ${of("used")} of ${of("limit")}`;
    case "run_finished": return [of("status"), of("reason")].filter(Boolean).join(": ");
    default: return of("message") || of("reason") || of("text") || of("answer");
  }
} // prettier-ignore
