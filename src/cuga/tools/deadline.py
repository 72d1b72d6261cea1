"""Deadlines of calls: what does not answer in time is cancelled, and told apart from what somebody else ended."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

LOOK_EVERY_S = 0.1  # how late a deadline may be noticed


class Deadline(msgspec.Struct, eq=False):
    """When one call must have answered."""

    task: asyncio.Task[Any]
    when: float
    is_over: bool = False


class Watch:
    """Cancels calls whose time is over. One timer for all of them: one per call would cost more than the call."""

    def __init__(self) -> None:
        self._calls: dict[Deadline, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], begun: float, left_s: float) -> Deadline:
        """Watch a call of this task, which began at that time of the loop."""
        deadline = Deadline(task, begun + left_s)
        self._calls[deadline] = None
        if self._loop is not loop:
            self._loop = loop
            loop.call_later(min(left_s, LOOK_EVERY_S), self._look, loop)
        return deadline

    def end(self, deadline: Deadline) -> None:
        """The call is through. A cancellation that was ours is taken back."""
        self._calls.pop(deadline, None)
        if deadline.is_over:
            deadline.task.uncancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._calls or self._loop is not loop:
            self._loop = None if self._loop is loop else self._loop
            return
        now = loop.time()
        for deadline in [deadline for deadline in self._calls if deadline.when <= now]:
            del self._calls[deadline]
            deadline.is_over = True
            deadline.task.cancel()
        loop.call_later(LOOK_EVERY_S, self._look, loop)
