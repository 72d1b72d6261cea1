"""What was witnessed, in a database that the machines of a house share: in a schema of its own, beside the book."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg import Connection

from cuga.tables import Tables
from cuga.witness.shelf import Seen, Shelf

SCHEMA = "cuga_witness"
_TABLES = f"""
create schema if not exists {SCHEMA};
create table if not exists {SCHEMA}.seen (
    origin text not null, epoch bigint not null, size bigint not null, note bytea not null,
    since bigint not null, at bigint not null, primary key (origin, epoch)
);
"""
_ALL = f"select origin, epoch, size, note, since, at from {SCHEMA}.seen"
_REPLACE = f"""
update {SCHEMA}.seen set size = $1, note = $2, at = $3
where origin = $4 and epoch = $5 and note = $6 and size <= $1 returning 1
"""
_ADD = f"""
insert into {SCHEMA}.seen (origin, epoch, size, note, since, at)
select $1::text, $2::bigint, $3::bigint, $4::bytea, $5::bigint, $6::bigint
where not exists (select 1 from {SCHEMA}.seen where origin = $1 and epoch >= $2)
on conflict do nothing returning 1
"""
_IN_TURN = "select pg_advisory_xact_lock(7434)"  # else two could begin two epochs of a journal at once


class ShelfTables:
    """A `Shelf` on a database."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._tables = Tables(connect, _TABLES, 7433, "what this house has witnessed")

    def newest(self, origin: str) -> Seen | None:
        found = self._tables.do(f"{_ALL} where origin = $1 order by epoch desc limit 1", origin)
        return _seen(found[0]) if found else None

    def all(self) -> list[Seen]:
        return [_seen(row) for row in self._tables.do(f"{_ALL} order by origin, epoch")]

    def move(self, before: Seen | None, now: Seen) -> bool:
        if before is not None and before.epoch == now.epoch:
            return bool(self._tables.do(_REPLACE, now.size, now.note, now.at, now.origin, now.epoch, before.note))
        with self._tables.transaction():
            self._tables.do(_IN_TURN)
            return bool(self._tables.do(_ADD, *now))

    def take_over(self, shelf: Shelf) -> None:
        if found := shelf.all():
            with self._tables.transaction():
                self._tables.do(_IN_TURN)
                self._tables.do(f"delete from {SCHEMA}.seen")
                for one in found:
                    self._tables.do(_ADD, *one)
            shelf.drop_all()

    def drop_all(self) -> None:
        self._tables.do(f"delete from {SCHEMA}.seen")

    def close(self) -> None:
        self._tables.close()


def _seen(row: Any) -> Seen:
    return Seen(str(row[0]), int(row[1]), int(row[2]), bytes(row[3]), int(row[4]), int(row[5]))
