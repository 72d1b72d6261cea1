"""What somebody who looks at an open request can do about it: decide, or see who can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cuga.kernel.approvals import MORE_PEOPLE

if TYPE_CHECKING:
    from cuga.orchestrator.looking.showing import CardNow
    from cuga.projections.card import Card


def commands_for(card: Card, now: CardNow | None) -> list[tuple[str, str]]:
    """Commands and what each is for. Without `now` nobody knows who looks: those of whoever may decide."""
    name = card.approval_id
    if now is not None and not now.may_decide:
        return _of_others(card, now)
    alone = "alone here, your own word counts: recorded as solo"
    return [
        (f"cuga approve {name}", alone if now is not None and now.is_solo else ""),
        (f"cuga deny {name} --reason WHY", ""),
        (amend_command(card), "change it; the changed one asks again"),
        (f"cuga request-changes {name} --feedback TEXT", "plan again"),
    ]


def _of_others(card: Card, now: CardNow) -> list[tuple[str, str]]:
    reasons = "; ".join(now.why)
    roles = " or ".join(card.roles) or "nobody"
    back = [(f"cuga cancel {card.run_id}", "take it back")] if now.may_cancel else []
    able = [one for one in now.who_can if one not in {vote.by for vote in card.votes}]
    if not able:
        return [
            (f"You may not decide on this: {reasons}.", ""),
            (MORE_PEOPLE, f"nobody else here can yet; it takes {roles} who did not ask for it"),
            *back,
        ]
    return [
        (f"You may not decide on this: {reasons}. {' or '.join(able)} can.", ""),
        (f"cuga approve {card.approval_id}", f"for {' or '.join(able)}, from their own account or at the page"),
        *back,
    ]


def amend_command(card: Card) -> str:
    """How a request is amended; of a list, which call is meant stands before the name."""
    if not card.calls:
        return f"cuga amend {card.approval_id} --set NAME=VALUE"
    number = card.calls[-1].rpartition("#")[2]
    return f"cuga amend {card.approval_id} --set {number}.NAME=VALUE --drop {number}"
