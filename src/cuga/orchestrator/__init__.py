"""The front door of cuga: plan, run, decide, look."""

from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.trace_emitter import TraceEmitter
from cuga.policy.spelling import tool_budget as ToolBudget

AGENTSCoordinator = Coordinator  # the older name of the same class

__all__ = [
    "AGENTSCoordinator",
    "Coordinator",
    "ExecutionContext",
    "ExecutionResult",
    "Plan",
    "PlanStep",
    "ToolBudget",
    "TraceEmitter",
]
