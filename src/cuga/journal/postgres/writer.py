"""The one connection that writes: a batch is one statement, so a process that stands still holds nothing up.

When the connection is lost at the commit nobody knows what became of the batch. It is sent again under the same number:
what was stored is recognised there, what was not is stored now, and neither happens twice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

import psycopg
from psycopg.pq.abc import PGresult

from cuga.errors import JournalFailed
from cuga.journal.port import Committed, Unknown
from cuga.journal.postgres.address import SYNCHRONOUS, Address, in_words
from cuga.journal.postgres.batch import APPEND, APPENDS, LOOK_AGAIN, Answer, Item, answers, columns, is_plain, plain
from cuga.journal.postgres.line import Line, Statement
from cuga.journal.postgres.packing import number
from cuga.journal.times import CommitTimes

PATIENCE_S = 20.0  # how long a database that does not answer is tried again before we say that we do not know
PAUSE_S = 0.25
ANSWER_S = 40.0  # a statement that takes longer is given up by us; the server ends it before (`statement_timeout`)
POINTS = ("append.admitted", "commit.begin", "commit.done", "append.answered")
_CHECKPOINT = Statement(
    name=b"checkpoint", text=b"insert into checkpoint values ($1, $2, $3, $4) on conflict do nothing"
)
# a batch finds its rows by index, one after another and in its own order, however young the statistics are
_WALKS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
}  # fmt: skip
_AGAIN = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.QueryCanceled)


class Attempt:
    """One batch on its way: the number that it is known by, and what is known of it so far."""

    __slots__ = ("error", "is_open", "is_weighed", "number")

    def __init__(self) -> None:
        self.number = int.from_bytes(os.urandom(8), "big") >> 1
        self.is_open = False  # whether one that was sent may have been stored
        self.is_weighed = False  # whether one append is to be weighed as a batch is
        self.error: psycopg.Error | TimeoutError | None = None  # what came of sending it, not seen to yet

    def taken(self) -> psycopg.Error | TimeoutError | None:
        """What came of sending it, once."""
        error, self.error = self.error, None
        return error

    def statement(self, items: Sequence[Item]) -> Statement:
        """What to ask for."""
        return APPEND if is_plain(items) and not self.is_weighed else APPENDS

    def values(self, items: Sequence[Item]) -> Sequence[bytes | None]:
        """And with what."""
        return plain(self.number, items[0]) if self.statement(items) is APPEND else columns(self.number, items)


def said(statement: Statement, items: Sequence[Item], found: PGresult) -> list[Answer]:
    """What the database answered, item by item."""
    if statement is APPEND:
        return [Committed(version=items[0].expected + items[0].count)]
    return answers(items, found)


class Writer:
    """Owns the writing connection. `on_point` is told each of `POINTS` as it is passed."""

    def __init__(self, address: Address, durability: str, on_point: Callable[[str], None]) -> None:
        self._address = address
        self._synchronous = SYNCHRONOUS[durability]
        self._point = on_point
        self._line: Line | None = None
        self.trouble = ""  # what last went wrong; empty: nothing since the last good commit
        self.times = CommitTimes()
        self.lost = 0  # connections that were lost with a batch on the way

    async def connect(self) -> Line:
        """The connection, made anew when there is none. Raises what the driver raises."""
        if self._line is None or self._line.closed:
            connection = await self._address.connect(
                synchronous_commit=self._synchronous, statement_timeout="30s", application_name="cuga writer", **_WALKS
            )
            self._line = Line(connection, ANSWER_S)
        return self._line

    def send(self, items: Sequence[Item], told: Callable[[list[Answer] | Attempt], None]) -> bool:
        """Send a batch on its way at once. `told` gets what became of it, or what to go on with in `write`. False: it
        cannot be sent at once, and nothing has happened."""
        line, attempt, began = self._line, Attempt(), self._loop_time()
        statement = attempt.statement(items)
        if line is None or not line.knows(statement):
            return False

        def heard(found: PGresult | psycopg.Error | TimeoutError) -> None:
            if isinstance(found, Exception):
                attempt.error = found
                told(attempt)
            else:
                self._stored(began, len(items))
                told(said(statement, items, found))

        self._point("commit.begin")
        line.send(statement, attempt.values(items), heard)
        return True

    def look(self) -> None:
        """Tell whoever sent a batch what became of it, if that has come by now."""
        if self._line is not None:
            self._line.look()

    async def write(self, items: Sequence[Item], attempt: Attempt | None = None) -> list[Answer | JournalFailed]:
        """Store a batch durably and say of each item what became of it. Never raises for a fault of the database.

        `attempt` is one that was made already: whether it was stored is found out under its number.
        """
        attempt = attempt or Attempt()
        until = self._loop_time() + PATIENCE_S
        while True:
            sent = False
            try:
                if (error := attempt.taken()) is not None:
                    sent = True
                    raise error
                line = await self.connect()
                self._point("commit.begin")
                sent, began, statement = True, self._loop_time(), attempt.statement(items)
                found = await line.ask(statement, attempt.values(items))
                self._stored(began, len(items))
                return [*said(statement, items, found)]
            except _AGAIN as error:
                failed: Exception = error  # rolled back, so nothing of it was stored
            except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
                failed, attempt.is_open = error, attempt.is_open or sent
                await self._hang_up(sent)
            except psycopg.Error as error:
                if not attempt.is_weighed and error.diag.sqlstate == LOOK_AGAIN:
                    attempt.is_weighed = True  # it does not fit as it is: the database says why
                    continue
                if attempt.is_open:  # it has changed its mind: what became of the first is as unknown as before
                    return [self._given_up(error, attempt.is_open) for _ in items]
                return await self._apart(items, error)
            self.trouble = in_words(failed)
            if self._loop_time() > until:
                return [self._given_up(failed, attempt.is_open) for _ in items]
            await asyncio.sleep(PAUSE_S)

    def _loop_time(self) -> float:
        return asyncio.get_running_loop().time()

    def _stored(self, began: float, appends: int) -> None:
        self._point("commit.done")
        self.times.add(self._loop_time() - began, appends)
        self.trouble = ""

    async def keep_checkpoint(self, size: int, position: int, note: bytes, peaks: bytes) -> None:
        """Keep a checkpoint durably; one of the same size stays as it is. `JournalFailed`: give it again."""
        try:
            line = await self.connect()
            await line.ask(_CHECKPOINT, [number(size), number(position), note, peaks])
        except (psycopg.Error, TimeoutError) as error:
            raise self._address.failed(error) from error

    def _given_up(self, failed: Exception, is_open: bool) -> Answer | JournalFailed:
        if is_open:
            return Unknown(reason=in_words(failed))
        return self._address.failed(failed)

    async def _apart(self, items: Sequence[Item], error: psycopg.Error) -> list[Answer | JournalFailed]:
        """The database cannot take something in a batch: each item for itself, so that one spoils no other."""
        if len(items) == 1:
            return [self._address.failed(error)]
        return [answer for item in items for answer in await self.write([item])]

    async def _hang_up(self, sent: bool) -> None:
        line, self._line = self._line, None
        if line is not None:
            self.lost += sent
            await line.close()

    async def close(self) -> None:
        """Let the connection go."""
        await self._hang_up(False)
