import { expect, test } from "vitest";
import { mappingOf } from "./importing";

test("only what a person said is a mapping", () => {
  expect(mappingOf({})).toBeUndefined();
  expect(mappingOf({ "a.csv": {} })).toBeUndefined();
  expect(mappingOf({ "a.csv": { kind: "accounts", columns: { sector: "industry" } } })).toEqual({ "a.csv": { kind: "accounts", columns: { sector: "industry" } } });
});
