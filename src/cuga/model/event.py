"""The facts of a run: the closed set of events that a journal stream may hold.

`docs/reference/events.md` describes each of them; a test keeps the page and this set equal.
"""

from __future__ import annotations

from cuga.model.approval_event import (
    ApprovalLapsed,
    ApprovalReceived,
    ApprovalRequested,
    ApprovalRevoked,
    ApprovalSuperseded,
    ApprovalTimeout,
    ListedCall,
    Verdict,
)
from cuga.model.asking_event import ModelCallComplete, ModelCallError, ModelCallStart
from cuga.model.fact import (
    Claim,
    Event,
    Status,
    name_of,
)
from cuga.model.run_event import (
    Annotation,
    CancelRequested,
    PlanCreated,
    PlanFailed,
    PlanRequested,
    QuestionAnswered,
    QuestionAsked,
    ReplanRequested,
    RunFinished,
    RunParked,
    RunStarted,
    TakenOver,
)
from cuga.model.step_event import (
    BudgetExceeded,
    BudgetRaised,
    BudgetWarning,
    DoubtAnswer,
    DoubtResolved,
    ListClosed,
    ListOpened,
    RouteDecision,
    StepFailed,
    StepInDoubt,
    StepRefused,
    StepSkipped,
    StepSuperseded,
    ToolCallComplete,
    ToolCallError,
    ToolCallStart,
)

RunEvent = (
    RunStarted | PlanRequested | PlanCreated | PlanFailed | ReplanRequested | QuestionAsked | QuestionAnswered
    | CancelRequested | RunParked | RunFinished | Annotation | TakenOver | RouteDecision | ToolCallStart
    | ToolCallComplete | ToolCallError | StepRefused | StepFailed | StepSkipped | StepSuperseded | StepInDoubt
    | DoubtResolved | ListOpened | ListClosed | BudgetWarning | BudgetExceeded | BudgetRaised | ApprovalRequested
    | ApprovalReceived | ApprovalTimeout | ApprovalLapsed | ApprovalRevoked | ApprovalSuperseded | ModelCallStart
    | ModelCallComplete | ModelCallError
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

__all__ = [
    "CANONICAL",
    "Annotation",
    "ApprovalLapsed",
    "ApprovalReceived",
    "ApprovalRequested",
    "ApprovalRevoked",
    "ApprovalSuperseded",
    "ApprovalTimeout",
    "BudgetExceeded",
    "BudgetRaised",
    "BudgetWarning",
    "CancelRequested",
    "Claim",
    "DoubtAnswer",
    "DoubtResolved",
    "Event",
    "ListClosed",
    "ListOpened",
    "ListedCall",
    "ModelCallComplete",
    "ModelCallError",
    "ModelCallStart",
    "PlanCreated",
    "PlanFailed",
    "PlanRequested",
    "QuestionAnswered",
    "QuestionAsked",
    "ReplanRequested",
    "RouteDecision",
    "RunEvent",
    "RunFinished",
    "RunParked",
    "RunStarted",
    "Status",
    "StepFailed",
    "StepInDoubt",
    "StepRefused",
    "StepSkipped",
    "StepSuperseded",
    "TakenOver",
    "ToolCallComplete",
    "ToolCallError",
    "ToolCallStart",
    "Verdict",
    "name_of",
]
