"""The queue of many machines: Procrastinate on the database of the book, used to wake and for nothing else.

A job means "look at this run now". It holds no truth: what is to be done stands in the book, a job that is lost is
queued again by a sweep, and one too many finds nothing to do. The engine's table is updated directly by `engine.sql`,
so the minor version of Procrastinate is pinned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import psycopg
from procrastinate.exceptions import ProcrastinateException
from procrastinate.schema import SchemaManager
from psycopg import AsyncConnection

from cuga.engine.distributed.attention import Figures, Take
from cuga.engine.distributed.pace import Pace
from cuga.engine.distributed.worker import Worker, app_of
from cuga.errors import JournalFailed
from cuga.sql import named

QUEUE = "cuga"  # of the jobs that any worker takes
RESTART_S = 1.0  # after the database was away
ERRORS = (psycopg.Error, ProcrastinateException, OSError, JournalFailed)

logging.getLogger("procrastinate").addHandler(logging.NullHandler())


def _nobody(_number: int) -> None:
    """Nobody wants to know the number."""


class Database(Protocol):
    """What the queue needs of the book's database."""

    @property
    def conninfo(self) -> str:
        """Where it is, as the driver takes it."""
        ...

    @property
    def schema(self) -> str:
        """The schema that holds the book."""
        ...

    async def connect(self, **settings: str) -> AsyncConnection:
        """A connection that finds the tables of the book."""
        ...

    def failed(self, error: Exception) -> JournalFailed:
        """What went wrong, in one line."""
        ...


def statements() -> dict[str, str]:
    """The SQL of the engine, by name."""
    return named("cuga.engine.distributed", "engine.sql")


def steps() -> list[tuple[int, str, str]]:
    """The engine's own migration, to be made in the schema of the book after `prepare`."""
    return [
        (1, "wake_and_sweep", statements()["tables"]),
        (2, "hold_and_rest", statements()["tables_2"]),
        (3, "wake_all", statements()["tables_3"]),
    ]


async def prepare(database: Database) -> None:
    """Make the tables of Procrastinate in the schema of the book, unless they are there."""
    connection = await database.connect()
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", (0x6A6F6273,))
            found = await (await connection.execute("select to_regclass('procrastinate_jobs') is null")).fetchone()
            if found == (True,):
                await connection.execute(SchemaManager.get_schema().encode(), prepare=False)
    finally:
        await connection.close()


