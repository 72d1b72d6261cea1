"""The result of a run as a value, read from its facts: for callers of the library, whichever way the run ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from cuga.errors import NotFound
from cuga.journal.port import ReadJournal
from cuga.kernel.state import Phase, RunState
from cuga.model import event as e
from cuga.model.event import Status
from cuga.model.value import units
from cuga.orchestrator.execution import ExecutionResult, StepResult
from cuga.policy.judge import Rules
from cuga.projections.budget import utilisation_of


async def summary_of(events: Sequence[e.Event], state: RunState, rules: Rules, journal: ReadJournal) -> ExecutionResult:
    """The result so far. Large outputs are read back from the journal."""
    outputs, durations = await _outputs(events, journal)
    steps = tuple(
        StepResult(
            step_id=step_id,
            tool=state.step(step_id).tool,
            state=phase.value,
            reason=state.reasons.get(step_id, ""),
            output=outputs.get(step_id),
            cost=units(state.step(step_id).cost) if step_id in state.attempt else 0.0,
            duration_ms=durations.get(step_id, 0) / 1000,
        )
        for step_id, phase in state.phase.items()
    )
    return ExecutionResult(
        run_id=state.run_id,
        trace_id=state.started.trace_id,
        status=state.status,
        success=state.status is Status.SUCCESS,
        reason=_reason(state),
        next_steps=_next_steps(state),
        results={step_id: value for step_id, value in outputs.items() if state.phase[step_id] is Phase.DONE},
        partial_results=steps,
        failure_context=_failure(events, state),
        budget_utilization=utilisation_of(state, rules.profile.limits).as_dict(),
        approvals_required=sum(isinstance(event, e.ApprovalRequested) for event in events),
        approvals_received=sum(isinstance(event, e.ApprovalReceived) and event.final for event in events),
    )


async def _outputs(events: Sequence[e.Event], journal: ReadJournal) -> tuple[dict[str, Any], dict[str, int]]:
    outputs: dict[str, Any] = {}
    durations: dict[str, int] = {}
    for event in events:
        match event:
            case e.ToolCallComplete(step=step, blob=None):
                outputs[step] = msgspec.json.decode(event.result)
                durations[step] = event.duration_us
            case e.ToolCallComplete(step=step, blob=blob) if blob is not None:
                durations[step] = event.duration_us
                try:
                    outputs[step] = msgspec.json.decode(await journal.blob(blob.digest))
                except NotFound:
                    outputs[step] = {"too_large_to_keep": blob.size, "sha256": blob.digest}
            case e.DoubtResolved(step=step, answer=e.DoubtAnswer.HAPPENED):
                outputs[step] = msgspec.json.decode(event.result)
            case _:
                pass
    return outputs, durations


def _reason(state: RunState) -> str:
    if state.end is not None:
        return state.end.reason
    return state.parked.reason if state.parked is not None else "running"


def _next_steps(state: RunState) -> tuple[str, ...]:
    if state.end is not None:
        return (state.end.mend,) if state.end.mend else ()
    return state.parked.needs if state.parked is not None else ()


def _failure(events: Sequence[e.Event], state: RunState) -> dict[str, Any]:
    """The first thing that kept a required step from being done, with its mode."""
    modes: dict[str, tuple[str, str]] = {}
    for event in events:
        match event:
            case e.ToolCallError(step=step, mode=mode, message=message):
                modes[step] = (mode.value, message)
            case e.StepRefused(step=step, mode=mode, reason=reason) | e.StepFailed(step=step, mode=mode, reason=reason):
                modes[step] = (mode.value, reason)
            case e.PlanFailed(mode=mode, reason=reason):
                return {"stage": "PLAN", "mode": mode.value, "reason": reason}
            case _:
                pass
    for step, why in state.reasons.items():
        said, message = modes.get(step, ("", why))
        return {"stage": "EXECUTE", "step": step, "tool": state.step(step).tool, "mode": said, "reason": message}
    return {}
