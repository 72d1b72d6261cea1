import { expect, test } from "vitest";
import { matching, type Choice } from "./palette";

const choice = (key: string, title: string, hint = ""): Choice => ({ key, title, group: "", hint, missing: [] });
const all = [choice("risk", "See what may lose a deal"), choice("score", "Score a prospect"), choice("full", "Work up a prospect", "from score to draft")];

test("nothing said shows everything as it stands", () => expect(matching(all, " ")).toEqual(all));

test("a word of the title counts more than one of the hint", () => {
  expect(matching(all, "score").map((one) => one.key)).toEqual(["score", "full"]);
});

test("all words must be there", () => expect(matching(all, "prospect nothing")).toEqual([]));
