"""The one way out of the house for a message: what was approved, to whom it was approved, once.

Everything is checked again at the moment of sending. Whenever it is certain that nothing left, `NotDone` says so.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from cuga.adapters.capability import CrmRead, Mail, Outgoing, Receipt, body_hash
from cuga.errors import NotDone
from cuga.packs.sales.engagement import checks
from cuga.packs.sales.engagement.compliance import Compliance, cleared
from cuga.packs.sales.engagement.message import Message
from cuga.packs.sales.engagement.recipients import recipient_of
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool


class Sent(Result, frozen=True, kw_only=True):
    """The receipt; `place` is the file in the outbox. `simulated` is never set: a simulated call writes no receipt."""

    sent: bool
    simulated: bool
    recipient: str
    message_id: str
    intent: str
    mail_id: str
    place: str
    body_hash: str


def look(context: ToolContext, arguments: Any) -> Sent | None:
    """The receipt when this call's mail has gone out already; None: it surely has not. It changes nothing.

    The mailbox answers for what it has sent, not for what still lies there; when it cannot say, it raises.
    """
    message = arguments["message"] if isinstance(arguments, dict) else arguments.message
    if not isinstance(message, Message):
        message = msgspec.convert(message, Message)
    mail: Mail = context.capability("mail")
    receipt = mail.sent(context.key)
    return _sent(message, receipt) if receipt is not None else None


@tool(
    domain="engagement",
    side_effect="execute",
    cost=1.0,
    keywords=("send", "send it", "mail it", "send out", "deliver", "dispatch", "email them", "blast", "send the draft",
    "outbox"),
    gives={"receipt": ""},
    uses=("mail", "crm"),
    writes=("mail",),
    repeatable="probe",
    probe=look,
    once=("send", "/message/channel", "/message/recipient", "/message/intent"),
    effect_key=("send", "/message/recipient"),
    guardrails=(
        "sends only the body that was approved", "never to a person who asked for no mail",
        "one message per intent and recipient",
        "never completes what is missing",
    ),
)  # fmt: skip
def send_message(
    context: ToolContext,
    message: Annotated[Message, Slot("message", "the approved draft, as it was drafted")],
    clearance: Annotated[Compliance | None, Slot("clearance", "what the check of the law said, to decide with")] = None,
) -> Sent:
    """Send an approved message.

    It goes to the outbox as one file. `body_hash` must be that of the body (an empty one: the approval of this call
    alone
    binds the body). What is unfilled, suppressed, objected to or malformed is not sent; the rules of the recipient's
    country are looked at again at this moment. A profile's `rates` can cap how many go out in a day.
    """
    mail: Mail = context.capability("mail")
    check(context, message)
    for one in clearance.recipients if clearance is not None else ():
        if one.verdict == "block" and one.recipient.casefold() == message.recipient.casefold():
            raise NotDone(f"{message.recipient} was not cleared: {one.why} ({one.rule})", mend="write to somebody else")
    check_law(context, message, mail)
    receipt = mail.send(
        Outgoing(
            key=context.key, recipient=message.recipient, subject=message.subject, body=message.body,
            message_id=message.message_id, intent=message.intent, body_hash=body_hash(message.body),
            template=message.template,
        )
    )  # fmt: skip
    return _sent(message, receipt)


def check(context: ToolContext, message: Message) -> None:
    """`NotDone`, with what to do, when the message may not go out as it is."""
    if message.channel != "email":
        raise NotDone(f"a {message.channel} message is not sent from here", mend="copy its text and send it by hand")
    for item in message.unfilled:
        if item.blocking and (item.field != "recipient" or not message.recipient):
            raise NotDone(
                f"{item.field} is not filled: {item.why}", mend=f"draft again with the {item.field.replace('_', ' ')}"
            )
    if not message.recipient:
        raise NotDone("the message has no recipient", mend="draft again with an address")
    if not message.intent:
        raise NotDone(
            "the message has no intent, so it could go out twice", mend="send what draft_outbound_message gave"
        )
    if not message.subject.strip() or not message.body.strip():
        raise NotDone("the message has no subject or no body", mend="draft it again")
    if message.body_hash and message.body_hash != body_hash(message.body):
        raise NotDone(
            "the body is not the one that was drafted: its hash differs",
            mend="have the changed message approved with its own hash (or with an empty body_hash)",
        )
    if left := next(
        (i for i in checks.of(checks.Text(body=message.body, subject=message.subject)) if i.check == "unfilled"), None
    ):
        raise NotDone(f"a variable is not filled: {left.text!r} in the {left.part}", mend="draft it again")


def check_law(context: ToolContext, message: Message, mail: Mail) -> None:
    """`NotDone` for a recipient who is blocked at this moment, whatever held when it was approved.

    What needs review passes: a person has approved this very call, with the recipient and the text before them.
    """
    crm: CrmRead | None = None if capability_missing(context, "crm") else context.capability("crm")
    today = context.as_of.date()
    found = cleared(recipient_of(crm, message.recipient, (), today), message, None, mail, today)
    if found.verdict == "block":
        raise NotDone(
            f"{message.recipient} must not be written to: {found.why} ({found.rule})",
            mend="write to somebody else, or not at all; `cuga suppression why ADDRESS` says where that comes from",
        )


def _sent(message: Message, receipt: Receipt) -> Sent:
    if receipt.body_hash != body_hash(message.body):
        raise RuntimeError(f"the outbox holds another body than the one that was approved ({receipt.place})")
    return Sent(
        sent=True, simulated=False, recipient=receipt.recipient, message_id=message.message_id, intent=message.intent,
        mail_id=receipt.message_id, place=receipt.place, body_hash=receipt.body_hash,
    )  # fmt: skip
