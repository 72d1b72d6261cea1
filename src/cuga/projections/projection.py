"""Folds over the whole journal, kept up by reading on from where they stand.

A `Projection` is pure: it changes its rows by one fact at a time. A `Store` keeps rows and the position they stand for,
together or not at all. What a store has lost, or what was folded from another journal, is folded again without asking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from cuga.errors import CugaError
from cuga.journal.codec import PLAIN, Codec
from cuga.journal.port import ReadJournal
from cuga.model.event import Event
from cuga.model.value import Value

BATCH = 2_000  # events between two savings
ATTEMPTS = 100  # savings in which another process was faster, or files found damaged, before we give up
KEPT_ROWS = 20_000  # rows held in memory between savings

_encode = msgspec.json.Encoder().encode  # rows are never hashed; their keys may be numbers, which have no order there

R = TypeVar("R")


class Mark(Value, frozen=True, kw_only=True):
    """How far a fold has read: the position of the last event and its hash, which names the journal it came from."""

    position: int = 0
    hash: bytes = b""


class ViewsLost(CugaError):
    """The stored views could not be used and were begun anew; whatever was folded must be folded again."""

    code = "views_lost"


class ViewsUnstable(CugaError):
    """The stored views change under every attempt to bring them up to date."""

    code = "views_unstable"
    mend = "Stop the other processes of this house, or delete views.db: it is made again from the journal."


class Store(Protocol):
    """Where folded rows lie. Every method may raise `ViewsLost`: then the store is empty and works."""

    def begin(self, name: str, version: int) -> Mark:
        """Where a projection stands; rows of another version are dropped first."""
        ...

    def read(self, name: str, key: str) -> bytes | None:
        """One row."""
        ...

    def every(self, name: str, prefix: str) -> Iterator[tuple[str, bytes]]:
        """All rows whose key begins so, in the order of their keys."""
        ...

    def page(self, name: str, prefix: str, after: str, limit: int) -> Iterator[tuple[str, bytes]]:
        """The first rows whose key begins so and comes after another, in the order of their keys."""
        ...

    def save(self, name: str, before: Mark, after: Mark, rows: Mapping[str, bytes | None]) -> bool:
        """Keep changed rows (None: gone) and the new mark in one go; False when somebody else has moved the mark."""
        ...

    def drop(self, name: str) -> None:
        """Forget all rows and the mark of a projection."""
        ...

    def wipe(self) -> None:
        """Forget everything, so that nothing of it stays where it lay."""
        ...

    def close(self) -> None:
        """Let the store go."""
        ...


class Rows(Generic[R]):
    """The rows of one projection while it is applied: read through to the store, changes gathered until saved."""

    def __init__(self, read: Callable[[str], R | None]) -> None:
        self._read = read
        self._known: dict[str, R | None] = {}
        self._changed: set[str] = set()

    def get(self, key: str) -> R | None:
        """A row, or None."""
        if key not in self._known:
            self._known[key] = self._read(key)
        return self._known[key]

    def put(self, key: str, row: R | None) -> None:
        """Set a row, or take it away with None. A row changed in place must be put again."""
        self._known[key] = row
        self._changed.add(key)

    def changes(self) -> dict[str, R | None]:
        """What differs from the store."""
        return {key: self._known[key] for key in self._changed}

    def settle(self) -> None:
        """The changes are stored."""
        self._changed.clear()
        if len(self._known) > KEPT_ROWS:
            self._known.clear()


class Projection(Protocol[R]):
    """A fold. `version` is another number once the same facts give other rows; `row` is the type of the rows."""

    name: str
    version: int
    row: Any

    def apply(self, rows: Rows[R], stream: str, event: Event) -> None:
        """Change the rows by one fact. Pure: rows and fact alone decide."""
        ...


class View(Generic[R]):
    """A projection with its store: what has been folded so far."""

    def __init__(self, projection: Projection[R], store: Store) -> None:
        self.projection = projection
        self._store = store
        self._decode = msgspec.json.Decoder(projection.row).decode
        self._mark: Mark | None = None
        self._seen = Mark()  # as `_mark`, with what is applied but not saved
        self._rows: Rows[R] = Rows(self._stored)
        self._is_known_journal = False

    @property
    def position(self) -> int:
        """The position of the last event that is folded and saved."""
        return self._load().position

    def get(self, key: str) -> R | None:
        """A saved row."""
        return self._stored(key)

    def every(self, prefix: str = "") -> Iterator[tuple[str, R]]:
        """All saved rows whose key begins so, in the order of their keys."""
        for key, body in self._store.every(self.projection.name, prefix):
            yield key, self._row(body)

    def page(self, prefix: str, after: str, limit: int) -> Iterator[tuple[str, R]]:
        """The first saved rows whose key begins so and comes after another (empty: from the beginning)."""
        for key, body in self._store.page(self.projection.name, prefix, after, limit):
            yield key, self._row(body)

    def rebuild(self) -> None:
        """Drop what is stored; the next catching up folds from the first event."""
        self._store.drop(self.projection.name)
        self.forget()

    def forget(self) -> None:
        """Let go of what is in memory; the store says anew where the fold stands."""
        self._mark = None
        self._rows = Rows(self._stored)
        self._is_known_journal = False

    # --- for catch_up -------------------------------------------------------------------------------------------------
    def _load(self) -> Mark:
        if self._mark is None:
            self._mark = self._seen = self._store.begin(self.projection.name, self.projection.version)
        return self._mark

    @property
    def _reach(self) -> int:
        self._load()
        return self._seen.position

    def _stored(self, key: str) -> R | None:
        body = self._store.read(self.projection.name, key)
        return None if body is None else self._row(body)

    def _row(self, body: bytes) -> R:
        try:
            row: R = self._decode(body)
        except msgspec.MsgspecError as error:
            self.rebuild()
            raise ViewsLost(str(error)) from error
        return row

    async def _check(self, journal: ReadJournal) -> None:
        """Whether the mark is of this journal: a restored or another one has another event there, or none."""
        mark = self._load()
        if not self._is_known_journal and mark.position:
            found = b""
            async for stored in journal.feed(mark.position - 1):
                found = stored.hash if stored.position == mark.position else b""
                break
            if found != mark.hash:
                self.rebuild()
                self._load()
        self._is_known_journal = True

    def _apply(self, position: int, hash: bytes, stream: str, event: Event) -> None:
        try:
            self.projection.apply(self._rows, stream, event)
        except BaseException:
            self.forget()  # half a fact must not be saved
            raise
        self._seen = Mark(position=position, hash=hash)

    def _save(self) -> bool:
        before = self._load()
        if self._seen == before:
            return True
        changes = {key: None if row is None else _encode(row) for key, row in self._rows.changes().items()}
        if not self._store.save(self.projection.name, before, self._seen, changes):
            self.forget()
            return False
        self._mark = self._seen
        self._rows.settle()
        return True


async def catch_up(
    journal: ReadJournal, views: Sequence[View[Any]], *, batch: int = BATCH, codec: Codec = PLAIN
) -> int:
    """Read on to the end of the journal, once for all views; returns how many events were read.

    An event that this version cannot read raises `EventUnreadable`; what came before it is saved.
    """
    for _ in range(ATTEMPTS):
        try:
            for view in views:
                await view._check(journal)
            count = await _read_on(journal, views, batch, codec)
        except ViewsLost:
            count = None
        if count is not None:
            return count
        for view in views:
            view.forget()
    raise ViewsUnstable(f"{ATTEMPTS} attempts")


async def _read_on(journal: ReadJournal, views: Sequence[View[Any]], batch: int, codec: Codec) -> int | None:
    """How many events were read, or None when another process moved a view meanwhile."""
    count = 0
    start = min((view._reach for view in views), default=0)
    try:
        async for stored in journal.feed(start):
            event = codec.decode(stored.readable)
            for view in views:
                if view._reach < stored.position:
                    view._apply(stored.position, stored.hash, stored.stream, event)
            count += 1
            if count % batch == 0 and not _save(views):
                return None
    except CugaError as error:
        if not isinstance(error, ViewsLost):
            _save(views)
        raise
    return count if _save(views) else None


def _save(views: Sequence[View[Any]]) -> bool:
    saved = [view._save() for view in views]  # every one, whatever became of those before it
    return all(saved)
