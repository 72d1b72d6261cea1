"""The CRM store of a house without a network: one SQLite file.

It keeps records as they were read and answers queries over their fields. It changes no value, guesses no name and
deletes nothing. Safe to use from several threads; several processes may read while one writes.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import apsw
import msgspec

from cuga.adapters.capability import (
    RECORDS,
    Edit,
    Edited,
    Filter,
    Index,
    Lookup,
    NotEdited,
    Past,
    Record,
    Stored,
    fields_of,
)
from cuga.adapters.offline import crm_calls, crm_edits, crm_erasing
from cuga.adapters.offline.crm_filters import order_by, where
from cuga.adapters.offline.crm_loading import BATCH, StoreLoading
from cuga.errors import BadInput, NotDone
from cuga.model.value import encode

BUSY_MS = 5_000
SCHEMA = 2


class CrmStore:
    """A `Crm` on a file, or in memory with the path `:memory:`."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._db = connection
        self._lock = threading.RLock()
        self._names: dict[str, tuple[tuple[int, int], tuple[tuple[str, str], ...]]] = {}
        self._index: dict[str, tuple[object, Index]] = {}
        self._writes: dict[str, int] = {}  # kind -> how often this connection changed it
        self._version: tuple[tuple[object, ...], str] | None = None
        # whoever else writes changes one of these; asking SQLite itself would cost a read transaction
        self._files = [path + end for path in filter(None, [connection.db_filename("main")]) for end in ("", "-wal")]

    @classmethod
    def open(cls, path: Path | str) -> CrmStore:
        """Open or make the store. `BadInput` when the file is something else."""
        try:
            connection = apsw.Connection(str(path))
            connection.set_busy_timeout(BUSY_MS)
            if str(path) != ":memory:":
                connection.pragma("journal_mode", "wal")
            was_old = _renewed(connection)
            connection.execute(_sql("crm"))
            if connection.pragma("user_version") != SCHEMA:
                connection.pragma("user_version", SCHEMA)
        except (apsw.NotADBError, apsw.CantOpenError, apsw.IOError) as error:
            raise BadInput(f"{path} cannot be opened as a CRM store: {error}") from error
        store = cls(connection)
        if was_old:
            with connection:
                store._keep_version()
        return store

    def copy_to(self, path: Path) -> None:
        """Copy the store as it is now into a new file, while work goes on."""
        copy = apsw.Connection(str(path))
        try:
            with self._lock, copy.backup("main", self._db, "main") as backup:
                backup.step(-1)
        finally:
            copy.close()

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._db.close()

    def crm_version(self) -> str:
        """A digest of all records, their row versions apart; the empty text for an empty store."""
        with self._lock:
            # every run asks: it is read again only after a change, by this connection or by another one
            stand = (*map(_touched, self._files), self._db.total_changes())
            if self._version is None or self._version[0] != stand:
                found = self._rows("SELECT value FROM facts WHERE name = 'crm_version'", ())
                self._version = (stand, str(found[0][0]) if found else "")
            return self._version[1]

    def get(self, kind: str, record_id: str) -> Record | None:
        """One record by id, or None."""
        found = self._rows(f"SELECT * FROM {_table(kind)} WHERE id = ?", (record_id,))
        return _record(kind, found[0]) if found else None

    def names(self, kind: str) -> tuple[tuple[str, str], ...]:
        """(id, name) of all records of a kind, in order of id; kept until the data changes."""
        with self._lock:
            stand = int(self._db.pragma("data_version")), self._writes.get(kind, 0)
            if (kept := self._names.get(kind)) is None or kept[0] != stand:
                rows = self._rows(f"SELECT id, name FROM {_table(kind)} ORDER BY id", ())
                kept = self._names[kind] = (stand, tuple((str(key), str(name)) for key, name in rows))
            return kept[1]

    def lookup(self, kind: str, name: str) -> Lookup:
        """What a written name or id means; close candidates are listed, never picked from."""
        with self._lock:
            names = self.names(kind)
            if (kept := self._index.get(kind)) is None or kept[0] is not names:
                kept = self._index[kind] = (names, Index(names))
        return kept[1].lookup(name)

    def query(
        self, kind: str, filters: Sequence[Filter] = (), *, order: str = "", limit: int = 100, offset: int = 0
    ) -> list[Record]:
        """Records that meet all filters; `limit` -1 for all of them."""
        condition, values = where(kind, filters)
        sql = f"SELECT * FROM {_table(kind)} {condition} {order_by(kind, order)} LIMIT ? OFFSET ?"
        return [_record(kind, row) for row in self._rows(sql, (*values, limit, offset))]

    def count(self, kind: str, filters: Sequence[Filter] = ()) -> int:
        """How many records meet all filters."""
        condition, values = where(kind, filters)
        return int(self._rows(f"SELECT count(*) FROM {_table(kind)} {condition}", values)[0][0])

    def group(self, kind: str, field: str, filters: Sequence[Filter] = ()) -> list[tuple[str, int]]:
        """(value, number of records), the most frequent first."""
        if field not in fields_of(_table(kind)):
            raise BadInput(f"{kind} have no field {field!r}", mend=f"fields: {', '.join(fields_of(kind))}")
        condition, values = where(kind, filters)
        rows = self._rows(
            f"SELECT coalesce({field}, ''), count(*) FROM {kind} {condition} GROUP BY 1 ORDER BY 2 DESC, 1", values
        )
        return [(str(value), int(number)) for value, number in rows]

    def each(self, kind: str, filters: Sequence[Filter] = ()) -> Iterator[Record]:
        """Records that meet all filters in order of id, a batch of them in memory at a time."""
        condition, values = where(_table(kind), filters)
        after, following = "", f"{condition} AND id > ?" if condition else "WHERE id > ?"
        while rows := self._rows(f"SELECT * FROM {kind} {following} ORDER BY id LIMIT {BATCH}", (*values, after)):
            yield from (_record(kind, row) for row in rows)
            after = str(rows[-1][0])

    def kept(self, name: str) -> str:
        """A text that a loading kept beside the records; empty when there is none."""
        found = self._rows("SELECT value FROM facts WHERE name = ?", (name,))
        return str(found[0][0]) if found else ""

    def past(self, kind: str, record_id: str) -> list[Past]:
        """Earlier values of a record's fields, the oldest first; kept of deals' stage, close date, amount and owner,
        and of whatever was changed here."""
        return crm_edits.past(self._db, _table(kind), record_id)

    def edited(self, key: str) -> Edited | None:
        """What was changed under an idempotency key, or None: surely nothing was."""
        with self._lock:
            return crm_edits.edited(self._db, key)

    def edit(self, edit: Edit) -> Edited:
        """Make one change once per key, and only while every value of `was` still holds; `NotDone` when it was not."""
        with self._lock, self._db:
            made = self._edit(edit)
            self._keep_version()
        return made

    def edit_each(self, edits: Sequence[Edit]) -> tuple[Edited | NotEdited, ...]:
        """Make each change that still can be made, in one transaction, and say of the others why not."""
        made: list[Edited | NotEdited] = []
        with self._lock, self._db:
            for edit in edits:
                try:
                    made.append(self._edit(edit))
                except NotDone as error:
                    made.append(NotEdited(kind=edit.kind, record=edit.record, why=error.detail or error.message))
            self._keep_version()
        return tuple(made)

    def begin_call(self, vendor: str, edit: Edit, at: datetime) -> None:
        """Note durably that a change is asked for elsewhere, before it is."""
        with self._lock, self._db:
            crm_calls.begin(self._db, vendor, edit, at)

    def begun_call(self, key: str) -> crm_calls.Begun | None:
        """The change that was asked for elsewhere under a key and whose end nobody noted."""
        with self._lock:
            return crm_calls.begun(self._db, key)

    def forget_call(self, key: str) -> None:
        """A change that was asked for elsewhere surely was not made."""
        with self._lock, self._db:
            crm_calls.forget(self._db, key)

    def take_over(self, edit: Edit) -> Edited:
        """A change was made elsewhere: make it here too, with its proof, whatever stands here."""
        with self._lock, self._db:
            made = crm_calls.take_over(self._db, edit)
            self._touch(edit.kind)
            self._keep_version()
        return made

    def erase(
        self,
        contacts: Collection[str],
        is_about: Callable[[str], bool],
        instead: str,
        is_near: Callable[[str], bool],
    ) -> dict[str, int]:
        """Take people out of the file: their own rows, and every text of others that is about them. `NotDone`."""
        try:
            with self._lock:
                with self._db:
                    found = crm_erasing.erase(self._db, contacts, is_about, instead, is_near)
                    self._keep_version()
                for kind in RECORDS:
                    self._touch(kind)
                crm_erasing.compact(self._db)
        except apsw.Error as error:
            raise NotDone(f"the records cannot be cleaned: {error}") from error
        return found

    def _edit(self, edit: Edit) -> Edited:
        with self._db:  # a savepoint: one that does not fit leaves nothing behind
            made = crm_edits.make(self._db, _table(edit.kind), edit)
            try:
                self.get(edit.kind, edit.record)
            except msgspec.ValidationError as error:
                raise NotDone(f"a value does not fit its field: {error}") from error
            self._touch(edit.kind)
        return made

    def _keep_version(self) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES ('crm_version', ?)", (self._digest_all(),))

    def store(self, records: Mapping[str, Iterable[Record]]) -> Stored:
        """Add or change records by kind and id in one transaction; equal records are left alone."""
        with self.loading() as loading:
            for kind, given in records.items():
                loading.add(kind, given)
        return self._stored(loading)

    @contextmanager
    def loading(self, *, dry: bool = False) -> Iterator[StoreLoading]:
        """Add records step by step in one transaction: all of them, or none on an exception or when it is `dry`."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                loading = StoreLoading(self._db, _row, _digest, self._touch)
                yield loading
                if not dry:
                    self._keep_version()
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            finally:
                for kind in RECORDS:
                    self._touch(kind)
            self._db.execute("ROLLBACK" if dry else "COMMIT")

    def _stored(self, loading: StoreLoading) -> Stored:
        return Stored(
            added=loading.added, changed=loading.changed, unchanged=loading.unchanged, crm_version=self.crm_version()
        )

    def _touch(self, kind: str) -> None:
        self._writes[kind] = self._writes.get(kind, 0) + 1

    def _digest_all(self) -> str:
        total = hashlib.sha256()
        for kind in RECORDS:
            for row in self._db.execute(f"SELECT * FROM {kind} ORDER BY id"):
                total.update(_digest(row[:-1]))
        return total.hexdigest()

    def _rows(self, sql: str, values: Sequence[Any]) -> list[Any]:
        with self._lock:
            return list(self._db.execute(sql, tuple(values)))


def _sql(name: str) -> str:
    return resources.files(__package__).joinpath(f"schema/{name}.sql").read_text("utf-8")


def _renewed(connection: apsw.Connection) -> bool:
    """Bring a file of an earlier version to this one; whether it was one. `BadInput` for one of a later version."""
    found = int(connection.pragma("user_version"))
    if found > SCHEMA:
        raise BadInput(
            f"the CRM store was made by a later cuga (version {found}, this one reads {SCHEMA})",
            mend="use that cuga, or make a house anew from the exports",
        )
    is_old = found < SCHEMA and connection.table_exists("main", "contacts")
    if is_old:
        with connection:
            connection.execute(_sql("crm_2"))
            connection.pragma("user_version", SCHEMA)
    return is_old


def _table(kind: str) -> str:
    if kind not in RECORDS:
        raise BadInput(f"there are no records of kind {kind!r}", mend=f"kinds: {', '.join(RECORDS)}")
    return kind


def _row(kind: str, record: Record) -> tuple[Any, ...]:
    if not isinstance(record, RECORDS[_table(kind)]):
        raise BadInput(f"a {type(record).__name__} does not belong into {kind}")
    plain = (getattr(record, field) for field in fields_of(kind))
    values = [value.isoformat() if hasattr(value, "isoformat") else value for value in plain]
    return (*values, encode(record.raw).decode(), record.source.file, record.source.line)


def _digest(row: Sequence[Any]) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode([int(v) if isinstance(v, bool) else v for v in row])).digest()


def _record(kind: str, row: Sequence[Any]) -> Record:
    names = fields_of(kind)
    plain = dict(zip(names, row, strict=False))
    raw, file, line, version = row[len(names) :]
    plain |= {"raw": msgspec.json.decode(raw), "source": {"file": file, "line": line}, "version": version}
    if kind == "contacts":
        plain["unsubscribed"] = bool(plain["unsubscribed"])
    return msgspec.convert(plain, RECORDS[kind])


def _touched(path: str) -> tuple[int, int]:
    """When a file was last written, and its size; zeros when it is not there."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
