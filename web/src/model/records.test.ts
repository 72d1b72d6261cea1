import { expect, test } from "vitest";
import { cellOf, columnsOf, readable } from "./records";

const account = { id: "Velkarin", name: "Velkarin", revenue: 109_200_000_000_000, currency: "USD", founded: 1987, raw: { a: "b" }, source: "accounts.csv:2", version: 1, city: "" };

test("money is in micro-units on the wire and in units with its currency for a person", () => {
  expect(cellOf(account, "revenue")).toEqual({ text: "109,200,000 USD", isNumber: true });
  expect(readable(account).revenue).toBe("109,200,000 USD");
});

test("a year is no number to be grouped", () => expect(cellOf(account, "founded").text).toBe("1987"));

test("columns without anything in them are left out", () => {
  expect(columnsOf("accounts", [account])).toEqual(["name", "revenue", "founded"]);
});

test("where it came from stays with a record", () => {
  expect(readable({ ...account, source: { file: "accounts.csv", line: 2 } }).from).toBe("accounts.csv:2");
});
