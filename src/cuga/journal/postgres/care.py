"""Looking after the book: is it whole, and count its claims again.

Everything here reads in one transaction of its own, so it sees one moment of the book and gets in nobody's way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import msgspec
import psycopg
from psycopg import Connection, RawServerCursor

from cuga.journal.blobs import unnamed
from cuga.journal.claims import claims_of
from cuga.journal.postgres.address import Address
from cuga.journal.postgres.batch import decode_row, encode_row
from cuga.journal.seal import Fault
from cuga.journal.sqlite.care import BookCheck, claiming
from cuga.journal.sqlite.row import bodies_of, joined
from cuga.journal.statements import queries
from cuga.journal.tombstone import RETIRED

PAGE = 2_000  # rows that are fetched at once


class Asking:
    """Rows of a book as the check asks for them: page by page, however many there are."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers = count()
        self._scopes = queries("postgres/read")["every_scope"]

    def execute(self, query: str, values: tuple[Any, ...] = (), /) -> Iterator[Any]:
        """The rows of a query; names of scopes as text."""
        with RawServerCursor(self._connection, f"ask{next(self._numbers)}") as cursor:
            cursor.itersize = PAGE
            cursor.execute(query.encode(), values, binary=True)
            for row in cursor:
                yield (bytes(row[0]).decode(), row[1]) if query == self._scopes else row


@contextmanager
def one_moment(address: Address) -> Iterator[Connection]:
    """A connection inside a transaction that sees one moment of the book; `JournalFailed` when it breaks."""
    connection = address.connect_now()
    try:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            yield connection
    except psycopg.Error as error:
        raise address.failed(error) from error
    finally:
        connection.close()


def verify_book(address: Address) -> list[Fault]:
    """All faults of a book. Empty: chains, blobs and claims hold, and every head is that of its stream."""
    with one_moment(address) as connection:
        asking = Asking(connection)
        query = queries("postgres/read")
        faults = BookCheck(asking, query).faults()
        said = {fault.where.partition(" ")[0] for fault in faults}
        for name, version, hash, last, linked in asking.execute(query["heads_that_differ"]):
            if name not in said:
                kind = "truncated" if (last or 0) < version else "edited"
                detail = f"its head says {version} {bytes(hash).hex()[:8]}, its last append {last or 0}"
                detail += f" {bytes(linked).hex()[:8]}" if linked is not None else ""
                faults.append(Fault(kind=kind, where=f"{name} #{(last or 0) + 1}", detail=detail))
        return faults


def rebuild_claims(address: Address) -> dict[str, tuple[int, int]]:
    """Put what the events come to in the place of what the ledger keeps, while nobody appends. Answers the
    differences."""
    connection = address.connect_now()
    try:
        with connection.transaction():
            connection.execute("select last from book for update")
            connection.execute("lock table scope in access exclusive mode")
            asking, query = Asking(connection), queries("postgres/read")
            kept = {scope: used for scope, used in asking.execute(query["every_scope"]) if used}
            counted: dict[str, int] = {}
            for _, _, expected, version, events, _ in asking.execute(query["every_append"]):
                for claim in claims_of(claiming(bodies_of(events, version - expected))):
                    counted[claim.scope] = counted.get(claim.scope, 0) + claim.amount
            counted = {scope: amount for scope, amount in counted.items() if amount}
            connection.execute("delete from scope")
            connection.execute(
                "insert into scope (name, used) select * from unnest($1::bytea[], $2::bigint[])",
                ([scope.encode() for scope in counted], list(counted.values())),
            )
    except psycopg.Error as error:
        raise address.failed(error) from error
    finally:
        connection.close()
    pairs = {scope: (kept.get(scope, 0), counted.get(scope, 0)) for scope in sorted(kept.keys() | counted.keys())}
    return {scope: pair for scope, pair in pairs.items() if pair[0] != pair[1]}


def retire(address: Address, runs: Mapping[str, Sequence[bytes]], blobs: Collection[str], seen: int) -> None:
    """Put tombstones in the place of events, and have the tables written anew without what was there."""
    connection = address.connect_now()
    try:
        with connection.transaction():
            for stream, bodies in runs.items():
                rows = connection.execute(
                    "select j.id, j.expected, j.version, j.run from journal j join stream s on s.pk = j.run "
                    "where s.name = $1 order by j.expected", (stream,)
                ).fetchall()  # fmt: skip
                for position, expected, version, _ in rows:
                    if version > len(bodies):
                        break  # appended since the tombstones were made: it stays as it is
                    events = joined(bodies[expected:version])
                    connection.execute("update journal set events = $1 where id = $2", (events, position))
                for run, body in connection.execute(
                    "select run, body from runs where run = $1", (rows[0][3],)
                ).fetchall():
                    line = msgspec.structs.replace(decode_row(body), goal=RETIRED, reason=RETIRED)
                    connection.execute("update runs set body = $1 where run = $2", (encode_row(line), run))
            if blobs:
                # who brings bytes holds this table to the commit: either it is seen below, or it comes after us
                connection.execute("lock table blob in share row exclusive mode")
                later = connection.execute("select events from journal where id > $1", (seen,))
                for digest in unnamed(blobs, (events for (events,) in later)):
                    connection.execute("delete from blob where digest = $1", (digest,))
        for table in ("journal", "runs", "blob"):
            connection.execute(f"vacuum full {table}".encode())
    except psycopg.Error as error:
        raise address.failed(error) from error
    finally:
        connection.close()
