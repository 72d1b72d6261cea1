"""The front door of cuga: plan, run, decide, look; and the older names under which callers know these.

What only the older names need is imported when it is asked for: a command that starts should not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cuga.errors import ToolExecutionError
from cuga.model.plan import Plan, PlanningStage, PlanStep
from cuga.orchestrator.coordinator import AGENTSCoordinator, Coordinator
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.trace_emitter import TraceEmitter, emit_event
from cuga.policy.spelling import tool_budget as ToolBudget

if TYPE_CHECKING:
    from cuga.orchestrator.approval import (
        ApprovalDeniedError,
        ApprovalGate,
        ApprovalManager,
        ApprovalPolicy,
        ApprovalRequest,
        ApprovalResponse,
        ApprovalStatus,
        ApprovalTimeoutError,
    )
    from cuga.orchestrator.approval import ApprovalRequest as ApprovalRequestAGENTS
    from cuga.orchestrator.audit import AuditTrail, DecisionRecord, JSONAuditTrail, NoOpAuditTrail, SQLiteAuditTrail
    from cuga.orchestrator.budget_enforcer import BudgetEnforcer
    from cuga.orchestrator.events import ApprovalEvent, PartialResultEvent, ToolCallEvent
    from cuga.orchestrator.failures import (
        ExponentialBackoffPolicy,
        FailureCategory,
        FailureMode,
        LinearBackoffPolicy,
        NoRetryPolicy,
        PartialResult,
        RecoveryStrategy,
        RetryExecutor,
        RetryPolicy,
        create_retry_policy,
    )
    from cuga.orchestrator.intelligent_planner import IntelligentPlanner
    from cuga.orchestrator.planning import PlanningAuthority, PlanningMode
    from cuga.orchestrator.profile_loader import ProfileConfig, ProfileLoader
    from cuga.orchestrator.protocol import ErrorPropagation, LifecycleStage, OrchestrationError, OrchestratorProtocol
    from cuga.orchestrator.reference import ReferenceOrchestrator
    from cuga.orchestrator.routing import (
        CapabilityBasedPolicy,
        LoadBalancedPolicy,
        PolicyBasedRoutingAuthority,
        RoundRobinPolicy,
        RoutingAuthority,
        RoutingDecision,
        RoutingPolicy,
    )

ToolBudgetEnforcer = ToolBudget

_LATER = {
    "cuga.orchestrator.approval": (
        "ApprovalDeniedError",
        "ApprovalGate",
        "ApprovalManager",
        "ApprovalPolicy",
        "ApprovalRequest",
        "ApprovalRequestAGENTS",
        "ApprovalResponse",
        "ApprovalStatus",
        "ApprovalTimeoutError",
    ),
    "cuga.orchestrator.audit": (
        "AuditTrail",
        "DecisionRecord",
        "JSONAuditTrail",
        "NoOpAuditTrail",
        "SQLiteAuditTrail",
    ),
    "cuga.orchestrator.budget_enforcer": ("BudgetEnforcer",),
    "cuga.orchestrator.events": (
        "ApprovalEvent",
        "PartialResultEvent",
        "ToolCallEvent",
    ),
    "cuga.orchestrator.failures": (
        "ExponentialBackoffPolicy",
        "FailureCategory",
        "FailureMode",
        "LinearBackoffPolicy",
        "NoRetryPolicy",
        "PartialResult",
        "RecoveryStrategy",
        "RetryExecutor",
        "RetryPolicy",
        "create_retry_policy",
    ),
    "cuga.orchestrator.intelligent_planner": ("IntelligentPlanner",),
    "cuga.orchestrator.planning": (
        "PlanningAuthority",
        "PlanningMode",
    ),
    "cuga.orchestrator.profile_loader": (
        "ProfileConfig",
        "ProfileLoader",
    ),
    "cuga.orchestrator.protocol": (
        "ErrorPropagation",
        "LifecycleStage",
        "OrchestrationError",
        "OrchestratorProtocol",
    ),
    "cuga.orchestrator.reference": ("ReferenceOrchestrator",),
    "cuga.orchestrator.routing": (
        "CapabilityBasedPolicy",
        "LoadBalancedPolicy",
        "PolicyBasedRoutingAuthority",
        "RoundRobinPolicy",
        "RoutingAuthority",
        "RoutingDecision",
        "RoutingPolicy",
    ),
}
_HOMES = {name: module for module, names in _LATER.items() for name in names}
_RENAMED = {"ApprovalRequestAGENTS": "ApprovalRequest"}


def __getattr__(name: str) -> Any:
    """A name from its own room, and kept here from then on."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), _RENAMED.get(name, name))
    return found


__all__ = [
    "AGENTSCoordinator",
    "ApprovalDeniedError",
    "ApprovalEvent",
    "ApprovalGate",
    "ApprovalManager",
    "ApprovalPolicy",
    "ApprovalRequest",
    "ApprovalRequestAGENTS",
    "ApprovalResponse",
    "ApprovalStatus",
    "ApprovalTimeoutError",
    "AuditTrail",
    "BudgetEnforcer",
    "CapabilityBasedPolicy",
    "Coordinator",
    "DecisionRecord",
    "ErrorPropagation",
    "ExecutionContext",
    "ExecutionResult",
    "ExponentialBackoffPolicy",
    "FailureCategory",
    "FailureMode",
    "IntelligentPlanner",
    "JSONAuditTrail",
    "LifecycleStage",
    "LinearBackoffPolicy",
    "LoadBalancedPolicy",
    "NoOpAuditTrail",
    "NoRetryPolicy",
    "OrchestrationError",
    "OrchestratorProtocol",
    "PartialResult",
    "PartialResultEvent",
    "Plan",
    "PlanStep",
    "PlanningAuthority",
    "PlanningMode",
    "PlanningStage",
    "PolicyBasedRoutingAuthority",
    "ProfileConfig",
    "ProfileLoader",
    "RecoveryStrategy",
    "ReferenceOrchestrator",
    "RetryExecutor",
    "RetryPolicy",
    "RoundRobinPolicy",
    "RoutingAuthority",
    "RoutingDecision",
    "RoutingPolicy",
    "SQLiteAuditTrail",
    "ToolBudget",
    "ToolBudgetEnforcer",
    "ToolCallEvent",
    "ToolExecutionError",
    "TraceEmitter",
    "create_retry_policy",
    "emit_event",
]
