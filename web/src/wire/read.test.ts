import { expect, test } from "vitest";
import { date, list, page, raw, shape, snake, table, text } from "./read";
import { card, planned, runResult } from "./shapes";

test("names become camelCase and times become dates, once", () => {
  const read = shape({ startedAt: date, runId: text });
  const found = read({ started_at: "2026-11-29T10:11:15.540335Z", run_id: "r1", more: 1 });
  expect(found).toEqual({ startedAt: new Date("2026-11-29T10:11:15.540Z"), runId: "r1" });
});

test("what is data keeps its own names", () => {
  const read = shape({ output: raw, adapters: table(text) });
  expect(read({ output: { some_name: 1 }, adapters: { big_crm: "x" } })).toEqual({ output: { some_name: 1 }, adapters: { big_crm: "x" } });
});

test("what is left out has its default", () => {
  const step = planned({ plan: { steps: [{ step_id: "s1" }] } }).plan!.steps[0]!;
  expect(step).toMatchObject({ required: true, dependsOn: [], when: null, cost: 0 });
});

test("a bare list is a page of its own", () => {
  expect(page(text)(["a"])).toEqual({ items: ["a"], next: "" });
  expect(page(text)({ items: ["a"], next: "c" })).toEqual({ items: ["a"], next: "c" });
  expect(list(text)(null)).toEqual([]);
});

test("a run and a request are read whole", () => {
  expect(runResult({ steps: [{ step: "s1", output: null }] }).steps[0]!.output).toBeNull();
  expect(card({ expires_at: "2026-11-30T10:11:15Z", quorum: 2 })).toMatchObject({ quorum: 2, amends: "" });
  expect(snake("argumentsDigest")).toBe("arguments_digest");
});
