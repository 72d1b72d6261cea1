"""The engine of one process: asyncio tasks for what is in flight, one timer for everything that waits.

A parked run is a row: no task, no thread, no memory. An append, its `wake_at` or the sweep at start-up wakes it.
The task that made a call goes on with the next call of its run; only what runs beside it gets a task of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from cuga.clock import Clock
from cuga.engine.driver import Driver, Live
from cuga.errors import CugaError, JournalFailed
from cuga.journal.port import MAX_INLINE
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.event import Event, PlanRequested, Status, ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import BlobRef, Certainty, Done, Failed, Outcome
from cuga.model.value import digest_bytes

Perform = Callable[[RunState, ToolCallStart], Awaitable[Outcome]]
MakePlan = Callable[[RunState, PlanRequested], Awaitable[c.Command]]
Listener = Callable[[str, Sequence[Event]], None]

MAX_RUNNING = 2_000  # runs begun at once; more wait at the door (KERNEL 3 g: beyond, only latency grows)


class LocalEngine:
    """Performs what is outstanding, wakes what is due, and tells whoever waits."""

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        perform: Perform,
        make_plan: MakePlan,
        worker: str,
        *,
        drives_all: bool = True,
    ) -> None:
        self._driver = driver
        self._clock = clock
        self._perform = perform
        self._make_plan = make_plan
        self.worker = worker
        self._drives_all = drives_all  # else only the runs it was asked to touch
        self._touched: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: dict[str, list[Listener]] = {}
        self._admission = asyncio.Semaphore(MAX_RUNNING)
        self._admitted: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next_wake: datetime | None = None
        self._closing = False
        self.failure: BaseException | None = None
        self.left_alone: dict[str, CugaError] = {}  # runs that this process cannot go on with, and why
        driver.engine = self
        driver.worker = worker

    # --- what people and programs ask -----------------------------------------------------------------------------
    async def begin(self, run_id: str, start: c.StartRun) -> RunState:
        """Start a run, waiting at the door while too many are running."""
        self._must_be_open()
        self._touch(run_id)
        await self._admission.acquire()
        self._admitted.add(run_id)
        try:
            return await self._driver.handle(run_id, start)
        except BaseException:
            self._release(run_id)
            raise

    async def send(self, run_id: str, command: c.Command) -> RunState:
        """Carry out a command on a run that exists."""
        self._must_be_open()
        self._touch(run_id)
        return await self._driver.handle(run_id, command)

    async def wait(self, run_id: str) -> RunState:
        """The state of the run once it has ended or parked with nothing due."""
        state = await self._driver.state(run_id)
        while state.end is None and (state.parked is None or self._wakes_by_itself(state)):
            self._must_be_open()
            live = self._driver.live(run_id)
            if state.parked is not None and state.parked.wake_at is not None:
                self._arm(state.parked.wake_at)  # its retry is nobody's work until then
            elif not (live.draining or live.mail or live.flying or live.planning):
                # nobody works on it here: it moved while we read it, or another process left it behind
                self._driver.forget(live)
                return await self._driver.load(run_id)
            moved: asyncio.Future[RunState] = asyncio.get_running_loop().create_future()
            live.waiters.append(moved)
            try:
                state = await moved
            finally:
                if moved in live.waiters:
                    live.waiters.remove(moved)
        return state

    def _wakes_by_itself(self, state: RunState) -> bool:
        """A run that only waits for its own retry goes on without anybody."""
        return bool(state.due) and not (state.pending or state.doubts or state.questions or state.blocked)

    async def resume(self, run_id: str, epoch: int | None = None) -> RunState:
        """Take a run over from a process that is gone, and go on with it."""
        state = await self._driver.state(run_id)
        if state.end is not None:
            return state
        self._touch(run_id)
        live = self._driver.live(run_id)
        is_ours = live.flying or live.planning or live.draining  # draining: an answer of ours is being written
        if not is_ours and (state.calling or state.planning is not None):
            take_over = c.TakeOver(at=self._clock.now(), worker=self.worker, epoch=epoch or state.epoch + 1)
            state = await self._driver.handle(run_id, take_over)
        else:
            state = await self._driver.handle(run_id, c.Tick(at=self._clock.now()))
        live = self._driver.live(run_id)
        live.state = live.state or state
        self._go_on(live)
        if state.parked is not None and state.parked.wake_at is not None:
            self._arm(state.parked.wake_at)  # nothing was written, and nobody else here knows when it is due
        return state

    async def sweep(self) -> int:
        """Go on with everything a process before this one left running, and with all that is due. Returns how many."""
        found = await self._driver.journal.unfinished()
        for run_id in found:
            try:
                await self.resume(run_id)
            except CugaError as error:
                self._leave_alone(run_id, error)
        woken = await self._wake_due()
        return len(found) + woken

    def listen(self, run_id: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the facts of a run as they become durable; returns how to stop. Empty id: every run."""
        listeners = self._listeners.setdefault(run_id, [])
        listeners.append(listener)

        def stop() -> None:
            listeners.remove(listener)
            if not listeners:
                self._listeners.pop(run_id, None)

        return stop

    async def close(self, grace_s: float = 5.0) -> None:
        """Start nothing more, give calls in flight a little time, then let go; what is left is taken over later."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self._tasks:
            _, left = await asyncio.wait(set(self._tasks), timeout=grace_s)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=1.0)

    # --- what the driver tells ------------------------------------------------------------------------------------
    def committed(self, live: Live, events: Sequence[Event]) -> None:
        """Facts are durable: tell listeners, start what is outstanding, note when to wake."""
        if self._listeners:
            for listener in (*self._listeners.get(live.run_id, ()), *self._listeners.get("", ())):
                listener(live.run_id, events)
        state = live.state
        assert state is not None
        _land(live, state)
        if state.end is not None or state.parked is not None:
            self._release(live.run_id)
            if state.parked is not None and state.parked.wake_at is not None:
                self._arm(state.parked.wake_at)
            for waiter in live.waiters:
                if not waiter.done():
                    waiter.set_result(state)
            live.waiters.clear()
        elif not self._closing:
            self._go_on(live)

    def broken(self, live: Live, error: BaseException) -> None:
        """Admit nothing more: without the journal nothing may start."""
        if not isinstance(error, asyncio.CancelledError):
            self.failure = error
        for waiter in live.waiters:
            if not waiter.done():
                waiter.set_exception(error)
        live.waiters.clear()
        self._release(live.run_id)

    # --- inside ---------------------------------------------------------------------------------------------------
    def _must_be_open(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _go_on(self, live: Live) -> None:
        state = live.state
        if state is None:
            return
        for step, start in state.calling.items():
            if live.flying.get(step) != start.attempt:
                live.flying[step] = start.attempt
                if live.has_hands and live.next_call is None and not live.mail:
                    live.next_call = start  # the task that drains goes on with it: no task of its own
                else:
                    self._spawn(self._call(live, start))
        if state.planning is not None and live.planning != state.planning.attempt:
            live.planning = state.planning.attempt
            self._spawn(self._plan(live, state.planning))

    def _spawn(self, work: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, live: Live, start: ToolCallStart) -> None:
        following: ToolCallStart | None = start
        while following is not None:
            command, blob = await self._perform_one(live, following)
            following = None
            if live.draining:
                await self._driver.post(live, command, blob)
                continue
            live.has_hands = True
            try:
                await self._driver.post(live, command, blob)
            finally:
                live.has_hands = False
                following, live.next_call = live.next_call, None

    async def _perform_one(self, live: Live, start: ToolCallStart) -> tuple[c.RecordOutcome, bytes | None]:
        assert live.state is not None
        try:
            outcome = await self._perform(live.state, start)
        except asyncio.CancelledError:
            live.flying.pop(start.step, None)
            raise
        except BaseException as error:
            # the door itself broke: what the tool did is unknown, and that is what is written
            outcome = Failed(
                mode=FailureMode.SYSTEM_CRASH, certainty=Certainty.UNKNOWN, message=f"{type(error).__name__}: {error}"
            )
        blob: bytes | None = None
        reference: BlobRef | None = None
        if isinstance(outcome, Done) and len(outcome.result) > MAX_INLINE:
            blob = bytes(outcome.result)
            reference = BlobRef(digest=digest_bytes(blob), size=len(blob))
        return (
            c.RecordOutcome(
                at=self._clock.now(), step=start.step, attempt=start.attempt, outcome=outcome, blob=reference
            ),
            blob,
        )

    async def _plan(self, live: Live, request: PlanRequested) -> None:
        assert live.state is not None
        try:
            command = await self._make_plan(live.state, request)
        except asyncio.CancelledError:
            live.planning = 0
            raise
        except Exception as error:
            command = c.RecordPlanFailure(
                at=self._clock.now(),
                attempt=request.attempt,
                reason=f"the planner broke: {type(error).__name__}: {error}",
            )
        await self._driver.post(live, command)

    def _touch(self, run_id: str) -> None:
        if not self._drives_all:
            self._touched.add(run_id)

    def _release(self, run_id: str) -> None:
        if run_id in self._admitted:
            self._admitted.discard(run_id)
            self._admission.release()

    def _arm(self, at: datetime) -> None:
        if self._closing or (self._next_wake is not None and self._next_wake <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._next_wake = at
        delay = max(0.0, (at - self._clock.now()).total_seconds())
        # a timer of days would outlive changes of the machine's clock: look again every hour
        self._timer = asyncio.get_running_loop().call_later(min(delay, 3600.0), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._next_wake = None
        if not self._closing:
            self._spawn(self._after_timer())

    async def _after_timer(self) -> None:
        with suppress(JournalFailed):  # it is in `failure` already, where everybody is told
            await self._wake_due()

    def _leave_alone(self, run_id: str, error: CugaError) -> None:
        """One run that cannot be read or decided on here keeps no other from going on."""
        if isinstance(error, JournalFailed):
            raise error
        self.left_alone[run_id] = error

    async def _wake_due(self) -> int:
        journal = self._driver.journal
        woken = 0
        now = self._clock.now()
        while not self._closing:
            now = self._clock.now()
            due = await journal.due(now)
            mine = due if self._drives_all else [run_id for run_id in due if run_id in self._touched]
            for run_id in mine:
                try:
                    await self._driver.handle(run_id, c.Tick(at=now))
                except CugaError as error:
                    self._leave_alone(run_id, error)
            woken += len(mine)
            if len(mine) < 500:
                break
        at = await journal.next_wake()
        if at is not None:
            self._arm(max(at, now + timedelta(milliseconds=5_000 if self.left_alone else 50)))
        return woken

    async def look_again(self, tenant: str) -> int:
        """Look at every parked run once more, after something that holds for all of them has changed."""
        before, seen = "", 0
        while True:
            page = await self._driver.journal.runs(tenant=tenant, status=Status.PARKED, before=before, limit=500)
            for listed in page:
                await self._driver.handle(listed.run_id, c.Tick(at=self._clock.now()))
            seen += len(page)
            if len(page) < 500:
                return seen
            before = page[-1].run_id


def _land(live: Live, state: RunState) -> None:
    """What is recorded is no longer in the air. Until it is, nobody may make it again: its answer may wait in the mail."""
    if live.flying:
        calling = state.calling
        for step, attempt in list(live.flying.items()):
            start = calling.get(step)
            if start is None or start.attempt != attempt:
                del live.flying[step]
    if live.planning and (state.planning is None or state.planning.attempt != live.planning):
        live.planning = 0
