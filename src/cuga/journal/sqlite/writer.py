"""The one hand that writes: a transaction a batch, on whichever thread it is asked, one at a time.

It answers nothing itself. A transaction that fails is rolled back, and what may be left of it in the write-ahead log is
written over before anybody acts on the failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import apsw

from cuga.errors import JournalFailed
from cuga.journal.blobs import unnamed
from cuga.journal.sqlite.batch import Batch, flat
from cuga.journal.sqlite.connect import CHECKPOINT_PAGES
from cuga.journal.sqlite.row import as_bytes, joined
from cuga.journal.statements import queries, rows
from cuga.journal.tombstone import RETIRED

POINTS = ("append.admitted", "commit.begin", "commit.written", "commit.done", "append.answered")
STORED, FAILED, UNKNOWN = "stored", "failed", "unknown"  # surely there, surely not, nobody knows
SIZES = (8, 32, 128, 512)  # rows a statement; few sizes, so that each stays prepared, and what is missing is left empty


class Written:
    """What became of a batch."""

    __slots__ = ("error", "full", "seconds", "state")

    def __init__(self, state: str, seconds: float, error: Exception | None = None) -> None:
        self.state = state  # STORED, FAILED or UNKNOWN
        self.seconds = seconds
        self.error = error
        self.full = isinstance(error, apsw.FullError)


class Writer:
    """Owns the writing connection. `on_point` is told each of `POINTS` as it is passed."""

    def __init__(self, connection: apsw.Connection, on_point: Callable[[str], None]) -> None:
        self._connection = connection
        self._point = on_point
        self._pages = 0
        self._connection.set_wal_hook(self._grew)  # in place of the automatic checkpoint, which could stall the loop
        self._run = self._connection.cursor().execute
        self._sql = queries("write")
        self._sized = {
            name: (sql, [(size, rows(sql, size)) for size in SIZES])
            for name, sql in self._sql.items()
            if "values (?" in sql
        }
        self._begin, self._commit = self._sql["begin"], self._sql["commit"]

    def _grew(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    @property
    def wants_checkpoint(self) -> bool:
        return self._pages >= CHECKPOINT_PAGES

    def write(self, batch: Batch) -> Written:
        """Store a batch durably, and say what became of it. Never raises for a fault of the store."""
        start = time.perf_counter()
        committing = False
        try:
            self._point("commit.begin")
            self._run(self._begin)
            for name, values, width in batch.statements():
                self._insert(name, values, width)
            self._point("commit.written")
            committing = True
            self._run(self._commit)
            self._point("commit.done")
        except Exception as error:
            return Written(self._after(batch, committing, error), time.perf_counter() - start, error)
        return Written(STORED, time.perf_counter() - start)

    def _insert(self, name: str, values: list[Any], width: int) -> None:
        one, sized = self._sized[name]
        if len(values) == width:  # a lone append's
            self._run(one, values)
            return
        at, largest = 0, SIZES[-1] * width
        while len(values) - at > largest:
            self._run(sized[-1][1], values[at : at + largest])
            at += largest
        left = len(values) - at
        size, sql = next((size, sql) for size, sql in sized if size * width >= left)
        self._run(sql, [*values[at:], *[None] * (size * width - left)])

    def _after(self, batch: Batch, committing: bool, error: Exception) -> str:
        """What became of a batch whose transaction raised."""
        try:
            if self._connection.in_transaction:  # a full disk or a failed write has rolled back by itself
                self._run(self._sql["rollback"])
            if not committing:
                return FAILED
            if batch.last_id and self._holds(batch):
                return STORED
            # A failed sync may leave a whole transaction in the log, which a crash now would bring back to life.
            self._run(self._sql["heal"])
        except apsw.Error:
            # A write that found the disk full never reached the mark that ends a transaction.
            return UNKNOWN if committing and not isinstance(error, apsw.FullError) else FAILED
        return FAILED

    def _holds(self, batch: Batch) -> bool:
        return any(found == batch.last_hash for (found,) in self._run(self._sql["hash_at"], (batch.last_id,)))

    def checkpoint(self) -> str:
        """Move the log into the file and answer what went wrong, or nothing: commits are durable in the log as well.

        Only the writer does this; a reader in the way only puts it off.
        """
        self._pages = 0
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            return f"the log could not be moved into the file: {error}"
        return ""

    def replace_scopes(self, kept: dict[str, int], counted: dict[str, int]) -> dict[str, tuple[int, int]]:
        """Put what was counted in the place of what is kept. Answers where the two differed."""
        with self._connection:
            self._run(self._sql["clear_scopes"])
            self._insert("set_scopes", flat(counted.items()), 2)
        scopes = sorted(kept.keys() | counted.keys())
        pairs = {scope: (kept.get(scope, 0), counted.get(scope, 0)) for scope in scopes}
        return {scope: pair for scope, pair in pairs.items() if pair[0] != pair[1]}

    def retire(self, runs: Mapping[str, Sequence[bytes]], blobs: Collection[str], seen: int) -> None:
        """Put tombstones in the place of events, and write the file anew without what was there. `JournalFailed`."""
        sql = self._sql
        try:
            with self._connection:
                for stream, bodies in runs.items():
                    appends: list[Any] = self._run(sql["appends_of"], (stream, len(bodies))).fetchall()
                    for position, expected, version in appends:
                        self._run(sql["retire_append"], (joined(bodies[expected:version]), position))
                    self._run(sql["retire_run"], (RETIRED, RETIRED, stream))
                later = (as_bytes(events) for (events,) in self._run(sql["later"], (seen,)))
                for digest in unnamed(blobs, later):
                    self._run(sql["drop_blob"], (digest,))
            self._run(sql["vacuum"])  # what was there is not left in free pages
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)  # nor in the log
        except apsw.Error as error:
            raise JournalFailed(f"the tombstones could not be written: {error}") from error

    def close(self) -> str:
        """Let the file go. Answers what went wrong, or nothing: the log stays then, and with it all that is durable."""
        try:
            self._connection.close()
        except apsw.Error as error:
            return f"the log could not be moved into the file: {error}"
        return ""
