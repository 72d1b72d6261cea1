"""The outside world of a test: tools with effects, and a ledger of what really happened.

The ledger is the only witness of effects. It knows nothing of runs' states; invariants compare it with the events.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from cuga.model.event import ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Done, Failed, Outcome
from cuga.model.tool import SideEffect

ANSWER = msgspec.Raw(b'{"n":2,"who":["ann","Cid"]}')  # what every tool answers
FORGETS_S = 70  # after so long a keyed tool does not know a key any more
OK, NOT_DONE, REFUSED, APPLY_THEN_RESET, RESET_BEFORE = range(5)  # how a call can go

_DONE = Done(result=ANSWER, duration_us=5)
_BUSY = Failed(mode=FailureMode.SYSTEM_NETWORK, certainty=Certainty.NOT_DONE, message="no connection", retry_after_s=1)
_INVALID = Failed(mode=FailureMode.AGENT_VALIDATION, certainty=Certainty.NOT_DONE, message="no such field")
_RESET = Failed(mode=FailureMode.SYSTEM_NETWORK, certainty=Certainty.UNKNOWN, message="connection reset by peer")
_CRASH = Failed(mode=FailureMode.AGENT_LOGIC, certainty=Certainty.UNKNOWN, message="KeyError: 'n'")


class Call(NamedTuple):
    """A call as the tool saw it and what it answered; `version` is how many events of the run were durable then."""

    run: str
    version: int
    start: ToolCallStart
    outcome: Outcome


class Effect(NamedTuple):
    """Something that happened outside, once."""

    run: str
    step: str
    tool: str
    target: str


class World:
    """Tools that behave as told. `keyed` ones drop a second call with one key until they forget it, `probed` ones can
    be looked at."""

    def __init__(self, keyed: frozenset[str], probed: frozenset[str]) -> None:
        self._keyed = keyed
        self._probed = probed
        self._seen: dict[str, datetime] = {}  # key -> when it came first
        self.calls: list[Call] = []
        self.effects: list[Effect] = []

    def call(self, run: str, version: int, start: ToolCallStart, how: int = OK) -> Outcome:
        """Perform a call that behaves in one of the ways above."""
        outcome = self._perform(run, start, how)
        self.calls.append(Call(run, version, start, outcome))
        return outcome

    def answer_later(self, run: str, version: int, start: ToolCallStart) -> Outcome:
        """The good answer of a call whose connection was reset, on its way all the same."""
        self.calls.append(Call(run, version, start, _DONE))
        return _DONE

    def _perform(self, run: str, start: ToolCallStart, how: int) -> Outcome:
        if start.side_effect is SideEffect.READ_ONLY or start.simulated:
            return (_DONE, _BUSY, _INVALID, _RESET, _CRASH)[how]
        if start.probe and start.key in self._seen:
            # looked and found; a look that fails leaves everything open
            return _DONE if how in (OK, APPLY_THEN_RESET) else _RESET
        if start.probe and how in (NOT_DONE, REFUSED):
            return _RESET if how == NOT_DONE else _INVALID  # not even looked; or looked, nothing there, and refused
        if how in (OK, APPLY_THEN_RESET):
            self._apply(run, start)
        return (_DONE, _BUSY, _INVALID, _RESET, _RESET)[how]

    def has(self, run: str, step: str) -> bool:
        """Whether an effect of a step can be seen outside."""
        return any(effect.run == run and effect.step == step for effect in self.effects)

    def _apply(self, run: str, start: ToolCallStart) -> None:
        first = self._seen.get(start.key)
        if start.tool in self._keyed and first is not None and (start.at - first).total_seconds() < FORGETS_S:
            return
        self._seen[start.key] = start.at
        target = str(msgspec.json.decode(start.arguments).get("to", ""))
        self.effects.append(Effect(run, start.step, start.tool, target.casefold()))
