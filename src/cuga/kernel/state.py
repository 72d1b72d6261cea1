"""What a run has come to: the fold of its events.

`RunState` is read by everyone and changed by nobody but `kernel.evolve`, which applies one fact at a time, to a draft:
a state once given out never moves. Maps that move with each step are `dict`s and a draft has its own; the rest are
`Mapping`s, replaced as a whole when a fact changes them, which is rare.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

import msgspec

from cuga.kernel.index import PlanIndex
from cuga.model.event import (
    ApprovalRequested,
    Claim,
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
    AWAITING_APPROVAL = "awaiting_approval"
    CALLING = "calling"
    WAITING_RETRY = "waiting_retry"
    IN_DOUBT = "in_doubt"
    DONE = "done"
    FAILED = "failed"
    DENIED = "denied"
    SKIPPED = "skipped"

    @property
    def is_end(self) -> bool:
        """Whether nothing more will become of the step."""
        # identity, not a set: hashing an enum member is a call of its own, and this is asked several times a step
        return self is Phase.DONE or self is Phase.SKIPPED or self is Phase.FAILED or self is Phase.DENIED


ENDED = frozenset({Phase.DONE, Phase.FAILED, Phase.DENIED, Phase.SKIPPED})


class Grant(msgspec.Struct, frozen=True, gc=False):
    """An approval at hand: for exactly this digest, until it lapses."""

    approval_id: str
    digest: str
    lapses_at: datetime | None
    adapters: dict[str, str] = {}


class Closed(msgspec.Struct, frozen=True, gc=False):
    """How an approval ended, for the second click."""

    how: str  # a verdict, or expired, lapsed, revoked, superseded
    by: str


class RunState:
    """The state of one run. Maps are keyed by step id unless said otherwise."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.version = 0
        self.start: RunStarted | None = None
        self.latest: datetime | None = None  # time of the newest event: the run's own clock never runs backwards
        self.plan: CheckedPlan | None = None
        self.budgets: tuple[Budget, ...] = ()  # of every plan there was: a newer plan loosens none of them
        self.index = PlanIndex({})
        self.planning: PlanRequested | None = None  # outstanding
        self.planner = ""
        self.plan_attempt = 0
        self.planner_asks = ""  # the open question without whose answer there will be no plan
        self.replans = 0
        self.feedback: tuple[str, ...] = ()
        self.phase: dict[str, Phase] = {}
        self.reasons: Mapping[str, str] = {}  # why a step ended without being done
        self.open_steps = 0  # steps that have not ended
        self.ready: dict[str, None] = {}  # ordered: may be judged
        self.unmet: dict[str, int] = {}
        self.calling: dict[str, ToolCallStart] = {}
        self.due: Mapping[str, datetime] = {}  # waiting for a retry or a window
        self.blocked: Mapping[str, str] = {}  # step -> budget scope it waits for
        self.doubts: Mapping[str, ToolCallStart] = {}
        self.attempt: dict[str, int] = {}
        self.tries: Mapping[str, int] = {}  # attempts that ended in an error
        self.crashes: Mapping[str, int] = {}
        self.unsure: Mapping[str, ToolCallStart] = {}  # steps of which an earlier attempt, this one, may have happened
        self.consents: Mapping[str, int] = {}  # times a person said "again"
        self.spent: Mapping[
            str, int
        ] = {}  # attempts made before the latest "again": they tell nothing of those after it
        self.inputs: Mapping[str, msgspec.Raw] = {}  # amended arguments
        self.outputs: dict[
            str, msgspec.Raw | dict[str, msgspec.Raw]
        ] = {}  # a result, or the parts of it that were kept
        self.pending: Mapping[str, ApprovalRequested] = {}  # by approval id
        self.awaiting: Mapping[str, str] = {}  # step -> approval id
        self.votes: Mapping[str, tuple[tuple[str, str], ...]] = {}  # approval id -> (by, on behalf of)
        self.grants: Mapping[str, Grant] = {}  # approved, not yet used
        self.approved: Mapping[str, Grant] = {}  # used: covers further attempts at exactly the same call
        self.held: Mapping[str, tuple[Claim, ...]] = {}  # claims on one-time effects that a step still holds
        self.closed: Mapping[str, Closed] = {}  # by approval id
        self.askers: Mapping[str, tuple[str, ...]] = {}  # step -> who asked for it as it is, where somebody amended it
        self.reduced: Mapping[str, dict[str, str]] = {}  # step -> capabilities that it went without, and why
        self.timed: Mapping[str, datetime] = {}  # open approvals and grants -> when they end
        self.denied: Mapping[str, str] = {}  # effect -> reason
        self.questions: Mapping[str, QuestionAsked] = {}
        self.answers: Mapping[str, str] = {}
        self.used: dict[str, int] = {}
        self.raised: Mapping[str, int] = {}
        self.warned: frozenset[str] = frozenset()
        self.exceeded: frozenset[tuple[str, int]] = frozenset()
        self.stopped = ""  # why nothing new starts any more
        self.cancel = ""  # reason; a cancelled run without one says so
        self.worker = ""
        self.epoch = 0
        self.parked: RunParked | None = None
        self.end: RunFinished | None = None

    def draft(self) -> RunState:
        """A copy that `kernel.evolve` may change."""
        new = object.__new__(RunState)
        new.__dict__.update(self.__dict__)
        new.phase = self.phase.copy()
        new.ready = self.ready.copy()
        new.unmet = self.unmet.copy()
        new.calling = self.calling.copy()
        new.attempt = self.attempt.copy()
        new.outputs = self.outputs.copy()
        new.used = self.used.copy()
        return new

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

    def step(self, step_id: str) -> Step:
        """A step of the plan in force or one kept from an earlier plan."""
        return self.index.steps[step_id]
