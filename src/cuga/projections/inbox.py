"""What waits for a person's decision, the riskiest first; and any request by its id, open or closed.

Which requests are open is the journal's table; what they say is folded from their run's stream.
"""

from __future__ import annotations

import heapq
from datetime import datetime
from typing import Any

from cuga.errors import ApprovalNotFound
from cuga.journal.codec import PLAIN, Codec, events_of
from cuga.journal.port import OpenApproval, ReadJournal
from cuga.model.context import LOCAL_TENANT, Principal
from cuga.policy.access import Access, may_decide
from cuga.policy.profile import Current
from cuga.projections.card import Card, cards_of
from cuga.projections.check import all_open

RISKS = ("high", "medium", "low")
KEPT = 1_000  # lines held beside those that will be shown
KEPT_CARDS = 1_000  # runs whose cards are kept

KnownCards = dict[str, tuple[int, dict[str, Card]]]  # by run, with the length that its stream had


async def inbox(
    journal: ReadJournal,
    *,
    tenant: str = LOCAL_TENANT,
    run_id: str = "",
    limit: int = 50,
    codec: Codec = PLAIN,
    known: KnownCards | None = None,
) -> list[Card]:
    """Open requests of a tenant, or of one run: by risk, then the oldest first.

    `known` cards are those of an earlier look, and are folded again only when their run has moved.
    """
    kept = known if known is not None else {}
    lines: list[OpenApproval] = []
    async for one in all_open(journal, tenant):
        if not run_id or one.run_id == run_id:
            lines.append(one)
        if len(lines) > limit + KEPT:  # there may be very many
            lines = heapq.nsmallest(limit, lines, key=_urgency)
    by_run: dict[str, dict[str, Card]] = {}
    found: list[Card] = []
    for line in heapq.nsmallest(limit, lines, key=_urgency):
        cards = by_run.get(line.run_id)
        if cards is None:
            cards = by_run[line.run_id] = await _kept(journal, line.run_id, codec, kept)
        card = cards.get(line.approval_id)
        if card is not None and card.is_open:  # decided since the table was read
            found.append(card)
    return found


def _urgency(line: OpenApproval) -> tuple[Any, ...]:
    rank = RISKS.index(line.risk) if line.risk in RISKS else -1
    return rank, line.requested_at, line.approval_id


async def find_card(journal: ReadJournal, approval_id: str, *, codec: Codec = PLAIN) -> Card:
    """One request, open or closed; `ApprovalNotFound`."""
    try:
        run_id = await journal.find_approval(approval_id)
    except ApprovalNotFound:
        # one that a rule decided at once was never in the table; its id begins with its run's
        run_id = approval_id.rpartition("-a")[0]
    card = (await _cards(journal, run_id, codec)).get(approval_id)
    if card is None:
        raise ApprovalNotFound(approval_id)
    return card


def may_decide_on(card: Card, by: Principal, current: Current, at: datetime) -> Access:
    """Whether a person may decide on a request now, with the reasons."""
    return may_decide(by, requesters=card.requesters, roles=card.roles_at(at), current=current, at=at)


async def open_of(
    journal: ReadJournal, run_id: str, version: int, known: KnownCards, *, codec: Codec = PLAIN
) -> list[Card]:
    """The open requests of one run, whose stream has a version."""
    cards = await _kept(journal, run_id, codec, known, version)
    return [card for card in cards.values() if card.is_open]


async def _kept(journal: ReadJournal, run_id: str, codec: Codec, kept: KnownCards, version: int = 0) -> dict[str, Card]:
    version = version or await journal.version(run_id)
    found = kept.get(run_id)
    if found is None or found[0] != version:
        kept[run_id] = found = (version, await _cards(journal, run_id, codec))
        if len(kept) > KEPT_CARDS:
            kept.pop(next(iter(kept)))
    return found[1]


async def _cards(journal: ReadJournal, run_id: str, codec: Codec) -> dict[str, Card]:
    return cards_of(run_id, events_of(await journal.read(run_id), codec))
