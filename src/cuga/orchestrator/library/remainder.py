"""The part of a plan that is not done: later steps get the outputs they refer to as values.

Decides nothing about runs; `resuming` says what counts as done and what stays out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from cuga.errors import BadInput
from cuga.kernel.references import Unresolved, filled, pointed
from cuga.kernel.state import Phase, RunState
from cuga.model.plan import ITEM, REFERENCE, ForEach, Plan, PlanningStage, PlanStep, Reference, needs_of_list
from cuga.model.value import encode
from cuga.policy.condition import ConditionError, holds


def rest_of(plan: Plan, results: Mapping[str, Any], without: Collection[str] = ()) -> Plan | None:
    """A plan without the steps that `results` has outputs of, by step id; None when nothing is left.

    Steps in `without`, those whose condition is settled and does not hold, and all that depends on either stay out.
    """
    left = [step for step in plan.steps if step.step_id not in results]
    out = _with_dependants({*without}, left)
    going = {step.step_id for step in left} - out
    out |= {step.step_id for step in left if step.step_id in going and not _may_run(step, results, going)}
    out = _with_dependants(out, left)
    going -= out
    if not going:
        return None
    kept = [_freed(step, results, going) for step in left if step.step_id in going]
    steps = tuple(
        replace(step, depends_on=tuple(n for n in step.depends_on if n in going), index=index)
        for index, step in enumerate(kept)
    )
    return replace(plan, steps=steps, plan_id="", stage=PlanningStage.CREATED)


def _with_dependants(out: set[str], steps: list[PlanStep]) -> set[str]:
    """These steps and all that needs one of them, however far down."""
    needs = {step.step_id: set(_needs(step)) for step in steps}
    found = set(out)
    while more := {step for step, wanted in needs.items() if step not in found and wanted & found}:
        found |= more
    return found


def _needs(step: PlanStep) -> Iterator[str]:
    yield from step.depends_on
    if step.when is not None:
        yield from (reference.step for reference in step.when.bind.values())
    yield from (reference.step for reference in needs_of_list(step.for_each))
    yield from _pointed_at(step.input)


def brought_by(plan: Plan, sources: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Where in the inputs of a plan's steps something stands that comes from some of its steps, however many others it
    went through: step -> the names of arguments as JSON Pointers; all of them for an item of a list."""
    found: dict[str, tuple[str, ...]] = {}
    while True:
        known = {*sources, *found}
        news = {
            step.step_id: paths
            for step in plan.steps
            if step.step_id not in found and (paths := tuple(_paths_from(step, known)))
        }
        if not news:
            return found
        found |= news


def _paths_from(step: PlanStep, sources: Collection[str]) -> Iterator[str]:
    is_item = any(reference.step in sources for reference in needs_of_list(step.for_each))
    for name, value in step.input.items():
        if is_item or any(source in sources for source in _pointed_at(value)):
            yield "/" + name.replace("~", "~0").replace("/", "~1")


def _pointed_at(value: Any) -> Iterator[str]:
    """The steps that an input refers to."""
    if isinstance(value, dict):
        if len(value) == 1 and REFERENCE in value:
            yield msgspec.convert(value[REFERENCE], Reference).step
            return
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for inner in value:
            yield from _pointed_at(inner)


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
    each = _freed_list(step.step_id, step.for_each, results, going)
    return replace(step, input=msgspec.json.decode(body), when=when, for_each=each)


def _freed_list(step: str, each: ForEach | None, results: Mapping[str, Any], going: Collection[str]) -> ForEach | None:
    """A list with the items that a finished step gave written out."""
    if each is None:
        return None
    if each.when is not None and any(reference.step not in going for reference in each.when.bind.values()):
        raise BadInput(f"the list of {step} is chosen by what is done already; plan it anew")
    if each.over is None or each.over.step in going:
        return each
    items = _pointed(results, each.over)
    if not isinstance(items, list):
        raise BadInput(f"at {each.over.path!r} of step {each.over.step} is no list")
    return replace(each, over=None, items=tuple(items))


def lists_left(plan: Plan, state: RunState, results: dict[str, Any]) -> Plan:
    """A plan whose lists go on with those calls that were wanted and not done; `results` forgets such a list.

    A list that a later step still waits for stays as it is: that step goes on with what was done.
    """
    steps = {step.step_id: step for step in plan.steps}
    for name, listing in state.lists.items():
        left = [call for call in listing.calls if _is_left(state, call)]
        waits = any(name in _needs(step) and step.step_id not in results for step in plan.steps)
        if name not in steps or not left or (waits and name in results):
            continue
        inputs = [msgspec.json.decode(state.inputs.get(call, state.step(call).input)) for call in left]
        whole = {key: {ITEM: "/" + key.replace("~", "~0").replace("/", "~1")} for key in inputs[0]}
        shared = {key: where for key, where in whole.items() if all(key in one for one in inputs)}
        if any(one.keys() != shared.keys() for one in inputs):
            raise BadInput(f"the calls of {name} that are left were amended apart; begin a new run with them")
        steps[name] = replace(steps[name], input=whole, for_each=ForEach(items=tuple(inputs)), when=None)
        results.pop(name, None)
    return replace(plan, steps=tuple(steps.values()))


def _is_left(state: RunState, call: str) -> bool:
    phase = state.phase[call]
    return phase is Phase.FAILED or (phase is Phase.SKIPPED and call in state.reasons)


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
