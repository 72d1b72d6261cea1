"""The journal in one SQLite file, through `apsw`: see `docs/decisions/0001-sqlite-through-apsw.md`."""

from cuga.journal.sqlite.binding import SqliteJournal
from cuga.journal.sqlite.care import Restored, back_up, restore, verify_file
from cuga.journal.sqlite.follow import ReadOnly
from cuga.journal.sqlite.lock import Lock
from cuga.journal.sqlite.writer import POINTS

__all__ = ["POINTS", "Lock", "ReadOnly", "Restored", "SqliteJournal", "back_up", "restore", "verify_file"]
