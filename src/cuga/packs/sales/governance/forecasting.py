"""Expected bookings of a period: the method that did best on this house's own past, and a range out of its errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Annotated

from cuga.adapters.capability import OPEN, WON, CrmRead, Filter, Opportunity, Product
from cuga.errors import BadInput
from cuga.packs.sales.deals import all_of, currency_of, deals_of, say_when_old, units
from cuga.packs.sales.governance.months import METHODS, Past
from cuga.packs.sales.periods import Period, month_start, months_of, period_of
from cuga.packs.sales.result import Report, Result
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "forecast-1"
ENOUGH_TRIALS = 3  # trials on the past from which a method is chosen and a range is given
MOST_MONTHS = 24
_LATE = {"negotiation", "contract", "commit", "verbal", "closing"}
_MIDDLE = {"proposal", "quote", "evaluation", "demo", "trial", "pilot"}
_PIPELINE = "open pipeline times win rate"


class Tried(Result, frozen=True, kw_only=True):
    """A method: its forecast now, and its mean absolute error in percent of the actual over trials on the past."""

    method: str
    forecast: int | None
    error_percent: float | None
    trials: int


class Trial(Result, frozen=True, kw_only=True):
    """The chosen method on one earlier period."""

    period: str
    asked_on: str
    forecast: int
    actual: int
    error_percent: float | None


class Category(Result, frozen=True, kw_only=True):
    """Open deals by what may be said of them; never added to the forecast."""

    category: str
    deals: int
    value: int
    what: str


class Forecast(Report, frozen=True, kw_only=True):
    """Whole units of `currency`. `low` and `high` hold about 80 % of the errors of the past; None without enough."""

    period: str
    first_day: str
    last_day: str
    low: int | None
    mid: int
    high: int | None
    currency: str
    won_so_far: int
    method: str
    methods: tuple[Tried, ...]
    backtest: tuple[Trial, ...]
    categories: tuple[Category, ...]


@tool(
    domain="governance",
    side_effect="read-only",
    cost=1.0,
    keywords=(
        "forecast", "bookings", "predict revenue", "how much will we close", "revenue next quarter", "expected revenue",
        "land the quarter", "projection", "sales forecast", "low mid high", "commit", "best case",
    ),
    gives={"forecast": ""},
    uses=("crm",),
    guardrails=(
        "the range comes from errors on the house's own past", "never adds open deals to the forecast",
        "gives no range from too few trials",
    ),
)  # fmt: skip
def forecast_revenue(
    context: ToolContext,
    period: Annotated[str, Slot("period", "what to forecast, e.g. Q4; left out: the next month")] = "",
    owner: Annotated[str, Slot("rep", "only deals of this person")] = "",
) -> Forecast:
    """Expected bookings of a period with a range and a backtest.

    Simple methods are set the same task at earlier months; the one with the smallest mean absolute error is used, and
    its errors make the range. It assumes that what comes is like what was. Won deals count on their close date.
    """
    crm: CrmRead = context.capability("crm")
    today, notes = context.as_of.date(), list[str]()
    every = deals_of(crm, [Filter(field="owner", value=owner)] if owner else [])
    say_when_old(every, today, notes)
    won = [d for d in every if d.status == WON and d.closes is not None and d.closes <= today]
    unknown = sum(d.amount is None for d in won)
    if unknown:
        notes.append(f"{unknown:,} won deals have no amount and count nothing")
    past = Past([(d.closes, units(d.amount)) for d in won if d.closes is not None and d.amount is not None])
    window = _window(period, today)
    best, methods = _compare(past, window, today)
    methods = (*methods, _pipeline(every, prices_of(crm), past, window, today))
    chosen = next((one for one in methods if one.method == best), None)
    if chosen is None or chosen.forecast is None:
        raise BadInput(
            f"{len(past.whole_months(today))} whole months of won deals are too few to forecast from",
            mend="import at least three months of closed deals, or give an as-of date behind them",
        )
    trials = past.tried(METHODS[best], window, today)
    low, high = _range(chosen.forecast, trials)
    if low is None:
        notes.append(f"{len(trials)} trials on the past are too few for a range (at least {ENOUGH_TRIALS})")
    so_far = past.between(window.first, window.behind)
    low = None if low is None else max(low, so_far)
    currency = currency_of(won, notes)
    span = f" ({low:,} to {high:,})" if low is not None and high is not None else ""
    off = "" if chosen.error_percent is None else f", on average {chosen.error_percent} % off in {chosen.trials} trials"
    return Forecast(
        headline=f"{window.name}: {chosen.forecast:,}{f' {currency}' if currency else ''}{span}, by {best}{off}.",
        as_of=today.isoformat(),
        notes=tuple(notes),
        assumptions=("What comes is like what was: a new product, price or team is not foreseen.",),
        rules=RULES,
        period=window.name,
        first_day=window.first.isoformat(),
        last_day=date.fromordinal(window.behind.toordinal() - 1).isoformat(),
        low=low,
        mid=chosen.forecast,
        high=high,
        currency=currency,
        won_so_far=so_far,
        method=best,
        methods=methods,
        backtest=tuple(
            Trial(
                period=p.name, asked_on=on.isoformat(), forecast=round(said), actual=was, error_percent=_off(said, was)
            )
            for p, on, said, was in trials
        ),
        categories=_categories(every, window, prices_of(crm)),
    )


def _window(period: str, today: date) -> Period:
    if not period:
        first = month_start(today, 1)
        return Period(name=f"{first:%B %Y}", first=first, behind=month_start(first, 1))
    window = period_of(period, today, ahead=True)
    if window.behind <= today:
        raise BadInput(f"{period} is over", mend="name a period that ends later, or give an as-of date before its end")
    whole = Period(name=window.name, first=month_start(window.first), behind=month_start(window.behind, 0))
    if whole.behind < window.behind:
        whole = Period(name=whole.name, first=whole.first, behind=month_start(window.behind, 1))
    if len(months_of(whole)) > MOST_MONTHS:
        raise BadInput(f"{period} is longer than {MOST_MONTHS} months", mend="name a shorter period")
    return whole


def _compare(past: Past, window: Period, today: date) -> tuple[str, tuple[Tried, ...]]:
    """The method to use, and all of them with their errors. The first usable one is kept unless another did better on
    the very same trials, three or more of them."""
    found: list[Tried] = []
    errors: dict[str, dict[date, float]] = {}
    for name, method in METHODS.items():
        said = past.forecast(method, window, today)
        trials = past.tried(method, window, today)
        own = {p.first: abs(off) for p, _, f, actual in trials if (off := _off(f, actual)) is not None}
        if said is not None:
            errors[name] = own
        mean = round(sum(own.values()) / len(own), 1) if own else None
        found.append(
            Tried(method=name, forecast=None if said is None else round(said), error_percent=mean, trials=len(own))
        )
    best = next(iter(errors), "")
    for name, own in errors.items():
        both = own.keys() & errors[best].keys()
        if len(both) >= ENOUGH_TRIALS and sum(own[p] for p in both) < sum(errors[best][p] for p in both):
            best = name
    return best, tuple(found)


def _off(said: float, actual: int) -> float | None:
    return round(100 * (said - actual) / actual, 1) if actual else None


def _range(mid: int, trials: Sequence[tuple[Period, date, float, int]]) -> tuple[int | None, int | None]:
    """Up and down by the error that four of five trials stayed within, the next one counted in (split conformal)."""
    away = sorted(abs(math.log(actual / said)) for _, _, said, actual in trials if said > 0 and actual > 0)
    if len(away) < ENOUGH_TRIALS:
        return None, None
    reach = math.exp(away[min(len(away), math.ceil(0.8 * (len(away) + 1))) - 1])
    return round(mid / reach), round(mid * reach)


def prices_of(crm: CrmRead) -> dict[str, int]:
    """List prices by product, micro-units."""
    return {p.id: p.price for p in all_of(crm, "products") if isinstance(p, Product) and p.price is not None}


def worth(deal: Opportunity, prices: dict[str, int]) -> int | None:
    """What an open deal may bring in whole units: its amount, else the list price of its product; None: not known."""
    amount = deal.amount if deal.amount else prices.get(deal.product_id)
    return None if amount is None else units(amount)


def _pipeline(every: Sequence[Opportunity], prices: dict[str, int], past: Past, window: Period, today: date) -> Tried:
    """The usual "weighted pipeline", tried like the others so that its error can be seen. It is never chosen: it knows
    no time, so it forecasts everything that will ever close."""

    def said(on: date) -> int:
        closed = [d for d in every if d.closes is not None and d.closes <= on and d.status != OPEN]
        rate = sum(d.status == WON for d in closed) / len(closed) if closed else 0.0
        going = [d for d in every if d.opened is not None and d.opened <= on and (d.status == OPEN or d.closes is None
                 or d.closes > on)]  # fmt: skip
        return round(rate * sum(listed(d) for d in going))

    def listed(deal: Opportunity) -> int:
        price = prices.get(deal.product_id)
        return units(price) if price is not None else units(deal.amount)  # the amount is known only afterwards

    errors = [
        off
        for p, on, _, actual in past.tried(METHODS["last month"], window, today)
        if (off := _off(said(on) + past.between(p.first, min(on, p.behind)), actual)) is not None
    ]
    mean = round(sum(map(abs, errors)) / len(errors), 1) if errors else None
    return Tried(method=_PIPELINE, forecast=said(today), error_percent=mean, trials=len(errors))


def _categories(every: Sequence[Opportunity], window: Period, prices: dict[str, int]) -> tuple[Category, ...]:
    going = [d for d in every if d.status == OPEN]
    due = [d for d in going if d.closes is None or d.closes < window.behind]
    late = [d for d in due if window.holds(d.closes) and _says(d, _LATE)]
    middle = [d for d in due if window.holds(d.closes) and _says(d, _MIDDLE)]
    rows = (
        ("commit", late, "open, in a late stage, close date in the period"),
        ("best case", [*late, *middle], "commit and open proposals with a close date in the period"),
        ("pipeline", going, "all open deals, whatever their dates"),
    )
    return tuple(
        Category(
            category=name,
            deals=len(deals),
            value=sum(worth(d, prices) or 0 for d in deals),
            what=f"{what}{_without(deals, prices)}",
        )
        for name, deals, what in rows
    )


def _says(deal: Opportunity, words: set[str]) -> bool:
    return any(word in deal.stage.casefold() for word in words)


def _without(deals: Sequence[Opportunity], prices: dict[str, int]) -> str:
    dateless = sum(d.closes is None for d in deals)
    worthless = sum(worth(d, prices) is None for d in deals)
    said = [f"{dateless:,} without a close date"] if dateless else []
    said += [f"{worthless:,} without any value"] if worthless else []
    return f"; {', '.join(said)}" if said else ""
