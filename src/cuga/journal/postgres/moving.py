"""A whole book from a file into a database, and back: every row as it is, every hash intact.

What is copied is checked before, or it is not copied, and checked after, or it does not count. Positions stay, so views
that were folded from the one stand for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import apsw
import psycopg
from psycopg import Connection

from cuga.errors import BadInput, JournalCorrupt
from cuga.journal.port import Index, RunRow
from cuga.journal.postgres.address import Address
from cuga.journal.postgres.batch import decode_row, encode_row
from cuga.journal.postgres.care import Asking, one_moment, verify_book
from cuga.journal.seal import Fault
from cuga.journal.sqlite.batch import index_rows, moment
from cuga.journal.sqlite.care import verify_file
from cuga.journal.sqlite.connect import open_reader, open_writer
from cuga.journal.statements import queries
from cuga.model.event import Status
from cuga.model.value import Value

Tell = Callable[[str], None]
PAGE = 2_000  # rows of one insert into the file


class Moved(Value, frozen=True, kw_only=True):
    """What was moved."""

    streams: int
    appends: int
    events: int  # also the last position
    blobs: int


def into_database(path: Path, address: Address, tell: Tell = lambda _: None) -> Moved:
    """Copy the book of a file, which nobody may have open, into the empty book of a database.

    `JournalCorrupt` when the file does not hold, `BadInput` when the database has a book already.
    """
    tell("checking the file")
    _must_hold(verify_file(path), str(path))
    file = open_reader(path)
    connection = address.connect_now()
    try:
        file.execute("begin")
        with connection.transaction():
            connection.execute("lock table book in exclusive mode")
            if connection.execute("select last > 0 or exists (select from stream) from book").fetchone() != (False,):
                raise BadInput(f"{address.shown} holds a book already", mend="Name an empty database.")
            tell("copying")
            moved = _copy_in(file, connection)
        tell("checking the database")
        _must_hold(verify_book(address), address.shown)
    except psycopg.Error as error:
        raise address.failed(error) from error
    finally:
        connection.close()
        file.close()
    return moved


def _copy_in(file: apsw.Connection, to: Connection) -> Moved:
    query = queries("read")
    streams = _copy(to, "stream (pk, name, tenant)", (
        (pk, name, name[6:] if name.startswith("house/") else "") for pk, name in file.execute(query["every_stream"])
    ))  # fmt: skip
    appends = _copy(
        to, "journal (id, run, expected, version, events, hash, batch)",
        ((*row, 0) for row in file.execute(query["every_append"])),
    )  # fmt: skip
    _copy(to, "scope (name, used)", ((name.encode(), used) for name, used in file.execute(query["every_scope"])))
    blobs = _copy(to, "blob (digest, body)", file.execute(query["every_blob"]))
    _copy(
        to,
        "runs (run, status, tenant, trace, wake_at, started, version, body)",
        map(_run_in, file.execute(query["every_run"])),
    )
    _copy(to, "approval (id, run, tenant, requested, card)", file.execute(query["every_approval"]))
    _copy(to, "checkpoint (size, position, note, peaks)", file.execute(query["every_checkpoint"]))
    to.execute("update fact set value = $1 where name = 'epoch'", (_one(file, query["epoch"]),))
    to.execute("delete from fact where name = 'moved'")
    to.execute(
        "update stream s set version = j.version, hash = j.hash from ("
        "select distinct on (run) run, version, hash from journal order by run, expected desc) j where j.run = s.pk"
    )
    to.execute("update stream s set tenant = r.tenant from runs r where r.run = s.pk")
    to.execute(
        "select setval(pg_get_serial_sequence('stream', 'pk'), (select coalesce(max(pk), 0) + 1 from stream), false)"
    )
    events = int(_one(file, query["last_id"]))
    to.execute("update book set last = $1", (events,))
    return Moved(streams=streams, appends=appends, events=events, blobs=blobs)


def _copy(to: Connection, table: str, rows: Iterable[Any]) -> int:
    count = 0
    with to.cursor().copy(f"copy {table} from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def _run_in(row: tuple[Any, ...]) -> tuple[Any, ...]:
    run, status, tenant, profile, goal, requester, trace_id, reason, wake_at, started, updated, version = row
    line = RunRow(
        status=Status(status), tenant=tenant, profile=profile, goal=goal, requester=requester, trace_id=trace_id,
        reason=reason, wake_at=None if wake_at is None else moment(wake_at),
        started_at=moment(started), updated_at=moment(updated),
    )  # fmt: skip
    return run, status, tenant, trace_id.encode(), wake_at, started, version, encode_row(line)


def into_file(address: Address, path: Path, tell: Tell = lambda _: None, *, moving: bool = False) -> Moved:
    """Copy the book of a database into a new file, as it is at one moment. With `moving` nothing can be appended to
    the book of the database from then on: whoever still has it open is told that it was moved.

    `BadInput` when the file is there, `JournalCorrupt` when the book does not hold.
    """
    if path.exists():
        raise BadInput(f"{path} exists", mend="Name a file that is not there yet.")
    tell("checking the database")
    _must_hold(verify_book(address), address.shown)
    half = path.with_name(f"{path.name}.half")
    half.unlink(missing_ok=True)
    try:
        with one_moment(address) as connection:
            if moving:
                connection.execute("lock table book in exclusive mode")
            file = open_writer(half, "full")
            try:
                tell("copying")
                with file:
                    moved = _copy_out(Asking(connection), file)
                file.execute("pragma journal_mode = delete").fetchall()
            finally:
                file.close()
            tell("checking the file")
            _must_hold(verify_file(half), str(half))
            if moving:
                connection.execute("insert into fact (name, value) values ('moved', 1) on conflict do nothing")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    return moved


def _copy_out(asking: Asking, file: apsw.Connection) -> Moved:
    ask, query = asking.execute, queries("postgres/read")
    streams = _fill(file, "stream", 2, ask(query["every_stream"]))
    appends = _fill(file, "journal", 6, ask(query["every_append"]))
    _fill(file, "scope", 2, ask(query["every_scope"]))
    blobs = _fill(file, "blob", 2, ask(query["every_blob"]))
    _fill(file, "runs", 12, (_run_out(*row) for row in ask(query["every_run"])))
    _fill(file, "approval", 5, ask(query["every_approval"]))
    _fill(file, "checkpoint", 4, ask(query["every_checkpoint"]))
    file.execute("update fact set value = ? where name = 'epoch'", (next(iter(ask(query["epoch"])))[0],))
    events = int(next(iter(ask(query["last_position"])))[0])
    return Moved(streams=streams, appends=appends, events=events, blobs=blobs)


def _run_out(run: int, version: int, body: bytes) -> tuple[Any, ...]:
    rows, _, _ = index_rows(run, version, Index(run=decode_row(body)))
    return rows[run]


def _fill(file: apsw.Connection, table: str, width: int, rows: Iterable[Any]) -> int:
    count, page = 0, []
    insert = f"insert into {table} values ({', '.join('?' * width)})"
    for row in rows:
        page.append(tuple(row))
        count += 1
        if len(page) == PAGE:
            file.executemany(insert, page)
            page = []
    file.executemany(insert, page)
    return count


def _one(file: apsw.Connection, query: str) -> Any:
    return next(iter(file.execute(query)))[0]


def _must_hold(faults: list[Fault], where: str) -> None:
    if faults:
        first = faults[0]
        raise JournalCorrupt(f"{where}: {first.kind} at {first.where}, {first.detail}", faults=faults)
