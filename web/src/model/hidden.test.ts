import { expect, test } from "vitest";
import { piecesOf, suspicionsIn } from "./hidden";

const kinds = (text: string) => piecesOf(text).map((piece) => piece.kind);

test("a plain text is one piece, new lines and umlauts included", () => {
  expect(kinds("Hello Rosa Ölander,\n\tsee you (soon) at 9–10 o’clock…")).toEqual(["plain"]);
});

test("a text direction override is cut out with its name", () => {
  const [before, hidden, after] = piecesOf("pay \u{202e}001$");
  expect([before?.kind, hidden?.kind, after?.kind]).toEqual(["plain", "hidden", "plain"]);
  expect(hidden).toMatchObject({ code: "U+202E", name: "right-to-left override" });
});

test.each(["\u{200b}", "\u{ad}", "\u{2066}", "\u{feff}", "\u{a0}", "\u0007", "\u001b", "\u{fe0f}", "\u{e0041}", "\u{3164}"])(
  "%j is never drawn as nothing",
  (one) => expect(kinds(`a${one}b`)).toEqual(["plain", "hidden", "plain"]),
);

test("a Cyrillic letter in a Latin word is named", () => {
  const [alike] = piecesOf("nora@velkаrin.example");
  expect(alike).toEqual({ kind: "alike", text: "nora@velkаrin.example", letters: ["а"] });
});

test("a word wholly of twins is marked, a Russian or Greek one is not", () => {
  expect(kinds("сосо")).toEqual(["alike"]);
  expect(kinds("Договор подписан, Ελλάδα")).toEqual(["plain"]);
});

test("full-width letters are marked", () => expect(kinds("ｐａｙｐａｌ")).toEqual(["alike"]));

test("everything inside a value is counted, keys too", () => {
  expect(suspicionsIn({ "to\u{200b}": ["a\u{202e}b", { x: "vаlid" }], n: 3 })).toEqual({ hidden: 2, alike: 1 });
});

test("the pieces put together are the text", () => {
  const text = "a\u{200b}b velkаrin\n\u{feff}end";
  expect(piecesOf(text).map((piece) => piece.text).join("")).toBe(text);
});
