"""Signs that an account may buy now, out of what the house itself has recorded: activities and deals.

A sign fades: it counts half after the half-life of its kind. The same event from two records counts once. Texts are
data: a word in them makes a sign with its quote, never an order.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, NamedTuple

from cuga.adapters.capability import LOST, WON, Account, Activity, CrmRead, Filter, Opportunity
from cuga.errors import BadInput
from cuga.packs.sales.deals import deals_of
from cuga.packs.sales.periods import period_of
from cuga.packs.sales.result import Report, Result, find_account, place
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "signals-1"
WINDOW_DAYS = 365
SAME_DAYS = 7  # the same kind of event within a week, told twice, is one


class Kind(NamedTuple):
    """A kind of sign: strength 1 to 10, half-life in days, and the words that tell it."""

    strength: int
    half_life: int
    words: re.Pattern[str] | None


def _words(text: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{text})\b", re.I)


KINDS = {
    "funding": Kind(8, 120, _words(r"funding|series [a-e]|raised (?:money|capital|\W?\d+)|investment round|ipo")),
    "leadership change": Kind(7, 90, _words(
        r"new (?:ceo|cfo|cto|cio|coo|head|director|vp|owner)|joined as|appointed|promoted to|has left|is leaving")),
    "hiring": Kind(5, 60, _words(r"hiring|job (?:post|opening)s?|recruiting|new positions?|open positions?")),
    "expansion": Kind(6, 120, _words(r"expansion|expanding|new (?:site|plant|office|branch|market)s?|opening a")),
    "acquisition": Kind(7, 120, _words(r"acquisition|acquired|acquires|merger|merging|taken over")),
    "technology change": Kind(6, 90, _words(
        r"replac(?:e|ing) (?:the|their|our)|migrat\w+|switch(?:ing|ed) (?:to|from)|new (?:system|software|erp|crm)")),
    "budget": Kind(8, 60, _words(r"budget (?:of \S+ )?(?:is )?(?:approved|released|set)|approved (?:a )?budget")),
    "date": Kind(6, 45, _words(r"go(?:es)? live|deadline|by the end of \w+|has to (?:be|go)|must be (?:live|done)")),
    "interest": Kind(5, 45, _words(r"interested|asked (?:for|what|about)|demo|pricing|wants? to see|quote")),
    "competition": Kind(4, 60, _words(r"also looking at|competitor|compar(?:e|ing) (?:us|with)|building it in-house")),
}  # fmt: skip
DEALS = {"deal begun": Kind(7, 60, None), "deal won": Kind(4, 180, None), "deal lost": Kind(2, 180, None)}
_NOT = re.compile(r"\b(?:no|not|never|without|nothing|nobody|isn't|aren't|won't|don't|doesn't)\b", re.I)


class Signal(Result, frozen=True, kw_only=True):
    """One sign. `weight` is strength x 0.5^(age / half-life), in hundredths of a point; `told` counts its records."""

    kind: str
    date: str
    age_days: int
    strength: int
    half_life: int
    weight: float
    quote: str
    source: str
    told: int


class Signals(Report, frozen=True, kw_only=True):
    """`weight` is the sum. `undated` are signs without a date: they have no weight."""

    account: str
    account_id: str
    weight: float
    signals: tuple[Signal, ...]
    undated: tuple[str, ...]


@tool(
    domain="intelligence",
    side_effect="read-only",
    cost=0.5,
    keywords=("signals", "buying signals", "funding", "hiring", "news", "intent", "trigger events", "why now",
    "recent events"),
    gives={"signals": "/signals"},
    uses=("crm",),
    guardrails=("one event counts once", "no sign without a quote or a row", "offline: only what the house recorded"),
)  # fmt: skip
def retrieve_account_signals(
    context: ToolContext,
    account: Annotated[str, Slot("account", "name or id of the account")],
    period: Annotated[str, Slot("period", "how far back; left out: a year")] = "",
) -> Signals:
    """Recent buying signals such as funding hiring leadership and technology change.

    They are read off the house's own activities and deals: no outside source is asked. A sentence that says no or not
    makes no sign. A technology that is only mentioned is no adoption.
    """
    crm: CrmRead = context.capability("crm")
    today, notes = context.as_of.date(), list[str]()
    record = find_account(crm, account, notes)
    days = WINDOW_DAYS
    if period:
        days = (today - period_of(period, today).first).days
        if days < 0:
            raise BadInput(f"{period} has not begun", mend="name a time that has")
    found, undated = signals_of(crm, record, today, days)
    weight = round(sum(one.weight for one in found), 2)
    if not found:
        notes.append("nothing was recorded that tells of a reason to buy now; that is no sign against it")
    top = f"; the strongest: {found[0].kind} of {found[0].date}." if found else "."
    return Signals(
        headline=f"{record.name}: {len(found)} signs, weight {weight}{top}",
        as_of=today.isoformat(),
        notes=(*notes, "only the house's own records were read; outside news is not known"),
        rules=RULES,
        account=record.name,
        account_id=record.id,
        weight=weight,
        signals=tuple(found),
        undated=tuple(undated),
    )


def signals_of(crm: CrmRead, account: Account, today: date, days: int = WINDOW_DAYS) -> tuple[list[Signal], list[str]]:
    """The signs of an account within so many days, the heaviest first, and quotes that bear no date."""
    mine = [Filter(field="account_id", value=account.id)]
    raw: list[tuple[str, date, str, str]] = []
    undated = []
    for row in crm.query("activities", mine, limit=1000):
        if not isinstance(row, Activity):
            continue
        for kind, quote in read(row.text):
            if row.happened is None:
                undated.append(f"{kind}: {quote}")
            else:
                raw.append((kind, row.happened, quote, place(row) or row.id))
    for deal in deals_of(crm, mine):
        raw += _of_deal(deal)
    raw = [one for one in raw if 0 <= (today - one[1]).days <= days]
    once: dict[tuple[str, date], list[tuple[str, date, str, str]]] = {}
    for one in sorted(raw, key=lambda r: (r[0], r[1], r[3], r[2])):
        is_deal = one[0] in DEALS
        near = next(
            (key for key in once if not is_deal and key[0] == one[0] and (one[1] - key[1]).days <= SAME_DAYS), None
        )
        once.setdefault(near or (one[0], one[1]), []).append(one)
    found = [_signal(told, today) for told in once.values()]
    return sorted(found, key=lambda s: (-s.weight, s.kind, s.date)), sorted(undated)


def read(text: str) -> list[tuple[str, str]]:
    """(kind, sentence) for each sign in a text; the quote stands in the text as it is."""
    found = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n", text):
        if _NOT.search(sentence):
            continue
        found += [
            (kind, sentence.strip()[:200])
            for kind, of in KINDS.items()
            if of.words is not None and of.words.search(sentence)
        ]
    return found


def _of_deal(deal: Opportunity) -> list[tuple[str, date, str, str]]:
    at, said = place(deal) or deal.id, f"{deal.id} {deal.product}".strip()
    found = [("deal begun", deal.opened, said, at)] if deal.opened is not None else []
    if deal.closes is not None and deal.status in (WON, LOST):
        found.append((f"deal {deal.status}", deal.closes, said, at))
    return found


def _signal(told: list[tuple[str, date, str, str]], today: date) -> Signal:
    kind, on, quote, source = told[-1] if told[0][0] not in DEALS else told[0]
    of = KINDS.get(kind) or DEALS[kind]
    age = (today - on).days
    return Signal(
        kind=kind,
        date=on.isoformat(),
        age_days=age,
        strength=of.strength,
        half_life=of.half_life,
        weight=round(of.strength * 0.5 ** (age / of.half_life), 2),
        quote=quote,
        source=source,
        told=len(told),
    )
