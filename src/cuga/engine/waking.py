"""What wakes runs that wait: one timer for everything that is due, the sweep's look, and a look at all of them.

An append, its `wake_at` or the start of a process wakes a run. One that cannot be read or decided on here is left
alone, and keeps no other from going on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from cuga.clock import Clock
from cuga.engine.driver import RETRY_S, Driver
from cuga.errors import JournalFailed
from cuga.model import command as c
from cuga.model.event import Status


class Waking:
    """The timer of one engine. Without `drives_all` it wakes only the runs that it was asked to touch."""

    def __init__(
        self, driver: Driver, clock: Clock, spawn: Callable[[Awaitable[None]], None], *, drives_all: bool
    ) -> None:
        self._driver = driver
        self._clock = clock
        self._spawn = spawn
        self._drives_all = drives_all
        self._touched: set[str] = set()
        self._wakes: dict[str, datetime] = {}  # of the runs it was asked to touch: when each is due
        self.left_alone: dict[str, Exception] = {}  # runs that this process cannot go on with, and why
        self._timer: asyncio.TimerHandle | None = None
        self._next: datetime | None = None
        self._is_over = False

    def touch(self, run_id: str) -> None:
        """Somebody asked for this run here: it is ours to wake."""
        if not self._drives_all:
            self._touched.add(run_id)

    def ended(self, run_id: str) -> None:
        """There is nothing more to wake of a run."""
        self._touched.discard(run_id)

    def moved(self, run_id: str) -> None:
        """A run has moved: what was known of its waiting no longer holds."""
        if self._wakes:
            self._wakes.pop(run_id, None)
        if self.left_alone:
            self.left_alone.pop(run_id, None)

    def leave_alone(self, run_id: str, error: Exception) -> None:
        """One run that cannot be read or decided on here keeps no other from going on, whatever it breaks on."""
        if isinstance(error, JournalFailed):
            raise error
        self.left_alone[run_id] = error

    def wake_at(self, run_id: str, at: datetime) -> None:
        """Wake a run at a time, if it is ours to wake."""
        if not self._drives_all:
            if run_id not in self._touched:
                return
            self._wakes[run_id] = at
        self._arm(at)

    def stop(self) -> None:
        """Wake nothing any more."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()

    async def wake_due(self) -> int:
        """Wake everything that is due, and set the timer for what comes next. Returns how many."""
        seen: set[str] = set()
        now = self._clock.now()
        while not self._is_over:
            now = self._clock.now()
            due = [run_id for run_id in await self._due(now) if run_id not in seen]
            if not due:
                break
            for run_id in due:
                seen.add(run_id)
                await self._look(run_id, now)
        at = await self._driver.journal.next_wake() if self._drives_all else min(self._wakes.values(), default=None)
        if at is not None:
            self._arm(max(at, now + timedelta(milliseconds=5_000 if self.left_alone else 50)))
        return len(seen)

    async def look_again(self, tenant: str) -> int:
        """Look at every parked run that is ours to wake."""
        before, seen = "", 0
        while True:
            page = await self._driver.journal.runs(tenant=tenant, status=Status.PARKED, before=before, limit=500)
            for listed in page:
                if self._drives_all or listed.run_id in self._touched:
                    seen += 1
                    await self._look(listed.run_id, self._clock.now())
            if len(page) < 500:
                return seen
            before = page[-1].run_id

    async def _look(self, run_id: str, now: datetime) -> None:
        at = self._wakes.pop(run_id, None)
        try:
            state = await self._driver.handle(run_id, c.Tick(at=now))
        except Exception as error:
            if at is not None and isinstance(error, JournalFailed):
                self._wakes.setdefault(run_id, at)
            self.leave_alone(run_id, error)
            return
        if run_id in self._touched and state.parked is not None and state.parked.wake_at is not None:
            # it may have moved since it was found due, so that nothing came of this look and nobody noted the new time
            self._wakes.setdefault(run_id, state.parked.wake_at)

    async def _due(self, now: datetime) -> list[str]:
        if not self._drives_all:  # the runs of others are not ours to wake, however long they are overdue
            return [run_id for run_id, at in self._wakes.items() if at <= now]
        due = await self._driver.journal.due(now, limit=500 + len(self.left_alone))
        return [run_id for run_id in due if run_id not in self.left_alone]

    def _arm(self, at: datetime) -> None:
        if self._is_over or (self._next is not None and self._next <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._next = at
        delay = max(0.0, (at - self._clock.now()).total_seconds())
        # a timer of days would outlive changes of the machine's clock: look again every hour
        self._timer = asyncio.get_running_loop().call_later(min(delay, 3600.0), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._next = None
        if not self._is_over:
            self._spawn(self._after_timer())

    async def _after_timer(self) -> None:
        try:
            await self.wake_due()
        except JournalFailed:  # it is in the engine's `failure` already, where everybody is told
            self._arm(self._clock.now() + timedelta(seconds=RETRY_S))
