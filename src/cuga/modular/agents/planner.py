"""A planner: goals become plans, by the rules of a house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cuga.errors import CugaError
from cuga.model.plan import Budget, Plan
from cuga.modular.agents.words import AgentRequest, AgentResponse
from cuga.modular.agents.worker import response_to
from cuga.modular.agents.working import context_of
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.execution import ExecutionContext
from cuga.orchestrator.home import Home
from cuga.orchestrator.intelligent_planner import IntelligentPlanner, PlanModel
from cuga.orchestrator.library.lifecycle import Lifecycle
from cuga.orchestrator.library.rooms import rules_for_agents
from cuga.planning.memory import Notes
from cuga.tools.registry import ToolRegistry


@dataclass(eq=False)
class PlannerAgent:
    """Plans over the tools of `registry`, or over those of the house it is handed or joins.

    `llm` is a model that plans, where there is one; its plans are checked like any other.
    """

    registry: ToolRegistry | None = None
    memory: Notes | None = None
    llm: PlanModel | None = None
    coordinator: Coordinator | None = None
    name: str = "planner"
    home: Home | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._lifecycle = Lifecycle(self._begin, self._end)
        self._own: Home | None = None  # the house that this planner made, and closes

    def join(self, home: Home) -> None:
        """Plan in a house of others, unless this planner has one."""
        self.home = self.home or home  # whoever made it closes it

    async def create_plan(self, goal: str, context: ExecutionContext, budget: Budget | None = None) -> Plan:
        """A plan for a goal; `PlanInvalid` says what to change when there is none."""
        planner = IntelligentPlanner(model=self.llm, home=self._house())
        return await planner.create_plan(goal, context, budget, use_llm=self.llm is not None)

    def plan(self, goal: str, metadata: Mapping[str, Any] | None = None) -> Plan:
        """`create_plan` for plain functions."""
        home = self._house()
        return home.do_now(self.create_plan(goal, context_of(metadata)))

    async def process(self, request: AgentRequest) -> AgentResponse:
        """A plan for the goal of a request. That there is none is an answer too."""
        try:
            return AgentResponse(status="success", result=await self.create_plan(request.goal, request.context))
        except CugaError as error:
            return response_to(error)

    def get_lifecycle(self) -> Lifecycle:
        """Starting and ending it."""
        return self._lifecycle

    def _house(self) -> Home:
        if self.home is None:
            if self.coordinator is not None:
                self.home = Home.of(self.coordinator)
            else:
                self.home = self._own = Home.own(
                    self.registry.all() if self.registry else (), registry=rules_for_agents()
                )
        return self.home

    async def _begin(self) -> None:
        home = self._house()
        await home.do(home.coordinator.open())

    async def _end(self) -> None:
        if self._own is not None:
            await self._own.close()
