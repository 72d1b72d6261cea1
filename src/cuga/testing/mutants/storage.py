"""Bugs of writing: what is answered, when it is durable, and what lies in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import apsw
import msgspec

from cuga.journal.claims import Ledger
from cuga.journal.codec import Codec
from cuga.journal.sqlite import batch, binding, commit, lock
from cuga.journal.sqlite.batch import Batch
from cuga.journal.sqlite.writer import Writer, Written
from cuga.testing.mutants.bed import Bed, storage_mutant


@storage_mutant
def nothing_is_synced(bed: Bed) -> None:
    """A commit is answered when the operating system has it, and not the disk."""
    right = Writer.__init__

    def wrong(self: Writer, *given: Any, **more: Any) -> None:
        right(self, *given, **more)
        self._connection.execute("pragma synchronous = off")

    bed.set(Writer, "__init__", wrong)


@storage_mutant
def answered_before_it_is_committed(bed: Bed) -> None:
    """A batch is called stored at once, and written with the next one."""
    right_write, right_close = Writer.write, Writer.close
    owed: dict[int, Batch] = {}

    def write(self: Writer, fresh: Batch) -> Written:
        before = owed.pop(id(self), None)
        owed[id(self)] = fresh
        return right_write(self, before) if before is not None else Written("stored", 0.0)

    def close(self: Writer) -> str:
        if (left := owed.pop(id(self), None)) is not None:
            right_write(self, left)
        return right_close(self)

    bed.set(Writer, "write", write)
    bed.set(Writer, "close", close)


@storage_mutant
def a_failed_commit_is_called_stored(bed: Bed) -> None:
    """What the disk refused is answered as committed."""
    right = Writer.write

    def wrong(self: Writer, fresh: Batch) -> Written:
        written = right(self, fresh)
        return written if written.state == "stored" else Written("stored", written.seconds)

    bed.set(Writer, "write", wrong)


@storage_mutant
def an_unsure_commit_is_called_failed(bed: Bed) -> None:
    """After a failed sync nobody looks what is in the log, and the append is answered as failed."""

    def wrong(self: Writer, fresh: Batch, committing: bool, error: Exception) -> str:
        if self._connection.in_transaction:
            self._run("rollback")
        return "failed"

    bed.set(Writer, "_after", wrong)


@storage_mutant
def heads_outlive_a_failure(bed: Bed) -> None:
    """After a failed transaction the versions it would have led to are still believed."""

    def wrong(self: binding.SqliteJournal) -> None:
        self._ledger.trim()
        self._stale = self._guarded = True

    bed.set(binding.SqliteJournal, "_forget", wrong)


@storage_mutant
def claims_outlive_a_failure(bed: Bed) -> None:
    """After a failed transaction what it would have taken stays taken."""

    def wrong(self: binding.SqliteJournal) -> None:
        self._heads = {}
        self._stale = self._guarded = True

    bed.set(binding.SqliteJournal, "_forget", wrong)


def _afterwards(bed: Bed, *late: str) -> None:
    """Some tables are written in a transaction of their own, behind the one with the events."""
    right_statements, right_write = Batch.statements, Writer.write

    def statements(self: Batch) -> Any:
        return (one for one in right_statements(self) if one[0] not in late)

    def write(self: Writer, fresh: Batch) -> Written:
        written = right_write(self, fresh)
        if written.state == "stored":
            try:
                for name, values, width in right_statements(fresh):
                    if name in late:
                        self._insert(name, values, width)
            except apsw.Error:
                return written
        return written

    bed.set(Batch, "statements", statements)
    bed.set(Writer, "write", write)


@storage_mutant
def blobs_come_after_their_events(bed: Bed) -> None:
    """Bytes out of line are stored once the event that names them is."""
    _afterwards(bed, "add_blobs")


@storage_mutant
def claims_come_after_their_events(bed: Bed) -> None:
    """What is taken is stored in a transaction of its own."""
    _afterwards(bed, "set_scopes")


@storage_mutant
def rows_come_after_their_events(bed: Bed) -> None:
    """The lines of runs and requests are stored in a transaction of their own."""
    _afterwards(bed, "set_runs", "open_approvals", "close_approvals")


@storage_mutant
def the_log_is_dropped_too_early(bed: Bed) -> None:
    """At the end the log is emptied, and not moved into the file first."""
    right = Writer.close

    def wrong(self: Writer) -> str:
        name = self._connection.filename_wal
        with open(name, "r+b") as log:
            log.truncate(0)
        return right(self)

    bed.set(Writer, "close", wrong)


@storage_mutant
def what_was_behind_a_failure_is_written(bed: Bed) -> None:
    """A failed transaction takes nothing with it: what was decided on top of it is written all the same."""
    right = commit.GroupCommit._give_up

    def wrong(self: commit.GroupCommit, failed: Batch, written: Written) -> None:
        behind, self.batch = self.batch, Batch()
        right(self, failed, written)
        self.batch = behind

    bed.set(commit.GroupCommit, "_give_up", wrong)


@storage_mutant
def any_version_will_do(bed: Bed) -> None:
    """An append is taken whatever it was decided on."""
    right = binding.SqliteJournal.append

    async def wrong(self: binding.SqliteJournal, stream: str, expected: int, events: Any, **more: Any) -> Any:
        head = self._heads.get(stream) or self._find(stream)
        return await right(self, stream, head.version, events, **more)

    bed.set(binding.SqliteJournal, "append", wrong)


@storage_mutant
def a_limit_is_not_looked_at(bed: Bed) -> None:
    """What is scarce is counted and never refused."""
    right = Ledger.reserve

    def wrong(self: Ledger, claims: Sequence[Any]) -> Any:
        return right(self, [msgspec.structs.replace(claim, limit=1 << 62) for claim in claims])

    bed.set(Ledger, "reserve", wrong)


@storage_mutant
def two_may_write(bed: Bed) -> None:
    """A second process opens the file as well."""
    bed.set(lock, "_take", lambda descriptor: None)


@storage_mutant
def the_chain_is_over_values(bed: Bed) -> None:
    """The link is made over what the bytes mean, not over the bytes."""
    right: Callable[..., bytes] = vars(binding)["link"]

    def wrong(prefix: bytes, expected: int, before: bytes, bodies: Any) -> bytes:
        return right(prefix, expected, before, [msgspec.json.encode(msgspec.json.decode(body)) for body in bodies])

    bed.set(binding, "link", wrong)


@storage_mutant
def the_chain_forgets_its_stream(bed: Bed) -> None:
    """A link does not say which stream it is of, so that records can change places."""
    right = vars(batch)["prefix_of"]
    bed.set(batch, "prefix_of", lambda stream: right(""))


@storage_mutant
def a_secret_is_hashed_before_it_is_hidden(bed: Bed) -> None:
    """Known secrets are replaced where events are read, and lie in the file."""
    right = Codec._encode_all

    def wrong(self: Codec, events: Any) -> Any:
        scrub, self._scrub = self._scrub, None
        try:
            return right(self, events)
        finally:
            self._scrub = scrub

    bed.set(Codec, "_encode_all", wrong)


@storage_mutant
def retired_words_stay_in_the_file(bed: Bed) -> None:
    """Tombstones are written, and what was there stays in free pages and in the log."""
    right = Writer.retire

    def wrong(self: Writer, *said: Any) -> None:
        run, self._run = self._run, lambda query, *more: None if query == "vacuum" else run(query, *more)  # type: ignore[assignment]
        try:
            right(self, *said)
        finally:
            self._run = run

    bed.set(Writer, "retire", wrong)
