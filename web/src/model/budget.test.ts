import { expect, test } from "vitest";
import { meterOf } from "./budget";

const usage = (used: number, limit: number | null) => ({ scope: "calls", used, limit, raised: 0 });

test("at the threshold it warns, at the limit it is full", () => {
  expect(meterOf(usage(79, 100), "Calls", 80).tone).toBe("run");
  expect(meterOf(usage(80, 100), "Calls", 80).tone).toBe("wait");
  expect(meterOf(usage(100, 100), "Calls", 80).tone).toBe("bad");
});

test("without a limit nothing is full", () => {
  expect(meterOf(usage(7, null), "Calls", 80)).toMatchObject({ said: "7", percent: 0, tone: "run" });
});

test("a limit of nothing that nobody used is not an alarm", () => {
  expect(meterOf(usage(0, 0), "Calls", 80).tone).toBe("run");
});

test("cost is said in units", () => {
  expect(meterOf({ scope: "cost", used: 2_700_000, limit: 100_000_000, raised: 0 }, "Cost", 80).said).toBe("2.7 of 100");
});
