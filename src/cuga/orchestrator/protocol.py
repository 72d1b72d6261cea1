"""Older path of the words that callers build plans from; they live in `cuga.model.plan` and `cuga.orchestrator`."""

from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.policy.spelling import tool_budget as ToolBudget

__all__ = ["ExecutionContext", "ExecutionResult", "Plan", "PlanStep", "ToolBudget"]
