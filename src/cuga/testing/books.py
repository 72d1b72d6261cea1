"""Journals of the simulation: the production one, and a quick one that keeps values instead of bytes.

Both answer an append by the stream's version and by the production ledger of claims, at once and without a loop.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from cuga.journal.claims import Ledger, claims_of
from cuga.journal.codec import events_of
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Appended, Committed, Conflict, Index, OpenApproval, Refused, RunRow
from cuga.model.event import Event

T = TypeVar("T")


class Book(Protocol):
    """What the simulation asks of a journal."""

    def append(self, stream: str, expected: int, events: Sequence[Event], index: Index | None) -> Appended:
        """As the port says."""
        ...

    def read(self, stream: str) -> list[Event]:
        """The events of a stream."""
        ...

    def version(self, stream: str) -> int:
        """How many events a stream holds."""
        ...

    def rows(self) -> tuple[dict[str, RunRow], dict[str, OpenApproval]]:
        """The lines of runs and of open approvals."""
        ...


class QuickBook:
    """Version check, claims and rows; no bytes, no chain."""

    def __init__(self) -> None:
        self._streams: dict[str, list[Event]] = {}
        self._ledger = Ledger(lambda _scope: 0)
        self._runs: dict[str, RunRow] = {}
        self._open: dict[str, OpenApproval] = {}

    def append(self, stream: str, expected: int, events: Sequence[Event], index: Index | None) -> Appended:
        lane = self._streams.setdefault(stream, [])
        if len(lane) != expected:
            return Conflict(version=len(lane))
        held = self._ledger.reserve(claims_of(events))
        if type(held) is Refused:
            return held
        lane.extend(events)
        if index is not None:
            if index.run is not None:
                self._runs[stream] = index.run
            for approval_id, card in index.approvals.items():
                if card is None:
                    self._open.pop(approval_id, None)
                else:
                    self._open[approval_id] = card
        return Committed(version=len(lane))

    def read(self, stream: str) -> list[Event]:
        return list(self._streams.get(stream, ()))

    def version(self, stream: str) -> int:
        return len(self._streams.get(stream, ()))

    def rows(self) -> tuple[dict[str, RunRow], dict[str, OpenApproval]]:
        return self._runs, self._open


class StoredBook:
    """The production journal in memory: bytes, chain, claims and rows."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()

    def append(self, stream: str, expected: int, events: Sequence[Event], index: Index | None) -> Appended:
        return at_once(self.journal.append(stream, expected, events, index=index))

    def read(self, stream: str) -> list[Event]:
        return events_of(at_once(self.journal.read(stream)))

    def version(self, stream: str) -> int:
        return at_once(self.journal.version(stream))

    def rows(self) -> tuple[dict[str, RunRow], dict[str, OpenApproval]]:
        listed = at_once(self.journal.runs(tenant="local", limit=1_000))
        cards = at_once(self.journal.open_approvals(tenant="local", limit=1_000))
        return {one.run_id: one.row for one in listed}, {card.approval_id: card for card in cards}


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The answer of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    work.close()
    raise AssertionError("it waited")
