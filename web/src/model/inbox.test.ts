import { expect, test } from "vitest";
import { card } from "../wire/shapes";
import { canBeBulk, orderOf, targetOf } from "./inbox";

const made = (id: string, risk: string, expires: string, effect = "read-only") => card({ approval_id: id, risk, expires_at: expires, side_effect: effect });

test("the riskiest comes first, then what ends first", () => {
  const cards = [made("a", "low", "2026-01-01T00:00:00Z"), made("b", "high", "2026-01-03T00:00:00Z"), made("c", "high", "2026-01-02T00:00:00Z")];
  expect(orderOf(cards).map((one) => one.approvalId)).toEqual(["c", "b", "a"]);
});

test("what acts outside is never approved in bulk", () => {
  expect(canBeBulk(made("a", "low", "", "execute"))).toBe(false);
  expect(canBeBulk(made("a", "low", "", "propose"))).toBe(true);
});

test("a digest is no target", () => {
  expect(targetOf({ tool: "draft", effect: "draft:c4bf98" })).toBe("");
  expect(targetOf({ tool: "send_message", effect: "send:nora@velkarin.example" })).toBe("nora@velkarin.example");
});
