"""The queue of many machines: Procrastinate on the database of the book, used to wake and for nothing else.

A job means "look at this run now". It holds no truth: what is to be done stands in the book, a job that is lost is
queued again by a sweep, and one too many finds nothing to do. The engine's table is updated directly by `engine.sql`,
so the minor version of Procrastinate is pinned.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib import resources
from typing import Any, Protocol

import procrastinate
import psycopg
from procrastinate.exceptions import ProcrastinateException
from procrastinate.job_context import JobContext
from procrastinate.schema import SchemaManager
from procrastinate.worker import Worker
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from cuga.engine.distributed.pace import Pace
from cuga.errors import JournalFailed
from cuga.model.value import Value

QUEUE = "cuga"  # of the jobs that any worker takes
RESTART_S = 1.0  # after the database was away
ERRORS = (psycopg.Error, ProcrastinateException, OSError)
Advance = Callable[[str, int, str], Awaitable[None]]  # (run id, job id, tenant)

logging.getLogger("procrastinate").addHandler(logging.NullHandler())


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


class Figures(Value, frozen=True, kw_only=True):
    """What the queue looks like. Ages are seconds."""

    waiting: int  # jobs that nobody has begun
    running: int
    stalled: int  # jobs whose worker is silent
    oldest_s: float  # how long the oldest waiting job has waited
    workers: int  # that were heard of lately
    sweep_lag_s: float  # how long the run that is due longest is due


@cache
def statements() -> dict[str, str]:
    """The SQL of the engine, by name."""
    text = resources.files("cuga.engine.distributed").joinpath("engine.sql").read_text("utf-8")
    parts = re.split(r"^-- name: (\w+).*$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def steps() -> list[tuple[int, str, str]]:
    """The engine's own migration, to be made in the schema of the book after `prepare`."""
    return [(1, "wake_and_sweep", statements()["tables"])]


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

    def __init__(self, database: Database, pace: Pace) -> None:
        self._database = database
        self.pace = pace
        self._asking: AsyncConnection | None = None
        self._placing: AsyncConnection | None = None
        self._turn = asyncio.Lock()
        self._taken: dict[str, set[int]] = {}  # tenant -> places that this process has
        self._worker: Worker | None = None
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
                        self._asking = await self._database.connect(
                            statement_timeout="30s", application_name="cuga engine"
                        )
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

    async def holds(self, job_id: int) -> bool:
        """Whether a job is still ours: neither closed by a sweep, nor begun by another worker after the server forgot
        that we had begun it."""
        worker_id = self._worker.worker_id if self._worker is not None else None
        return bool((await self.ask("holds", job_id, worker_id))[0][0])

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
        """One of the places of a tenant, by its number; None when all are taken. It is lost with our connection."""
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
        self._taken[tenant].discard(number)
        with suppress(psycopg.Error):  # lost with its connection: then it is free already
            await (await self._place_connection()).execute(statements()["leave"].encode(), (tenant, number))

    async def _place_connection(self) -> AsyncConnection:
        if self._placing is None or self._placing.closed:
            self._placing = await self._database.connect(application_name="cuga places")
        return self._placing

    # --- serving -----------------------------------------------------------------------------------------------------
    async def serve(
        self, advance: Advance, *, alone: bool = False, ready: Callable[[str], None] = lambda _: None
    ) -> None:
        """Take jobs until told to stop; begins again after the database was away.

        `ready` is told the queue that is served. `alone`: it is one of our own, named after us, for a process that
        advances only what it queued itself.
        """
        while not self.is_stopping:
            try:
                await self._serve_once(advance, alone, ready)
            except ERRORS as error:
                self.trouble = " ".join(str(error).split()) or type(error).__name__
            if not self.is_stopping:
                await asyncio.sleep(RESTART_S)

    async def _serve_once(self, advance: Advance, alone: bool, ready: Callable[[str], None]) -> None:
        connector = procrastinate.PsycopgConnector(
            pool_factory=_pool,
            conninfo=self._database.conninfo, min_size=2, max_size=8, timeout=10.0,
            kwargs={"application_name": "cuga worker"}, configure=self._settle_in,
        )  # fmt: skip
        app = procrastinate.App(connector=connector)

        @app.task(name="advance", pass_context=True)
        async def advance_one(context: JobContext, run_id: str, tenant: str) -> None:
            await advance(run_id, context.job.id or 0, tenant)

        async with app.open_async():
            worker = _Worker(
                app=app, queues=[QUEUE], name="cuga", concurrency=self.pace.concurrency,
                fetch_job_polling_interval=self.pace.poll_s, abort_job_polling_interval=30.0,
                shutdown_graceful_timeout=5.0, delete_jobs="always", install_signal_handlers=False,
                update_heartbeat_interval=self.pace.heartbeat_s, stalled_worker_timeout=3600.0,
            )  # fmt: skip
            worker.heard, worker.alone, worker.ready = self.heard, alone, ready
            self._worker = worker
            if not self.is_stopping:
                await worker.run()  # type: ignore[no-untyped-call]

    async def _settle_in(self, connection: AsyncConnection) -> None:
        await connection.set_autocommit(True)
        await connection.execute(f"select set_config('search_path', '\"{self._database.schema}\"', false)".encode())
        # what happens to jobs need not outlive the server: one that it forgets is looked at once more than needed
        await connection.execute(b"set synchronous_commit = off")
        # a fetch is to walk the index of priorities and stop; before a first ANALYZE, after a burst, the planner would
        # sort all that wait each time (2,000 waiting: 370 ms instead of 0.2)
        await connection.execute(b"set enable_sort = off")

    def stop(self) -> None:
        """Take no more jobs; those begun are waited for, a little."""
        self.is_stopping = True
        if self._worker is not None:
            self._worker.stop()  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """Let the connections go."""
        for connection in (self._asking, self._placing):
            if connection is not None:
                await connection.close()


def _pool(**named: Any) -> AsyncConnectionPool:
    """The pool, without a question to the server before every use: a dead connection is found out by using it."""
    return AsyncConnectionPool(**{**named, "check": None})


class _Worker(Worker):
    """The worker, which says when it was heard and under which queue it serves."""

    heard: Callable[[], None]
    ready: Callable[[str], None]
    alone = False

    async def _run_loop(self) -> None:
        if self.alone:
            self.queues = [f"front/{self.worker_id}"]
        self.heard()
        self.ready(f"front/{self.worker_id}" if self.alone else "")
        await super()._run_loop()  # type: ignore[no-untyped-call]

    async def _persist_job_status(self, *words: Any, **named: Any) -> None:
        with suppress(ProcrastinateException):  # closed by a sweep: whoever has the run now has another job
            await super()._persist_job_status(*words, **named)

    async def _update_heartbeat(self) -> None:
        while True:
            await asyncio.sleep(self.update_heartbeat_interval)
            assert self.worker_id is not None
            await self.app.job_manager.update_heartbeat(self.worker_id)
            self.heard()
