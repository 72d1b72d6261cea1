"""What moves, for those who watch. A watcher that is slow loses its place, never anybody's time.

Each watched run is read from the journal once, however many watch it, and its frames are encoded once into a ring. A
watcher walks along the ring at its own pace. Who falls out of the ring is told where to begin again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
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
LEFT = 100  # runs that are named to a watcher of the house; beyond that it looks at all of them

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


class _Watched:
    """One run that somebody watches."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.frames: deque[Frame] = deque(maxlen=RING)
        self.first = 0  # the number of the oldest frame in the ring
        self.position = 0
        self.trace_id = ""
        self.is_over = False
        self.moved = asyncio.Condition()
        self.watchers = 0
        self.reading: asyncio.Task[None] | None = None

    @property
    def last(self) -> int:
        return self.first + len(self.frames)

    async def beyond(self, number: int) -> None:
        """Wait until there is a frame of this number, or nothing more comes."""
        async with self.moved:
            await self.moved.wait_for(lambda: number < self.last or self.is_over)

    def add(self, frame: Frame) -> None:
        if len(self.frames) == RING:
            self.first += 1
        self.frames.append(frame)


class Live:
    """Everything that is watched in a house."""

    def __init__(self, front: Coordinator) -> None:
        self._front = front
        self._runs: dict[str, _Watched] = {}
        self._hints: set[Hints] = set()
        self._stop: Any = None

    async def open(self) -> None:
        """Begin to listen to the house."""
        assembly = await self._front.open()
        self._stop = assembly.engine.listen("", self._hear)
        assembly.on_change.append(self._hear_house)

    async def close(self) -> None:
        """Let every watcher go."""
        if self._stop is not None:
            self._stop()
            (await self._front.open()).on_change.remove(self._hear_house)
        for watched in list(self._runs.values()):
            if watched.reading is not None:
                watched.reading.cancel()
        for hints in self._hints:
            hints.tell("end")

    def _hear(self, run_id: str, events: Sequence[Event]) -> None:
        for hints in self._hints:
            hints.tell("run", run_id)
            if any(type(event) in _APPROVALS for event in events):
                hints.tell("inbox")

    def _hear_house(self, _event: Event) -> None:
        for hints in self._hints:
            hints.tell("house")

    @contextlib.contextmanager
    def hints(self) -> Any:
        """What moves in the house, for one watcher."""
        hints = Hints()
        self._hints.add(hints)
        try:
            yield hints
        finally:
            self._hints.discard(hints)

    async def watch(self, run_id: str, after: int = 0, *, everything: bool = False) -> AsyncIterator[Frame]:
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
                yield Frame(watched.frames[0].position - 1, "resync", {})
            while True:
                if number < watched.first:  # it walked too slowly
                    yield Frame(watched.frames[0].position - 1, "resync", {})
                    number = watched.first
                for frame in [watched.frames[at] for at in _span(number - watched.first, len(watched.frames))]:
                    number += 1
                    if frame.position > after and (everything or frame.is_canonical):
                        yield frame
                if number >= watched.last:
                    if watched.is_over:
                        return
                    await watched.beyond(number)
        finally:
            watched.watchers -= 1
            if not watched.watchers:
                self._runs.pop(run_id, None)
                if watched.reading is not None:
                    watched.reading.cancel()

    async def _read(self, watched: _Watched) -> None:
        """Read a run on as it moves, until it has ended or the house closes."""
        assembly = await self._front.open()
        try:
            with assembly.engine.news(watched.run_id) as news:
                while not watched.is_over:
                    await self._take(watched)
                    async with watched.moved:
                        watched.moved.notify_all()
                    if not watched.is_over:
                        await news.get()
        except (CugaError, HouseClosed) as error:
            watched.add(Frame(watched.position, "end", {"status": "", "reason": error.message, "code": error.code}))
        finally:
            watched.is_over = True
            with contextlib.suppress(RuntimeError):
                async with watched.moved:
                    watched.moved.notify_all()

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


def _span(start: int, end: int) -> range:
    return range(max(start, 0), min(end, max(start, 0) + BURST))


class Hints:
    """What one watcher of the house has not been told yet. It holds a hint once, however often it came."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], None] = {}
        self._moved = asyncio.Event()

    def tell(self, kind: str, run_id: str = "") -> None:
        """Something moved."""
        if kind == "run" and len(self._waiting) >= LEFT:
            run_id = ""
        self._waiting[kind, run_id] = None
        self._moved.set()

    async def take(self) -> list[dict[str, str]]:
        """What has moved since, once something has."""
        await self._moved.wait()
        self._moved.clear()
        waiting, self._waiting = list(self._waiting), {}
        return [{"kind": kind, "run_id": run_id} if kind == "run" else {"kind": kind} for kind, run_id in waiting]
