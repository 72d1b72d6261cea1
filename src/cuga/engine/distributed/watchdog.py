"""A process that stood still longer than its lease must not go on as if nothing had been: its runs are somebody else's.

A thread looks at the clock of the machine, which also counts the time of a suspended host. It is a race and no proof:
what fences is the version of each append, and the lease that is asked for again before an effect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from cuga.engine.distributed.pace import boot_time


class Watchdog:
    """Calls `on_pause` with the length of a pause that was longer than `lease_s`; from its own thread, once."""

    def __init__(
        self, lease_s: float, on_pause: Callable[[float], None], clock: Callable[[], float] = boot_time
    ) -> None:
        self._lease_s = lease_s
        self._on_pause = on_pause
        self._clock = clock
        self._last = clock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cuga-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._last = self._clock()
        self._thread.start()

    def look(self) -> bool:
        """Whether the process stood still for longer than its lease since the last look."""
        now = self._clock()
        pause, self._last = now - self._last, now
        if pause <= self._lease_s:
            return False
        self._on_pause(pause)
        return True

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(min(0.2, self._lease_s / 10)):
            if self.look():
                return
