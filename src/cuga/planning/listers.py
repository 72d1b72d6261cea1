"""The tools that list records for the steps after them: a ranking of accounts, or the records that meet conditions.

A tool is told by its contract alone: what it takes, and which list it gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from cuga.model.plan import When
from cuga.model.tool import SideEffect, Slot, ToolContract
from cuga.planning.amounts import COUNTS
from cuga.planning.conditions import Condition
from cuga.planning.filling import Filled
from cuga.planning.kinds import base_kind
from cuga.planning.schema import accepts, arguments_of
from cuga.planning.wire import at_pointer, is_one_of, properties_of

MOST_RECORDS = 200  # that one list goes through: as many calls as the kernel opens
_SCORES = ("points", "score", "total", "value")


class Listing(NamedTuple):
    """A list of records in a tool's result: where it stands, the kind of its items, where in each of them a step finds
    what it takes of a kind, and what an item is worth (empty: it does not say)."""

    path: str
    kind: str
    items: dict[str, str]
    score: str = ""


def listing_of(step: Filled, *, by_name: bool = True) -> Listing | None:
    """The list of records that a step gives; None when it gives none. `by_name`: no two accounts share a name."""
    contract = step.choice.contract
    if is_finder(contract):
        return _found_by(step, by_name=by_name)
    for path, items in _arrays(contract):
        account = next((name for name in items if base_kind(name) == "account"), "")
        score = next((name for name in _SCORES if is_one_of(items.get(name, {}), ("integer", "number"))), "")
        if account:
            return Listing(path, "account", {"account": f"/{account}"}, score)
    return None


def _found_by(step: Filled, *, by_name: bool) -> Listing | None:
    contract = step.choice.contract
    slot = next(slot for slot in contract.slots if slot.kind == "records")
    records = step.arguments.get(slot.name) or arguments_of(contract).schema_of(slot.name).get("default", "")
    path = next(iter(_rows(contract)))
    match base_kind(str(records)):
        case "account":
            return Listing(path, "account", {"account": "/name" if by_name else "/id"})
        case "opportunity":
            return Listing(path, "opportunity", {"opportunity": "/id", "account": "/account_id"})
        case "contact":
            return Listing(path, "contact", {"contact": "/id", "account": "/account_id"})
        case _:
            return None


def _arrays(contract: ToolContract) -> list[tuple[str, dict[str, Any]]]:
    """The lists of objects that a tool gives: where, and the schemas of their fields."""
    schema = msgspec.json.decode(contract.output_schema)
    if not isinstance(schema, dict):
        return []
    parts = [(path, at_pointer(schema, path, schema)) for path in contract.gives.values()]
    return [
        (path, properties_of(part["items"], schema))
        for path, part in parts
        if part.get("type") == "array" and isinstance(part.get("items"), dict)
    ]


def _rows(contract: ToolContract) -> list[str]:
    return [path for path, _ in _arrays(contract)]


def is_finder(contract: ToolContract) -> bool:
    """Whether a tool finds records of any kind by conditions and gives them as a list."""
    kinds = {slot.kind for slot in contract.slots}
    return contract.side_effect is SideEffect.READ_ONLY and {"records", "filter"} <= kinds and bool(_rows(contract))


def finder(contracts: Iterable[ToolContract]) -> ToolContract | None:
    """The tool that finds records by conditions, the cheapest first."""
    return min(filter(is_finder, contracts), key=lambda contract: (contract.cost, contract.name), default=None)


def found(contract: ToolContract, kind: str, where: Sequence[dict[str, str]]) -> dict[str, Any] | None:
    """The arguments with which a finder gives all records of a kind that meet some conditions; None: it cannot."""
    arguments: dict[str, Any] = {}
    for slot in contract.slots:
        if slot.kind == "records":
            arguments[slot.name] = next((one for one in slot.choices if base_kind(one) == kind), "")
        elif slot.kind == "filter" and where:
            arguments[slot.name] = list(where)
        elif base_kind(slot.kind) in COUNTS:
            arguments[slot.name] = MOST_RECORDS
    return arguments if all(value != "" for value in arguments.values()) else None


def ranker(contracts: Iterable[ToolContract]) -> ToolContract | None:
    """The tool that looks at many accounts in one call and lists them, the cheapest first."""
    fitting = [
        contract
        for contract in contracts
        if contract.side_effect is SideEffect.READ_ONLY
        and not any(slot.required for slot in contract.slots)
        and any(takes_accounts(contract, slot) for slot in contract.slots)
        and any(any(base_kind(name) == "account" for name in items) for _, items in _arrays(contract))
    ]
    return min(fitting, key=lambda contract: (contract.cost, contract.name), default=None)


def takes_accounts(contract: ToolContract, slot: Slot) -> bool:
    """Whether an argument takes several accounts."""
    return base_kind(slot.kind) == "account" and accepts(arguments_of(contract).schema_of(slot.name), "array")


def is_scoring(contract: ToolContract) -> bool:
    """Whether a tool does for one account what a ranking does for many: it looks, and gives a score."""
    return contract.side_effect is SideEffect.READ_ONLY and "score" in contract.gives and "account" in contract.gives


def narrow(step: Filled, names: Sequence[str], first: int | None, total: int) -> None:
    """Have a ranking look at some accounts (none: at all), and show the first so many, or each of them."""
    contract, arguments, is_asked = step.choice.contract, step.arguments, not step.choice.needed_by
    for slot in contract.slots:
        if names and slot.name not in arguments and takes_accounts(contract, slot):
            arguments[slot.name] = list(names)
    how_many = next((slot for slot in contract.slots if base_kind(slot.kind) in COUNTS), None)
    if how_many is not None:
        default = arguments_of(contract).schema_of(how_many.name).get("default", 0)
        wanted = first or len(names) or total
        shown = arguments.get(how_many.name) or (default if is_asked else 0)
        if wanted and (not isinstance(shown, int) or shown < wanted):
            arguments[how_many.name] = wanted


def show_all(step: Filled) -> None:
    """Have a finder show as many records as a list goes through, where the goal says no number."""
    for slot in step.choice.contract.slots:
        if base_kind(slot.kind) in COUNTS:
            step.arguments.setdefault(slot.name, MOST_RECORDS)


def item_condition(condition: Condition, listing: Listing) -> When | None:
    """What a condition of the goal says of each item of a ranking; None when its items hold no such value."""
    if not condition.number or not listing.score:
        return None
    limit = condition.number if "." in condition.number else f"{condition.number}.0"
    return When(expr=f"double(item.{listing.score}) {condition.operator} {limit}")
