import { expect, test } from "vitest";
import { ago, cost, dayOrHour, duration, short, spanOf, title } from "./format";

test("cost is in micro-units on the wire and in units for a person", () => {
  expect(cost(2_700_000)).toBe("2.7");
  expect(cost(0)).toBe("0");
});

test.each([
  [640, "640 µs"],
  [15_724, "15.7 ms"],
  [2_350_000, "2.4 s"],
  [125_000_000, "2 min 5 s"],
  [7_500_000_000, "2 h 5 min"],
])("%d µs is %s", (us, said) => expect(duration(us)).toBe(said));

test("past and future are told apart", () => {
  const now = new Date("2026-11-29T10:00:00Z");
  expect(ago(new Date("2026-11-29T09:00:00Z"), now)).toBe("60 min ago");
  expect(ago(new Date("2026-11-30T10:00:00Z"), now)).toBe("in 24 h");
  expect(ago(now, now)).toBe("just now");
});

test("small words", () => {
  expect(title("draft_outbound_message")).toBe("Draft outbound message");
  expect(short("01M8KCK5YM98JTJRN3Z4THKSAP")).toBe("…THKSAP");
  expect(spanOf(5400)).toBe("2 h");
});

test("an axis of time has hours, and days where they begin", () => {
  expect(dayOrHour(new Date(2026, 10, 28, 18, 0))).toBe("18:00");
  expect(dayOrHour(new Date(2026, 10, 29))).toBe("Nov 29");
});
