"""How quickly workers notice that one of them is gone, and what follows from that for all their clocks."""

from __future__ import annotations

import time

from cuga.model.value import Value


class Pace(Value, frozen=True, kw_only=True):
    """`lease_s`: a worker that was not heard of for so long has lost its runs. The rest follows.

    Another process has a run at most `lease_s + sweep_s + poll_s` after the last heartbeat of the one that had it.
    """

    lease_s: float = 9.0
    concurrency: int = 200  # runs that one process advances at once
    tenant_runs: int = 0  # runs of one tenant that are advanced at once, over all processes; 0: no limit

    @property
    def heartbeat_s(self) -> float:
        """How often a worker says that it lives."""
        return min(2.0, self.lease_s / 5)

    @property
    def sweep_s(self) -> float:
        """How often each worker looks for runs that nobody has, and for what is due."""
        return min(1.0, self.lease_s / 5)

    @property
    def poll_s(self) -> float:
        """How often a worker asks for jobs without being told: a freed lock sends no notification."""
        return min(1.0, self.lease_s / 5)


_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def boot_time() -> float:
    """Seconds since the machine was started, with the time that it slept: a suspended machine must not seem awake."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)
