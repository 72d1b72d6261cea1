"""Plans for goals, as values that callers can look at and hand back: a view of the house's planner.

A plan is made by a run that ends when the plan is there, so it has a record. It is a proposal: class, cost and consent
are judged again when it runs.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Protocol

import msgspec

from cuga.errors import PlanInvalid
from cuga.model.plan import Budget, Plan, PlanningStage, PlanStep
from cuga.model.value import units
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.execution import ExecutionContext
from cuga.orchestrator.home import Home
from cuga.orchestrator.stages import proposal_of, stage_of
from cuga.policy.spelling import tool_budget as ToolBudget

DEFAULT_COST = 100.0  # units; the ceiling of a plan for which nobody stated one


class PlanningMode(str, Enum):
    """What planning looks at beside the goal."""

    DEFAULT = "default"
    BUDGET_AWARE = "budget_aware"  # leaves out what the budget cannot take, and says so
    MEMORY_AUGMENTED = "memory_augmented"  # names what similar goals came to, as a hint


class Memory(Protocol):
    """What planning wants of a memory (`modular.memory.VectorMemory` is one)."""

    def add(self, text: str, metadata: dict[str, Any] | None = None) -> Any:
        """Keep a note."""
        ...

    def search(self, text: str, top: int = 5) -> Any:
        """Notes that are like a text, best first; each has `text` and `metadata`."""
        ...


class PlanMaker(Protocol):
    """Whoever can make a plan, e.g. `modular.agents.PlannerAgent`."""

    async def create_plan(self, goal: str, context: ExecutionContext, budget: Budget | None = None) -> Plan:
        """A plan for a goal."""
        ...


class PlanningAuthority:
    """Makes plans, in a house or through a planner that is handed in. `memory` is asked only in that mode."""

    def __init__(
        self,
        planner: PlanMaker | None = None,
        memory: Memory | None = None,
        *,
        coordinator: Coordinator | None = None,
        mode: PlanningMode | str = PlanningMode.DEFAULT,
    ) -> None:
        self.planner: PlanMaker = planner or HousePlans(Home.of(coordinator) if coordinator else Home.own())
        self.memory = memory
        self.mode = PlanningMode(mode)

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
        if self.mode is PlanningMode.BUDGET_AWARE:
            return within_budget(plan)
        if self.mode is PlanningMode.MEMORY_AUGMENTED:
            return self._with_hints(plan)
        return plan

    def _with_hints(self, plan: Plan) -> Plan:
        if self.memory is None:
            return msgspec.structs.replace(plan, notes=(*plan.notes, "No memory was handed in; planned without one."))
        found = [note for note in self.memory.search(plan.goal, 3) if note.metadata.get("tools")]
        hints = tuple(
            f'A goal like it, "{note.text}", used {", ".join(note.metadata["tools"])} '
            f"and ended in {note.metadata.get('status', 'an unknown way')}."
            for note in found
        )
        return msgspec.structs.replace(plan, notes=(*plan.notes, *hints))

    def remember(self, plan: Plan, status: str) -> None:
        """Keep what a goal came to, for hints; only in the mode that asks for them."""
        if self.mode is PlanningMode.MEMORY_AUGMENTED and self.memory is not None:
            self.memory.add(plan.goal, {"tools": [step.tool for step in plan.steps], "status": status})


class HousePlans:
    """The planner of a house, as a maker of plans."""

    def __init__(self, home: Home) -> None:
        self.home = home

    async def create_plan(self, goal: str, context: ExecutionContext, budget: Budget | None = None) -> Plan:
        """A plan by the house's own rules."""
        return await self.home.do(self._plan(goal, context, budget))

    async def _plan(self, goal: str, context: ExecutionContext, budget: Budget | None) -> Plan:
        planned = await self.home.coordinator.plan(goal, context.profile, context)
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
    "Memory",
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
