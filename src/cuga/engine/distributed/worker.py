"""The worker of Procrastinate, which takes several jobs at once and ends them in the append that lets the run rest.

From Procrastinate it has the registration, the heartbeat, the notifications and the order of shutting down.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import procrastinate
from procrastinate import jobs, utils, worker
from procrastinate.job_context import JobContext
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from cuga.engine.distributed.attention import Job, Take
from cuga.errors import JournalFailed

if TYPE_CHECKING:
    from cuga.engine.distributed.queue import Database, Queue

AT_ONCE = 20  # jobs that are taken with one question: more would leave nothing to the other workers


def app_of(database: Database) -> procrastinate.App:
    """Procrastinate on the schema of the book."""

    async def settle_in(connection: AsyncConnection) -> None:
        await connection.set_autocommit(True)
        await connection.execute(f"select set_config('search_path', '\"{database.schema}\"', false)".encode())
        # what happens to jobs need not outlive the server: one that it forgets is looked at once more than needed
        await connection.execute(b"set synchronous_commit = off")

    return procrastinate.App(
        connector=procrastinate.PsycopgConnector(
            pool_factory=_pool, conninfo=database.conninfo, min_size=1, max_size=4, timeout=10.0,
            kwargs={"application_name": "cuga worker"}, configure=settle_in,
        )
    )  # fmt: skip


def _pool(**named: Any) -> AsyncConnectionPool:
    """The pool, without a question to the server before every use: a dead connection is found out by using it."""
    return AsyncConnectionPool(**{**named, "check": None})


class Worker(worker.Worker):
    """Takes jobs of a queue and gives them to `take`; says under which number it does."""

    def __init__(
        self, app: procrastinate.App, queue: Queue, take: Take, queues: Sequence[str], ready: Callable[[int], None]
    ) -> None:
        pace = queue.pace
        super().__init__(
            app=app, queues=list(queues), name="cuga", concurrency=pace.concurrency,
            fetch_job_polling_interval=pace.poll_s, abort_job_polling_interval=3600.0,
            shutdown_graceful_timeout=5.0, delete_jobs="always", install_signal_handlers=False,
            update_heartbeat_interval=pace.heartbeat_s, stalled_worker_timeout=3600.0,
        )  # fmt: skip
        self._queue = queue
        self._take = take
        self._ready = ready

    async def _run_loop(self) -> None:
        assert self.worker_id is not None
        self.queues = [*(self.queues or ()), f"front/{self.worker_id}"]
        self._queue.heard()
        self._ready(self.worker_id)
        await super()._run_loop()  # type: ignore[no-untyped-call]

    async def _fetch_and_process_jobs(self) -> None:
        """Take jobs until there is none left, or no place for one, or we are to stop."""
        while not self._stop_event.is_set():
            self._new_job_event.clear()
            room = self.concurrency - len(self._running_jobs)
            if room <= 0:
                # a place that gets free is a reason to look again, as a new job is
                await utils.wait_any(self._new_job_event.wait(), self._stop_event.wait(), self._one_ends())
                continue
            most = min(room, AT_ONCE)
            found = await self._queue.ask("fetch", list(self.queues or ()), self.worker_id, most)
            for id, key, run_id, tenant, again in found:
                self._begin(Job(id=id, key=key, run_id=run_id, tenant=tenant, again=again))
            if len(found) < most:
                break
            await asyncio.sleep(0)

    async def _one_ends(self) -> None:
        await asyncio.wait(set(self._running_jobs), return_when=asyncio.FIRST_COMPLETED)

    def _begin(self, job: Job) -> None:
        task = asyncio.create_task(self._see_to(job))
        self._running_jobs[task] = JobContext(
            app=self.app, worker_name=self.worker_name, worker_queues=self.queues, start_timestamp=time.time(),
            job=jobs.Job(id=job.id, status="doing", lock=job.key, queueing_lock=job.key, task_name="advance", queue=""),
            abort_reason=lambda: None,
        )  # fmt: skip
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running_jobs[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            context = {"message": "a job broke", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    async def _see_to(self, job: Job) -> None:
        is_gone = False
        try:
            is_gone = await self._take(job)
        except JournalFailed:
            is_gone = True  # it could not be given back: as long as it is ours in the database, it is not forgotten
        finally:
            if not is_gone:
                with suppress(JournalFailed):  # then a sweep closes it, or a look at what we have in hand
                    await asyncio.shield(self._queue.done(job.id))

    async def _shutdown(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        """Whoever is silent or gone has lost its runs: we are neither while calls of ours are let end."""
        if self._queue.is_stopping:
            await self._queue.leaving.wait()
        await super()._shutdown(side_tasks)

    async def _update_heartbeat(self) -> None:
        while True:
            await asyncio.sleep(self.update_heartbeat_interval)
            assert self.worker_id is not None
            await self.app.job_manager.update_heartbeat(self.worker_id)
            self._queue.heard()
