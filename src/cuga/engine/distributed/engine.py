"""The engine of many machines: a run is advanced by one process at a time, and any process may take it up.

A job of the queue is a lease: whoever has it starts calls for the run, everybody else only appends commands and wakes.
A process that serves takes what it begins itself into its hands with the very append that begins it, and out of them
with the one that lets it rest: no job is queued for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from cuga.clock import Clock
from cuga.engine.distributed.advancing import Advancing
from cuga.engine.distributed.attention import Attention, Figures
from cuga.engine.distributed.errands import Errands
from cuga.engine.distributed.lease import Lease
from cuga.engine.distributed.pace import boot_time
from cuga.engine.distributed.queue import QUEUE
from cuga.engine.distributed.waits import ShortWaits
from cuga.engine.distributed.watchdog import Watchdog
from cuga.engine.driver import Driver
from cuga.engine.hands import AskModel, MakePlan, Perform, nobody_to_ask
from cuga.errors import JournalFailed
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.policy.routing import PROCESS

SEEN_S = 1.0  # how long what was heard of other workers is believed
HEAL_S = 10.0  # how often running runs that nobody is to look at are searched for


class DistributedEngine(Advancing):
    """Advances runs that it has a lease for.

    `serves`: it takes any job; else only those of its own queueing, and only while no other worker lives. With `pools`
    it makes their calls and does nothing else. `on_house` is called when the house stream has moved, `beside` now and
    then; `on_pause` from a thread, when this process stood still for longer than its lease.
    """

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        perform: Perform,
        make_plan: MakePlan,
        worker: str,
        queue: Attention,
        *,
        ask_model: AskModel = nobody_to_ask,
        serves: bool = False,
        house: str = "",
        on_house: Callable[[], Awaitable[None]] | None = None,
        beside: Callable[[], Awaitable[None]] | None = None,
        pools: Sequence[str] = (),
    ) -> None:
        self._begin_leases()
        super().__init__(driver, clock, self.guarded(perform), make_plan, worker, queue, ask_model, house, on_house)
        self._waking = self._short = ShortWaits(
            driver, clock, self._hands.spawn, self.surely_wake, lambda: bool(self.own_queue)
        )
        self.left_alone = self._waking.left_alone
        driver.pools.waits_for_processes = True
        driver.worker = ""  # nobody takes over by reading: only with a lease
        queue.heard = self._heard
        self._heard()
        self._hands.is_elsewhere = self._is_elsewhere
        self._pools = tuple(pools)
        self._runs_errands = bool(pools)
        self._errands = Errands(driver, self._hands, queue, perform, lambda: self.is_closing)
        self._serves = serves
        self._beside = beside
        self.on_pause: Callable[[float], None] = self._paused
        self._sweeping: asyncio.Task[None] | None = None
        self._serving: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._known: asyncio.Event | None = None  # of one who serves: the database has a number for us
        self._watchdog: Watchdog | None = None
        self._workers_seen = -SEEN_S  # when a worker was last known to live
        self._strays: set[str] = set()  # what the database believes to be in our hands, and is not
        self.sweeps: tuple[int, int, int] = (0, 0, 0)  # stalled, due and healed since the start

    # --- what people and programs ask -----------------------------------------------------------------------------
    async def begin(self, run_id: str, start: c.StartRun) -> RunState:
        await self._get_ready()
        self._touch(run_id)
        lease = self._lease_for_a_new_one(run_id)
        try:
            return await self._driver.handle(run_id, start)
        except BaseException:
            if lease is not None and lease.is_new and self._leases.get(run_id) is lease:
                del self._leases[run_id]  # if it was stored nevertheless, a look at what we have in hand finds it
            raise

    def _touch(self, run_id: str) -> None:
        """Keep in mind what nobody else is to look at; the rest is seen to by whoever lives."""
        if self.own_queue:
            self._waking.touch(run_id)

    def _lease_for_a_new_one(self, run_id: str) -> Lease | None:
        """A lease that the first append will make true, where we have room; else the run goes through the queue."""
        worker_id, pace = self.queue.worker_id, self.queue.pace
        if (
            worker_id is None
            or self.is_closing
            or self._pools
            or pace.tenant_runs
            or len(self._leases) >= pace.concurrency
        ):
            return None
        if run_id in self._leases:
            return None
        lease = self._leases[run_id] = Lease(run_id, worker_id, is_new=True)
        return lease

    async def send(self, run_id: str, command: c.Command) -> RunState:
        await self._get_ready()
        self._touch(run_id)
        if not self.holds(run_id):
            self._driver.lives.make(run_id).stale = True
        return await self._driver.handle(run_id, command)

    async def resume(self, run_id: str, epoch: int | None = None) -> RunState:
        """Have a run looked at again, whoever does it."""
        state = await self._driver.load(run_id)
        if state.end is None:
            await self._get_ready()
            self._touch(run_id)
            await self.queue.wake(run_id, self.own_queue)
            self.left_alone.pop(run_id, None)
        return state

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
        ends = asyncio.get_running_loop().time() + grace_s
        self.is_closing = True
        for lease in self._leases.values():
            lease.news.set()
        if self._serving is not None:
            self.queue.stop()
        await super().close(grace_s)
        self._is_leaving = (
            True  # an outage outlasts us: its runs are looked at when the database knows that we are gone
        )
        for lease in self._leases.values():
            lease.news.set()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(ends):
                await self._errands.at_rest.wait()
        self.tell_all()
        if self._serving is not None:
            self.queue.leave()  # not before: others would take what is let end
            await asyncio.wait([self._serving], timeout=10.0)
            self._serving.cancel()
        beside = [task for task in (self._watching, self._sweeping) if task is not None]
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, *([self._serving] if self._serving else []), return_exceptions=True)
        if self._watchdog is not None:
            self._watchdog.stop()
        await self.queue.close()

    # --- beside the work ----------------------------------------------------------------------------------------------
    async def _get_ready(self) -> None:
        """Serve, if that is ours: always in a worker; else only while nobody else does."""
        self._must_be_open()
        self.start_watching()
        if self._known is not None and self._known.is_set():
            return
        async with self._turn:
            if self._known is None and (self._serves or not await self._somebody_serves()):
                self._known = asyncio.Event()
                take = self._errands.take if self._pools else self.advance
                self._serving = asyncio.ensure_future(self.queue.serve(take, self._queues(), self._is_known_as))
                self._sweeping = asyncio.ensure_future(self._keep_sweeping())
                self._watchdog = Watchdog(self.queue.pace.lease_s, self._pause_seen)
                self._watchdog.start()
            if self._known is None:
                return  # somebody else serves
            with suppress(TimeoutError):
                async with asyncio.timeout(10.0):
                    await self._known.wait()
            if not self._known.is_set() and not self._serves:
                raise JournalFailed(f"nobody can advance runs: {self.queue.trouble or 'the queue does not answer'}")

    def _queues(self) -> list[str]:
        if self._pools:
            return [f"pool/{pool}" for pool in self._pools]
        return [QUEUE] if self._serves else []

    async def _somebody_serves(self) -> bool:
        """Whether a worker lives, as it was known a moment ago."""
        now = boot_time()
        if now - self._workers_seen > SEEN_S and await self.queue.workers():
            self._workers_seen = now
        return now - self._workers_seen <= SEEN_S

    async def _keep_sweeping(self) -> None:
        loop = asyncio.get_running_loop()
        healed = loop.time()
        while not self.is_closing:
            await asyncio.sleep(self.queue.pace.sweep_s)
            is_time = loop.time() - healed > HEAL_S
            try:
                found = await self.queue.sweep(healing=is_time)
                await self._share_loads()
                if is_time:
                    await self._let_strays_go()
                    if self._beside is not None:
                        await self._beside()
            except JournalFailed:
                continue
            if is_time:
                healed = loop.time()
            if found is not None:
                before = self.sweeps
                self.sweeps = (before[0] + found[0], before[1] + found[1], before[2] + found[2])

    async def _share_loads(self) -> None:
        """Say how busy the pools are with our runs, and hear how busy with those of others."""
        pools = self._driver.pools
        if self._pools:
            await self.queue.say_load(dict.fromkeys(self._pools, 0))  # its calls count where their runs are advanced
            return
        if not pools.declared:
            return
        here = pools.running_here()
        busy = {
            name: here.get(name, 0) for name, pool in pools.declared.items() if pool.kind != PROCESS or here.get(name)
        }
        await self.queue.say_load(busy)
        others = await self.queue.load_elsewhere()
        pools.hear({name: running for name, (running, _) in others.items()})

    def _is_known_as(self, number: int) -> None:
        """The database has (another) number for us: what we had in hand under the one before is ours no more."""
        self.own_queue = "" if self._serves or self._pools else f"front/{number}"
        assert self._known is not None
        self._known.set()
        for lease in list(self._leases.values()):
            if lease.worker_id != number:
                lease.lost = True
                lease.news.set()

    async def _let_strays_go(self) -> None:
        """What the database believes to be in our hands twice in a row, and is not, goes to whoever lives: its append
        was stored although nobody could say so."""
        strays = await self.queue.in_hand() - self._leases.keys() - self._errands.in_hand
        for key in strays & self._strays:
            await self.queue.let_go(key, again=True, begun=True)
        self._strays = strays

    def _heard(self) -> None:
        self._heard_until = boot_time() + 2 * self.queue.pace.heartbeat_s + 0.5

    def _pause_seen(self, pause: float) -> None:
        self.on_pause(pause)

    def _paused(self, pause: float) -> None:
        """What a process does that cannot just end: it takes every run for lost."""
        for lease in list(self._leases.values()):
            lease.lost = True