class Queue:
    """Wakes, serves and sweeps. Its connections are made when they are needed, and again when they were lost."""

    def __init__(self, database: Database, pace: Pace, *, remembers: bool = False) -> None:
        """`remembers`: a server that crashes must not forget that a job was begun, for who takes it again could not
        tell by the journal."""
        self._database = database
        self._synchronous = "on" if remembers else "off"
        self.pace = pace
        self._asking: AsyncConnection | None = None
        self._placing: AsyncConnection | None = None
        self._turn = asyncio.Lock()
        self._taken: dict[str, set[int]] = {}  # tenant -> places that this process has
        self._doubted: dict[
            str, asyncio.Future[bool]
        ] = {}  # keys that are asked for, until they are asked for together
        self._answering: asyncio.Task[None] | None = None
        self._worker: Worker | None = None
        self.leaving = asyncio.Event()  # nothing of ours is in flight any more, after we were told to stop
        self.trouble = ""  # why the last round of serving ended
        self.heard: Callable[[], None] = lambda: None  # called when the database has heard that we live
        self.is_stopping = False

    # --- questions ---------------------------------------------------------------------------------------------------
    async def ask(self, name: str, *values: Any) -> list[Any]:
        """The rows of a statement; asked once more on a new connection when the old one is dead. `JournalFailed`."""
        for is_last in (False, True):
            try:
                async with self._turn:
                    if self._asking is None or self._asking.closed:
                        # a wake-up that a server forgets as it crashes is found again by a sweep; a fetch is to
                        # walk the index of priorities and stop: before a first ANALYZE the planner would sort all
                        # that wait each time (2,000 waiting: 370 ms instead of 0.2)
                        self._asking = await self._database.connect(
                            statement_timeout="30s", application_name="cuga engine", enable_sort="off",
                            synchronous_commit=self._synchronous,
                        )  # fmt: skip
                    return await (await self._asking.execute(statements()[name].encode(), values)).fetchall()
            except psycopg.Error as error:
                if is_last:
                    raise self._database.failed(error) from error
        return []  # pragma: no cover - the loop answers or raises

    async def wake(self, run_id: str, queue: str = "") -> None:
        """Let a worker look at a run."""
        await self.ask("wake", run_id, queue)

    async def wake_parked(self, tenant: str) -> int:
        """Let workers look at every parked run of a tenant."""
        return int((await self.ask("wake_parked", tenant))[0][0])

    async def sweep(self, *, healing: bool = False) -> tuple[int, int, int] | None:
        """Close what is stalled, wake what is due; None when another process is at it."""
        stalled, due, healed = (await self.ask("sweep", self.pace.lease_s, healing))[0]
        return None if stalled < 0 else (stalled, due, healed)

    @property
    def worker_id(self) -> int | None:
        """Under which number we take jobs; None while we take none."""
        return self._worker.worker_id if self._worker is not None else None

    async def holds(self, key: str) -> bool:
        """Whether a run is still ours to advance: neither closed by a sweep, nor begun by another worker after the
        server forgot that we had begun it. Who asks at the same time is answered together."""
        answer = self._doubted.get(key)
        if answer is None:
            answer = self._doubted[key] = asyncio.get_running_loop().create_future()
            if self._answering is None or self._answering.done():
                self._answering = asyncio.ensure_future(self._answer_doubts())
        return await asyncio.shield(answer)

    async def _answer_doubts(self) -> None:
        while self._doubted:
            doubted, self._doubted = self._doubted, {}
            try:
                held = {key for (key,) in await self.ask("holds", list(doubted), self.worker_id)}
            except JournalFailed as error:
                for answer in doubted.values():
                    answer.set_exception(error)
                    answer.exception()  # whoever asked may have gone
                continue
            for key, answer in doubted.items():
                answer.set_result(key in held)

    async def in_hand(self) -> set[str]:
        """The keys that the database believes to be in our hands."""
        return {key for (key,) in await self.ask("in_hand", self.worker_id)}

    async def let_go(self, key: str, *, again: bool, begun: bool = False) -> None:
        """Give up what we have in hand; with `again` somebody else is to look at it. `begun`: a call that was, and
        whose outcome nobody knows."""
        await self.ask("let_go", key, self.worker_id, again, begun)

    async def done(self, job_id: int) -> None:
        """A job was seen to. One that a sweep has closed meanwhile is not ours to end."""
        await self.ask("done", [job_id])

    async def busy(self, keys: Sequence[str]) -> set[str]:
        """Those keys that somebody has in hand, or is to have."""
        return {key for (key,) in await self.ask("busy", list(keys))}

    async def say_load(self, running: Mapping[str, int]) -> None:
        """Let all hosts know how many calls of each pool we make."""
        if self.worker_id is not None and running:
            await self.ask("load_said", self.worker_id, list(running), list(running.values()))

    async def load_elsewhere(self) -> dict[str, tuple[int, int]]:
        """Of each pool that somebody said something of: the calls that others make, and how many processes serve it."""
        rows = await self.ask("load_elsewhere", self.worker_id or 0, self.pace.lease_s)
        return {pool: (running, serving) for pool, running, serving in rows}

    async def stands(self, run_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
        """Of some streams: the version, and whether somebody looks at them or is to."""
        return {name: (version, busy) for name, version, busy in await self.ask("stands", list(run_ids))}

    async def workers(self) -> int:
        """How many workers were heard of lately."""
        return int((await self.ask("workers", self.pace.lease_s))[0][0])

    async def figures(self) -> Figures:
        """What the queue looks like now."""
        row = (await self.ask("figures", self.pace.lease_s))[0]
        names = ("waiting", "running", "stalled", "oldest_s", "workers", "sweep_lag_s")
        return Figures(**dict(zip(names, row, strict=True)))

    # --- places of tenants -------------------------------------------------------------------------------------------
    async def take_place(self, tenant: str) -> int | None:
        """One of the places of a tenant, by its number, 0 where there is no limit; None when all are taken. It is lost
        with our connection."""
        if not self.pace.tenant_runs:
            return 0
        with suppress(psycopg.Error):  # away: then nobody begins
            connection = await self._place_connection()
            for number in range(1, self.pace.tenant_runs + 1):
                if number in self._taken.setdefault(tenant, set()):
                    continue  # ours: a connection gets its own lock again and again
                self._taken[tenant].add(number)
                found = await (await connection.execute(statements()["place"].encode(), (tenant, number))).fetchone()
                if found == (True,):
                    return number
                self._taken[tenant].discard(number)
        return None

    async def leave_place(self, tenant: str, number: int) -> None:
        """Give a place back."""
        if not number:
            return
        self._taken[tenant].discard(number)
        with suppress(psycopg.Error):  # lost with its connection: then it is free already
            await (await self._place_connection()).execute(statements()["leave"].encode(), (tenant, number))

    async def _place_connection(self) -> AsyncConnection:
        if self._placing is None or self._placing.closed:
            self._placing = await self._database.connect(application_name="cuga places")
        return self._placing

    # --- serving -----------------------------------------------------------------------------------------------------
    async def serve(self, take: Take, queues: Sequence[str] = (QUEUE,), ready: Callable[[int], None] = _nobody) -> None:
        """Take jobs of some queues until told to stop; begins again after the database was away.

        `ready` is told the number under which jobs are taken. Without queues they are only those for that number.
        """
        while not self.is_stopping:
            try:
                await self._serve_once(take, queues, ready)
            except ERRORS as error:
                self.trouble = " ".join(str(error).split()) or type(error).__name__
            if not self.is_stopping:
                await asyncio.sleep(RESTART_S)

    async def _serve_once(self, take: Take, queues: Sequence[str], ready: Callable[[int], None]) -> None:
        async with app_of(self._database).open_async() as app:
            worker = Worker(app, self, take, queues, ready)
            self._worker = worker
            if not self.is_stopping:
                await worker.run()  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """Take no more jobs. Until we `leave` we go on to say that we live, so that nobody takes what we have."""
        self.is_stopping = True
        if self._worker is not None:
            self._worker.stop()  # type: ignore[no-untyped-call]

    def leave(self) -> None:
        """Be no worker any more; jobs that are still under way are waited for, a little."""
        self.leaving.set()

    async def close(self) -> None:
        """Let the connections go."""
        self.leave()
        if self._answering is not None and not self._answering.done():
            await asyncio.wait([self._answering], timeout=1.0)
        for connection in (self._asking, self._placing):
            if connection is not None:
                await connection.close()
