"""Opening the file: what every connection is set to, and that it really is.

The writer's connection makes and migrates the tables and grows the write-ahead log once, so that the first commits are
not slower than the rest. Readers' connections can only read. All of them come from the same SQLite library.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from cuga.errors import PUT_BACKUP, JournalFailed
from cuga.journal.statements import migrations, queries
from cuga.model.value import digest_bytes

SYNCHRONOUS = {"full": 2, "process": 1}  # FULL: every commit is synced; NORMAL: only checkpoints are
APPLICATION = 0x63756761  # "cuga", in the file's header
PREFILL_PAGES = 1_050  # a little more than a checkpoint's 1000 pages: the size at which the log is used anew
CHECKPOINT_PAGES = 1_000
SQL = queries("connect")
OPEN_WRITER = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
OPEN_READER = apsw.SQLITE_OPEN_READONLY


def open_writer(path: Path, durability: str, vfs: str | None = None, *, prefill: bool = False) -> apsw.Connection:
    """The one connection that writes, with the tables at today's version."""
    try:
        connection = _connect(path, OPEN_WRITER, vfs)
    except apsw.Error as error:
        raise _failed(path, "opened", error) from error
    try:
        _migrate(connection, path)
        if prefill:
            _prefill(connection)
        _settle(connection, durability)
    except apsw.Error as error:
        connection.close()
        cause = error.__context__ or error  # a full or failing disk rolls back by itself, and a second time raises
        raise _failed(path, "opened", cause) from error
    except JournalFailed:
        connection.close()
        raise
    return connection


def open_reader(path: Path, vfs: str | None = None) -> apsw.Connection:
    """A connection that can only read; `JournalFailed` when there is no journal."""
    try:
        connection = _connect(path, OPEN_READER, vfs)
        connection.execute(SQL["read_only"])
        known = _ask(connection, "application")
    except apsw.Error as error:
        raise _failed(path, "read", error) from error
    if known != APPLICATION:
        connection.close()
        raise JournalFailed(f"{path} is not a journal of cuga")
    return connection


def _failed(path: Path, what: str, cause: BaseException) -> JournalFailed:
    """Why a file cannot be used; of one that is damaged what to do, as no disk and no right will mend it."""
    is_damaged = isinstance(cause, apsw.CorruptError | apsw.NotADBError)
    mend = PUT_BACKUP if is_damaged else "`cuga doctor` looks at the file, the disk and the rights."
    return JournalFailed(f"{path} cannot be {what}: {cause}", mend=mend)


def _prefill(connection: apsw.Connection) -> None:
    """Grow the write-ahead log to the size at which it is used anew.

    A growing file needs its metadata synced with each commit, which costs a third of the speed of lone commits.
    """
    connection.execute(SQL["write_ahead"])
    connection.execute(SQL["unsynced"])
    connection.execute(SQL["no_checkpoints"])
    for _ in range(PREFILL_PAGES):
        connection.execute(SQL["fill"])
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)


def _connect(path: Path, flags: int, vfs: str | None) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=flags, vfs=vfs)
    connection.set_busy_timeout(5_000)
    connection.execute(SQL["cache"])
    connection.execute(SQL["temporary"])
    return connection


def _ask(connection: apsw.Connection, name: str) -> object:
    return connection.execute(SQL[name]).fetchall()[0][0]


def _settle(connection: apsw.Connection, durability: str) -> None:
    mode = _ask(connection, "write_ahead")
    connection.execute(SQL["full_sync"])
    connection.execute(SQL["full_sync_of_checkpoints"])
    connection.execute(f"pragma synchronous = {SYNCHRONOUS[durability]}")
    level = _ask(connection, "level")
    if mode != "wal" or level != SYNCHRONOUS[durability]:
        raise JournalFailed(f"the file system does not allow it: journal mode {mode}, synchronous {level}")


def _migrate(connection: apsw.Connection, path: Path) -> None:
    known = _ask(connection, "application")
    if known != APPLICATION and (known != 0 or _ask(connection, "count_tables") != 0):
        raise JournalFailed(f"{path} is not a journal of cuga")
    with connection:
        connection.execute(f"pragma application_id = {APPLICATION}")
        connection.execute(SQL["make_migration"])
        done = dict(connection.execute(SQL["migrated"]))
        if done and max(done) > max(number for number, _, _ in migrations()):
            raise JournalFailed(f"{path} was written by a newer cuga", mend="Use that version, or a newer one.")
        for number, name, text in migrations():
            if number not in done:
                connection.execute(text)
                values = (number, name, digest_bytes(text.encode()))
                connection.execute(SQL["add_migration"], values)
