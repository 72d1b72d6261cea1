"""What every orchestrator of this house can do, and the words its callers use.

The lifecycle is drawn from the facts of a run as they become durable (`orchestrator.library.stages`); nobody announces
a stage before it has happened.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from enum import Enum
from typing import Any

from cuga.errors import OrchestrationError
from cuga.model.plan import Plan, PlanningStage, PlanStep
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.library.lifecycle import Lifecycle
from cuga.policy.spelling import tool_budget as ToolBudget


class LifecycleStage(str, Enum):
    """INITIALIZE, PLAN, then ROUTE and EXECUTE for each step, AGGREGATE, and one of three ends."""

    INITIALIZE = "initialize"
    PLAN = "plan"
    ROUTE = "route"
    EXECUTE = "execute"
    AGGREGATE = "aggregate"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        """Whether nothing follows."""
        return self in (LifecycleStage.COMPLETE, LifecycleStage.FAILED, LifecycleStage.CANCELLED)


class ErrorPropagation(str, Enum):
    """What the failure of a step means for the rest."""

    FAIL_FAST = "fail_fast"  # nothing new starts, and the caller gets the error
    RETRY = "retry"  # what is left is run once more when the failure passes by itself, then as FAIL_FAST
    CONTINUE = "continue"  # what does not need the step goes on; the end says what is missing
    FALLBACK = "fallback"  # the fallback answers for what is left; without one as FAIL_FAST


class OrchestratorProtocol(ABC):
    """An orchestrator: goals in, stages out."""

    @abstractmethod
    def orchestrate(
        self,
        goal: str,
        context: ExecutionContext,
        *,
        error_strategy: ErrorPropagation = ErrorPropagation.FAIL_FAST,
    ) -> AsyncIterator[dict[str, Any]]:
        """Plan and run a goal. Yields `{"stage", "data", "context"}` as each stage becomes a fact.

        Ends with COMPLETE, FAILED or CANCELLED; raises `OrchestrationError` after FAILED unless the strategy goes on,
        and `ApprovalTimeoutError` when nobody decided while it waited: the request stays open and the run parked.
        """

    @abstractmethod
    def make_routing_decision(self, task: Any, context: ExecutionContext, available_agents: Sequence[Any]) -> Any:
        """Where a task goes, with the reason and what else could have taken it."""

    @abstractmethod
    async def handle_error(
        self, error: OrchestrationError, strategy: ErrorPropagation, context: ExecutionContext | None = None
    ) -> dict[str, Any] | None:
        """What a strategy makes of an error: the last stage as a mapping, or the error raised again."""

    @abstractmethod
    def get_lifecycle(self) -> Lifecycle:
        """Starting and ending this orchestrator."""


__all__ = [
    "ErrorPropagation",
    "ExecutionContext",
    "ExecutionResult",
    "LifecycleStage",
    "OrchestrationError",
    "OrchestratorProtocol",
    "Plan",
    "PlanStep",
    "PlanningStage",
    "ToolBudget",
]
