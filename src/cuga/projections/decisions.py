"""Each decision of a run in one list: how it was planned, where steps went, who agreed, each with its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from cuga.errors import BadInput
from cuga.model import event as e
from cuga.model.value import Value

PLANNING = "planning"
ROUTING = "routing"
APPROVAL = "approval"
TYPES = (PLANNING, ROUTING, APPROVAL)


class Decision(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One decision. `target` is what was chosen, `by` a person, a planner or a rule; `number` counts within the run."""

    number: int
    at: datetime
    run_id: str
    trace_id: str
    decision_type: str
    target: str
    reasoning: str
    by: str = ""
    step: str = ""
    alternatives: tuple[str, ...] = ()
    context: dict[str, Any] = {}


def decisions_of(run_id: str, events: Iterable[e.Event]) -> tuple[Decision, ...]:
    """The decisions of one run's facts, in order."""
    found: list[Decision] = []
    trace_id = goal = ""
    for event in events:
        if isinstance(event, e.RunStarted):
            trace_id, goal = event.trace_id, event.goal
        fields = _fields(event, goal)
        if fields:
            found.append(Decision(number=len(found) + 1, at=event.at, run_id=run_id, trace_id=trace_id, **fields))
    return tuple(found)


def of_type(decisions: Sequence[Decision], decision_type: str) -> tuple[Decision, ...]:
    """The decisions of one type; `BadInput` for a type that there is not."""
    if decision_type not in TYPES:
        raise BadInput(f"there are no decisions of type {decision_type!r}", mend=f"types: {', '.join(TYPES)}")
    return tuple(one for one in decisions if one.decision_type == decision_type)


def _fields(event: e.Event, goal: str) -> dict[str, Any]:
    match event:
        case e.PlanCreated(plan=plan):
            return {
                "decision_type": PLANNING,
                "target": plan.plan_id,
                "reasoning": "; ".join((f"goal: {goal}", *plan.why)),
                "by": plan.planner,
                "context": {
                    "source": event.source,
                    "number": plan.number,
                    "step_count": len(plan.steps),
                    "tools": [step.tool for step in plan.steps],
                    "notes": list(plan.notes),
                },
            }
        case e.PlanFailed():
            context = {"mode": event.mode.value, "mend": event.mend}
            return {"decision_type": PLANNING, "target": "", "reasoning": event.reason, "context": context}
        case e.RouteDecision():
            return {
                "decision_type": ROUTING,
                "target": event.target,
                "reasoning": event.reason,
                "step": event.step,
                "alternatives": event.alternatives,
                "context": {
                    "adapters": event.adapters,
                    "policy": event.policy,
                    "confidence": event.confidence_percent / 100,
                    "reduced": event.reduced,
                },
            }
        case e.StepRefused():
            context = {"rule": event.rule, "mode": event.mode.value}
            return _routing(event.step, "refused", event.reason, event.rule, context)
        case e.ApprovalReceived():
            others = tuple(verdict.value for verdict in e.Verdict if verdict is not event.verdict)
            return {
                "decision_type": APPROVAL,
                "target": event.verdict.value,
                "reasoning": event.reason,
                "by": event.by or event.rule,
                "step": event.step,
                "alternatives": others,
                "context": {
                    "approval_id": event.approval_id,
                    "digest": event.digest,
                    "final": event.final,
                    "on_behalf_of": event.on_behalf_of,
                    "solo": event.solo,
                },
            }
        case e.ApprovalTimeout():
            return {
                "decision_type": APPROVAL,
                "target": "expired",
                "reasoning": "nobody decided in time",
                "step": event.step,
                "context": {"approval_id": event.approval_id},
            }
        case _:
            return {}


def _routing(step: str, target: str, reason: str, by: str, context: dict[str, Any]) -> dict[str, Any]:
    return {
        "decision_type": ROUTING,
        "target": target,
        "reasoning": reason,
        "by": by,
        "step": step,
        "context": context,
    }
