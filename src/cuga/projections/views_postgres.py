"""The rows of views in Postgres, in a schema of their own: shared by all processes, made again from the journal.

The connection waits for each answer, as the file does: rows are read one by one and each takes a fraction of a
millisecond. What it lost is folded again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import psycopg
from psycopg import Connection

from cuga.projections.projection import Mark, ViewsLost

T = TypeVar("T")
_NUL = "\ufffd0"  # stands for the one letter that a text of the database cannot hold
_SCHEMA = """
create schema if not exists "{schema}";
create table if not exists "{schema}".view (
    name text primary key, version bigint not null, position bigint not null, hash bytea not null
);
create table if not exists "{schema}".row (
    name text not null, key text collate "C" not null, body bytea not null, primary key (name, key)
);
"""


class PostgresViews:
    """Rows in a database. Who saves second is told so and reads again."""

    def __init__(self, connect: Callable[[], Connection], schema: str) -> None:
        self._connect = connect
        self._schema = schema
        self._connection: Connection | None = None

    def begin(self, name: str, version: int) -> Mark:
        found = self._all("select version, position, hash from view where name = $1", name)
        if found and found[0][0] == version:
            return Mark(position=found[0][1], hash=bytes(found[0][2]))
        self._clear(name, version)
        return Mark()

    def read(self, name: str, key: str) -> bytes | None:
        found = self._all("select body from row where name = $1 and key = $2", name, _plain(key))
        return bytes(found[0][0]) if found else None

    def every(self, name: str, prefix: str) -> Iterator[tuple[str, bytes]]:
        query = "select key, body from row where name = $1 and starts_with(key, $2) order by key"
        for key, body in self._all(query, name, _plain(prefix)):
            yield key.replace(_NUL, "\x00"), bytes(body)

    def page(self, name: str, prefix: str, after: str, limit: int) -> Iterator[tuple[str, bytes]]:
        query = "select key, body from row where name = $1 and starts_with(key, $2) and key > $3 order by key limit $4"
        for key, body in self._all(query, name, _plain(prefix), _plain(after), limit):
            yield key.replace(_NUL, "\x00"), bytes(body)

    def save(self, name: str, before: Mark, after: Mark, rows: Mapping[str, bytes | None]) -> bool:
        def work(connection: Connection) -> bool:
            with connection.transaction():
                moved = connection.execute(
                    "update view set position = $1, hash = $2 where name = $3 and position = $4 and hash = $5",
                    (after.position, after.hash, name, before.position, before.hash),
                )
                if not moved.rowcount:
                    return False
                kept = {_plain(key): body for key, body in rows.items() if body is not None}
                gone = [_plain(key) for key, body in rows.items() if body is None]
                connection.execute(
                    "insert into row (name, key, body) select $1, * from unnest($2::text[], $3::bytea[]) "
                    "on conflict (name, key) do update set body = excluded.body",
                    (name, list(kept), list(kept.values())),
                )
                connection.execute("delete from row where name = $1 and key = any($2::text[])", (name, gone))
            return True

        return self._guarded(work)

    def drop(self, name: str) -> None:
        self._clear(name, 0)

    def wipe(self) -> None:
        def work(connection: Connection) -> None:
            connection.execute("truncate row, view")

        self._guarded(work)

    def close(self) -> None:
        """Let the connection go."""
        if self._connection is not None:
            self._connection.close()

    def _clear(self, name: str, version: int) -> None:
        def work(connection: Connection) -> None:
            with connection.transaction():
                connection.execute("delete from row where name = $1", (name,))
                connection.execute(
                    "insert into view (name, version, position, hash) values ($1, $2, 0, '') on conflict (name) "
                    "do update set version = excluded.version, position = 0, hash = ''",
                    (name, version),
                )

        self._guarded(work)

    def _all(self, query: str, *values: Any) -> list[Any]:
        return self._guarded(lambda connection: connection.execute(query.encode(), values).fetchall())

    def _guarded(self, work: Callable[[Connection], T]) -> T:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
                with self._connection.transaction():
                    self._connection.execute("select pg_advisory_xact_lock(1986096244)")
                    self._connection.execute(_SCHEMA.format(schema=self._schema).encode())
                self._connection.execute("select set_config('search_path', $1, false)", (f'"{self._schema}"',))
            return work(self._connection)
        except psycopg.Error as error:
            if self._connection is not None:
                self._connection.close()
            raise ViewsLost(" ".join(str(error).split())) from error


def _plain(key: str) -> str:
    """A key that the database can hold."""
    return key.encode("utf-8", "backslashreplace").decode().replace("\x00", _NUL)
