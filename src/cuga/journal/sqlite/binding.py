"""The journal in a SQLite file: decides in memory, stores in groups.

`append` checks version and claims against everything that is queued, encodes and chains at once, and waits for the
commit. If a transaction fails, all that is queued fails with it, and heads and scopes are read anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from cuga.errors import JournalFailed
from cuga.journal.blobs import addressed
from cuga.journal.checkpoint import Kept
from cuga.journal.claims import Ledger, claims_of
from cuga.journal.codec import Codec, Personal, Scrub
from cuga.journal.port import LARGEST, Appended, Backed, Committed, Conflict, Index, Refused, Unknown
from cuga.journal.seal import Fault, link
from cuga.journal.sqlite.ballast import Ballast
from cuga.journal.sqlite.batch import Batch, Head, index_rows
from cuga.journal.sqlite.care import back_up, count_claims, verify_file
from cuga.journal.sqlite.commit import GroupCommit
from cuga.journal.sqlite.connect import SYNCHRONOUS, open_writer
from cuga.journal.sqlite.follow import Reading
from cuga.journal.sqlite.lock import Lock
from cuga.journal.sqlite.reader import Reader
from cuga.journal.sqlite.row import joined
from cuga.journal.sqlite.writer import STORED, Writer, Written
from cuga.journal.times import CommitTimes
from cuga.model.event import Event, Status

BATCH_APPENDS = 6_000  # a batch with more, or with more bytes, closes the door until it is being written
BATCH_BYTES = 8 << 20
REMEMBERED = 20_000  # heads, and scopes; beyond it the idle ones are forgotten
_BESIDE = Committed(version=0)  # the answer for what lies beside the streams
T = TypeVar("T")


def _nothing(_point: str) -> None:
    """Nobody listens at the named points."""


class SqliteJournal(Reading):
    """A journal file, owned by this process until `close`, used from one event loop at a time.

    Raises `HouseBusy` when another process owns the file, `JournalFailed` when it cannot be opened. `durability` is
    "full" (a commit survives power loss) or "process" (it survives the death of this process). `on_point` is told each
    of `writer.POINTS` as it is passed, from whichever thread passes it.
    """

    _last_pk: int  # of the newest stream, and the position of the last event: with what is queued
    _last_id: int
    _loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        path: Path | str,
        *,
        durability: str = "full",
        scrub: Scrub | None = None,
        personal: Personal | None = None,
        on_point: Callable[[str], None] = _nothing,
        vfs: str | None = None,
        prefill: bool = True,
    ) -> None:
        if durability not in SYNCHRONOUS:
            raise JournalFailed(f"there is no durability {durability!r}; known are {', '.join(SYNCHRONOUS)}")
        self.path = Path(path).absolute()
        self.durability = durability
        self._lock = Lock(self.path)
        try:
            self._ballast = Ballast(self.path)
            self._writer = Writer(open_writer(self.path, durability, vfs, prefill=prefill), on_point)
            self._reader = Reader(self.path, vfs)
        except BaseException:
            self._lock.release()
            raise
        self._codec = Codec(scrub, personal=personal)
        self._point = on_point
        self._commit = GroupCommit(self._writer, self._settled, on_point)
        self._ledger = Ledger(self._reader.used, self._codec.used_before(self._reader.used))
        self._heads: dict[str, Head] = {}
        self._closed = False
        self._held = 0  # how many need the file for themselves
        self._stale = True  # heads and scopes are not known
        self._guarded = True  # any of these, a spent ballast or a full batch: each append is looked at first

    @property
    def trouble(self) -> str:
        """What last went wrong with writing; empty: nothing since the last good commit."""
        return self._commit.trouble

    @property
    def times(self) -> CommitTimes:
        """How long commits took since the file was opened."""
        return self._commit.times

    @property
    def commits(self) -> int:
        """Transactions stored since the file was opened."""
        return self._commit.count

    async def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Event],
        *,
        index: Index | None = None,
        blobs: Sequence[bytes] = (),
    ) -> Appended:
        loop = asyncio.get_running_loop()
        if self._guarded or loop is not self._loop:
            await self._pass_the_door(loop, events)
        head = self._heads.get(stream) or self._find(stream)
        if head.version != expected:
            return await self._conflict(head)
        codec = self._codec
        bodies, said = codec.encode_all(events, stream)
        kept = addressed(blobs) if blobs else None
        pk, seq = head.pk or self._last_pk + 1, expected + len(bodies)
        if index is not None and codec.personal is not None:
            index = codec.seal_index(stream, index)
        rows = index_rows(pk, seq, index) if index is not None else None
        claims = claims_of(said)
        batch = self._commit.batch
        if claims:
            held = self._ledger.reserve(claims)
            if isinstance(held, Refused):
                return codec.refused(held)
            batch.scopes |= held
        # It is accepted: from here to the queue nothing may raise.
        if not head.pk:
            self._last_pk = head.pk = pk
            self._heads[stream] = head
            batch.streams += (pk, stream)
        if bodies:
            text = joined(bodies)
            head.hash = hash = link(head.prefix, expected, head.hash, bodies)
            head.version = seq
            self._last_id = position = self._last_id + seq - expected
            batch.add(position, pk, expected, seq, text, hash)
        if rows is not None:
            batch.note(rows)
            if index is not None and index.run is not None:
                head.leaves = index.run.status is not Status.RUNNING
        if kept:
            batch.keep(kept)
        self._point("append.admitted")
        durable = self._commit.join(loop, head, Committed(version=seq))
        if batch.size > BATCH_BYTES or len(batch.waiting) > BATCH_APPENDS:
            self._guarded = True  # `_full`, spelled out: this is the hot path
        return await durable

    def _find(self, stream: str) -> Head:
        """The head of a stream as the file has it. With `pk` 0 there is none, and nothing is remembered yet."""
        head = self._reader.head(stream)
        if head is None:
            return Head(stream)
        self._heads[stream] = head
        return head

    async def _conflict(self, head: Head) -> Conflict:
        """Say where the stream stands, but not before the caller could read it there."""
        if head.last is not None and not head.last.done():
            await asyncio.wait([head.last])
            return Conflict(version=self._reader.version(head.stream))
        return Conflict(version=head.version)

    async def sealed(self, stream: str, body: bytes) -> bytes:
        return self._codec.seal_blob(stream, body)

    async def keep_snapshot(self, body: bytes) -> str:
        kept = addressed([body])
        await self._beside(lambda batch: batch.keep(kept))
        return next(iter(kept))

    async def keep_checkpoint(self, kept: Kept) -> None:
        values = (kept.size, kept.position, kept.note, b"".join(kept.peaks))
        await self._beside(lambda batch: batch.checkpoints.extend(values))

    async def _beside(self, add: Callable[[Batch], None]) -> None:
        """Store what belongs to no stream."""
        loop = asyncio.get_running_loop()
        if self._guarded or loop is not self._loop:
            await self._pass_the_door(loop, ())
        add(self._commit.batch)
        durable = self._commit.join(loop, Head(""), _BESIDE)
        self._guarded |= self._full
        if isinstance(answer := await durable, Unknown):
            raise JournalFailed(answer.reason)

    async def _pass_the_door(self, loop: asyncio.AbstractEventLoop, events: Sequence[Event]) -> None:
        """Wait for room, or say why nothing can be appended now."""
        self._enter(loop)
        while True:
            if self._closed:
                raise JournalFailed("it is closed")
            if self._held or self._full:
                await self._commit.news()
                continue
            if self._stale:
                self._last_pk, self._last_id = self._reader.last_pk(), self._reader.last_id()
                self._stale = False
            self._ballast.recover()
            if not self._ballast.admits(events):
                raise JournalFailed("the disk is full, nothing new may start", mend="Make room on the disk.")
            self._guarded = self._ballast.spent
            return

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        if self._commit.lost_its_loop(loop):
            self._forget()

    @property
    def _full(self) -> bool:
        batch = self._commit.batch
        return batch.size > BATCH_BYTES or len(batch.waiting) > BATCH_APPENDS

    def _settled(self, batch: Batch, written: Written) -> None:
        """What is remembered after a transaction."""
        if written.state != STORED:
            self._forget()
            if written.full:
                self._ballast.release()
            return
        for _, _, head in batch.waiting:
            if head.leaves and not head.pending:
                self._heads.pop(head.stream, None)
        if len(self._heads) > REMEMBERED:
            self._heads = {stream: head for stream, head in self._heads.items() if head.pending}
        if len(self._ledger) > REMEMBERED:
            self._ledger.trim(self._commit.batch.scopes)

    def _forget(self) -> None:
        self._heads = {}
        self._ledger.trim()
        self._stale = self._guarded = True

    # --- news for followers ------------------------------------------------------------------------------------------
    def _mark(self) -> int:
        return self._commit.count

    async def _news(self, mark: int) -> None:
        while self._commit.count == mark and not self._closed:
            await self._commit.news()

    # --- care --------------------------------------------------------------------------------------------------------
    async def verify(self) -> list[Fault]:
        """All that is wrong with the file: chains, blobs, claims. Empty: it holds."""
        return await asyncio.to_thread(verify_file, self.path)

    async def backup(self, target: Path | str) -> Backed:
        """Copy what is durable now into a new file, while work goes on."""
        return await asyncio.to_thread(back_up, self.path, Path(target))

    async def rebuild_claims(self) -> dict[str, tuple[int, int]]:
        """Count the claims again from the streams. Answers each scope that differed: what was kept, what is counted."""
        return await self._apart(lambda: self._writer.replace_scopes(*count_claims(self.path)))

    async def retire(
        self, runs: Mapping[str, Sequence[bytes]], blobs: Collection[str] = (), *, seen: int = LARGEST
    ) -> None:
        await self._apart(lambda: self._writer.retire(runs, blobs, seen))

    async def _apart(self, work: Callable[[], T]) -> T:
        """Do some work on the file while nothing is appended."""
        self._held += 1
        self._guarded = True
        try:
            return await self._commit.apart(work)
        finally:
            self._held -= 1
            self._forget()
            self._commit.tell()

    async def close(self) -> None:
        if self._closed:
            return
        self._enter(asyncio.get_running_loop())
        self._closed = self._guarded = True
        while not self._commit.idle:
            await self._commit.news()
        self._commit.stop()
        self._commit.tell()
        try:
            self._reader.close()
            self._commit.trouble = self._writer.close()  # the last to go: it moves the log into the file
        finally:
            self._lock.release()
