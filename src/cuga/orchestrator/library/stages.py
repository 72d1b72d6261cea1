"""The lifecycle of a run, drawn from its facts as they become durable. Says what happened, decides nothing.

One ROUTE and one EXECUTE for each step, however often it was tried: tries are facts of the trace. A step that the rules
refuse is never routed and has its EXECUTE with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from cuga.errors import ApprovalTimeoutError
from cuga.journal.codec import events_of
from cuga.kernel.state import Phase, RunState
from cuga.model import event as e
from cuga.model.event import Event, Status
from cuga.model.plan import CheckedPlan, Plan, PlanningStage
from cuga.orchestrator.execution import ExecutionResult
from cuga.orchestrator.failures import PartialResult
from cuga.orchestrator.looking.reading import Reading
from cuga.orchestrator.protocol import LifecycleStage
from cuga.planning.stamps import proposed_step

Stage = tuple[LifecycleStage, dict[str, Any]]


async def facts(house: Reading, run_id: str, wait_s: float) -> AsyncGenerator[Event, None]:
    """The facts of a run as they become durable, to its end.

    While it waits for people it is followed for `wait_s` more seconds; then `ApprovalTimeoutError` says for what. The
    run stays as it is. `HouseClosed` when the house is closed before the end, or what the run is stuck on.
    """
    assembly = await house.open()
    seen = 0
    with assembly.engine.news(run_id) as news:
        while True:
            news.check()
            for event in events_of(await assembly.journal.read(run_id, seen)):
                seen += 1
                yield event
                if isinstance(event, e.RunFinished):
                    return
            state = await assembly.driver.state(run_id)
            if state.version > seen:
                continue
            parked = state.parked  # without needs it waits for its own next try
            waits_for_people = parked is not None and bool(parked.needs or not state.due)
            try:
                async with asyncio.timeout(wait_s if waits_for_people else None):
                    await news.get()
            except TimeoutError:
                assert parked is not None
                raise ApprovalTimeoutError(
                    f"run {run_id} still waits after {wait_s:g} s: {parked.reason}",
                    run_id=run_id,
                    approvals=tuple(state.pending),
                    mend=parked.needs[0] if parked.needs else "",
                ) from None


class Lifelines:
    """The stages of one run, fact by fact. `failed` is the first step that a required result was lost with."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan
        self.failed: dict[str, Any] = {}
        self._routed: set[str] = set()
        self._gone: set[str] = set()

    def after(self, event: Event) -> list[Stage]:
        """The stages that a fact begins or ends."""
        match event:
            case e.PlanCreated(plan=plan):
                self.plan = proposal_of(plan, self.plan)
                return [(LifecycleStage.PLAN, {"plan": self.plan})]
            case e.RouteDecision(step=step) if step not in self._routed:
                self._routed.add(step)
                self._advance(PlanningStage.ROUTED)
                return [(LifecycleStage.ROUTE, {"step": step, "decision": event, "plan": self.plan})]
            case e.ToolCallStart():
                self._advance(PlanningStage.ROUTED)  # a newer plan may hold a step that was routed under the one before
                self._advance(PlanningStage.EXECUTING)
            case e.ToolCallComplete(step=step):
                result = None if event.blob is not None else msgspec.json.decode(event.result)
                return [(LifecycleStage.EXECUTE, {"step": step, "result": result, "plan": self.plan})]
            case e.ToolCallError(step=step, mode=mode, message=message) if event.retry_at is None:
                return [self._lost(step, mode.value, message)]
            case e.StepRefused(step=step, mode=mode, reason=reason) | e.StepFailed(step=step, mode=mode, reason=reason):
                return [self._lost(step, mode.value, reason)]
            case e.ApprovalReceived(step=step, verdict=e.Verdict.DENY, final=True):
                return [self._lost(step, "policy_approval", f"denied by {event.by}: {event.reason}".rstrip(": "))]
            case e.ApprovalTimeout(step=step):
                return [self._lost(step, "policy_approval", "nobody decided in time")]
            case e.StepSkipped(step=step, by_condition=False, reason=reason) if self._needs_a_lost(step):
                self._lost(step, "agent_logic", reason)  # a required step may have needed an optional one
            case _:
                pass
        return []

    def _lost(self, step: str, mode: str, error: str) -> Stage:
        lost = {"step": step, "error": error, "failure_mode": mode}
        self._gone.add(step)
        if not self.failed and self._is_required(step):
            self.failed = lost
        return LifecycleStage.EXECUTE, {**lost, "plan": self.plan}

    def _is_required(self, step: str) -> bool:
        return all(one.required for one in self.plan.steps if one.step_id == step) if self.plan is not None else True

    def _needs_a_lost(self, step: str) -> bool:
        steps = self.plan.steps if self.plan is not None else ()
        return any(self._gone & set(one.depends_on) for one in steps if one.step_id == step)

    def _advance(self, stage: PlanningStage) -> None:
        order = list(PlanningStage)
        if self.plan is not None and order.index(self.plan.stage) < order.index(stage):
            self.plan = self.plan.transition_to(stage)

    def end(self, result: ExecutionResult, stage: LifecycleStage) -> list[Stage]:
        """AGGREGATE and the end, with what came of the run."""
        ends = {LifecycleStage.COMPLETE: PlanningStage.COMPLETED, LifecycleStage.CANCELLED: PlanningStage.CANCELLED}
        if self.plan is not None and not self.plan.stage.is_end:
            wanted = ends.get(stage, PlanningStage.FAILED)
            if wanted is PlanningStage.COMPLETED:  # every step may have been left out by its condition
                self._advance(PlanningStage.ROUTED)
                self._advance(PlanningStage.EXECUTING)
            self.plan = self.plan.transition_to(wanted)
        gathered = {"results": result.results, "status": result.status.value, "result": result}
        last: dict[str, Any] = {"status": result.status.value, "reason": result.reason, "plan": self.plan}
        if result.status is not Status.SUCCESS:
            last |= {"partial": bool(result.results), "partial_result": PartialResult.of_run(result)}
        return [(LifecycleStage.AGGREGATE, gathered), (stage, last)]


def proposal_of(plan: CheckedPlan, proposed: Plan | None = None) -> Plan:
    """A checked plan in the words of callers; budget and trace are those of the proposal when there was one."""
    return Plan(
        plan_id=plan.plan_id,
        goal=plan.goal,
        planner=plan.planner,
        why=plan.why,
        notes=plan.notes,
        budget=plan.budget or (proposed.budget if proposed is not None else None),
        trace_id=proposed.trace_id if proposed is not None else "",
        steps=tuple(
            msgspec.structs.replace(
                proposed_step(step),
                estimated_cost=step.cost / 1_000_000,
                index=index,
                metadata={
                    "domain": step.domain,
                    "side_effect_class": step.side_effect.value,
                    "depends_on": list(step.depends_on),
                },
            )
            for index, step in enumerate(plan.steps)
        ),
    )


def stage_of(state: RunState) -> PlanningStage:
    """How far the plan of a run has come, read from where the run stands."""
    match state.status:
        case Status.SUCCESS | Status.PARTIAL:
            return PlanningStage.COMPLETED
        case Status.FAILED:
            return PlanningStage.FAILED
        case Status.CANCELLED:
            return PlanningStage.CANCELLED
        case _:
            pass
    if any(phase is not Phase.PENDING and phase is not Phase.AWAITING_APPROVAL for phase in state.phase.values()):
        return PlanningStage.EXECUTING
    return PlanningStage.CREATED
