"""Calls that are routed to a pool with processes of its own: what such a process does, and nothing beside it.

The process that advances a run writes the intent and queues an errand with it, under the key run#pool. Whoever has the
errand in hand makes the calls of that pool, and only those; it appends what became of them and decides nothing else.
A call that a lost process may have begun is not made again: what became of it is unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cuga.engine.distributed.attention import Attention, Job
from cuga.engine.driver import RETRY_S, Driver
from cuga.engine.hands import Hands, Perform
from cuga.errors import JournalFailed
from cuga.kernel.outstanding import outstanding
from cuga.kernel.state import RunState
from cuga.model.event import ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Failed, Outcome

LOOK_S = 0.2  # how often a run is read again for further calls of the pool while some are being made
PATIENCE_S = 20.0  # how long a call of another version of a tool is left to processes that have that
LOST = Failed(
    mode=FailureMode.SYSTEM_CRASH,
    certainty=Certainty.UNKNOWN,
    message="the process of the pool that made the call ended before it could say what became of it",
)
NOT_SENT = Failed(
    mode=FailureMode.SYSTEM_CRASH,
    certainty=Certainty.NOT_DONE,
    message="another process of the pool had taken the call before it was sent",
)


def key_of(run_id: str, pool: str) -> str:
    """Under which an errand is in one hand at a time."""
    return f"{run_id}#{pool}"


class Errands:
    """Makes the calls of this process's pools. `perform` is the door to the tools."""

    def __init__(
        self, driver: Driver, hands: Hands, queue: Attention, perform: Perform, is_closing: Callable[[], bool]
    ) -> None:
        self._driver = driver
        self._hands = hands
        self._queue = queue
        self._perform = perform
        self._places: dict[str, asyncio.Semaphore] = {}  # pool -> places of this process
        self.in_hand: set[str] = set()
        self.at_rest = asyncio.Event()  # none is
        self.at_rest.set()
        self.is_closing = is_closing

    async def take(self, job: Job) -> bool:
        """See to the calls of a pool that a run owes. True: the job is gone already."""
        self.in_hand.add(job.key)
        self.at_rest.clear()
        calls: dict[tuple[str, int], asyncio.Task[None]] = {}
        begun: set[asyncio.Task[None]] = set()
        try:
            while not self.is_closing():
                owed = await self._owed(job)
                unfit = [start for _, start in owed if self._is_anothers(start)]
                for state, start in owed:
                    if (start.step, start.attempt) not in calls and start not in unfit:
                        made = asyncio.ensure_future(self._see_to(job, state, start, begun))
                        calls[start.step, start.attempt] = made
                under_way = [made for made in calls.values() if not made.done()]
                for made in calls.values():
                    if made.done():
                        made.result()  # what broke there is not to be lost
                if not under_way and unfit:
                    await asyncio.sleep(LOOK_S)
                    await self._let_go(job)
                    return True
                if not under_way:
                    return False
                await asyncio.wait(under_way, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            if calls:
                await asyncio.wait(calls.values())
            for made in calls.values():
                made.result()
            await self._let_go(job)  # what was not begun is another's
            return True
        except BaseException:
            is_begun = any(not made.done() or made.cancelled() or made.exception() for made in begun)
            for made in calls.values():
                made.cancel()
            await asyncio.shield(self._let_go(job, begun=is_begun))
            raise
        finally:
            self.in_hand.discard(job.key)
            if not self.in_hand:
                self.at_rest.set()

    async def _let_go(self, job: Job, *, begun: bool = False) -> None:
        """Have another process take an errand up; through an outage as well, as long as we live."""
        while True:
            try:
                await self._queue.let_go(job.key, again=True, begun=begun)
                return
            except JournalFailed:
                if self.is_closing():
                    raise
                await asyncio.sleep(RETRY_S)

    def _is_anothers(self, start: ToolCallStart) -> bool:
        """Whether a call is of another version of a tool than we have. For a while a process that has it may come; then
        our door says that nobody did."""
        here = self._driver.current().tool_digests.get(start.tool)
        return here != start.tool_digest and (self._driver.clock.now() - start.at).total_seconds() < PATIENCE_S

    async def _owed(self, job: Job) -> list[tuple[RunState, ToolCallStart]]:
        """The calls of the pool that are outstanding; through an outage as well."""
        while True:
            try:
                state = await self._driver.load(job.run_id)
                return [(state, start) for start in outstanding(state).calls if start.pool == job.pool]
            except JournalFailed:
                if self.is_closing():
                    return []
                await asyncio.sleep(RETRY_S)

    async def _see_to(self, job: Job, state: RunState, start: ToolCallStart, begun: set[asyncio.Task[None]]) -> None:
        pool = self._driver.pools.declared.get(job.pool)
        places = self._places.setdefault(job.pool, asyncio.Semaphore(pool.concurrency if pool is not None else 1))
        async with places:
            outcome = LOST if job.again else await self._make(job, state, start, begun)
        live = self._driver.lives.make(job.run_id)
        await self._driver.post(live, *await self._hands.recorded(live.run_id, start, outcome))
        # it is in hand until it is written, and whoever writes it later tells nobody
        while live.mail or live.draining:
            await asyncio.sleep(0.02 if live.draining else RETRY_S)
            self._driver.write_what_was_kept()  # after an outage, or when what broke is mended
        self._driver.pools.leave(job.run_id, ended=state.calling)  # places are counted where the run is advanced

    async def _make(self, job: Job, state: RunState, start: ToolCallStart, begun: set[asyncio.Task[None]]) -> Outcome:
        try:
            if not await self._queue.holds(job.key):
                return NOT_SENT
        except JournalFailed:
            return NOT_SENT  # nobody can say whose it is: then it is not sent
        if (task := asyncio.current_task()) is not None:
            begun.add(task)
        try:
            return await self._perform(state, start)
        except Exception as error:  # the door itself broke: what the tool did is unknown
            said = f"{type(error).__name__}: {error}"
            return Failed(mode=FailureMode.SYSTEM_CRASH, certainty=Certainty.UNKNOWN, message=said)
