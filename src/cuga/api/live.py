"""What moves, for those who watch. A watcher that is slow loses its place, never anybody's time.

Each watched run is read from the journal once, however many watch it, and its frames are encoded once into a ring. A
watcher walks along the ring at its own pace. Who falls out of the ring is told where to begin again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from cuga.errors import CugaError, HouseClosed
from cuga.journal.codec import PLAIN
from cuga.model import event as e
from cuga.model.event import CANONICAL, Event, name_of
from cuga.model.value import encode
from cuga.orchestrator.coordinator import Coordinator
from cuga.projections.trace import shown

RING = 2_000  # frames of one run that are kept for those who watch
BURST = 200  # frames that one watcher is given before it is looked whether it is still there
LEFT = 100  # runs that are named to the watchers of the house; beyond that they look at all of them
GATHER_S = 0.03  # what a run does meanwhile is read and told together
HINT_S = 0.25  # and what moves in the house meanwhile
EACH_S = 0.001  # for each watcher that much longer: telling all of them stays a small share of a processor
WOKEN = 25  # watchers that are woken at a time; work goes on between

_MOVES_BUDGET = (e.ToolCallStart, e.ToolCallComplete, e.ToolCallError, e.BudgetRaised)
_APPROVALS: dict[type[Event], str] = {
    e.ApprovalRequested: "requested",
    e.ApprovalReceived: "received",
    e.ApprovalTimeout: "expired",
    e.ApprovalLapsed: "lapsed",
    e.ApprovalRevoked: "revoked",
    e.ApprovalSuperseded: "superseded",
}


class Frame:
    """One thing to tell of a run at a position, encoded; `is_canonical`: one of the ten names of a trace."""

    __slots__ = ("body", "is_canonical", "kind", "position")

    def __init__(self, position: int, kind: str, told: dict[str, Any], *, is_canonical: bool = True) -> None:
        self.position = position
        self.kind = kind
        self.is_canonical = is_canonical
        self.body = encode({"kind": kind, "position": position, **told}).decode()


class Burst:
    """Frames that go out together, joined once for everybody who is given the same ones."""

    __slots__ = ("_body", "frames")

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = frames
        self._body = ""

    @property
    def body(self) -> str:
        """The frames as one JSON array."""
        if not self._body:
            self._body = f"[{','.join(frame.body for frame in self.frames)}]"
        return self._body


class Bell:
    """Wakes those who wait, a few at a time."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}

    async def heard(self) -> None:
        """Wait for the next ringing."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = None
        try:
            await waiting
        finally:
            self._waiting.pop(waiting, None)

    def ring(self) -> None:
        """Wake everybody who waits now."""
        waiting, self._waiting = list(self._waiting), {}
        _wake(waiting)


def _wake(waiting: list[asyncio.Future[None]]) -> None:
    for one in waiting[:WOKEN]:
        if not one.done():
            one.set_result(None)
    if left := waiting[WOKEN:]:
        asyncio.get_running_loop().call_soon(_wake, left)


class _Watched:
    """One run that somebody watches."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.frames: deque[Frame] = deque(maxlen=RING)
        self.first = 0  # the number of the oldest frame in the ring
        self.position = 0
        self.trace_id = ""
        self.is_over = False
        self.moved = Bell()
        self.watchers = 0
        self.reading: asyncio.Task[None] | None = None
        self._latest: dict[bool, tuple[int, int, Burst]] = {}

    @property
    def last(self) -> int:
        return self.first + len(self.frames)

    async def beyond(self, number: int) -> None:
        """Wait until there is a frame of this number, or nothing more comes."""
        while number >= self.last and not self.is_over:
            await self.moved.heard()

    def add(self, frame: Frame) -> None:
        if len(self.frames) == RING:
            self.first += 1
        self.frames.append(frame)

    def forget(self) -> None:
        """Keep none of the frames so far; whoever had not got them is told to read them anew."""
        self.first = self.last
        self.frames.clear()
        self._latest.clear()

    def burst(self, start: int, end: int, after: int, *, everything: bool) -> Burst:
        """The frames of these numbers that lie beyond a position; the same value for who asks for the same ones."""
        known = self._latest.get(everything)
        is_whole = self.frames[start - self.first].position > after
        if is_whole and known is not None and known[:2] == (start, end):
            return known[2]
        span = islice(self.frames, start - self.first, end - self.first)
        made = Burst([one for one in span if one.position > after and (everything or one.is_canonical)])
        if is_whole:
            self._latest[everything] = (start, end, made)
        return made


