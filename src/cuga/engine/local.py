"""The engine of one process: what people and programs ask of it, and what the driver tells it.

A parked run is a row: no task, no thread, no memory. What is outstanding is performed by its hands, what is due is
woken by its timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cuga.clock import Clock
from cuga.engine.driver import RETRY_S, Driver
from cuga.engine.hands import AskModel, Hands, MakePlan, Perform, land, nobody_to_ask
from cuga.engine.live import Live
from cuga.engine.news import News
from cuga.engine.waking import Waking
from cuga.errors import CugaError, HouseClosed, JournalFailed
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.event import Event, ToolCallStart
from cuga.model.outcome import Outcome

Listener = Callable[[str, Sequence[Event]], None]

MAX_RUNNING = 2_000  # runs begun at once; more wait at the door; beyond, only latency grows


class LocalEngine:
    """Performs what is outstanding, wakes what is due, and tells whoever waits."""

    sees_behind = True  # whether it looks itself for what was stored although nobody could say so

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        perform: Perform,
        make_plan: MakePlan,
        worker: str,
        *,
        ask_model: AskModel = nobody_to_ask,
        drives_all: bool = True,
    ) -> None:
        self._driver = driver
        self._clock = clock
        self._hands = Hands(driver, clock, perform, make_plan, ask_model)
        self.worker = worker
        self._listeners: dict[str, list[Listener]] = {}
        self._news: dict[str, list[News]] = {}  # run -> those who follow it
        self._admission = asyncio.Semaphore(MAX_RUNNING)
        self._admitted: set[str] = set()
        self._behind: set[str] = set()  # runs that are to be looked at after a write of theirs that failed
        self.is_closing = False
        self.failure: BaseException | None = None
        self._waking = Waking(driver, clock, self._hands.spawn, drives_all=drives_all)
        self.left_alone = self._waking.left_alone
        self.without_keys = self._hands.without_keys
        driver.engine = self
        driver.pools.wake = self._nudge
        driver.worker = worker

    # --- what people and programs ask -----------------------------------------------------------------------------
    async def begin(self, run_id: str, start: c.StartRun) -> RunState:
        """Start a run, waiting at the door while too many are running."""
        self._must_be_open()
        self._waking.touch(run_id)
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
        self._waking.touch(run_id)
        return await self._driver.handle(run_id, command)

    async def wait(self, run_id: str) -> RunState:
        """The state of the run once it has ended or parked with nothing due."""
        state = await self._driver.state(run_id)
        queue = self._driver.pools
        while state.end is None and (state.parked is None or self._wakes_by_itself(state) or queue.is_waiting(run_id)):
            self._must_be_open()
            live = self._driver.lives.make(run_id)
            if state.parked is not None and state.parked.wake_at is not None:
                self._waking.wake_at(run_id, state.parked.wake_at)  # its retry is nobody's work until then
            elif live.mail and not live.draining and (why := self.left_alone.get(run_id)) is not None:
                raise why  # what it owes is kept, and nothing here moves it until somebody resumes it
            elif not (live.draining or live.mail or live.flying or live.is_thinking or queue.is_waiting(run_id)):
                # nobody works on it here: it moved while we read it, or another process left it behind
                self._driver.lives.forget(live)
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
        self._waking.touch(run_id)
        live = self._driver.lives.make(run_id)
        land(live, state)  # what was stored in doubt never landed by itself
        # in the mail, or being drained: an answer of ours that is to be written, before which nothing is lost
        is_ours = live.flying or live.is_thinking or live.mail or live.draining
        if not is_ours and (state.calling or state.planning is not None):
            take_over = c.TakeOver(at=self._clock.now(), worker=self.worker, epoch=epoch or state.epoch + 1)
            state = await self._driver.handle(run_id, take_over)
        else:
            state = await self._driver.handle(run_id, c.Tick(at=self._clock.now()))
        self.left_alone.pop(run_id, None)
        if state.parked is not None and state.parked.wake_at is not None:
            self._waking.wake_at(run_id, state.parked.wake_at)  # nothing was written, and nobody else here knows of it
        return state

    async def sweep(self) -> int:
        """Go on with everything a process before this one left running, and with all that is due. Returns how many."""
        seen: set[str] = set()
        while found := [one for one in await self._driver.journal.unfinished() if one not in seen]:
            for run_id in found:
                seen.add(run_id)
                try:
                    await self.resume(run_id)
                except Exception as error:
                    self._waking.leave_alone(run_id, error)
        return len(seen) + await self._waking.wake_due()

    async def look_again(self, tenant: str) -> int:
        """Look at parked runs once more, after something that holds for all of them has changed.

        A process that does not drive all runs looks only at those it was asked to touch: what it woke beyond them it
        could not see through to an end.
        """
        return await self._waking.look_again(tenant)

    def listen(self, run_id: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the facts of a run as they become durable; returns how to stop. Empty id: every run."""
        listeners = self._listeners.setdefault(run_id, [])
        listeners.append(listener)

        def stop() -> None:
            listeners.remove(listener)
            if not listeners:
                self._listeners.pop(run_id, None)

        return stop

    @contextmanager
    def news(self, run_id: str) -> Iterator[News]:
        """Whether a run moves, for one who follows it. It ends with the house, or with what the run is stuck on."""
        followers = self._news.setdefault(run_id, [])
        followers.append(news := News())
        if self.is_closing:
            news.end(HouseClosed(run_id))
        elif (why := self.left_alone.get(run_id)) is not None:
            news.end(why)
        try:
            yield news
        finally:
            followers.remove(news)
            if not followers and self._news.get(run_id) is followers:
                del self._news[run_id]

    async def close(self, grace_s: float = 5.0) -> None:
        """Start nothing more, give calls in flight a little time, then let go; what is left is taken over later."""
        self.is_closing = True
        self._waking.stop()
        await self._hands.rest(grace_s)
        await self._driver.write_the_rest()
        for live in self._driver.lives.all():
            _end_waiters(live, HouseClosed(live.run_id))
        for run_id in list(self._news):
            self._end_news(run_id, HouseClosed(run_id))

    async def rests(self, run_id: str) -> bool:
        """Whether nobody is about to look at a run: what its stream says of it is then how it stands."""
        return True

    # --- what the driver tells ------------------------------------------------------------------------------------
    def committed(self, live: Live, events: Sequence[Event]) -> None:
        """Facts are durable: start what is outstanding, note when to wake, tell whoever listens."""
        if self.failure is not None:  # something could be written again: so can what was kept for later
            self.failure = None
            self._driver.write_what_was_kept()
        state = live.state
        assert state is not None
        land(live, state)
        self._waking.moved(live.run_id)
        if state.end is not None or state.parked is not None:
            self._release(live.run_id)
            if state.end is not None:
                self._waking.ended(live.run_id)
            if state.parked is not None and state.parked.wake_at is not None:
                self._waking.wake_at(live.run_id, state.parked.wake_at)
            for waiter in live.waiters:
                if not waiter.done():
                    waiter.set_result(state)
            live.waiters.clear()
        elif not self.is_closing:
            self._go_on(live)
        if self._news:
            for news in self._news.get(live.run_id, ()):
                news.come()
        if self._listeners:
            for listener in (*self._listeners.get(live.run_id, ()), *self._listeners.get("", ())):
                try:
                    listener(live.run_id, events)
                except Exception as error:  # whoever only looks on must not stop the work
                    context = {"message": f"a listener of run {live.run_id} broke", "exception": error}
                    asyncio.get_running_loop().call_exception_handler(context)

    def _go_on(self, live: Live) -> None:
        """Begin what a run owes."""
        self._hands.go_on(live)

    def holds(self, run_id: str) -> bool:
        """Every run is this process's."""
        return True

    def wakes(self, live: Live, state: RunState, events: Sequence[Event]) -> tuple[str, ...]:
        """Nobody: what follows from an append is begun here."""
        return ()

    async def contested(self, live: Live) -> None:
        """Whoever else appended, the version of the stream has decided between us."""

    def guarded(self, perform: Perform) -> Perform:
        """`perform`, asking first what has to be asked right before a call: nothing, where every run is ours."""
        return perform

    def drain(self, live: Live) -> None:
        """Somebody left a command: a task of its own carries it out, and makes the call that follows."""
        self._hands.spawn(self._hands.work(live))

    def hear_late(self, run_id: str, start: ToolCallStart, outcome: Outcome) -> None:
        """What became of a call that had been given up on, unless nothing is to be begun any more."""
        if not self.is_closing:
            self._hands.hear_late(run_id, start, outcome)

    def broken(self, live: Live, error: BaseException) -> None:
        """The journal could not be written. It refuses by itself what may not start; here only who waits is told."""
        if not isinstance(error, asyncio.CancelledError):
            self.failure = error
        _end_waiters(live, error)
        self._end_news(live.run_id, error)
        self._release(live.run_id)
        if self._driver.pools.is_waiting(live.run_id) and not self.is_closing:
            asyncio.get_running_loop().call_later(RETRY_S, self._driver.pools.slept, live.run_id)
        if isinstance(error, JournalFailed):
            self._look_behind(live.run_id)

    def stuck(self, live: Live, error: Exception) -> None:
        """One run cannot be decided on here. It is left as it is; every other goes on."""
        self.left_alone[live.run_id] = error
        _end_waiters(live, error)
        self._end_news(live.run_id, error)
        self._release(live.run_id)

    # --- inside ---------------------------------------------------------------------------------------------------
    def _look_behind(self, run_id: str) -> None:
        """What failed may have been stored all the same: then the run moved with nobody at it, and is taken over."""
        if self.sees_behind and not self.is_closing and run_id not in self._behind:
            self._behind.add(run_id)
            asyncio.get_running_loop().call_later(RETRY_S, self._see_behind, run_id)

    def _see_behind(self, run_id: str) -> None:
        self._behind.discard(run_id)
        if not self.is_closing:
            self._hands.spawn(self._resume_if_stored(run_id))

    async def _resume_if_stored(self, run_id: str) -> None:
        live = self._driver.lives.find(run_id)
        if live is not None and (live.mail or live.draining):
            self._look_behind(run_id)  # what is still to be written comes first
            return
        try:
            await self.resume(run_id)
        except JournalFailed:
            self._look_behind(run_id)
        except CugaError:
            pass  # nothing of it was stored, or it is left alone, where everybody is told

    def _must_be_open(self) -> None:
        if self.is_closing:
            raise HouseClosed("it is being closed")

    def _nudge(self, run_id: str) -> None:
        """A place in a pool may be free for a run: let it look."""
        if not self.is_closing:
            self._hands.spawn(self._look_for_a_place(run_id))

    async def _look_for_a_place(self, run_id: str) -> None:
        try:
            await self._driver.handle(run_id, c.Tick(at=self._clock.now()))
        except JournalFailed:
            pass  # it is in `failure`, where everybody is told; `broken` sees to the rest
        except CugaError as error:
            self._driver.pools.leave(run_id)
            self.left_alone[run_id] = error

    def _end_news(self, run_id: str, error: BaseException) -> None:
        for news in self._news.get(run_id, ()):
            news.end(error)

    def _release(self, run_id: str) -> None:
        if run_id in self._admitted:
            self._admitted.discard(run_id)
            self._admission.release()


def _end_waiters(live: Live, error: BaseException) -> None:
    for waiter in live.waiters:
        if not waiter.done():
            waiter.set_exception(error)
    live.waiters.clear()
