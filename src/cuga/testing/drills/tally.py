"""What a drill found, in numbers."""

from __future__ import annotations

import time
from collections import Counter


class Tally:
    """Counts what became of each trial. A drill stops by itself after `MOST` faults."""

    MOST = 20

    def __init__(self, name: str) -> None:
        self.name = name
        self.trials = 0
        self.verdicts: Counter[str] = Counter()
        self.faults: list[str] = []
        self._began = time.perf_counter()

    def note(self, verdict: str) -> None:
        """A trial came to a good end."""
        self.trials += 1
        self.verdicts[verdict] += 1

    def fault(self, what: str) -> None:
        """A trial broke a promise."""
        self.trials += 1
        self.faults.append(what)

    @property
    def is_hopeless(self) -> bool:
        """There are faults enough to look at."""
        return len(self.faults) >= self.MOST

    def words(self) -> str:
        """One line for people, and one for each of the first faults."""
        seconds = time.perf_counter() - self._began
        parts = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(self.verdicts.items()))
        head = f"{self.name}: {self.trials:,} trials in {seconds:.1f} s, {len(self.faults)} faults; {parts}"
        return "\n".join([head, *self.faults[: self.MOST]])
