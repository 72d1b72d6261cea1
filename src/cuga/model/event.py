"""The facts of a run: the closed set of events that a journal stream may hold.

An event is named in the past tense of what happened, carries the time it happened and who caused it, and is never
edited. The wire form is one JSON object with the name under `type`; `v` is left out while it is 1.
`docs/reference/events.md` describes each of them; a test keeps the page and this module equal.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import Enum

import msgspec

from cuga.model.context import Principal
from cuga.model.failure import FailureMode
from cuga.model.outcome import BlobRef, Certainty
from cuga.model.plan import Budget, CheckedPlan
from cuga.model.tool import SideEffect
from cuga.model.value import Value


def _wire_name(class_name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()


class Event(Value, frozen=True, kw_only=True, tag_field="type", tag=_wire_name):
    """A fact. `at` is when it became one (UTC), `by` who caused it (empty: the house itself)."""

    at: datetime
    by: str = ""
    v: int = 1


class Claim(Value, frozen=True, kw_only=True):
    """A share of something scarce that crosses runs: taken with the events or refused with them.

    After the append `used + amount <= limit` holds for the scope, or nothing was appended. Below zero it gives back;
    with zero it takes nothing, and only holds when no more than the limit is used.
    """

    scope: str
    amount: int
    limit: int


class Status(str, Enum):
    """Where a run stands, as lists show it."""

    RUNNING = "running"
    PARKED = "parked"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        return self not in (Status.RUNNING, Status.PARKED)


# --- the run ---------------------------------------------------------------------------------------------------------
class RunStarted(Event, frozen=True, kw_only=True):
    """A run began: whose goal, under which profile, with which rules pinned."""

    goal: str
    profile: str
    policy_digest: str  # of the compiled profile and contracts, kept as a snapshot in the journal
    tenant: str
    requester: Principal
    trace_id: str
    budget: Budget | None = None  # the caller's own limits
    plan_only: bool = False
    as_of: datetime | None = None  # the date that tools reason from; absent: `at`
    crm_version: str = ""


class PlanRequested(Event, frozen=True, kw_only=True):
    """A planner was asked; until it answers it is outstanding work."""

    planner: str
    attempt: int
    feedback: str = ""  # what a person said of the plan or step before


class PlanCreated(Event, frozen=True, kw_only=True):
    """A checked plan entered the run."""

    plan: CheckedPlan
    source: str


class PlanFailed(Event, frozen=True, kw_only=True):
    """No plan could be made."""

    reason: str
    mode: FailureMode
    mend: str = ""


class ReplanRequested(Event, frozen=True, kw_only=True):
    """A person's feedback asks for another plan; nothing new starts until it is there."""

    reason: str
    step: str = ""


class QuestionAsked(Event, frozen=True, kw_only=True):
    """The run needs to know something that only a person can say."""

    question_id: str
    text: str
    options: tuple[str, ...] = ()


class QuestionAnswered(Event, frozen=True, kw_only=True):
    """A person answered."""

    question_id: str
    answer: str


class CancelRequested(Event, frozen=True, kw_only=True):
    """A person wants the run to stop: nothing new starts, calls in flight are waited for."""

    reason: str = ""


class RunParked(Event, frozen=True, kw_only=True):
    """The run waits and costs nothing. `needs` names what a person can do, in commands."""

    reason: str
    needs: tuple[str, ...] = ()
    wake_at: datetime | None = None


class RunFinished(Event, frozen=True, kw_only=True):
    """The run ended."""

    status: Status
    reason: str
    mend: str = ""


class Annotation(Event, frozen=True, kw_only=True):
    """A remark that changes nothing, e.g. a late answer of an older attempt."""

    text: str
    step: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class TakenOver(Event, frozen=True, kw_only=True):
    """Another worker drives the run from here; calls of older epochs no longer count."""

    worker: str
    epoch: int


# --- steps -----------------------------------------------------------------------------------------------------------
class RouteDecision(Event, frozen=True, kw_only=True):
    """Where a step goes, and why."""

    step: str
    target: str  # a worker pool; the step's domain where no pools are declared
    reason: str
    alternatives: tuple[str, ...] = ()  # other pools, best first; other adapters where no pools are declared
    adapters: dict[str, str] = {}  # capability -> adapter
    confidence_percent: int = 100  # the target's share of what speaks for all of them
    policy: str = ""  # the routing policy that chose; empty: there was nothing to choose
    reduced: dict[str, str] = {}  # capability that the step goes without -> why


class ToolCallStart(Event, frozen=True, kw_only=True):
    """The frozen intent: durable before the tool is touched, and all that the call may be made from."""

    step: str
    attempt: int
    tool: str
    tool_digest: str
    arguments: msgspec.Raw  # the final bytes
    side_effect: SideEffect
    domain: str
    cost: int
    key: str  # idempotency key of the effect
    deadline: datetime
    timeout_s: int
    adapters: dict[str, str] = {}
    approval: str = ""
    simulated: bool = False
    worker: str = ""
    epoch: int = 0
    claims: tuple[Claim, ...] = ()
    probe: bool = False  # look whether an earlier attempt happened before calling
    pool: str = ""  # the worker pool whose place it takes; empty: none is declared


class ToolCallComplete(Event, frozen=True, kw_only=True):
    """The call was made and answered."""

    step: str
    attempt: int
    result: msgspec.Raw  # `null` when the bytes are in `blob`
    blob: BlobRef | None = None
    carried: dict[str, msgspec.Raw] = {}  # pointer -> value, of a blob, for later references
    duration_us: int = 0
    provider_reference: str = ""
    tokens: int = 0
    note: str = ""


