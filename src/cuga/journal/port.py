"""What the house asks of its journal, and nothing more.

A journal keeps append-only streams of events. An append names the version it was decided on and is answered with
committed, conflict, refused (a claim) or unknown; only that answer moves anything. Whoever appends must treat `Unknown`
as "read it back", never as "it failed".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from cuga.journal.checkpoint import Kept
from cuga.model.event import Claim, Event, Status
from cuga.model.value import Value

MAX_INLINE = 8 * 1024  # bytes of a result kept in its event; larger ones become a blob
LARGEST = (1 << 63) - 1
LISTED = 50  # lines of a listing, unless more or fewer are asked for; the same of the next two
DUE = 500  # runs that are to be woken
ALL = 10_000  # what a start-up takes up at a time
MAX_BLOB = 10 * 1024 * 1024  # bytes of a blob; larger results are recorded by size and digest only


class Committed(Value, frozen=True, kw_only=True, tag=True):
    """Durable at the named level. `version` is the stream's new version (the number of its events)."""

    version: int


class Conflict(Value, frozen=True, kw_only=True, tag=True):
    """The stream stands elsewhere; nothing was written."""

    version: int


class Refused(Value, frozen=True, kw_only=True, tag=True):
    """A claim does not fit; nothing was written. `used` is what the scope holds already."""

    claim: Claim
    used: int


class Unknown(Value, frozen=True, kw_only=True, tag=True):
    """Nobody can say whether it was written: read the stream back."""

    reason: str


Appended = Committed | Conflict | Refused | Unknown


class RunRow(Value, frozen=True, kw_only=True):
    """The line of a run in the `runs` table, written in the append that changes it."""

    status: Status
    tenant: str
    profile: str
    goal: str
    requester: str
    trace_id: str
    reason: str = ""
    wake_at: datetime | None = None
    started_at: datetime
    updated_at: datetime


RISKS = ("high", "medium", "low")


class OpenApproval(Value, frozen=True, kw_only=True):
    """The line of an open approval; `None` in an append closes it. Lists are ordered by `requested_at`, then by id."""

    approval_id: str
    tenant: str
    run_id: str
    step: str
    tool: str
    side_effect: str
    risk: str
    expires_at: datetime
    requested_at: datetime
    requesters: tuple[str, ...]
    digest: str


class Urgent(NamedTuple):
    """Where an open approval is to be read: the run that asked, and the length that its stream has."""

    approval_id: str
    run_id: str
    version: int


class Index(Value, frozen=True, kw_only=True):
    """What an append changes in the tables beside the stream: they are folds, and rebuilt by reading the streams."""

    run: RunRow | None = None
    approvals: dict[str, OpenApproval | None] = {}
    wakes: tuple[str, ...] = ()  # worker pools whose processes are to look at the run; a book of one process has none


class Stored(Value, frozen=True, kw_only=True):
    """One event as it lies in the journal."""

    position: int  # over all streams, growing
    stream: str
    seq: int  # within the stream, from 1
    body: bytes  # the stored bytes, exactly
    hash: bytes  # 32 bytes: the link of the append it came with, see journal.seal
    opened: bytes = b""  # the body with its sealed texts opened, where there are any; nothing is hashed over it

    @property
    def readable(self) -> bytes:
        """The bytes to decode."""
        return self.opened or self.body


class Listed(Value, frozen=True, kw_only=True):
    """One run of a listing."""

    run_id: str
    version: int
    row: RunRow


class Backed(Value, frozen=True, kw_only=True):
    """A copy that was made, and the last event in it. Position and hash, kept elsewhere, show a lost tail."""

    path: str
    position: int
    hash: str