class Live:
    """Everything that is watched in a house."""

    def __init__(self, front: Coordinator) -> None:
        self._front = front
        self._runs: dict[str, _Watched] = {}
        self._left: list[_Watched] = []  # watched still, by those who came before words of the journal went
        self._hints: dict[Hints, None] = {}
        self._bell = Bell()
        self._moved: dict[tuple[str, str], None] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._told_at = 0.0
        self._stop: Any = None

    async def open(self) -> None:
        """Begin to listen to the house."""
        assembly = await self._front.open()
        self._stop = assembly.engine.listen("", self._hear)
        assembly.on_change.append(self._hear_house)
        assembly.on_forget.append(self._forget)

    async def close(self) -> None:
        """Let every watcher go."""
        if self._stop is not None:
            self._stop()
            assembly = await self._front.open()
            assembly.on_change.remove(self._hear_house)
            assembly.on_forget.remove(self._forget)
        for watched in (*self._runs.values(), *self._left):
            if watched.reading is not None:
                watched.reading.cancel()
        if self._telling is not None:
            self._telling.cancel()
        self._moved["end", ""] = None
        self._tell_all()

    def _forget(self) -> None:
        """Words of the journal are gone: whoever comes to watch from now on is read to from it anew."""
        self._left += self._runs.values()
        self._runs = {}
        for watched in self._left:
            watched.forget()

    # --- the house ------------------------------------------------------------------------------------------------
    def _hear(self, run_id: str, events: Sequence[Event]) -> None:
        if not self._hints:
            return
        self._note("run", run_id if len(self._moved) < LEFT else "")
        if any(type(event) in _APPROVALS for event in events):
            self._note("inbox")

    def _hear_house(self, _event: Event) -> None:
        if self._hints:
            self._note("house")

    def _note(self, kind: str, run_id: str = "") -> None:
        """Something moved: everybody is told a little later, with what else moves until then."""
        self._moved[kind, run_id] = None
        if self._telling is None:
            loop = asyncio.get_running_loop()
            earliest = self._told_at + max(HINT_S, len(self._hints) * EACH_S)
            self._telling = loop.call_at(max(earliest, loop.time() + GATHER_S), self._tell_all)

    def _tell_all(self) -> None:
        self._telling, self._told_at = None, asyncio.get_running_loop().time()
        moved, self._moved = self._moved, {}
        news = Hinted(moved)
        for hints in self._hints:
            hints.add(news)
        self._bell.ring()

    @contextlib.contextmanager
    def hints(self) -> Iterator[Hints]:
        """What moves in the house, for one watcher."""
        hints = Hints(self._bell)
        self._hints[hints] = None
        try:
            yield hints
        finally:
            self._hints.pop(hints, None)

    # --- one run --------------------------------------------------------------------------------------------------
    async def watch(self, run_id: str, after: int = 0, *, everything: bool = False) -> AsyncIterator[Burst]:
        """The frames of a run after a position, as they come, until the run has ended. `RunNotFound`."""
        watched = self._runs.get(run_id)
        if watched is None:
            await self._front.events(run_id)
            watched = self._runs.setdefault(run_id, _Watched(run_id))
        watched.watchers += 1
        if watched.reading is None:
            watched.reading = asyncio.ensure_future(self._read(watched))
        try:
            number = watched.first
            if watched.frames and watched.frames[0].position > after + 1 and watched.first:
                yield _resync(watched)
            while True:
                if number < watched.first:  # it walked too slowly
                    yield _resync(watched)
                    number = watched.first
                if number < watched.last:
                    end = min(watched.last, number + BURST)
                    burst = watched.burst(number, end, after, everything=everything)
                    number = end
                    if burst.frames:
                        yield burst
                        await asyncio.sleep(0)
                elif watched.is_over:
                    return
                else:
                    await watched.beyond(number)
        finally:
            watched.watchers -= 1
            if not watched.watchers:
                if self._runs.get(run_id) is watched:
                    del self._runs[run_id]
                else:
                    self._left = [one for one in self._left if one is not watched]
                if watched.reading is not None:
                    watched.reading.cancel()

    async def _read(self, watched: _Watched) -> None:
        """Read a run on as it moves, until it has ended or the house closes."""
        assembly = await self._front.open()
        try:
            with assembly.engine.news(watched.run_id) as news:
                while not watched.is_over:
                    await self._take(watched)
                    watched.moved.ring()
                    if not watched.is_over:
                        await news.get()
                        await asyncio.sleep(max(GATHER_S, watched.watchers * EACH_S))
        except (CugaError, HouseClosed) as error:
            watched.add(Frame(watched.position, "end", {"status": "", "reason": error.message, "code": error.code}))
        finally:
            watched.is_over = True
            with contextlib.suppress(RuntimeError):  # the loop itself may be over
                watched.moved.ring()

    async def _take(self, watched: _Watched) -> None:
        assembly = await self._front.open()
        moves_budget = False
        stored = await assembly.journal.read(watched.run_id, watched.position)
        for one in stored:
            event = PLAIN.decode(one.readable)
            watched.position = one.seq
            if isinstance(event, e.RunStarted):
                watched.trace_id = event.trace_id
            is_canonical = name_of(event) in CANONICAL
            told = {"event": shown(event, watched.run_id, one.seq, watched.trace_id)}
            watched.add(Frame(one.seq, "event", told, is_canonical=is_canonical))
            if (state := _APPROVALS.get(type(event))) is not None:
                approval = {"approval_id": getattr(event, "approval_id", ""), "state": state}
                watched.add(Frame(one.seq, "approval", approval))
            moves_budget = moves_budget or isinstance(event, _MOVES_BUDGET)
            if isinstance(event, e.RunFinished):
                await self._tell_budget(watched)
                end = {"status": event.status.value, "reason": event.reason, "code": ""}
                watched.add(Frame(one.seq, "end", end))
                watched.is_over = True
                return
        if moves_budget:
            await self._tell_budget(watched)

    async def _tell_budget(self, watched: _Watched) -> None:
        budget = await self._front.budget(watched.run_id)
        watched.add(Frame(watched.position, "budget", {"budget": budget}))


