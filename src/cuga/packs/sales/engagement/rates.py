"""Shares with their uncertainty, and how many it takes to tell two apart.

Intervals are Wilson's (1927), differences Newcombe's (1998, method 10), at 95 %. The needed number is the usual one for
two proportions with 80 % power.
"""

from __future__ import annotations

import math

from cuga.packs.sales.result import Result
from cuga.packs.sales.statistics.intervals import Z95
from cuga.packs.sales.statistics.intervals import wilson as interval

Z_POWER = 0.841621  # 80 %


class Rate(Result, frozen=True, kw_only=True):
    """A share in percent with its interval; of nothing it is unknown, from 0 to 100."""

    percent: float | None
    low: float
    high: float


def wilson(hits: int, of: int) -> Rate:
    """The share of `hits` in `of`."""
    if not of:
        return Rate(percent=None, low=0.0, high=100.0)
    low, high = interval(hits, of)
    return Rate(percent=round(100 * hits / of, 1), low=round(100 * low, 1), high=round(100 * high, 1))


def difference(hits: int, of: int, other_hits: int, other_of: int) -> tuple[float, float]:
    """The interval of the first share less the second, in percent."""
    first, second = hits / of, other_hits / other_of
    (low, high), (other_low, other_high) = interval(hits, of), interval(other_hits, other_of)
    down = math.hypot(first - low, other_high - second)
    up = math.hypot(high - first, second - other_low)
    return round(100 * (first - second - down), 1), round(100 * (first - second + up), 1)


def needed(base: float, lift: float) -> int:
    """How many of each it takes to tell a share of `base` from `base + lift` (both 0..1)."""
    other = min(1.0, base + lift)
    spread = base * (1 - base) + other * (1 - other)
    return math.ceil((Z95 + Z_POWER) ** 2 * spread / lift**2)
