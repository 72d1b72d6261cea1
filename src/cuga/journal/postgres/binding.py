"""The journal in Postgres: several processes append, the database decides.

`append` encodes and chains on what this process believes of the stream, and waits for its batch. Whenever nothing is
being written, all that has gathered is. A belief that was wrong costs a conflict and is read anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial

import psycopg

from cuga.errors import BadInput, JournalFailed
from cuga.journal.blobs import addressed
from cuga.journal.checkpoint import Kept
from cuga.journal.claims import claims_of
from cuga.journal.codec import Codec, KeysAway, Personal, Scrub
from cuga.journal.port import (
    LARGEST,
    Appended,
    Conflict,
    Index,
    Refused,
    Stored,
    Unknown,
)
from cuga.journal.postgres.address import SYNCHRONOUS, Address
from cuga.journal.postgres.batch import Head, Item, wanted
from cuga.journal.postgres.care import rebuild_claims, retire, verify_book
from cuga.journal.postgres.gathering import Gathering
from cuga.journal.postgres.migrate import migrate
from cuga.journal.postgres.reader import Reader
from cuga.journal.postgres.reading import Reading
from cuga.journal.postgres.writer import Writer
from cuga.journal.seal import Fault, link
from cuga.journal.sqlite.row import joined
from cuga.journal.times import CommitTimes
from cuga.model.event import Event, Status

PAGE = 200  # appends a page of the feed
POLL_S = 0.05  # how often the last position is asked for while somebody follows


def _nothing(_point: str) -> None:
    """Nobody listens at the named points."""


class PostgresJournal(Reading):
    """A book in a database that other processes may write to as well; used from one event loop.

    Opens on first use: `JournalFailed` when the database cannot be reached or its tables are not ours. `durability` is
    "full" (a commit waits for the server's disk, and its synchronous copies) or "process" (`synchronous_commit` off).
    """

    def __init__(
        self,
        address: Address,
        *,
        durability: str = "full",
        scrub: Scrub | None = None,
        personal: Personal | None = None,
        on_point: Callable[[str], None] = _nothing,
    ) -> None:
        if durability not in SYNCHRONOUS:
            raise JournalFailed(f"there is no durability {durability!r}; known are {', '.join(SYNCHRONOUS)}")
        self.address = address
        self.durability = durability
        super().__init__(Codec(scrub, personal=personal), Reader(address))
        self._point = on_point
        self._writer = Writer(address, durability, on_point)
        self._gathering = Gathering(self._writer, self._heads, on_point, self._tell)
        self._feeder = Reader(address)
        self._finding: dict[str, asyncio.Future[Head]] = {}
        self._opening: asyncio.Task[None] | None = None
        self._is_open = self._closed = False
        self._entering = 0  # appends on their way into the queue
        self._watchers: list[asyncio.Future[None]] = []
        self._looking: asyncio.Task[None] | None = None  # who asks for the last position, while somebody follows
        self._last = 0  # the last position that is known
        self.epoch = 1  # how often this journal was begun: 1, and one more for each restore; known once it is open

    @property
    def commits(self) -> int:
        """Batches stored since it was opened."""
        return self._gathering.commits

    @property
    def times(self) -> CommitTimes:
        """How long commits took since the book was opened."""
        return self._writer.times

    @property
    def lost(self) -> int:
        """Connections that were lost with a batch on the way."""
        return self._writer.lost

    @property
    def trouble(self) -> str:
        """What last went wrong with writing; empty: nothing since the last good commit."""
        return self._writer.trouble

    async def open(self) -> None:
        """Reach the database and bring its tables to today's version. Harmless when done."""
        if self._is_open:
            return
        if self._opening is None or self._opening.done():
            self._opening = asyncio.ensure_future(self._open())
        await asyncio.shield(self._opening)

    async def _open(self) -> None:
        await migrate(self.address)
        try:
            await self._writer.connect()
        except psycopg.Error as error:
            raise self.address.failed(error) from error
        self.epoch = await self._reader.epoch()
        self._is_open = True

    # --- appending ---------------------------------------------------------------------------------------------------
    async def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Event],
        *,
        index: Index | None = None,
        blobs: Sequence[bytes] = (),
    ) -> Appended:
        self._entering += 1
        try:
            admitted = await self._admit(stream, expected, events, index, blobs)
        finally:
            self._entering -= 1
        if not isinstance(admitted, Item):
            return admitted
        answer = await admitted.answer
        return self._codec.refused(answer) if isinstance(answer, Refused) else answer

    async def _admit(
        self, stream: str, expected: int, events: Sequence[Event], index: Index | None, blobs: Sequence[bytes]
    ) -> Item | Conflict | Refused:
        """Let an append into the queue, chained on what is believed of its stream."""
        if self._closed or not self._is_open or self._gathering.is_full:
            await self._pass_the_door()
        if not stream or "\x00" in stream or len(stream) > 1000:
            raise BadInput("a stream needs a name of 1 to 1000 letters without NUL")
        codec = self._codec
        while True:
            try:
                encoded, said = codec.encode_all(events, stream)
                if index is not None:
                    index = codec.seal_index(stream, index)
                break
            except KeysAway as away:
                await self._fetch(away)
        if said is not events and (taken := await self._taken_before(events)) is not None:
            return taken
        head = self._heads.get(stream)
        if head is None or head.version != expected:
            head = await self._head(stream, expected)
            if head.version != expected:
                return await self._conflict(stream, head)
        body, size = joined(encoded), 200
        kept = addressed(blobs) if blobs else {}
        if kept:
            size += sum(map(len, kept.values()))
        claims = claims_of(said)
        hash = link(head.prefix, expected, head.hash, encoded) if encoded else head.hash
        item = Item(
            stream=stream, expected=expected, count=len(encoded), before=head.hash, hash=hash, body=body,
            answer=asyncio.get_running_loop().create_future(), head=head, claims=wanted(claims) if claims else (),
            index=index, blobs=kept, size=size + len(body),
        )  # fmt: skip
        head.version, head.hash = expected + len(encoded), hash
        if index is not None and index.run is not None:
            head.leaves = index.run.status is not Status.RUNNING
        self._heads[stream] = head
        self._point("append.admitted")
        self._gathering.join(item)
        return item

    async def _taken_before(self, events: Sequence[Event]) -> Refused | None:
        """What was claimed before scopes were keyed counts with what is claimed since; nothing is added to it."""
        if self._codec.personal is None or not (claims := claims_of(events)):
            return None
        keyed = await self._with_keys(lambda: [self._codec.scope(claim.scope) for claim in claims])
        for claim, scope in zip(claims, keyed, strict=True):
            if scope == claim.scope or claim.amount < 0:
                continue
            before = await self._reader.used(claim.scope)
            if before and (used := before + await self._reader.used(scope)) + claim.amount > claim.limit:
                return Refused(claim=claim, used=used)
        return None

    async def _head(self, stream: str, expected: int) -> Head:
        """The head to append to: the remembered one while appends to it are under way, else as the database has it."""
        head = self._heads.get(stream)
        if head is not None and head.pending:
            return head
        if head is None and expected == 0 and stream not in self._finding:
            return Head(stream)  # most likely a new one; if not, the database says so
        finding = self._finding.get(stream)
        if finding is None:
            finding = self._finding[stream] = asyncio.ensure_future(self._reader.head(stream))
            finding.add_done_callback(lambda _: self._finding.pop(stream, None))
        fresh = await asyncio.shield(finding)
        head = self._heads.get(stream)
        if head is not None and (head.pending or head.version >= fresh.version):
            return head  # while we read, somebody here went on from it
        self._heads[stream] = fresh
        return fresh

    async def _conflict(self, stream: str, head: Head) -> Conflict:
        """Say where the stream stands, but not before the caller could read it there."""
        if head.last is not None and not head.last.done():
            await asyncio.wait([head.last])
            return Conflict(version=await self._reader.version(stream))
        return Conflict(version=head.version)

    async def keep_snapshot(self, body: bytes) -> str:
        self._entering += 1
        try:
            await self._pass_the_door()
            kept = addressed([body])
            item = Item(
                stream="", expected=0, count=0, before=b"", hash=b"", body=b"",
                answer=asyncio.get_running_loop().create_future(), head=Head(""), blobs=kept, size=len(body) + 200,
            )  # fmt: skip
            self._gathering.join(item)
        finally:
            self._entering -= 1
        answer = await item.answer
        if isinstance(answer, Unknown):
            raise JournalFailed(answer.reason)
        return next(iter(kept))

    async def keep_checkpoint(self, kept: Kept) -> None:
        await self._pass_the_door()
        await self._writer.keep_checkpoint(kept.size, kept.position, kept.note, b"".join(kept.peaks))

    async def _pass_the_door(self) -> None:
        if self._closed:
            raise JournalFailed("it is closed")
        await self.open()
        while self._gathering.is_full:
            await self._news()

    # --- news for followers ------------------------------------------------------------------------------------------
    async def feed(self, after: int = 0, *, follow: bool = False) -> AsyncIterator[Stored]:
        await self.open()
        while not (follow and self._closed):
            try:
                page = await self._feeder.page(after, PAGE)
            except JournalFailed:
                if self._closed:
                    return
                raise
            for event in await self._with_keys(partial(self._codec.open_all, page)):
                after = event.position
                yield event
            if page:
                self._last = max(self._last, after)
            elif not follow or self._closed:
                return
            elif self._last <= after:
                await self._news(look=True)

    async def _news(self, *, look: bool = False) -> None:
        """Wait until something was written: here, or with `look` by anybody."""
        if look and (self._looking is None or self._looking.done()):
            self._looking = asyncio.ensure_future(self._look())
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append(watcher)
        try:
            await watcher
        finally:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

    async def _look(self) -> None:
        """Ask for the last position as long as somebody waits."""
        while self._watchers and not self._closed:
            await asyncio.sleep(POLL_S)
            try:
                last = await self._feeder.last_position()
            except JournalFailed:
                continue  # an outage; whoever follows goes on behind it
            if last > self._last:
                self._last = last
                self._tell()

    def _tell(self) -> None:
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    # --- care --------------------------------------------------------------------------------------------------------
    async def verify(self) -> list[Fault]:
        """All that is wrong with the book: chains, blobs, claims. Empty: it holds."""
        await self.open()
        return await asyncio.to_thread(verify_book, self.address)

    async def rebuild_claims(self) -> dict[str, tuple[int, int]]:
        """Count the claims again from the streams. Answers each scope that differed: what was kept, what is counted."""
        await self.open()
        return await asyncio.to_thread(rebuild_claims, self.address)

    async def retire(
        self, runs: Mapping[str, Sequence[bytes]], blobs: Collection[str] = (), *, seen: int = LARGEST
    ) -> None:
        await self.open()
        await asyncio.to_thread(retire, self.address, runs, blobs, seen)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        while self._entering or self._gathering.is_busy:
            await (self._gathering.rest() if self._gathering.is_busy else asyncio.sleep(0.001))
        self._tell()
        for task in (self._looking, self._opening):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait([task])
        for one in (self._writer, self._reader, self._feeder):
            await one.close()
