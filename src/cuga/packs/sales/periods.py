"""Periods in a seller's words: "Q4", "last quarter", "2017", "next 3 months". Reckoned from a date, never the clock."""

from __future__ import annotations

import re
from datetime import date, timedelta

from cuga.errors import BadInput
from cuga.packs.sales.result import Result

_LAST = {"last", "previous", "past"}
_MONTHS_IN = {"month": 1, "quarter": 3, "year": 12}


class Period(Result, frozen=True, kw_only=True):
    """From `first` up to, not including, `behind`."""

    name: str
    first: date
    behind: date

    def holds(self, day: date | None) -> bool:
        """Whether a day lies in it; an unknown day does not."""
        return day is not None and self.first <= day < self.behind


def month_start(day: date, months: int = 0) -> date:
    """The first day of the month, so many months on."""
    whole = day.year * 12 + day.month - 1 + months
    return date(whole // 12, whole % 12 + 1, 1)


def months_of(period: Period) -> list[date]:
    """The first days of the months that a period touches."""
    found, at = [], month_start(period.first)
    while at < period.behind:
        found.append(at)
        at = month_start(at, 1)
    return found


def period_of(text: str, today: date, *, ahead: bool = False) -> Period:
    """The period that a text means; a quarter or half without a year is the one going on, else with `ahead` the next
    such one and without it the last. `BadInput` for what is no period."""
    said = " ".join(text.casefold().replace("the ", "").split())
    if found := re.fullmatch(r"([qh])([1-4])[ /-]*(?:fy)?(\d{4}|\d{2})?", said):
        size = 3 if found[1] == "q" else 6
        if int(found[2]) * size <= 12:
            return _part(said, size, int(found[2]), found[3], today, ahead)
    if found := re.fullmatch(r"(?:fy ?)?((?:19|20)\d\d)|fy ?(\d\d)", said):
        year = int(found[1] or f"20{found[2]}")
        return Period(name=text, first=date(year, 1, 1), behind=date(year + 1, 1, 1))
    if found := re.fullmatch(r"((?:19|20)\d\d)-(\d\d)", said):
        first = date(int(found[1]), int(found[2]), 1) if 1 <= int(found[2]) <= 12 else None
        if first:
            return Period(name=text, first=first, behind=month_start(first, 1))
    if said in ("ytd", "year to date"):
        return Period(name=text, first=date(today.year, 1, 1), behind=today + timedelta(days=1))
    if said == "yesterday":
        return Period(name=text, first=today - timedelta(days=1), behind=today)
    pattern = r"(this|current|last|previous|past|next|coming) (?:(\d+) )?(day|week|month|quarter|year)s?"
    if found := re.fullmatch(pattern, said):
        return _near(text, found[1], int(found[2] or 1), bool(found[2]), found[3], today)
    raise BadInput(
        f"{text!r} is no period that is known here",
        mend="say for example Q4, Q4 2017, 2017, last quarter, next 3 months",
    )


def _part(said: str, size: int, number: int, year: str | None, today: date, ahead: bool) -> Period:
    if year:
        begun = int(year) if len(year) == 4 else 2000 + int(year)
    else:
        month = (number - 1) * size + 1
        begun = today.year
        if ahead and month_start(date(begun, month, 1), size) <= today:
            begun += 1
        elif not ahead and date(begun, month, 1) > today:
            begun -= 1
    first = date(begun, (number - 1) * size + 1, 1)
    return Period(name=f"{said[:2].upper()} {begun}", first=first, behind=month_start(first, size))


def _near(text: str, word: str, number: int, is_counted: bool, unit: str, today: date) -> Period:
    """Counted ones ("last 3 months") are whole units before or after today's; days and weeks run from today."""
    if number > 1_000:
        raise BadInput(f"{text!r} is too long a period", mend="name a shorter one")
    if unit in ("day", "week"):
        span = timedelta(days=number * (7 if unit == "week" else 1))
        if unit == "week" and not is_counted:
            monday = today - timedelta(days=today.weekday())
            monday += timedelta(days=-7 if word in _LAST else 7 if word in ("next", "coming") else 0)
            return Period(name=text, first=monday, behind=monday + span)
        if word in _LAST:
            return Period(name=text, first=today - span, behind=today + timedelta(days=1))
        return Period(name=text, first=today, behind=today + span)
    size = _MONTHS_IN[unit]
    current = month_start(today, -((today.month - 1) % size))
    if word in _LAST:
        return Period(name=text, first=month_start(current, -size * number), behind=current)
    if word in ("next", "coming"):
        first = month_start(current, size)
        return Period(name=text, first=first, behind=month_start(first, size * number))
    return Period(name=text, first=current, behind=month_start(current, size))
