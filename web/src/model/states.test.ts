import { expect, test } from "vitest";
import { isEnded, toneOf } from "./states";

test("each end of a run has a tone of its own", () => {
  const tones = ["running", "parked", "success", "partial", "failed", "cancelled"].map(toneOf);
  expect(new Set(tones).size).toBe(tones.length);
});

test("a state that nobody knows is calm, not green", () => {
  expect(toneOf("made up")).toBe("calm");
});

test("a parked run has not ended", () => {
  expect(isEnded("parked")).toBe(false);
  expect(isEnded("cancelled")).toBe(true);
});
