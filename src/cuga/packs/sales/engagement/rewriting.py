"""A draft whose middle a language model has written: what it is told, and what must hold before its words are taken.

Greeting, the way out, where an address is from, and the close stay as the rules wrote them; the recipient is none of
its business. Only e-mails from the templates of this pack are written so: a template of the house says what it says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from cuga.adapters.capability import Activity, CrmRead, Filter, body_hash
from cuga.errors import NotDone
from cuga.packs.sales.engagement import checks
from cuga.packs.sales.engagement.message import Message
from cuga.packs.sales.engagement.quality import READY, MessageQuality, judge
from cuga.packs.sales.engagement.templates import OUT, TEMPLATES
from cuga.packs.sales.proving import unproven
from cuga.tools.declare import ToolContext, capability_missing
from cuga.tools.drafting import Author, Brief, Drafting

MOST_NOTES, NOTE = 5, 400  # how many words of others are offered, and how long each
TASK = (
    "Write the middle of an e-mail from {sender} at the company that sells to {account}: why we write, then one "
    "short question. 40 to 90 words in short sentences, 2 or 3 paragraphs, and a subject of 3 to 7 words. It shall "
    "achieve: {goal}."
)


def brief(context: ToolContext, arguments: Any, result: bytes) -> Brief | str:
    """What is to be written; in words why a model does not write this one."""
    message = msgspec.json.decode(result, type=Message)
    if message.channel != "email":
        return f"only e-mails are written by a model, and this is for {message.channel}"
    if message.template not in TEMPLATES:
        return "it follows a template of the house, which says what it says"
    if arguments.add:
        return "sentences of a person's own are in it, which a model does not touch"
    _, middle, _ = parts(message)
    facts = [(fact.field, fact.value) for fact in message.facts if fact.field not in ("name", "email")]
    facts += [("account", message.account), ("product", message.product), ("title", message.recipient_title)]
    goal = arguments.goal.strip() or ("a first answer" if message.first_contact else "the next step")
    notes = _notes(context, message)
    people = (message.recipient_name, arguments.sender, message.sender.name if message.sender else "")
    owners = tuple(fact.value for fact in message.facts if fact.field == "owner")
    return Brief(
        task=TASK.format(
            sender=arguments.sender.strip() or "a salesperson", account=message.account or "them", goal=goal
        ),
        facts=tuple(dict.fromkeys((what, value) for what, value in facts if value)),
        subject=message.subject,
        draft="\n\n".join(middle),
        notes=tuple(f"{one.kind} with {one.who or 'somebody'}: {' '.join(one.text.split())[:NOTE]}" for one in notes),
        people=tuple(name for name in (*people, *owners, *(one.who for one in notes)) if name),
        about=message.recipient or message.account_id,
    )


def take(told: Brief, result: bytes, said: Mapping[str, str], author: Author) -> Message:
    """The draft with a model's words in its middle, marked, with what they claim that stands in no record."""
    message = msgspec.json.decode(result, type=Message)
    head, _, tail = parts(message)
    words = [" ".join(part.split()) for part in said["text"].split("\n\n") if part.strip()]
    subject = " ".join(said["subject"].split()) or message.subject
    text = "\n\n".join(words)
    if not words or "{{" in text or "{{" in subject:
        raise NotDone("it says nothing" if not words else "it holds a variable")
    body = "\n\n".join((*head, *words, *tail))
    known = (
        told.task, told.subject, told.draft, message.body, message.account, message.product, message.recipient_name,
        *(value for _, value in told.facts),
    )  # fmt: skip
    claims = unproven(f"{subject}.\n{text}", known)
    if away := next((claim for claim in claims if claim.reaches), None):
        raise NotDone(f"it brings a {away.kind} that stands in no record: {away.text}")
    intent, address = message.intent, message.recipient
    written = msgspec.structs.replace(
        message,
        message_id="msg-" + hashlib.sha256(f"{intent}\n{address}\n{subject}\n{body}".encode()).hexdigest()[:16],
        subject=subject,
        body=body,
        body_hash=body_hash(body),
        written_by=author.line,
        unproven=tuple(f"{claim.kind}: {claim.text}" for claim in claims),
    )
    before, after = quality_of(message), quality_of(written)
    if fault := worse(before, after):
        raise NotDone(fault)
    return written


def quality_of(message: Message) -> MessageQuality:
    """What the rules for messages say of a draft."""
    return judge(
        checks.Text(
            body=message.body, subject=message.subject, channel=message.channel, recipient_name=message.recipient_name,
            account=message.account, facts=tuple(fact.value for fact in message.facts),
            first_contact=message.first_contact,
        ),
        message.message_id,
    )  # fmt: skip


def worse(before: MessageQuality, after: MessageQuality) -> str:
    """Why a text does not do beside that of the rules; empty when it does."""
    known = {issue.says for issue in before.issues}
    for issue in after.issues:
        if issue.weight == "blocking" and issue.says not in known:
            return f"{issue.check}: {issue.says}"
    if after.score < READY and after.score < before.score:
        worst = [f"{one.check} ({one.says})" for one in after.issues if one.says not in known]
        return f"it has {after.score} of 100 points, {READY} are needed: {'; '.join(worst[:5])}"
    return ""


def parts(message: Message) -> tuple[list[str], list[str], list[str]]:
    """Paragraphs of a draft: the greeting, the middle, and what comes after it as it must stand there."""
    paragraphs = message.body.split("\n\n")
    end = paragraphs.index(OUT) if OUT in paragraphs else len(paragraphs) - 1
    return paragraphs[:1], paragraphs[1:end], paragraphs[max(end, 1) :]


def _notes(context: ToolContext, message: Message) -> list[Activity]:
    if capability_missing(context, "crm") or not message.account_id:
        return []
    crm: CrmRead = context.capability("crm")
    day = context.as_of.date()
    wanted = [Filter(field="account_id", value=message.account_id)]
    rows = crm.query("activities", wanted, order="-happened", limit=50)
    found = [row for row in rows if isinstance(row, Activity) and row.text.strip()]
    return [row for row in found if row.happened is None or row.happened <= day][:MOST_NOTES]


DRAFTING = Drafting(brief, take)
