"""What a process does for its runs: makes the calls that are outstanding, and the plans that are asked for.

The task that made a call goes on with the next call of its run; only what runs beside it gets a task of its own.
Nothing is decided here, and nothing is made that the state of a run does not owe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from cuga.clock import Clock
from cuga.engine.driver import RETRY_S, Driver
from cuga.engine.live import Live
from cuga.errors import JournalFailed
from cuga.journal.port import MAX_BLOB, MAX_INLINE
from cuga.kernel.outstanding import outstanding, plan_turn
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.event import ModelCallStart, PlanRequested, ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import BlobRef, Certainty, Done, Failed, Outcome
from cuga.model.value import digest_bytes

Perform = Callable[[RunState, ToolCallStart], Awaitable[Outcome]]
MakePlan = Callable[[RunState, PlanRequested], Awaitable[c.Command]]
AskModel = Callable[[RunState, ModelCallStart], Awaitable[c.RecordModelReply]]


async def nobody_to_ask(_state: RunState, _start: ModelCallStart) -> c.RecordModelReply:
    """Of a house without models."""
    raise LookupError("there is no model here")


class Hands:
    """Performs what is outstanding and leaves what became of it with the driver."""

    def __init__(
        self, driver: Driver, clock: Clock, perform: Perform, make_plan: MakePlan, ask_model: AskModel
    ) -> None:
        self._driver = driver
        self._clock = clock
        self._perform = perform
        self._make_plan = make_plan
        self._ask_model = ask_model
        self._tasks: set[asyncio.Task[None]] = set()
        self.without_keys: dict[
            str, tuple[datetime, str]
        ] = {}  # run -> since when a result of it cannot be sealed, why
        self.is_elsewhere: Callable[[Live, ToolCallStart], bool] | None = None  # calls that other processes make

    def go_on(self, live: Live) -> None:
        """Begin what the run owes and nobody here makes yet."""
        state = live.state
        if state is None:
            return
        owed = outstanding(state)
        for start in owed.calls:
            if self.is_elsewhere is not None and self.is_elsewhere(live, start):
                continue
            if live.flying.get(start.step) != start.attempt:
                live.flying[start.step] = start.attempt
                if live.has_hands and live.next_call is None and not live.mail:
                    live.next_call = start  # the task that drains goes on with it: no task of its own
                else:
                    self.spawn(self.work(live, start))
        if owed.plan is not None and live.planning != (turn := plan_turn(state)):
            live.planning = turn
            self.spawn(self._plan(live, owed.plan))
        if owed.model is not None and live.asking != owed.model.call:
            live.asking = owed.model.call
            self.spawn(self._ask(live, owed.model))

    def spawn(self, work: Awaitable[None]) -> None:
        """Do some work in a task of its own, which a close waits for."""
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def hear_late(self, run_id: str, start: ToolCallStart, outcome: Outcome) -> None:
        """What became of a call that had been given up on: evidence, which resolves a doubt or is remarked."""
        self.spawn(self._record_late(run_id, start, outcome))

    async def _record_late(self, run_id: str, start: ToolCallStart, outcome: Outcome) -> None:
        await self._driver.post(self._driver.lives.make(run_id), *await self.recorded(run_id, start, outcome))

    async def rest(self, grace_s: float) -> None:
        """Give what is in flight a little time, then let go of it."""
        if self._tasks:
            _, left = await asyncio.wait(set(self._tasks), timeout=grace_s)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=1.0)

    async def work(self, live: Live, start: ToolCallStart | None = None) -> None:
        """Make a call, write what became of it, and go on with the next one of its run as long as nobody else does.

        Without a call it begins with the mail."""
        while True:
            if start is not None:
                assert live.state is not None
                try:
                    outcome = await self._perform(live.state, start)
                except asyncio.CancelledError:
                    live.flying.pop(start.step, None)
                    raise
                except BaseException as error:
                    # the door itself broke: what the tool did is unknown, and that is what is written
                    outcome = _unknown(error)
                told: tuple[c.RecordOutcome, bytes | None]
                if type(outcome) is Done and len(outcome.result) <= MAX_INLINE:
                    told = self._told(start, outcome), None  # as most: nothing of it goes out of line
                else:
                    told = await self.recorded(live.run_id, start, outcome)
                if not self._driver.put(live, *told):
                    return
            live.has_hands = True
            try:
                await self._driver.drain(live)
            finally:
                live.has_hands = False
                start, live.next_call = live.next_call, None
            if start is None:
                return

    async def recorded(
        self, run_id: str, start: ToolCallStart, outcome: Outcome
    ) -> tuple[c.RecordOutcome, bytes | None]:
        """The command that writes an outcome, and the bytes that go out of line."""
        blob: bytes | None = None
        reference: BlobRef | None = None
        if isinstance(outcome, Done) and len(outcome.result) > MAX_INLINE:
            blob = await self._sealed(run_id, bytes(outcome.result))
            reference = BlobRef(digest=digest_bytes(blob), size=len(blob), kept=len(blob) <= MAX_BLOB)
            blob = blob if reference.kept else None  # sealing made it too large: the call is done, and that is kept
        return self._told(start, outcome, reference), blob

    def _told(self, start: ToolCallStart, outcome: Outcome, reference: BlobRef | None = None) -> c.RecordOutcome:
        return c.RecordOutcome(
            at=self._clock.now(),
            step=start.step,
            attempt=start.attempt,
            outcome=outcome,
            blob=reference,
            key=start.key,
            tool_digest=start.tool_digest,
        )

    async def _sealed(self, run_id: str, body: bytes) -> bytes:
        """A result as it is kept, however long its keys cannot be had: the call is done, and that is not lost."""
        try:
            while True:
                try:
                    return await self._driver.journal.sealed(run_id, body)
                except JournalFailed as error:
                    since, _ = self.without_keys.get(run_id, (self._clock.now(), ""))
                    self.without_keys[run_id] = since, error.detail or error.message
                    await asyncio.sleep(RETRY_S)
        finally:
            self.without_keys.pop(run_id, None)

    async def _plan(self, live: Live, request: PlanRequested) -> None:
        assert live.state is not None
        try:
            command = await self._make_plan(live.state, request)
        except asyncio.CancelledError:
            live.planning = ""
            raise
        except Exception as error:
            command = c.RecordPlanFailure(
                at=self._clock.now(),
                attempt=request.attempt,
                reason=f"the planner broke: {type(error).__name__}: {error}",
            )
        await self._driver.post(live, command)

    async def _ask(self, live: Live, start: ModelCallStart) -> None:
        assert live.state is not None
        try:
            command = await self._ask_model(live.state, start)
        except asyncio.CancelledError:
            live.asking = 0
            raise
        except Exception as error:  # what it used is not known: all that was reserved stays taken
            command = c.RecordModelReply(
                at=self._clock.now(),
                call=start.call,
                message=f"asking the model broke: {type(error).__name__}: {error}",
            )
        await self._driver.post(live, command)


def _unknown(error: BaseException) -> Failed:
    said = f"{type(error).__name__}: {error}"
    return Failed(mode=FailureMode.SYSTEM_CRASH, certainty=Certainty.UNKNOWN, message=said)


def land(live: Live, state: RunState) -> None:
    """What is recorded is no longer in the air. Until it is, nobody makes it again: its answer may be in the mail."""
    if live.flying:
        calling = state.calling
        for step, attempt in [*live.flying.items()]:
            start = calling.get(step)
            if start is None or start.attempt != attempt:
                del live.flying[step]
    if live.planning and live.planning != plan_turn(state):
        live.planning = ""
    if live.asking and (state.asking is None or state.asking.call != live.asking):
        live.asking = 0
