"""A territory plan as a value: the moves, and the hash that an approval and the writing of it are bound to.

A plan says everything that a person needs to agree to it: who loses and gets which account, and every open deal that is
in flight there, so that what is shown and what is written are the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from cuga.adapters.capability import RunTold
from cuga.errors import BadInput
from cuga.model.value import digest
from cuga.packs.sales.result import Result
from cuga.packs.sales.territory.book import LATE_STAGES, Book


class InFlight(Result, frozen=True, kw_only=True):
    """One open deal of an account that changes hands. `owner` is what the deal's own field said; `goes_to` who gets it
    where deals go along. None: it stays, as one near its end does, and one of somebody else than leaves the account."""

    opportunity: str
    stage: str
    owner: str
    is_late: bool
    goes_to: str | None


class Move(Result, frozen=True, kw_only=True):
    """One account from one owner to another. `owner_field` is what the account's own field said when it was planned:
    it must still say so when the plan is written. `pipeline` is in whole units."""

    account_id: str
    account: str
    source: str
    target: str
    owner_field: str
    pipeline: int
    deals: tuple[InFlight, ...] = ()

    @property
    def late_deals(self) -> tuple[str, ...]:
        """Deals near their end, by id."""
        return tuple(deal.opportunity for deal in self.deals if deal.is_late)


class TerritoryPlan(Result, frozen=True, kw_only=True):
    """Moves in order of account id. `plan_hash` is the SHA-256 of the moves."""

    moves: tuple[Move, ...]
    plan_hash: str


def plan_of(moves: Sequence[Move]) -> TerritoryPlan:
    """A plan of these moves."""
    ordered = tuple(sorted(moves, key=lambda move: move.account_id))
    return TerritoryPlan(moves=ordered, plan_hash=hash_of(ordered))


def hash_of(moves: Sequence[Move]) -> str:
    """The hash of moves as 64 hex digits."""
    return digest(list(moves))


def move_of(book: Book, account_id: str, source: str, target: str) -> Move:
    """An account's move with all that is in flight there."""
    holding = book.holdings[account_id]
    return Move(
        account_id=account_id,
        account=holding.account.name,
        source=source,
        target=target,
        owner_field=holding.account.owner,
        pipeline=holding.pipeline,
        deals=tuple(
            InFlight(
                opportunity=deal.id,
                stage=deal.stage,
                owner=deal.owner,
                is_late=(late := is_late(deal.stage)),
                goes_to=None if late or deal.owner not in ("", source) else target,
            )
            for deal in holding.deals
        ),
    )


def is_late(stage: str) -> bool:
    """Whether a deal in this stage is too near its end to be handed over."""
    return any(word in stage.casefold() for word in LATE_STAGES)


def plan_told(told: RunTold) -> TerritoryPlan:
    """The one territory plan that an earlier run gave. `BadInput` when it gave none, several, or one that was changed
    since it was made."""
    found: dict[str, TerritoryPlan] = {}
    for step in told.steps:
        plan = step.output.get("plan") if step.state == "done" and isinstance(step.output, Mapping) else None
        if isinstance(plan, Mapping) and plan.keys() == {"moves", "plan_hash"}:
            made = _read(plan, told.run_id)
            found[made.plan_hash] = made
    if len(found) != 1:
        raise BadInput(
            f"run {told.run_id} gave {len(found) or 'no'} territory plan{'s' if len(found) > 1 else ''}",
            mend="name the run of one simulation or balance",
        )
    return next(iter(found.values()))


def _read(plan: Mapping[str, Any], run_id: str) -> TerritoryPlan:
    try:
        made = msgspec.convert(plan, TerritoryPlan)
    except msgspec.ValidationError as error:
        raise BadInput(f"the plan of run {run_id} cannot be read: {error}", mend="simulate it again") from error
    if made.plan_hash != hash_of(made.moves):
        raise BadInput(f"the plan of run {run_id} is not the one its hash stands for", mend="simulate it again")
    return made
