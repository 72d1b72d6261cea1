"""Where folded rows lie: `views.db`, or memory.

The file holds nothing that the journal does not: one that is damaged, of another shape or gone is begun anew, and where
no file can be written the rows stay in memory and `trouble` says why. It never stops anybody's work.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

from cuga.projections.projection import Mark, ViewsLost
from cuga.sql import named

SCHEMA = 1  # of the file; another number begins it anew
APPLICATION = 0x63767773  # "cvws", in the file's header
BUSY_MS = 5_000

T = TypeVar("T")


class MemoryViews:
    """Rows of this process."""

    trouble = ""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, bytes]] = {}
        self._marks: dict[str, tuple[int, Mark]] = {}

    def begin(self, name: str, version: int) -> Mark:
        known, mark = self._marks.get(name, (version, Mark()))
        if known != version:
            mark = Mark()
            self.drop(name)
        self._marks[name] = (version, mark)
        return mark

    def read(self, name: str, key: str) -> bytes | None:
        return self._rows.get(name, {}).get(key)

    def every(self, name: str, prefix: str) -> Iterator[tuple[str, bytes]]:
        rows = self._rows.get(name, {})
        yield from sorted(item for item in rows.items() if item[0].startswith(prefix))

    def page(self, name: str, prefix: str, after: str, limit: int) -> Iterator[tuple[str, bytes]]:
        following = (item for item in self.every(name, prefix) if item[0] > after)
        yield from (item for _, item in zip(range(limit), following, strict=False))

    def save(self, name: str, before: Mark, after: Mark, rows: Mapping[str, bytes | None]) -> bool:
        version, mark = self._marks.get(name, (0, Mark()))
        if mark != before:
            return False
        kept = self._rows.setdefault(name, {})
        for key, body in rows.items():
            if body is None:
                kept.pop(key, None)
            else:
                kept[key] = body
        self._marks[name] = (version, after)
        return True

    def drop(self, name: str) -> None:
        self._rows.pop(name, None)
        self._marks.pop(name, None)

    def wipe(self) -> None:
        self._rows.clear()
        self._marks.clear()

    def close(self) -> None:
        """Nothing to let go."""


class ViewsFile:
    """Rows in a SQLite file. Several processes may hold it: who saves second is told so and reads again.

    `trouble` is empty, or why the rows lie in memory instead.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._query = named("cuga.projections", "views.sql")
        self.trouble = ""
        try:
            self._connection = self._open()
        except apsw.Error as error:
            self._begin_anew(error)

    def begin(self, name: str, version: int) -> Mark:
        found = self._guarded(lambda: self._all("mark", (name,)))
        if found and found[0][0] == version:
            return Mark(position=found[0][1], hash=found[0][2])
        self._guarded(lambda: self._clear(name, version))
        return Mark()

    def read(self, name: str, key: str) -> bytes | None:
        for body, crc in self._guarded(lambda: self._all("read", (name, key))):
            return self._intact(name, key, body, crc)
        return None

    def every(self, name: str, prefix: str) -> Iterator[tuple[str, bytes]]:
        for key, body, crc in self._guarded(lambda: self._all("every", (name, prefix))):
            if not key.startswith(prefix):
                return
            yield key, self._intact(name, key, body, crc)

    def page(self, name: str, prefix: str, after: str, limit: int) -> Iterator[tuple[str, bytes]]:
        start = max(prefix, after)
        for key, body, crc in self._guarded(lambda: self._all("page", (name, start, after, limit))):
            if not key.startswith(prefix):
                return
            yield key, self._intact(name, key, body, crc)

    def save(self, name: str, before: Mark, after: Mark, rows: Mapping[str, bytes | None]) -> bool:
        return self._guarded(lambda: self._save(name, before, after, rows))

    def drop(self, name: str) -> None:
        self._guarded(lambda: self._clear(name, 0))

    def wipe(self) -> None:
        self._connection.close()
        _remove(self._path)
        self._connection = self._open()

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def _save(self, name: str, before: Mark, after: Mark, rows: Mapping[str, bytes | None]) -> bool:
        put = [(name, key, body, _crc(name, key, body)) for key, body in rows.items() if body is not None]
        gone = [(name, key) for key, body in rows.items() if body is None]
        with self._transaction():
            moved = (after.position, after.hash, name, before.position, before.hash)
            self._connection.execute(self._query["move_mark"], moved)
            if not self._connection.changes():
                return False
            self._connection.executemany(self._query["put"], put)
            self._connection.executemany(self._query["take_away"], gone)
        return True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("begin immediate")
        try:
            yield
            self._connection.execute("commit")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has ended it already
                self._connection.execute("rollback")
            raise

    def _clear(self, name: str, version: int) -> None:
        with self._transaction():
            self._connection.execute(self._query["take_away_all"], (name,))
            self._connection.execute(self._query["set_mark"], (name, version, 0, b""))

    def _all(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        return self._connection.execute(self._query[query], values).fetchall()

    def _intact(self, name: str, key: str, body: object, crc: object) -> bytes:
        if not isinstance(body, bytes) or crc != _crc(name, key, body):
            error = apsw.CorruptError(f"the row {key} of {name} does not match its checksum")
            self._begin_anew(error)
            raise ViewsLost(str(error))
        return body

    def _guarded(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except apsw.Error as error:
            self._begin_anew(error)
            raise ViewsLost(str(error)) from error

    def _begin_anew(self, error: apsw.Error) -> None:
        """A damaged file is replaced; one that cannot be used for another reason is left alone, and memory serves."""
        if connection := getattr(self, "_connection", None):
            connection.close(True)
        if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
            try:
                _remove(self._path)
                self._connection = self._open()
                return
            except (apsw.Error, OSError) as again:
                error = apsw.Error(str(again))
        self.trouble = f"{self._path.name} cannot be used, the views are kept in memory: {error}"
        self._connection = apsw.Connection(":memory:")
        self._connection.execute(self._query["schema"])

    def _open(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        try:
            connection.set_busy_timeout(BUSY_MS)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.execute("begin immediate")
            shape = (connection.pragma("application_id"), connection.pragma("user_version"))
            if shape != (APPLICATION, SCHEMA):
                if shape[0] not in (0, APPLICATION):
                    raise apsw.MisuseError("it is another program's file")
                for (table,) in connection.execute("select name from sqlite_schema where type = 'table'").fetchall():
                    if shape[0] == 0:
                        raise apsw.MisuseError(f"it is not a views file: it holds {table}")
                    connection.execute(f'drop table "{table}"')
                connection.execute(self._query["schema"])
                connection.execute(f"pragma application_id = {APPLICATION}")
                connection.execute(f"pragma user_version = {SCHEMA}")
            connection.execute("commit")
        except BaseException:
            connection.close(True)
            raise
        return connection


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _crc(name: str, key: str, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(f"{name}\n{key}\n".encode()))
