"""Plans after the first: feedback asks for another one, what is done stays, what the new plan drops is superseded."""

from __future__ import annotations

from typing import Any

import msgspec

from cuga.errors import InvalidTransition
from cuga.kernel.state import Phase, RunState
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.command import RecordPlan
from cuga.model.failure import FailureMode
from cuga.model.plan import REFERENCE, CheckedPlan, Reference, Step, When
from cuga.model.value import encode

MAX_REPLANS = 3


def ask(turn: Turn, feedback: str, by: str, step: str = "") -> None:
    """Ask the planner again with a person's words; after three times the step is given up instead."""
    s = turn.state
    if s.plan is None:
        raise InvalidTransition("there is no plan yet")
    if s.replans >= MAX_REPLANS:
        if step and not s.phase[step].is_end:
            turn.emit(
                e.StepFailed(
                    at=turn.now,
                    step=step,
                    mode=FailureMode.AGENT_LOGIC,
                    reason=f"changes were asked for again after {MAX_REPLANS} new plans",
                )
            )
            turn.skip_dependants(step)
            return
        raise InvalidTransition(f"a run is planned anew at most {MAX_REPLANS} times")
    turn.emit(e.ReplanRequested(at=turn.now, by=by, reason=feedback, step=step))
    turn.emit(
        e.PlanRequested(at=turn.now, planner=s.plan.planner, attempt=s.plan_attempt + 1, feedback=feedback)
    )


def accept(turn: Turn, command: RecordPlan) -> None:
    """Take a plan in. Steps it shares with the one before keep their state; open steps it lacks are superseded."""
    s = turn.state
    plan = command.plan
    named = {step.step_id for step in plan.steps}
    for step, phase in list(s.phase.items()):
        if step in named or phase.is_end or phase in (Phase.CALLING, Phase.IN_DOUBT):
            continue
        approval = s.awaiting.get(step) or (s.grants[step].approval_id if step in s.grants else "")
        if approval:
            turn.emit(
                e.ApprovalSuperseded(at=turn.now, approval_id=approval, step=step, reason="a newer plan drops the step")
            )
        turn.emit(e.StepSuperseded(at=turn.now, step=step, plan_number=plan.number))
    turn.emit(e.PlanCreated(at=turn.now, plan=plan, source=command.source))
    for step in list(s.index.steps):
        if s.phase.get(step) in (Phase.FAILED, Phase.DENIED, Phase.SKIPPED):
            turn.skip_dependants(step)
    end_if_only_planned(turn)


def end_if_only_planned(turn: Turn) -> None:
    """A run that only plans has no steps to do: they are left out, without a reason to regret."""
    s = turn.state
    if s.started.plan_only:
        for step, phase in list(s.phase.items()):
            if not phase.is_end:
                turn.emit(e.StepSkipped(at=turn.now, step=step, reason="planned only", by_condition=True))


def aligned(state: RunState, plan: CheckedPlan) -> CheckedPlan:
    """A new plan in which steps that the run already has, the same tool with the same input, keep their ids.

    Steps that failed, were denied or left out are not taken up again; their place is taken by the new ones.
    """
    same: dict[str, str] = {}  # id in the new plan -> id the run knows
    used: set[str] = set()
    steps: list[Step] = []
    for step in plan.steps:
        moved = _renamed(step, same)
        for known, old in state.index.steps.items():
            if known in used or state.phase.get(known) in (Phase.FAILED, Phase.DENIED, Phase.SKIPPED):
                continue
            if (old.tool, old.tool_digest, old.when) == (moved.tool, moved.tool_digest, moved.when) and old.input == moved.input:
                same[step.step_id] = known
                used.add(known)
                moved = msgspec.structs.replace(moved, step_id=known)
                break
        steps.append(moved)
    return msgspec.structs.replace(plan, steps=tuple(steps))


def _renamed(step: Step, same: dict[str, str]) -> Step:
    if not same:
        return step

    def reference(found: Reference) -> Reference:
        return Reference(step=same.get(found.step, found.step), path=found.path)

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) == 1 and REFERENCE in value:
                return {REFERENCE: reference(msgspec.convert(value[REFERENCE], Reference))}
            return {key: walk(inner) for key, inner in value.items()}
        return [walk(inner) for inner in value] if isinstance(value, list) else value

    when = step.when
    if when is not None:
        when = When(expr=when.expr, bind={name: reference(found) for name, found in when.bind.items()})
    return msgspec.structs.replace(
        step,
        input=msgspec.Raw(encode(walk(msgspec.json.decode(step.input)))) if step.references else step.input,
        references=tuple(reference(found) for found in step.references),
        depends_on=tuple(same.get(needed, needed) for needed in step.depends_on),
        when=when,
    )
