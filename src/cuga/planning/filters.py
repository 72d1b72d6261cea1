"""Which records a list question means: "deals above 10k that close this month" as conditions on fields.

A condition is taken only where the field is told by a word beside the value, by the kind of value, or by the records
themselves, which have that value in that field. What is said otherwise stays unused and is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from cuga.adapters.capability import LOST, OPEN, WON, fields_of
from cuga.planning.filling import Context, Filled
from cuga.planning.kinds import KINDS
from cuga.planning.lexicon import STOP, VERBS, set_of
from cuga.planning.mentions import Mention, units_of
from cuga.planning.words import Token

Condition = dict[str, str]  # field, op, value: as `adapters.capability.Filter`

_ABOVE = re.compile(r"(?:\b(?:above|over|exceeding|north of|beyond|(?:more|bigger|greater|larger|higher) than)|>)\s*$")
_AT_LEAST = re.compile(r"(?:\b(?:at least|minimum(?: of)?|min|no less than|from)|>=)\s*$")
_BELOW = re.compile(r"(?:\b(?:below|under|beneath|(?:less|fewer|smaller|lower) than)|<)\s*$")
_AT_MOST = re.compile(r"(?:\b(?:at most|up to|maximum(?: of)?|no more than)|<=)\s*$")
_OR_MORE = re.compile(r"^\s*(?:\+|or (?:more|above|bigger|higher)|and (?:up|above|more)|plus\b)")
_BEFORE_DAY = re.compile(r"\b(?:before|until|till)\s+(?:the\s+)?$")
_BY_DAY = re.compile(r"\b(?:by|no later than|up to)\s+(?:the\s+)?$")
_AFTER_DAY = re.compile(r"\b(?:after|since|from)\s+(?:the\s+)?$")
_HEADS = re.compile(r"^\s*(?:employees|people|staff|heads|workers|seats)\b")
_UNIT = re.compile(r"^\s*(?:days?|weeks?|months?|years?|hours?|calls?|percent|points?)\b")
_CLOSING = set_of("close closes closing closed due signing sign land landing end ending won lost win lose")
_OPENING = set_of("opened created started begun entered new added")
_ORDERS = {
    "amount": ("value amount size worth biggest largest highest smallest big large", True),
    "revenue": ("biggest largest smallest", True),
    "closes": ("soonest earliest", False),
    "opened": ("newest latest recent", True),
}
_SMALLEST = set_of("smallest lowest oldest least ascending")
_PLACES = {  # fields whose values people use as plain words, by kind of record
    "accounts": ("industry", "country", "city"),
    "contacts": ("title",),
    "opportunities": ("stage",),
    "products": ("series",),
    "teams": ("region", "manager"),
}
PLURALS = {  # kinds, and how the CRM calls records of them
    "account": "accounts",
    "opportunity": "opportunities",
    "contact": "contacts",
    "product": "products",
    "rep": "teams",
}
STATES = {"open": OPEN, "won": WON, "lost": LOST, "win": WON, "lose": LOST}


def records_meant(step: Filled) -> str:
    """The kind of records that a step's clauses speak of, as the CRM calls it; empty when they speak of none."""
    for clause in step.choice.clauses:
        for word in clause.words:
            if (kind := KINDS.get(word.stem, "")) in PLURALS:
                return PLURALS[kind]
    return ""


def conditions_of(step: Filled, context: Context, records: str = "") -> list[Condition]:
    """The conditions that the clauses of a step put on the records they ask for, or on those of a given kind."""
    records = records or records_meant(step)
    if not records:
        return []
    found = [
        *_of_state(step, records),
        *_of_numbers(step, records, context),
        *_of_days(step, records, context),
        *_of_names(step, records, context),
    ]
    fields = fields_of(records)
    return [one for at, one in enumerate(found) if one["field"] in fields and one not in found[:at]]


