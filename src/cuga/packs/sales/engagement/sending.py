"""The one way out of the house for a message: what was approved, to whom it was approved, once.

Everything is checked again at the moment of sending. Whenever it is certain that nothing left, `NotDone` says so.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from cuga.adapters.capability import Mail, Outgoing, Receipt, body_hash
from cuga.errors import NotDone
from cuga.packs.sales.engagement.compliance import Compliance
from cuga.packs.sales.engagement.message import Message
from cuga.packs.sales.engagement.sendable import STOPS, amended, check, check_law
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, tool


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
    amended=amended,
    once=("send", "/message/channel", "/message/recipient", "/message/intent"),
    effect_key=("send", "/message/recipient"),
    stops=STOPS,
    guardrails=(
        "sends only the body that was approved", "never to a person who asked for no mail",
        "one message per intent and recipient",
        "never completes what is missing",
    ),
    personal=("/message/recipient", "/message/recipient_name", "/message/recipient_title", "/message/subject",
    "/message/body", "/recipient"),
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


def _sent(message: Message, receipt: Receipt) -> Sent:
    if receipt.body_hash != body_hash(message.body):
        raise RuntimeError(f"the outbox holds another body than the one that was approved ({receipt.place})")
    return Sent(
        sent=True, simulated=False, recipient=receipt.recipient, message_id=message.message_id, intent=message.intent,
        mail_id=receipt.message_id, place=receipt.place, body_hash=receipt.body_hash,
    )  # fmt: skip
