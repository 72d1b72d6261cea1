"""What waits to be stored, and the columns in which it travels.

An item is one append as it was admitted here; whether it stands is decided by the database, in the order of the batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from psycopg.pq.abc import PGresult

from cuga.journal.claims import must_be_countable
from cuga.journal.port import Committed, Conflict, Index, Refused, RunRow, Unknown
from cuga.journal.postgres.line import Statement
from cuga.journal.postgres.packing import bodies, number, numbers, numbers_of, texts
from cuga.journal.seal import GENESIS, prefix_of
from cuga.journal.sqlite.batch import encode_card, stamp
from cuga.model.event import Claim

Answer = Committed | Conflict | Refused | Unknown


class Head:
    """Where a stream stands, with everything of this process that is queued."""

    __slots__ = ("hash", "last", "leaves", "pending", "prefix", "version")

    def __init__(self, stream: str, version: int = 0, hash: bytes = GENESIS) -> None:
        self.version = version
        self.hash = hash
        self.prefix = prefix_of(stream)
        self.pending = 0  # appends that are queued or being written
        self.last: asyncio.Future[Answer] | None = None  # the newest of them
        self.leaves = False  # parked or ended: forgotten as soon as nothing is pending


class Wanted(msgspec.Struct, frozen=True):
    """One line of a claim as the database weighs it: an amount against a limit, or 0 to look only."""

    scope: bytes
    amount: int
    limit: int
    claim: Claim  # the one that is named when it does not fit


class Item(msgspec.Struct, eq=False):
    """One append, or blobs alone when the stream has no name."""

    stream: str
    expected: int
    count: int
    before: bytes
    hash: bytes
    body: bytes
    answer: asyncio.Future[Answer]
    head: Head
    claims: Sequence[Wanted] = ()
    index: Index | None = None
    blobs: dict[str, bytes] = {}
    size: int = 0  # bytes of events and blobs, about


def wanted(claims: Sequence[Claim]) -> list[Wanted]:
    """The lines of an append's claims, by the rules of `claims.Ledger`: looks come first, each scope counts by its sum
    against the tightest of its limits. `BadInput` for what cannot be counted."""
    must_be_countable(claims)
    if len(claims) == 1 and claims[0].amount > 0:
        claim = claims[0]
        return [Wanted(_bytes(claim.scope), claim.amount, claim.limit, claim)]
    looks: list[Wanted] = []
    sums: dict[str, int] = {}
    tightest: dict[str, Claim] = {}
    for claim in claims:
        if not claim.amount:
            looks.append(Wanted(_bytes(claim.scope), 0, claim.limit, claim))
        sums[claim.scope] = sums.get(claim.scope, 0) + claim.amount
        if claim.amount > 0 and (claim.scope not in tightest or claim.limit < tightest[claim.scope].limit):
            tightest[claim.scope] = claim
    for scope, amount in sums.items():
        if amount:
            claim = tightest.get(scope) or Claim(scope=scope, amount=amount, limit=0)
            looks.append(Wanted(_bytes(scope), amount, claim.limit, claim))
    return looks


def _bytes(scope: str) -> bytes:
    return scope.encode("utf-8", "backslashreplace")


APPENDS = Statement(
    name=b"appends",
    text=f"select states, stands, refusals from add_appends({', '.join(f'${n}' for n in range(1, 29))})".encode(),
)
APPEND = Statement(name=b"append", text=f"select add_append({', '.join(f'${n}' for n in range(1, 11))})".encode())
LOOK_AGAIN = "CU001"  # `add_append` cannot do it as it is, and has done nothing

encode_row = msgspec.json.Encoder().encode
decode_row = msgspec.json.Decoder(RunRow).decode


def is_plain(items: Sequence[Item]) -> bool:
    """Whether this is one append that `add_append` can take."""
    if len(items) != 1:
        return False
    (item,) = items
    if item.index is not None or item.blobs or not item.count or not item.expected or len(item.claims) > 1:
        return False
    return not item.claims or item.claims[0].amount > 0


def plain(batch_id: int, item: Item) -> list[bytes | None]:
    """The parameters of `add_append`."""
    scope: tuple[bytes | None, ...] = (None, None, None)
    if item.claims:
        claim = item.claims[0]
        scope = (claim.scope, number(claim.amount), number(claim.limit))
    return [
        number(batch_id), item.stream.encode("utf-8", "backslashreplace"), number(item.expected), number(item.count),
        item.before, item.hash, item.body, *scope,
    ]  # fmt: skip


def columns(batch_id: int, items: Sequence[Item]) -> list[bytes]:
    """The parameters of `add_appends`."""
    claims = [(place, one) for place, item in enumerate(items, 1) for one in item.claims]
    indexed = [(place, item.index) for place, item in enumerate(items, 1) if item.index is not None]
    rows = [(place, index.run) for place, index in indexed if index.run is not None]
    cards = [(place, *card) for place, index in indexed for card in index.approvals.items()]
    blobs = [(place if item.stream else 0, *blob) for place, item in enumerate(items, 1) for blob in item.blobs.items()]
    wakes = [(place, pool) for place, index in indexed for pool in index.wakes]
    return [
        number(batch_id),
        texts([item.stream for item in items]),
        numbers([item.expected for item in items]),
        numbers([item.count for item in items]),
        bodies([item.before for item in items]),
        bodies([item.hash for item in items]),
        bodies([item.body for item in items]),
        numbers([place for place, _ in claims]),
        bodies([one.scope for _, one in claims]),
        numbers([one.amount for _, one in claims]),
        numbers([one.limit for _, one in claims]),
        numbers([place for place, _ in rows]),
        texts([row.status.value for _, row in rows]),
        texts([row.tenant for _, row in rows]),
        bodies([row.trace_id.encode("utf-8", "backslashreplace") for _, row in rows]),
        numbers([None if row.wake_at is None else stamp(row.wake_at) for _, row in rows]),
        numbers([stamp(row.started_at) for _, row in rows]),
        bodies([encode_row(row) for _, row in rows]),
        numbers([place for place, _, _ in cards]),
        texts([approval_id for _, approval_id, _ in cards]),
        texts(["" if card is None else card.tenant for _, _, card in cards]),
        numbers([0 if card is None else stamp(card.requested_at) for _, _, card in cards]),
        bodies([None if card is None else encode_card(card) for _, _, card in cards]),
        numbers([place for place, _, _ in blobs]),
        texts([digest for _, digest, _ in blobs]),
        bodies([body for _, _, body in blobs]),
        numbers([place for place, _ in wakes]),
        texts([pool for _, pool in wakes]),
    ]


def answers(items: Sequence[Item], result: PGresult) -> list[Answer]:
    """What the database answered to `add_appends`, item by item."""
    states, stands, refusals = [numbers_of(result.get_value(0, column) or b"") for column in range(3)]
    if not any(states):
        return [Committed(version=stand if item.stream else 0) for item, stand in zip(items, stands, strict=True)]
    claims = [one.claim for item in items for one in item.claims]
    found: list[Answer] = []
    for item, state, stand, refusal in zip(items, states, stands, refusals, strict=True):
        if state == 0:
            found.append(Committed(version=stand if item.stream else 0))
        elif state == 1:
            found.append(Conflict(version=stand))
        else:
            found.append(Refused(claim=claims[refusal - 1], used=stand))
    return found
