"""Forecasting a sum by month from the months before it, and asking each method how it would have done.

All methods are simple on purpose; which one is used is decided by their errors on this house's own past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from statistics import median

from cuga.packs.sales.periods import Period, month_start, months_of

Sale = tuple[date, int]  # day, amount in whole units
Method = Callable[[Sequence[float], int], float | None]  # (months up to now, how many months ahead, from 1) -> amount


def _lag(size: int) -> Method:
    def same(past: Sequence[float], ahead: int) -> float | None:
        back = (ahead - 1) % size + 1
        return past[len(past) - size + back - 1] if len(past) >= size else None

    return same


def _mean(size: int) -> Method:
    return lambda past, _: sum(past[-size:]) / size if len(past) >= size else None


def _middle(past: Sequence[float], _: int) -> float | None:
    return float(median(past[-6:])) if len(past) >= 6 else None


METHODS: Mapping[str, Method] = {  # the first that can be used is taken while there is too little past to choose
    "same month of the quarter before": _lag(3),
    "same month of the year before": _lag(12),
    "mean of three months": _mean(3),
    "mean of six months": _mean(6),
    "median of six months": _middle,
    "last month": _lag(1),
}


class Past:
    """What was sold, as it was known on some day."""

    def __init__(self, sales: Sequence[Sale]) -> None:
        self.sales = sorted(sales)
        self._by_month: Counter[date] = Counter()
        self._by_day: dict[date, Counter[int]] = {}
        for day, amount in self.sales:
            self._by_month[month_start(day)] += amount
            self._by_day.setdefault(month_start(day), Counter())[day.day] += amount
        self.first = month_start(self.sales[0][0]) if self.sales else None

    def between(self, first: date, behind: date) -> int:
        """The sum of what was sold from a day up to, not including, another."""
        return sum(amount for day, amount in self.sales if first <= day < behind)

    def whole_months(self, on: date) -> list[float]:
        """The sums of all months that were over on a day, oldest first."""
        found: list[float] = []
        at = self.first
        while at is not None and month_start(at, 1) <= on + timedelta(days=1):
            found.append(float(self._by_month[at]))
            at = month_start(at, 1)
        return found

    def share_by(self, on: date, months: int = 6) -> float:
        """The usual share of a month that is sold by this day of it, in the months before."""
        this = month_start(on)
        befores = [b for k in range(1, months + 1) if self._by_month[b := month_start(this, -k)]]
        shares = [sum(n for d, n in self._by_day[b].items() if d <= on.day) / self._by_month[b] for b in befores]
        return sum(shares) / len(shares) if shares else on.day / 30.4

    def forecast(self, method: Method, period: Period, on: date) -> float | None:
        """The sum of a period as a method would have put it on a day; None when it could not."""
        past = self.whole_months(on)
        known = month_start(on + timedelta(days=1))  # the first month that is not over
        total = 0.0
        for month in months_of(period):
            after = month_start(month, 1)
            if after <= on + timedelta(days=1):
                total += self.between(max(month, period.first), min(after, period.behind))
                continue
            ahead = (month.year - known.year) * 12 + month.month - known.month + 1
            if (whole := method(past, ahead)) is None:
                return None
            if month_start(on) == month:
                total += self.between(month, on + timedelta(days=1)) + whole * max(0.0, 1 - self.share_by(on))
            else:
                total += whole
        return total

    def tried(self, method: Method, period: Period, on: date, most: int = 12) -> list[tuple[Period, date, float, int]]:
        """The same task set at earlier months: (period, day it was asked, forecast, actual), oldest first."""
        found: list[tuple[Period, date, float, int]] = []
        for back in range(1, most + 13):
            if len(found) == most:
                break
            first, behind = month_start(period.first, -back), month_start(period.behind, -back)
            then = _same_day(on, -back)
            if self.first is None or first <= self.first or behind > month_start(on + timedelta(days=1)):
                continue
            earlier = Period(name=f"{first:%Y-%m}" if len(months_of(period)) == 1 else f"from {first:%Y-%m}",
                             first=first, behind=behind)  # fmt: skip
            if (said := self.forecast(method, earlier, then)) is None:
                continue
            found.append((earlier, then, said, self.between(first, behind)))
        return found[::-1]


def _same_day(on: date, months: int) -> date:
    """The same day so many months away; the last day of a month stays the last."""
    start = month_start(on, months)
    last = month_start(start, 1) - timedelta(days=1)
    is_last = month_start(on, 1) - timedelta(days=1) == on
    return last if is_last or on.day > last.day else start.replace(day=on.day)
