"""Looking after the file: is it whole, copy it, put a copy back, count its claims again.

Everything here reads on a connection of its own, inside one transaction, so it sees one moment of the journal and gets
in nobody's way.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import apsw

from cuga.errors import BadInput, JournalCorrupt, JournalFailed
from cuga.journal.blobs import intact
from cuga.journal.claims import claims_of
from cuga.journal.codec import PLAIN
from cuga.journal.port import LARGEST, Backed
from cuga.journal.seal import GENESIS, Fault, edited, link, link_of_kept, prefix_of
from cuga.journal.sqlite.batch import Batch
from cuga.journal.sqlite.connect import SQL, open_reader, open_writer
from cuga.journal.sqlite.lock import Lock
from cuga.journal.sqlite.reader import Reader
from cuga.journal.sqlite.row import as_bytes, bodies_of, joined
from cuga.journal.sqlite.writer import STORED, Writer
from cuga.journal.statements import migrations, queries
from cuga.journal.tombstone import is_tombstone, sum_of, without_mark
from cuga.journal.tree import Tree, leaf_of
from cuga.model.event import Event, RunStarted, ToolCallComplete
from cuga.model.house_event import RunsRetired
from cuga.model.value import Value, digest_bytes


class Restored(Value, frozen=True, kw_only=True):
    """A copy that was put back. `epoch` counts the beginnings of this journal; `aside` is the file it replaced."""

    position: int
    epoch: int
    aside: str = ""


def verify_file(path: Path) -> list[Fault]:
    """All faults of a journal file, the book's first. Empty: chains, blobs and claims hold."""
    connection = open_reader(path)
    try:
        query = queries("read")
        connection.execute(query["begin"])
        found = [*_tables(connection, path), *BookCheck(connection, query).faults()]
        return found or _pages(connection, path) or _peaks(connection)
    except (apsw.Error, UnicodeDecodeError) as error:  # the latter for a text that is none
        return [Fault(kind="file_damaged", where=str(path), detail=str(error))]
    finally:
        connection.close()


def _tables(connection: apsw.Connection, path: Path) -> list[Fault]:
    """Whether the tables are those that were made. A spoilt letter in their text may leave every row as it was, and
    then change what is stored from there on."""
    query = queries("read")
    done = list(connection.execute(query["every_migration"]))
    made = apsw.Connection(":memory:")
    made.execute(SQL["make_migration"])
    wanted: set[tuple[Any, ...]] = set()
    for number, name, text in migrations()[: len(done)]:  # a copy may be older than today's tables
        made.execute(text)
        wanted.add((name, number, digest_bytes(text.encode())))
    odd = {*made.execute(query["every_table"]), *wanted} ^ {*connection.execute(query["every_table"]), *done}
    made.close()
    if not odd:
        return []
    names = ", ".join(sorted({str(name) for name, *_ in odd}))
    return [Fault(kind="file_damaged", where=str(path), detail=f"not as it was made: {names}")]


def _pages(connection: apsw.Connection, path: Path) -> list[Fault]:
    """Whether SQLite finds its own pages whole. An index that lost an entry leaves every row of its table as it was,
    and hides that row from whoever looks for it by the index."""
    ((said,), *_) = connection.execute(queries("read")["structure"]).fetchall()
    return [] if said == "ok" else [Fault(kind="file_damaged", where=str(path), detail=" ".join(str(said).split()))]


def _peaks(connection: apsw.Connection) -> list[Fault]:
    """Whether the tree would go on right: peaks are under no signature, and a root over wrong ones fits nothing."""
    query = queries("read")
    if not connection.execute(query["checkpoints_known"]).fetchall():
        return []
    kept = {size: as_bytes(peaks) for size, _, _, peaks in connection.execute(query["every_checkpoint"])}
    tree = Tree()
    for position, hash in connection.execute(query["links"], (0, LARGEST)) if kept else ():
        tree.add(leaf_of(position, hash))
        if kept.get(tree.size, peaks := b"".join(tree.peaks)) != peaks:
            detail = "its peaks are not those of the record"
            return [Fault(kind="edited", where=f"checkpoint {tree.size}", detail=detail)]
    return []


class Asked(Protocol):
    """A connection to a book, of any binding: all that checking one needs."""

    def execute(self, query: str, values: tuple[Any, ...] = (), /) -> Iterable[Any]:
        """The rows of a query."""
        ...


