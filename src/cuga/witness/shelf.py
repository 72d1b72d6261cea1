"""Where a witness keeps what it has seen: a file of its own, or memory. What is kept is on the disk before it is said.

It is no part of the journal: two houses that witness each other would else write to each other without an end.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import NamedTuple, Protocol

import apsw

from cuga.errors import BadInput, JournalFailed
from cuga.journal.checkpoint import Checkpoint, read_note
from cuga.sql import named


class Seen(NamedTuple):
    """The newest checkpoint that was seen of one epoch of a journal; times in seconds since 1970. `note` has those
    signatures of the house that held, and the witness's own."""

    origin: str
    epoch: int
    size: int
    note: bytes
    since: int  # when the first checkpoint of this epoch came
    at: int

    def said(self) -> Checkpoint:
        """What the note says."""
        return read_note(self.note)[0]


class Shelf(Protocol):
    """What a witness asks of the place. `JournalFailed` where it cannot be written or read: nothing was kept."""

    def newest(self, origin: str) -> Seen | None:
        """What was seen last of the newest epoch of a journal."""
        ...

    def all(self) -> list[Seen]:
        """Everything, by origin and epoch."""
        ...

    def move(self, before: Seen | None, now: Seen) -> bool:
        """Keep what is seen now in the place of what was read before, durably; false when somebody else was faster, or
        when it would be a step back."""
        ...

    def take_over(self, shelf: Shelf) -> None:
        """Hold what another place held instead of what is here, and let that one hold nothing any more."""
        ...

    def drop_all(self) -> None:
        """Hold nothing any more: it lies elsewhere now."""
        ...

    def close(self) -> None:
        """Let the place go."""
        ...


class ShelfFile:
    """A `Shelf` in a SQLite file, which is made when the first checkpoint comes; ":memory:" keeps nothing."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._sql = named("cuga.witness", "witness.sql")
        self._db: apsw.Connection | None = None
        self._turn = threading.Lock()

    def newest(self, origin: str) -> Seen | None:
        found = self._do("newest", origin) if self._is_begun else []
        return Seen(*found[0]) if found else None

    def all(self) -> list[Seen]:
        return [Seen(*row) for row in self._do("every")] if self._is_begun else []

    def move(self, before: Seen | None, now: Seen) -> bool:
        if before is not None and before.epoch == now.epoch:
            return bool(self._do("replace", now.size, now.note, now.at, now.origin, now.epoch, before.note))
        return bool(self._do("add", *now))

    def take_over(self, shelf: Shelf) -> None:
        if found := shelf.all():
            self.drop_all()
            for one in found:
                self._do("add", *one)
            shelf.drop_all()

    def drop_all(self) -> None:
        if self._is_begun:
            self._do("drop")

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _do(self, name: str, *values: str | int | bytes) -> list[tuple[str, int, int, bytes, int, int]]:
        try:
            with self._turn:
                return list(self._open().execute(self._sql[name], values))
        except apsw.Error as error:
            raise JournalFailed(f"what this house has witnessed: {error}") from error

    @property
    def _is_begun(self) -> bool:
        """Whether there may be something: asking must not make the file."""
        return self._db is not None or isinstance(self._path, str) or self._path.exists()

    def _open(self) -> apsw.Connection:
        if self._db is None:
            try:
                if isinstance(self._path, Path):
                    os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
                db = apsw.Connection(str(self._path))
                db.set_busy_timeout(5_000)
                db.pragma("journal_mode", "wal")
                db.pragma("synchronous", "full")  # what was witnessed stays so after a power loss
                db.execute(self._sql["tables"])
            except (OSError, apsw.Error) as error:
                raise BadInput(
                    f"{self._path} cannot be opened: {error}",
                    mend="Put it back from a backup: a witness that forgets can be told another story.",
                ) from error
            self._db = db
        return self._db
