"""Group commit: whenever nothing is being written, all that has gathered is.

There is no timer. A lone append is written on the loop while the disk is quick, everything else in one thread. A
transaction that fails takes with it all that gathered behind it, because that was decided on top of it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

from cuga.errors import JournalFailed
from cuga.journal.port import Committed, Unknown
from cuga.journal.sqlite.batch import Batch, Head
from cuga.journal.sqlite.writer import STORED, UNKNOWN, Writer, Written
from cuga.journal.times import CommitTimes

QUICK_SECONDS = 400e-6  # while recent commits take less, a lone append is not worth a change of thread
LONE_BYTES = 64 * 1024  # a larger append goes to the thread
ALONE_AFTER = 8  # lone commits in a row, after which the next one does not wait for company
EAGER = 32  # fewest appends that are handed to the thread at once, so that it writes while the loop decides on the rest
AT_ONCE = 4  # commits of one turn of the loop that are made where they are asked for; then others get their turn
T = TypeVar("T")


class GroupCommit:
    """Owns the open batch and the thread. `settled` is told each batch and what became of it, on the loop."""

    _last_stream: str  # of the newest commit that was made at once in this turn of the loop

    def __init__(
        self, writer: Writer, settled: Callable[[Batch, Written], None], on_point: Callable[[str], None]
    ) -> None:
        self.batch = Batch()  # what gathers for the next transaction
        self.count = 0  # transactions that were stored
        self.times = CommitTimes()
        self.trouble = ""  # what last went wrong; empty: nothing since the last good commit
        self._writer = writer
        self._settled = settled
        self._point = on_point
        self._busy = False
        self._called = False  # a flush is on the loop's list
        self._alone = 0  # lone commits in a row
        self._half = EAGER  # of all who go on together: the thread writes one half while the loop decides on the other
        self._at_once = 0  # commits made at once in this turn of the loop
        self._lone_seconds = QUICK_SECONDS / 4  # moving average of lone commits
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watchers: list[asyncio.Future[None]] = []

    @property
    def idle(self) -> bool:
        return not self._busy and not self.batch.waiting

    def join(
        self, loop: asyncio.AbstractEventLoop, head: Head, answer: Committed
    ) -> asyncio.Future[Committed | Unknown]:
        """Wait for the open batch; the future gives `answer` once that is durable."""
        durable: asyncio.Future[Committed | Unknown] = loop.create_future()
        head.pending += 1
        head.last = durable
        self.batch.waiting.append((durable, answer, head))
        if self._busy:
            return durable
        if self._called:
            if len(self.batch.waiting) >= self._half:
                self._flush(loop)
        else:
            if self._alone >= ALONE_AFTER and self._is_still_alone(loop, head):
                self._flush(loop)  # one run at a time: no company will come
            else:
                self._called = True
                loop.call_soon(self._flush_called, loop)  # behind everybody who is ready to append now
        return durable

    def _is_still_alone(self, loop: asyncio.AbstractEventLoop, head: Head) -> bool:
        if not self._at_once:
            loop.call_soon(self._next_turn)
        elif head.stream != self._last_stream:
            self._alone = 0  # somebody else in the same turn: from here on they gather
            return False
        self._at_once += 1
        self._last_stream = head.stream
        return self._at_once <= AT_ONCE

    def _next_turn(self) -> None:
        self._at_once = 0

    def lost_its_loop(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether work was left behind in a loop that has ended. If so it is given up: what the file has, it has."""
        before, self._loop = self._loop, loop
        if before is None or before is loop:
            return False
        self._watchers = []
        if self.idle and not self._called:
            return False
        self.stop()
        self.batch = Batch()
        self._busy = self._called = False
        return True

    async def news(self) -> None:
        """Wait for the next time that something was written or given up."""
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append(watcher)
        await watcher

    def tell(self) -> None:
        """Wake all who wait for news."""
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    async def apart(self, work: Callable[[], T]) -> T:
        """Do some work with the writer in its thread. Nothing may be appended meanwhile: the caller sees to that."""
        while not self.idle:
            await self.news()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Callable[[], T]] = loop.create_future()

        def finished(outcome: Callable[[], T]) -> None:
            self._free(loop)
            if not answer.done():
                answer.set_result(outcome)

        self._in_thread(loop, lambda: _outcome(work), finished)
        return (await answer)()

    def stop(self) -> None:
        """End the thread after what it is doing."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _flush_called(self, loop: asyncio.AbstractEventLoop) -> None:
        self._called = False
        if self.batch.waiting and not self._busy:
            self._flush(loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self.batch = self.batch, Batch()
        if len(batch.waiting) == 1 and self._lone_seconds < QUICK_SECONDS and batch.size < LONE_BYTES:
            self._settle(loop, batch, self._writer.write(batch))
        else:
            self._in_thread(loop, lambda: self._writer.write(batch), lambda written: self._settle(loop, batch, written))

    def _settle(self, loop: asyncio.AbstractEventLoop, batch: Batch, written: Written) -> None:
        """Answer everyone who waits for a batch, then see to what has gathered meanwhile."""
        self._alone = self._alone + 1 if len(batch.waiting) == 1 else 0
        self._half = max(EAGER, (len(batch.waiting) + len(self.batch.waiting)) // 2)
        if self._alone:
            self._lone_seconds += (written.seconds - self._lone_seconds) * 0.2
        if written.state == STORED:
            self.count += 1
            self.times.add(written.seconds, len(batch.waiting))
            self.trouble = ""
            for durable, answer, head in batch.waiting:
                head.pending -= 1
                if not durable.done():
                    durable.set_result(answer)
        else:
            self._give_up(batch, written)
        self._settled(batch, written)
        self._free(loop)
        self._point("append.answered")

    def _give_up(self, batch: Batch, written: Written) -> None:
        self.trouble = str(written.error)
        behind, self.batch = self.batch, Batch()
        for durable, _, _ in batch.waiting:
            if not durable.done():
                if written.state == UNKNOWN:
                    durable.set_result(Unknown(reason=self.trouble))
                else:
                    durable.set_exception(JournalFailed(self.trouble))
        for durable, _, _ in behind.waiting:
            if not durable.done():
                durable.set_exception(JournalFailed(f"what it was queued behind could not be written: {self.trouble}"))

    def _free(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nothing is being written any more: tell it, and go on."""
        self._busy = False
        self.tell()
        if self._writer.wants_checkpoint:
            self._in_thread(loop, self._writer.checkpoint, lambda trouble: self._checkpointed(loop, trouble))
        elif self.batch.waiting and not self._called:
            self._called = True
            loop.call_soon(self._flush_called, loop)

    def _checkpointed(self, loop: asyncio.AbstractEventLoop, trouble: str) -> None:
        self.trouble = self.trouble or trouble
        self._free(loop)

    def _in_thread(self, loop: asyncio.AbstractEventLoop, work: Callable[[], T], done: Callable[[T], None]) -> None:
        self._busy = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="cuga-journal", daemon=True)
            self._thread.start()

        def job() -> None:
            result = work()
            try:
                loop.call_soon_threadsafe(done, result)
            except RuntimeError:
                return  # the loop has ended; the next one finds out

        self._jobs.put(job)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _outcome(work: Callable[[], T]) -> Callable[[], T]:
    """Do the work now, and give its result or its exception to whoever asks later."""
    try:
        result = work()
    except Exception as error:
        caught = error

        def fail() -> T:
            raise caught

        return fail
    return lambda: result
