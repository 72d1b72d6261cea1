"""How people oversaw the work: how long they took, how often they agreed, what nobody decided, which rules spoke.

EU AI Act, article 14, asks that people can understand, override and stop; figures like these show whether they did or
only clicked. They state; what to make of them is the reader's.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from cuga.model.value import Value
from cuga.projections.card import Card

HASTE_S = 3.0  # a decision sooner after the request than this was hardly read


class ApproverFigures(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One person's decisions. Times are seconds from the request to the word: at least as long as it was read."""

    approver: str
    decisions: int
    approved: int
    denied: int
    other: int  # amended, changes asked for
    approve_percent: int
    median_s: float
    under_3_s: int
    solo: int
    for_others: int  # on behalf of somebody


class Oversight(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The figures of a set of approvals."""

    requests: int
    decided_by_people: int
    decided_by_rules: dict[str, int]  # rule -> requests it let pass
    expired: int
    lapsed: int
    revoked: int
    open: int
    median_s: float | None
    under_3_s: int
    approvers: tuple[ApproverFigures, ...]


def oversight_of(cards: Iterable[Card]) -> Oversight:
    """The figures of these approvals."""
    known = list(cards)
    states = [card.state for card in known]
    rules: dict[str, int] = {}
    people: dict[str, list[tuple[Card, int]]] = {}
    for card in known:
        for number, vote in enumerate(card.votes):
            if vote.rule:
                rules[vote.rule] = rules.get(vote.rule, 0) + 1
            else:
                people.setdefault(vote.by, []).append((card, number))
    seconds = [_seconds(card, number) for cast in people.values() for card, number in cast]
    return Oversight(
        requests=len(known),
        decided_by_people=sum(any(not vote.rule for vote in card.votes) for card in known),
        decided_by_rules=dict(sorted(rules.items())),
        expired=states.count("expired"),
        lapsed=states.count("lapsed"),
        revoked=states.count("revoked"),
        open=states.count("open"),
        median_s=median(seconds) if seconds else None,
        under_3_s=sum(one < HASTE_S for one in seconds),
        approvers=tuple(_figures(name, cast) for name, cast in sorted(people.items())),
    )


def _seconds(card: Card, number: int) -> float:
    return (card.votes[number].at - card.requested_at).total_seconds()


def _figures(name: str, cast: list[tuple[Card, int]]) -> ApproverFigures:
    votes = [card.votes[number] for card, number in cast]
    seconds = [_seconds(card, number) for card, number in cast]
    approved, denied = (sum(vote.verdict == word for vote in votes) for word in ("approve", "deny"))
    return ApproverFigures(
        approver=name,
        decisions=len(votes),
        approved=approved,
        denied=denied,
        other=len(votes) - approved - denied,
        approve_percent=round(100 * approved / len(votes)),
        median_s=median(seconds),
        under_3_s=sum(one < HASTE_S for one in seconds),
        solo=sum(vote.solo for vote in votes),
        for_others=sum(bool(vote.on_behalf_of) for vote in votes),
    )