class ReadJournal(Protocol):
    """What can be read; all that a follower in another process has. Only what is durable is ever shown."""

    async def read(self, stream: str, after: int = 0) -> list[Stored]:
        """The events of one stream after a version, in order; the hash chain is checked as they are read."""
        ...

    async def version(self, stream: str) -> int:
        """How many events a stream holds; 0: there is none."""
        ...

    def feed(self, after: int = 0, *, follow: bool = False) -> AsyncIterator[Stored]:
        """All events over all streams after a position, in order; with `follow` it waits for more."""
        ...

    async def blob(self, digest: str, *, stored: bool = False) -> bytes:
        """The bytes of a blob, opened, or with `stored` as they lie there: those that its digest is of. `NotFound` when
        there is none, `JournalCorrupt` when they do not match."""
        ...

    async def runs(
        self,
        *,
        tenant: str,
        status: Status | None = None,
        before: str = "",
        limit: int = LISTED,
    ) -> list[Listed]:
        """Runs of a tenant, newest first, before a run id."""
        ...

    async def due(self, now: datetime, limit: int = DUE) -> list[str]:
        """Ids of parked runs whose `wake_at` has come, earliest first."""
        ...

    async def unfinished(self, limit: int = ALL) -> list[str]:
        """Ids of runs that are marked running, oldest first: what a start-up goes on with."""
        ...

    async def next_wake(self) -> datetime | None:
        """The earliest `wake_at` of a parked run."""
        ...

    async def open_approvals(self, *, tenant: str, after: str = "", limit: int = LISTED) -> list[OpenApproval]:
        """Open approvals, oldest first, after an approval id."""
        ...

    async def urgent_approvals(self, *, tenant: str, limit: int = LISTED) -> list[Urgent]:
        """Open approvals by their risk, one that `RISKS` does not name before all; of a risk the oldest first."""
        ...

    async def waiting(self, *, tenant: str, limit: int = 1_000) -> int:
        """How many approvals are open; the limit stands for that many and more."""
        ...

    async def find_approval(self, approval_id: str) -> str:
        """The run that asked for an approval, open or closed; `ApprovalNotFound`."""
        ...

    async def find_trace(self, trace_id: str, *, tenant: str) -> str:
        """The newest run of a tenant with this trace id; `RunNotFound`."""
        ...

    async def used(self, scope: str) -> int:
        """What a claimed scope holds."""
        ...

    async def links(self, after: int = 0, limit: int = ALL) -> list[tuple[int, bytes]]:
        """Position and link of each append that ends after a position, in order: what the tree is made of."""
        ...

    async def checkpoint(self, size: int = LARGEST) -> Kept | None:
        """The newest checkpoint over at most so many appends."""
        ...

    async def close(self) -> None:
        """Finish what is queued, then let the store go."""
        ...


class Journal(ReadJournal, Protocol):
    """The port. Methods that wait are coroutines; errors of the store are `JournalFailed`: nothing was written."""

    durability: str  # "full" (survives power loss), "process" (survives our own death), "memory"

    async def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Event],
        *,
        index: Index | None = None,
        blobs: Sequence[bytes] = (),
    ) -> Appended:
        """Append events to a stream that must stand at `expected`, with the claims the events carry, all or nothing.

        `index` and `blobs` (at most `MAX_BLOB` each, else `BadInput`) lie in the same transaction; without events only
        they are written. The answer comes when it is durable. A cancelled append may still be written: read it back.
        """
        ...

    async def sealed(self, stream: str, body: bytes) -> bytes:
        """Bytes of a run as they are to be kept out of line: with personal data sealed, where the journal seals any.
        What an event names is the digest of these, and these are what `append` is given."""
        ...

    async def keep_snapshot(self, body: bytes) -> str:
        """Keep bytes that streams refer to by digest (compiled rules), once; returns the digest."""
        ...

    async def retire(
        self, runs: Mapping[str, Sequence[bytes]], blobs: Collection[str] = (), *, seen: int = LARGEST
    ) -> None:
        """Put tombstones in the place of the events of runs that have ended, all of a run or none, and take away bytes
        out of line. Positions, versions and links stay. Nothing of what was there is left in the store's own files.

        `seen` is the position up to which the book was searched for who needs those bytes: what an append after it
        names stays, in whichever moment that came.
        """
        ...

    async def keep_checkpoint(self, kept: Kept) -> None:
        """Keep a checkpoint beside the book, durably; one of the same size stays as it is."""
        ...
