"""Goals that speak of many records at once: "score all accounts, draft for the top five", "a note to each of them".

Who is meant must be sure: a group that the records cannot tell apart is a question, never all of them instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from cuga.adapters.capability import fields_of
from cuga.model.tool import Slot, ToolContract
from cuga.planning.amounts import COUNTS
from cuga.planning.clauses import Clause
from cuga.planning.evidence import Choice
from cuga.planning.filling import Context, Filled
from cuga.planning.filters import PLURALS, STATES, Condition, conditions_of
from cuga.planning.kinds import KINDS, base_kind
from cuga.planning.lexicon import NUMBERS, STOP
from cuga.planning.listers import MOST_RECORDS, takes_accounts
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
_WAYS = {
    "account": "country, city, industry, owner, people or revenue, or take the first few of a ranking, or names",
    "opportunity": "status, stage, owner, product, amount or dates",
    "contact": "title, or by their account's country, city or industry",
}
_NAMED_BY = {"account": "country, city, industry or owner", "opportunity": "stage or owner", "contact": "title"}


class Group(NamedTuple):
    """Many records of a kind: those that meet `where`, or the `first` of a ranking of them."""

    kind: str
    first: int | None
    where: tuple[Condition, ...] = ()
    is_pronoun: bool = False  # "each of them": only those that were looked at before


def slot_for(contract: ToolContract, kind: str) -> Slot | None:
    """The argument of a tool that takes one record of a kind; none where the tool looks at all of them by itself."""
    for slot in contract.slots:
        if base_kind(slot.kind) == kind and not (kind == "account" and takes_accounts(contract, slot)):
            needed = slot.required or kind != "contact" or "message" in contract.gives
            return slot if needed else None
    return None


def group_of(choice: Choice, contract: ToolContract, context: Context) -> Group | None:
    """The records that a choice is to be used on, where its words speak of many and name none. `contract` is that of
    the tool that takes one of them: the chosen one's, or that of the tool before it."""
    named = [*context.answers, *(m for clause in choice.clauses for m in clause.mentions)]
    if any(m.kind in ("account", "opportunity", "contact") for m in named):
        return None
    kinds = [kind for kind in _WAYS if slot_for(contract, kind) is not None]
    for clause in choice.clauses if kinds else ():
        text = clause.text.casefold()
        top = _TOP.search(text) or _TOP_AFTER.search(text)
        if "account" in kinds and top and _is_of_accounts(top["noun"]):
            where = _narrowed("account", choice, (), context)
            return Group("account", first=int(NUMBERS.get(top["n"], top["n"])), where=where)
        at = _every(clause.words)
        kind = KINDS.get(clause.words[at].stem, "") if at is not None else ""
        if at is not None and kind in kinds:
            opens = max(place for place in range(max(0, at - 4), at) if clause.words[place].low in _ALL)
            between = [word for word in clause.words[opens + 1 : at] if word.low not in STOP]
            told = conditions_of(Filled(choice, None), context, PLURALS[kind])
            if kind == "opportunity" and _takes_them_all(contract, told):
                return None
            where = _narrowed(kind, choice, between, context)
            _must_be_told_apart(kind, clause, at, where, context)
            return Group(kind, first=None, where=where)
        if _EACH.search(text):
            return Group(kinds[0], first=None, is_pronoun=True)
    return None


def _every(words: tuple[Token, ...]) -> int | None:
    """Where the noun of "all our accounts" stands."""
    for at, word in enumerate(words):
        if KINDS.get(word.stem) in _WAYS and any(one.low in _ALL for one in words[max(0, at - 4) : at]):
            return at
    return None


def _is_of_accounts(noun: str | None) -> bool:
    """Whether "top five ..." goes on in a way that speaks of accounts, or does not say of what."""
    return not noun or KINDS.get(stem(noun)) in ("account", "lead") or noun in STOP


def _takes_them_all(contract: ToolContract, where: Iterable[Condition]) -> bool:
    """Whether a tool looks at all deals by itself, and nothing is said of them that it could not take."""
    of_many = any(base_kind(slot.kind) in COUNTS | {"rep"} for slot in contract.slots)
    return of_many and all(one["field"] in ("status", "stage", "owner") for one in where)


