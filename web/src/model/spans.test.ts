import { expect, test } from "vitest";
import type { TraceEvent } from "../wire/shapes";
import { add, barOf, emptyWaterfall, filterEvents, gistOf, ticksOf } from "./spans";

let seq = 0;
const event = (name: string, ms: number, step = "", details: TraceEvent["details"] = {}): TraceEvent => ({
  name, at: new Date(1_000_000 + ms), runId: "r", seq: ++seq, step, by: "", details,
}); // prettier-ignore

test("a call is a span from its start to its outcome", () => {
  const fall = add(emptyWaterfall(), [
    event("tool_call_start", 0, "s1", { attempt: 1, tool: "score" }),
    event("tool_call_complete", 40, "s1", { attempt: 1 }),
  ]);
  expect(fall.spans).toMatchObject([{ kind: "call", label: "score", state: "done", start: 1_000_000, end: 1_000_040 }]);
});

test("an error that will be tried again and its second attempt are two spans", () => {
  const fall = add(emptyWaterfall(), [
    event("tool_call_start", 0, "s1", { attempt: 1, tool: "score" }),
    event("tool_call_error", 10, "s1", { attempt: 1, retry_at: "2026-01-01T00:00:00Z" }),
    event("tool_call_start", 20, "s1", { attempt: 2, tool: "score" }),
  ]);
  expect(fall.spans.map((span) => [span.state, span.end === null])).toEqual([["waiting_retry", false], ["calling", true]]);
});

test("a vote that is not the last leaves the wait open", () => {
  const fall = add(emptyWaterfall(), [
    event("approval_requested", 0, "s1", { approval_id: "a1", tool: "send" }),
    event("approval_received", 10, "s1", { approval_id: "a1", verdict: "approve", final: false }),
  ]);
  expect(fall.spans[0]).toMatchObject({ kind: "wait", end: null });
  add(fall, [event("approval_received", 30, "s1", { approval_id: "a1", verdict: "deny", final: true })]);
  expect(fall.spans[0]).toMatchObject({ state: "denied", end: 1_000_030 });
});

test("what is taken in piece by piece is what is taken in at once", () => {
  const events = [
    event("plan_requested", 0, "", { attempt: 1 }),
    event("plan_created", 5),
    event("tool_call_start", 6, "s1", { attempt: 1, tool: "a" }),
    event("tool_call_complete", 9, "s1", { attempt: 1 }),
    event("run_finished", 10),
  ];
  const bit = emptyWaterfall();
  for (const one of events) add(bit, [one]);
  expect(bit.spans).toEqual(add(emptyWaterfall(), events).spans);
});

test("a bar stays on the axis and can be seen", () => {
  const [span] = add(emptyWaterfall(), [
    event("tool_call_start", 100, "s1", { attempt: 1, tool: "a" }),
    event("tool_call_complete", 100, "s1", { attempt: 1 }),
  ]).spans;
  const bar = barOf(span!, 1_000_000, 1_000_100);
  expect(bar.left + bar.width).toBeLessThanOrEqual(100);
  expect(bar.width).toBeGreaterThan(0.3);
});

test("marks are round", () => {
  expect(ticksOf(1000, 5)).toEqual([0, 200, 400, 600, 800, 1000]);
  expect(ticksOf(0)).toEqual([0]);
});

test("a filter looks into details and takes all words", () => {
  const events = [event("tool_call_start", 0, "s1", { tool: "score_account_fit" }), event("tool_call_error", 1, "s2", { message: "Timed out" })];
  expect(filterEvents(events, "timed s2", new Set())).toEqual([events[1]]);
  expect(filterEvents(events, "", new Set(["tool_call_start"]))).toEqual([events[0]]);
  expect(filterEvents(events, "score nothing", new Set())).toEqual([]);
});

test("a budget's line says how full it is", () => {
  expect(gistOf(event("budget_warning", 0, "", { scope: "calls", used: 8, limit: 10 }))).toBe("calls 8 of 10");
});