def order_of(step: Filled) -> str | None:
    """The field that a step's clauses want records sorted by, with a "-" for falling; None when they do not say."""
    records = records_meant(step)
    words = {word.low for clause in step.choice.clauses for word in clause.words}
    for field, (said, falls) in _ORDERS.items():
        if records and field in fields_of(records) and words & set(said.split()):
            return f"-{field}" if falls and not words & _SMALLEST else field
    return None


def _of_state(step: Filled, records: str) -> Iterator[Condition]:
    words = [word.low for clause in step.choice.clauses for word in clause.words]
    state = next((STATES[word] for word in words if word in STATES), "")
    if state and records == "opportunities":
        yield _is("status", state)


def _of_numbers(step: Filled, records: str, context: Context) -> Iterator[Condition]:
    text = context.reading.masked.text.casefold()
    for mention in _own(step, "amount", "number"):
        before, after = text[: mention.start], text[mention.end :]
        bounds = ((_ABOVE, "above"), (_AT_LEAST, "at_least"), (_BELOW, "below"), (_AT_MOST, "at_most"))
        op = next((op for pattern, op in bounds if pattern.search(before)), "at_least" if _OR_MORE.match(after) else "")
        number = units_of(mention.value)
        if not op or number is None or _UNIT.match(after):
            continue
        field = {"opportunities": "amount", "accounts": "revenue", "products": "price"}.get(records, "")
        if _HEADS.match(after) or re.search(r"\b(?:employees|headcount|staff)\b", before[-40:]):
            field = "employees"
        if field:
            yield {"field": field, "op": op, "value": f"{number:.0f}" if number.is_integer() else str(number)}


def _of_days(step: Filled, records: str, context: Context) -> Iterator[Condition]:
    if records != "opportunities":
        return
    text = context.reading.masked.text.casefold()
    for mention in _own(step, "date", "period"):
        before = text[: mention.start]
        near = re.findall(r"[a-z]+", before)[-4:]
        field = "closes" if _CLOSING & {*near} else "opened" if _OPENING & {*near} else ""
        if not field:
            continue
        if mention.kind == "period":
            yield {"field": field, "op": "within", "value": mention.value}
        elif _BEFORE_DAY.search(before):
            yield {"field": field, "op": "below", "value": mention.value}
        elif _BY_DAY.search(before):
            yield {"field": field, "op": "at_most", "value": mention.value}
        elif _AFTER_DAY.search(before):
            yield {"field": field, "op": "above", "value": mention.value}
        else:
            yield _is(field, mention.value)


def _of_names(step: Filled, records: str, context: Context) -> Iterator[Condition]:
    """Owners, products and roles that are named, and words that the records have as a value of a field."""
    if owners := list(dict.fromkeys(m.value for m in _own(step, "rep"))):
        field = "name" if records == "teams" else "owner"
        yield {"field": field, "op": "is" if len(owners) == 1 else "in", "value": "|".join(owners)}
    if records == "opportunities":
        yield from (_is("product_id", m.record) for m in _own(step, "product") if m.record)
    if records == "contacts":
        yield from ({"field": "title", "op": "contains", "value": m.value} for m in _own(step, "role"))
    known = context.records.values(records, _PLACES.get(records, ()))
    yield from (_is(known[said.casefold()], said) for said in _candidates(step) if said.casefold() in known)


def _candidates(step: Filled) -> Iterator[str]:
    """Words and pairs of words that might be values: no common words, nothing that chose the tool."""
    for clause in step.choice.clauses:
        words = [word for word in clause.words if _may_be_value(word)]
        yield from (f"{a.low} {b.low}" for a, b in pairwise(words) if b.start - a.end == 1)
        yield from (word.low for word in words)
        yield from (mention.value for mention in clause.mentions if mention.kind == "name")


def _may_be_value(word: Token) -> bool:
    return (
        word.low not in STOP
        and word.low not in STATES
        and word.low not in VERBS
        and word.stem not in KINDS
        and len(word.low) > 2
    )


def _own(step: Filled, *kinds: str) -> list[Mention]:
    return [m for clause in step.choice.clauses for m in clause.mentions if m.kind in kinds]


def _is(field: str, value: str) -> Condition:
    return {"field": field, "op": "is", "value": value}
