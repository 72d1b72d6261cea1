"""Valid values in one line: contracts, steps, plans, profiles, rules and people, so that a test says only what matters.

They hold no rules of their own; whatever is left out is a plain, valid default.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from cuga.model.context import Principal
from cuga.model.plan import ITEM, REFERENCE, CheckedPlan, ForEach, Reference, Step, When, needs_of_list
from cuga.model.tool import Repeatable, SideEffect, ToolContract
from cuga.model.value import encode
from cuga.policy.judge import Rules
from cuga.policy.profile import Approvals, Current, Limits, Profile, Rulebook

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)  # when stories begin
ADA = Principal(id="ada")  # asks for runs
GRACE = Principal(id="grace", roles=("approver",))
LIN = Principal(id="lin", roles=("approver",))
MAX = Principal(id="max", roles=("viewer",))
SOLO = Principal(id="sam", solo=True)  # alone in the house
ROLES = {"ada": ("operator",), "grace": ("approver",), "lin": ("approver",), "max": ("viewer",)}


def contract(name: str = "score", side_effect: str = "read-only", **changes: Any) -> ToolContract:
    """A tool's contract; `repeatable` and `side_effect` may be given as their text."""
    fields: dict[str, Any] = {"domain": "intelligence", "purpose": f"{name} something", **changes}
    fields["repeatable"] = Repeatable(fields.get("repeatable", "none"))
    return ToolContract(name=name, side_effect=SideEffect(side_effect), **fields)


READ = contract("score")
PROPOSE = contract("draft", "propose", domain="engagement")
EXECUTE = contract("send", "execute", domain="engagement")


def step(step_id: str, tool: ToolContract, arguments: Any = None, **changes: Any) -> Step:
    """A step that uses a tool; references inside the arguments are found by themselves."""
    body = {} if arguments is None else arguments
    fields: dict[str, Any] = {
        "tool": tool.name,
        "tool_digest": tool.digest(),
        "domain": tool.domain,
        "side_effect": tool.side_effect,
        "cost": tool.cost,
        "input": msgspec.Raw(encode(body)),
        "references": (*_references(body), *needs_of_list(changes.get("for_each"))),
        **changes,
    }
    return Step(step_id=step_id, **fields)


def output_of(step_id: str, path: str = "") -> dict[str, Any]:
    """The form that stands for an earlier output inside arguments."""
    return {REFERENCE: {"step": step_id, "path": path}}


def item(path: str = "") -> dict[str, Any]:
    """The form that stands for a value of a list's item inside arguments."""
    return {ITEM: path}


def each(over: str = "", **changes: Any) -> ForEach:
    """One call for each item of a list: of `step` or `step/pointer`, or of `items`."""
    name, mark, rest = over.partition("/")
    return ForEach(over=Reference(step=name, path=mark + rest) if name else None, **changes)


def when(expr: str, **bind: str) -> When:
    """A condition; each name is bound to `step` or `step/pointer`."""
    parted = {name: place.partition("/") for name, place in bind.items()}
    return When(
        expr=expr, bind={name: Reference(step=step, path=mark + rest) for name, (step, mark, rest) in parted.items()}
    )


def plan(*steps: Step, number: int = 1, **changes: Any) -> CheckedPlan:
    """A checked plan of these steps."""
    fields: dict[str, Any] = {"plan_id": f"plan-{number}", "goal": "sell more", "planner": "rules", **changes}
    return CheckedPlan(number=number, steps=steps, **fields)


def rules(
    *contracts: ToolContract,
    limits: Limits | None = None,
    approvals: Approvals | None = None,
    **changes: Any,
) -> Rules:
    """Rules over some tools; by default 100 calls, four at a time, a person agrees to whatever is not a read."""
    profile = Profile(
        name=changes.pop("name", "strict"),
        limits=limits or Limits(calls=100),
        approvals=approvals or Approvals(),
        **changes,
    )
    known = contracts or (READ, PROPOSE, EXECUTE)
    return Rules(Rulebook(profile=profile, contracts={one.name: one for one in known}))


def current(pinned: Rules, **changes: Any) -> Current:
    """What holds now where all tools are as they were pinned, several people work and no adapter is missing."""
    installed = {use: pinned.profile.adapters_for(use) for tool in pinned.contracts.values() for use in tool.uses}
    fields: dict[str, Any] = {
        "tool_digests": {name: tool.digest() for name, tool in pinned.contracts.items()},
        "installed_adapters": installed,
        "roles": ROLES,
        **changes,
    }
    return Current(**fields)


def _references(body: Any) -> list[Reference]:
    if isinstance(body, dict):
        if len(body) == 1 and REFERENCE in body:
            return [msgspec.convert(body[REFERENCE], Reference)]
        return [found for value in body.values() for found in _references(value)]
    return [found for value in body for found in _references(value)] if isinstance(body, list) else []
