"""Threads for synchronous tools: a few of our own, so that a tool that hangs takes down neither the house nor its exit.

A place comes first, in the order of asking; nobody's time runs while they wait for one. A call that is given up on
keeps its thread (nothing can stop it) but not its place; whoever left it hears when it ends.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

MAX_HANGING = 64  # threads given up on and still busy; with more, nothing new is started


class TooManyHang(Exception):
    """Too many earlier calls hang; this one was not started."""


class NoMorePlaces(Exception):
    """Nobody gets a place any more; the call was not started."""


class Job:
    """One call. `started` says whether the function was entered, so whether anything can have happened."""

    __slots__ = ("_answer", "_context", "_function", "_is_dropped", "_lock", "_loop", "_then", "over", "started")

    def __init__(self, function: Callable[[], Any]) -> None:
        self.started = False
        self.over: tuple[Any, BaseException | None] | None = None  # what it gave and what it raised, once it has
        self._function = function
        self._is_dropped = False
        self._then: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[None] = self._loop.create_future()
        self._context = contextvars.copy_context()

    async def answer(self) -> Any:
        """What the function gave; raises what it raised."""
        await self._answer
        return self.given()

    def given(self) -> Any:
        """The answer of a call that is over."""
        assert self.over is not None
        value, error = self.over
        if error is not None:
            raise error
        return value

    def leave(self, then: Callable[[], None]) -> None:
        """Wait no more. A call that has not begun never will; `then` is called in the loop when the call is over."""
        with self._lock:
            if self.started and self.over is None:
                self._then = then
                return
            self._is_dropped = True
        then()

    def perform(self) -> None:
        """Run the function in this thread and hand the answer over, if anybody still waits."""
        with self._lock:
            if self._is_dropped:
                return
            self.started = True
        value: Any = None
        error: BaseException | None = None
        try:
            value = self._context.run(self._function)
        except BaseException as raised:
            error = raised
        with self._lock:
            self.over = (value, error)
        try:
            self._loop.call_soon_threadsafe(self._settle)
        except RuntimeError:  # the loop has closed: nobody waits any more
            self._settle_late()

    def _settle(self) -> None:
        if not self._answer.done():
            self._answer.set_result(None)
        self._settle_late()

    def _settle_late(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()


class Threads:
    """At most `limit` calls at once; threads are made when needed, kept for the next call, and never waited for."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: deque[asyncio.Future[None]] = deque()  # for a place, in the order of coming
        self._limit = limit
        self._idle: list[SimpleQueue[Job | None]] = []
        self._lock = threading.Lock()
        self._count = 0
        self._is_ending = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    def take_at_once(self) -> bool:
        """Take a place if there is one."""
        if self._free and not self._waiting:
            self._free -= 1
            return True
        return False

    async def take(self) -> None:
        """Take a place, however long it takes until there is one: whoever has one gives it up when their time is over.
        `NoMorePlaces` once there are to be none."""
        if self.take_at_once():
            return
        if self._is_ending:
            raise NoMorePlaces
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()  # it came to us in the same moment
            raise
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)

    def leave(self) -> None:
        """Give a place to whoever waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def end_waiting(self) -> None:
        """Have everybody who waits for a place hear that there will be none."""
        self._is_ending = True
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(NoMorePlaces())

    async def run(self, job: Job) -> Any:
        """Run a job in a thread, with a place of its own."""
        await self.take()
        try:
            return await self.make(job)
        finally:
            self.leave()

    async def make(self, job: Job) -> Any:
        """Run a job of somebody who has a place. Cancelling gives up waiting, not the thread. `TooManyHang`: nothing
        more fits."""
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
