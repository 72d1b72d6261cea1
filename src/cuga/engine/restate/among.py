"""The hold of processes that share a book in Postgres: advisory locks of one session for each process.

A process that dies loses its session, and with it every run, at once. One that stands still keeps both, so a session
that said nothing for longer than a lease is ended by whoever wants a run of it. A session is never replaced under a run
that it holds: after it was lost, so is the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection

from cuga.engine.distributed.queue import Database
from cuga.errors import JournalFailed
from cuga.sql import named

LOOK_S = 0.1  # how often a run that another process holds is tried again


def statements() -> dict[str, str]:
    """The SQL of the hold, by name."""
    return named("cuga.engine.restate", "restate.sql")


class Among:
    """One process among those that share a book."""

    is_shared = True

    def __init__(self, database: Database, lease_s: float) -> None:
        self._database = database
        self._lease_s = lease_s
        self._session: AsyncConnection | None = None
        self._asking: AsyncConnection | None = None
        self._turns = (asyncio.Lock(), asyncio.Lock())
        self._held: dict[str, AsyncConnection] = {}  # run -> the session that it is held by
        self._versions: dict[str, int] = {}  # run -> where it stood when it was taken

    async def take(self, run_id: str) -> None:
        while True:
            try:
                if (await self._in_session("take", run_id))[0][0]:
                    assert self._session is not None
                    self._held[run_id] = self._session
                    stands = await self._ask("stands", [run_id])
                    self._versions[run_id] = stands[0][1] if stands else 0  # what was appended before is seen to now
                    return
                await self._ask("end_silent", run_id, self._lease_s)
            except JournalFailed:
                await asyncio.sleep(1.0)
            await asyncio.sleep(LOOK_S)

    async def holds(self, run_id: str) -> bool:
        held = self._held.get(run_id)
        if held is None or held is not self._session or held.closed:
            return False
        try:
            await self._in_session("hear", self._lease_s)
        except JournalFailed:
            return False
        return held is self._session

    async def let_go(self, run_id: str) -> None:
        held, version = self._held.pop(run_id, None), self._versions.pop(run_id, 0)
        if held is self._session and held is not None:
            with suppress(JournalFailed):  # lost with its session: then it is free already
                await self._in_session("let_go", run_id, version)

    async def hear(self) -> bool:
        try:
            await self._in_session("hear", self._lease_s)
        except JournalFailed:
            return False
        return True

    async def stands(self, run_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
        return {name: (version, busy) for name, version, busy in await self._ask("stands", list(run_ids))}

    async def touched(self) -> list[tuple[str, int]] | None:
        return [(name, version) for name, version in await self._ask("touched")]

    async def workers(self) -> int:
        return int((await self._ask("hear", self._lease_s))[0][0])

    async def close(self) -> None:
        for connection in (self._session, self._asking):
            if connection is not None:
                await connection.close()

    async def _in_session(self, name: str, *values: Any) -> list[Any]:
        async with self._turns[0]:
            try:
                if self._session is None or self._session.closed:
                    self._session = await self._connect("cuga restate " + self._database.schema)
                return await (await self._session.execute(statements()[name].encode(), values)).fetchall()
            except psycopg.Error as error:
                raise self._database.failed(error) from error

    async def _ask(self, name: str, *values: Any) -> list[Any]:
        async with self._turns[1]:
            for is_last in (False, True):
                try:
                    if self._asking is None or self._asking.closed:
                        self._asking = await self._connect("cuga questions")
                    return await (await self._asking.execute(statements()[name].encode(), values)).fetchall()
                except psycopg.Error as error:
                    if is_last:
                        raise self._database.failed(error) from error
        return []  # pragma: no cover - the loop answers or raises

    async def _connect(self, name: str) -> AsyncConnection:
        return await self._database.connect(statement_timeout="30s", application_name=name)
