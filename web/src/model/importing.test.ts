import { expect, test } from "vitest";
import { importReport } from "../wire/shapes";
import { groupsOf, mappingOf } from "./importing";

test("only what a person said is a mapping", () => {
  expect(mappingOf({})).toBeUndefined();
  expect(mappingOf({ "a.csv": {} })).toBeUndefined();
  expect(mappingOf({ "a.csv": { kind: "accounts", columns: { sector: "industry" } } })).toEqual({ "a.csv": { kind: "accounts", columns: { sector: "industry" } } });
});

test("like problems are one line, what was not stored comes first, and all are counted", () => {
  const note = { kind: "blank", weight: "note", file: "a.csv", column: "x", did: "left empty" };
  const lost = { kind: "bad", weight: "not_stored", file: "a.csv", line: 7, did: "no name" };
  const groups = groupsOf(importReport({ problems: [note, note, note, note, note, lost] }));
  expect(groups.map((group) => [group.weight, group.count, group.first.length])).toEqual([["not_stored", 1, 1], ["note", 5, 3]]);
});
