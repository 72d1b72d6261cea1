"""Where one element of a framework stands, out of what was said of it: the rule itself, without a CRM.

The newest statement counts, a stale one counts half, and what nobody said is unknown: never a no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from cuga.packs.sales.qualification.frameworks import FRAMEWORKS, Element, Framework, State, state_of
from cuga.packs.sales.result import Result

STALE_DAYS = 60


MOST_UNKNOWN = 40  # percent of the elements; above it there is no verdict


_SPLIT = re.compile(r"[^.!?\n]+(?:[.](?=\d)[^.!?\n]*)*[.!?]*")
_COMMAS = re.compile(r",\s*(?!\d)")
RUN_ON = 120  # characters of a sentence from which three clauses with commas are notes, not one thought


class Statement(Result, frozen=True, kw_only=True):
    """What somebody said of an element. `source` is file:line, or the call's own input."""

    element: str
    state: State
    quote: str = ""
    who: str = ""
    date: str = ""
    source: str = "input"


class Standing(Result, frozen=True, kw_only=True):
    """Where one element stands, why, and what to ask next; earlier statements that say otherwise are kept."""

    element: str
    state: State
    why: str
    statement: Statement | None
    next_question: str
    contradictions: tuple[Statement, ...] = ()


def sentences(text: str) -> list[str]:
    """The sentences of a text, each a part of it; a run of hasty notes, joined by commas, is parted at them."""
    found: list[str] = []
    for part in _SPLIT.findall(text):
        pieces = [piece.strip() for piece in _COMMAS.split(part)]
        hasty = len(part) > RUN_ON and sum(len(piece.split()) > 2 for piece in pieces) > 2
        found += pieces if hasty else [part.strip()]
    return [piece for piece in found if piece]


def statements(
    text: str, elements: Framework | Iterable[Element], *, who: str, on: date | None, source: str
) -> list[Statement]:
    """What a text says of the elements, sentence by sentence; every quote is a part of the text."""
    asked = FRAMEWORKS[elements] if isinstance(elements, str) else tuple(elements)
    return [
        Statement(
            element=element.name, state=state, quote=sentence, who=who, date=on.isoformat() if on else "", source=source
        )
        for sentence in sentences(text)
        for element in asked
        if (state := state_of(element, sentence))
    ]


def standing(element: Element, said: list[Statement], today: date, stale_days: int) -> Standing:
    """The state of one element: the newest statement that says something counts; stale or undated it is partial at
    most."""
    mine = sorted(
        (s for s in said if s.element.casefold() == element.name), key=lambda s: (s.date, _RANK[s.state]), reverse=True
    )
    if not mine:
        return Standing(
            element=element.name,
            state="unknown",
            why="nothing is known",
            statement=None,
            next_question=element.question,
        )
    newest = next((s for s in mine if s.state != "partial"), mine[0])  # a mere mention takes nothing back
    against = tuple(s for s in mine if {s.state, newest.state} in ({"confirmed", "denied"},))
    state, why = newest.state, f"{newest.who or 'noted'}, {newest.date or 'no date'}"
    age = _age(newest.date, today)
    if state in ("confirmed", "denied") and age is None:
        state, why = "partial", f"{newest.state} without a date"
    elif state in ("confirmed", "denied") and age is not None and age > stale_days:
        state, why = "partial", f"{newest.state} {age} days ago; older than {stale_days}"
    elif state in ("confirmed", "denied") and age is not None and age < 0:
        state, why = "partial", f"dated {newest.date}, after {today}"
    return Standing(
        element=element.name, state=state, why=why, statement=newest, contradictions=against,
        next_question="" if state == "confirmed" else element.question,
    )  # fmt: skip


def verdict_of(framework: Framework, elements: tuple[Standing, ...]) -> tuple[str, int | None, int]:
    """(verdict, readiness, share of unknown in percent)."""
    states = [element.state for element in elements]
    unknown = round(100 * states.count("unknown") / len(states))
    if 100 * states.count("unknown") > MOST_UNKNOWN * len(states):
        return "no verdict", None, unknown
    readiness = round((100 * states.count("confirmed") + 50 * states.count("partial")) / len(states))
    vital = {element.name for element in FRAMEWORKS[framework] if element.vital}
    if any(element.state == "denied" and element.element in vital for element in elements):
        return "at risk", readiness, unknown
    return ("qualified" if readiness >= 75 and "denied" not in states else "gaps"), readiness, unknown


_RANK = {"denied": 3, "unknown": 2, "confirmed": 1, "partial": 0}  # of one day: the more cautious counts


def _age(text: str, today: date) -> int | None:
    try:
        return (today - date.fromisoformat(text[:10])).days
    except ValueError:
        return None
