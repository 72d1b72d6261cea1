"""First drafts of messages, from records only. Whoever or whatever is not known is listed and never made up."""

from __future__ import annotations

from typing import Annotated

from cuga.errors import BadInput
from cuga.packs.sales.engagement.gathering import Desk, one_line
from cuga.packs.sales.engagement.message import CHANNELS, Channel, Message
from cuga.packs.sales.engagement.rewriting import DRAFTING
from cuga.packs.sales.engagement.shaping import LENGTHS, MENTIONS, NOTATIONS, PARTS, Shape
from cuga.packs.sales.engagement.templates import STYLES, ask_for
from cuga.tools.declare import Slot, ToolContext, tool


@tool(
    domain="engagement",
    side_effect="propose",
    cost=1.0,
    keywords=(
        "draft", "write", "email", "mail", "message", "cold email", "first email", "outreach", "note", "linkedin",
        "follow up",
        "follow-up", "call script", "text message", "sms", "compose", "reach out", "intro", "letter", "contact",
    ),
    gives={"message": "", "recipient": "/recipient"},
    uses=("crm", "templates"),
    writes=(),
    repeatable="key",  # it changes nothing: made again it gives the same
    key_window_s=0,
    drafting=DRAFTING,
    guardrails=("never leaves a variable unfilled or empty", "no fact without its source", "never invents a recipient",
    "sends nothing"),
    personal=("/recipient", "/recipient_name", "/recipient_title", "/subject", "/body"),
)  # fmt: skip
def draft_outbound_message(
    context: ToolContext,
    recipient: Annotated[
        str, Slot("contact", "address or name of a person, or a role such as 'buyer' or 'ops lead'")
    ] = "",
    account: Annotated[str, Slot("account", "name or id of the account")] = "",
    product: Annotated[str, Slot("product", "what it is about")] = "",
    goal: Annotated[str, Slot("text", "what the message should achieve")] = "",
    channel: Annotated[Channel, Slot("channel", "email, linkedin, sms or call", CHANNELS)] = "email",
    template: Annotated[str, Slot("template", "name of a template, or own text with {{variables}}")] = "",
    style: Annotated[str, Slot("style", "tone of the greeting and the close", tuple(STYLES))] = "plain",
    sender: Annotated[str, Slot("sender", "name under the message")] = "",
    subject: Annotated[str, Slot("subject", "own subject line")] = "",
    length: Annotated[str, Slot("length", "usual or short", LENGTHS)] = "usual",
    mention: Annotated[tuple[str, ...], Slot("mentions", "what is named beyond the usual", MENTIONS)] = (),
    leave_out: Annotated[tuple[str, ...], Slot("omissions", "what is not brought up", tuple(PARTS))] = (),
    add: Annotated[tuple[str, ...], Slot("additions", "sentences of a person's own, put in before the question")] = (),
    notation: Annotated[str, Slot("notation", "how an amount is written", NOTATIONS)] = "1,234",
    continues: Annotated[str, Slot("intent", "intent of an earlier draft that this one replaces")] = "",
) -> Message:
    """Draft of an email LinkedIn note text message call script or follow up.

    Every fact names its row. A sentence whose facts are missing is left out; what is missing is listed under
    `unfilled`.
    Variables of own templates: recipient_name, first_name, account, industry, people, country, product, owner, since,
    sender, ask, company, letterhead, data_source, privacy_notice; and price, where `mention` has it.
    """
    if style not in STYLES:
        raise BadInput(f"there is no style {style!r}", mend=f"styles: {', '.join(STYLES)}")
    shape = Shape(length=length, mention=mention, leave_out=leave_out, add=add, notation=notation)
    shape.check()
    desk = Desk(context, channel)
    desk.take_recipient(recipient, account)
    desk.take_product(product)
    desk.take_letterhead()
    if not sender.strip() and desk.owner:
        desk.notes.append(f"signed by {desk.owner}, whose deal it is; give `sender` for another name")
    desk.values |= STYLES[style] | {"ask": ask_for(goal, desk.values), "sender": one_line(sender) or desk.owner}
    if not desk.values["sender"] and desk.letterhead is not None:
        desk.values["sender"] = desk.letterhead.name
    if desk.values["sender"] and desk.values["sender"].casefold() == desk.values.get("owner", "").casefold():
        desk.values["owner_has"] = "I have"
    return desk.write(template, subject, goal, continues, shape)
