"""How often somebody may knock: moving windows in memory, so a restart forgives.

What costs little is not counted; trying passwords and beginning work are.
"""

from __future__ import annotations

import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request

from cuga.errors import TooOften


class Rates:
    """The limits of one server. Each names what is counted and per whom."""

    def __init__(
        self,
        *,
        logins: str = "10/minute",
        logins_of_one: str = "20/hour",
        starts: str = "120/minute",
        rehearsals: str = "12/minute",
        checkpoints: str = "600/minute",
    ) -> None:
        self._limits: dict[str, RateLimitItem] = {
            "login": parse(logins),  # per address
            "login of": parse(logins_of_one),  # per name that is tried
            "start": parse(starts),  # runs begun per person
            "rehearsal": parse(rehearsals),  # dry runs per person: each is a process of its own for a second
            "witness": parse(checkpoints),  # per address, which many houses may share
        }
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def take(self, what: str, who: str) -> None:
        """Count one; `TooOften` when that is one too many, with the seconds after which it would do."""
        limit = self._limits[what]
        if self._windows.hit(limit, what, who):
            return
        reset = self._windows.get_window_stats(limit, what, who).reset_time
        raise TooOften(f"{limit} at most", retry_after=max(1, round(reset - time.time())))


def address_of(request: Request) -> str:
    """Where a request comes from; empty when nobody knows."""
    return request.client.host if request.client else ""
