import { expect, test } from "vitest";
import { changesBetween, wordsBetween } from "./diff";

test("only the leaves that differ are named", () => {
  const before = { message: { subject: "Hi", body: "x" }, to: ["a", "b"] };
  const after = { message: { subject: "Hello", body: "x" }, to: ["a", "c"], cc: "d" };
  expect(changesBetween(before, after)).toEqual([
    { path: "message.subject", before: "Hi", after: "Hello" },
    { path: "to.1", before: "b", after: "c" },
    { path: "cc", before: undefined, after: "d" },
  ]);
});

test("a field that went away is a change too", () => {
  expect(changesBetween({ a: 1, b: 2 }, { a: 1 })).toEqual([{ path: "b", before: 2, after: undefined }]);
});

test("words that stayed stay, in both texts", () => {
  const runs = wordsBetween("the price is 4,800 a year", "the price is 3,900 a month");
  const old = runs.filter((run) => run.kind !== "new").map((run) => run.text).join("");
  const now = runs.filter((run) => run.kind !== "gone").map((run) => run.text).join("");
  expect(old).toBe("the price is 4,800 a year");
  expect(now).toBe("the price is 3,900 a month");
  expect(runs.filter((run) => run.kind === "gone").map((run) => run.text.trim())).toEqual(["4,800", "year"]);
});
