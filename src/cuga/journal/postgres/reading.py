"""What a book in Postgres is asked: the reading half of the journal, with the keys that open what was sealed."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from cuga.journal.checkpoint import Kept
from cuga.journal.codec import Codec, KeysAway
from cuga.journal.port import ALL, DUE, LARGEST, LISTED, Listed, OpenApproval, Stored, Urgent
from cuga.journal.postgres.batch import Head
from cuga.journal.postgres.reader import Reader, Server
from cuga.model.event import Status

REMEMBERED = 20_000  # heads; beyond it the idle ones are forgotten

T = TypeVar("T")


class Reading(ABC):
    """The questions of `ReadJournal`, each asked once the book is open."""

    def __init__(self, codec: Codec, reader: Reader) -> None:
        self._codec = codec
        self._reader = reader
        self._heads: dict[str, Head] = {}
        self._fetching = asyncio.Lock()

    @abstractmethod
    async def open(self) -> None:
        """Reach the database; whoever writes to the book knows how."""

    async def sealed(self, stream: str, body: bytes) -> bytes:
        return await self._with_keys(lambda: self._codec.seal_blob(stream, body))

    async def _with_keys(self, work: Callable[[], T]) -> T:
        """Seal or open. Keys that are not at hand are fetched in a thread, as often as there are such: the loop, and
        what else goes on in it, never waits for a database that may be away."""
        while True:
            try:
                return work()
            except KeysAway as away:
                await self._fetch(away)

    async def _fetch(self, away: KeysAway) -> None:
        async with self._fetching:  # one thread, however many wait: others have work for them
            await asyncio.to_thread(away.fetch)

    async def read(self, stream: str, after: int = 0) -> list[Stored]:
        await self.open()
        found = await self._reader.read(stream, after)
        if found and stream not in self._heads and len(self._heads) < REMEMBERED:
            self._heads[stream] = Head(stream, found[-1].seq, found[-1].hash)  # whoever reads is likely to append
        return await self._with_keys(lambda: self._codec.open_all(found))

    async def version(self, stream: str) -> int:
        await self.open()
        return await self._reader.version(stream)

    async def versions(self, streams: Sequence[str]) -> dict[str, int]:
        """Where some streams stand, in one question; those that are not there are left out."""
        await self.open()
        return await self._reader.versions(streams)

    async def blob(self, digest: str, *, stored: bool = False) -> bytes:
        await self.open()
        found = await self._reader.blob(digest)
        return found if stored else await self._with_keys(lambda: self._codec.open_blob(found))

    async def runs(
        self, *, tenant: str, status: Status | None = None, before: str = "", limit: int = LISTED
    ) -> list[Listed]:
        await self.open()
        found = await self._reader.runs(tenant, status, before, limit)
        return await self._with_keys(lambda: self._codec.open_listed(found))

    async def due(self, now: datetime, limit: int = DUE) -> list[str]:
        await self.open()
        return await self._reader.due(now, limit)

    async def unfinished(self, limit: int = ALL) -> list[str]:
        await self.open()
        return await self._reader.unfinished(limit)

    async def next_wake(self) -> datetime | None:
        await self.open()
        return await self._reader.next_wake()

    async def open_approvals(self, *, tenant: str, after: str = "", limit: int = LISTED) -> list[OpenApproval]:
        await self.open()
        found = await self._reader.open_approvals(tenant, after, limit)
        return await self._with_keys(lambda: self._codec.open_cards(found))

    async def urgent_approvals(self, *, tenant: str, limit: int = LISTED) -> list[Urgent]:
        await self.open()
        return await self._reader.urgent_approvals(tenant, limit)

    async def waiting(self, *, tenant: str, limit: int = 1_000) -> int:
        await self.open()
        return await self._reader.waiting(tenant, limit)

    async def find_approval(self, approval_id: str) -> str:
        await self.open()
        return await self._reader.find_approval(approval_id)

    async def find_trace(self, trace_id: str, *, tenant: str) -> str:
        await self.open()
        return await self._reader.find_trace(trace_id, tenant)

    async def used(self, scope: str) -> int:
        await self.open()
        keyed = await self._with_keys(lambda: self._codec.scope(scope))
        before = await self._reader.used(scope) if keyed != scope else 0
        return before + await self._reader.used(keyed)

    async def links(self, after: int = 0, limit: int = ALL) -> list[tuple[int, bytes]]:
        await self.open()
        return await self._reader.links(after, limit)

    async def checkpoint(self, size: int = LARGEST) -> Kept | None:
        await self.open()
        return await self._reader.checkpoint(size)

    async def time(self) -> datetime:
        """What the database's clock says."""
        await self.open()
        return await self._reader.time()

    async def takes_appends(self) -> bool:
        """Whether something could be appended now, without appending anything."""
        await self.open()
        return await self._reader.takes_appends()

    async def server(self) -> Server:
        """What durability rests on in the server."""
        await self.open()
        return await self._reader.settings()
