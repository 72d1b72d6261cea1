"""Group commit: whenever nothing is being written, all that has gathered is.

One batch is on its way at any time. An append that is alone goes without a task of its own; several appends in a row
that were alone let the next one go at once, for no company will come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from operator import attrgetter

from cuga.errors import JournalFailed
from cuga.journal.port import Committed
from cuga.journal.postgres.batch import Answer, Head, Item, is_plain
from cuga.journal.postgres.reading import REMEMBERED
from cuga.journal.postgres.writer import Attempt, Writer

EAGER = 32  # who was stored together goes on in turns of so many: the database is not to wait for all of them
BATCH_APPENDS = 2_000  # a larger batch would hold shared scopes too long
BATCH_BYTES = 4 << 20
QUEUE_APPENDS = 6_000  # with more waiting, the door is closed until some are stored
QUEUE_BYTES = 16 << 20
LONE_BYTES = 64 * 1024  # a larger append goes the long way
ALONE_AFTER = 8  # lone commits in a row, after which the next one does not wait for company

AT_ONCE = 2 * EAGER  # fewest appends that are sent before all who append in the same turn have decided
LOOK_EVERY = 16  # appends, once so many have gathered: how often a busy loop looks whether the batch before is stored

_stream_of = attrgetter("stream")
Sending = asyncio.Future[list[Answer] | Attempt]  # what becomes of a batch, or what to go on with to find out
Sent = tuple[list[Item], int, Sending]  # a batch, and its bytes


class Gathering:
    """What waits to be stored. `heads` are those of the streams, `written` is called when something was."""

    def __init__(
        self, writer: Writer, heads: dict[str, Head], on_point: Callable[[str], None], written: Callable[[], None]
    ) -> None:
        self._writer = writer
        self._heads = heads
        self._point = on_point
        self._written = written
        self._queue: list[Item] = []
        self._size = 0  # bytes that are queued or being written
        self._alone = 0  # lone commits in a row
        self._half = AT_ONCE  # of all who go on together: the database stores one half while we decide on the other
        self._writing: asyncio.Future[None] | Sending | None = None
        self._sent: deque[Sent] = deque()  # batches that left before the task that writes came to them
        self._on_way: Sending | None = None  # what becomes of the newest that was sent
        self.commits = 0  # batches stored

    @property
    def is_full(self) -> bool:
        """Whether nobody is let in until some is stored."""
        return self._size > QUEUE_BYTES or len(self._queue) > QUEUE_APPENDS

    def join(self, item: Item) -> None:
        """Wait for the next batch; `item.answer` gets what becomes of it."""
        item.head.pending += 1
        item.head.last = item.answer
        self._size += item.size
        if self._writing is None:
            if self._alone >= ALONE_AFTER and self._goes_at_once(item):
                return
            self._queue.append(item)
            self._begin()  # behind all who append in this turn
        else:
            self._queue.append(item)
            if len(self._queue) >= self._half and self._may_send():
                self._sent.append(self._send())

    @property
    def is_busy(self) -> bool:
        """Whether something is being written."""
        return self._writing is not None

    async def rest(self) -> None:
        """Wait until nothing is being written."""
        while self._writing is not None:
            await asyncio.wait([self._writing])

    def _may_send(self) -> bool:
        """Whether nothing is on its way: the batch before is stored, though the loop may have had no turn to find out.
        What follows one that failed waits until that is seen to."""
        on_way = self._on_way
        if on_way is None:
            return True
        if not on_way.done() and len(self._queue) % LOOK_EVERY == 0:
            self._writer.look()
        return on_way.done() and isinstance(on_way.result(), list)

    def _goes_at_once(self, item: Item) -> bool:
        """Whether an append that is alone is on its way, without a task of its own."""
        if item.size > LONE_BYTES or not is_plain((item,)):
            return False
        done: Sending = asyncio.get_running_loop().create_future()

        def told(found: list[Answer] | Attempt) -> None:
            done.set_result(found)
            if isinstance(found, Attempt):  # it was lost, or does not fit: the long way knows what to do
                self._sent.append(([item], item.size, done))
                self._begin()
                return
            self._settle(item, found[0])
            self._stored(1, item.size)
            self._writing = self._on_way = None
            if self._queue:
                self._begin()
            self._point("append.answered")

        self._writing = self._on_way = done
        if not self._writer.send([item], told):
            self._writing = self._on_way = None
            return False
        return True

    def _begin(self) -> None:
        self._writing = asyncio.ensure_future(self._write_all())

    async def _write_all(self) -> None:
        """Write as long as something waits. Whoever waits for a batch is answered while the next one is under way, so
        the database stores what some runs decided while we decide on others."""
        answered: list[tuple[Item, Answer | JournalFailed]] = []
        while self._sent or self._queue or answered:
            if not self._sent and not self._queue:
                # were all of them to come back together, one of us would always wait for the other
                half = len(answered) // 2 if len(answered) >= 2 * EAGER else len(answered)
                await self._settle_all(answered[:half], give_way=half < len(answered))
                answered = answered[half:]
                continue
            batch, size, sending = self._sent.popleft() if self._sent else self._send()
            if answered:
                await self._settle_all(answered, give_way=True)
            found = await sending
            answers = found if isinstance(found, list) else await self._writer.write(batch, found)
            answered = list(zip(batch, answers, strict=True))
            self._stored(len(batch), size)
            going_on = len(batch) + len(self._queue) + sum(len(one) for one, _, _ in self._sent)
            self._half = max(AT_ONCE, going_on // 2)
        self._writing = self._on_way = None
        if len(self._heads) > REMEMBERED:
            for stream in [stream for stream, head in self._heads.items() if not head.pending]:
                del self._heads[stream]

    def _send(self) -> Sent:
        """Send the next batch, if that can be done at once; else whoever waits for it is to write it."""
        batch, size = self._next_batch()
        sending: Sending = asyncio.get_running_loop().create_future()
        self._on_way = sending
        if not self._writer.send(batch, sending.set_result):
            sending.set_result(Attempt())
        return batch, size, sending

    def _stored(self, appends: int, size: int) -> None:
        self._alone = self._alone + 1 if appends == 1 else 0
        self._size -= size
        self.commits += 1
        self._written()

    def _next_batch(self) -> tuple[list[Item], int]:
        """What is stored together next, in the order in which every process takes its locks, and how large it is."""
        batch: list[Item] = []
        size = 0
        for item in self._queue[:BATCH_APPENDS]:
            if batch and size + item.size > BATCH_BYTES:
                break
            batch.append(item)
            size += item.size
        del self._queue[: len(batch)]
        batch.sort(key=_stream_of)  # that of each stream is kept
        return batch, size

    async def _settle_all(self, answered: Sequence[tuple[Item, Answer | JournalFailed]], *, give_way: bool) -> None:
        """Answer all who wait; `give_way`: some at a time, so that what is under way is seen to between them."""
        for first in range(0, len(answered), EAGER):
            for item, answer in answered[first : first + EAGER]:
                self._settle(item, answer)
            if give_way:
                await asyncio.sleep(0)
        self._point("append.answered")

    def _settle(self, item: Item, answer: Answer | JournalFailed) -> None:
        head = item.head
        head.pending -= 1
        stands = isinstance(answer, Committed)
        if (not stands or (head.leaves and not head.pending)) and self._heads.get(item.stream) is head:
            del self._heads[item.stream]
        if item.answer.done():
            return
        if isinstance(answer, JournalFailed):
            item.answer.set_exception(answer)
        else:
            item.answer.set_result(answer)
