"""Tables of a house beside its book, in a database that its machines share: one connection, opened when first asked.

They are made by whoever opens them first. A connection that was lost is opened anew at the next question.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from psycopg import Connection

from cuga.errors import JournalFailed


class Tables:
    """A schema of its own with a few tables. What the server refuses is said as `JournalFailed`, with `what` it was."""

    def __init__(self, connect: Callable[[], Connection], made_by: str, turn: int, what: str) -> None:
        self._connect = connect
        self._made_by = made_by  # statements that do nothing where they have been done
        self._turn = turn  # the advisory lock under which they are done, one for each schema
        self._what = what
        self._connection: Connection | None = None

    def do(self, query: str, *values: Any) -> list[Any]:
        """The rows of one statement, with `$1` and so on for the values; none where it has no rows."""
        try:
            cursor = self._open().execute(query.encode(), values)
            return cursor.fetchall() if cursor.description is not None else []
        except psycopg.Error as error:
            raise self._failed(error) from error

    def transaction(self) -> AbstractContextManager[Any]:
        """All that is done within stands, or none of it."""
        return self._open().transaction()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            try:
                with self._connection.transaction():
                    self._connection.execute(f"select pg_advisory_xact_lock({self._turn})".encode())  # made once
                    for statement in filter(str.strip, self._made_by.split(";")):
                        self._connection.execute(statement.encode())
            except psycopg.Error as error:
                self.close()  # one without its tables is of no use to the next question
                raise self._failed(error) from error
        return self._connection

    def _failed(self, error: psycopg.Error) -> JournalFailed:
        return JournalFailed(f"{self._what}: {error}")
