"""One goal planned twice, by the rules and by the model, and what tells the two plans apart. Nothing of either runs."""

from __future__ import annotations

from collections.abc import Sequence

from cuga.model.asking_event import ModelHeard
from cuga.model.value import Value, units
from cuga.orchestrator.looking.reading import Planned

NOTHING = "no model was asked"


class Compared(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Both answers, and the differences in words. `line` says how the model stands."""

    rules: Planned
    model: Planned
    line: str
    spent: str
    differences: tuple[str, ...]


def differences(rules: Planned, model: Planned) -> tuple[str, ...]:
    """What tells two plans apart: tools, their order, arguments, cost, and how many calls need a person."""
    if rules.plan is None or model.plan is None:
        has = [name for name, one in (("the rules", rules), ("the model", model)) if one.plan is not None]
        return (f"only {has[0]} have a plan" if has == ["the rules"] else f"only {has[0]} has a plan",) if has else ()
    if model.plan.planner != "model":
        return ("no model planned: both are the rules' plan",)
    ours, theirs = (tuple(step.tool for step in one.steps) for one in (rules.plan, model.plan))
    found = []
    if only := [tool for tool in dict.fromkeys(ours) if tool not in theirs]:
        found.append(f"only the rules call {', '.join(only)}")
    if only := [tool for tool in dict.fromkeys(theirs) if tool not in ours]:
        found.append(f"only the model calls {', '.join(only)}")
    if ours != theirs and sorted(ours) == sorted(theirs):
        found.append(f"another order: {', '.join(ours)} by the rules, {', '.join(theirs)} by the model")
    for tool in dict.fromkeys(ours):
        one, other = (
            [bytes(step.input) for step in plan.steps if step.tool == tool] for plan in (rules.plan, model.plan)
        )
        if other and one != other:
            found.append(f"other arguments for {tool}")
    cost = [sum(step.cost for step in plan.steps) for plan in (rules.plan, model.plan)]
    if cost[0] != cost[1]:
        found.append(f"cost {units(cost[0]):g} by the rules, {units(cost[1]):g} by the model")
    if marked := [step.step_id for step in model.plan.steps if step.unproven]:
        found.append(f"the model brings values of its own in {', '.join(marked)}")
    return tuple(found) or ("none: the same tools, arguments and cost",)


def spent_words(heard: Sequence[ModelHeard]) -> str:
    """What asking took; what nobody knows is said to be unknown."""
    if not heard:
        return NOTHING
    tokens = [one.tokens for one in heard]
    money = [one.money for one in heard]
    count = "an unknown number of" if None in tokens else f"{sum(filter(None, tokens)):,}"
    price = "an unknown price" if None in money else f"${units(sum(filter(None, money))):.4f}"
    return f"{count} tokens, {price}"
