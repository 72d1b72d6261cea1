"""Who sits at the table where deals are won, and whether that differs from where they are lost.

Titles are read by their words. A title tells a desk and a rank, not a person's part in a decision.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Annotated

from cuga.adapters.capability import LOST, WON, Contact, CrmRead, Filter
from cuga.packs.sales.calibration.learning import percent
from cuga.packs.sales.deals import all_of, deals_of, say_when_old
from cuga.packs.sales.governance.winloss import HOLDS, LEAST
from cuga.packs.sales.intelligence.committee import seat_of
from cuga.packs.sales.periods import period_of
from cuga.packs.sales.result import Report, Result
from cuga.packs.sales.statistics.intervals import adjusted, fisher, wilson
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "personas-1"
NOT_TOLD = "not told by the title"
_FAMILIES = {
    "finance": r"cfo|financ\w*|account(?:ing|ant)|controller|treasur\w*",
    "IT and technology": r"cto|cio|ciso|it|technolog\w*|information|data|software|developer|engineer\w*|security",
    "operations": r"coo|operation\w*|plant|production|logistic\w*|supply|facilit\w*|manufactur\w*|ops|office",
    "procurement": r"procure\w*|purchas\w*|buyer|sourcing|category",
    "sales and marketing": r"cro|cmo|sales|marketing|revenue|commercial|brand|growth",
    "people": r"chro|hr|human|people|talent|recruit\w*",
    "legal": r"legal|counsel|complian\w*|lawyer",
    "general management": r"ceo|owner|founder|president|managing|general|proprietor",
}
_RANKS = {
    "top management": r"c[efmtiros]o|ciso|cro|chro|chief|owner|founder|president(?<!vice president)|managing director",
    "vice president": r"[se]?vp|vice president",
    "head or director": r"head|director|lead",
    "manager": r"manager|supervisor|controller",
    "specialist": r"analyst|engineer|specialist|officer|assistant|coordinator|buyer|architect|developer|accountant",
}
FAMILIES = {name: re.compile(rf"\b(?:{words})\b", re.I) for name, words in _FAMILIES.items()}
RANKS = {name: re.compile(rf"\b(?:{words})\b", re.I) for name, words in _RANKS.items()}


class Persona(Result, frozen=True, kw_only=True):
    """A kind of contact: in the accounts of how many won and lost deals there is one; percent. `titles`: usual ones."""

    kind: str
    persona: str
    won_deals: int
    share_of_won: float
    low: float
    high: float
    lost_deals: int
    share_of_lost: float
    corrected: float
    holds: bool
    titles: tuple[str, ...]


class Personas(Report, frozen=True, kw_only=True):
    """`won` and `lost` count the deals whose account has any contact: the base that shares are taken of."""

    won: int
    lost: int
    without_contacts: int
    personas: tuple[Persona, ...]
    unread_titles: tuple[str, ...]


@tool(
    domain="governance",
    side_effect="read-only",
    cost=0.8,
    keywords=("personas", "buyer persona", "buyer personas", "who buys", "typical buyer", "common titles",
    "buyers in common",
    "job titles of buyers"),
    gives={"personas": "/personas"},
    uses=("crm",),
    guardrails=("counts against lost deals, never won ones alone", "names no person"),
)  # fmt: skip
def extract_buyer_personas(
    context: ToolContext,
    period: Annotated[str, Slot("period", "deals closed in this time; left out: all")] = "",
) -> Personas:
    """What buyers of won deals have in common.

    Desk, rank and seat are read from titles. Each is counted by deal, won against lost, with 95 % Wilson intervals and
    Fisher's test corrected over all comparisons. Contacts belong to accounts: who took part in which deal is not known.
    """
    crm: CrmRead = context.capability("crm")
    today, notes = context.as_of.date(), list[str]()
    every = [d for d in deals_of(crm) if d.status in (WON, LOST) and d.closes is not None and d.closes <= today]
    say_when_old(every, today, notes)
    window = period_of(period, today) if period else None
    deals = [d for d in every if window is None or window.holds(d.closes)]
    kinds, titles, unread = _by_account(crm)
    counted: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    base = [0, 0]
    for deal in deals:
        if deal.account_id not in kinds:
            continue
        base[deal.status == LOST] += 1
        for key in kinds[deal.account_id]:
            counted[key][deal.status == LOST] += 1
    keys = sorted(key for key, both in counted.items() if sum(both) >= LEAST)
    chances = [fisher(counted[k][0], base[0], counted[k][1], base[1]) for k in keys]
    found = [
        _persona(key, counted[key], base, corrected, titles)
        for key, corrected in zip(keys, adjusted(chances), strict=True)
    ]
    found.sort(key=lambda one: (not one.holds, one.kind, -one.won_deals, one.persona))
    holding = [one for one in found if one.holds]
    missing = len(deals) - sum(base)
    if missing:
        notes.append(f"{missing:,} closed deals are left out: their account has no contact")
    top = max(found, key=lambda one: (one.kind == "desk", one.won_deals), default=None)
    said = (
        f"{len(holding)} kinds of contact differ from lost deals: {', '.join(p.persona for p in holding[:4])}."
        if holding
        else f"No kind of contact tells won from lost deals; the most frequent desk is {top.persona}."
        if top
        else "There are too few closed deals with contacts to read personas off."
    )
    return Personas(
        headline=said,
        as_of=today.isoformat(),
        notes=tuple(notes),
        rules=RULES,
        won=base[0],
        lost=base[1],
        without_contacts=missing,
        personas=tuple(found),
        unread_titles=tuple(unread),
    )


def title_read(title: str) -> dict[str, str]:
    """Desk, rank and seat of a title; what it does not tell is said so."""
    desk = next((name for name, pattern in FAMILIES.items() if pattern.search(title)), NOT_TOLD)
    rank = next((name for name, pattern in RANKS.items() if pattern.search(title)), NOT_TOLD)
    return {"desk": desk, "rank": rank, "seat": seat_of(title) or NOT_TOLD}


def _by_account(crm: CrmRead) -> tuple[dict[str, set[tuple[str, str]]], dict[tuple[str, str], Counter[str]], list[str]]:
    kinds: dict[str, set[tuple[str, str]]] = defaultdict(set)
    titles: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    unread: Counter[str] = Counter()
    for contact in all_of(crm, "contacts", [Filter(field="account_id", op="known")]):
        if not isinstance(contact, Contact):
            continue
        read = title_read(contact.title)
        kinds[contact.account_id] |= {*read.items()} if contact.title else set()
        for key in read.items():
            titles[key][contact.title] += 1
        if contact.title and read["desk"] == read["rank"] == NOT_TOLD:
            unread[contact.title] += 1
    return kinds, titles, [title for title, _ in sorted(unread.items(), key=lambda one: (-one[1], one[0]))[:10]]


def _persona(
    key: tuple[str, str],
    both: list[int],
    base: list[int],
    corrected: float,
    titles: dict[tuple[str, str], Counter[str]],
) -> Persona:
    low, high = wilson(both[0], base[0])
    usual = sorted(titles[key].items(), key=lambda one: (-one[1], one[0]))[:3]
    return Persona(
        kind=key[0],
        persona=key[1],
        won_deals=both[0],
        share_of_won=percent(both[0] / base[0]) if base[0] else 0.0,
        low=percent(low),
        high=percent(high),
        lost_deals=both[1],
        share_of_lost=percent(both[1] / base[1]) if base[1] else 0.0,
        corrected=round(corrected, 4),
        holds=corrected < HOLDS,
        titles=tuple(title for title, _ in usual),
    )
