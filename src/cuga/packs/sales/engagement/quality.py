"""Whether a message is good enough to show to a person: points per check, every issue with its place. It never
rewrites."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from cuga.adapters.capability import Contact, CrmRead, Filter
from cuga.errors import BadInput
from cuga.packs.sales.engagement import checks, readability
from cuga.packs.sales.engagement.check_words import LIMITS
from cuga.packs.sales.engagement.checks import Issue, Text
from cuga.packs.sales.engagement.message import CHANNELS, Message
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

RULES = "message-1"
POINTS = {  # 100 in all
    "unfilled": 15, "length": 10, "subject": 8, "ease": 10, "ask": 9, "you": 6, "links": 6, "shouting": 5, "spam": 7,
    "filler": 5, "names": 8, "claims": 5, "pressure": 2, "personal": 4,
}  # fmt: skip
_LOST = {"blocking": 1.0, "warning": 0.6, "note": 0.2}  # share of a check's points that its gravest issue takes
READY = 70


class Check(Result, frozen=True, kw_only=True):
    """One check: the points it gave of those it could."""

    check: str
    points: int
    of: int
    issues: int


class MessageQuality(Result, frozen=True, kw_only=True):
    """`score` 0..100. `passed`: the text has no blocking issue and at least 70 points. `ready_to_send`: it has
    passed, and
    the draft lacks nothing that sending needs.

    `quality_score` and `overall_score` repeat `score` under its older names.
    """

    score: int
    grade: str
    ready_to_send: bool
    issues: tuple[Issue, ...]
    checks: tuple[Check, ...]
    words: int
    sentences: int
    reading_ease: int | None
    channel: str
    message_id: str
    notes: tuple[str, ...]
    quality_score: int
    overall_score: int
    passed: bool
    rules: str = RULES
    as_of: str = ""


@tool(
    domain="engagement",
    side_effect="read-only",
    cost=0.5,
    keywords=(
        "check", "quality", "assess", "review", "any good", "proofread", "spam", "readability", "clarity", "tone",
        "length",
        "personalization", "call to action", "is this good", "message", "email", "critique",
    ),
    gives={"quality": "", "score": "/score"},
    uses=("crm",),
    optional=("crm",),
    guardrails=("never rewrites the message", "counts as personal only what the records say of the reader"),
)  # fmt: skip
def assess_message_quality(
    context: ToolContext,
    message: Annotated[Message | str, Slot("message", "a draft, or the text of a message")],
    channel: Annotated[
        str, Slot("channel", "email, linkedin, sms or call; left out: that of the draft", CHANNELS)
    ] = "",
    subject: Annotated[str, Slot("subject", "subject line, for a text")] = "",
    recipient: Annotated[str, Slot("contact", "name or address of the reader, for a text")] = "",
    account: Annotated[str, Slot("account", "the reader's company, for a text")] = "",
    first_contact: Annotated[bool, Slot("flag", "whether nobody has written to this person before")] = True,
    limits: Annotated[dict[str, int] | None, Slot("limits", "own limits: fewest, most, block, sentence, ease")] = None,
) -> MessageQuality:
    """Check a message for length clarity personalization spam and call to action.

    Each issue says where in the text it is and what is wrong; mending is left to the writer. Reading ease is Flesch's.
    """
    notes: list[str] = []
    if isinstance(message, str):
        text = _of_text(context, message, subject, recipient, account, first_contact, notes, channel)
        message_id = ""
    else:
        notes += [f"not filled: {item.field} ({item.why})" for item in message.unfilled if item.blocking]
        text = Text(
            body=message.body, subject=message.subject, channel=message.channel, recipient_name=message.recipient_name,
            account=message.account, facts=tuple(fact.value for fact in message.facts),
            first_contact=message.first_contact,
        )  # fmt: skip
        message_id = message.message_id
    if channel and channel not in CHANNELS:
        raise BadInput(f"there is no channel {channel!r}", mend=f"channels: {', '.join(CHANNELS)}")
    if wrong := [name for name in limits or {} if name not in LIMITS]:
        raise BadInput(f"there is no limit {wrong[0]!r}", mend=f"limits: {', '.join(LIMITS)}")
    text = msgspec.structs.replace(text, channel=channel or text.channel, limits={**LIMITS, **(limits or {})})
    judged = judge(text, message_id, tuple(notes))
    waits = isinstance(message, Message) and any(item.blocking for item in message.unfilled)
    ready = judged.ready_to_send and not waits
    return msgspec.structs.replace(judged, ready_to_send=ready, as_of=context.as_of.date().isoformat())


def judge(text: Text, message_id: str = "", notes: tuple[str, ...] = ()) -> MessageQuality:
    """The rule itself."""
    issues = tuple(checks.of(text))
    parts = []
    for name in checks.CHECKS:
        mine = [issue for issue in issues if issue.check == name]
        lost = max((_LOST[issue.weight] for issue in mine), default=0.0)
        parts.append(Check(check=name, points=round(POINTS[name] * (1 - lost)), of=POINTS[name], issues=len(mine)))
    score = sum(part.points for part in parts)
    ready = score >= READY and not any(issue.weight == "blocking" for issue in issues)
    return MessageQuality(
        score=score,
        grade=next(
            letter for least, letter in ((90, "A"), (80, "B"), (70, "C"), (60, "D"), (0, "F")) if score >= least
        ),
        ready_to_send=ready,
        issues=issues,
        checks=tuple(parts),
        words=len(readability.words(text.body)),
        sentences=len(readability.sentences(text.body)),
        reading_ease=readability.flesch(text.body),
        channel=text.channel,
        message_id=message_id,
        notes=notes,
        quality_score=score,
        overall_score=score,
        passed=ready,
    )


def _of_text(
    context: ToolContext,
    body: str,
    subject: str,
    recipient: str,
    account: str,
    first_contact: bool,
    notes: list[str],
    channel: str,
) -> Text:
    if not subject and (found := re.match(r"\s*subject:[ \t]*(.+)\n+", body, re.I)):
        subject, body = found.group(1).strip(), body[found.end() :]
    name = recipient if "@" not in recipient else ""
    if recipient and not capability_missing(context, "crm"):
        crm: CrmRead = context.capability("crm")
        record = _contact(crm, recipient)
        name, account = (record.name, account or record.account) if record else (name, account)
    if not subject and channel in ("", "email"):
        notes.append("no subject was given; it is judged as missing")
    return Text(body=body, subject=subject, recipient_name=name, account=account, first_contact=first_contact)


def _contact(crm: CrmRead, recipient: str) -> Contact | None:
    if "@" in recipient:
        found = crm.query("contacts", [Filter(field="email", value=recipient)], limit=2)
        record = found[0] if len(found) == 1 else None
    else:
        hit = crm.lookup("contacts", recipient).found
        record = crm.get("contacts", hit.id) if hit else None
    return record if isinstance(record, Contact) else None
