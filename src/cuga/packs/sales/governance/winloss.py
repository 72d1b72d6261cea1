"""What tells won deals from lost ones, with the price paid for looking at many things. Often nothing does, and that is
a result."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Annotated

from cuga.adapters.capability import LOST, WON, CrmRead, Filter, Opportunity
from cuga.packs.sales.calibration.learning import percent
from cuga.packs.sales.deals import deals_of, say_when_old
from cuga.packs.sales.governance.dealfacts import Facts
from cuga.packs.sales.periods import period_of
from cuga.packs.sales.result import Report, Result
from cuga.packs.sales.statistics.intervals import adjusted, fisher, shrunk, strength_of, wilson
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "winloss-1"
LEAST = 5  # deals of a group from which it is compared
HOLDS = 0.05
_REASON = re.compile(r"(?:^|[^a-z])(?:loss|lost|win|won|closed?)[ _-]*reasons?|reason", re.I)


class Pattern(Result, frozen=True, kw_only=True):
    """A group against all other deals. Shares are percent; `shrunk` is pulled to the mean of its kind; `chance` is the
    p-value, `corrected` the same for all comparisons together."""

    field: str
    value: str
    won: int
    of: int
    win_rate: float
    low: float
    high: float
    shrunk: float
    others: float
    chance: float
    corrected: float
    holds: bool


class Reason(Result, frozen=True, kw_only=True):
    """A reason as somebody wrote it into the CRM, and how often; said, not observed."""

    reason: str
    outcome: str
    deals: int


class WinLoss(Report, frozen=True, kw_only=True):
    """`patterns` in order of their chance: those that hold first. `before` is the time before the period."""

    period: str
    won: int
    lost: int
    win_rate: float
    low: float
    high: float
    before_win_rate: float | None
    before_deals: int
    change_chance: float | None
    compared: int
    patterns: tuple[Pattern, ...]
    stated_reasons: tuple[Reason, ...]


@tool(
    domain="governance",
    side_effect="read-only",
    cost=1.0,
    keywords=(
        "win loss", "why did we lose", "why we lose", "why did we win", "loss reasons", "win reasons", "lost deals",
        "lose deals", "won and lost", "loss analysis", "patterns of lost deals",
    ),
    gives={"patterns": "/patterns"},
    uses=("crm",),
    guardrails=("corrects for all comparisons together", "keeps stated reasons apart from observed patterns",
    "says when no pattern holds"),
)  # fmt: skip
def analyze_win_loss_patterns(
    context: ToolContext,
    period: Annotated[str, Slot("period", "deals closed in this time; left out: all")] = "",
    product: Annotated[str, Slot("product", "only deals of this product")] = "",
) -> WinLoss:
    """Why deals were won and lost with counts and uncertainty.

    Groups of at least five deals are compared with all others: Fisher's exact test, corrected over all comparisons
    (Benjamini and Hochberg 1995). A pattern that holds is a difference, not yet a cause.
    """
    crm: CrmRead = context.capability("crm")
    today, notes = context.as_of.date(), list[str]()
    filters = [Filter(field="product", value=product)] if product else []
    every = [
        d for d in deals_of(crm, filters) if d.status in (WON, LOST) and d.closes is not None and d.closes <= today
    ]
    say_when_old(every, today, notes)
    window = period_of(period, today) if period else None
    deals = [d for d in every if window is None or window.holds(d.closes)]
    before = [d for d in every if window is not None and d.closes is not None and d.closes < window.first]
    won, rate = sum(d.status == WON for d in deals), 0.0
    facts = Facts(crm)
    patterns = observed(deals, facts)
    holding = [one for one in patterns if one.holds]
    rate = won / len(deals) if deals else 0.0
    low, high = wilson(won, len(deals))
    won_before = sum(d.status == WON for d in before)
    change = fisher(won, len(deals), won_before, len(before)) if before and deals else None
    said = _said(len(deals), won, patterns, holding)
    if not deals:
        notes.append("no deal was closed in this time")
    return WinLoss(
        headline=said,
        as_of=today.isoformat(),
        notes=tuple(notes),
        rules=RULES,
        period=window.name if window else "all closed deals",
        won=won,
        lost=len(deals) - won,
        win_rate=percent(rate),
        low=percent(low),
        high=percent(high),
        before_win_rate=percent(won_before / len(before)) if before else None,
        before_deals=len(before),
        change_chance=None if change is None else round(change, 4),
        compared=len(patterns),
        patterns=tuple(patterns[: max(10, len(holding))]),
        stated_reasons=_reasons(deals),
    )


def observed(deals: Sequence[Opportunity], facts: Facts) -> list[Pattern]:
    """Every group that is large enough against the rest, the least likely by chance first."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    won = sum(d.status == WON for d in deals)
    for deal in deals:
        for name, value in facts.of(deal).items():
            both = groups[name, value]
            both[0] += deal.status == WON
            both[1] += 1
    kept = {key: (yes, of) for key, (yes, of) in groups.items() if of >= LEAST and len(deals) - of >= LEAST}
    strengths = {
        name: strength_of([both for (field, _), both in sorted(kept.items()) if field == name]) for name, _ in kept
    }
    keys = sorted(kept)
    chances = [fisher(*kept[key], won - kept[key][0], len(deals) - kept[key][1]) for key in keys]
    found = []
    for key, chance, corrected in zip(keys, chances, adjusted(chances), strict=True):
        yes, of = kept[key]
        low, high = wilson(yes, of)
        mean, strength = won / len(deals), strengths[key[0]]
        drawn = mean if math.isinf(strength) else shrunk(yes, of, mean, strength)
        found.append(
            Pattern(
                field=key[0], value=key[1], won=yes, of=of, win_rate=percent(yes / of), low=percent(low),
                high=percent(high), shrunk=percent(drawn),
                others=percent((won - yes) / (len(deals) - of)), chance=round(chance, 4),
                corrected=round(corrected, 4), holds=corrected < HOLDS,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.chance, one.field, one.value))


def _said(count: int, won: int, patterns: list[Pattern], holding: list[Pattern]) -> str:
    start = f"{won:,} of {count:,} closed deals were won"
    if not patterns:
        return f"{start}: too few for a comparison."
    if not holding:
        return f"{start}. No pattern holds: none of {len(patterns)} differences is beyond chance."
    named = "; ".join(f"{p.field} {p.value} {p.win_rate} % against {p.others} %" for p in holding[:3])
    return f"{start}. {len(holding)} of {len(patterns)} differences hold: {named}."


def _reasons(deals: Sequence[Opportunity]) -> tuple[Reason, ...]:
    counted: Counter[tuple[str, str]] = Counter()
    for deal in deals:
        for column, text in deal.raw.items():
            if text.strip() and _REASON.search(column):
                counted[" ".join(text.split())[:120], deal.status] += 1
    ranked = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Reason(reason=text, outcome=status, deals=n) for (text, status), n in ranked[:20])
