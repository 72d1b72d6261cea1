"""Goals that speak of many accounts at once: "score all accounts, draft for the top five", "a note to each of them".

Who is meant must be sure: a group that the records cannot tell apart is a question, never all of them instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from cuga.model.plan import When
from cuga.model.tool import SideEffect, Slot, ToolContract
from cuga.planning.amounts import COUNTS
from cuga.planning.conditions import Condition
from cuga.planning.evidence import Choice
from cuga.planning.filling import Context
from cuga.planning.kinds import KINDS, base_kind
from cuga.planning.lexicon import NUMBERS, STOP
from cuga.planning.schema import accepts, arguments_of
from cuga.planning.wire import at_pointer, is_one_of, properties_of
from cuga.planning.words import Token, stem

_ALL = frozenset({"all", "every", "each"})
_N = r"(?P<n>\d{1,3}|" + "|".join(NUMBERS) + r")"
_BEST = r"(?:top|best|first|highest|leading|strongest|hottest)"
_TOP = re.compile(rf"\b{_BEST}(?:[ -](?:scoring|ranked|rated|scored))?\s+{_N}\b(?:\s+(?P<noun>[a-z-]+))?", re.I)
_TOP_AFTER = re.compile(rf"\b{_N}\s+{_BEST}(?:[ -](?:scoring|ranked|rated|scored))?\b(?:\s+(?P<noun>[a-z-]+))?", re.I)
_EACH = re.compile(r"\b(?:(?:each|all|every one)(?: of)? (?:them|these|those)|each(?: one)?\s*$|for each\b)", re.I)
_TELLS_APART = frozenset({
    "with", "whose", "that", "which", "where", "having", "above", "over", "below", "under", "larger", "smaller",
    "without", "who", "between", "more", "less",
})  # fmt: skip
_SCORES = ("points", "score", "total", "value")


class Group(NamedTuple):
    """Many accounts: the `first` of a ranking, or all of them; `names` are those that the goal's words leave."""

    first: int | None
    names: tuple[str, ...] = ()
    is_pronoun: bool = False  # "each of them": only those that were looked at before


class Listing(NamedTuple):
    """A list of accounts in a tool's result: where it stands, and in each item the account and what it is worth."""

    path: str
    account: str
    score: str


def account_slot(contract: ToolContract) -> Slot | None:
    """The argument of a tool that takes one account."""
    for slot in contract.slots:
        if base_kind(slot.kind) == "account" and not _takes_accounts(contract, slot):
            return slot
    return None


def group_of(choice: Choice, context: Context) -> Group | None:
    """The accounts that a choice is to be used on, where its words speak of many and name none."""
    named = [*context.answers, *(m for clause in choice.clauses for m in clause.mentions)]
    if account_slot(choice.contract) is None or any(m.kind in ("account", "opportunity", "contact") for m in named):
        return None
    for clause in choice.clauses:
        text = clause.text.casefold()
        if (top := _TOP.search(text) or _TOP_AFTER.search(text)) and _is_of_accounts(top["noun"]):
            return Group(first=int(NUMBERS.get(top["n"], top["n"])), names=_narrowed(choice, (), context))
        at = _every(clause.words)
        if at is not None:
            between = [word for word in clause.words[max(0, at - 3) : at] if word.low not in _ALL | STOP]
            if any(word.low in _TELLS_APART for word in clause.words[at + 1 :]) and clause.condition is None:
                context.ask(f'Which accounts are "{clause.text}"? {_WAYS}')
            return Group(first=None, names=_narrowed(choice, between, context))
        if _EACH.search(text):
            return Group(first=None, is_pronoun=True)
    return None


_WAYS = "I can tell them by country, city or industry, or take the first few of a ranking, or names."


def _every(words: tuple[Token, ...]) -> int | None:
    """Where the noun of "all our accounts" stands."""
    for at, word in enumerate(words):
        if KINDS.get(word.stem) == "account" and any(one.low in _ALL for one in words[max(0, at - 4) : at]):
            return at
    return None


