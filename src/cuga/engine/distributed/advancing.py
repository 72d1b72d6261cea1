"""Advancing runs that are ours: taken up, seen to until they rest, given up as soon as they are another process's.

A lease saves wasted work; what decides is the version of each append. After a conflict the lease is asked for in the
database before anything is decided again, and before an effect leaves the house.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress

from cuga.engine.distributed.attending import Attending
from cuga.engine.distributed.attention import Job
from cuga.engine.distributed.errands import key_of
from cuga.engine.distributed.lease import Lease, asks_elsewhere
from cuga.engine.distributed.pace import boot_time
from cuga.engine.driver import RETRY_S
from cuga.engine.hands import Perform
from cuga.engine.live import Live
from cuga.errors import CugaError, InvalidTransition, JournalFailed
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.event import Event, ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Failed, Outcome
from cuga.model.tool import SideEffect
from cuga.policy.routing import PROCESS

READ_ONLY = SideEffect.READ_ONLY  # found once: a member costs ten times a name
NOT_OURS = "another process had taken the run before the call was sent"
TURN_S = 0.3  # how long a run waits for a place of its tenant before it queues again


class Advancing(Attending):
    """The runs of this process: whoever has a lease starts calls for its run, everybody else appends and wakes."""

    def _begin_leases(self) -> None:
        self._leases: dict[str, Lease] = {}
        self.own_queue = ""  # of a process that serves only itself
        self._runs_errands = False  # it makes calls of its pools, and advances nothing
        self._is_leaving = False  # what could not be written by now is left to whoever takes the run up
        self._heard_until = 0.0  # until when nobody can have taken our runs, by the time since the machine was started
        self.fenced = 0  # appends that another process's came before, while we had no lease any more
        self.taken_over = 0  # runs taken up with calls of another process in flight

    def in_hand(self) -> list[str]:
        return list(self._leases)

    def just_moved(self) -> set[str]:
        moved = set()
        for run_id, lease in self._leases.items():
            live = self._driver.lives.find(run_id)
            version = live.state.version if live is not None and live.state is not None else 0
            if version != lease.seen and not lease.lost:
                moved.add(run_id)
            lease.seen = version
        return moved

    # --- what the driver asks and tells -----------------------------------------------------------------------------
    def holds(self, run_id: str) -> bool:
        lease = self._leases.get(run_id)
        return lease is not None and not lease.lost

    def wakes(self, live: Live, state: RunState, events: Sequence[Event]) -> tuple[str, ...]:
        lease = self._leases.get(live.run_id)
        if lease is None or lease.lost:
            return ("",) if self._runs_errands else (self.own_queue,)
        lease.rests = (state.end is not None or state.parked is not None) and not live.mail
        if not (lease.rests or lease.is_new or self._driver.pools.declared):
            return ()  # as most
        words = [f"pool/{one.pool}" for one in events if type(one) is ToolCallStart and self._has_processes(one)]
        if lease.rests and not lease.is_new:
            words.append(f"rest/{lease.worker_id}")
        elif lease.is_new and not lease.rests:
            words.append(f"hold/{lease.worker_id}")
        return tuple(sorted({*words})) if words else ()

    async def contested(self, live: Live) -> None:
        lease = self._leases.get(live.run_id)
        if lease is not None and not lease.lost and not await self.queue.holds(live.run_id):
            self._lose(lease)

    def committed(self, live: Live, events: Sequence[Event]) -> None:
        lease = self._leases.get(live.run_id)
        if lease is not None:
            for event in events:
                if type(event) is ToolCallStart:
                    lease.own.add((event.step, event.attempt))
                    if self._has_processes(event):
                        lease.errands.add((event.step, event.attempt))
            if not lease.lost and (lease.is_new or lease.rests):
                self._changed_hands(live, lease)
        super().committed(live, events)
        state = live.state
        if state is None or state.parked is not None or state.end is not None:
            if lease is not None:
                lease.news.set()
            self.tell(live.run_id, state if state is not None and state.end is not None else None)

    def _changed_hands(self, live: Live, lease: Lease) -> None:
        """What the append that was just stored has done to our lease as well."""
        if lease.rests:
            lease.is_over = True
            del self._leases[live.run_id]
        elif lease.is_new:
            self._hands.spawn(self._see_through(live, lease))
        lease.is_new = False

    def broken(self, live: Live, error: BaseException) -> None:
        super().broken(live, error)
        self._say(live.run_id)

    def stuck(self, live: Live, error: Exception) -> None:
        super().stuck(live, error)
        self._say(live.run_id)

    def _say(self, run_id: str) -> None:
        if (lease := self._leases.get(run_id)) is not None:
            lease.news.set()
        self.tell(run_id)

    def _go_on(self, live: Live) -> None:
        """Begin what a run owes, if it is ours; a call that we did not write the intent of was somebody else's."""
        lease = self._leases.get(live.run_id)
        if lease is None or lease.lost or live.state is None:
            return
        if self._foreign(live, lease):
            self._hands.spawn(self._take_over(live, lease))
        else:
            self._hands.go_on(live)

    def _has_processes(self, start: ToolCallStart) -> bool:
        """Whether a call is routed to a pool that has processes of its own."""
        if not start.pool:
            return False
        pool = self._driver.pools.declared.get(start.pool)
        return pool is not None and pool.kind == PROCESS

    def _is_elsewhere(self, live: Live, start: ToolCallStart) -> bool:
        lease = self._leases.get(live.run_id)
        return lease is not None and (start.step, start.attempt) in lease.errands

    async def _look_for_a_place(self, run_id: str) -> None:
        if self.holds(run_id):
            await super()._look_for_a_place(run_id)
            return
        self._driver.pools.leave(run_id)  # whoever takes it up lines up for it
        with suppress(JournalFailed):  # it is parked with a time, or a sweep finds it
            await self.queue.wake(run_id, self.own_queue)

    def moved_outside(self, live: Live, version: int) -> None:
        live.stale = True  # see what they want
        self._hands.spawn(self._look_for_a_place(live.run_id))

    # --- a run that is ours -----------------------------------------------------------------------------------------
    async def advance(self, job: Job) -> bool:
        """What a job does: take the run up, and see to it until it rests. True: the job is gone with it."""
        place = await self.queue.take_place(job.tenant)
        if place is None:  # the tenant has its share: others go first, and it is looked at again soon
            await asyncio.sleep(TURN_S)
            await self.surely_wake(job.run_id)
            return False
        if (before := self._leases.get(job.run_id)) is not None:
            before.lost = True  # closed by a sweep that had not heard of us; this is another one
            before.news.set()
        lease = self._leases[job.run_id] = Lease(job.run_id, self.queue.worker_id or 0)
        live = self._driver.lives.make(job.run_id)
        try:
            await self._advance(live, lease)
        except asyncio.CancelledError:
            with suppress(JournalFailed):  # then the sweep of another process does it
                await asyncio.shield(self.queue.wake(job.run_id))  # the job is closed behind us: another one goes on
            raise
        finally:
            self._put_down(live, lease)
            await self.queue.leave_place(job.tenant, place)
        return lease.is_over

    async def _see_through(self, live: Live, lease: Lease) -> None:
        """See to a run that was begun here, without a job: until it rests, or somebody else is to go on."""
        is_at_rest = False
        try:
            is_at_rest = await self._until_rest(live, lease)
        finally:
            self._put_down(live, lease)
            if not lease.is_over:
                await asyncio.shield(self.surely_let_go(live.run_id, again=not is_at_rest and not lease.lost))

    def _put_down(self, live: Live, lease: Lease) -> None:
        if self._leases.get(live.run_id) is lease:
            del self._leases[live.run_id]
        self._driver.lives.forget(live)

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

    async def surely_let_go(self, key: str, *, again: bool) -> None:
        """Have the database know that we have something in hand no more; through an outage as well."""
        while True:
            try:
                await self.queue.let_go(key, again=again)
                return
            except JournalFailed:
                await asyncio.sleep(RETRY_S)
                if self.is_closing:
                    return  # a sweep finds it

    async def _take_up(self, live: Live, lease: Lease) -> None:
        await self.look_at_house()
        state = await self._driver.load(live.run_id)
        if live.draining:
            live.stale = True  # what is being decided here this moment is not in it yet
        else:
            live.state, live.stale = state, False
        if state.end is not None:
            return
        in_flight = {(start.step, start.attempt) for start in state.calling.values()}
        ours = {(step, attempt) for step, attempt in live.flying.items()}
        ours |= await self._on_errands(state, lease)
        lease.own |= in_flight & ours
        now = self._clock.now()
        if in_flight - ours or asks_elsewhere(live, state):
            self.taken_over += 1
            spared = tuple(sorted(step for step, _ in in_flight & ours))
            take_over = c.TakeOver(at=now, worker=self.worker, epoch=state.epoch + 1, spared=spared)
            await self._driver.handle(live.run_id, take_over)
        else:
            await self._driver.handle(live.run_id, c.Tick(at=now))
        if live.state is not None and live.state.parked is None and live.state.end is None:
            self._go_on(live)

    async def _on_errands(self, state: RunState, lease: Lease) -> set[tuple[str, int]]:
        """The calls of a run that processes of a pool have in hand, or are to have: they are lost to nobody."""
        starts = [start for start in state.calling.values() if start.pool]
        if not starts:
            return set()
        busy = await self.queue.busy(sorted({key_of(state.run_id, start.pool) for start in starts}))
        found = {(start.step, start.attempt) for start in starts if key_of(state.run_id, start.pool) in busy}
        lease.errands |= found
        return found

    async def _until_rest(self, live: Live, lease: Lease) -> bool:
        """Whether the run rests, so that nobody need look at it; False: somebody else is to go on."""
        while True:
            lease.news.clear()
            state = live.state
            is_busy = live.draining or live.mail or live.flying or live.is_thinking
            if lease.lost or lease.is_over:
                return True  # whoever has it now was woken by the one who closed our job
            if state is None and not is_busy:
                return live.run_id in self.left_alone  # it could not be read; whoever is next may
            if state is not None and not is_busy and (state.end is not None or state.parked is not None):
                return True
            if self.is_closing and (not is_busy or (self._is_leaving and not live.draining)):
                return False
            if live.run_id in self.left_alone and not (live.draining or live.is_thinking or _makes_calls(live)):
                return True  # what its calls brought back is kept until somebody resumes it
            looks_again = asyncio.get_running_loop().call_later(0.5, lease.news.set)
            try:
                await lease.news.wait()
            finally:
                looks_again.cancel()

    def _foreign(self, live: Live, lease: Lease) -> bool:
        assert live.state is not None
        for start in live.state.calling.values():
            if (start.step, start.attempt) not in lease.own and live.flying.get(start.step) != start.attempt:
                return True
        return asks_elsewhere(live, live.state)

    async def _take_over(self, live: Live, lease: Lease) -> None:
        """An intent was written between ours by a process that lost the run: what became of it is not known."""
        if live.state is not None and not lease.lost and self._foreign(live, lease):
            now, epoch = self._clock.now(), live.state.epoch + 1
            known = lease.own | set(live.flying.items())
            spared = tuple(step for step, one in live.state.calling.items() if (step, one.attempt) in known)
            try:
                take_over = c.TakeOver(at=now, worker=self.worker, epoch=epoch, spared=spared)
                await self._driver.handle(live.run_id, take_over)
            except (InvalidTransition, JournalFailed):
                lease.news.set()

    def _lose(self, lease: Lease) -> None:
        lease.lost = True
        self.fenced += 1
        lease.news.set()

    # --- before an effect ---------------------------------------------------------------------------------------------
    def guarded(self, perform: Perform) -> Perform:
        def asked(state: RunState, start: ToolCallStart) -> Awaitable[Outcome]:
            if self._surely_may_call(state.run_id, start):
                return perform(state, start)
            return asked_first(state, start)

        async def asked_first(state: RunState, start: ToolCallStart) -> Outcome:
            if why := await self._why_not(state.run_id, start):
                return Failed(mode=FailureMode.SYSTEM_CRASH, certainty=Certainty.NOT_DONE, message=why)
            return await perform(state, start)

        return asked

    @property
    def is_heard(self) -> bool:
        """Whether the database has heard of us so lately that nobody can have taken our runs."""
        return boot_time() < self._heard_until

    def _surely_may_call(self, run_id: str, start: ToolCallStart) -> bool:
        """Whether what we know is enough to say so: it is for a read."""
        return start.side_effect is READ_ONLY and self.holds(run_id) and self.is_heard

    async def _why_not(self, run_id: str, start: ToolCallStart) -> str:
        """Why a call is not sent: the run is not ours any more, or nobody can say; asked just before it leaves."""
        lease = self._leases.get(run_id)
        if (lease is None or lease.lost) and not self._runs_errands:
            return NOT_OURS
        try:
            if await self.queue.holds(key_of(run_id, start.pool) if self._runs_errands else run_id):
                return ""
        except JournalFailed:
            return "nobody could say whether the run was still ours before the call was sent"
        if lease is not None:
            self._lose(lease)
        return NOT_OURS


def _makes_calls(live: Live) -> bool:
    """Whether a call of a run is still in the air: what has come back lies in the mail until it is written."""
    back = {one.command.step for one in live.mail if isinstance(one.command, c.RecordOutcome)}
    return not live.flying.keys() <= back
