"""A clock and an event loop in which nobody waits: when nothing is ready, time jumps to the next timer.

The order of everything follows from the program alone, so that a schedule on the real engine can be played again.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from cuga.clock import ManualClock
from cuga.testing.factories import AT

T = TypeVar("T")


class StandStill(RuntimeError):
    """Everything waits for something that will never come."""


class _Selector(selectors.SelectSelector):
    loop: JumpingLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise StandStill("nothing is ready and no timer is set")
        self.loop.seconds += max(timeout, 0.0)
        return []


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop with its own time, in seconds since it was made."""

    selector_class = _Selector

    def __init__(self) -> None:
        selector = self.selector_class()
        selector.loop = self
        self.seconds = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self.seconds

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end, in no time; what is still going on then is let go."""
        try:
            return self.run_until_complete(work)
        finally:
            left = asyncio.all_tasks(self)
            for task in left:
                task.cancel()
            if left:
                self.run_until_complete(asyncio.gather(*left, return_exceptions=True))


class LoopClock(ManualClock):
    """The time of a loop, counted from when stories begin."""

    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop
        self._began = loop.seconds

    def now(self) -> datetime:
        return AT + timedelta(seconds=round(self._loop.seconds - self._began, 6))


class _PatientSelector(_Selector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return selectors.SelectSelector.select(self, timeout)
        ready = selectors.SelectSelector.select(self, min(timeout, 0.0005))
        if not ready:
            self.loop.seconds += timeout
        return ready


class PatientLoop(JumpingLoop):
    """A loop whose time jumps too, but which gives threads and files a moment first."""

    selector_class = _PatientSelector
