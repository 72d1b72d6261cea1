"""Many records into the CRM store in one transaction, batch by batch, so that memory does not grow with them.

Within one loading the first record of an id counts; a later one is handed back and not stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import apsw

from cuga.adapters.capability import RECORDS, Record, Repeated, Source
from cuga.errors import BadInput

BATCH = 1_000
CACHE_KIB = 65_536  # of pages while loading: keys that come in any order touch many of them
_LOADED = """CREATE TEMP TABLE IF NOT EXISTS loaded (
  kind TEXT NOT NULL, id TEXT NOT NULL, file INTEGER NOT NULL, line INTEGER NOT NULL, content BLOB NOT NULL,
  PRIMARY KEY (kind, id)) WITHOUT ROWID"""
ToRow = Callable[[str, Record], tuple[Any, ...]]
ToDigest = Callable[[tuple[Any, ...]], bytes]


class StoreLoading:
    """A `Loading` on a connection whose transaction somebody else has begun and will end."""

    def __init__(self, db: apsw.Connection, row: ToRow, digest: ToDigest, touched: Callable[[str], None]) -> None:
        self._db, self._row, self._digest, self._touched = db, row, digest, touched
        self._files: dict[str, int] = {}
        self.added = self.changed = self.unchanged = 0
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        db.execute(_LOADED)
        db.execute("DELETE FROM temp.loaded")

    def add(self, kind: str, records: Iterable[Record], repeated: Repeated | None = None) -> None:
        """Add or change records by id, in the order in which they come. `BadInput` for a kind that does not exist."""
        if kind not in RECORDS:
            raise BadInput(f"there are no records of kind {kind!r}", mend=f"kinds: {', '.join(RECORDS)}")
        for batch in _batches(records):
            self._add(kind, batch, repeated)
            self._touched(kind)

    def keep(self, name: str, value: str) -> None:
        """Keep a text beside the records; `CrmRead.kept` gives it back."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def _add(self, kind: str, batch: list[Record], repeated: Repeated | None) -> None:
        ids = json.dumps([record.id for record in batch])
        sql = (
            "SELECT id, file, line, content FROM temp.loaded WHERE kind = ? AND id IN (SELECT value FROM json_each(?))"
        )
        first = {str(row[0]): row[1:] for row in self._db.execute(sql, (kind, ids))}
        sql = f"SELECT * FROM {kind} WHERE id IN (SELECT value FROM json_each(?))"
        known = {str(row[0]): (int(row[-1]), self._digest(row[:-1])) for row in self._db.execute(sql, (ids,))}
        fresh: list[tuple[Any, ...]] = []
        seen: list[tuple[Any, ...]] = []
        for record in batch:
            row = self._row(kind, record)
            content = hashlib.blake2b(str(row[-3]).encode("utf-8", "surrogatepass"), digest_size=8).digest()
            if (before := first.get(record.id)) is not None:
                if repeated is not None:
                    repeated(record, Source(file=self._name(before[0]), line=before[1]), before[2] == content)
                continue
            place = (self._number(record.source.file), record.source.line, content)
            first[record.id] = place
            seen.append((kind, record.id, *place))
            version, old = known.get(record.id, (0, b""))
            if old == self._digest(row):
                self.unchanged += 1
                continue
            self.added, self.changed = (self.added, self.changed + 1) if version else (self.added + 1, self.changed)
            fresh.append((*row, version + 1))
        self._db.executemany("INSERT INTO temp.loaded VALUES (?, ?, ?, ?, ?)", seen)
        if fresh:
            self._db.executemany(f"INSERT OR REPLACE INTO {kind} VALUES ({','.join('?' * len(fresh[0]))})", fresh)

    def _number(self, file: str) -> int:
        return self._files.setdefault(file, len(self._files))

    def _name(self, number: int) -> str:
        return next(file for file, at in self._files.items() if at == number)


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    running = iter(records)
    while batch := list(islice(running, BATCH)):
        yield batch
