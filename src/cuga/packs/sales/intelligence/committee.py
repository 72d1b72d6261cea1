"""Who decides at an account, read from titles. A title is a hint, so it is shown as the evidence; an empty seat is
"not known", and nobody's address is ever guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

import msgspec

from cuga.adapters.capability import Account, Contact, CrmRead, Filter
from cuga.packs.sales.result import Result, find_account, place
from cuga.tools.declare import Slot, ToolContext, tool

NOT_KNOWN = "not known"
SEATS: dict[str, re.Pattern[str]] = {  # the first seat that fits is taken
    "legal or procurement": re.compile(r"procurement|purchas|sourcing|buyer\b|legal|counsel|contract", re.I),
    "economic buyer": re.compile(
        r"\b(ceo|cfo|coo|owner|founder|president|managing director|general manager|chief (executive|financial"
        r"|operating)"
        r"|geschäftsführer|finance director|(vp|vice president|head|director) (of )?finance)\b", re.I),
    "technical buyer": re.compile(r"\b(cto|cio|ciso|it|architect|engineer\w*|technology|technical|security|systems?"
                                  r"|data)\b", re.I),
    "sponsor": re.compile(r"\b(vp|vice president|svp|evp|chief|head|director)\b", re.I),
    "user": re.compile(r"manager|lead|supervisor|specialist|coordinator|analyst|operations|planner|administrator",
    re.I),
}  # fmt: skip
_BUYER_WORDS = {"buyer", "economic buyer", "decision maker", "decision-maker", "the buyer", "its buyer"}
_SHORT = {"ops": "operations", "cto": "technology technical", "cfo": "financ", "ceo": "executive", "cio": "information",
          "coo": "operating", "it": "information", "hr": "human", "head": "director",
          "lead": "manager head"}  # fmt: skip


class Person(Result, frozen=True, kw_only=True):
    """A contact in a seat. `why` is the title that put them there."""

    contact_id: str
    name: str
    title: str
    email: str
    unsubscribed: bool
    why: str
    source: str


class Seat(Result, frozen=True, kw_only=True):
    """A seat of the committee: `state` is filled or not known."""

    seat: str
    state: str
    people: tuple[Person, ...] = ()


RULES = "committee-1"


class Committee(Result, frozen=True, kw_only=True):
    """The buying committee of an account as far as it is known."""

    account: str
    account_id: str
    seats: tuple[Seat, ...]
    gaps: tuple[str, ...]
    others: tuple[Person, ...]
    notes: tuple[str, ...]
    as_of: str = ""
    rules: str = RULES


@tool(
    domain="intelligence",
    side_effect="read-only",
    cost=0.3,
    keywords=(
        "decision maker", "decision makers", "who decides", "buying committee", "committee", "buyer", "stakeholders",
        "economic buyer", "champion", "who signs", "contacts", "people",
    ),
    gives={"committee": ""},
    uses=("crm",),
    guardrails=("never guesses a person or an address", "an empty seat is said to be not known"),
    personal=("/seats", "/others"),
)  # fmt: skip
def identify_decision_makers(
    context: ToolContext, account: Annotated[str, Slot("account", "name or id of the account")]
) -> Committee:
    """Buying committee of an account with roles known and missing.

    Roles come from titles alone, which is where a conversation starts and not where it ends: each names its title.
    """
    notes: list[str] = []
    crm: CrmRead = context.capability("crm")
    found = committee_of(crm, find_account(crm, account, notes), notes)
    return msgspec.structs.replace(found, as_of=context.as_of.date().isoformat())


def committee_of(crm: CrmRead, record: Account, said: Iterable[str] = ()) -> Committee:
    """The committee of an account record; `said` are notes that go before its own."""
    notes = list(said)
    people = [_person(contact) for contact in contacts_of(crm, record.id)]
    seats = []
    for name in SEATS:
        inside = tuple(person for person in people if person.why.startswith(f"{name}:"))
        seats.append(Seat(seat=name, state="filled" if inside else NOT_KNOWN, people=inside))
    seats.append(Seat(seat="champion", state=NOT_KNOWN))
    if not people:
        notes.append(f"the CRM holds no contact of {record.name}")
    notes.append("who the champion is shows in what people do, not in titles")
    return Committee(
        account=record.name,
        account_id=record.id,
        seats=tuple(seats),
        gaps=tuple(seat.seat for seat in seats if seat.state == NOT_KNOWN),
        others=tuple(person for person in people if person.why.startswith("no seat")),
        notes=tuple(notes),
    )


def contacts_of(crm: CrmRead, account_id: str) -> list[Contact]:
    """The contacts of an account, in order of id."""
    found = crm.query("contacts", [Filter(field="account_id", value=account_id)], limit=200)
    return [contact for contact in found if isinstance(contact, Contact)]


def seat_of(title: str) -> str:
    """The seat that a title suggests; the empty text when it suggests none."""
    return next((seat for seat, pattern in SEATS.items() if title and pattern.search(title)), "")


def people_for(contacts: list[Contact], role: str) -> list[Contact]:
    """Contacts whom an id, a name, an address or a role in a seller's words means ("buyer", "ops lead", "CTO").

    All of equal standing are given back: choosing between them is not done here.
    """
    plain = " ".join(re.sub(r"^(its|their|the|your)\s+", "", role.strip().casefold()).split())
    if plain in _BUYER_WORDS:
        return [c for c in contacts if seat_of(c.title) == "economic buyer"]
    for said in (
        [c for c in contacts if plain == c.id.casefold()],
        [c for c in contacts if plain in (c.title.casefold(), c.name.casefold(), c.email.casefold())],
        [c for c in contacts if plain and set(plain.split()) <= set(c.name.casefold().split())],
    ):
        if said:
            return said
    wanted = [[word, *_SHORT.get(word, "").split()] for word in plain.split() if word not in ("of", "the", "and")]
    return [c for c in contacts if c.title and all(any(s in c.title.casefold() for s in words) for words in wanted)]


def _person(contact: Contact) -> Person:
    seat = seat_of(contact.title)
    return Person(
        contact_id=contact.id,
        name=contact.name,
        title=contact.title,
        email=contact.email,
        unsubscribed=contact.unsubscribed,
        why=f"{seat}: title {contact.title!r}"
        if seat
        else "no seat: the title does not tell"
        if contact.title
        else "no seat: no title",
        source=place(contact),
    )
