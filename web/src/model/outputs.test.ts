import { expect, test } from "vitest";
import type { Json } from "../wire/read";
import { blocksOf, said } from "./outputs";

test("a score is a number and a table of points", () => {
  const blocks = blocksOf({
    account: "Velkarin Foods", score: 100, tier: "A", coverage: 100, unknowns: ["phone"], disqualifiers: [],
    factors: [{ factor: "revenue", state: "met", points: 35, of: 35, why: "within" }], notes: ["a note"],
  }); // prettier-ignore
  expect(blocks.map((block) => block.kind)).toEqual(["score", "table", "list", "notes"]);
});

test("a draft is a letter, and says what is missing", () => {
  const [block] = blocksOf({ kind: "message", body: "Hello", body_hash: "x", recipient: "", unfilled: [{ field: "recipient", why: "nobody is known" }] });
  expect(block).toMatchObject({ kind: "letter", letter: { to: "", body: "Hello", missing: ["recipient: nobody is known"] } });
});

test("of a shape that nobody knows nothing is left out", () => {
  const secret = ["deep", "deeper", "7", "row", "last"];
  const output: Json = { a: "deep", b: { c: { d: "deeper" } }, n: [7, "row"], rows: [{ x: "last" }] };
  const text = JSON.stringify(blocksOf(output));
  for (const one of secret) expect(text).toContain(one);
});

test("markup is text", () => {
  const [block] = blocksOf({ html: "<img src=x onerror=alert(1)>" });
  expect(block).toEqual({ kind: "facts", rows: [["html", "<img src=x onerror=alert(1)>"]] });
});

test("nothing gives nothing, a number is said with its thousands apart", () => {
  expect(blocksOf(null)).toEqual([]);
  expect(said(1234567)).toBe("1,234,567");
  expect(said([true, null, "x"])).toBe("yes, x");
});
