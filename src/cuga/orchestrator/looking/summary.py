"""The result of a run in the shape that callers of the library get, whichever way the run ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cuga.kernel.state import RunState
from cuga.model import event as e
from cuga.model.event import Status
from cuga.model.failure import FailureMode
from cuga.orchestrator.execution import ExecutionResult
from cuga.policy.judge import Rules
from cuga.projections.budget import utilisation_of
from cuga.projections.result import RunResult


def summary_of(found: RunResult, events: Sequence[e.Event], state: RunState, rules: Rules) -> ExecutionResult:
    """The result so far."""
    return ExecutionResult(
        run_id=found.run_id,
        trace_id=found.trace_id,
        status=found.status,
        success=found.status is Status.SUCCESS,
        reason=found.reason,
        next_steps=found.next,
        results=found.outputs,
        partial_results=found.steps,
        failure_context=_failure(events, state),
        budget_utilization=utilisation_of(state, rules.profile.limits).as_dict(),
        approvals_required=len(found.approvals),
        approvals_received=sum(isinstance(event, e.ApprovalReceived) and event.final for event in events),
        profile=found.profile,
        user_id=found.requester,
    )


def _failure(events: Sequence[e.Event], state: RunState) -> dict[str, Any]:
    """The first thing that kept a required step from being done, with its mode."""
    modes: dict[str, tuple[str, str]] = {}
    for event in events:
        match event:
            case e.ToolCallError(step=step, mode=mode, message=message):
                modes[step] = (mode.value, message)
            case e.StepRefused(step=step, mode=mode, reason=reason) | e.StepFailed(step=step, mode=mode, reason=reason):
                modes[step] = (mode.value, reason)
            case e.ApprovalReceived(step=step, verdict=e.Verdict.DENY, final=True, reason=reason, by=by):
                modes[step] = (FailureMode.POLICY_APPROVAL.value, f"denied by {by}" + (f": {reason}" if reason else ""))
            case e.ApprovalTimeout(step=step):
                modes[step] = (FailureMode.POLICY_APPROVAL.value, "nobody decided in time")
            case e.BudgetExceeded(step=step, scope=scope, used=used, limit=limit):
                modes[step] = (FailureMode.POLICY_BUDGET.value, f"the budget {scope} is used up: {used} of {limit}")
            case e.PlanFailed(mode=mode, reason=reason):
                return {"stage": "PLAN", "mode": mode.value, "reason": reason}
            case _:
                pass
    lost = {**state.reasons, **dict.fromkeys(state.doubts, "nobody knows whether it happened")}
    for step, why in lost.items():
        said, message = modes.get(step) or modes.get(state.step(step).list_of) or ("", why)
        return {"stage": "EXECUTE", "step": step, "tool": state.step(step).tool, "mode": said, "reason": message}
    return {}
