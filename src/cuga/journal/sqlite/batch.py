"""What one transaction will store: gathered on the loop while the one before is written.

A batch holds parameters, not statements: rows of one kind go out together in few, large statements, because SQLite lets
other threads in once per row stepped and that is dear beside a busy thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import msgspec

from cuga.journal.port import Committed, Index, OpenApproval, Unknown
from cuga.journal.seal import GENESIS, prefix_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def stamp(when: datetime) -> int:
    """Microseconds since 1970."""
    return (when - _EPOCH) // _MICROSECOND


def moment(stamped: int) -> datetime:
    """The time of a stamp, UTC."""
    return _EPOCH + stamped * _MICROSECOND


class Head:
    """Where a stream stands, with everything that is queued."""

    __slots__ = ("hash", "last", "leaves", "pending", "pk", "prefix", "stream", "version")

    def __init__(self, stream: str, pk: int = 0, version: int = 0, hash: bytes = GENESIS) -> None:
        self.stream = stream
        self.pk = pk  # 0: the file has no such stream
        self.version = version
        self.hash = hash
        self.prefix = prefix_of(stream)
        self.pending = 0  # appends that are queued or being written
        self.last: asyncio.Future[Committed | Unknown] | None = None  # the newest of them
        self.leaves = False  # parked or ended: forgotten as soon as nothing is pending


Waiting = tuple["asyncio.Future[Committed | Unknown]", Committed, Head]
Row = tuple[Any, ...]
IndexRows = tuple[dict[int, Row], dict[str, Row], dict[str, Row]]


class Batch(msgspec.Struct, eq=False):
    """The parameters of one transaction, flat, and who waits for it."""

    waiting: list[Waiting] = []
    streams: list[Any] = []
    appends: list[Any] = []
    scopes: dict[str, int] = {}
    blobs: dict[str, bytes] = {}
    runs: dict[int, Row] = {}
    approvals: dict[str, Row] = {}
    closed: dict[str, Row] = {}
    checkpoints: list[Any] = []
    size: int = 0  # bytes of events and blobs
    last_id: int = 0  # position of the last event, 0: none
    last_hash: bytes = b""

    def add(self, position: int, pk: int, expected: int, version: int, events: bytes, hash: bytes) -> None:
        """Take in an append, whose last event gets this position."""
        self.appends += (position, pk, expected, version, events, hash)
        self.size += len(events)
        self.last_id, self.last_hash = position, hash

    def keep(self, blobs: dict[str, bytes]) -> None:
        """Take in bytes that are kept out of line, by their digest."""
        self.blobs |= blobs
        self.size += sum(map(len, blobs.values()))

    def note(self, rows: IndexRows) -> None:
        """Take in what an append changes in the tables beside the stream; the newest row of a key counts."""
        runs, opened, closed = rows
        self.runs |= runs
        for approval_id in opened:
            self.closed.pop(approval_id, None)
        self.approvals |= opened
        self.closed |= closed

    def statements(self) -> Iterator[tuple[str, list[Any], int]]:
        """Name of the query, its flat parameters and how many make a row; in the order they must be stored."""
        if self.streams:
            yield "add_streams", self.streams, 2
        if self.appends:
            yield "add_appends", self.appends, 6
        if self.blobs:
            yield "add_blobs", flat(self.blobs.items()), 2
        if self.scopes:
            yield "set_scopes", flat(self.scopes.items()), 2
        if self.runs:
            yield "set_runs", flat(self.runs.values()), 12
        if self.approvals:
            yield "open_approvals", flat(self.approvals.values()), 5
        if self.checkpoints:
            yield "add_checkpoints", self.checkpoints, 4
        if self.closed:
            yield "close_approvals", flat(self.closed.values()), 5


def flat(rows: Iterable[Row]) -> list[Any]:
    """The parameters of rows, one after another."""
    return list(chain.from_iterable(rows))


def index_rows(pk: int, version: int, index: Index) -> IndexRows:
    """The parameters of `set_runs`, `open_approvals` and `close_approvals`, each by its key."""
    runs: dict[int, Row] = {}
    if index.run is not None:
        row = index.run
        runs[pk] = (
            pk, row.status.value, row.tenant, row.profile, row.goal, row.requester, row.trace_id, row.reason,
            None if row.wake_at is None else stamp(row.wake_at), stamp(row.started_at), stamp(row.updated_at), version,
        )  # fmt: skip
    opened: dict[str, Row] = {}
    closed: dict[str, Row] = {}
    for approval_id, card in index.approvals.items():
        if card is None:
            closed[approval_id] = (approval_id, pk, "", 0, None)
        else:
            opened[approval_id] = (approval_id, pk, card.tenant, stamp(card.requested_at), encode_card(card))
    return runs, opened, closed


encode_card = msgspec.json.Encoder().encode
decode_card = msgspec.json.Decoder(OpenApproval).decode
