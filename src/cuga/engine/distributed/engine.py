"""The engine of many machines: a run is advanced by one process at a time, and any process may take it up.

A job of the queue is a lease: whoever has it starts calls for the run, everybody else only appends commands and wakes.
The lease saves wasted work; what decides is the version of each append. After a conflict the lease is asked for in the
database before anything is decided again, and before an effect leaves the house.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

from cuga.clock import Clock
from cuga.engine.distributed.pace import boot_time
from cuga.engine.distributed.queue import Figures, Queue
from cuga.engine.distributed.watchdog import Watchdog
from cuga.engine.driver import RETRY_S, Driver
from cuga.engine.hands import AskModel, MakePlan, Perform, nobody_to_ask
from cuga.engine.live import Live
from cuga.engine.local import LocalEngine
from cuga.engine.waking import Waking
from cuga.errors import CugaError, InvalidTransition, JournalFailed
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.event import Event, ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Failed, Outcome
from cuga.model.tool import SideEffect

WATCH_S = 0.05  # how often streams that somebody here waits for are looked at
TURN_S = 0.3  # how long a run waits for a place of its tenant before it queues again
SHORT_S = 30.0  # waits that are kept in mind here; a longer one is a row and nothing else
HEAL_S = 10.0  # how often running runs that nobody is to look at are searched for


class Lease:
    """A run that this process advances: the job it has it by, and the calls whose intents it wrote."""

    __slots__ = ("job_id", "lost", "news", "own", "run_id")

    def __init__(self, run_id: str, job_id: int) -> None:
        self.run_id = run_id
        self.job_id = job_id
        self.lost = False
        self.news = asyncio.Event()  # it rests, was lost, or we are to stop
        self.own: set[tuple[str, int]] = set()  # step and attempt


class _ShortWaits(Waking):
    """Short waits end on time; all others, and those of processes that are gone, end with the sweep of any worker."""

    def __init__(
        self, driver: Driver, clock: Clock, spawn: Callable[[Awaitable[None]], None], engine: DistributedEngine
    ) -> None:
        super().__init__(driver, clock, spawn, drives_all=False)
        self._engine = engine
        self._timers: set[asyncio.TimerHandle] = set()

    @property
    def touched(self) -> set[str]:
        """The runs that somebody asked for here."""
        return self._touched

    def wake_at(self, run_id: str, at: datetime) -> None:
        delay = (at - self._clock.now()).total_seconds()
        if self._is_over or (delay > SHORT_S and not self._engine.own_queue):
            return

        def come() -> None:
            self._timers.discard(timer)
            if not self._is_over:
                self._spawn(self._engine.surely_wake(run_id))

        timer = asyncio.get_running_loop().call_later(max(0.0, delay) + 0.01, come)
        self._timers.add(timer)

    def stop(self) -> None:
        super().stop()
        for timer in self._timers:
            timer.cancel()


class DistributedEngine(LocalEngine):
    """Advances runs that it has a lease for. `serves`: it takes any job; else only those of its own queueing, and only
    while no other worker lives. `on_house` is called when the house stream has moved, `beside` now and then; `on_pause`
    from a thread, when this process stood still for longer than its lease.
    """

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        perform: Perform,
        make_plan: MakePlan,
        worker: str,
        queue: Queue,
        *,
        ask_model: AskModel = nobody_to_ask,
        serves: bool = False,
        house: str = "",
        on_house: Callable[[], Awaitable[None]] | None = None,
        beside: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(
            driver, clock, self._performing(perform), make_plan, worker, ask_model=ask_model, drives_all=False
        )
        self._waking = self._short = _ShortWaits(driver, clock, self._hands.spawn, self)
        self.left_alone = self._waking.left_alone
        driver.worker = ""  # nobody takes over by reading: only with a lease
        self.queue = queue
        queue.heard = self._heard
        self._serves = serves
        self._house = house
        self._house_version = -1
        self._on_house = on_house
        self._beside = beside
        self.on_pause: Callable[[float], None] = self._paused
        self._leases: dict[str, Lease] = {}
        self._stands: dict[str, tuple[int, bool]] = {}  # of what is watched: version, and whether it is looked at
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._unsettled: set[str] = set()  # runs that were found to be looked at when somebody here asked
        self._tasks: list[asyncio.Task[None]] = []
        self._serving: asyncio.Task[None] | None = None
        self.own_queue = ""  # of a process that serves only itself
        self._last_heard = boot_time()
        self._watchdog: Watchdog | None = None
        self.fenced = 0  # appends that another process's came before, while we had no lease any more
        self.taken_over = 0  # runs taken up with calls of another process in flight
        self.sweeps: tuple[int, int, int] = (0, 0, 0)  # stalled, due and healed since the start

    # --- what people and programs ask -----------------------------------------------------------------------------
    async def begin(self, run_id: str, start: c.StartRun) -> RunState:
        await self._get_ready()
        self._waking.touch(run_id)
        return await self._driver.handle(run_id, start)

    async def send(self, run_id: str, command: c.Command) -> RunState:
        await self._get_ready()
        self._waking.touch(run_id)
        if not self.holds(run_id):
            self._driver.lives.make(run_id).stale = True
        return await self._driver.handle(run_id, command)

    async def resume(self, run_id: str, epoch: int | None = None) -> RunState:
        """Have a run looked at again, whoever does it."""
        state = await self._driver.load(run_id)
        if state.end is None:
            await self._get_ready()
            self._waking.touch(run_id)
            await self.queue.wake(run_id, self.own_queue)
            self.left_alone.pop(run_id, None)
        return state

    async def wait(self, run_id: str) -> RunState:
        """The state of the run once it has ended, or parked with nobody about to look at it."""
        moved = asyncio.Event()
        self._waiting.setdefault(run_id, set()).add(moved)
        try:
            while True:
                moved.clear()
                self._start_watching()
                rests = await self.rests(run_id)
                state = await self._driver.load(run_id)  # after the question: what is at rest stays as it is read
                if state.end is not None:
                    return state
                if rests and state.parked is not None and not self._wakes_by_itself(state):
                    return state
                if (why := self.left_alone.get(run_id)) is not None and rests:
                    raise why
                self._must_be_open()
                await moved.wait()
        finally:
            self._waiting[run_id].discard(moved)
            if not self._waiting[run_id]:
                del self._waiting[run_id]

    async def rests(self, run_id: str) -> bool:
        _, is_busy = (await self.queue.stands([run_id])).get(run_id, (0, False))
        if is_busy:
            self._unsettled.add(run_id)
        self._start_watching()
        return not is_busy

    async def sweep(self) -> int:
        """Take up work until the engine is closed; returns how many runs were woken at once."""
        self._serves = True
        await self._get_ready()
        found = await self.queue.sweep(healing=True)
        return sum(found) if found is not None else 0

    async def look_again(self, tenant: str) -> int:
        found = await self.queue.wake_parked(tenant)
        for run_id in self._short.touched if self.own_queue else ():
            await self.queue.wake(run_id, self.own_queue)  # what nobody else is to look at
        return found

    async def abort(self, run_id: str) -> None:
        """Have whoever advances a run look at once what was asked of it. Calls in flight end by themselves: what
        became of them is written."""
        await self.queue.wake(run_id)

    async def figures(self) -> Figures:
        """What the queue looks like, for whoever operates it."""
        return await self.queue.figures()

    async def close(self, grace_s: float = 5.0) -> None:
        """Start nothing more, let calls in flight end, and hand the runs over to whoever lives."""
        self.is_closing = True
        for lease in self._leases.values():
            lease.news.set()
        if self._serving is not None:
            self.queue.stop()
        await super().close(grace_s)
        for moved in [one for waiting in self._waiting.values() for one in waiting]:
            moved.set()
        if self._serving is not None:
            await asyncio.wait([self._serving], timeout=grace_s + 5.0)
            self._serving.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *([self._serving] if self._serving else []), return_exceptions=True)
        if self._watchdog is not None:
            self._watchdog.stop()
        await self.queue.close()

    # --- what the driver asks and tells -----------------------------------------------------------------------------
    def holds(self, run_id: str) -> bool:
        lease = self._leases.get(run_id)
        return lease is not None and not lease.lost

    def wakes(self, run_id: str) -> tuple[str, ...]:
        return () if self.holds(run_id) else (self.own_queue,)

    async def contested(self, live: Live) -> None:
        lease = self._leases.get(live.run_id)
        if lease is not None and not lease.lost and not await self.queue.holds(lease.job_id):
            self._lose(lease)

    def committed(self, live: Live, events: list[Event] | tuple[Event, ...]) -> None:  # type: ignore[override]
        lease = self._leases.get(live.run_id)
        if lease is not None:
            lease.own.update((event.step, event.attempt) for event in events if isinstance(event, ToolCallStart))
        super().committed(live, events)
        if lease is not None and (live.state is None or live.state.parked is not None or live.state.end is not None):
            lease.news.set()
        if live.state is not None and live.state.end is not None:
            for moved in self._waiting.get(live.run_id, ()):
                moved.set()

    def broken(self, live: Live, error: BaseException) -> None:
        super().broken(live, error)
        self._tell(live.run_id)

    def stuck(self, live: Live, error: Exception) -> None:
        super().stuck(live, error)
        self._tell(live.run_id)

    def _tell(self, run_id: str) -> None:
        if (lease := self._leases.get(run_id)) is not None:
            lease.news.set()
        for moved in self._waiting.get(run_id, ()):
            moved.set()

    def _go_on(self, live: Live) -> None:
        """Begin what a run owes, if it is ours; a call that we did not write the intent of was somebody else's."""
        lease = self._leases.get(live.run_id)
        if lease is None or lease.lost or live.state is None:
            return
        if self._foreign(live, lease):
            self._hands.spawn(self._take_over(live, lease))
        else:
            self._hands.go_on(live)

    # --- a run that is ours -----------------------------------------------------------------------------------------
    async def advance(self, run_id: str, job_id: int, tenant: str) -> None:
        """What a job does: take the run up, and see to it until it rests."""
        place: int | None = None
        if self.queue.pace.tenant_runs:
            place = await self.queue.take_place(tenant)
            if place is None:  # the tenant has its share: others go first, and it is looked at again soon
                await asyncio.sleep(TURN_S)
                await self.surely_wake(run_id)
                return
        lease = self._leases[run_id] = Lease(run_id, job_id)
        live = self._driver.lives.make(run_id)
        try:
            await self._advance(live, lease)
        except asyncio.CancelledError:
            with suppress(JournalFailed):  # then the sweep of another process does it
                await asyncio.shield(self.queue.wake(run_id))  # the job is closed behind us: another one goes on
            raise
        finally:
            if self._leases.get(run_id) is lease:
                del self._leases[run_id]
            self._driver.lives.forget(live)
            if place is not None:
                await self.queue.leave_place(tenant, place)

    async def _advance(self, live: Live, lease: Lease) -> None:
        while not lease.lost:
            try:
                await self._take_up(live, lease)
                break
            except JournalFailed:  # an outage: as long as the job is ours, so is the waiting
                await asyncio.sleep(RETRY_S)
            except InvalidTransition:
                continue  # it moved while we read it
            except CugaError as error:
                self.left_alone[live.run_id] = error
                return
        if not await self._until_rest(live, lease):
            await self.surely_wake(live.run_id)

    async def surely_wake(self, run_id: str) -> None:
        """Queue another job for a run before this one ends; through an outage as well."""
        while True:
            try:
                await self.queue.wake(run_id, "" if self.is_closing else self.own_queue)
                return
            except JournalFailed:
                await asyncio.sleep(RETRY_S)
                if self.is_closing:
                    return  # a sweep finds it

    async def _take_up(self, live: Live, lease: Lease) -> None:
        if self._house:
            stands = await self.queue.stands([self._house])
            await self._see_house(stands.get(self._house, (0, False))[0])
        state = await self._driver.load(live.run_id)
        if live.draining:
            live.stale = True  # what is being decided here this moment is not in it yet
        else:
            live.state, live.stale = state, False
        if state.end is not None:
            return
        in_flight = {(start.step, start.attempt) for start in state.calling.values()}
        ours = {(step, attempt) for step, attempt in live.flying.items()}
        lease.own |= in_flight & ours
        now = self._clock.now()
        if in_flight - ours or _asks_elsewhere(live, state):
            self.taken_over += 1
            await self._driver.handle(live.run_id, c.TakeOver(at=now, worker=self.worker, epoch=state.epoch + 1))
        else:
            await self._driver.handle(live.run_id, c.Tick(at=now))
        if live.state is not None and live.state.parked is None and live.state.end is None:
            self._go_on(live)

    async def _until_rest(self, live: Live, lease: Lease) -> bool:
        """Whether the run rests, so that nobody need look at it; False: somebody else is to go on."""
        while True:
            lease.news.clear()
            state = live.state
            is_busy = live.draining or live.mail or live.flying or live.is_thinking
            if lease.lost:
                return True  # whoever has it now was woken by the one who closed our job
            if state is None and not is_busy:
                return live.run_id in self.left_alone  # it could not be read; whoever is next may
            if state is not None and not is_busy and (state.end is not None or state.parked is not None):
                return True
            if self.is_closing and not is_busy:
                return False
            if live.run_id in self.left_alone and not is_busy:
                return True
            try:
                async with asyncio.timeout(0.5):
                    await lease.news.wait()
            except TimeoutError:
                continue

    def _foreign(self, live: Live, lease: Lease) -> bool:
        assert live.state is not None
        return _asks_elsewhere(live, live.state) or any(
            (start.step, start.attempt) not in lease.own and live.flying.get(start.step) != start.attempt
            for start in live.state.calling.values()
        )

    async def _take_over(self, live: Live, lease: Lease) -> None:
        """An intent was written between ours by a process that lost the run: what became of it is not known."""
        if live.state is not None and not lease.lost and self._foreign(live, lease):
            epoch = live.state.epoch + 1
            try:
                await self._driver.handle(
                    live.run_id, c.TakeOver(at=self._clock.now(), worker=self.worker, epoch=epoch)
                )
            except (InvalidTransition, JournalFailed):
                lease.news.set()

    def _lose(self, lease: Lease) -> None:
        lease.lost = True
        self.fenced += 1
        lease.news.set()

    def _performing(self, perform: Perform) -> Perform:
        async def guarded(state: RunState, start: ToolCallStart) -> Outcome:
            if await self._may_call(state.run_id, start):
                return await perform(state, start)
            return Failed(
                mode=FailureMode.SYSTEM_CRASH,
                certainty=Certainty.NOT_DONE,
                message="another process had taken the run before the call was sent",
            )

        return guarded

    async def _may_call(self, run_id: str, start: ToolCallStart) -> bool:
        """Whether the run is still ours, just before something leaves the house; a read may rest on what we know."""
        lease = self._leases.get(run_id)
        if lease is None or lease.lost:
            return False
        is_fresh = boot_time() - self._last_heard < 2 * self.queue.pace.heartbeat_s + 0.5
        if start.side_effect is SideEffect.READ_ONLY and is_fresh:
            return True
        try:
            if await self.queue.holds(lease.job_id):
                return True
        except JournalFailed:
            return False  # nobody can say: then it is not sent
        self._lose(lease)
        return False

    # --- beside the work ----------------------------------------------------------------------------------------------
    async def _get_ready(self) -> None:
        """Serve, if that is ours: always in a worker; else only while nobody else does."""
        self._must_be_open()
        self._start_watching()
        if self._serving is not None:
            return
        if self._serves or not await self.queue.workers():
            is_ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            def ready(queue: str) -> None:
                self.own_queue = queue
                if not is_ready.done():
                    is_ready.set_result(queue)

            self._serving = asyncio.ensure_future(self.queue.serve(self.advance, alone=not self._serves, ready=ready))
            self._tasks.append(asyncio.ensure_future(self._keep_sweeping()))
            self._watchdog = Watchdog(self.queue.pace.lease_s, self._pause_seen)
            self._watchdog.start()
            await asyncio.wait([is_ready], timeout=10.0)
            if not is_ready.done() and not self._serves:
                raise JournalFailed(f"nobody can advance runs: {self.queue.trouble or 'the queue does not answer'}")

    def _start_watching(self) -> None:
        if not any(task.get_name() == "cuga-watch" and not task.done() for task in self._tasks):
            self._tasks.append(asyncio.create_task(self._watch(), name="cuga-watch"))

    async def _watch(self) -> None:
        """Tell whoever waits here what other processes do to their runs."""
        while not self.is_closing:
            await asyncio.sleep(WATCH_S)
            wanted = {*self._waiting, *self._news, *self._leases, *([self._house] if self._house else [])}
            self._unsettled &= wanted
            try:
                stands = await self.queue.stands(sorted(wanted))
            except JournalFailed:
                continue  # an outage; what happened meanwhile is seen behind it
            before, self._stands = self._stands, stands
            for name, stand in stands.items():
                # a look that changes nothing may begin and end between two of ours
                if before.get(name) != stand or (name in self._unsettled and not stand[1]):
                    await self._moved(name, *stand, is_new=name not in before)

    async def _moved(self, name: str, version: int, is_busy: bool, *, is_new: bool) -> None:
        if name == self._house:
            await self._see_house(version)
            return
        if not is_busy:  # else somebody looks at it, or is to: whoever waits for its rest need not be told yet
            self._unsettled.discard(name)
            for moved in self._waiting.get(name, ()):
                moved.set()
        for news in self._news.get(name, ()):
            news.come()
        if is_new or not self.holds(name):
            return
        live = self._driver.lives.make(name)
        if live.state is not None and live.state.version < version and not live.draining:
            live.stale = True  # somebody outside has appended: see what they want
            self._hands.spawn(self._look_for_a_place(name))

    async def _see_house(self, version: int) -> None:
        """What holds in the house now must be known before anything is decided under it."""
        if version != self._house_version and self._on_house is not None:
            await self._on_house()
            self._house_version = version

    async def _keep_sweeping(self) -> None:
        loop = asyncio.get_running_loop()
        healed = loop.time()
        while not self.is_closing:
            await asyncio.sleep(self.queue.pace.sweep_s)
            is_time = loop.time() - healed > HEAL_S
            try:
                found = await self.queue.sweep(healing=is_time)
                if is_time and self._beside is not None:
                    await self._beside()
            except JournalFailed:
                continue
            if is_time:
                healed = loop.time()
            if found is not None:
                before = self.sweeps
                self.sweeps = (before[0] + found[0], before[1] + found[1], before[2] + found[2])

    def _heard(self) -> None:
        self._last_heard = boot_time()

    def _pause_seen(self, pause: float) -> None:
        self.on_pause(pause)

    def _paused(self, pause: float) -> None:
        """What a process does that cannot just end: it takes every run for lost."""
        for lease in list(self._leases.values()):
            lease.lost = True


def _asks_elsewhere(live: Live, state: RunState) -> bool:
    """Whether a model is being asked by a process that lost the run: its reply will not be heard."""
    return state.asking is not None and live.asking != state.asking.call
