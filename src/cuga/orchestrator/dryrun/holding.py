"""Calls that reach out of a rehearsal, held: they are named, get no answer, and what would follow them is not guessed.

Calls are made one after the other, so that what trips the wire is known by its call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NoReturn

from cuga.adapters.capability.model import Judge, ModelFailed, Thought
from cuga.engine.hands import Perform
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.event import ModelCallStart, ToolCallStart
from cuga.model.outcome import Outcome
from cuga.model.tool import SideEffect, ToolContract
from cuga.orchestrator.dryrun.answer import ModelThere
from cuga.orchestrator.dryrun.tripwire import Tripwire


class Holding:
    """What stands between an engine and the calls that it makes. One that would change something outside is held too,
    whoever agreed to it."""

    def __init__(self, wire: Tripwire) -> None:
        self._wire = wire
        self._turn = asyncio.Lock()
        self._held: set[str] = set()
        self._is_asking = False
        self._perform: Perform | None = None

    def over(self, perform: Perform) -> Perform:
        """Stand before the door of a house."""
        self._perform = perform
        return self.call

    async def call(self, state: RunState, start: ToolCallStart) -> Outcome:
        """Make a call, unless it reaches out: then it is held for good."""
        assert self._perform is not None
        async with self._turn:
            self._wire.during(start)
            before = self._wire.attempts
            if start.side_effect is SideEffect.EXECUTE and not start.simulated:
                self._wire.note("effect", start.tool)
            else:
                outcome = await self._perform(state, start)
            self._wire.during(None)
            if self._wire.attempts == before:
                return outcome
            self._held.add(start.step)
        return await _for_good()

    async def ask(self, _state: RunState, start: ModelCallStart) -> c.RecordModelReply:
        """A language model is not asked."""
        self._wire.note("model", f"{start.name} at {start.host}, {len(start.prompt.encode()):,} bytes")
        self._is_asking = True
        return await _for_good()

    def holds(self, state: RunState) -> bool:
        """Whether all that a run is at is held, so that nothing more will come of it."""
        at_work = state.calling.keys() - self._held
        is_planning = state.planning is not None and not self._is_asking
        return bool(self._held or self._is_asking) and not at_work and not is_planning


async def _for_good() -> NoReturn:
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody answers what is held")


class ModelByName:
    """A language model of which only the name is there: a run can wish to ask it, and is held when it does."""

    deadline_s = 60

    def __init__(self, there: ModelThere) -> None:
        self.provider, self.name, self.host = there.provider, there.name, there.host
        self._why_not = there.why_not

    def why_not(self) -> str:
        return self._why_not

    def worst_case(self, prompt: str, tools: Sequence[ToolContract]) -> tuple[int, int | None]:
        return 0, 0

    async def decompose_goal(
        self, goal: str, tools: Sequence[ToolContract], *, prompt: str = "", judge: Judge | None = None
    ) -> Thought:
        raise ModelFailed("a dry run asks no model")

    async def rank_tools(self, goal: str, tools: Sequence[ToolContract]) -> list[str]:
        raise ModelFailed("a dry run asks no model")

    async def explain_plan(self, goal: str, steps: object) -> str:
        raise ModelFailed("a dry run asks no model")
