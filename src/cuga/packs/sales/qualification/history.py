"""What the team's own closed deals say: how long winning takes, and how often a deal of an age was won in the end.

A chance is given only when it was right in the past: learned on the earlier closed deals, tested on the later ones.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from datetime import date

from cuga.adapters.capability import LOST, WON, Opportunity
from cuga.packs.sales.result import Result

ENOUGH_WON = 20  # won deals with both dates from which a percentile is read
ENOUGH_LIKE = 30  # closed deals of at least the same age from which a chance is read
ENOUGH_CLOSED = 100  # closed deals that a test needs
EARLIER = 0.7  # share of the closed deals, by closing date, that is learned from
FAITHFUL = 5  # points of a hundred that a chance may be off at any age of the test
_Z = 1.96  # 95 % (Wilson 1927, score interval)


class Chance(Result, frozen=True, kw_only=True):
    """How often like deals were won, in percent with a 95 % interval. `like`: closed deals that got as old as this."""

    low: int
    mid: int
    high: int
    like: int
    rests_on: str


class History(Result, frozen=True, kw_only=True):
    """The closed deals that ages are compared with, in days; None where there are too few."""

    won: int
    lost: int
    usual_days: int | None  # median of the won ones
    long_days: int | None  # 90th percentile of the won ones
    calibration: str


class Past:
    """The closed deals made ready for many questions."""

    def __init__(self, closed: Iterable[Opportunity], today: date) -> None:
        self._cycles = sorted(
            ((deal.closes, (deal.closes - deal.opened).days, deal.status == WON, deal.id) for deal in closed
             if deal.opened and deal.closes and deal.opened <= deal.closes <= today and deal.status in (WON, LOST)),
            key=lambda cycle: (cycle[0], cycle[3]),
        )  # fmt: skip
        won = sorted(days for _, days, is_won, _ in self._cycles if is_won)
        self._all = _Ages([(days, is_won) for _, days, is_won, _ in self._cycles])
        self.trust, self.calibration = self._tested()
        self.facts = History(
            won=len(won),
            lost=len(self._cycles) - len(won),
            usual_days=percentile(won, 50) if len(won) >= ENOUGH_WON else None,
            long_days=percentile(won, 90) if len(won) >= ENOUGH_WON else None,
            calibration=self.calibration,
        )

    def chance(self, age: int) -> tuple[Chance | None, str]:
        """The chance of an open deal of this age in days, or None and why there is none."""
        if not self.trust:
            return None, f"not calibrated: {self.calibration}"
        won, like = self._all.at_least(age)
        if like < ENOUGH_LIKE:
            few = f"only {like} closed deals" if like else "no closed deal"
            return None, f"not calibrated: {few} got as old as {age} days; {ENOUGH_LIKE} are needed"
        low, high = wilson(won, like)
        rests = f"{won} of {like} closed deals that were still open after {age} days were won; {self.calibration}"
        return Chance(low=low, mid=round(100 * won / like), high=high, like=like, rests_on=rests), ""

    def _tested(self) -> tuple[bool, str]:
        """Whether chances by age held on the later closed deals, at several ages (landmarks: the learned quarters)."""
        if len(self._cycles) < ENOUGH_CLOSED:
            return False, f"{len(self._cycles)} closed deals with dates are too few to test it ({ENOUGH_CLOSED})"
        cut = int(EARLIER * len(self._cycles))
        learned, later = (_Ages([(days, is_won) for _, days, is_won, _ in part])
                          for part in (self._cycles[:cut], self._cycles[cut:]))  # fmt: skip
        off: list[tuple[float, str]] = []
        for age in (0, *(learned.quarter(part) for part in (1, 2, 3))):
            (said, of), (won, like) = learned.at_least(age), later.at_least(age)
            if of >= ENOUGH_LIKE and like >= ENOUGH_LIKE:
                found = (
                    f"after {age} days it said {100 * said / of:.0f} % and {100 * won / like:.0f} % of {like} were won"
                )
                off.append((abs(said / of - won / like) * 100, found))
        if not off:
            return False, "too few deals of the test got old enough"
        worst, words = max(off)
        tested = f"tested on the latest {len(self._cycles) - cut:,} closed deals: {words}"
        return worst <= FAITHFUL, tested + ("" if worst <= FAITHFUL else f", more than {FAITHFUL} points off")


class _Ages:
    """Closed deals by their length, to count those that got at least so old."""

    def __init__(self, cycles: list[tuple[int, bool]]) -> None:
        ranked = sorted(cycles)
        self._days = [days for days, _ in ranked]
        self._won_from = [0] * (len(ranked) + 1)
        for at in range(len(ranked) - 1, -1, -1):
            self._won_from[at] = self._won_from[at + 1] + ranked[at][1]

    def at_least(self, age: int) -> tuple[int, int]:
        """(won, all) of those that took at least so many days."""
        at = bisect_left(self._days, age)
        return self._won_from[at], len(self._days) - at

    def quarter(self, part: int) -> int:
        """The length below which so many quarters of the deals lie."""
        return percentile(self._days, 25 * part)


def percentile(ranked: list[int], percent: int) -> int:
    """The nearest-rank percentile of a sorted list that is not empty."""
    return ranked[max(0, math.ceil(percent * len(ranked) / 100) - 1)]


def wilson(won: int, all_: int) -> tuple[int, int]:
    """The 95 % score interval of a share, in percent."""
    share, n = won / all_, all_
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    return max(0, math.floor(100 * (middle - half))), min(100, math.ceil(100 * (middle + half)))
