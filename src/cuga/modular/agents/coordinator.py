"""A coordinator over agents: a planner, workers, and the authorities that decide between them; one house for all."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from cuga.errors import CugaError, ToolExecutionError
from cuga.model import given
from cuga.model.event import RouteDecision
from cuga.model.plan import Plan
from cuga.modular.agents.crew import Crew
from cuga.modular.agents.handing import CREW, told
from cuga.modular.agents.planner import PlannerAgent
from cuga.modular.agents.words import AgentRequest, AgentResponse, AgentResult
from cuga.modular.agents.worker import WorkerAgent, response_to
from cuga.modular.agents.working import context_of
from cuga.orchestrator.audit import AuditTrail, NoOpAuditTrail
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.execution import ExecutionContext
from cuga.orchestrator.failures import RetryPolicy
from cuga.orchestrator.planning import PlanningAuthority
from cuga.orchestrator.protocol import ErrorPropagation, LifecycleStage
from cuga.orchestrator.reference import WAIT_S, Fallback, ReferenceOrchestrator
from cuga.orchestrator.routing import RoutingAuthority, RoutingDecision
from cuga.planning.memory import Notes
from cuga.policy.routing import Candidate

_log = logging.getLogger("cuga.audit")


class CoordinatorAgent(ReferenceOrchestrator):
    """Plans goals by its planning authority, runs them in one house, and routes each step to one of its workers.

    `planning_authority` and `routing_authority` may be replaced at any time; the next decision is theirs. Without a
    `retry_policy` the first worker's counts, since its steps run in this house.
    """

    name = "coordinator"

    def __init__(
        self,
        planner: PlannerAgent,
        workers: Sequence[WorkerAgent],
        memory: Notes | None = None,
        routing_authority: RoutingAuthority | None = None,
        planning_authority: PlanningAuthority | None = None,
        audit_trail: AuditTrail | None = None,
        retry_policy: RetryPolicy | None = None,
        *,
        coordinator: Coordinator | None = None,
        fallback: Fallback | None = None,
        wait_s: float | None = None,
    ) -> None:
        given.able("the planner of a coordinator", planner, "join", "create_plan", expected="a PlannerAgent")
        self.planner = planner
        self.workers: list[WorkerAgent] = given.listed("the workers of a coordinator", workers, "WorkerAgents")
        for worker in self.workers:
            given.able("a worker of a coordinator", worker, "registry", "retry_policy", expected="a WorkerAgent")
        self.memory = memory
        self.retry_policy = retry_policy or next((w.retry_policy for w in self.workers if w.retry_policy), None)
        self.crew = Crew.of(
            self.workers,
            coordinator=coordinator,
            authority=routing_authority,
            retry_policy=self.retry_policy,
            memory=planning_authority.heeded if planning_authority is not None else None,
        )
        managers = [worker.approval_manager for worker in self.workers if worker.approval_manager is not None]
        patience = max((manager.policy.timeout_seconds for manager in managers), default=WAIT_S)
        super().__init__(
            home=self.crew.home,
            routing_authority=self.crew.authority,
            fallback=fallback,
            wait_s=patience if wait_s is None else wait_s,
        )
        for manager in managers:
            manager.join(self.home)
        for worker in self.workers:
            worker.crew = worker.crew or self.crew
        self.planner.join(self.home)
        self.planning_authority = planning_authority or PlanningAuthority(planner=planner, memory=memory)
        self.audit_trail = audit_trail or NoOpAuditTrail()
        self.audit_fault = ""  # why the trail could not be written the last time; empty: it was

    @property
    def routing_authority(self) -> RoutingAuthority:
        """Who decides where work goes."""
        return self.crew.authority

    @routing_authority.setter
    def routing_authority(self, authority: RoutingAuthority) -> None:
        self.crew.authority = authority

    # --- goals ----------------------------------------------------------------------------------------------------
    async def plan_for(self, goal: str, context: ExecutionContext) -> Plan:
        """The planning authority's plan; what a worker's policy asks about is asked of a person first."""
        house = await self.home.do(self.crew.ready())
        self.audit_trail.redactor = self.audit_trail.redactor or (await self.home.do(house.open())).redactor
        plan = await self.planning_authority.create_plan(goal, context)
        steps = tuple(
            msgspec.structs.replace(step, ask_first=True) if self._asks(step.tool, step.input) else step
            for step in plan.steps
        )
        return msgspec.structs.replace(plan, steps=steps)

    def _asks(self, tool: str, inputs: Mapping[str, Any]) -> bool:
        return any(
            worker.approval_manager.policy.requires_approval(tool, inputs)
            for worker in self.workers
            if worker.approval_manager is not None
        )

    def shown(self, stage: LifecycleStage, data: dict[str, Any], context: ExecutionContext) -> dict[str, Any]:
        """Stages as they are, with the worker that a step was routed to; what an audit trail keeps goes to it."""
        plan: Plan | None = data.get("plan")
        if stage is LifecycleStage.ROUTE:
            routed: RouteDecision = data["decision"]  # by now the step may be tried again, in other hands
            kept = self.crew.decisions.get((data["run_id"], data["step"]))
            decision = told(routed) if routed.policy == CREW else kept or routed
            self._record(self.audit_trail.record_decision, decision, context, step=data["step"], run_id=data["run_id"])
            return {**data, "decision": decision}
        if plan is not None and (stage is LifecycleStage.PLAN or stage.is_end):
            self._record(self.audit_trail.record_plan, plan, context)
        return data

    def _record(self, how: Callable[..., Any], *what: Any, **more: Any) -> None:
        """Tell the audit trail. One that cannot be written is an export that is missing, and stops no work."""
        try:
            how(*what, **more)
        except Exception as error:
            if not self.audit_fault:
                _log.warning("the audit trail is not written: %s: %s", type(error).__name__, error)
            self.audit_fault = f"{type(error).__name__}: {error}"

    def dispatch(self, goal: str, metadata: Mapping[str, Any] | None = None, *, trace_id: str = "") -> AgentResult:
        """Run a goal to its end, for plain functions. Raises as `orchestrate` does; what is missing raises too."""
        said = {**(metadata or {}), **({"trace_id": trace_id} if trace_id else {})}
        return self.home.do_now(self._dispatched(goal, context_of(said)))

    async def _dispatched(self, goal: str, context: ExecutionContext) -> AgentResult:
        last: dict[str, Any] = {}
        run_id = ""
        async for event in self.orchestrate(goal, context, error_strategy=ErrorPropagation.FAIL_FAST):
            last = event["data"]
            run_id = last.get("run_id", run_id)
        result = await self.coordinator.result(run_id)
        if not result.success:
            raise ToolExecutionError(result.reason, partial_result=last.get("partial_result"), run_id=run_id)
        trace = await self.coordinator.trace(run_id)
        outputs = list(result.results.values())
        return AgentResult(
            output=outputs[-1] if outputs else None,
            trace=trace.events,
            results=result.results,
            run_id=run_id,
            trace_id=result.trace_id,
        )

    async def process(self, request: AgentRequest) -> AgentResponse:
        """Run the goal of a request. Whatever goes wrong is an answer."""
        try:
            result = await self.home.do(self._dispatched(request.goal, request.context))
        except CugaError as error:
            return response_to(error)
        return AgentResponse(status="success", result=result.output, trace=result.trace)

    # --- routing --------------------------------------------------------------------------------------------------
    def make_routing_decision(
        self, task: Any, context: ExecutionContext, available_agents: Sequence[Any] = ()
    ) -> RoutingDecision:
        """The authority's decision, recorded; without agents the workers are meant."""
        decision = super().make_routing_decision(task, context, available_agents or [w.name for w in self.workers])
        told = str(getattr(task, "tool", task))
        self._record(self.audit_trail.record_decision, decision, self.circumstances(context), task=told)
        return decision

    def _select_worker(self) -> WorkerAgent:
        """Deprecated: ask the routing authority."""
        warnings.warn(
            "_select_worker is deprecated; use make_routing_decision, which is recorded",
            DeprecationWarning,
            stacklevel=2,
        )
        candidates = [Candidate(name=worker.name, running=self.crew.busy[worker.name]) for worker in self.workers]
        target = self.routing_authority.route_to_worker(candidates).target
        return next(worker for worker in self.workers if worker.name == target)
