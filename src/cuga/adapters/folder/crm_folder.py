"""Records read from `accounts.csv`, `contacts.csv` ... in one directory, as they are at the moment of each question.

A column is a field of the record by its own name; amounts are in units, dates YYYY-MM-DD, an empty cell is not known.
Nothing is guessed and nothing is written: exports in another shape are brought in with `cuga import`.
"""

from __future__ import annotations

import csv
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from cuga.adapters.capability import RECORDS, Filter, Lookup, Past, Record, fields_of
from cuga.adapters.offline import CrmStore
from cuga.errors import NotDone
from cuga.model.failure import FailureMode
from cuga.model.value import micros

MAX_BYTES = 64 * 1024 * 1024  # of one file
_MONEY = frozenset({"revenue", "price", "amount"})


class CrmFolder:
    """A `CrmRead` over a directory. Files that changed are read again; one that cannot be read raises `NotDone`.

    Safe to use from several threads.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.RLock()
        self._stamp: object = None
        self._store = CrmStore.open(":memory:")

    @property
    def is_there(self) -> bool:
        """Whether there is a directory to read."""
        return os.path.isdir(self._directory)  # every run asks: a path of its own takes four times as long

    def close(self) -> None:
        """Let it go."""
        self._store.close()

    def crm_version(self) -> str:
        """A digest of all records."""
        return self._read().crm_version()

    def get(self, kind: str, record_id: str) -> Record | None:
        """One record by id."""
        return self._read().get(kind, record_id)

    def names(self, kind: str) -> tuple[tuple[str, str], ...]:
        """(id, name) of all records of a kind, in order of id."""
        return self._read().names(kind)

    def lookup(self, kind: str, name: str) -> Lookup:
        """What a written name or id means."""
        return self._read().lookup(kind, name)

    def query(
        self, kind: str, filters: Sequence[Filter] = (), *, order: str = "", limit: int = 100, offset: int = 0
    ) -> list[Record]:
        """Records that meet all filters."""
        return self._read().query(kind, filters, order=order, limit=limit, offset=offset)

    def count(self, kind: str, filters: Sequence[Filter] = ()) -> int:
        """How many records meet all filters."""
        return self._read().count(kind, filters)

    def group(self, kind: str, field: str, filters: Sequence[Filter] = ()) -> list[tuple[str, int]]:
        """(value, number of records), the most frequent first."""
        return self._read().group(kind, field, filters)

    def each(self, kind: str, filters: Sequence[Filter] = ()) -> Iterator[Record]:
        """Records that meet all filters, in order of id, all as the files had them at the first."""
        return self._read().each(kind, filters)

    def kept(self, name: str) -> str:
        """Nothing is kept beside files that others keep."""
        return ""

    def past(self, kind: str, record_id: str) -> list[Past]:
        """Nothing: a folder keeps no earlier values."""
        return self._read().past(kind, record_id)

    def _read(self) -> CrmStore:
        """The records as the files have them now."""
        with self._lock:
            stamp = self._look()
            if stamp != self._stamp:
                store = CrmStore.open(":memory:")
                store.store({kind: self._records(kind) for kind in RECORDS})
                self._store, self._stamp = store, stamp
            return self._store

    def _look(self) -> tuple[object, ...]:
        if not self.is_there:
            raise _unreadable(f"{self._directory} is no directory")
        found: list[object] = []
        for kind in RECORDS:
            try:
                stat = (self._directory / f"{kind}.csv").stat()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unreadable(f"{kind}.csv: {error.strerror or error}") from error
            if stat.st_size > MAX_BYTES:
                raise _unreadable(f"{kind}.csv is larger than {MAX_BYTES:,} bytes")
            found.append((kind, stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return tuple(found)

    def _records(self, kind: str) -> list[Record]:
        path = self._directory / f"{kind}.csv"
        known = set(fields_of(kind))
        found: list[Record] = []
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = csv.DictReader(file, restkey="")
                if missing := {"id"} - set(rows.fieldnames or ("id",)):
                    raise _unreadable(f"{path.name} has no column {', '.join(missing)}")
                for row in rows:
                    cells = {name: text.strip() for name, text in row.items() if name and isinstance(text, str)}
                    given = {name: _value(name, text) for name, text in cells.items() if name in known and text}
                    source = {"file": path.name, "line": rows.line_num}
                    plain: dict[str, Any] = {**given, "raw": cells, "source": source}
                    try:
                        found.append(msgspec.convert(plain, RECORDS[kind], strict=False))
                    except (msgspec.ValidationError, ValueError) as error:
                        raise _unreadable(f"{path.name}:{rows.line_num}: {error}") from error
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise _unreadable(f"{path.name}: {error}") from error
        return found


def _value(name: str, text: str) -> object:
    if name not in _MONEY:
        return text
    try:
        return micros(float(text.replace(",", "")))
    except (ValueError, OverflowError):
        return text  # the record refuses it, with the place


def _unreadable(what: str) -> NotDone:
    return NotDone(
        f"the CRM folder cannot be read: {what}",
        mend="Mend the file, or `cuga adapters disable folder`.",
        mode=FailureMode.RESOURCE_TOOL_UNAVAILABLE,
    )
