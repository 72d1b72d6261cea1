"""What waits for a person's decision, the riskiest first; and any request by its id, open or closed.

Which requests are open is the journal's table; what they say is folded from their run's stream.
"""

from __future__ import annotations

from datetime import datetime

from cuga.errors import ApprovalNotFound
from cuga.journal.codec import PLAIN, Codec, events_of
from cuga.journal.port import RISKS, ReadJournal
from cuga.model.context import LOCAL_TENANT, Principal
from cuga.policy.access import Access, may_decide
from cuga.policy.profile import Current
from cuga.projections.card import Card, cards_of

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
    if run_id:
        cards = await _kept(journal, run_id, await journal.version(run_id), codec, kept)
        ours = [card for card in cards.values() if card.is_open and card.tenant == tenant]
        return sorted(ours, key=_urgency)[:limit]
    found: list[Card] = []
    for line in await journal.urgent_approvals(tenant=tenant, limit=limit):
        card = (await _kept(journal, line.run_id, line.version, codec, kept)).get(line.approval_id)
        if card is not None and card.is_open:  # decided since the table was read
            found.append(card)
    return found


def _urgency(card: Card) -> tuple[int, datetime, str]:
    return RISKS.index(card.risk) if card.risk in RISKS else -1, card.requested_at, card.approval_id


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
    cards = await _kept(journal, run_id, version, codec, known)
    return [card for card in cards.values() if card.is_open]


async def _kept(journal: ReadJournal, run_id: str, version: int, codec: Codec, kept: KnownCards) -> dict[str, Card]:
    found = kept.get(run_id)
    if found is None or found[0] != version:
        kept[run_id] = found = (version, await _cards(journal, run_id, codec))
        if len(kept) > KEPT_CARDS:
            kept.pop(next(iter(kept)))
    return found[1]


async def _cards(journal: ReadJournal, run_id: str, codec: Codec) -> dict[str, Card]:
    return cards_of(run_id, events_of(await journal.read(run_id), codec))
