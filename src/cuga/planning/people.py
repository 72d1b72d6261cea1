"""Who a message is for: a person the goal names, or the one contact who holds the role it names.

Nobody known means an explicitly empty recipient and a line that says so. A person or an address is never guessed.
"""

from __future__ import annotations

import re
from typing import Any

from cuga.adapters.capability import Contact
from cuga.model.tool import SideEffect, Slot
from cuga.planning import sparing
from cuga.planning.filling import Context, Filled
from cuga.planning.kinds import KINDS, base_kind
from cuga.planning.lexicon import STOP
from cuga.planning.mentions import Mention
from cuga.planning.revising import ADDED, RECIPIENT, SENDER, SUBJECT, Remark, Revision
from cuga.planning.schema import accepts
from cuga.planning.words import stem

_SAME_ROLE = {
    "cto": "chief technology officer", "cfo": "chief financial officer", "ceo": "chief executive officer",
    "coo": "chief operating officer", "cio": "chief information officer", "cmo": "chief marketing officer",
    "cro": "chief revenue officer", "ciso": "chief information security officer", "vp": "vice president",
    "svp": "senior vice president", "evp": "executive vice president", "ops": "operations",
    "it": "information technology",
}  # fmt: skip
ADDRESSEES = "addressees"  # kind of a slot that takes several people
_BUYING = re.compile(r"\b(buyer|procurement|purchasing|sourcing|buying)\b", re.I)


def person_for(slot: Slot, schema: dict[str, Any], step: Filled, own: list[Mention], context: Context) -> Any:
    """The value of a slot for a person; an empty value of the slot's type when one was asked for and none is known.

    Who was named last, in a remark or an answer, goes before the goal's own words.
    """
    said, remark = _said_last([mention for mention in own if mention.start < 0], context.revision)
    rest = [mention for mention in own if mention.start >= 0 or mention.kind not in sparing.WHO]
    value = _person_for(slot, schema, step, said or rest, context, is_said=bool(said))
    if remark is not None and value:
        context.revision.heed_last(remark, f"recipient: {said[0].value}")
    return sparing.without_spared(value, step, context)


def _said_last(own: list[Mention], revision: Revision) -> tuple[list[Mention], Remark | None]:
    """Whom people named last as the one to write to, and the remark that did; beside a remark, a bare answer counts."""
    named = [mention for mention in own if mention.kind in sparing.WHO]
    mine = [one for one in revision.remarks if one.kind == RECIPIENT]
    others = [one for one in revision.remarks if one.kind != RECIPIENT]
    if named and not any(_names_it(one, named[-1]) for one in revision.remarks):
        return named[-1:], mine[0] if len(mine) == 1 else None
    for one in reversed(mine):
        if found := [mention for mention in named if _names_it(one, mention)]:
            return found, one
    about = [one for one in others if one.is_against or one.kind in (ADDED, SENDER, SUBJECT)]
    return [mention for mention in named if not any(_names_it(one, mention) for one in about)][-1:], None


def _names_it(remark: Remark, mention: Mention) -> bool:
    said, name = f"{remark.text} {remark.value}".casefold(), (mention.written or mention.value).casefold()
    if mention.kind == "address":
        return name in said
    return bool((set(re.findall(r"\w{2,}", name)) - STOP) & set(re.findall(r"\w{2,}", said)))


def _person_for(
    slot: Slot, schema: dict[str, Any], step: Filled, own: list[Mention], context: Context, *, is_said: bool
) -> Any:
    account, purpose = step.account, slot.purpose.casefold()
    takes_role = "role" in purpose
    wants_address = not takes_role and (slot.kind.casefold() in ("address", "email") or "address" in purpose)
    own = [mention for mention in own if not _beside(mention, context)]
    if not is_said and step.choice.contract.side_effect is SideEffect.PROPOSE and (address := _sent_to(own, context)):
        context.note(f"The recipient is {address}, where the goal wants it sent.")
        return address
    for mention in own:
        if mention.kind == "address":
            return mention.value
        if mention.kind == "contact":
            person = context.records.contact(mention.record)
            if not wants_address:
                return mention.record or mention.value
            if person is not None and person.email:
                return person.email
            context.note(f"No address of {mention.value} is in the CRM: the recipient is left empty.")
            return _empty(schema)
    role = next((mention.value for mention in own if mention.kind == "role"), "")
    if not role and not _speaks_of_people(step):
        return None
    if step.is_of_many:  # who that is at each account is read when its call is made
        return role if role and takes_role else None
    at = f" of {account.value}" if account else ""
    who = role or "contact"
    known = _known(account, context)
    fitting = [person for person in known if _holds(person, who)] if role else known
    if len(fitting) == 1:
        person = fitting[0]
        title = f" ({person.title})" if person.title else ""
        if not wants_address or person.email:
            context.note(f"{who}{at}: {person.name}{title}, from the CRM.")
            return person.email if wants_address else person.id
        context.note(f"No address of {person.name}{title}{at} is in the CRM: the recipient is left empty.")
        return _empty(schema)
    if step.choice.contract.side_effect is SideEffect.READ_ONLY:
        return role if takes_role and role else None
    by_role = takes_role and bool(role)
    left = "The recipient is left empty."
    if known and by_role:
        left = "Who that is, is read from their titles when the message is drafted; look at its recipient."
    elif by_role:
        left = f"The draft names only the role {role!r}."
    if fitting:
        context.note(f"More than one {who}{at} is in the CRM: {_names(fitting)}. {left}")
    elif known:
        context.note(f"Nobody{at} is named as {who} in the CRM, which has {_names(known)}. {left}")
    elif context.records.is_known and account is None:
        context.note(f"The {who} cannot be looked up: no account is named, or none that the CRM has. {left}")
    elif context.records.is_known:
        context.note(f"The {who}{at} is not known: no contact is in the CRM. {left}")
    else:
        context.note(f"The {who}{at} is not known: there is no CRM to look in. {left}")
    return role if takes_role and role else _empty(schema)


