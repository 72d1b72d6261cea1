"""The house's documents as the knowledge tools see them: described by their own heads and by the CRM, with their age.

A document that is out of date is shown and marked, never hidden; what nobody approved is never taken for approved.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import msgspec

from cuga.adapters.capability import CrmRead, Document, Documents, Passage
from cuga.packs.sales.result import Result
from cuga.tools.declare import ToolContext, capability_missing

STALE_DAYS = 365
_STOP_WORDS = """
a about after again all also am an and any are as at be because been before being but by call calls can could did do
does doing down for from get gets got had has have having he her here hers him his how i if in into is it its just know
like made make makes many me more most much my need new no nor not of on once one only or other our out over own page
please read same say says she should show so some such tell than that the their them then there these they this those
through to too under until up us use very want was we were what when where which while who whom why will with work works
would you your
"""
_STOP = frozenset(_STOP_WORDS.split())


class Quote(Result, frozen=True, kw_only=True):
    """A passage as written, and where it stands. `state`: current, stale (older than a year), expired or undated."""

    file: str
    line: int
    heading: str
    text: str
    date: str
    state: str
    title: str = ""
    matched: tuple[str, ...] = ()
    score: int = 0


class Library:
    """Documents with what is known of each. What the CRM's own record of a document says fills what its head leaves."""

    def __init__(self, context: ToolContext) -> None:
        self.documents: Documents = context.capability("documents")
        self.today: date = context.as_of.date()
        self.known = {document.path: document for document in self.documents.listed()}
        if not capability_missing(context, "crm"):
            crm: CrmRead = context.capability("crm")
            for record in crm.each("documents"):
                if isinstance(record, Document) and (own := self.known.get(record.path or record.id)) is not None:
                    self.known[own.path] = _filled(own, record)

    def quote(self, passage: Passage) -> Quote:
        """A passage with its date and state."""
        document = self.known.get(passage.path)
        dated = document.dated.isoformat() if document is not None and document.dated else ""
        return Quote(
            file=passage.path, line=passage.line, heading=passage.heading, text=passage.text, date=dated,
            state=self.state(document), title=passage.title, matched=passage.matched, score=passage.score,
        )  # fmt: skip

    def state(self, document: Document | None) -> str:
        """Whether a document may be relied on today."""
        if document is not None and document.valid_until and document.valid_until < self.today:
            return "expired"
        if document is None or document.dated is None:
            return "undated"
        return "stale" if document.dated < self.today - timedelta(days=STALE_DAYS) else "current"

    def notes(self) -> list[str]:
        """What a reader should know of the library as a whole: what was not read, and that it is empty."""
        said = [f"{file.path} was not read: {file.why}; {file.mend}" for file in self.documents.unread()]
        if not self.known:
            said.append(
                "the house has no documents; put .md, .txt, .html, .pdf or .docx files into its documents folder"
            )
        return said


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text that say what it is about, each once, as written but for capitals."""
    found = re.findall(r"[^\W_]+(?:[-'][^\W_]+)*", text.casefold())
    return tuple(dict.fromkeys(word for word in found if word not in _STOP and (len(word) > 1 or word.isdigit())))


def same_word(one: str, other: str) -> bool:
    """Whether two words are forms of one: shift and shifts, plan and planning; short words must be equal."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    return len(short) >= 4 and long.startswith(short.rstrip("e")) and len(long) - len(short) <= 4


def says(text: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words that occur in a text in some form."""
    there = words_of(text)
    return tuple(word for word in words if any(same_word(word, other) for other in there))


def listed(text: str) -> tuple[str, ...]:
    """The parts of a list as people write it: lines, commas, semicolons, "and"."""
    parts = re.split(r"[\n;,|]|\band\b", text)
    return tuple(dict.fromkeys(part.strip(" .-*") for part in parts if part.strip(" .-*")))


def _filled(own: Document, record: Document) -> Document:
    changes: dict[str, Any] = {}
    for field in ("kind", "product", "industry", "persona", "stage", "competitor", "customer", "permission", "approved",
                  "dated", "valid_until"):  # fmt: skip
        if not getattr(own, field) and getattr(record, field):
            changes[field] = getattr(record, field)
    if own.permission == "yes" and record.permission == "no":
        changes["permission"] = "no"  # of two answers the cautious one counts
    if own.approved == "yes" and record.approved == "no":
        changes["approved"] = "no"
    return msgspec.structs.replace(own, **changes)
