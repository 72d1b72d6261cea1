"""A history, a wish, and what follows: the kernel's tests as sentences.

    given(run_started(PLAN), approval_requested("draft")).when(deny("draft", by=GRACE)).then("approval_received", ...)

Facts and wishes are said in short and filled in from the story so far; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from cuga.errors import CugaError
from cuga.kernel.decide import decide
from cuga.kernel.evolve import fold
from cuga.kernel.outstanding import outstanding
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.event import ApprovalRequested, Event, ToolCallStart, name_of
from cuga.model.value import encode
from cuga.policy.judge import Rules
from cuga.policy.profile import Current
from cuga.policy.routing import QUIET, Traffic
from cuga.testing.factories import AT, current, rules

Fact = Callable[["Story"], Sequence[Event]]
Wish = Callable[["Story"], c.Command]


class Story:
    """One run as it unfolds. `events` are all facts, `state` their fold; `last` holds what the last wish led to."""

    def __init__(self, pinned: Rules, now: Current, run_id: str = "r1") -> None:
        self.rules = pinned
        self.current = now
        self.state = RunState(run_id)
        self.at = AT
        self.events: list[Event] = []
        self.last: tuple[Event, ...] = ()
        self.error: CugaError | None = None
        self.refused: dict[str, int] = {}
        self.traffic = QUIET
        self.routed: list[tuple[tuple[str, ...], str]] = []  # choices that the last wish led to
        self.queued: dict[str, tuple[str, ...]] = {}  # steps that wait for a place after the last wish

    def when(self, *wishes: Wish | c.Command) -> Story:
        """Decide on some wishes together; a refusal is kept for `then_refused`."""
        commands = [wish if isinstance(wish, c.Command) else wish(self) for wish in wishes]
        before = fold(self.state.run_id, self.events)
        self.last, self.error = (), None
        try:
            decision = decide(self.state, commands, self.rules, self.current, self.refused, traffic=self.traffic)
        except CugaError as error:
            self.error = error
            _must_be_equal(self.state, before)
            return self
        _must_be_equal(self.state, before)
        self.last = decision.events
        self.routed, self.queued = decision.routed, decision.queued
        self.events += decision.events
        self.state = decision.state
        _must_be_equal(self.state, fold(self.state.run_id, self.events))
        return self

    def then(self, *names: str) -> Story:
        """The facts that followed, by their wire names, in order; all of them."""
        if self.error is not None:
            raise AssertionError(f"expected {names}, but it was refused: {self.error}") from self.error
        found = tuple(name_of(event) for event in self.last)
        assert found == names, f"expected {names}, found {found}"
        return self

    def then_refused(self, kind: type[CugaError], text: str = "") -> Story:
        """The wish was refused with this error, and nothing followed."""
        assert self.error is not None, f"expected {kind.__name__}, found {[name_of(event) for event in self.last]}"
        assert isinstance(self.error, kind) and text in str(self.error), f"{type(self.error).__name__}: {self.error}"
        return self

    def after(self, seconds: float = 0, **changed: Any) -> Story:
        """Later, perhaps with other things holding for all runs."""
        self.at += timedelta(seconds=seconds)
        if changed:
            self.current = msgspec.structs.replace(self.current, **changed)
        return self

    def amid(self, **traffic: Any) -> Story:
        """What the worker pools are busy with from here on; as `Traffic` has it."""
        self.traffic = Traffic(**traffic)
        return self

    def told(self, **held: int) -> Story:
        """What the journal said scopes hold when it turned the last append down; `__` stands for `/` in a scope."""
        self.refused = {scope.replace("__", "/"): used for scope, used in held.items()}
        return self

    def found(self, name: str, nth: int = -1) -> Any:
        """One of the facts with this name, the latest by default."""
        return [event for event in self.events if name_of(event) == name][nth]

    def approval(self, step: str) -> str:
        """The id of the newest approval of a step."""
        asked = [one.approval_id for one in self.events if isinstance(one, ApprovalRequested) and one.step == step]
        return asked[-1] if asked else f"no approval of {step}"

    def call(self, step: str) -> ToolCallStart:
        """The call of a step that is outstanding."""
        return next(start for start in outstanding(self.state).calls if start.step == step)


def given(*facts: Fact | Event, rules: Rules = rules(), now: Current | None = None) -> Story:  # noqa: B008
    """A run with this history."""
    story = Story(rules, now if now is not None else current(rules))
    for fact in facts:
        events = [fact] if isinstance(fact, Event) else fact(story)
        story.events += events
        story.state = fold(story.state.run_id, story.events)
    return story


def raw(value: Any) -> msgspec.Raw:
    """A value as the JSON bytes that events hold."""
    return msgspec.Raw(encode(value))


def _must_be_equal(one: RunState, other: RunState) -> None:
    for name in RunState.__struct_fields__:
        value, theirs = getattr(one, name), getattr(other, name)
        if name == "index":
            value, theirs = value.steps, theirs.steps
        assert value == theirs, f"{name}: {value!r} is not {theirs!r}"
