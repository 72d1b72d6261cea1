/** Records in a table: the columns a seller looks for first, of those that hold something. */

import type { Json } from "../wire/read";
import { count, dayOnly } from "./format";
import { said } from "./outputs";

type Row = { [name: string]: Json };

const FIRST: Readonly<Record<string, readonly string[]>> = {
  accounts: ["name", "industry", "employees", "revenue", "country", "city", "owner"],
  contacts: ["name", "title", "account", "email", "phone"],
  opportunities: ["name", "account", "product", "stage", "status", "amount", "owner", "closes"],
  products: ["name", "series", "price", "description"],
  activities: ["happened", "kind", "who", "account", "text"],
};
const HIDDEN = new Set(["raw", "source", "version", "currency"]);
const MONEY = new Set(["revenue", "price", "amount"]);
const APART = new Set(["currency", "version"]);
const MOST = 8;

export function columnsOf(kind: string, rows: readonly Row[]): readonly string[] {
  const filled = (name: string) => rows.some((row) => said(row[name]) !== "");
  const first = (FIRST[kind] ?? []).filter(filled);
  const others = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => !first.includes(name) && !HIDDEN.has(name) && filled(name));
  return [...first, ...others.filter((name) => !name.endsWith("_id") && name !== "id")].slice(0, MOST);
}

/** A record for reading: money in units with its currency, nothing that only machines need. */
export function readable(row: Row): Row {
  const shown = Object.entries(row).filter(([name, value]) => !APART.has(name) && said(value) !== "" && !(name === "id" && value === row.name));
  return Object.fromEntries(shown.map(([name, value]) => [NAMED[name] ?? name, name === "source" ? sourceOf(value) : MONEY.has(name) && typeof value === "number" ? moneyOf(value, row) : value]));
}

const NAMED: Readonly<Record<string, string>> = { source: "from", raw: "as it was written" };

/** Where a record came from, as `file:line`. */
function sourceOf(value: Json): Json {
  const at = value as { file?: Json; line?: Json } | null;
  return at !== null && typeof at === "object" && at.file ? `${said(at.file)}:${at.line ?? ""}` : value;
}

const moneyOf = (micros: number, row: Row): string => `${count(micros / 1_000_000)} ${said(row.currency)}`.trim();

export interface Cell {
  readonly text: string;
  readonly isNumber: boolean;
}

export function cellOf(row: Row, name: string): Cell {
  const value = row[name];
  if (typeof value === "number") return { text: MONEY.has(name) ? moneyOf(value, row) : name === "founded" ? String(value) : count(value), isNumber: true };
  const text = said(value);
  if (/^\d{4}-\d\d-\d\dT/.test(text)) return { text: dayOnly(new Date(text)), isNumber: false };
  return { text: text.length > 80 ? `${text.slice(0, 78)}…` : text, isNumber: false };
}
