"""What the engine asks of whoever brings runs to it, and the words that they speak.

Attention says who is to look at a run now, and whose it is meanwhile. It holds no truth: what was decided, begun and
done stands in the book, so whatever is brought twice or late costs a look and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from cuga.engine.distributed.pace import Pace
from cuga.model.value import Value


class Job(Value, frozen=True, kw_only=True):
    """A look at a run that is in our hands."""

    id: int
    key: str  # of which one is in hand at a time: the run, or run#pool
    run_id: str
    tenant: str
    again: bool = False  # a worker that had it in hand was lost

    @property
    def pool(self) -> str:
        """Of whose calls it is; empty: of the run itself."""
        return self.key[len(self.run_id) + 1 :]


Take = Callable[[Job], Awaitable[bool]]  # does what a job is for; True: the job is gone already


class Figures(Value, frozen=True, kw_only=True):
    """What waits and what is in hand. Ages are seconds."""

    waiting: int  # jobs that nobody has begun
    running: int
    stalled: int  # jobs whose worker is silent
    oldest_s: float  # how long the oldest waiting job has waited
    workers: int  # that were heard of lately
    sweep_lag_s: float  # how long the run that is due longest is due


class Attention(Protocol):
    """Brings runs to this process, and others to others. Every question may raise `JournalFailed`: ask again later."""

    pace: Pace
    heard: Callable[[], None]  # called when nobody can have taken our runs

    @property
    def trouble(self) -> str:
        """Why nothing was brought the last time; empty: nothing is wrong that is known of."""
        ...

    @property
    def worker_id(self) -> int | None:
        """Under which number an append may take a run into our hands; None: no append does."""
        ...

    # --- waking ------------------------------------------------------------------------------------------------------
    async def wake(self, run_id: str, queue: str = "") -> None:
        """Let a run be looked at, even if nothing was appended to it; by whoever serves the queue."""
        ...

    async def wake_parked(self, tenant: str) -> int:
        """Let every parked run of a tenant be looked at; how many."""
        ...

    async def sweep(self, *, healing: bool = False) -> tuple[int, int, int] | None:
        """Bring what a silent process had, what is due and, `healing`, what nobody goes on with: how many of each.
        None: another process is at it."""
        ...

    # --- serving -----------------------------------------------------------------------------------------------------
    async def serve(self, take: Take, queues: Sequence[str], ready: Callable[[int], None]) -> None:
        """Give what is brought to `take`, one job of a key at a time, until told to stop and to leave; through outages.
        `ready` is told the number of this process, and each new one. Without queues it is only what was queued for that
        number."""
        ...

    def stop(self) -> None:
        """Take nothing more; what is in hand stays ours."""
        ...

    def leave(self) -> None:
        """Be no worker any more, once stopped: what is still in hand is anybody's."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...

    # --- whose it is -------------------------------------------------------------------------------------------------
    async def holds(self, key: str) -> bool:
        """Whether what was brought to us is still ours."""
        ...

    async def in_hand(self) -> set[str]:
        """The keys that are noted as being in our hands."""
        ...

    async def let_go(self, key: str, *, again: bool, begun: bool = False) -> None:
        """Give up what we have in hand; with `again` somebody else is to look at it. `begun`: a call that was, and
        whose outcome nobody knows."""
        ...

    async def take_place(self, tenant: str) -> int | None:
        """One of the places of a tenant, by its number, 0 where there is no limit; None when all are taken."""
        ...

    async def leave_place(self, tenant: str, number: int) -> None:
        """Give a place back."""
        ...

    # --- what others do ----------------------------------------------------------------------------------------------
    async def stands(self, run_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
        """Of some streams: the version, 0 where nobody else can move it, and whether somebody looks at it or is to."""
        ...

    async def busy(self, keys: Sequence[str]) -> set[str]:
        """Those errands that a process of a pool has in hand, or is to have."""
        ...

    async def workers(self) -> int:
        """How many processes are known to serve."""
        ...

    async def say_load(self, running: Mapping[str, int]) -> None:
        """Let all hosts know how many calls of each pool we make."""
        ...

    async def load_elsewhere(self) -> dict[str, tuple[int, int]]:
        """Of each pool that somebody said something of: the calls that others make, and how many processes serve it."""
        ...

    async def figures(self) -> Figures:
        """What waits and what is in hand now, for whoever operates it."""
        ...
