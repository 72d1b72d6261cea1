/** Budgets as meters: how full, and whether that is fine, near the threshold or over. */

import type { Budget, Usage } from "../wire/shapes";
import { cost, count, words } from "./format";
import { t } from "../words/en";
import type { Tone } from "./states";

export interface Meter {
  readonly key: string;
  readonly label: string;
  readonly used: number;
  readonly limit: number | null;
  readonly said: string;
  readonly percent: number;
  readonly tone: Tone;
}

export function meterOf(usage: Usage, label: string, warningPercent: number): Meter {
  const say = usage.scope === "cost" ? cost : count;
  const percent = usage.limit ? Math.min(100, (100 * usage.used) / usage.limit) : 0;
  const isFull = usage.limit !== null && usage.used >= usage.limit && (usage.limit > 0 || usage.used > 0);
  return {
    key: usage.scope,
    label,
    used: usage.used,
    limit: usage.limit,
    said: usage.limit === null ? say(usage.used) : `${say(usage.used)} of ${say(usage.limit)}`,
    percent,
    tone: isFull ? "bad" : percent >= warningPercent ? "wait" : "run",
  };
}

/** The three totals, then the domains that were used. */
export function metersOf(budget: Budget, warningPercent: number): { readonly totals: readonly Meter[]; readonly domains: readonly Meter[] } {
  const at = warningPercent;
  const domains = Object.entries(budget.byDomain).filter(([, usage]) => usage.used > 0);
  return {
    totals: [meterOf(budget.total, t.budget.calls, at), meterOf(budget.cost, t.budget.cost, at), meterOf(budget.tokens, t.budget.tokens, at)],
    domains: domains.map(([name, usage]) => meterOf(usage, words(name), at)),
  };
}
