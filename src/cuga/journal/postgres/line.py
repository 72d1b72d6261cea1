"""A connection that is asked one prepared statement at a time, in bytes: the least that lies between a step and its
commit.

What a driver does for each statement (fit parameters, wait on the socket, make rows) is as much work as a small append.
Here parameters come packed, the loop looks at the socket all along, and the answer is what libpq has of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

from cuga.model.value import Value

Heard = Callable[["PGresult | psycopg.Error | TimeoutError"], None]
_BINARY = tuple((Format.BINARY,) * count for count in range(40))


class Statement(Value, frozen=True, kw_only=True):
    """What is asked again and again, by its name on the connection."""

    name: bytes
    text: bytes


class Line:
    """Asks over a connection that is set up; it is nobody else's from here on. `patience_s`: how long an answer may
    take before the connection counts as lost."""

    def __init__(self, connection: AsyncConnection, patience_s: float) -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._socket = connection.pgconn.socket
        self._patience_s = patience_s
        self._loop = asyncio.get_running_loop()
        self._known: set[bytes] = set()
        self._heard: Heard | None = None  # who is told the answer that is on its way
        self._result: PGresult | None = None  # what has come of it
        self._late: asyncio.TimerHandle | None = None
        self._sending = False
        self._turn = asyncio.Lock()
        self._freed: asyncio.Future[None] | None = None  # of one whose turn it is, while what was sent is on its way
        self.closed = False
        self._loop.add_reader(self._socket, self._read)

    def knows(self, statement: Statement) -> bool:
        """Whether it can be sent at once: nobody else waits for an answer, and the server has it prepared."""
        return not self.closed and self._heard is None and not self._turn.locked() and statement.name in self._known

    def send(self, statement: Statement, values: Sequence[bytes | None], heard: Heard) -> None:
        """Send a statement that `knows` was true for; `heard` is told what came of it: its result, or why there is
        none."""
        try:
            self._pg.send_query_prepared(statement.name, values, _BINARY[len(values)], Format.BINARY)
        except psycopg.OperationalError as error:
            self._heard = heard
            self._lose(error)
        else:
            self._wait(heard)

    def look(self) -> None:
        """Take in what has come by now: a busy loop may be long in finding out by itself."""
        if self._heard is not None and not self.closed:
            self._read()

    async def ask(self, statement: Statement, values: Sequence[bytes | None]) -> PGresult:
        """The answer to a statement. Raises what the driver raises; `TimeoutError` or a cancellation: what became of it
        is not known, and the line is closed."""
        async with self._turn:
            if self._heard is not None:
                self._freed = self._loop.create_future()
                await self._freed
            if statement.name not in self._known:
                await self._answer(lambda: self._pg.send_prepare(statement.name, statement.text))
                self._known.add(statement.name)
            return await self._answer(
                lambda: self._pg.send_query_prepared(statement.name, values, _BINARY[len(values)], Format.BINARY)
            )

    async def _answer(self, send: Callable[[], None]) -> PGresult:
        if self.closed:
            raise psycopg.OperationalError("the connection was lost")
        answer: asyncio.Future[PGresult] = self._loop.create_future()

        def heard(found: PGresult | psycopg.Error | TimeoutError) -> None:
            if not answer.done():
                answer.set_exception(found) if isinstance(found, Exception) else answer.set_result(found)

        send()
        self._wait(heard)
        try:
            return await answer
        except asyncio.CancelledError:
            self._lose(psycopg.OperationalError("nobody waited for the answer"))
            raise

    def _wait(self, heard: Heard) -> None:
        self._heard = heard
        self._late = self._loop.call_later(self._patience_s, self._lose, TimeoutError("the database does not answer"))
        self._flush()

    def _flush(self) -> None:
        """Send what the socket takes, and the rest as soon as it takes more."""
        try:
            left = self._pg.flush()
        except psycopg.OperationalError as error:
            self._lose(error)
            return
        if left and not self._sending:
            self._loop.add_writer(self._socket, self._flush)
        elif self._sending and not left:
            self._loop.remove_writer(self._socket)
        self._sending = bool(left)

    def _read(self) -> None:
        pg = self._pg
        try:
            pg.consume_input()
            while not pg.is_busy():
                result = pg.get_result()
                if result is None:
                    break
                self._result = result  # the last one counts: an error at the commit comes behind what was answered
            else:
                return
        except psycopg.OperationalError as error:
            self._lose(error)
            return
        if pg.status != ConnStatus.OK:
            self._lose(psycopg.OperationalError(pg.get_error_message() or "the connection was lost"))
        elif self._heard is not None and self._result is not None:
            result, self._result = self._result, None
            is_good = result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
            self._tell(result if is_good else error_from_result(result))

    def _tell(self, found: PGresult | psycopg.Error | TimeoutError) -> None:
        heard, self._heard = self._heard, None
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if heard is not None:
            heard(found)
        if self._freed is not None and not self._freed.done():
            self._freed.set_result(None)

    def _lose(self, error: psycopg.OperationalError | TimeoutError) -> None:
        """Nothing is asked over this line any more; who waits is told why."""
        self._let_go()
        self._tell(error)

    def _let_go(self) -> None:
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._pg.finish()

    async def close(self) -> None:
        """Let the connection go."""
        self._lose(psycopg.OperationalError("the connection was closed"))
        await self._connection.close()
