"""The reference orchestrator: one house, one run for each goal, its stages as they become durable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from cuga.errors import CugaError, InvalidTransition, OrchestrationError
from cuga.model.event import Status
from cuga.model.plan import Plan
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.execution import ExecutionContext, ExecutionResult
from cuga.orchestrator.failures import PartialResult
from cuga.orchestrator.home import Home
from cuga.orchestrator.library.lifecycle import Lifecycle
from cuga.orchestrator.library.resuming import Left, what_is_left
from cuga.orchestrator.library.stages import Lifelines, facts
from cuga.orchestrator.protocol import ErrorPropagation, LifecycleStage, OrchestratorProtocol
from cuga.orchestrator.routing import PolicyBasedRoutingAuthority, RoutingAuthority, RoutingDecision

Fallback = Callable[[str, ExecutionContext, PartialResult], Awaitable[Any]]

WAIT_S = 300.0  # how long people are waited for before the caller is told; the request stays open


class ReferenceOrchestrator(OrchestratorProtocol):
    """Runs goals in a house: the one handed in, or one in memory.

    `fallback` answers for what is left under `ErrorPropagation.FALLBACK`.
    """

    def __init__(
        self,
        coordinator: Coordinator | None = None,
        *,
        routing_authority: RoutingAuthority | None = None,
        fallback: Fallback | None = None,
        wait_s: float = WAIT_S,
        home: Home | None = None,
    ) -> None:
        self.home = home or (Home.of(coordinator) if coordinator is not None else Home.own())
        self.routing_authority: RoutingAuthority = routing_authority or PolicyBasedRoutingAuthority()
        self.fallback = fallback
        self.wait_s = wait_s
        self._lifecycle = Lifecycle(lambda: self.home.do(self.home.coordinator.open()), self.home.close)

    @property
    def coordinator(self) -> Coordinator:
        """The house's front door."""
        return self.home.coordinator

    async def plan_for(self, goal: str, context: ExecutionContext) -> Plan | None:
        """The plan to run; None: the house plans inside the run."""
        return None

    def circumstances(self, context: ExecutionContext) -> ExecutionContext:
        """A context with a trace: its own, else the one that this coordinator gives to all that bring none."""
        if context.trace_id:
            return context
        return msgspec.structs.replace(context, trace_id=self.coordinator.trace_emitter.trace_id)

    async def orchestrate(
        self,
        goal: str,
        context: ExecutionContext,
        *,
        error_strategy: ErrorPropagation = ErrorPropagation.FAIL_FAST,
    ) -> AsyncIterator[dict[str, Any]]:
        """See `OrchestratorProtocol.orchestrate`."""
        strategy = ErrorPropagation(error_strategy)
        context = self.circumstances(context)
        yield _said(LifecycleStage.INITIALIZE, {"goal": goal}, context)
        try:
            plan = await self.plan_for(goal, context)
            run_id = await self.home.do(self.coordinator.start(goal, plan=plan, context=context, budget=_budget(plan)))
        except CugaError as error:
            yield _said(LifecycleStage.AGGREGATE, {"results": {}, "status": "failed"}, context)
            yield _said(LifecycleStage.FAILED, {"reason": error.message, "partial": False}, context)
            raise OrchestrationError(error.message, stage=LifecycleStage.PLAN, mend=error.next_step) from error
        again = strategy is ErrorPropagation.RETRY
        left: Left | None = None
        while True:
            lines = Lifelines(plan)
            async for event in self.home.each(facts(self.coordinator, run_id, self.wait_s)):
                for stage, data in lines.after(event):
                    yield _said(stage, self.shown(stage, {"run_id": run_id, **data}, context), context)
                if lines.failed and strategy in (ErrorPropagation.FAIL_FAST, ErrorPropagation.FALLBACK):
                    await self._stop(run_id, lines.failed["error"])
            result = await self.home.do(self.coordinator.result(run_id))
            result = left.of(result) if left is not None else result
            found = await self._left(result, context) if again else None
            if found is None or found.plan is None:
                break
            again, left, plan, context = False, found, found.plan, found.context
            run_id = await self.home.do(self.coordinator.start(goal, plan=plan, context=context, budget=_budget(plan)))
        async for one in self._end(goal, result, lines, strategy, context):
            yield one

    async def _stop(self, run_id: str, why: str) -> None:
        state = await self.home.do(self.coordinator.state(run_id))
        if state.end is None and not state.cancel:
            with suppress(InvalidTransition):  # it ended meanwhile, and has nothing left to stop
                await self.home.do(self.coordinator.cancel(run_id, f"a step failed: {why}"))

    async def _left(self, result: ExecutionResult, context: ExecutionContext) -> Left | None:
        """What a run left undone, when its failure passes by itself; its results are put in."""
        if result.status not in (Status.PARTIAL, Status.FAILED):
            return None
        partial = PartialResult.of_run(result)
        if not partial.failure_mode.is_retryable:
            return None
        return await self.home.do(what_is_left(self.coordinator, partial, context))

    async def _end(
        self,
        goal: str,
        result: ExecutionResult,
        lines: Lifelines,
        strategy: ErrorPropagation,
        context: ExecutionContext,
    ) -> AsyncIterator[dict[str, Any]]:
        goes_on = strategy is ErrorPropagation.CONTINUE and result.status is Status.PARTIAL
        fell = None
        partial = PartialResult.of_run(result)
        if result.success or goes_on:
            end = LifecycleStage.COMPLETE
        elif result.status is Status.CANCELLED and not lines.failed:
            end = LifecycleStage.CANCELLED
        else:
            end = LifecycleStage.FAILED
            if strategy is ErrorPropagation.FALLBACK and self.fallback is not None:
                fell, end = {"fallback": await self.fallback(goal, context, partial)}, LifecycleStage.COMPLETE
        for stage, data in lines.end(result, end):
            yield _said(stage, self.shown(stage, {"run_id": result.run_id, **data, **(fell or {})}, context), context)
        if end is LifecycleStage.FAILED and strategy is not ErrorPropagation.CONTINUE:
            at = LifecycleStage.EXECUTE if lines.plan is not None else LifecycleStage.PLAN
            raise OrchestrationError(result.reason, stage=at, partial_result=partial, run_id=result.run_id)

    def shown(self, stage: LifecycleStage, data: dict[str, Any], context: ExecutionContext) -> dict[str, Any]:
        """The data of a stage as this orchestrator shows it."""
        return data

    def make_routing_decision(
        self, task: Any, context: ExecutionContext, available_agents: Sequence[Any]
    ) -> RoutingDecision:
        """See `OrchestratorProtocol.make_routing_decision`; the authority decides."""
        return self.routing_authority.route_to_agent(task, context, available_agents)

    async def handle_error(
        self, error: OrchestrationError, strategy: ErrorPropagation, context: ExecutionContext | None = None
    ) -> dict[str, Any] | None:
        """See `OrchestratorProtocol.handle_error`. RETRY runs what is left of the run once more."""
        partial: PartialResult | None = error.partial_result
        context = context or ExecutionContext()
        match ErrorPropagation(strategy):
            case ErrorPropagation.CONTINUE:
                data = {"error": error.message, "partial": bool(partial and partial.completed_steps)}
                return _said(LifecycleStage.FAILED, {**data, "partial_result": partial}, context)
            case ErrorPropagation.FALLBACK if self.fallback is not None:
                answer = await self.fallback("", context, partial or PartialResult(error=error.message))
                return _said(LifecycleStage.COMPLETE, {"fallback": answer, "partial_result": partial}, context)
            case ErrorPropagation.RETRY if partial is not None and partial.run_id and partial.failure_mode.is_retryable:
                left = await self.home.do(what_is_left(self.coordinator, partial, context))
                if left.plan is not None:
                    result = left.of(await self.home.do(self.coordinator.execute_plan(left.plan, left.context)))
                    if result.success:
                        data = {"results": result.results, "result": result}
                        return _said(LifecycleStage.COMPLETE, data, left.context)
            case _:
                pass
        raise error

    def get_lifecycle(self) -> Lifecycle:
        """See `OrchestratorProtocol.get_lifecycle`."""
        return self._lifecycle


def _budget(plan: Plan | None) -> Any:
    return plan.budget if plan is not None else None


def _said(stage: LifecycleStage, data: dict[str, Any], context: ExecutionContext) -> dict[str, Any]:
    return {"stage": stage, "data": data, "context": context}