class BookCheck:
    """One reading of the whole book, in the order of commits. `query` are the binding's queries by their names."""

    def __init__(self, connection: Asked, query: Mapping[str, str]) -> None:
        self._connection = connection
        self._query = query
        self._names: dict[int, str] = {}  # stream -> its name, of those that have one
        self._found: list[Fault] = []
        self._needs: dict[str, tuple[str, str]] = {}  # digest -> kind of the fault when it is gone, who needs it
        self._used: dict[str, int] = {}
        self._blanked: dict[str, list[bytes]] = {}  # run -> its tombstones
        self._retired: dict[str, str] = {}  # run -> the digest over what is kept of it, as the house says

    def faults(self) -> list[Fault]:
        lengths = self._book()
        for run, version in self._connection.execute(self._query["every_run_length"]):
            seq = lengths.get(run, 0)
            if seq < version:
                detail = f"it ends at {seq}, {version} were written"
                self._found.append(Fault(kind="truncated", where=f"{self._name(run)} #{seq + 1}", detail=detail))
        self._bytes()
        for name, bodies in self._blanked.items():
            if self._retired.get(name) != sum_of(bodies):
                detail = "its words were blanked, and the house's record does not say so"
                self._found.append(Fault(kind="edited", where=f"{name} #1", detail=detail))
        kept = dict(self._connection.execute(self._query["every_scope"]))
        for scope in sorted(kept.keys() | self._used.keys()):
            if kept.get(scope, 0) != self._used.get(scope, 0):
                detail = f"{kept.get(scope, 0)} is kept, {self._used.get(scope, 0)} is counted"
                self._found.append(Fault(kind="claims_differ", where=scope, detail=detail))
        return self._found

    def _name(self, run: int) -> str:
        return self._names.get(run, f"stream {run}")

    def _book(self) -> dict[int, int]:
        """Read every append; answers how long each stream is."""
        self._names |= dict(self._connection.execute(self._query["every_stream"]))
        prefixes = {pk: prefix_of(name) for pk, name in self._names.items()}
        heads: dict[int, tuple[int, bytes]] = {}
        spoilt: set[int] = set()  # one fault a stream: what follows the first is its echo
        for position, run, expected, version, events, hash in self._connection.execute(self._query["every_append"]):
            last, before = heads.get(run, (0, GENESIS))
            bodies, hash = bodies_of(events, version - expected), as_bytes(hash)
            heads[run] = (version, hash)
            holds = (
                run in prefixes and expected == last and link_of_kept(prefixes[run], expected, before, bodies) == hash
            )
            if not holds and run not in spoilt:
                spoilt.add(run)
                self._found.append(self._chain_fault(position, run, expected, version, last))
            name = self._name(run)
            if tombs := [body for body in bodies if is_tombstone(body)]:  # what was remarked since is beside them
                self._blanked.setdefault(name, []).extend(tombs)
            for seq, body in enumerate(bodies, expected + 1):
                if (
                    _holds(body, b'"claims"')
                    or _holds(body, b'"blob"')
                    or _holds(body, b'"run_started"')
                    or _holds(body, b'"runs_retired"')
                ):
                    self._note(body, f"{name} #{seq}")
        return {run: version for run, (version, _) in heads.items()}

    def _chain_fault(self, position: int, run: int, expected: int, version: int, wanted: int) -> Fault:
        if run not in self._names:
            return Fault(kind="missing", where=f"position {position}", detail="the stream of this record is gone")
        if expected == wanted:
            return edited(self._name(run), expected, version)
        elsewhere = list(self._connection.execute(self._query["append_at"], (run, wanted)))
        kind, detail = "reordered" if elsewhere else "missing", f"{expected + 1} stands in its place"
        return Fault(kind=kind, where=f"{self._name(run)} #{wanted + 1}", detail=detail)

    def _note(self, body: bytes, where: str) -> None:
        try:
            event = PLAIN.decode(without_mark(body))
        except Exception as error:
            self._found.append(Fault(kind="unreadable", where=where, detail=str(error)))
            return
        if isinstance(event, RunsRetired):
            self._retired |= event.runs
        for claim in claims_of((event,)):
            self._used[claim.scope] = self._used.get(claim.scope, 0) + claim.amount
        if isinstance(event, ToolCallComplete) and event.blob is not None and event.blob.kept:
            self._needs[event.blob.digest] = ("blob_missing", where)
        if isinstance(event, RunStarted) and event.policy_digest:
            self._needs.setdefault(event.policy_digest, ("snapshot_missing", where))

    def _bytes(self) -> None:
        for digest, body in self._connection.execute(self._query["every_blob"]):
            self._needs.pop(digest, None)
            try:
                intact(digest, as_bytes(body))
            except JournalCorrupt as error:
                self._found.append(Fault(kind="blob_altered", where=digest, detail=error.detail))
        for digest, (kind, where) in self._needs.items():
            self._found.append(Fault(kind=kind, where=digest, detail=f"{where} refers to it"))


