"""The open deals by stage: how many, what they may bring, how old they are, and what became of deals of that age.

Stages of the past are not in the data: a snapshot is rebuilt from dates as open, won or lost, never as a stage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import median
from typing import Annotated

from cuga.adapters.capability import LOST, OPEN, WON, CrmRead, Filter, Opportunity
from cuga.errors import BadInput
from cuga.packs.sales.calibration.learning import percent
from cuga.packs.sales.deals import currency_of, deals_of, say_when_old, units
from cuga.packs.sales.governance.forecasting import prices_of, worth
from cuga.packs.sales.importing import values
from cuga.packs.sales.periods import period_of
from cuga.packs.sales.result import Report, Result
from cuga.packs.sales.statistics.intervals import wilson
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "pipeline-1"
_AGES = (0, 15, 30, 60, 90)


class Stage(Result, frozen=True, kw_only=True):
    """Open deals of one stage. `value` in whole units; ages in days, None when no deal says when it began."""

    stage: str
    deals: int
    value: int
    without_value: int
    median_age: int | None
    oldest: int | None
    overdue: int


class Survival(Result, frozen=True, kw_only=True):
    """Of the closed deals that were still open after so many days: how many were won, in percent with interval; and
    how many deals are that old now."""

    days: int
    of: int
    won: float
    low: float
    high: float
    open_now: int


class Moves(Result, frozen=True, kw_only=True):
    """What has changed since a day, rebuilt from dates."""

    since: str
    open_then: int
    begun: int
    won: int
    lost: int
    open_now: int


class Pipeline(Report, frozen=True, kw_only=True):
    """`velocity` is what is won per day if all goes on as before: open deals x win rate x mean won value / cycle."""

    deals: int
    value: int
    currency: str
    win_rate: float | None
    win_rate_low: float | None
    win_rate_high: float | None
    cycle_days: int | None
    velocity_per_day: int | None
    coverage: float | None
    coverage_of: str
    stages: tuple[Stage, ...]
    by_age: tuple[Survival, ...]
    moves: Moves


@tool(
    domain="governance",
    side_effect="read-only",
    cost=0.6,
    keywords=(
        "pipeline", "funnel", "stage conversion", "conversion", "velocity", "coverage ratio", "pipeline review",
        "pipeline by stage", "sales velocity", "aging",
    ),
    gives={"pipeline": ""},
    uses=("crm",),
    guardrails=("invents no history of stages", "list prices stand for unknown amounts and are said"),
)  # fmt: skip
def analyze_pipeline(
    context: ToolContext,
    period: Annotated[str, Slot("period", "time to compare with and look back on; left out: 30 days")] = "",
    owner: Annotated[str, Slot("rep", "only deals of this person")] = "",
    target: Annotated[str, Slot("amount", "what is to be sold, e.g. 2M, for the coverage ratio")] = "",
) -> Pipeline:
    """Pipeline by stage age coverage conversion and velocity.

    Conversion is that of all closed deals, with its 95 % Wilson interval, and by age: what became of those that were
    still open after as many days. A deal without an amount counts with its product's list price.
    """
    crm: CrmRead = context.capability("crm")
    today, notes = context.as_of.date(), list[str]()
    every = deals_of(crm, [Filter(field="owner", value=owner)] if owner else [])
    say_when_old(every, today, notes)
    window = period_of(period, today) if period else None
    since = min(window.first, today) if window else today - timedelta(days=30)
    prices = prices_of(crm)
    going = [d for d in every if d.status == OPEN]
    closed = [d for d in every if d.status in (WON, LOST) and d.closes is not None and d.closes <= today]
    won = [d for d in closed if d.status == WON]
    value = sum(worth(d, prices) or 0 for d in going)
    listed = sum(not d.amount and worth(d, prices) is not None for d in going)
    if listed:
        notes.append(f"{listed:,} open deals have no amount and count with their product's list price")
    lone = sum(not d.account_id for d in going)
    if lone:
        notes.append(f"{lone:,} open deals name no account")
    notes.append("conversion from stage to stage is not shown: the data holds no history of stages")
    cycles = sorted((d.closes - d.opened).days for d in won if d.opened is not None and d.closes is not None)
    cycle = round(median(cycles)) if cycles else None
    rate = len(won) / len(closed) if closed else None
    mean = sum(units(d.amount) for d in won) / len(won) if won else 0.0
    low, high = wilson(len(won), len(closed))
    quarter = sum(units(d.amount) for d in won if d.closes is not None and (today - d.closes).days < 365) / 4
    wanted = values.money(target) if target else None
    if target and (wanted is None or wanted[0] <= 0):
        raise BadInput(f"{target!r} is no target", mend="give an amount, e.g. 2M or 1500000")
    goal = units(wanted[0]) if wanted else round(quarter)
    stages = _stages(going, prices, today)
    currency = currency_of(every, notes)
    return Pipeline(
        headline=f"{len(going):,} open deals worth {value:,} {currency}".rstrip()
        + (f"; {percent(rate)} % of closed deals were won ({percent(low)} to {percent(high)} %)." if rate else "."),
        as_of=today.isoformat(),
        notes=tuple(notes),
        rules=RULES,
        deals=len(going),
        value=value,
        currency=currency,
        win_rate=None if rate is None else percent(rate),
        win_rate_low=percent(low) if closed else None,
        win_rate_high=percent(high) if closed else None,
        cycle_days=cycle,
        velocity_per_day=round(len(going) * rate * mean / cycle) if rate and cycle else None,
        coverage=round(value / goal, 2) if goal else None,
        coverage_of=f"the target of {goal:,}" if wanted else f"a mean quarter of the last year, {goal:,}",
        stages=tuple(stages),
        by_age=_survival(closed, going, today),
        moves=_moves(every, since, today),
    )


def _stages(going: Sequence[Opportunity], prices: dict[str, int], today: date) -> list[Stage]:
    groups: dict[str, list[Opportunity]] = defaultdict(list)
    for deal in going:
        groups[deal.stage or "not known"].append(deal)
    found = []
    for stage, deals in sorted(groups.items()):
        ages = sorted((today - d.opened).days for d in deals if d.opened is not None and d.opened <= today)
        found.append(
            Stage(
                stage=stage,
                deals=len(deals),
                value=sum(worth(d, prices) or 0 for d in deals),
                without_value=sum(worth(d, prices) is None for d in deals),
                median_age=round(median(ages)) if ages else None,
                oldest=ages[-1] if ages else None,
                overdue=sum(d.closes is not None and d.closes < today for d in deals),
            )
        )
    return found


def _survival(closed: Sequence[Opportunity], going: Sequence[Opportunity], today: date) -> tuple[Survival, ...]:
    lives = [
        ((d.closes - d.opened).days, d.status == WON) for d in closed if d.opened is not None and d.closes is not None
    ]
    ages = [(today - d.opened).days for d in going if d.opened is not None]
    found = []
    for days in _AGES:
        left = [won for life, won in lives if life >= days]
        low, high = wilson(sum(left), len(left))
        if left:
            found.append(
                Survival(
                    days=days,
                    of=len(left),
                    won=percent(sum(left) / len(left)),
                    low=percent(low),
                    high=percent(high),
                    open_now=sum(age >= days for age in ages),
                )
            )
    return tuple(found)


def _moves(every: Sequence[Opportunity], since: date, today: date) -> Moves:
    def is_open(deal: Opportunity, on: date) -> bool:
        over = deal.status != OPEN and deal.closes is not None and deal.closes <= on
        return deal.opened is not None and deal.opened <= on and not over

    done = [d for d in every if d.closes is not None and since < d.closes <= today]
    return Moves(
        since=since.isoformat(),
        open_then=sum(is_open(d, since) for d in every),
        begun=sum(d.opened is not None and since < d.opened <= today for d in every),
        won=sum(d.status == WON for d in done),
        lost=sum(d.status == LOST for d in done),
        open_now=sum(is_open(d, today) for d in every),
    )