class ToolCallError(Event, frozen=True, kw_only=True):
    """The call did not answer. With `retry_at` it is tried again then; without it the step is over or in doubt."""

    step: str
    attempt: int
    mode: FailureMode
    certainty: Certainty
    message: str
    retry_at: datetime | None = None
    duration_us: int = 0
    claims: tuple[Claim, ...] = ()  # negative: given back, only when it surely did not happen


class StepRefused(Event, frozen=True, kw_only=True):
    """The rules forbid the step. It is never offered for approval."""

    step: str
    rule: str
    reason: str
    mode: FailureMode = FailureMode.POLICY_SECURITY


class StepFailed(Event, frozen=True, kw_only=True):
    """The step cannot be done for a reason inside the run, e.g. a reference that points at nothing."""

    step: str
    mode: FailureMode
    reason: str


class StepSkipped(Event, frozen=True, kw_only=True):
    """The step was left out: its condition does not hold, or a step it needs was not done."""

    step: str
    reason: str
    by_condition: bool = False


class StepSuperseded(Event, frozen=True, kw_only=True):
    """A newer plan has no place for the step."""

    step: str
    plan_number: int


class StepInDoubt(Event, frozen=True, kw_only=True):
    """Nobody can know whether the effect happened; only a person may go on."""

    step: str
    attempt: int
    reason: str


class DoubtAnswer(str, Enum):
    """What a person may say of a step in doubt."""

    HAPPENED = "happened"
    DID_NOT = "did-not"
    AGAIN = "again"


class DoubtResolved(Event, frozen=True, kw_only=True):
    """A person said what became of it. `again` is a consent to do it once more, with a new key."""

    step: str
    answer: DoubtAnswer
    reason: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")
    claims: tuple[Claim, ...] = ()


# --- budgets ---------------------------------------------------------------------------------------------------------
class BudgetWarning(Event, frozen=True, kw_only=True):
    """A scope has reached its warning threshold, counting the call about to run. Once per scope."""

    scope: str
    used: int
    limit: int


class BudgetExceeded(Event, frozen=True, kw_only=True):
    """A scope cannot take the call. Once per scope and limit."""

    scope: str
    used: int
    limit: int
    wanted: int
    step: str
    at_limit: str  # stop, skip, park


class BudgetRaised(Event, frozen=True, kw_only=True):
    """A person raised a limit of this run."""

    scope: str
    amount: int
    reason: str = ""


# --- approvals -------------------------------------------------------------------------------------------------------
class ApprovalRequested(Event, frozen=True, kw_only=True):
    """A call waits for people. All that the digest binds is here."""

    approval_id: str
    step: str
    digest: str
    tool: str
    tool_digest: str
    arguments: msgspec.Raw
    side_effect: SideEffect
    cost: int
    adapters: dict[str, str] = {}
    effect: str = ""  # what it would do to whom: what a denial is remembered by
    requesters: tuple[str, ...] = ()  # nobody of these may decide
    roles: tuple[str, ...] = ()  # any of these may decide
    quorum: int = 1
    risk: str = "medium"  # low, medium, high
    reason: str = ""
    consequences: tuple[str, ...] = ()
    expires_at: datetime
    escalates_at: datetime | None = None  # from then on `escalates_to` may decide as well; the end stays as it is
    escalates_to: tuple[str, ...] = ()
    amends: str = ""  # the approval that this one replaces
    claims: tuple[Claim, ...] = ()  # of nothing: what may happen once was free when people were asked


class Verdict(str, Enum):
    """What a person may say of a request."""

    APPROVE = "approve"
    DENY = "deny"
    AMEND = "amend"
    REQUEST_CHANGES = "request-changes"


class ApprovalReceived(Event, frozen=True, kw_only=True):
    """Somebody decided. With `final` the request is closed, else the vote counts towards the quorum."""

    approval_id: str
    step: str
    verdict: Verdict
    digest: str
    final: bool
    reason: str = ""
    on_behalf_of: str = ""  # delegation
    rule: str = ""  # the standing or profile rule that decided instead of a person
    solo: bool = False
    lapses_at: datetime | None = None
    claims: tuple[Claim, ...] = ()  # a use of a standing rule


class ApprovalTimeout(Event, frozen=True, kw_only=True):
    """The request expired. Silence never approves."""

    approval_id: str
    step: str


class ApprovalLapsed(Event, frozen=True, kw_only=True):
    """It was approved but not used in time."""

    approval_id: str
    step: str


class ApprovalRevoked(Event, frozen=True, kw_only=True):
    """An approver took an unused approval back."""

    approval_id: str
    step: str
    reason: str = ""


class ApprovalSuperseded(Event, frozen=True, kw_only=True):
    """Something it was bound to has changed; a new request takes its place or the step is gone."""

    approval_id: str
    step: str
    reason: str


RunEvent = (
    RunStarted | PlanRequested | PlanCreated | PlanFailed | ReplanRequested | QuestionAsked | QuestionAnswered
    | CancelRequested | RunParked | RunFinished | Annotation | TakenOver | RouteDecision | ToolCallStart
    | ToolCallComplete | ToolCallError | StepRefused | StepFailed | StepSkipped | StepSuperseded | StepInDoubt
    | DoubtResolved | BudgetWarning | BudgetExceeded | BudgetRaised | ApprovalRequested | ApprovalReceived
    | ApprovalTimeout | ApprovalLapsed | ApprovalRevoked | ApprovalSuperseded
)  # fmt: skip

CANONICAL = (
    "plan_created",
    "route_decision",
    "tool_call_start",
    "tool_call_complete",
    "tool_call_error",
    "budget_warning",
    "budget_exceeded",
    "approval_requested",
    "approval_received",
    "approval_timeout",
)  # the ten names that a trace shows to the outside


def name_of(event: Event) -> str:
    """The wire name of an event."""
    return str(event.__struct_config__.tag)