def count_claims(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """What the ledger keeps for each scope, and what the events come to."""
    connection = open_reader(path)
    try:
        query = queries("read")
        connection.execute(query["begin"])
        kept = dict(connection.execute(query["every_scope"]))
        counted: dict[str, int] = {}
        for _, _, expected, version, events, _ in connection.execute(query["every_append"]):
            for claim in claims_of(claiming(bodies_of(events, version - expected))):
                counted[claim.scope] = counted.get(claim.scope, 0) + claim.amount
    finally:
        connection.close()
    return kept, counted


def claiming(bodies: list[bytes]) -> list[Event]:
    """The events among stored bytes that may carry claims."""
    return [PLAIN.decode(without_mark(body)) for body in bodies if _holds(body, b'"claims"')]


def _holds(body: bytes, word: bytes) -> bool:
    """Whether bytes hold other bytes. Asked three times an event: `in` would first raise and catch that a word is no
    number, which costs more than the search."""
    return body.find(word) >= 0


def back_up(source: Path, target: Path) -> Backed:
    """Copy a journal into a new file by SQLite's online backup, in one go; `BadInput` when the target exists."""
    if target.exists():
        raise BadInput(f"{target} exists", mend="Name a file that is not there yet.")
    half = target.with_name(f"{target.name}.half")
    reader = open_reader(source)
    try:
        copy = apsw.Connection(str(half))
        try:
            with copy.backup("main", reader, "main") as backup:
                backup.step()  # all at once: a copy in pieces would begin anew after each commit
            copy.execute(SQL["one_file"]).fetchall()
            last = next(iter(copy.execute(queries("read")["last_append"])), (0, GENESIS))
        finally:
            copy.close()
        _sync(half)
        half.replace(target)
        _sync(target.parent)
    except apsw.Error as error:
        half.unlink(missing_ok=True)
        raise JournalFailed(f"the copy could not be made: {error}") from error
    finally:
        reader.close()
    return Backed(path=str(target), position=last[0], hash=last[1].hex())


def restore(backup: Path | None, path: Path, mark: Callable[[Backed], tuple[str, Event]] | None = None) -> Restored:
    """Put a copy in the place of a journal that nobody has open; the file it replaces is set aside, not deleted.

    Without a backup it is the journal itself that begins anew, as it lies there. A damaged copy is refused with
    `JournalCorrupt`, a file that is none with `BadInput`. Opens a new epoch. `mark` names a stream and an event, which
    stands at the end of that stream before the copy takes the place: at no moment is there a copy that does not say so.
    A stream that the copy does not have stays away.
    """
    if backup is not None:
        _must_be_a_journal(backup)
    lock = Lock(path)
    try:
        source = backup or path
        half = path.with_name(f"{path.name}.restoring")
        half.unlink(missing_ok=True)
        if faults := verify_file(source):
            first = faults[0]
            raise JournalCorrupt(f"{source}: {first.kind} at {first.where}, {first.detail}", faults=faults)
        copied = back_up(source, half)
        epoch = max(_epoch(half), _epoch(path)) + 1
        connection = open_writer(half, "full")
        connection.execute(queries("write")["set_epoch"], (epoch,))
        connection.close()
        if mark is not None:
            _append(half, *mark(copied))
        aside = _set_aside(path)
        half.replace(path)  # at no moment is there no journal under this name
        _sync(path.parent)
    finally:
        lock.release()
    return Restored(position=copied.position, epoch=epoch, aside=aside)


def _must_be_a_journal(backup: Path) -> None:
    """Looked at apart: the journal that it was to replace has nothing to do with what is wrong with it."""
    try:
        open_reader(backup).close()
    except JournalFailed as error:
        raise BadInput(f"{backup} is no backup of a journal", mend="Name a file that `cuga backup` made.") from error


def _append(path: Path, stream: str, event: Event) -> None:
    """Add one event to a stream of a file that nobody has open."""
    reader = Reader(path)
    head, position = reader.head(stream), reader.last_id() + 1
    reader.close()
    if head is None:
        return
    bodies, batch = [PLAIN.encode(event)], Batch()
    hash = link(head.prefix, head.version, head.hash, bodies)
    batch.add(position, head.pk, head.version, head.version + 1, joined(bodies), hash)
    writer = Writer(open_writer(path, "full"), lambda _: None)
    written = writer.write(batch)
    writer.close()
    if written.state != STORED:
        raise JournalFailed(f"the copy could not be marked: {written.error}") from written.error


def _epoch(path: Path) -> int:
    """The epoch of a journal, with its log folded into the file; 0 when it cannot be opened any more."""
    try:
        open_reader(path).close()  # first without the right to write: opening a damaged file would delete its log
        connection = open_writer(path, "full")
    except JournalFailed:
        return 0
    found = int(next(iter(connection.execute(queries("read")["epoch"])))[0])
    connection.close()
    return found


def _set_aside(path: Path) -> str:
    """Keep a journal under another name, with its log if it still has one: a log must never meet another file."""
    if not path.exists():
        return ""
    number = 1
    while (aside := path.with_name(f"{path.name}.before-restore-{number}")).exists():
        number += 1
    os.link(path, aside)
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        log.replace(aside.with_name(f"{aside.name}-wal"))
    return str(aside)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
