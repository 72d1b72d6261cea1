/** The inbox: in which order, and which may be decided together. */

import type { Card } from "../wire/shapes";

const RANK: Readonly<Record<string, number>> = { high: 0, medium: 1, low: 2 };

/** The riskiest first; among like ones, the one whose time ends first. */
export function orderOf<One extends Card>(cards: readonly One[]): readonly One[] {
  return [...cards].sort((one, other) => (RANK[one.risk] ?? 1) - (RANK[other.risk] ?? 1) || +one.expiresAt - +other.expiresAt);
}

/** What acts outside is approved one by one, with its bytes before one's eyes. */
export const canBeBulk = (card: Card): boolean => card.sideEffect !== "execute";

/** To whom or what: an effect is `kind:target`; one that only repeats the tool has a digest for a target. */
export function targetOf(card: Pick<Card, "effect" | "tool">): string {
  const at = card.effect.indexOf(":");
  return at < 0 || card.effect.slice(0, at) === card.tool ? "" : card.effect.slice(at + 1);
}
