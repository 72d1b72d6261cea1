"""The journal in memory: the same answers as the file gives, gone with the process.

For tests, simulations and a house without a directory. It stores bytes, chains and claims as the file does, so that
nothing works here that would not work there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from cuga.errors import ApprovalNotFound, JournalCorrupt, JournalFailed, NotFound, RunNotFound
from cuga.journal.blobs import addressed, intact, unnamed
from cuga.journal.checkpoint import Kept
from cuga.journal.claims import Ledger, claims_of
from cuga.journal.codec import Codec, Personal, Scrub
from cuga.journal.port import (
    ALL,
    DUE,
    LARGEST,
    LISTED,
    RISKS,
    Appended,
    Committed,
    Conflict,
    Index,
    Listed,
    OpenApproval,
    Refused,
    RunRow,
    Stored,
    Urgent,
)
from cuga.journal.seal import GENESIS, link, prefix_of, verify
from cuga.journal.tombstone import RETIRED
from cuga.model.event import Event, Status

_NEVER = datetime.min.replace(tzinfo=UTC)


def _nothing(_point: str) -> None:
    """Nobody listens at the named points."""


class MemoryJournal:
    """A journal of this process. `on_point` is called at the points `append.admitted` and `commit.done`."""

    durability = "memory"

    def __init__(
        self,
        *,
        scrub: Scrub | None = None,
        personal: Personal | None = None,
        on_point: Callable[[str], None] = _nothing,
    ) -> None:
        self._codec = Codec(scrub, personal=personal)
        self._point = on_point
        self._book: list[Stored] = []
        self._streams: dict[str, list[Stored]] = {}
        self._ledger = Ledger(lambda _scope: 0)
        self._blobs: dict[str, bytes] = {}
        self._runs: dict[str, RunRow] = {}
        self._places: dict[str, int] = {}
        self._approvals: dict[str, tuple[str, tuple[datetime, str], OpenApproval | None]] = {}
        self._news: list[asyncio.Future[None]] = []
        self._checkpoints: dict[int, Kept] = {}
        self._closed = False

    async def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Event],
        *,
        index: Index | None = None,
        blobs: Sequence[bytes] = (),
    ) -> Appended:
        if self._closed:
            raise JournalFailed("it is closed")
        lane = self._streams.get(stream, [])
        if len(lane) != expected:
            return Conflict(version=len(lane))
        bodies, said = self._codec.encode_all(events, stream)
        kept = addressed(blobs)
        held = self._ledger.reserve(claims_of(said))
        if isinstance(held, Refused):
            return self._codec.refused(held)
        self._point("append.admitted")
        hash = link(prefix_of(stream), expected, lane[-1].hash if lane else GENESIS, bodies)
        fresh = [
            Stored(position=len(self._book) + nth, stream=stream, seq=expected + nth, body=body, hash=hash)
            for nth, body in enumerate(bodies, 1)
        ]
        self._book += fresh
        self._streams.setdefault(stream, lane).extend(fresh)
        self._blobs.update(kept)
        if index is not None:
            self._note(stream, self._codec.seal_index(stream, index))
        self._tell()
        self._point("commit.done")
        return Committed(version=expected + len(bodies))

    def _note(self, stream: str, index: Index) -> None:
        if index.run is not None:
            self._runs[stream] = index.run
            self._places.setdefault(stream, len(self._places))
        for approval_id, card in index.approvals.items():
            if card is not None:
                self._approvals[approval_id] = (stream, (card.requested_at, approval_id), card)
            else:
                run, place, _ = self._approvals.get(approval_id, (stream, (_NEVER, approval_id), None))
                self._approvals[approval_id] = (run, place, None)

    def _tell(self) -> None:
        waiting, self._news = self._news, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def sealed(self, stream: str, body: bytes) -> bytes:
        return self._codec.seal_blob(stream, body)

    async def retire(
        self, runs: Mapping[str, Sequence[bytes]], blobs: Collection[str] = (), *, seen: int = LARGEST
    ) -> None:
        for stream, bodies in runs.items():
            lane = self._streams[stream]
            for nth, body in enumerate(bodies):  # what was appended since they were made stays as it is
                lane[nth] = self._book[lane[nth].position - 1] = msgspec.structs.replace(lane[nth], body=body)
            row = self._runs[stream]
            self._runs[stream] = msgspec.structs.replace(row, goal=RETIRED, reason=RETIRED)
        for digest in unnamed(blobs, (one.body for one in self._book[seen:])):
            self._blobs.pop(digest, None)

    async def keep_snapshot(self, body: bytes) -> str:
        if self._closed:
            raise JournalFailed("it is closed")
        kept = addressed([body])
        self._blobs.update(kept)
        return next(iter(kept))

    async def read(self, stream: str, after: int = 0) -> list[Stored]:
        lane = self._streams.get(stream, [])
        whole = after = min(after, len(lane))  # where the append begins that holds the event wanted first
        while 0 < whole < len(lane) and lane[whole - 1].hash == lane[whole].hash:
            whole -= 1
        fault = verify(stream, lane[whole:], after=whole, before=lane[whole - 1].hash if whole else GENESIS)
        if fault is not None:
            raise JournalCorrupt(f"{fault.where}: {fault.kind}, {fault.detail}")
        return self._codec.open_all(lane[after:])

    async def version(self, stream: str) -> int:
        return len(self._streams.get(stream, ()))

    async def feed(self, after: int = 0, *, follow: bool = False) -> AsyncIterator[Stored]:
        while True:
            while after < len(self._book):
                after += 1
                yield self._codec.open_all([self._book[after - 1]])[0]
            if not follow or self._closed:
                return
            news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._news.append(news)
            await news

    async def blob(self, digest: str, *, stored: bool = False) -> bytes:
        if digest not in self._blobs:
            raise NotFound(f"no blob {digest}")
        found = intact(digest, self._blobs[digest])
        return found if stored else self._codec.open_blob(found)

    async def runs(
        self, *, tenant: str, status: Status | None = None, before: str = "", limit: int = LISTED
    ) -> list[Listed]:
        def newest(run_id: str) -> tuple[datetime, int]:
            return self._runs[run_id].started_at, self._places[run_id]

        found = [
            run_id
            for run_id, row in self._runs.items()
            if row.tenant == tenant
            and (status is None or row.status is status)
            and (before not in self._runs or newest(run_id) < newest(before))
        ]
        found.sort(key=newest, reverse=True)
        return self._codec.open_listed(
            [Listed(run_id=one, version=len(self._streams[one]), row=self._runs[one]) for one in found[:limit]]
        )

    async def due(self, now: datetime, limit: int = DUE) -> list[str]:
        return [run_id for when, run_id in self._waits() if when <= now][:limit]

    async def next_wake(self) -> datetime | None:
        return next((when for when, _ in self._waits()), None)

    def _waits(self) -> list[tuple[datetime, str]]:
        parked = ((row.wake_at, run_id) for run_id, row in self._runs.items() if row.status is Status.PARKED)
        return sorted((when, run_id) for when, run_id in parked if when is not None)

    async def unfinished(self, limit: int = ALL) -> list[str]:
        running = [run_id for run_id, row in self._runs.items() if row.status is Status.RUNNING]
        return sorted(running, key=lambda run_id: self._runs[run_id].started_at)[:limit]

    async def open_approvals(self, *, tenant: str, after: str = "", limit: int = LISTED) -> list[OpenApproval]:
        start = self._approvals[after][1] if after in self._approvals else (_NEVER, "")
        found = [
            (place, card)
            for _, place, card in self._approvals.values()
            if card is not None and card.tenant == tenant and place > start
        ]
        return self._codec.open_cards([card for _, card in sorted(found)[:limit]])

    async def urgent_approvals(self, *, tenant: str, limit: int = LISTED) -> list[Urgent]:
        found = sorted(
            (RISKS.index(card.risk) if card.risk in RISKS else -1, place, run_id)
            for run_id, place, card in self._approvals.values()
            if card is not None and card.tenant == tenant
        )
        return [Urgent(place[1], run_id, len(self._streams[run_id])) for _, place, run_id in found[:limit]]

    async def waiting(self, *, tenant: str, limit: int = 1_000) -> int:
        found = sum(card is not None and card.tenant == tenant for _, _, card in self._approvals.values())
        return min(found, limit)

    async def find_approval(self, approval_id: str) -> str:
        if approval_id not in self._approvals:
            raise ApprovalNotFound(approval_id)
        return self._approvals[approval_id][0]

    async def find_trace(self, trace_id: str, *, tenant: str) -> str:
        found = [run_id for run_id, row in self._runs.items() if (row.trace_id, row.tenant) == (trace_id, tenant)]
        if not found:
            raise RunNotFound(trace_id)
        return max(found, key=lambda run_id: (self._runs[run_id].started_at, self._places[run_id]))

    async def used(self, scope: str) -> int:
        return self._ledger.used(self._codec.scope(scope))

    async def links(self, after: int = 0, limit: int = ALL) -> list[tuple[int, bytes]]:
        ends: dict[bytes, int] = {}  # link of an append -> where its last event stands
        for stored in self._book[after:]:
            ends.pop(stored.hash, None)
            ends[stored.hash] = stored.position
        return [(position, link) for link, position in list(ends.items())[:limit]]

    async def checkpoint(self, size: int = LARGEST) -> Kept | None:
        return next((kept for kept in reversed(self._checkpoints.values()) if kept.size <= size), None)

    async def keep_checkpoint(self, kept: Kept) -> None:
        self._checkpoints.setdefault(kept.size, kept)

    async def close(self) -> None:
        self._closed = True
        self._tell()
