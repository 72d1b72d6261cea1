"""Data flow between the steps of a plan: who needs what from whom, and under which condition a step goes on.

A slot left open by the goal is filled from an earlier step that gives its kind; a step that gives a needed kind is
added only when nothing else can.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cuga.model.plan import REFERENCE, Reference, When
from cuga.model.tool import SideEffect, Slot, ToolContract
from cuga.planning.conditions import Condition, opposite
from cuga.planning.evidence import Choice
from cuga.planning.filling import Filled
from cuga.planning.kinds import KINDS, base_kind
from cuga.planning.lexicon import STOP
from cuga.planning.ranking import stems
from cuga.planning.words import stem

_LITERAL = frozenset({"account", "opportunity", "contact", "product", "count"})  # optional: never wired, only looked up


def giver(slot: Slot, before: list[tuple[str, Filled]], about: str) -> tuple[str, str] | None:
    """(step name, pointer) of the latest earlier step that gives a slot's kind, one about the same account first."""
    found: list[tuple[str, str, bool]] = []
    for name, step in before:
        path = gives(step.choice.contract, slot)
        if path is not None:
            found.append((name, path, bool(step.account and step.account.value == about)))
    if not found:
        return None
    same = [hit for hit in found if hit[2]] or found
    return same[-1][0], same[-1][1]


def gives(contract: ToolContract, slot: Slot) -> str | None:
    """Where a tool's result holds what a slot takes; None when it does not."""
    if slot.kind in contract.gives:
        return contract.gives[slot.kind]
    kind = base_kind(slot.kind)
    if not slot.required and kind in _LITERAL:
        return None
    return next((path for given, path in contract.gives.items() if kind and base_kind(given) == kind), None)


def reference(step: str, path: str) -> dict[str, Any]:
    """The explicit form of a reference."""
    return {REFERENCE: {"step": step, "path": path}}


def prerequisite(slot: Slot, choice: Choice, contracts: list[ToolContract]) -> ToolContract | None:
    """The tool to add so that a slot can be filled: one that reads, or one that drafts what is then used.

    "Send it" and "send the draft" speak of one that is there: for those nothing new is drafted.
    """
    consumer, effects = choice.contract, {SideEffect.READ_ONLY}
    if consumer.side_effect is not SideEffect.READ_ONLY and not _speaks_of_one(slot, choice):
        effects.add(SideEffect.PROPOSE)
    fitting = [
        contract
        for contract in contracts
        if contract.name != consumer.name
        and contract.side_effect in effects
        and gives(contract, slot) is not None
        and not any(own.required and base_kind(own.kind) == base_kind(slot.kind) for own in contract.slots)
    ]
    return min(fitting, key=lambda contract: (contract.cost, contract.name), default=None)


def _speaks_of_one(slot: Slot, choice: Choice) -> bool:
    words, kind = choice.clause.words, base_kind(slot.kind)
    for at, word in enumerate(words):
        before = [other.low for other in words[max(0, at - 2) : at]]
        if KINDS.get(word.stem) == kind and _DEFINITE & {*before}:
            return True
        if word.low in ("it", "them", "these", "those"):
            return True
    return False


_DEFINITE = frozenset({"the", "this", "that", "my", "our", "approved", "these", "those"})


def measured(condition: Condition, contract: ToolContract) -> tuple[str, str] | None:
    """(pointer, type) of the value in a tool's result that a condition speaks of; None when there is none."""
    words = {stem(word) for word in condition.subject.casefold().split()}
    wanted = ("integer", "number") if condition.number else ("boolean",)
    schema = _decoded(contract)
    for kind, path in contract.gives.items():
        part = at_pointer(schema, path, schema)
        if is_one_of(part, wanted) and (stem(kind) in words or len(contract.gives) == 1):
            return path, wanted[0]
    best: tuple[int, str] | None = None
    for name, part in properties_of(schema, schema).items():
        if is_one_of(part, wanted):
            said = {stem(word) for word in name.split("_")} & words
            usual = name in _USUAL[wanted[0]]
            rank = 2 if said else 1 if usual else 0
            if rank and (best is None or rank > best[0]):
                best = (rank, f"/{name}")
    if best is not None:
        return best[1], wanted[0]
    if not schema and condition.number:  # a result of any shape: by what it gives
        plain = not stems(condition.subject)  # "it is below 40" is said of whatever was measured
        named = [
            path
            for kind, path in contract.gives.items()
            if words & {stem(kind), stem(path.strip("/"))} or (plain and path.strip("/") in _USUAL["integer"])
        ]
        return (named[0], "number") if named else None
    return None


_USUAL = {
    "integer": ("score", "points", "total", "value", "percent"),
    "boolean": ("passed", "passes", "ok", "good", "ready", "allowed", "valid"),
}


def when(condition: Condition, step: str, path: str, otherwise: bool) -> When:
    """A condition in CEL over one value of an earlier output."""
    name = _identifier(condition.subject)
    bind = {name: Reference(step=step, path=path)}
    if condition.number:
        operator = opposite(condition.operator) if otherwise else condition.operator
        limit = condition.number if "." in condition.number else f"{condition.number}.0"
        return When(expr=f"double({name}) {operator} {limit}", bind=bind)
    return When(expr=name if condition.good != otherwise else f"!{name}", bind=bind)


def has_text(name: str, step: str, path: str) -> When:
    """Whether a text of an earlier output is known."""
    return When(expr=f'{name} != ""', bind={name: Reference(step=step, path=path)})


def both(one: When, other: When) -> When:
    """Two conditions that must hold together; they share no names but those that mean the same."""
    return When(expr=f"({one.expr}) && ({other.expr})", bind={**one.bind, **other.bind})


def _identifier(subject: str) -> str:
    words = [word for word in subject.casefold().split() if word.isascii() and word.isalpha()]
    telling = [word for word in words if word not in STOP]
    word = telling[0] if telling else "value"
    return word if word not in ("in", "true", "false", "null", "as", "for", "if", "double", "has") else "value"


def _decoded(contract: ToolContract) -> dict[str, Any]:
    found = msgspec.json.decode(contract.output_schema)
    return found if isinstance(found, dict) else {}


def at_pointer(schema: dict[str, Any], path: str, root: dict[str, Any]) -> dict[str, Any]:
    """The part of a schema that describes the value at a JSON Pointer; empty when it says nothing of it."""
    for token in path.split("/")[1:]:
        schema = properties_of(schema, root).get(token, {})
    return _resolved(schema, root)


def properties_of(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schemas of an object's fields, by their names."""
    found = _resolved(schema, root).get("properties")
    return {k: _resolved(v, root) for k, v in found.items()} if isinstance(found, dict) else {}


def _resolved(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {}
    target = str(schema.get("$ref", ""))
    if target.startswith("#/$defs/"):
        found = root.get("$defs", {}).get(target.removeprefix("#/$defs/"))
        return found if isinstance(found, dict) else {}
    return schema


def is_one_of(schema: dict[str, Any], kinds: tuple[str, ...]) -> bool:
    """Whether a schema is, or may be, one of some JSON types."""
    stated = schema.get("type")
    if isinstance(stated, str) and stated in kinds:
        return True
    parts = schema.get("anyOf")
    return isinstance(parts, list) and any(isinstance(part, dict) and is_one_of(part, kinds) for part in parts)
