"""Who attends to a run, where the connection to Restate cannot say it.

When Restate dies or loses a connection, whoever it called goes on with what it has in hand, and Restate calls somebody
else. Between processes of one book the hold decides which of the two it is; a book of one process needs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Hold(Protocol):
    """What the queue asks of the processes that share a book."""

    is_shared: bool  # whether there may be other processes

    async def take(self, run_id: str) -> None:
        """Wait until a run is ours: its holder let go of it, died, or was silent for longer than a lease."""
        ...

    async def holds(self, run_id: str) -> bool:
        """Whether a run is ours still, as the database says it now."""
        ...

    async def let_go(self, run_id: str) -> None:
        """Somebody else may have a run."""
        ...

    async def hear(self) -> bool:
        """Say that we live; whether that was heard."""
        ...

    async def stands(self, run_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
        """Of some streams: the version, 0 where nobody else can move it, and whether the book says that somebody looks
        at them or is to."""
        ...

    async def touched(self) -> list[tuple[str, int]] | None:
        """Parked runs that were appended to since, with their versions; None: the book does not tell them apart."""
        ...

    async def workers(self) -> int:
        """How many processes serve the book."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class Alone:
    """The only process of a book: every run is its own."""

    is_shared = False

    async def take(self, run_id: str) -> None:
        """At once."""

    async def holds(self, run_id: str) -> bool:
        return True

    async def let_go(self, run_id: str) -> None:
        """Nobody waits for it."""

    async def hear(self) -> bool:
        return True

    async def stands(self, run_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
        return dict.fromkeys(run_ids, (0, False))

    async def touched(self) -> list[tuple[str, int]] | None:
        return None

    async def workers(self) -> int:
        return 0

    async def close(self) -> None:
        """Nothing is held."""
