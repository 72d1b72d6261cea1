"""The one connection that writes: a batch is one statement, so a process that stands still holds nothing up.

When the connection is lost at the commit nobody knows what became of the batch. It is sent again under the same number:
what was stored is recognised there, what was not is stored now, and neither happens twice.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

import psycopg
from psycopg import AsyncConnection

from cuga.errors import JournalFailed
from cuga.journal.port import Unknown
from cuga.journal.postgres.address import SYNCHRONOUS, Address, in_words
from cuga.journal.postgres.batch import Answer, Item, answers, columns
from cuga.journal.times import CommitTimes

PATIENCE_S = 20.0  # how long a database that does not answer is tried again before we say that we do not know
PAUSE_S = 0.25
ANSWER_S = 40.0  # a statement that takes longer is given up by us; the server ends it before (`statement_timeout`)
POINTS = ("append.admitted", "commit.begin", "commit.done", "append.answered")
_APPEND = f"select states, stands, refusals from add_appends({', '.join(f'${n}' for n in range(1, 29))})"
# a batch finds its rows by index, one after another and in its own order, however young the statistics are
_WALKS = {
    "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}  # fmt: skip
_AGAIN = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.QueryCanceled)


class Writer:
    """Owns the writing connection. `on_point` is told each of `POINTS` as it is passed."""

    def __init__(self, address: Address, durability: str, on_point: Callable[[str], None]) -> None:
        self._address = address
        self._synchronous = SYNCHRONOUS[durability]
        self._point = on_point
        self._connection: AsyncConnection | None = None
        self.trouble = ""  # what last went wrong; empty: nothing since the last good commit
        self.times = CommitTimes()
        self.lost = 0  # connections that were lost with a batch on the way

    async def connect(self) -> AsyncConnection:
        """The connection, made anew when there is none. Raises what the driver raises."""
        if self._connection is None or self._connection.closed:
            self._connection = await self._address.connect(
                synchronous_commit=self._synchronous, statement_timeout="30s", application_name="cuga writer", **_WALKS
            )
        return self._connection

    async def write(self, items: Sequence[Item]) -> list[Answer | JournalFailed]:
        """Store a batch durably and say of each item what became of it. Never raises for a fault of the database."""
        loop = asyncio.get_running_loop()
        number = int.from_bytes(os.urandom(8), "big") >> 1
        until, is_open = loop.time() + PATIENCE_S, False  # whether one that was sent may have been stored
        while True:
            sent = False
            try:
                connection = await self.connect()
                self._point("commit.begin")
                sent, began = True, loop.time()
                async with asyncio.timeout(ANSWER_S):
                    cursor = await connection.execute(_APPEND, columns(number, items), binary=True)
                    row = await cursor.fetchone()
                self._point("commit.done")
                self.times.add(loop.time() - began, len(items))
                self.trouble = ""
                return list(answers(items, row or ()))
            except _AGAIN as error:
                failed: Exception = error  # rolled back, so nothing of it was stored
            except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
                failed, is_open = error, is_open or sent
                await self._hang_up(sent)
            except psycopg.Error as error:
                if is_open:  # the database has changed its mind: what became of the first is as unknown as before
                    return [self._given_up(error, is_open) for _ in items]
                return await self._apart(items, error)
            self.trouble = in_words(failed)
            if loop.time() > until:
                return [self._given_up(failed, is_open) for _ in items]
            await asyncio.sleep(PAUSE_S)

    async def keep_checkpoint(self, size: int, position: int, note: bytes, peaks: bytes) -> None:
        """Keep a checkpoint durably; one of the same size stays as it is. `JournalFailed`: give it again."""
        try:
            connection = await self.connect()
            values = (size, position, note, peaks)
            await connection.execute("insert into checkpoint values ($1, $2, $3, $4) on conflict do nothing", values)
        except psycopg.Error as error:
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
        connection, self._connection = self._connection, None
        if connection is not None:
            self.lost += sent
            await connection.close()

    async def close(self) -> None:
        """Let the connection go."""
        await self._hang_up(False)
