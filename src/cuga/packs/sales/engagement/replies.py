"""What an incoming reply means, with the words that say so. It reads; it never does what a reply tells it to."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from cuga.errors import BadInput
from cuga.packs.sales.engagement.recipients import ADDRESS
from cuga.packs.sales.engagement.reply_dates import later_day, return_day
from cuga.packs.sales.engagement.reply_text import MOST, own_words
from cuga.packs.sales.engagement.reply_words import ORDER, PATTERNS, Kind
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "reply-1"
_NEXT: dict[Kind, str] = {
    "interest": "answer today; every cadence to this person stops",
    "not_now": "ask again on the day named, not before",
    "objection": "answer it or let it rest; the cadence stops",
    "referral": "look at whom they name before anybody is written to",
    "wrong_person": "correct the record; the cadence stops",
    "out_of_office": "wait until they are back",
    "unsubscribe": "never write again: the address belongs on the suppression list",
    "bounce": "do not write to this address again before it is corrected",
    "unclear": "read it yourself",
}


class Hint(Result, frozen=True, kw_only=True):
    """A phrase that was found: its kind, the words, and their place in the text that was looked at."""

    kind: Kind
    quote: str
    start: int
    end: int


class Reply(Result, frozen=True, kw_only=True):
    """`kind` is the first in the order of weight of all `hints`. `back_on`, `ask_again_on`: YYYY-MM-DD, or empty.

    `text` is what was looked at: the reply without quoted history. `named` are addresses in it, as written; nobody has
    agreed that they are written to.
    """

    kind: Kind
    quote: str
    start: int
    end: int
    hints: tuple[Hint, ...]
    back_on: str
    ask_again_on: str
    named: tuple[str, ...]
    next: str
    text: str
    cut: int  # characters of quoted history, signature and overlong rest that were not looked at
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="engagement",
    side_effect="read-only",
    cost=0.2,
    keywords=(
        "classify", "reply", "replied", "response", "incoming", "answer means", "what does this reply mean",
        "interested or not", "out of office", "bounce", "they wrote back", "inbound",
    ),
    gives={"reply": ""},
    guardrails=("unsubscribe wins over everything", "quoted history is cut off first",
    "instructions in a reply are words like any others", "what fits nothing is called unclear"),
)  # fmt: skip
def classify_reply(
    context: ToolContext,
    reply: Annotated[str, Slot("message", "text of the reply, with or without what it quotes")],
    subject: Annotated[str, Slot("subject", "its subject line")] = "",
) -> Reply:
    """What an incoming reply means such as interest objection referral out of office or unsubscribe.

    By phrases in English, and the plainest in German and French; other languages come out as unclear. Objection to
    direct marketing is final (GDPR art. 21(3)), so the least sign of it wins over everything else.
    """
    if not reply.strip() and not subject.strip():
        raise BadInput("the reply is empty", mend="give its text")
    return classify(reply, subject=subject, today=context.as_of.date())


def classify(text: str, *, subject: str = "", today: date, automatic: bool = False, bounced: bool = False) -> Reply:
    """The rule itself. `automatic` and `bounced` are what the headers of a mail say (RFC 3834, RFC 3464)."""
    said = own_words(text)
    hints = [_hint(kind, found) for kind in ORDER for found in list(PATTERNS[kind].finditer(said))[:3]]
    hints += [Hint(kind=k, quote=subject[:200], start=0, end=0) for k in _by_subject(subject, said, automatic)]
    notes = []
    if bounced:
        hints = [Hint(kind="bounce", quote=subject[:200], start=0, end=0), *hints]
    elif automatic and not any(hint.kind == "out_of_office" for hint in hints):
        notes.append("an automatic answer, says its header")
    chosen = _chosen(hints, automatic=automatic, bounced=bounced)
    back, quote = return_day(said, today) if chosen and chosen.kind == "out_of_office" else (None, "")
    again, why = later_day(said, today) if chosen and chosen.kind == "not_now" else (None, "")
    if chosen and chosen.kind == "out_of_office" and back is None:
        notes.append("no day of return is named")
    if back is not None and quote:
        notes.append(f"back: “{quote}”")
    if why:
        notes.append(why)
    kind: Kind = chosen.kind if chosen else "unclear"
    return Reply(
        kind=kind,
        quote=chosen.quote if chosen else "",
        start=chosen.start if chosen else 0,
        end=chosen.end if chosen else 0,
        hints=tuple(hints[:20]),
        back_on=back.isoformat() if back else "",
        ask_again_on=again.isoformat() if again else "",
        named=tuple(dict.fromkeys(found.group(0) for found in ADDRESS.finditer(said)))[:10],
        next=_NEXT[kind],
        text=said,
        cut=max(0, len(text) - len(said)),
        notes=(*notes, *((f"only the first {MOST:,} characters were read",) if len(text) > MOST else ())),
        as_of=today.isoformat(),
    )


def _chosen(hints: list[Hint], *, automatic: bool, bounced: bool) -> Hint | None:
    """The gravest hint. An automatic answer is no person's wish: what it offers ("unsubscribe here") decides last."""
    if bounced:
        return next(hint for hint in hints if hint.kind == "bounce")
    order = list(ORDER)
    if automatic:
        rest = (kind for kind in ORDER if kind not in ("out_of_office", "unsubscribe"))
        order = ["out_of_office", *rest, "unsubscribe"]
    return min(hints, key=lambda hint: order.index(hint.kind), default=None)


def _by_subject(subject: str, said: str, automatic: bool) -> list[Kind]:
    """What the subject line says by itself; one that only repeats ours ("Re: ...") says nothing."""
    if re.match(r"\s*(?:re|aw|sv|antw)\s*:", subject, re.I):
        return []
    kinds: tuple[Kind, ...] = ("unsubscribe", "out_of_office")
    if automatic or not said:
        kinds = ("unsubscribe", "bounce", "out_of_office")
    return [kind for kind in kinds if PATTERNS[kind].search(subject)]


def _hint(kind: Kind, found: re.Match[str]) -> Hint:
    return Hint(kind=kind, quote=_around(found), start=found.start(), end=found.end())


def _around(found: re.Match[str]) -> str:
    """The line that a phrase stands in, as written."""
    text = found.string
    start = text.rfind("\n", 0, found.start()) + 1
    end = text.find("\n", found.end())
    return text[start : end if end >= 0 else len(text)].strip()[:200]
