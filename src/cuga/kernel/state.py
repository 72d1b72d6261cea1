"""What a run has come to: the fold of its events.

`RunState` is read by everyone and changed by nobody but `kernel.evolve`, which applies one fact at a time, to a draft:
a state once given out never moves. Maps that move with each step are `dict`s and a draft has its own; the rest are
`Mapping`s, replaced as a whole when a fact changes them, which is rare.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from cuga.kernel.index import PlanIndex
from cuga.model.asking_event import ModelHeard
from cuga.model.event import (
    ApprovalRequested,
    Claim,
    ModelCallStart,
    PlanRequested,
    QuestionAsked,
    RunFinished,
    RunParked,
    RunStarted,
    Status,
    ToolCallStart,
)
from cuga.model.plan import Budget, CheckedPlan, Step


class Phase(str, Enum):
    """Where a step stands."""

    PENDING = "pending"
    LISTED = "listed"  # a list whose calls are steps of their own by now
    AWAITING_APPROVAL = "awaiting_approval"
    CALLING = "calling"
    WAITING_RETRY = "waiting_retry"
    IN_DOUBT = "in_doubt"
    DONE = "done"
    FAILED = "failed"
    DENIED = "denied"
    SKIPPED = "skipped"

    is_end: bool  # nothing more will become of the step

    def __init__(self, name: str) -> None:
        # asked several times a step: an attribute of the member costs a tenth of finding other members to compare with
        self.is_end = name in ("done", "failed", "denied", "skipped")


class Listing(msgspec.Struct, frozen=True, gc=False):
    """The calls of a list that has been opened, and how many of them have not ended."""

    calls: tuple[str, ...]
    open: int


HALTED = "the house is halted: "  # how the reason of a park begins that a halt has a part in
V = TypeVar("V")
NO_PLAN = PlanIndex({})
ENDED = frozenset(phase for phase in Phase if phase.is_end)


class Grant(msgspec.Struct, frozen=True, gc=False):
    """An approval at hand: for exactly this digest, until it lapses."""

    approval_id: str
    digest: str
    lapses_at: datetime | None
    adapters: dict[str, str] = {}


class Wrote(msgspec.Struct, frozen=True, gc=False):
    """What became of asking a model for the text of a step; without a reply nothing did, and `why` says why."""

    attempt: int
    name: str
    host: str
    fields: tuple[str, ...]
    reply: msgspec.Raw | None = None
    prompt: str = ""  # the digest of what it was told
    why: str = ""


class Closed(msgspec.Struct, frozen=True, gc=False):
    """How an approval ended, for the second click."""

    how: str  # a verdict, or expired, lapsed, revoked, superseded
    by: str
    digest: str = ""  # of what was decided on


class RunState(msgspec.Struct, eq=False):
    """The state of one run. Maps are keyed by step id unless said otherwise."""

    run_id: str
    version: int = 0
    start: RunStarted | None = None
    latest: datetime | None = None  # time of the newest event: the run's own clock never runs backwards
    plan: CheckedPlan | None = None
    budgets: tuple[Budget, ...] = ()  # of every plan there was: a newer plan loosens none of them
    index: PlanIndex = NO_PLAN
    planning: PlanRequested | None = None  # outstanding
    planner: str = ""
    plan_attempt: int = 0
    asking: ModelCallStart | None = None  # a model call in flight
    model_calls: int = 0
    heard: tuple[ModelHeard, ...] = ()  # from models, for the plan that is asked for
    writing: Mapping[str, ModelCallStart] = {}  # step -> the model call in flight for its text
    written: Mapping[str, Wrote] = {}  # step -> the latest of these calls that is over
    planner_asks: str = ""  # the open question without whose answer there will be no plan
    replans: int = 0
    feedback: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()  # whose words went into the plan: they ask for what comes of it
    phase: dict[str, Phase] = {}
    reasons: Mapping[str, str] = {}  # why a step ended without being done
    mends: Mapping[str, str] = {}  # and what a person can do about it, where the rules say
    open_steps: int = 0  # steps that have not ended
    ready: dict[str, None] = {}  # ordered: may be judged
    unmet: dict[str, int] = {}
    calling: dict[str, ToolCallStart] = {}
    lists: Mapping[str, Listing] = {}  # lists that were opened
    due: Mapping[str, datetime] = {}  # waiting for a retry or a window
    blocked: Mapping[str, str] = {}  # step -> budget scope it waits for
    doubts: Mapping[str, ToolCallStart] = {}
    attempt: dict[str, int] = {}
    tries: Mapping[str, int] = {}  # attempts that ended in an error
    crashes: Mapping[str, int] = {}
    unsure: Mapping[str, ToolCallStart] = {}  # steps of which an earlier attempt, this one, may have happened
    first_try: Mapping[str, datetime] = {}  # and when the first attempt under its key was made
    consents: Mapping[str, int] = {}  # times a person said "again"
    spent: Mapping[str, int] = {}  # attempts made before the latest "again": they tell nothing of those after it
    inputs: Mapping[str, msgspec.Raw] = {}  # amended arguments
    outputs: dict[str, msgspec.Raw | dict[str, msgspec.Raw]] = {}  # a result, or the parts of it that were kept
    pending: Mapping[str, ApprovalRequested] = {}  # by approval id
    awaiting: Mapping[str, str] = {}  # step -> approval id
    votes: Mapping[str, tuple[tuple[str, str], ...]] = {}  # approval id -> (by, on behalf of)
    grants: Mapping[str, Grant] = {}  # approved, not yet used
    approved: Mapping[str, Grant] = {}  # used: covers further attempts at exactly the same call
    held: Mapping[str, tuple[Claim, ...]] = {}  # claims on one-time effects that a step still holds
    closed: Mapping[str, Closed] = {}  # by approval id
    askers: Mapping[str, tuple[str, ...]] = {}  # step -> who asked for it as it is, where somebody amended it
    reduced: Mapping[str, dict[str, str]] = {}  # step -> capabilities that it went without, and why
    timed: Mapping[str, datetime] = {}  # open approvals and grants -> when they end
    denied: Mapping[str, str] = {}  # effect -> reason
    questions: Mapping[str, QuestionAsked] = {}
    answers: Mapping[str, str] = {}
    used: dict[str, int] = {}
    raised: Mapping[str, int] = {}
    warned: frozenset[str] = frozenset()
    exceeded: frozenset[tuple[str, int]] = frozenset()
    stopped: str = ""  # why nothing new starts any more
    cancel: str = ""  # reason; a cancelled run without one says so
    worker: str = ""
    epoch: int = 0
    parked: RunParked | None = None
    end: RunFinished | None = None

    def draft(self) -> RunState:
        """A copy that `kernel.evolve` may change."""
        return replace(
            self,
            phase=self.phase.copy(),
            ready=self.ready.copy(),
            unmet=self.unmet.copy(),
            calling=self.calling.copy(),
            attempt=self.attempt.copy(),
            outputs=self.outputs.copy(),
            used=self.used.copy(),
        )

    @property
    def status(self) -> Status:
        """How lists show the run."""
        if self.end is not None:
            return self.end.status
        return Status.PARKED if self.parked is not None else Status.RUNNING

    @property
    def started(self) -> RunStarted:
        """How the run began; only for a run that has begun."""
        assert self.start is not None
        return self.start

    @property
    def requesters(self) -> tuple[str, ...]:
        """Who asked for what the run does: whose goal it is, and whose words made the plan. None of them decides."""
        return tuple(dict.fromkeys((self.started.requester.id, *self.authors)))

    def step(self, step_id: str) -> Step:
        """A step of the plan in force or one kept from an earlier plan."""
        return self.index.steps[step_id]


def without(held: Mapping[str, V], key: str) -> Mapping[str, V]:
    """A map without one of its keys, whether it is there or not."""
    return {name: value for name, value in held.items() if name != key} if key in held else held
