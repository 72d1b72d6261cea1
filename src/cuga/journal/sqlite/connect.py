"""Opening the file: what every connection is set to, and that it really is.

The writer's connection makes and migrates the tables and grows the write-ahead log once, so that the first commits are
not slower than the rest. Readers' connections can only read. All of them come from the same SQLite library.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from cuga.errors import JournalFailed
from cuga.journal.statements import migrations
from cuga.model.value import digest_bytes

SYNCHRONOUS = {"full": 2, "process": 1}  # FULL: every commit is synced; NORMAL: only checkpoints are
APPLICATION = 0x63756761  # "cuga", in the file's header
PREFILL_PAGES = 1_050  # a little more than a checkpoint's 1000 pages: the size at which the log is used anew
CHECKPOINT_PAGES = 1_000
MIGRATION = "create table if not exists migration (number integer primary key, name text, digest text)"
OPEN_WRITER = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
OPEN_READER = apsw.SQLITE_OPEN_READONLY


def open_writer(path: Path, durability: str, vfs: str | None = None, *, prefill: bool = True) -> apsw.Connection:
    """The one connection that writes, with the tables at today's version."""
    try:
        connection = _connect(path, OPEN_WRITER, vfs)
    except apsw.Error as error:
        raise JournalFailed(f"{path} cannot be opened: {error}") from error
    try:
        _migrate(connection, path)
        if prefill:
            _prefill(connection)
        _settle(connection, durability)
    except apsw.Error as error:
        connection.close()
        cause = error.__context__ or error  # a full or failing disk rolls back by itself, and a second time raises
        raise JournalFailed(f"{path} cannot be opened: {cause}") from error
    except JournalFailed:
        connection.close()
        raise
    return connection


def open_reader(path: Path, vfs: str | None = None) -> apsw.Connection:
    """A connection that can only read; `JournalFailed` when there is no journal."""
    try:
        connection = _connect(path, OPEN_READER, vfs)
        connection.execute("pragma query_only = on")
        known = _ask(connection, "pragma application_id")
    except apsw.Error as error:
        raise JournalFailed(f"{path} cannot be read: {error}") from error
    if known != APPLICATION:
        connection.close()
        raise JournalFailed(f"{path} is not a journal of cuga")
    return connection


def _prefill(connection: apsw.Connection) -> None:
    """Grow the write-ahead log to the size at which it is used anew.

    A growing file needs its metadata synced with each commit, which costs a third of the speed of lone commits.
    """
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = off")
    connection.execute("pragma wal_autocheckpoint = 0")
    for _ in range(PREFILL_PAGES):
        connection.execute("update fact set value = value + 1 where name = 'filled'")
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)


def _connect(path: Path, flags: int, vfs: str | None) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags, vfs=vfs)
    connection.set_busy_timeout(5_000)
    connection.execute("pragma cache_size = -32000")
    connection.execute("pragma temp_store = memory")
    return connection


def _ask(connection: apsw.Connection, pragma: str) -> object:
    return next(iter(connection.execute(pragma).fetchall()), (None,))[0]


def _settle(connection: apsw.Connection, durability: str) -> None:
    mode = _ask(connection, "pragma journal_mode = wal")
    connection.execute("pragma fullfsync = on")  # only macOS knows it: without it a sync there is a wish
    connection.execute("pragma checkpoint_fullfsync = on")
    connection.execute(f"pragma synchronous = {SYNCHRONOUS[durability]}")
    level = _ask(connection, "pragma synchronous")
    if mode != "wal" or level != SYNCHRONOUS[durability]:
        raise JournalFailed(f"the file system does not allow it: journal mode {mode}, synchronous {level}")


def _migrate(connection: apsw.Connection, path: Path) -> None:
    known = _ask(connection, "pragma application_id")
    if known != APPLICATION and (known != 0 or _ask(connection, "select count(*) from sqlite_schema") != 0):
        raise JournalFailed(f"{path} is not a journal of cuga")
    with connection:
        connection.execute(f"pragma application_id = {APPLICATION}")
        connection.execute(MIGRATION)
        done = dict(connection.execute("select number, digest from migration"))
        if done and max(done) > max(number for number, _, _ in migrations()):
            raise JournalFailed(f"{path} was written by a newer cuga", mend="Use that version, or a newer one.")
        for number, name, text in migrations():
            if number not in done:
                connection.execute(text)
                values = (number, name, digest_bytes(text.encode()))
                connection.execute("insert into migration values (?, ?, ?)", values)
