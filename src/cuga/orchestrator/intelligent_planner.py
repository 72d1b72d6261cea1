"""Plans with a model where there is one, by the house's rules where there is none or where it fails.

A model's answer is a proposal like any other: tools outside the profile's registry are refused whole, class and cost
come from the contracts, and the note of the plan says who made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from cuga.adapters.capability.model import MOST_TOOLS, Thought
from cuga.errors import CugaError, PlanInvalid
from cuga.kernel.thinking import MODEL
from cuga.model.plan import Budget, Plan, PlanStep
from cuga.model.tool import ToolContract
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.execution import ExecutionContext
from cuga.orchestrator.home import Home
from cuga.orchestrator.library.stages import proposal_of
from cuga.orchestrator.planning import HousePlans, within_budget


class PlanModel(Protocol):
    """What a model that plans can do: `adapters.openai_adapter.OpenAIAdapter`, or one that a caller brings."""

    def is_available(self) -> bool:
        """Whether it can be asked now."""
        ...

    async def decompose_goal(self, goal: str, tools: Sequence[ToolContract]) -> Thought | Sequence[Mapping[str, Any]]:
        """Steps for a goal, each with `tool`, `input` and `reason`, over the tools that it is shown."""
        ...


class IntelligentPlanner:
    """Plans goals over the tools of a house.

    Without a `model` it asks the one of the house, through a run: what it is told, answers and costs is in the journal,
    within the run's budgets. One that is handed in is asked at once, and only its caller knows what that costs.
    """

    def __init__(
        self, coordinator: Coordinator | None = None, model: PlanModel | None = None, *, home: Home | None = None
    ) -> None:
        self._home = home or (Home.of(coordinator) if coordinator is not None else Home.own())
        self._model = model

    def is_llm_available(self) -> bool:
        """Whether a model can be asked."""
        if self._model is not None:
            return self._model.is_available()
        return self._home.coordinator.has_model()

    @property
    def status_line(self) -> str:
        """Who plans, for a person."""
        return "LLM: enabled" if self.is_llm_available() else "LLM: offline (rule-based planning)"

    async def create_plan(
        self,
        goal: str,
        context: ExecutionContext | None = None,
        budget: Budget | None = None,
        *,
        profile: str = "",
        use_llm: bool = True,
    ) -> Plan:
        """A plan within the budget. Without a model, or when its answer cannot be used, the rules plan; a note says so.

        `PlanInvalid` when neither has a plan.
        """
        context = context or ExecutionContext()
        if profile:
            context = context.with_profile(profile)
        note = "Planned by rules: no model is at hand." if use_llm else "Planned by rules, as asked."
        if use_llm and self._model is not None and self._model.is_available():
            try:
                return within_budget(await self._by_model(self._model, goal, context, budget))
            except Exception as error:  # whatever a model does, the rules can still plan
                said = error.message if isinstance(error, CugaError) else f"{type(error).__name__}: {error}"
                note = f"Planned by rules: the model's answer cannot be used: {said}"
        planner = "" if use_llm and self._model is None else "rules"
        plan = await HousePlans(self._home, planner).create_plan(goal, context, budget)
        if plan.planner == MODEL or any("not by a model" in said for said in plan.notes):
            return within_budget(plan)
        return within_budget(msgspec.structs.replace(plan, notes=(*plan.notes, note)))

    async def _by_model(self, model: PlanModel, goal: str, context: ExecutionContext, budget: Budget | None) -> Plan:
        house = self._home.coordinator
        tools = (await self._home.do(house.tools_for(goal, context.profile)))[:MOST_TOOLS]
        said = await model.decompose_goal(goal, tools)
        steps = tuple(
            PlanStep(
                tool=str(step["tool"]),
                input=dict(step.get("input") or {}),
                step_id=str(step.get("id", "")),
                reason=str(step.get("reason", "")),
                depends_on=tuple(step.get("depends_on") or ()),
                index=index,
            )
            for index, step in enumerate(said.steps if isinstance(said, Thought) else said)
        )
        if not steps:
            raise PlanInvalid("it named no steps")
        proposal = Plan(goal=goal, steps=steps, planner="model", notes=("Planned by a model.",), budget=budget)
        checked = await self._home.do(house.checked(proposal, context.profile))
        plan = proposal_of(checked, proposal)
        return msgspec.structs.replace(plan, trace_id=context.trace_id)
