"""Who waits here for runs that other processes may move: they are told from the streams, by looking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from cuga.clock import Clock
from cuga.engine.distributed.attention import Attention
from cuga.engine.driver import Driver
from cuga.engine.hands import AskModel, MakePlan, Perform
from cuga.engine.live import Live
from cuga.engine.local import LocalEngine
from cuga.errors import JournalFailed
from cuga.kernel.state import RunState

WATCH_S = 0.05  # how often streams that somebody here waits for are looked at


class Waiter:
    """One who waits for a run, and how it ended if it ended here."""

    __slots__ = ("end", "moved")

    def __init__(self) -> None:
        self.moved = asyncio.Event()
        self.end: RunState | None = None


class Attending(LocalEngine):
    """Tells whoever waits here what any process did to their runs. `on_house` is called when the house stream moved."""

    sees_behind = False  # what was stored although nobody could say so is found by the sweep, whoever lives

    def __init__(
        self,
        driver: Driver,
        clock: Clock,
        perform: Perform,
        make_plan: MakePlan,
        worker: str,
        queue: Attention,
        ask_model: AskModel,
        house: str,
        on_house: Callable[[], Awaitable[None]] | None,
    ) -> None:
        super().__init__(driver, clock, perform, make_plan, worker, ask_model=ask_model, drives_all=False)
        self.queue = queue
        self._house = house
        self._house_version = -1
        self._on_house = on_house
        self._stands: dict[str, tuple[int, bool]] = {}  # of what is watched: version, and whether it is looked at
        self._waiting: dict[str, set[Waiter]] = {}
        self._unsettled: set[str] = set()  # runs that were found to be looked at when somebody here asked
        self._watching: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None  # a look at the house that has not been begun yet

    async def wait(self, run_id: str) -> RunState:
        """The state of the run once it has ended, or parked with nobody about to look at it."""
        waiter = Waiter()
        self._waiting.setdefault(run_id, set()).add(waiter)
        try:
            while True:
                waiter.moved.clear()
                self.start_watching()
                # what we have in hand tells us by itself when it rests
                rests = not self.holds(run_id) and await self.rests(run_id)
                if rests:
                    state = await self._driver.load(run_id)  # after the question: what is at rest stays as it is read
                    if state.end is not None or (state.parked is not None and not self._wakes_by_itself(state)):
                        return state
                    if (why := self.left_alone.get(run_id)) is not None:
                        raise why
                self._must_be_open()
                if waiter.end is None:
                    await waiter.moved.wait()
                if waiter.end is not None:
                    return waiter.end
        finally:
            self._waiting[run_id].discard(waiter)
            if not self._waiting[run_id]:
                del self._waiting[run_id]

    async def rests(self, run_id: str) -> bool:
        _, is_busy = (await self.queue.stands([run_id])).get(run_id, (0, False))
        if is_busy:
            self._unsettled.add(run_id)
        self.start_watching()
        return not is_busy

    def tell(self, run_id: str, end: RunState | None = None) -> None:
        """Have those look who wait for a run; with its end they need not."""
        for waiter in self._waiting.get(run_id, ()):
            waiter.end = end or waiter.end
            waiter.moved.set()

    def tell_all(self) -> None:
        """Have everybody look who waits."""
        for run_id in list(self._waiting):
            self.tell(run_id)

    def in_hand(self) -> list[str]:
        """Runs that this process advances."""
        return []

    def just_moved(self) -> set[str]:
        """Those of them that this process appended to since it was last asked: the append was compared with what others
        did, so they need not be looked at."""
        return set()

    def moved_outside(self, live: Live, version: int) -> None:
        """Another process has appended to a run that is ours."""

    def start_watching(self) -> None:
        """Look now and then, from now on."""
        if self._watching is None or self._watching.done():
            self._watching = asyncio.ensure_future(self._watch())

    async def see_house(self, version: int) -> None:
        """What holds in the house now must be known before anything is decided under it."""
        if version != self._house_version and self._on_house is not None:
            await self._on_house()
            self._house_version = version

    async def look_at_house(self) -> None:
        """See what holds in the house now. Those who ask at the same time are answered by one look, begun after all
        of them asked."""
        if not self._house:
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look_at_house())
        await asyncio.shield(self._looking)

    async def _look_at_house(self) -> None:
        await asyncio.sleep(0)
        self._looking = None  # who asks from here on may have seen something newer
        stands = await self.queue.stands([self._house])
        await self.see_house(stands.get(self._house, (0, False))[0])

    async def _watch(self) -> None:
        while not self.is_closing:
            await asyncio.sleep(WATCH_S)
            with suppress(JournalFailed):  # an outage; what happened meanwhile is seen behind it
                await self.look()

    async def look(self) -> None:
        """See what others did to the runs that somebody here waits for or advances."""
        wanted = {*self._waiting, *self._news, *self.in_hand(), *([self._house] if self._house else [])}
        self._unsettled &= wanted
        ours = self.just_moved() & wanted
        stands = await self.queue.stands(sorted(wanted - ours))
        before, self._stands = self._stands, stands
        self._stands |= {name: before[name] for name in ours if name in before}
        try:
            for name, stand in stands.items():
                # a look that changes nothing may begin and end between two of ours
                if before.get(name) != stand or (name in self._unsettled and not stand[1]):
                    await self._moved(name, *stand)
        except JournalFailed:
            self._stands = before  # what could not be seen to is seen again
            raise

    async def _moved(self, name: str, version: int, is_busy: bool) -> None:
        if name == self._house:
            await self.see_house(version)
            return
        if not is_busy:  # else somebody looks at it, or is to: whoever waits for its rest need not be told yet
            self._unsettled.discard(name)
            self.tell(name)
        for news in self._news.get(name, ()):
            news.come()
        if not self.holds(name):
            return
        live = self._driver.lives.make(name)
        if live.state is not None and live.state.version < version and not live.draining:
            self.moved_outside(live, version)
