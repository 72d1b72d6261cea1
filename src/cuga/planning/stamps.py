"""A checked plan that comes from outside: would the check here give it exactly these stamps?

A plan may be old, or made elsewhere. What it says of its tools is compared with the contracts and never believed.
"""

from __future__ import annotations

import msgspec

from cuga.errors import PlanInvalid
from cuga.model.plan import CheckedPlan, Plan, PlanStep, Step
from cuga.planning.check import check
from cuga.policy.profile import Rulebook

_STAMPS = ("tool_digest", "domain", "side_effect", "cost")


def must_be_as_checked(plan: CheckedPlan, rulebook: Rulebook) -> None:
    """Raise `PlanInvalid`, naming every difference, unless checking the plan anew gives the same steps."""
    fresh = check(proposed(plan), rulebook, number=plan.number)
    problems = [
        f"step {step.step_id!r}: {fault}"
        for step, anew in zip(plan.steps, fresh.steps, strict=True)
        for fault in _differences(step, anew)
    ]
    if problems:
        raise PlanInvalid(
            "; ".join(problems[:20]), problems=tuple(problems), mend="Plan it again: the rules are not what they were."
        )


def proposed(plan: CheckedPlan) -> Plan:
    """A checked plan without its stamps: what was proposed. `PlanInvalid` for an input that is no JSON."""
    return Plan(
        goal=plan.goal,
        steps=tuple(proposed_step(step) for step in plan.steps),
        plan_id=plan.plan_id,
        planner=plan.planner,
        why=plan.why,
        notes=plan.notes,
        budget=plan.budget,
    )


def proposed_step(step: Step) -> PlanStep:
    """A checked step as it would be proposed, without its stamps."""
    try:
        body = msgspec.json.decode(step.input)
    except msgspec.DecodeError as error:
        raise PlanInvalid(f"step {step.step_id!r}: its input is not JSON: {error}") from None
    return PlanStep(
        tool=step.tool,
        input=body,
        step_id=step.step_id,
        name=step.name,
        reason=step.reason,
        depends_on=step.depends_on,
        when=step.when,
        for_each=step.for_each,
        required=step.required,
        ask_first=step.ask_first,
        unproven=step.unproven,
    )


def _differences(step: Step, anew: Step) -> list[str]:
    found = [
        f"its {name} is {_said(step, name)}, and {step.tool} has {_said(anew, name)}"
        for name in _STAMPS
        if getattr(step, name) != getattr(anew, name)
    ]
    if not found and step != anew:
        found.append("its input or its wiring is not as the check writes it")
    return found


def _said(step: Step, name: str) -> str:
    value = getattr(step, name)
    return str(getattr(value, "value", value))[:12]
