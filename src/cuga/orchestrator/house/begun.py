"""Which calls were begun from this directory, in a house that several machines share.

A tool that looks whether an earlier attempt happened looks at what lies here: mails that were sent, changes that were
asked of a vendor. Where the attempt was made from another directory nothing lies here, and that says nothing: the call
is not made again, and once it was tried as often as the profile says, a person is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec

from cuga.adapters.offline.sent_notes import sync, write_durably
from cuga.engine.hands import Perform
from cuga.kernel.state import RunState
from cuga.model.event import DoubtResolved, Event, ToolCallComplete, ToolCallError, ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Failed, Outcome
from cuga.model.tool import Repeatable
from cuga.tools.registry import ToolRegistry


class Begun:
    """Notes of a directory: one file for each step of which an attempt may have happened, until the book knows."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._kept = {place.name for place in directory.glob("*.json")}  # most often none

    def note(self, run_id: str, start: ToolCallStart) -> None:
        """An attempt begins now; durable before anything of it is done. `OSError`."""
        self._directory.mkdir(mode=0o700, exist_ok=True)
        file = self._directory / _name(run_id, start.step)
        kept = self._read(file) | {str(start.attempt): start.at.isoformat()}
        part = file.with_suffix(f".{os.getpid()}.part")
        write_durably(part, msgspec.json.encode(kept))
        part.replace(file)
        sync(self._directory)
        self._kept.add(file.name)

    def has_all(self, state: RunState, start: ToolCallStart) -> bool:
        """Whether every attempt that may have happened, up to this one, was begun from here."""
        kept = self._read(self._directory / _name(state.run_id, start.step))
        first = state.first_try.get(start.step)
        since = [int(number) for number, at in kept.items() if first is not None and at == first.isoformat()]
        return bool(since) and all(str(number) in kept for number in range(since[0], start.attempt))

    def hear(self, run_id: str, events: Sequence[Event]) -> None:
        """Facts are durable: of what they tell the end no note is needed any more. It goes before anything that follows
        from them begins, for that may be another attempt, with a note of its own."""
        if not self._kept:
            return
        for event in events:
            if isinstance(event, ToolCallComplete | DoubtResolved) or (
                isinstance(event, ToolCallError) and event.certainty is Certainty.NOT_DONE
            ):
                name = _name(run_id, event.step)
                if name in self._kept:
                    self._kept.discard(name)
                    with contextlib.suppress(OSError):  # it stays, and says what is so
                        (self._directory / name).unlink(missing_ok=True)

    @staticmethod
    def _read(file: Path) -> dict[str, str]:
        try:
            return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        except (FileNotFoundError, msgspec.MsgspecError):
            return {}


def _name(run_id: str, step: str) -> str:
    return f"{hashlib.sha256(f'{run_id}/{step}'.encode()).hexdigest()[:32]}.json"


def begun_here(perform: Perform, begun: Begun, tools: Callable[[], ToolRegistry]) -> Perform:
    """Make a call that looks for earlier attempts only where those were begun."""

    def asked(state: RunState, start: ToolCallStart) -> Awaitable[Outcome]:
        tool = tools().get(start.tool)
        looks = tool is not None and tool.contract.repeatable is Repeatable.PROBE and bool(start.adapters)
        return perform(state, start) if not looks or start.simulated else noted(state, start)

    async def noted(state: RunState, start: ToolCallStart) -> Outcome:
        try:
            if start.step in state.unsure and not await asyncio.to_thread(begun.has_all, state, start):
                return Failed(
                    mode=FailureMode.AGENT_STATE,
                    certainty=Certainty.UNKNOWN,
                    message="an earlier attempt may have been made on another machine, and nothing here says what "
                    "became of it: look at what lies there",
                )
            await asyncio.to_thread(begun.note, state.run_id, start)
        except OSError as error:
            certainty = Certainty.UNKNOWN if start.step in state.unsure else Certainty.NOT_DONE
            return Failed(
                mode=FailureMode.SYSTEM_CRASH, certainty=certainty, message=f"its beginning cannot be noted: {error}"
            )
        return await perform(state, start)

    return asked
