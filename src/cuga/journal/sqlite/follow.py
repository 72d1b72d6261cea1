"""The reading half of the port over a file, and a journal that has only that half.

`ReadOnly` is for other processes: it takes no lock, never writes, and sees an append within about 20 ms of its commit.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

from cuga.journal.checkpoint import Kept
from cuga.journal.codec import PLAIN, Codec
from cuga.journal.port import ALL, DUE, LARGEST, LISTED, Listed, OpenApproval, Stored, Urgent
from cuga.journal.sqlite.reader import Reader
from cuga.model.event import Status

PAGE = 200  # appends a page of the feed
POLL_SECONDS = 0.02  # 11 ms behind at the median, for a third of a percent of a core


class Reading(ABC):
    """Answers the reading half of the port from a `Reader`; how news arrive is the heir's."""

    _reader: Reader
    _closed: bool
    _codec: Codec = PLAIN

    @abstractmethod
    def _mark(self) -> int:
        """Something that differs once there is news."""

    @abstractmethod
    async def _news(self, mark: int) -> None:
        """Wait until there is news since the mark, or there will be none."""

    async def read(self, stream: str, after: int = 0) -> list[Stored]:
        return self._codec.open_all(self._reader.read(stream, after))

    async def version(self, stream: str) -> int:
        return self._reader.version(stream)

    async def feed(self, after: int = 0, *, follow: bool = False) -> AsyncIterator[Stored]:
        while not (follow and self._closed):
            mark = self._mark()
            page = self._reader.page(after, PAGE)
            for event in self._codec.open_all(page):
                after = event.position
                yield event
            if page:
                await asyncio.sleep(0)
            elif follow:
                await self._news(mark)
            else:
                return

    async def blob(self, digest: str, *, stored: bool = False) -> bytes:
        found = self._reader.blob(digest)
        return found if stored else self._codec.open_blob(found)

    async def runs(
        self, *, tenant: str, status: Status | None = None, before: str = "", limit: int = LISTED
    ) -> list[Listed]:
        return self._codec.open_listed(self._reader.runs(tenant, status, before, limit))

    async def due(self, now: datetime, limit: int = DUE) -> list[str]:
        return self._reader.due(now, limit)

    async def unfinished(self, limit: int = ALL) -> list[str]:
        return self._reader.unfinished(limit)

    async def next_wake(self) -> datetime | None:
        return self._reader.next_wake()

    async def open_approvals(self, *, tenant: str, after: str = "", limit: int = LISTED) -> list[OpenApproval]:
        return self._codec.open_cards(self._reader.open_approvals(tenant, after, limit))

    async def urgent_approvals(self, *, tenant: str, limit: int = LISTED) -> list[Urgent]:
        return self._reader.urgent_approvals(tenant, limit)

    async def waiting(self, *, tenant: str, limit: int = 1_000) -> int:
        return self._reader.waiting(tenant, limit)

    async def find_approval(self, approval_id: str) -> str:
        return self._reader.find_approval(approval_id)

    async def find_trace(self, trace_id: str, *, tenant: str) -> str:
        return self._reader.find_trace(trace_id, tenant)

    async def used(self, scope: str) -> int:
        return self._codec.used(self._reader.used)(self._codec.scope(scope))

    async def links(self, after: int = 0, limit: int = ALL) -> list[tuple[int, bytes]]:
        return self._reader.links(after, limit)

    async def checkpoint(self, size: int = LARGEST) -> Kept | None:
        return self._reader.checkpoint(size)

    @property
    def epoch(self) -> int:
        """How often this journal was begun: 1, and one more for each restore."""
        return self._reader.epoch()


class ReadOnly(Reading):
    """A journal file as a follower reads it, beside the process that owns it."""

    def __init__(self, path: Path | str) -> None:
        self._reader = Reader(Path(path))
        self._closed = False

    def _mark(self) -> int:
        return self._reader.version_of_data()

    async def _news(self, mark: int) -> None:
        while not self._closed and self._reader.version_of_data() == mark:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)  # another process tells nobody

    async def close(self) -> None:
        self._closed = True
        self._reader.close()
