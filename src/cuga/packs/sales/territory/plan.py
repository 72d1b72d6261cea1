"""A territory plan as a value: the moves, and the hash that an approval and the writing of it are bound to."""

from __future__ import annotations

from collections.abc import Sequence

from cuga.model.value import digest
from cuga.packs.sales.result import Result


class Move(Result, frozen=True, kw_only=True):
    """One account from one owner to another. `owner_field` is what the account's own field said when it was planned:
    it must still say so when the plan is written."""

    account_id: str
    account: str
    source: str
    target: str
    owner_field: str
    pipeline: int
    late_deals: tuple[str, ...] = ()


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
