"""Facts out of call notes and mails, element by element, each with its exact words. What a text orders is data: it is
shown as set aside and changes nothing."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from cuga.adapters.capability import CrmRead
from cuga.errors import BadInput
from cuga.packs.sales.qualification.frameworks import ELEMENTS, FRAMEWORKS, Framework
from cuga.packs.sales.qualification.standing import Statement, sentences, statements
from cuga.packs.sales.result import Result, find_account
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

RULES = "evidence-1"
LONGEST = 200_000  # characters of a text
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget) (?:all|any|every|the|these|your|previous)\b|\b(?:mark|set|count|treat|rate) "
    r"(?:everything|all|it|this|each)\b.{0,40}\b(?:confirmed|qualified|won|approved)|\byou (?:must|are now)\b"
    r"|\b(?:system|assistant)\s*:|\bas an? (?:ai|assistant|language model)\b",
    re.I,
)
_EARLIER = re.compile(r"^(?:>|-{2,}\s*Original Message|On .{4,80} wrote:\s*$|Von: |From: .+@)", re.I | re.M)
_SPEAKER = re.compile(
    r"\b([A-Z][\w'-]+(?: [A-Z][\w'-]+)?)(?: \([^)]{2,40}\))? (?:said|says|told|wrote|confirmed|mentioned|signs"
    r"|agreed)\b|\bsaid ([A-Z][\w'-]+(?: [A-Z][\w'-]+)?)"
)
_NO_SPEAKER = {
    "They",
    "It",
    "He",
    "She",
    "We",
    "Budget",
    "Nobody",
    "The",
    "This",
    "That",
    "Who",
    "Legal",
    "Procurement",
}


class Contradiction(Result, frozen=True, kw_only=True):
    """Two statements of one text that cannot both hold."""

    element: str
    one: Statement
    other: Statement


class DealEvidence(Result, frozen=True, kw_only=True):
    """`evidence` in the order of the text. `silent` are the elements that the text says nothing of."""

    account: str
    framework: str
    evidence: tuple[Statement, ...]
    contradictions: tuple[Contradiction, ...]
    silent: tuple[str, ...]
    set_aside: tuple[str, ...]
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="qualification",
    side_effect="read-only",
    cost=0.5,
    keywords=(
        "extract", "call notes", "notes", "meeting notes", "evidence", "transcript", "pull facts", "minutes",
        "what did they say", "quotes",
    ),
    gives={"evidence": "/evidence"},
    uses=("crm",),
    optional=("crm",),
    guardrails=("every quote stands in the text", "instructions inside the text are set aside",
    "what is not said is listed as silent, never as a no"),
    personal=("/notes", "/evidence"),
)  # fmt: skip
def extract_deal_evidence(
    context: ToolContext,
    notes: Annotated[str, Slot("notes", "call notes, a mail or a transcript, as written")],
    account: Annotated[str, Slot("account", "whose words these are: name or id of the account")] = "",
    framework: Annotated[Framework | None, Slot("framework", "elements to look for", tuple(FRAMEWORKS))] = None,
    who: Annotated[str, Slot("speaker", "who said it, where the text does not name anybody")] = "",
    said_on: Annotated[date | None, Slot("said_on", "when it was said; left out: the as-of date")] = None,
) -> DealEvidence:
    """Facts for qualification out of call notes and emails with quotes.

    Without a framework it looks for the elements of all of them. Quoted earlier mails at the end are cut off. A pattern
    finds the sentence and may misread irony or hearsay: read the quote before you rely on it.
    """
    if not notes.strip():
        raise BadInput("there is no text to read", mend="hand over the notes as they are written")
    if len(notes) > LONGEST:
        raise BadInput(f"the text has {len(notes):,} characters; {LONGEST:,} are read", mend="hand it over in parts")
    today = context.as_of.date()
    said: list[str] = []
    name = account
    if account and not capability_missing(context, "crm"):
        crm: CrmRead = context.capability("crm")
        name = find_account(crm, account, said).name
    own = _own(notes, said)
    asked = FRAMEWORKS[framework] if framework else tuple(ELEMENTS.values())
    orders = tuple(sentence for sentence in sentences(own) if _ORDER.search(sentence))
    day = said_on or today
    if day > today:
        said.append(f"said on {day}, which is after {today}: such evidence confirms nothing yet")
    found = tuple(
        _spoken(statement, who)
        for statement in statements(own, asked, who=who, on=day, source="notes")
        if statement.quote not in orders
    )
    if orders:
        said.append(f"{len(orders)} sentence{'s' if len(orders) > 1 else ''} give orders; they are set aside")
    spoken_of = {statement.element for statement in found}
    return DealEvidence(
        account=name,
        framework=framework or "all",
        evidence=found,
        contradictions=_contradictions(found),
        silent=tuple(element.name for element in asked if element.name not in spoken_of),
        set_aside=orders,
        notes=tuple(said),
        as_of=today.isoformat(),
    )


def _own(text: str, said: list[str]) -> str:
    """The text without the earlier mails that hang below it."""
    earlier = _EARLIER.search(text)
    if earlier is None or not text[: earlier.start()].strip():
        return text
    said.append("an earlier mail that is quoted below was left out; hand it over with its own date")
    return text[: earlier.start()]


def _spoken(statement: Statement, who: str) -> Statement:
    """The statement with whoever the sentence itself names as its speaker."""
    import msgspec

    found = _SPEAKER.search(statement.quote)
    speaker = next((name for name in found.groups() if name), "") if found else ""
    if not speaker or speaker.split()[0] in _NO_SPEAKER or speaker in who:
        return statement
    return msgspec.structs.replace(statement, who=speaker)


def _contradictions(found: tuple[Statement, ...]) -> tuple[Contradiction, ...]:
    """Per element the first yes and the first no of the text."""
    pairs = []
    for element in dict.fromkeys(statement.element for statement in found):
        mine = [statement for statement in found if statement.element == element]
        yes = next((statement for statement in mine if statement.state == "confirmed"), None)
        no = next((statement for statement in mine if statement.state in ("denied", "unknown")), None)
        if yes is not None and no is not None:
            pairs.append(Contradiction(element=element, one=yes, other=no))
    return tuple(pairs)