def tell_addressees(step: Filled, context: Context) -> None:
    """Where a tool only looks at people, and the goal names an account and no message: all who are known there, or a
    question. "Check whether we may email Konex"."""
    contract, account = step.choice.contract, step.account
    slot = next((slot for slot in step.open if slot.kind == ADDRESSEES), None)
    taken = {base_kind(slot.kind) for slot in contract.slots if step.arguments.get(slot.name)}
    if slot is None or contract.side_effect is not SideEffect.READ_ONLY or taken & {"contact", "message"}:
        return
    if account is None or not context.records.is_known:
        return
    known = _known(account, context)
    if not known:
        context.ask(f"No contact of {account.value} is in the CRM. Whom do you mean? An address or a name would do.")
        return
    step.arguments[slot.name] = [person.id for person in known]
    step.open.remove(slot)
    context.note(f"All who are known at {account.value}: {_names(known)}.")


def _sent_to(own: list[Mention], context: Context) -> str:
    """The one address that the goal names elsewhere than for this step: "... and send it to ada@acme.example"."""
    if any(mention.kind == "address" for mention in own):
        return ""
    found = {one.value for one in context.reading.mentions if one.kind == "address" and not _beside(one, context)}
    return found.pop() if len(found) == 1 else ""


def _beside(mention: Mention, context: Context) -> bool:
    """Whether an address is that of a copy or of the sender, and not where a message goes."""
    before = context.reading.masked.text[: mention.start].split()[-1:]
    if mention.kind != "address" or not before or before[0].casefold().strip(":,") not in ("cc", "bcc", "from"):
        return False
    context.note(f"Not used: {mention.value}. A message here goes to one person, from whoever runs the house.")
    return True


def _names(people: list[Contact]) -> str:
    more = f" and {len(people) - 5} more" if len(people) > 5 else ""
    return ", ".join(f"{person.name} ({person.title or 'no title'})" for person in people[:5]) + more


def _known(account: Mention | None, context: Context) -> list[Contact]:
    return context.records.contacts(account.record or account.value) if account else []


def _speaks_of_people(step: Filled) -> bool:
    words = {word.stem for clause in step.choice.clauses for word in clause.words}
    return any(KINDS.get(word) == "contact" for word in words)


def _holds(person: Contact, role: str) -> bool:
    """Whether a title says the role: all its telling words, with the usual short forms; a buyer is who buys."""
    title = {stem(word) for word in re.findall(r"\w+", _long(person.title))}
    wanted = {stem(word) for word in re.findall(r"\w+", _long(role)) if word not in STOP}
    if wanted <= {"buyer"}:
        return bool(_BUYING.search(person.title))
    if wanted <= {"decision", "mak", "maker"}:
        return bool(title & {"chief", "president", "owner", "founder", "director", "head"})
    lead = wanted & {"lead", "head"}
    return bool(
        wanted - lead <= title and (not lead or title & {"lead", "head", "director", "manag", "manager", "chief"})
    )


def _long(role: str) -> str:
    return " ".join(_SAME_ROLE.get(word, word) for word in re.findall(r"\w+", role.casefold()))


def _empty(schema: dict[str, Any]) -> Any:
    """The empty value a schema takes. `None` is kept apart from "no value" by this marker."""
    return NOBODY if accepts(schema, "null") or not accepts(schema, "string") else ""


class _Nobody:
    """Stands for an explicit null while slots are filled."""

    def __repr__(self) -> str:
        return "nobody"


NOBODY = _Nobody()
