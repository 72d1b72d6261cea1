"""What an append takes from the scarce things that cross runs, and the ledger that answers it.

Claims lie in the events themselves, so the ledger can always be counted again from the streams. All claims of an append
are taken or none; a negative amount gives back and is never refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import get_args

from cuga.errors import BadInput
from cuga.journal.port import LARGEST, Refused
from cuga.model.event import Claim, Event, RunEvent
from cuga.model.house_event import HouseEvent

CLAIMING = frozenset(kind for kind in get_args(RunEvent | HouseEvent) if "claims" in kind.__struct_fields__)


def claims_of(events: Iterable[Event]) -> tuple[Claim, ...]:
    """The claims that events carry, in order."""
    found: tuple[Claim, ...] = ()
    for event in events:
        if type(event) in CLAIMING:
            found += event.claims  # type: ignore[attr-defined]  # the set above holds exactly the kinds that have it
    return found


def must_be_countable(claims: Sequence[Claim]) -> None:
    """`BadInput` for amounts or a limit beyond 64 bits, which no store of ours can hold: said before anything is
    queued, because one that fails when it is written takes with it what was queued beside it."""
    total = 0
    for claim in claims:
        total += abs(claim.amount)
        if total > LARGEST or abs(claim.limit) > LARGEST:
            what = f"{claim.amount} of a limit of {claim.limit}"
            raise BadInput(f"a claim on {claim.scope!r} cannot be counted: {what}", mend=f"Stay within {LARGEST}.")


def spent(events: Iterable[Event]) -> dict[str, int]:
    """What events leave in each scope: the fold that a ledger must equal. Scopes that come to 0 are left out."""
    used: dict[str, int] = {}
    for claim in claims_of(events):
        used[claim.scope] = used.get(claim.scope, 0) + claim.amount
    return {scope: amount for scope, amount in used.items() if amount}


class Ledger:
    """What each scope holds, with everything that is queued. `read` gives what the store holds, on first use, and
    `before` what it holds of the same under another name: it counts, and stays there."""

    def __init__(self, read: Callable[[str], int], before: Callable[[str], int] | None = None) -> None:
        self._read = read
        self._before = before
        self._used: dict[str, int] = {}
        self._elsewhere: dict[str, int] = {}  # what counts of a scope and is stored under its other name

    def __len__(self) -> int:
        return len(self._used)

    def used(self, scope: str) -> int:
        held = self._used.get(scope)
        if held is None:
            held = self._read(scope)
            if self._before is not None and (elsewhere := self._before(scope)):
                self._elsewhere[scope] = elsewhere
                held += elsewhere
            self._used[scope] = held
        return held

    def reserve(self, claims: Sequence[Claim]) -> dict[str, int] | Refused:
        """Take all claims and answer what the store then holds of each touched scope, or take none and say which did
        not fit.

        Several claims on one scope count by their sum, held against the tightest of their limits; one of nothing only
        looks at what was held before them. `BadInput` for what cannot be counted.
        """
        must_be_countable(claims)
        if len(claims) == 1:
            claim = claims[0]
            before = self.used(claim.scope)
            after = before + claim.amount
            if claim.amount >= 0 and after > claim.limit:
                return Refused(claim=claim, used=before)
            self._used[claim.scope] = after
            return {claim.scope: after - self._elsewhere.get(claim.scope, 0)}
        wanted: dict[str, int] = {}
        tightest: dict[str, Claim] = {}
        for claim in claims:
            if not claim.amount and self.used(claim.scope) > claim.limit:
                return Refused(claim=claim, used=self.used(claim.scope))
            wanted[claim.scope] = wanted.get(claim.scope, 0) + claim.amount
            if claim.amount > 0 and (claim.scope not in tightest or claim.limit < tightest[claim.scope].limit):
                tightest[claim.scope] = claim
        held: dict[str, int] = {}
        for scope, amount in wanted.items():
            before = self.used(scope)
            if amount > 0 and before + amount > tightest[scope].limit:
                return Refused(claim=tightest[scope], used=before)
            held[scope] = before + amount
        self._used.update(held)
        return {scope: amount - self._elsewhere.get(scope, 0) for scope, amount in held.items()}

    def trim(self, keep: Collection[str] = ()) -> None:
        """Forget every scope but these; they are read anew when they are next asked for."""
        self._used = {scope: self._used[scope] for scope in keep if scope in self._used}
        self._elsewhere = {scope: amount for scope, amount in self._elsewhere.items() if scope in self._used}