def _resync(watched: _Watched) -> Burst:
    position = watched.frames[0].position - 1 if watched.frames else watched.position
    return Burst([Frame(position, "resync", {})])


class Hinted:
    """What moved in the house in a moment, encoded once for everybody who is told of it."""

    __slots__ = ("bodies", "is_end", "joined")

    def __init__(self, moved: Iterable[tuple[str, str]]) -> None:
        told = [{"kind": kind, "run_id": run_id} if kind == "run" else {"kind": kind} for kind, run_id in moved]
        self.bodies = tuple(encode(one).decode() for one in told)
        self.joined = f"[{','.join(self.bodies)}]"
        self.is_end = any(one["kind"] == "end" for one in told)


_ANYTHING = (("run", ""), ("inbox", ""), ("house", ""))


class Hints:
    """What one watcher of the house has not been told yet; who falls behind is told to look at everything."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._news: Hinted | None = None

    def add(self, news: Hinted) -> None:
        """Something moved."""
        behind = self._news is not None
        self._news = Hinted((*_ANYTHING, ("end", "")) if news.is_end else _ANYTHING) if behind else news

    async def take(self) -> Hinted:
        """What has moved since, once something has."""
        while self._news is None:
            await self._bell.heard()
        news, self._news = self._news, None
        return news
