"""A little room kept free, so that a full disk can still be written about.

When the disk is full the reserve is given up, and from then on only what starts nothing is let in: outcomes, parks,
decisions. Once there is room again the reserve is made again and work goes on.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from cuga.model.event import Event, PlanRequested, RunStarted, ToolCallStart

SIZE = 1 << 20  # bytes; a park is about 2 KB
STARTS = (RunStarted, PlanRequested, ToolCallStart)  # what may not begin on a full disk


class Ballast:
    """The reserve of one journal file."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(f"{journal.name}.ballast")
        self.spent = False  # given up: the disk was full
        self._fill()

    def release(self) -> None:
        """Give the reserve up."""
        self.spent = True
        self._drop()

    def admits(self, events: Sequence[Event]) -> bool:
        """Whether these may be written: on a full disk, nothing that starts anything."""
        return not self.spent or not any(isinstance(event, STARTS) for event in events)

    def recover(self) -> None:
        """Take the reserve back when there is ample room again."""
        if self.spent and shutil.disk_usage(self.path.parent).free > 8 * SIZE:
            self.spent = False
            self._fill()

    def _fill(self) -> None:
        if self.path.exists() and self.path.stat().st_size == SIZE:
            return
        try:
            with self.path.open("wb") as file:
                file.write(os.urandom(SIZE))  # not zeros: a file system may keep those for nothing
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self._drop()  # no room for a reserve; the journal itself may still have some

    def _drop(self) -> None:
        self.path.unlink(missing_ok=True)
