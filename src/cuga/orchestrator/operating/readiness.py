"""Whether a house can be worked in through this process now, for whoever sends people and programs to it.

A house in a database is asked for there: a process that has nothing to write would else not notice an outage, and one
that failed to write in it would not notice its end.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cuga.errors import JournalFailed

if TYPE_CHECKING:
    from cuga.orchestrator.house.assembly import Assembly

PATIENCE_S = 3.0  # for the database's answer
BELIEVED_S = 1.0  # how long it is: anybody may ask


class Readiness:
    """Remembers a moment long what was found."""

    def __init__(self) -> None:
        self._found: tuple[float, asyncio.Task[bool]] | None = None

    async def is_ready(self, assembly: Assembly) -> bool:
        """Whether something could be appended now."""
        engine = assembly.engine
        if engine.is_closing:
            return False
        if assembly.book is None:
            return engine.failure is None
        now = asyncio.get_running_loop().time()
        if self._found is None or (self._found[1].done() and now - self._found[0] > BELIEVED_S):
            self._found = now, asyncio.ensure_future(_takes_appends(assembly))
        return await asyncio.shield(self._found[1])


async def _takes_appends(assembly: Assembly) -> bool:
    assert assembly.book is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await assembly.book.takes_appends()
    except (JournalFailed, TimeoutError):
        return False
