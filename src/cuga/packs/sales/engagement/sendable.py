"""Whether a message may go out as it is: looked at when somebody amends it, and again at the moment of sending."""

from __future__ import annotations

from typing import Any

import msgspec

from cuga.adapters.capability import Contact, CrmRead, Filter, Mail, body_hash
from cuga.errors import NotDone
from cuga.packs.sales.engagement import checks
from cuga.packs.sales.engagement.compliance import check_outreach_compliance, cleared
from cuga.packs.sales.engagement.message import Message
from cuga.packs.sales.engagement.recipients import recipient_of
from cuga.packs.sales.engagement.rewriting import quality_of
from cuga.tools.declare import Stop, ToolContext, capability_missing

_BLOCKED = 'r.verdict == "block" && r.recipient == message.recipient'
_BLOCKED_MEND = (
    "Write to somebody else there, or not at all: their wish wins over every approval. Their record in the CRM and "
    "`cuga suppression why {/message/recipient}` say where it is from."
)
STOPS = (  # what nobody needs to be asked about; all of it is looked at again at the moment of sending
    Stop(
        rule="no-recipient",
        when='message.recipient == ""',
        reason="nobody to send it to is known",
        mend='Add the contact with an address to the CRM, or name one: cuga run "... to NAME@COMPANY".',
    ),
    Stop(
        rule="not-by-mail",
        when='message.channel != "email"',
        reason="a message for {/message/channel} is not sent from here",
        mend="Copy its text out of `cuga show RUN` and send it by hand.",
    ),
    Stop(
        rule="recipient-blocked",
        when="message.recipient in suppressed",
        reason="the recipient must not be written to: {/message/recipient} is on the suppression list",
        mend=_BLOCKED_MEND,
    ),
    Stop(
        rule="recipient-blocked",
        when=f"clearance != null && clearance.recipients.size() == 1 && clearance.recipients.all(r, {_BLOCKED})",
        reason="the recipient must not be written to: {/clearance/recipients/0/why}, {/clearance/recipients/0/rule}",
        mend=_BLOCKED_MEND,
    ),
    Stop(
        rule="recipient-blocked",
        when=f"clearance != null && clearance.recipients.exists(r, {_BLOCKED})",
        reason="the recipient must not be written to, as the check of the law found",
        mend=_BLOCKED_MEND,
    ),
    Stop(  # as in a list, whose calls have no check of their own
        rule="recipient-blocked",
        when='message.blocked != ""',
        reason="the recipient must not be written to: {/message/blocked}",
        mend=_BLOCKED_MEND,
    ),
)


def amended(context: ToolContext, before: Any, after: Any) -> Any:
    """The arguments of a send as a person has changed them: cleared anew for the recipient, with the hash of the text
    as it is now. `NotDone` when it would not be sent; what needs review is left to whoever decides."""
    message: Message = after.message
    if message.body_hash == before.message.body_hash and message.body != before.message.body:
        message = msgspec.structs.replace(message, body_hash=body_hash(message.body))
    if message.recipient.casefold() != before.message.recipient.casefold():
        message = _addressed(context, message)
    check(context, message)
    check_law(context, message, context.capability("mail"))
    return msgspec.structs.replace(after, message=message, clearance=check_outreach_compliance(context, message))


def _addressed(context: ToolContext, message: Message) -> Message:
    """The message to another recipient: the name and title are those of the contact with this address, or nobody's."""
    crm: CrmRead | None = None if capability_missing(context, "crm") else context.capability("crm")
    wanted = Filter(field="email", value=message.recipient.strip())
    found = crm.query("contacts", [wanted], limit=2) if crm is not None else []
    one = found[0] if len(found) == 1 and isinstance(found[0], Contact) else None
    return msgspec.structs.replace(
        message,
        recipient=message.recipient.strip(),
        recipient_name=one.name if one is not None else "",
        recipient_title=one.title if one is not None else "",
        blocked="asked for no mail, says the CRM" if one is not None and one.unsubscribed else "",
    )


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
    if message.written_by:
        grave = [issue for issue in quality_of(message).issues if issue.weight == "blocking"]
        if grave:
            raise NotDone(
                f"a model wrote it, and the check of messages stops it: {grave[0].check}: {grave[0].says}",
                mend="mend it with `cuga amend`, or draft it again",
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
