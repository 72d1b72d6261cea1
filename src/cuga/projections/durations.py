"""Many durations in little room: exact while they are few, within a known error when they are many.

Up to `EXACT` values are kept as they are. Beyond, they are counted in bins: below 128 one bin a value, above 64 bins a
doubling, so that a percentile is off by at most 1/128 (0.8 %) of itself. Sum, count, least and most stay exact.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

EXACT = 4_096
_BITS = 6  # 2**6 bins a doubling


def bin_of(value: int) -> int:
    """The bin of a value of 0 or more."""
    shift = max(value.bit_length() - _BITS - 1, 0)
    return (shift << _BITS) + (value >> shift)


def middle_of(number: int) -> int:
    """The value that stands for a bin: its middle."""
    shift = max((number >> _BITS) - 1, 0)
    return ((number - (shift << _BITS)) << shift) + ((1 << shift) >> 1)


class Durations(msgspec.Struct, omit_defaults=True):
    """A heap of durations in microseconds. Heaps add up: `merge` gives what adding all of them would have given."""

    count: int = 0
    total: int = 0
    least: int = 0
    most: int = 0
    samples: list[int] = []
    bins: dict[int, int] = {}

    def add(self, value: int) -> None:
        """Take one in; below nothing counts as nothing."""
        value = max(value, 0)
        self.least = min(self.least, value) if self.count else value
        self.most = max(self.most, value)
        self.count += 1
        self.total += value
        if not self.bins:
            self.samples.append(value)
            if len(self.samples) > EXACT:
                self._spill()
        else:
            self._count(bin_of(value), 1)

    def merge(self, other: Durations) -> None:
        """Take in another heap, which stays as it is."""
        if not other.count:
            return
        self.least = min(self.least, other.least) if self.count else other.least
        self.most = max(self.most, other.most)
        self.count += other.count
        self.total += other.total
        self.samples += other.samples
        for number, many in other.bins.items():
            self._count(number, many)
        if self.bins or len(self.samples) > EXACT:
            self._spill()

    def _count(self, number: int, many: int) -> None:
        self.bins[number] = self.bins.get(number, 0) + many

    def _spill(self) -> None:
        for value in self.samples:
            self._count(bin_of(value), 1)
        self.samples = []

    @property
    def is_exact(self) -> bool:
        """Whether percentiles are exact."""
        return not self.bins

    @property
    def mean(self) -> int:
        """The mean, rounded; 0 of nothing."""
        return round(self.total / self.count) if self.count else 0

    def percentile(self, percent: int) -> int:
        """The nearest-rank percentile: the least value that `percent` of all do not exceed; 0 of nothing."""
        if not self.count:
            return 0
        rank = max(-(-percent * self.count // 100), 1)
        if self.is_exact:
            return sorted(self.samples)[rank - 1]
        seen = 0
        for number in sorted(self.bins):
            seen += self.bins[number]
            if seen >= rank:
                break
        return min(max(middle_of(number), self.least), self.most)


def durations(values: Iterable[int]) -> Durations:
    """The heap of some values."""
    heap = Durations()
    for value in values:
        heap.add(value)
    return heap
