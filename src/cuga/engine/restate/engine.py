"""The engine of many machines with Restate in the place of its queue: who brings a run is another, what is done with it
is the same.

Restate lends attention: it knows which runs are to be looked at and when, calls one process for each, and another one
when that is gone. What was decided, begun and done stands in the book alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from cuga.clock import Clock
from cuga.engine.distributed import DistributedEngine
from cuga.engine.driver import Driver
from cuga.engine.hands import AskModel, MakePlan, Perform, nobody_to_ask
from cuga.engine.live import Live
from cuga.engine.restate.queue import RestateQueue
from cuga.engine.waking import Waking
from cuga.kernel.state import RunState
from cuga.model.event import Event, ToolCallStart


class _DelayedSends(Waking):
    """A wait is a delayed send, however long it is: no timer is kept here."""

    def __init__(
        self, driver: Driver, clock: Clock, spawn: Callable[[Awaitable[None]], None], queue: RestateQueue
    ) -> None:
        super().__init__(driver, clock, spawn, drives_all=False)
        self._queue = queue

    def wake_at(self, run_id: str, at: datetime) -> None:
        if not self._is_over:
            self._queue.sending.owe_at(run_id, at)


class RestateEngine(DistributedEngine):
    """Advances the runs that Restate brings."""

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        perform: Perform,
        make_plan: MakePlan,
        worker: str,
        queue: RestateQueue,
        *,
        ask_model: AskModel = nobody_to_ask,
        serves: bool = False,
        house: str = "",
        on_house: Callable[[], Awaitable[None]] | None = None,
        beside: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(
            driver, clock, perform, make_plan, worker, queue, ask_model=ask_model, serves=serves,
            house=house, on_house=on_house, beside=beside,
        )  # fmt: skip
        driver.pools.waits_for_processes = bool(house)  # alone on its book it makes the calls of every pool
        self.restate = queue
        self._waking = _DelayedSends(driver, clock, self._hands.spawn, queue)
        self.left_alone = self._waking.left_alone

    async def _get_ready(self) -> None:
        if self._known is None and not self.is_closing and (self._serves or not await self._somebody_serves()):
            await self.restate.listen()  # what is wrong with that is for whoever asked
        await super()._get_ready()

    def _has_processes(self, start: ToolCallStart) -> bool:
        return bool(self._house) and super()._has_processes(start)

    def wakes(self, live: Live, state: RunState, events: Sequence[Event]) -> tuple[str, ...]:
        """Nobody in the append: what it owes is sent behind it."""
        return ()

    def committed(self, live: Live, events: Sequence[Event]) -> None:
        if live.state is not None and not self.holds(live.run_id):
            self.restate.sending.owe(live.run_id, live.state.version)
        super().committed(live, events)

    async def surely_wake(self, run_id: str) -> None:
        """Have a run looked at again; it is owed until Restate has it."""
        self.restate.sending.owe(run_id, again=True)

    async def look_again(self, tenant: str) -> int:
        return await self.restate.wake_parked(tenant)

    def _paused(self, pause: float) -> None:
        """A process that is alone on its book cannot have lost a run to another."""
        if self._house:
            super()._paused(pause)
