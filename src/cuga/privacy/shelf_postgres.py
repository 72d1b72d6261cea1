"""Keys in a database, for a house of many machines: in a schema of their own, which a copy of the book does not hold.

`pg_dump --exclude-schema=cuga_keys` leaves them out of a backup. What is deleted stays in the server's files and its
write-ahead log until they are vacuumed and recycled; that is said where erasing is explained.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from psycopg import Connection

from cuga.privacy.shelf import Kept
from cuga.tables import Tables

SCHEMA = "cuga_keys"
_TABLES = f"""
create schema if not exists {SCHEMA};
create table if not exists {SCHEMA}.house (one int primary key check (one = 1), secret bytea not null);
create table if not exists {SCHEMA}.subject (id text primary key, key bytea not null);
create table if not exists {SCHEMA}.erased (id text primary key);
"""


_ADD = f"""
insert into {SCHEMA}.subject select * from unnest($1::text[], $2::bytea[]) as fresh (id, key)
where not exists (select 1 from {SCHEMA}.erased where erased.id = fresh.id)
on conflict do nothing
"""


_IN_TURN = "select pg_advisory_xact_lock(7432)"  # else a key could come under an id that is being erased


class KeyTables:
    """A `Shelf` on a database that the machines of a house share."""

    def __init__(self, connect: Callable[[], Connection], where: str) -> None:
        self._tables = Tables(connect, _TABLES, 7431, "the keys of personal data")
        self.where = f"{where}, schema {SCHEMA}"

    is_begun = True
    is_far = True

    def secret(self) -> bytes:
        with self._tables.transaction():
            self._tables.do(f"insert into {SCHEMA}.house values (1, $1) on conflict do nothing", os.urandom(32))
            return bytes(self._tables.do(f"select secret from {SCHEMA}.house")[0][0])

    def keys(self, ids: Sequence[str]) -> dict[str, bytes]:
        found = self._tables.do(f"select id, key from {SCHEMA}.subject where id = any($1)", list(ids))
        return {str(id): bytes(key) for id, key in found}

    def add(self, keys: Iterable[tuple[str, bytes]]) -> None:
        made = dict(keys)
        with self._tables.transaction():
            self._tables.do(_IN_TURN)
            self._tables.do(_ADD, list(made), list(made.values()))

    def erase(self, ids: Iterable[str]) -> int:
        gone = 0
        with self._tables.transaction():
            self._tables.do(_IN_TURN)
            for id in ids:
                gone += len(self._tables.do(f"delete from {SCHEMA}.subject where id = $1 returning 1", id))
                self._tables.do(f"insert into {SCHEMA}.erased values ($1) on conflict do nothing", id)
        self._tables.do(f"vacuum {SCHEMA}.subject")
        return gone

    def erased(self) -> frozenset[str]:
        return frozenset(str(id) for (id,) in self._tables.do(f"select id from {SCHEMA}.erased"))

    def counts(self) -> tuple[int, int]:
        tables = f"select (select count(*) from {SCHEMA}.subject), (select count(*) from {SCHEMA}.erased)"
        keys, erased = self._tables.do(tables)[0]
        return int(keys), int(erased)

    def all(self) -> Kept:
        keys = tuple((str(id), bytes(key)) for id, key in self._tables.do(f"select id, key from {SCHEMA}.subject"))
        return Kept(self.secret(), keys, tuple(sorted(self.erased())))

    def take(self, kept: Kept) -> None:
        with self._tables.transaction():
            self._tables.do(_IN_TURN)
            self._tables.do(f"delete from {SCHEMA}.house")
            self._tables.do(f"insert into {SCHEMA}.house values (1, $1)", kept.secret)
            self.add(kept.keys)
            for id in kept.erased:
                self._tables.do(f"insert into {SCHEMA}.erased values ($1) on conflict do nothing", id)

    def drop_all(self) -> None:
        with self._tables.transaction():
            for table in ("subject", "erased", "house"):
                self._tables.do(f"delete from {SCHEMA}.{table}")
        self._tables.do(f"vacuum {SCHEMA}.subject")

    def close(self) -> None:
        self._tables.close()
