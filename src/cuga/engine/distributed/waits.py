"""Short waits of runs, kept in mind by the process that parked them; longer ones are a row and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from cuga.clock import Clock
from cuga.engine.driver import Driver
from cuga.engine.waking import Waking

SHORT_S = 30.0


class ShortWaits(Waking):
    """Short waits end on time; all others, and those of processes that are gone, end with the sweep of any worker.

    `wake` queues a look; `is_alone` says that no other process will, so that longer waits are kept in mind as well.
    """

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        spawn: Callable[[Awaitable[None]], None],
        wake: Callable[[str], Awaitable[None]],
        is_alone: Callable[[], bool],
    ) -> None:
        super().__init__(driver, clock, spawn, drives_all=False)
        self._wake = wake
        self._is_alone = is_alone
        self._timers: set[asyncio.TimerHandle] = set()

    @property
    def touched(self) -> set[str]:
        """The runs that somebody asked for here."""
        return self._touched

    def wake_at(self, run_id: str, at: datetime) -> None:
        delay = (at - self._clock.now()).total_seconds()
        if self._is_over or (delay > SHORT_S and not self._is_alone()):
            return

        def come() -> None:
            self._timers.discard(timer)
            if not self._is_over:
                self._spawn(self._wake(run_id))

        timer = asyncio.get_running_loop().call_later(max(0.0, delay) + 0.01, come)
        self._timers.add(timer)

    def stop(self) -> None:
        super().stop()
        for timer in self._timers:
            timer.cancel()
