"""People or teams beside each other: win rates with intervals, what their mix of products explains, and which of them
lie outside of what chance brings. There is no ranking of noise: rows stand in order of name."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated

from cuga.adapters.capability import LOST, WON, CrmRead, Opportunity
from cuga.errors import BadInput
from cuga.packs.sales.calibration.learning import percent
from cuga.packs.sales.deals import deals_of, say_when_old, units
from cuga.packs.sales.governance.dealfacts import Facts
from cuga.packs.sales.periods import period_of
from cuga.packs.sales.result import Report, Result
from cuga.packs.sales.statistics.intervals import Z95, adjusted, wilson
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "reps-1"
BY = ("owner", "manager", "region")
LEAST = 10


class Standing(Result, frozen=True, kw_only=True):
    """One person or team. Percent. `expected` is what all others would have won with the same products; `ratio` is won
    over expected; `verdict`: as expected, above, below, or too few."""

    name: str
    won: int
    closed: int
    win_rate: float
    low: float
    high: float
    expected: float
    ratio: float | None
    limit_low: float
    limit_high: float
    corrected: float
    verdict: str
    won_value: int


class Comparison(Report, frozen=True, kw_only=True):
    """`differ`: those outside of chance after correction for all of them."""

    by: str
    period: str
    overall: float
    standings: tuple[Standing, ...]
    differ: tuple[str, ...]


@tool(
    domain="governance",
    side_effect="read-only",
    cost=0.8,
    keywords=(
        "compare reps", "win rate", "win rates", "rep performance", "team performance", "top performer",
        "across my team",
        "better rep", "leaderboard", "noise", "compare teams", "compare sellers",
    ),
    gives={"standings": "/standings"},
    uses=("crm",),
    guardrails=("ranks nobody whose difference is within chance", "compares like with like: the mix of products",
    "too few deals give no verdict"),
)  # fmt: skip
def compare_rep_performance(
    context: ToolContext,
    rep: Annotated[str, Slot("rep", "the person or team that the question is about")] = "",
    period: Annotated[str, Slot("period", "deals closed in this time; left out: all")] = "",
    by: Annotated[str, Slot("grouping", "owner, manager or region", BY)] = "owner",
) -> Comparison:
    """Compare reps or teams with uncertainty.

    Win rates with 95 % Wilson intervals; funnel limits (Spiegelhalter 2005) around what the others win with the same
    products; a difference counts when it holds after correction for all comparisons. What a rep inherited, and how hard
    the accounts are beyond their products, is not in the data.
    """
    if by not in BY:
        raise BadInput(f"cannot compare by {by!r}", mend=f"compare by {', '.join(BY)}")
    crm: CrmRead = context.capability("crm")
    today, notes = context.as_of.date(), list[str]()
    every = [d for d in deals_of(crm) if d.status in (WON, LOST) and d.closes is not None and d.closes <= today]
    say_when_old(every, today, notes)
    window = period_of(period, today) if period else None
    deals = [d for d in every if window is None or window.holds(d.closes)]
    facts = Facts(crm)
    groups: dict[str, list[Opportunity]] = defaultdict(list)
    for deal in deals:
        groups[facts.of(deal)[by]].append(deal)
    standings = judged_groups(groups)
    silent = sorted(set(facts.team) - groups.keys()) if by == "owner" else []
    if silent:
        notes.append(f"no closed deal in this time: {', '.join(silent)}")
    overall = sum(d.status == WON for d in deals) / len(deals) if deals else 0.0
    differ = tuple(s.name for s in standings if s.verdict in ("above", "below"))
    answer = _answer(rep, standings, overall, notes) if rep else ""
    said = (
        f"{len(differ)} of {len(standings)} lie outside of chance: {', '.join(differ)}."
        if differ
        else f"Nobody of {len(standings)} lies outside of what chance brings: all are tied."
    )
    return Comparison(
        headline=f"{answer} {said}".strip(),
        as_of=today.isoformat(),
        notes=tuple(notes),
        rules=RULES,
        by=by,
        period=window.name if window else "all closed deals",
        overall=percent(overall),
        standings=tuple(standings),
        differ=differ,
    )


def judged_groups(groups: dict[str, list[Opportunity]]) -> list[Standing]:
    """Each group against what all others win with the same products, in order of name."""
    by_product: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for name, deals in groups.items():
        for deal in deals:
            for key in (name, "\0all"):
                both = by_product[deal.product_id or deal.product][key]
                both[0] += deal.status == WON
                both[1] += 1
    whole = [sum(p["\0all"][k] for p in by_product.values()) for k in (0, 1)]
    rows: list[tuple[str, list[Opportunity], int, float, float]] = []
    for name in sorted(groups):
        deals = groups[name]
        won = sum(d.status == WON for d in deals)
        rates = {}
        for product, parts in by_product.items():
            of = parts["\0all"][1] - parts[name][1] if name in parts else parts["\0all"][1]
            yes = parts["\0all"][0] - parts[name][0] if name in parts else parts["\0all"][0]
            rates[product] = yes / of if of >= LEAST else (whole[0] / whole[1] if whole[1] else 0.0)
        expected = math.fsum(rates[d.product_id or d.product] for d in deals)
        spread = math.sqrt(math.fsum(p * (1 - p) for d in deals if (p := rates[d.product_id or d.product]) or True))
        rows.append((name, deals, won, expected, spread))
    chances = [
        2 * (1 - _normal(abs(won - expected) / spread)) if spread else 1.0 for _, _, won, expected, spread in rows
    ]
    return [
        _standing(name, deals, won, expected, spread, corrected)
        for (name, deals, won, expected, spread), corrected in zip(rows, adjusted(chances), strict=True)
    ]


def _standing(
    name: str, deals: Sequence[Opportunity], won: int, expected: float, spread: float, corrected: float
) -> Standing:
    size = len(deals)
    low, high = wilson(won, size)
    outside = corrected < 0.05
    verdict = "too few" if size < LEAST else "as expected" if not outside else "above" if won > expected else "below"
    return Standing(
        name=name,
        won=won,
        closed=size,
        win_rate=percent(won / size),
        low=percent(low),
        high=percent(high),
        expected=percent(expected / size),
        ratio=round(won / expected, 2) if expected else None,
        limit_low=percent(max(0.0, (expected - Z95 * spread) / size)),
        limit_high=percent(min(1.0, (expected + Z95 * spread) / size)),
        corrected=round(corrected, 4),
        verdict=verdict,
        won_value=sum(units(d.amount) for d in deals if d.status == WON),
    )


def _normal(z: float) -> float:
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def _answer(rep: str, standings: Sequence[Standing], overall: float, notes: list[str]) -> str:
    said = rep.casefold().split()
    found = [s for s in standings if set(said) <= set(s.name.casefold().split())]
    if len(found) != 1:
        near = ", ".join(s.name for s in found) or ", ".join(s.name for s in standings[:8])
        raise BadInput(
            f"{rep!r} means {'more than one' if found else 'none'} of those with closed deals",
            mend=f"name one of {near}",
        )
    one = found[0]
    rate = f"{one.name} won {one.won:,} of {one.closed:,} ({one.win_rate} %, {one.low} to {one.high} %)"
    if one.verdict == "too few":
        return f"{rate}: too few deals to say."
    if one.verdict == "as expected":
        tied = sum(s.verdict == "as expected" for s in standings) - 1
        return f"{rate}: within what chance brings around {percent(overall)} %, tied with {tied} others."
    return f"{rate}: {one.verdict} what the others win with the same products ({one.expected} %)."