def _must_be_told_apart(kind: str, clause: Clause, at: int, where: tuple[Condition, ...], context: Context) -> None:
    """Ask where words behind the noun tell some of the records from others, and no field of theirs says which."""
    tells = any(word.low in _TELLS_APART for word in clause.words[at + 1 :])
    if tells and not where and clause.condition is None:
        noun = PLURALS[kind].replace("opportunities", "deals")
        context.ask(f'Which {noun} are "{clause.text}"? I can tell them by {_WAYS[kind]}.')


def _narrowed(kind: str, choice: Choice, between: Iterable[Token], context: Context) -> tuple[Condition, ...]:
    """What the goal's own words say of the records; nothing where they mean all. A word nobody knows is a question."""
    step = Filled(choice, None)
    found = conditions_of(step, context, PLURALS[kind])
    if kind == "contact":
        found += _of_their_accounts(conditions_of(step, context, "accounts"), context)
    if kind == "account":
        found += _with_deals(choice, context)
    told = {one["value"].casefold() for one in found} | {word for one in found for word in one["value"].split()}
    said = [word.text for word in between if word.stem not in choice.words or word.low in told]
    said += [m.value for m in context.reading.mentions if m.kind in ("name", "term", "region", "territory")]
    for text in dict.fromkeys(said):
        context.used.update(m for m in context.reading.mentions if m.value == text)
        if text.casefold() in told or text.casefold() in STATES or KINDS.get(stem(text.casefold())):
            continue
        if kind == "contact" and (field := context.records.field_with("accounts", text)):
            theirs = _of_their_accounts([{"field": field, "op": "is", "value": text}], context)
            found += [one for one in theirs if one not in found]
            continue
        field = context.records.field_with(PLURALS[kind], text)
        if not field:
            noun = kind.replace("opportunity", "deal")
            context.ask(f"No {noun} in the CRM is {text!r} by {_NAMED_BY[kind]}. Which are meant?")
            continue
        found.append({"field": field, "op": "is", "value": text})
    _must_be_some(kind, choice.clause.text, found, context)
    return tuple(found)


def _with_deals(choice: Choice, context: Context) -> list[Condition]:
    """Accounts by the state of their deals: "every open prospect", "all our won customers"."""
    for clause in choice.clauses:
        for word, noun in pairwise(clause.words):
            if word.low in STATES and KINDS.get(noun.stem) == "account":
                ids = context.records.with_deals(STATES[word.low])
                context.note(f'"{word.text} {noun.text}": those with {_a(STATES[word.low])} deal.')
                return [{"field": "id", "op": "in", "value": "|".join(ids)}]
    return []


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _must_be_some(kind: str, text: str, found: list[Condition], context: Context) -> None:
    """Say how many are meant; ask when they are none, or more than one list can go through."""
    count = context.records.count(PLURALS[kind], found)
    if not found or count is None:
        return
    noun = PLURALS[kind].replace("opportunities", "deals")
    said = ", ".join(map(_said, found))
    blank = next((one["field"] for one in found if not context.records.has_field(PLURALS[kind], one["field"])), "")
    if not context.records.has_field(PLURALS[kind], "id"):
        context.ask(f"The CRM has no {noun}. Bring them in with `cuga import`, or name who is meant.")
    elif blank:
        context.ask(f'Which {noun} are "{text}"? The CRM has nothing of theirs under {blank!r}.')
    elif not count:
        context.ask(f"No {noun.removesuffix('s')} in the CRM is all of: {said}. Which are meant?")
    elif count > MOST_RECORDS:
        context.ask(f"{said}: that is more than {MOST_RECORDS} {noun}, the most that one list goes through. Which?")
    else:
        context.note(f"{said}: {count} {noun if count > 1 else noun.removesuffix('s')}.")


def _said(one: Condition) -> str:
    many = one["value"].count("|") + 1
    if one["field"] == "account_id":
        return "at the account that is meant" if many == 1 else f"at one of {many} accounts"
    if one["field"] == "id":
        return "one account" if many == 1 else f"one of {many} accounts"
    return f"{one['field']} {one['op'].replace('_', ' ')} {one['value']}"


def _of_their_accounts(conditions: list[Condition], context: Context) -> list[Condition]:
    """People by what is told of their accounts: "every contact in retail"."""
    conditions = [one for one in conditions if one["field"] in fields_of("accounts")]
    if not conditions:
        return []
    ids = context.records.ids("accounts", conditions)
    return [{"field": "account_id", "op": "in", "value": "|".join(ids)}]
