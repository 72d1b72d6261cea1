"""What callers of the older coordinator reach through it: profile, budget, approvals, and one step at a time.

Views, made anew each time they are asked for; nothing is kept here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from cuga.errors import ToolExecutionError
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator.budget_enforcer import RunBudget
from cuga.orchestrator.looking.showing import Showing
from cuga.orchestrator.profile_loader import ProfileConfig, ProfileLoader

if TYPE_CHECKING:
    from cuga.orchestrator.approval import ApprovalManager
    from cuga.orchestrator.coordinator import Coordinator


class Members(Showing):
    """The members of the older coordinator."""

    @property
    def profile_loader(self) -> ProfileLoader:
        """The profiles of this house; of the registry it will be opened with before that."""
        return ProfileLoader(self._assembly.registry if self._assembly is not None else self._registry_to_be())

    @property
    def profile_config(self) -> ProfileConfig:
        """The profile that runs get here when they name none; `ProfileUnknown`."""
        return self.profile_loader.load(self.profile)

    @property
    def budget_enforcer(self) -> RunBudget:
        """The budgets of the run that moved last, against the profile's limits before the first."""
        return RunBudget(self.profile_config.budget, lambda: self._utilization)

    @property
    def approval_manager(self) -> ApprovalManager:
        """The open requests of this house."""
        from cuga.orchestrator.approval import ApprovalManager
        from cuga.orchestrator.home import Home

        return ApprovalManager(home=Home.of(cast("Coordinator", self)))

    async def _execute_tool(self, step: PlanStep) -> Any:
        """One step, as a run of its own through the same gate: its output, or `ToolExecutionError` with the reason."""
        plan = Plan(goal=step.reason or f"Call {step.tool}", steps=(step,))
        result = await cast("Coordinator", self).execute_plan(plan)
        if not result.success:
            raise ToolExecutionError(f"{step.tool}: {result.reason}", run_id=result.run_id)
        return next(iter(result.results.values()))
