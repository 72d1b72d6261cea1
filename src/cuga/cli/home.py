"""One command's visit to a house: find it, reach it, work there, let go.

When another process holds the house the work goes through that process; when that process ends in the middle, the visit
reaches for the house again.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cuga.cli.options import Options
from cuga.clock import SystemClock
from cuga.errors import HouseBusy, RunNotFound

if TYPE_CHECKING:
    from cuga.orchestrator.house.place import Place
    from cuga.orchestrator.ipc.connect import Session
    from cuga.settings import Settings

PATIENCE_S = 15.0  # how long a house that is changing hands is waited for; a busy machine takes seconds to open one
_PAUSE_S = 0.05


class Visit:
    """A house that a command is talking to. `front` has the coordinator's methods, wherever they run."""

    def __init__(self, place: Place, settings: Settings, session: Session, *, drives_all: bool) -> None:
        self.place = place
        self.settings = settings
        self._session = session
        self._drives_all = drives_all
        self.moves = 0  # times the house changed hands under us

    @property
    def front(self) -> Any:
        """The coordinator or its remote; a call that whoever held the house did not touch any more is made again."""
        return self._session.front if self.is_ours else _Steady(self)

    @property
    def is_ours(self) -> bool:
        """Whether this process holds the house."""
        return self._session.is_ours

    @property
    def holder(self) -> str:
        """Who else holds it, in words; empty when it is us."""
        return "" if self.is_ours else str(self.remote.holder)

    @property
    def remote(self) -> Any:
        """The front itself, whoever it is."""
        return self._session.front

    async def reconnect(self) -> None:
        """Reach the house again, after whoever held it has gone."""
        self.moves += 1
        await self._session.close()
        self._session = await reach(self.place, self.settings, drives_all=self._drives_all)

    async def call(self, name: str, *words: Any, **named: Any) -> Any:
        """Call a method of the front; again where the house is now, when it moved before the call was touched."""
        while True:
            try:
                return await getattr(self._session.front, name)(*words, **named)
            except HouseBusy as busy:
                if not busy.facts.get("untouched"):
                    raise
                await self.reconnect()

    async def begin(self, goal: str, **how: Any) -> str:
        """Begin a run, once, and return its id. The id is given here: when whoever holds the house ends before it has
        answered, the run is known again wherever the house is then."""
        run_id, was_asked = SystemClock().new_id(), False
        while True:
            try:
                if was_asked:
                    with contextlib.suppress(RunNotFound):
                        await self.call("events", run_id)
                        return run_id
                was_asked = True
                return str(await self.call("start", goal, run_id=run_id, **how))
            except HouseBusy:
                await self.reconnect()

    async def let_in(self, group: int) -> None:
        """Let the people of a group in, while this visit holds the house."""
        await self._session.let_in(self.place, group)

    async def close(self) -> None:
        """Let go."""
        await self._session.close()


class _Steady:
    """The front of a house that another process holds, which may go at any time."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def follow(self, run_id: str, after: int = 0) -> AsyncIterator[Any]:
        """The facts of a run; whoever follows reaches for the house again by themselves."""
        front: Any = self._visit.remote
        events: AsyncIterator[Any] = front.follow(run_id, after)
        return events

    def __getattr__(self, name: str) -> Any:
        return partial(self._visit.call, name)


Work = Callable[[Visit], Awaitable[int]]


def at_house(options: Options, work: Work, *, drives_all: bool = False, pools: tuple[str, ...] = ()) -> int:
    """Visit the house that is meant and do the work there, as a worker of some pools; returns the exit code."""
    from cuga.orchestrator.house.place import find
    from cuga.settings import read_settings

    settings = read_settings(house=options.house, database=options.database or None)
    if pools:
        settings = replace(settings, pools=pools)
    place = find(settings.house)
    import asyncio

    return asyncio.run(_visit(place, settings, work, drives_all=drives_all))


async def _visit(place: Place, settings: Settings, work: Work, *, drives_all: bool) -> int:
    visit = Visit(place, settings, await reach(place, settings, drives_all=drives_all), drives_all=drives_all)
    try:
        return await work(visit)
    finally:
        await visit.close()


async def reach(place: Place, settings: Settings, *, drives_all: bool = False) -> Session:
    """A session, waiting a little for a house that is just being opened or let go by a short command."""
    import asyncio

    from cuga.orchestrator.ipc.connect import connect

    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_S
    while True:
        try:
            return await connect(place, settings=settings, drives_all=drives_all)
        except HouseBusy as busy:
            if loop.time() > until or busy.facts.get("hangs"):
                raise
            await asyncio.sleep(_PAUSE_S)
