"""Plans for goals, as values that callers can look at and hand back: a view of the house's planner.

A plan is made by a run that ends when the plan is there, so it has a record. It is a proposal: class, cost and consent
are judged again when it runs.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

import msgspec

from cuga.errors import PlanInvalid
from cuga.model.plan import Budget, Plan, PlanningStage, PlanStep
from cuga.model.value import units
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.execution import ExecutionContext
from cuga.orchestrator.home import Home
from cuga.orchestrator.library.stages import proposal_of, stage_of
from cuga.planning.memory import Notes
from cuga.policy.spelling import tool_budget as ToolBudget

DEFAULT_COST = 100.0  # units; the ceiling of a plan for which nobody stated one


class PlanningMode(str, Enum):
    """What planning looks at beside the goal."""

    DEFAULT = "default"
    BUDGET_AWARE = "budget_aware"  # leaves out what the budget cannot take, and says so
    MEMORY_AUGMENTED = "memory_augmented"  # what goals like it came to is a hint for the order among tools


def _mode(said: object) -> PlanningMode:
    try:
        return PlanningMode(said)
    except ValueError:
        there_are = ", ".join(one.value for one in PlanningMode)
        raise ValueError(f"no planning mode {said!r}; there are {there_are}") from None


class PlanMaker(Protocol):
    """Whoever can make a plan, e.g. `modular.agents.PlannerAgent`."""

    async def create_plan(self, goal: str, context: ExecutionContext, budget: Budget | None = None) -> Plan:
        """A plan for a goal."""
        ...


class PlanningAuthority:
    """Makes plans, in a house or through a planner that is handed in.

    `memory` counts only in its mode, and in the house that is made for it; a house that is handed in brings its own.
    """

    def __init__(
        self,
        planner: PlanMaker | None = None,
        memory: Notes | None = None,
        *,
        coordinator: Coordinator | None = None,
        mode: PlanningMode | str = PlanningMode.DEFAULT,
    ) -> None:
        self.memory = memory
        self.mode = _mode(mode)
        if planner is None:
            home = Home.of(coordinator) if coordinator is not None else Home.own(memory=self.heeded)
            planner = HousePlans(home)
        self.planner: PlanMaker = planner

    @property
    def heeded(self) -> Notes | None:
        """The memory that a house of its own is given: none in other modes."""
        return self.memory if self.mode is PlanningMode.MEMORY_AUGMENTED else None

    async def create_plan(
        self, goal: str, context: ExecutionContext | None = None, budget: Budget | None = None
    ) -> Plan:
        """A plan with a budget, at stage CREATED. `PlanInvalid` when there is none: the words say what to change."""
        context = context or ExecutionContext()
        plan = await self.planner.create_plan(goal, context, budget)
        plan = msgspec.structs.replace(
            plan,
            budget=budget or plan.budget or ToolBudget(cost_ceiling=DEFAULT_COST, policy="warn"),
            trace_id=context.trace_id or plan.trace_id,
        )
        return within_budget(plan) if self.mode is PlanningMode.BUDGET_AWARE else plan


class HousePlans:
    """The planner of a house, as a maker of plans; `planner` is `rules`, `model`, or whatever the house has."""

    def __init__(self, home: Home, planner: str = "") -> None:
        self.home = home
        self._planner = planner

    async def create_plan(self, goal: str, context: ExecutionContext, budget: Budget | None = None) -> Plan:
        """A plan by the house."""
        return await self.home.do(self._plan(goal, context, budget))

    async def _plan(self, goal: str, context: ExecutionContext, budget: Budget | None) -> Plan:
        planned = await self.home.coordinator.plan(goal, context.profile, context, planner=self._planner)
        if planned.plan is None:
            options = f" ({'; '.join(planned.options)})" if planned.options else ""
            raise PlanInvalid(
                f"{planned.question or planned.reason}{options}", mend=planned.mend or "Say the goal with that in it."
            )
        plan = proposal_of(planned.plan)
        return msgspec.structs.replace(plan, budget=budget or plan.budget, trace_id=context.trace_id)


def within_budget(plan: Plan) -> Plan:
    """The plan without the steps, from the end, that its budget cannot take; what is left out is noted.

    `PlanInvalid` when not even the first fits. Costs are estimates; the run is held to the budget all the same.
    """
    budget = plan.budget or Budget()
    kept: list[PlanStep] = []
    spent = 0.0
    for step in plan.steps:
        too_many = budget.calls is not None and len(kept) + 1 > budget.calls
        too_dear = budget.cost is not None and round((spent + step.estimated_cost) * 1e6) > budget.cost
        if too_many or too_dear:
            break
        kept.append(step)
        spent += step.estimated_cost
    if not kept:
        first = plan.steps[0] if plan.steps else None
        asked = f"{first.tool} costs {first.estimated_cost:g}" if first else "there are no steps"
        allowed = "any" if budget.cost is None else f"{units(budget.cost):g}"
        raise PlanInvalid(f"the budget takes no step: {asked}, allowed are {budget.calls} calls and {allowed} units")
    if len(kept) == len(plan.steps):
        return plan
    left_out = ", ".join(step.tool for step in plan.steps[len(kept) :])
    note = f"Left out, since the budget cannot take it: {left_out}."
    return msgspec.structs.replace(plan, steps=tuple(kept), notes=(*plan.notes, note))


__all__ = [
    "HousePlans",
    "Plan",
    "PlanMaker",
    "PlanStep",
    "PlanningAuthority",
    "PlanningMode",
    "PlanningStage",
    "ToolBudget",
    "stage_of",
    "within_budget",
]
