"""What one run's events say: the books that the readers of calls, people and plans keep beside the kernel's.

They share no code with it; where the two disagree, `Broken` says where.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from cuga.model import event as e
from cuga.model.plan import Step

if TYPE_CHECKING:
    from cuga.testing.invariants import Record


class Broken(AssertionError):
    """A promise does not hold."""


class Asked:
    """A request for approval, and how far it has come."""

    __slots__ = ("agreed", "at", "calls", "end", "request", "spent", "version", "voters", "votes")

    def __init__(self, request: e.ApprovalRequested, version: int) -> None:
        self.request = request
        self.version = version
        self.voters: list[str] = []
        self.votes: list[e.ApprovalReceived] = []
        self.agreed = False
        self.at: datetime | None = None  # when it was agreed
        self.end = ""  # why it can no longer be used
        bodies = msgspec.json.decode(request.arguments, type=list[msgspec.Raw]) if request.calls else []
        names = [call.step for call in request.calls]
        self.calls = dict(zip(names, map(bytes, bodies), strict=True)) or {request.step: bytes(request.arguments)}
        self.spent: set[str] = set()  # calls of a list that a person wants once more: those need a new word


class Books:
    """What is known of a run so far, worked out from its events alone."""

    def __init__(self, run: str, events: Sequence[e.Event], record: Record) -> None:
        self.run, self.events, self.record = run, events, record
        self.setting = record.setting
        self.course = record.courses[run]
        self.intents: dict[tuple[str, int], tuple[int, e.ToolCallStart]] = {}
        self.completed: dict[str, str] = {}
        self.consents: dict[str, int] = defaultdict(int)
        self.simulated: set[str] = set()
        self.is_simulated = self.setting.simulates
        self.targets: dict[str, set[str]] = defaultdict(set)
        self.said: list[tuple[int, str, int, str]] = []  # what attempts are recorded to have answered
        self.counted: set[tuple[str, str]] = set()
        self._steps: dict[str, Step] = {}
        self._lists: dict[str, list[str]] = {}  # lists that were opened -> their calls
        self._named: set[str] = set()  # steps of the plan in force
        self._planned = False
        self._phase: dict[str, str] = {}
        self._calling: dict[str, e.ToolCallStart] = {}
        self._open: dict[str, e.ToolCallStart] = {}  # an attempt nobody knows the end of
        self._used: dict[str, int] = defaultdict(int)
        self._limits: dict[str, int] = {}
        self._raised: dict[str, int] = defaultdict(int)
        self._warned: dict[str, int] = {}
        self._asked: dict[str, Asked] = {}
        self._denied: dict[tuple[str, str], str] = {}
        self._amended: dict[str, list[bytes]] = defaultdict(list)
        self._tries: dict[str, int] = defaultdict(int)
        self._answers: dict[str, str] = {}
        self._planning = 0
        self._planner_asks = ""
        self._words: list[tuple[int, str]] = []  # after which event whose words go into the plan
        self._plans = 0
        self._replans = 0
        self._epoch = 0
        self._stopped = self._cancelled = False
        self._requester = ""
        self._latest: datetime | None = None
        self._end: e.RunFinished | None = None
        self._appends = iter(record.appends[run])
        self._last, self._current = 0, record.setting.now(frozenset())

    def _broken(self, invariant: str, what: str) -> None:
        raise Broken(f"{invariant}: {self.run}: {what}")

    @staticmethod
    def _needs(step: Step) -> set[str]:
        needs = set(step.depends_on) if step.depends_on else set()
        for reference in step.references:
            needs.add(reference.step)
        if step.when is not None:
            needs |= {reference.step for reference in step.when.bind.values()}
        return needs

    @staticmethod
    def _condition(step: Step) -> bool | None:
        from cuga.testing.scenes import CONDITIONS

        return True if step.when is None else CONDITIONS[step.when.expr]

    def _give_back(self, start: e.ToolCallStart) -> None:
        for scope, amount in drawn(start):
            self._used[scope] -= amount


def drawn(start: e.ToolCallStart) -> tuple[tuple[str, int], ...]:
    """What one call takes of each scope of its run."""
    return (
        ("calls", 1),
        (f"calls/domain/{start.domain}", 1),
        (f"calls/tool/{start.tool}", 1),
        ("cost", start.cost),
    )
