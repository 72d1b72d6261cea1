"""Threads for synchronous tools: a few of our own, so that a tool that hangs takes down neither the house nor its exit.

A call that is given up on keeps its thread (nothing can stop it) but not its place; its late answer goes nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

MAX_HANGING = 64  # threads given up on and still busy; with more, nothing new is started


class TooManyHang(Exception):
    """Too many earlier calls hang; this one was not started."""


class Job:
    """One call. `started` says whether the function was entered, so whether anything can have happened."""

    __slots__ = ("_answer", "_context", "_function", "_loop", "started")

    def __init__(self, function: Callable[[], Any]) -> None:
        self.started = False
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[tuple[Any, BaseException | None]] = self._loop.create_future()
        self._context = contextvars.copy_context()

    async def answer(self) -> Any:
        """What the function gave; raises what it raised."""
        value, error = await self._answer
        if error is not None:
            raise error
        return value

    def perform(self) -> None:
        """Run the function in this thread and hand the answer over, if anybody still waits."""
        value: Any = None
        error: BaseException | None = None
        self.started = True
        try:
            value = self._context.run(self._function)
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, value, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if not self._answer.done():
            self._answer.set_result((value, error))


class Threads:
    """At most `limit` calls at once; threads are made when needed, kept for the next call, and never waited for."""

    def __init__(self, limit: int) -> None:
        self._places = asyncio.Semaphore(limit)
        self._limit = limit
        self._idle: list[SimpleQueue[Job | None]] = []
        self._lock = threading.Lock()
        self._count = 0
        self._closed = False

    async def run(self, job: Job) -> Any:
        """Run a job in a thread. Cancelling gives up waiting, not the thread. `TooManyHang`: nothing more fits."""
        async with self._places:
            with self._lock:
                if self._closed or self._count - len(self._idle) >= self._limit + MAX_HANGING:
                    raise TooManyHang
                inbox = self._idle.pop() if self._idle else None
                if inbox is None:
                    self._count += 1
            if inbox is None:
                inbox = SimpleQueue()
                threading.Thread(target=self._serve, args=(inbox,), name="cuga-tool", daemon=True).start()
            inbox.put(job)
            return await job.answer()

    def close(self) -> None:
        """Let idle threads end; busy ones end when their call does."""
        with self._lock:
            self._closed = True
            for inbox in self._idle:
                inbox.put(None)
            self._idle.clear()

    def _serve(self, inbox: SimpleQueue[Job | None]) -> None:
        while (job := inbox.get()) is not None:
            job.perform()
            del job
            with self._lock:
                if self._closed or len(self._idle) >= self._limit:
                    break
                self._idle.append(inbox)
        with self._lock:
            self._count -= 1
