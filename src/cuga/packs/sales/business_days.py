"""Business days of a country: no weekends, no public holidays. Where the country is not known only weekends count.

Holidays come from the library `holidays`, which holds them as rules; a region's own days count when it is named.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from cuga.adapters.capability import squeeze

MOST_DAYS = 3_660  # business days that can be counted forward or back


class Calendar:
    """The business days of one country (English name or ISO code) and region (its code).

    `note` says what was left out of account; it is empty when nothing was.
    """

    def __init__(self, country: str = "", region: str = "") -> None:
        self._days, self.note = _holidays(country.strip(), region.strip().upper())

    def is_business_day(self, day: date) -> bool:
        """Whether people work there on that day."""
        return day.weekday() not in self._days.weekend and not self._days.name_of(day)

    def why_closed(self, day: date) -> str:
        """The weekday or the holiday for which nobody works there on a day; empty for a business day."""
        return f"{day:%A}" if day.weekday() in self._days.weekend else self._days.name_of(day)

    def on_or_after(self, day: date) -> date:
        """The first business day from a day on."""
        while not self.is_business_day(day):
            day += timedelta(days=1)
        return day

    def on_or_before(self, day: date) -> date:
        """The last business day up to a day."""
        while not self.is_business_day(day):
            day -= timedelta(days=1)
        return day

    def moved(self, day: date, number: int) -> date:
        """So many business days after a day (before it, when the number is negative); 0 gives the day itself."""
        step = timedelta(days=1 if number > 0 else -1)
        for _ in range(min(abs(number), MOST_DAYS)):
            day += step
            while not self.is_business_day(day):
                day += step
        return day

    def between(self, start: date, end: date) -> int:
        """Business days after `start` up to and with `end`; negative when `end` comes first."""
        if end < start:
            return -self.between(end, start)
        day, number = start, 0
        while day < end:
            day += timedelta(days=1)
            number += self.is_business_day(day)
        return number


class _Days(NamedTuple):
    """When people do not work: days of the week, 0 for Monday, and holidays by their English names."""

    weekend: frozenset[int]
    name_of: Callable[[date], str]


_WEEKENDS = _Days(frozenset((5, 6)), lambda day: "")


@lru_cache(maxsize=64)
def _holidays(country: str, region: str) -> tuple[_Days, str]:
    if not country:
        return _WEEKENDS, "the country is not known, so only weekends are left out, no holidays"
    import holidays

    code = country.upper() if len(country) <= 3 else _codes().get(squeeze(country), country)
    try:
        found = holidays.country_holidays(code, subdiv=region or None, language="en_US")
    except NotImplementedError:
        if not region:
            return _WEEKENDS, f"no holidays of {country!r} are known, so only weekends are left out"
        plain, note = _holidays(country, "")
        return plain, note or f"no region {region!r} of {country} is known, so only its national holidays count"
    return _Days(frozenset(found.weekend), lambda day: str(found.get(day) or "")), ""


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Squeezed English name -> ISO code, as the library names its countries."""
    from holidays.registry import COUNTRIES

    return {squeeze(names[0]): names[1] for names in COUNTRIES.values()}
