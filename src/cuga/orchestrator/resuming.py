"""Going on with what a run has left: the steps that are not done, as a plan of their own.

What is done is never done again: outputs that later steps refer to are put in as values. Nothing is left of a run of
which nobody knows what happened; a person answers first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from cuga.errors import BadInput, InvalidTransition
from cuga.kernel.references import Unresolved, filled, pointed
from cuga.model.plan import Plan, PlanningStage, PlanStep, Reference
from cuga.model.value import encode
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.execution import ExecutionResult
from cuga.orchestrator.stages import proposal_of
from cuga.policy.condition import ConditionError, holds


async def what_is_left(house: Coordinator, result: ExecutionResult) -> Plan | None:
    """The plan of what a run has left undone; None when nothing is. `InvalidTransition` while a step is in doubt."""
    state = await house.state(result.run_id)
    if state.doubts:
        first = min(state.doubts)
        raise InvalidTransition(
            f"nobody knows whether {first} of {result.run_id} happened",
            mend=f"cuga resolve {result.run_id} {first} happened|did-not|again",
        )
    if state.plan is None:
        return None
    return rest_of(proposal_of(state.plan), result.results)


def rest_of(plan: Plan, results: Mapping[str, Any]) -> Plan | None:
    """A plan without the steps that `results` has outputs of, by step id; None when nothing is left."""
    left = [step for step in plan.steps if step.step_id not in results]
    going = {step.step_id for step in left}
    kept = [_freed(step, results, going) for step in left if _may_run(step, results, going)]
    if not kept:
        return None
    names = {step.step_id for step in kept}
    steps = tuple(
        replace(step, depends_on=tuple(n for n in step.depends_on if n in names), index=index)
        for index, step in enumerate(kept)
    )
    return replace(plan, steps=steps, plan_id="", stage=PlanningStage.CREATED)


def _freed(step: PlanStep, results: Mapping[str, Any], going: Collection[str]) -> PlanStep:
    """The step with what it takes from finished steps put in as values."""

    def value(reference: Reference) -> Any:
        if reference.step in going:
            return {"$from": msgspec.to_builtins(reference)}
        return _pointed(results, reference)

    try:
        body = filled(msgspec.Raw(encode(step.input)), value)
    except Unresolved as problem:
        raise BadInput(f"step {step.step_id} cannot go on: {problem}") from None
    when = step.when if step.when and any(r.step in going for r in step.when.bind.values()) else None
    return replace(step, input=msgspec.json.decode(body), when=when)


def _may_run(step: PlanStep, results: Mapping[str, Any], going: Collection[str]) -> bool:
    """Whether its condition holds, as far as that is known already."""
    if step.when is None:
        return True
    known = {name: r for name, r in step.when.bind.items() if r.step not in going}
    if len(known) < len(step.when.bind):
        if known:
            raise BadInput(f"the condition of {step.step_id} mixes what is done with what is not; plan it anew")
        return True
    try:
        return holds(step.when.expr, {name: _pointed(results, reference) for name, reference in known.items()})
    except ConditionError as error:
        raise BadInput(f"the condition of {step.step_id} cannot be evaluated: {error}") from None


def _pointed(results: Mapping[str, Any], reference: Reference) -> Any:
    if reference.step not in results:
        raise BadInput(f"there is no output of step {reference.step}")
    try:
        return pointed(results[reference.step], reference.path)
    except Unresolved as problem:
        raise BadInput(f"{problem} of step {reference.step}") from None
