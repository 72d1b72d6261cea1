"""How long commits take and how many appends they carry, counted by the process that makes them."""

from __future__ import annotations

from bisect import bisect_left

BOUNDS = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)  # seconds


class CommitTimes:
    """Counts since the journal was opened. `bins` has one more than there are bounds."""

    __slots__ = ("appends", "bins", "seconds")

    def __init__(self) -> None:
        self.appends = 0
        self.seconds = 0.0
        self.bins = [0] * (len(BOUNDS) + 1)

    def add(self, seconds: float, appends: int) -> None:
        """Take in one commit."""
        self.appends += appends
        self.seconds += seconds
        self.bins[bisect_left(BOUNDS, seconds)] += 1
