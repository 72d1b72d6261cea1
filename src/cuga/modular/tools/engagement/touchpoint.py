"""Propose a call or a meeting to somebody outside, once: the invitation goes out as a mail of the house.

An effect outside, so a person agrees to exactly this call first. The mailbox can tell what it has sent, so a call
that nobody knows the end of is looked up before it is made again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from cuga.adapters.capability import Contact, CrmRead, Filter, Mail, Outgoing, Receipt, body_hash
from cuga.errors import BadInput, NotDone
from cuga.model.value import Value
from cuga.tools import Slot, ToolContext, tool

FARTHEST = timedelta(days=365)
_MINUTES = (15, 240)


class Touchpoint(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The invitation that went out; `place` is where the mailbox keeps it."""

    recipient: str
    begins: str
    minutes: int
    mail_id: str
    place: str


def look(context: ToolContext, arguments: Any) -> Touchpoint | None:
    """The invitation when this very call has sent it already; None: it surely has not."""
    mail: Mail = context.capability("mail")
    receipt = mail.sent(context.key)
    return None if receipt is None else _touchpoint(receipt, arguments.begins, arguments.minutes)


@tool(
    domain="engagement",
    side_effect="execute",
    cost=0.8,
    keywords=("schedule", "touchpoint", "invite", "meeting", "book a call", "set up a call", "calendar"),
    gives={"touchpoint": ""},
    uses=("mail", "crm"),
    repeatable="probe",
    probe=look,
    once=("touchpoint", "/recipient", "/begins"),
    effect_key=("touchpoint", "/recipient"),
    timeout_s=20,
    guardrails=(
        "invites one person, and only to what was approved",
        "never to a person who asked for no mail",
        "no time in the past and none farther than a year",
    ),
    personal=("/recipient",),
)
def invite_to_touchpoint(
    context: ToolContext,
    recipient: Annotated[str, Slot("contact", "address of the person to invite")],
    begins: Annotated[str, Slot("date", "when, with its zone: 2026-01-12T10:00:00+01:00")],
    topic: Annotated[str, Slot("text", "what it is about, in a line")],
    minutes: Annotated[int, Slot("count", "how long, 15 to 240")] = 30,
    kind: Annotated[Literal["call", "meeting"], Slot("touch", "call or meeting", ("call", "meeting"))] = "call",
) -> Touchpoint:
    """Invite a person to a call or a meeting at a time."""
    when = _when(context, begins)
    subject, address = " ".join(topic.split()), recipient.strip()
    if not _MINUTES[0] <= minutes <= _MINUTES[1]:
        raise BadInput(f"{minutes} minutes: between {_MINUTES[0]} and {_MINUTES[1]} are offered")
    if not subject or "@" not in address:
        raise BadInput("an invitation needs an address and a topic")
    mail: Mail = context.capability("mail")
    if why := mail.suppressed(address):
        raise NotDone(f"{address} must not be written to: {why}", mend="invite somebody else, or not at all")
    crm: CrmRead = context.capability("crm")
    known = crm.query("contacts", [Filter(field="email", value=address)], limit=50)
    if any(isinstance(contact, Contact) and contact.unsubscribed for contact in known):
        raise NotDone(f"{address} has asked for no mail", mend="invite somebody else, or not at all")
    body = f"I suggest a {kind} of {minutes} minutes on {when:%d %B %Y at %H:%M} (UTC{when:%z}).\n\n{subject}\n"
    receipt = mail.send(
        Outgoing(
            key=context.key,
            recipient=address,
            subject=f"Invitation: {subject}"[:150],
            body=body,
            intent=f"touchpoint/{begins}",
            body_hash=body_hash(body),
        )
    )
    return _touchpoint(receipt, begins, minutes)


def _when(context: ToolContext, begins: str) -> datetime:
    try:
        when = datetime.fromisoformat(begins)
    except ValueError as error:
        raise BadInput(f"{begins!r} is no time", mend="write it like 2026-01-12T10:00:00+01:00") from error
    if when.tzinfo is None:
        raise BadInput(f"{begins} has no zone", mend="write one behind it, like +01:00 or Z")
    if not context.as_of <= when <= context.as_of + FARTHEST:
        raise BadInput(f"{begins} is in the past or more than a year ahead")
    return when


def _touchpoint(receipt: Receipt, begins: str, minutes: int) -> Touchpoint:
    return Touchpoint(
        recipient=receipt.recipient,
        begins=begins,
        minutes=minutes,
        mail_id=receipt.message_id,
        place=receipt.place,
    )