def _is_of_accounts(noun: str | None) -> bool:
    """Whether "top five ..." goes on in a way that speaks of accounts, or does not say of what."""
    return not noun or KINDS.get(stem(noun)) in ("account", "lead") or noun in STOP


def _narrowed(choice: Choice, words: Iterable[Token], context: Context) -> tuple[str, ...]:
    """The accounts that the goal's own words leave of all; none when it leaves all. A word nobody knows is a
    question."""
    said = [word.text for word in words if word.stem not in choice.words]
    said += [m.value for m in context.reading.mentions if m.kind in ("name", "term", "region", "territory")]
    left: list[str] | None = None
    for text in dict.fromkeys(said):
        found = context.records.accounts_of(text)
        if not found:
            context.ask(f"No account in the CRM is {text!r} by country, city, industry or owner. Which are meant?")
            continue
        context.note(f"{text}: {len(found)} accounts.")
        context.used.update(m for m in context.reading.mentions if m.value == text)
        left = found if left is None else [name for name in left if name in found]
    if left == []:
        context.ask(f"No account is all of: {', '.join(dict.fromkeys(said))}. Which are meant?")
    return tuple(left or ())


def listing_of(contract: ToolContract) -> Listing | None:
    """The list of accounts that a tool gives; None when it gives none."""
    schema = msgspec.json.decode(contract.output_schema)
    if not isinstance(schema, dict):
        return None
    for path in contract.gives.values():
        part = at_pointer(schema, path, schema)
        items = part.get("items")
        if part.get("type") != "array" or not isinstance(items, dict):
            continue
        fields = properties_of(items, schema)
        account = next((name for name in fields if base_kind(name) == "account"), "")
        score = next((name for name in _SCORES if is_one_of(fields.get(name, {}), ("integer", "number"))), "")
        if account:
            return Listing(path, f"/{account}", score)
    return None


def ranker(contracts: Iterable[ToolContract]) -> ToolContract | None:
    """The tool that looks at many accounts in one call and lists them, the cheapest first."""
    fitting = [
        contract
        for contract in contracts
        if contract.side_effect is SideEffect.READ_ONLY
        and not any(slot.required for slot in contract.slots)
        and any(_takes_accounts(contract, slot) for slot in contract.slots)
        and listing_of(contract) is not None
    ]
    return min(fitting, key=lambda contract: (contract.cost, contract.name), default=None)


def _takes_accounts(contract: ToolContract, slot: Slot) -> bool:
    return base_kind(slot.kind) == "account" and accepts(arguments_of(contract).schema_of(slot.name), "array")


def is_scoring(contract: ToolContract) -> bool:
    """Whether a tool does for one account what a ranking does for many: it looks, and gives a score."""
    return contract.side_effect is SideEffect.READ_ONLY and "score" in contract.gives and "account" in contract.gives


def narrow(contract: ToolContract, arguments: dict[str, Any], group: Group, total: int, *, is_asked: bool) -> None:
    """Have a ranking look at the group and show as many of it as are wanted. `is_asked`: the goal asks for it too."""
    for slot in contract.slots:
        schema = arguments_of(contract).schema_of(slot.name)
        if group.names and slot.name not in arguments and _takes_accounts(contract, slot):
            arguments[slot.name] = list(group.names)
        if base_kind(slot.kind) in COUNTS:
            wanted = group.first or len(group.names) or total
            shown = arguments.get(slot.name) or (schema.get("default", 0) if is_asked else 0)
            if wanted and (not isinstance(shown, int) or shown < wanted):
                arguments[slot.name] = wanted


def item_condition(condition: Condition, listing: Listing) -> When | None:
    """What a condition of the goal says of each item of a ranking; None when its items hold no such value."""
    if not condition.number or not listing.score:
        return None
    limit = condition.number if "." in condition.number else f"{condition.number}.0"
    return When(expr=f"double(item.{listing.score}) {condition.operator} {limit}")
