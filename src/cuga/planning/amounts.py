"""Numbers for slots: which number of a goal is a count, which a bound, which an amount of money."""

from __future__ import annotations

import re
from typing import Any

from cuga.model.tool import Slot
from cuga.planning.filling import Context
from cuga.planning.lexicon import STOP
from cuga.planning.mentions import Mention, units_of
from cuga.planning.schema import accepts
from cuga.planning.words import stem

LIMITS = frozenset(["limit", "cap"])  # what takes the number of a bound
COUNTS = frozenset(["count", "number", "limit", "cap", "top", "touches", "n"])
_LIMIT = re.compile(r"\b(?:above|below|over|under|than|at least|at most)\s+$")  # a bound on a value, no count


def count_of(slot: Slot, schema: dict[str, Any], own: list[Mention], context: Context) -> Any:
    """A number: the one before the slot's own noun, else the one after "top" or "worst", else the only one there is."""
    words = {stem(word) for word in re.findall(r"[a-z]+", f"{slot.name} {slot.purpose}".casefold())} - STOP
    text = context.reading.masked.text
    takes_bound = slot.kind in LIMITS
    whole = [m for m in own if m.kind == "number" and "." not in m.value]
    numbers = [m for m in whole if takes_bound == bool(_LIMIT.search(text[: m.start].casefold()))]
    chosen = [
        m for m in numbers if words & {stem(w) for w in re.findall(r"[a-z]+", text[m.end : m.end + 30].casefold())[:2]}
    ]
    chosen += [
        m for m in numbers if re.search(r"\b(?:top|best|worst|first|last|biggest|next)\s+$", text[: m.start].casefold())
    ]
    if not chosen and len(numbers) == 1 and (len(whole) == 1 or not takes_bound or slot.kind == "limit"):
        chosen = numbers
    if not chosen:
        return None
    value = chosen[0].value
    return int(value) if accepts(schema, "integer") or accepts(schema, "number") else value


def plain_amounts(own: list[Mention], context: Context) -> list[str]:
    """Numbers that the words before them make amounts: "bump it to 6,500", "amount 7000", "a price below 1000"."""
    text = context.reading.masked.text
    return [m.value for m in own if m.kind == "number" and _AMOUNT.search(text[: m.start])]


_AMOUNT = re.compile(
    r"\b(?:to|at|amount|value|worth|price|budget|revenue|target)(?: (?:of|is|below|under|to|over|up to))?\s+$", re.I
)


def as_number(written: str, schema: dict[str, Any]) -> Any:
    """An amount as a number: "20k" is 20000."""
    number = units_of(written)
    return None if number is None else int(number) if accepts(schema, "integer") or number.is_integer() else number
