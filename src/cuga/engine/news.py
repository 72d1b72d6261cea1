"""What one who follows a run is told: that it has moved, or why nothing more of it comes from this process."""

from __future__ import annotations

import asyncio

from cuga.errors import HouseClosed


class News:
    """The news of one run for one follower. Facts are read from the journal; this says only when to look."""

    def __init__(self) -> None:
        self._moved = asyncio.Event()
        self._why: BaseException | None = None

    def come(self) -> None:
        """Facts have become durable."""
        self._moved.set()

    def end(self, why: BaseException) -> None:
        """No more come: the house is closed, the journal failed, or the run is stuck."""
        self._why = self._why or why
        self._moved.set()

    def check(self) -> None:
        """Raise `HouseClosed` when nothing can be read here any more."""
        if isinstance(self._why, HouseClosed):
            raise self._why

    async def get(self) -> None:
        """Wait until there is something to read; raises why nothing more comes."""
        await self._moved.wait()
        if self._why is not None:
            raise self._why
        self._moved.clear()
