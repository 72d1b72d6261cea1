"""One process's hold on the journal: slow, sometimes unsure, and silent once the process is dead."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cuga.journal.port import Appended, Committed, Index, Unknown
from cuga.model.event import Event

if TYPE_CHECKING:
    from cuga.testing.house import House


class Handle:
    """One process's hold on the journal: slow, sometimes unsure, and silent once the process is dead."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._journal = house.journal
        self.durability = "memory"
        self.is_dead = False

    async def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Event],
        *,
        index: Index | None = None,
        blobs: Sequence[bytes] = (),
    ) -> Appended:
        house = self._house
        await house.pause(0.01)
        self.must_live()
        dice = 1.0 if house.is_calm else house.chance()
        if dice < 0.01:
            return Unknown(reason="the disk said nothing")
        answer = await self._journal.append(stream, expected, events, index=index, blobs=blobs)
        if isinstance(answer, Committed):
            house.record.note(stream, expected, len(events), house.current)
        await house.pause(0.01)
        self.must_live()
        if dice < 0.02:
            return Unknown(reason="the disk said nothing, and had written")
        return answer

    def must_live(self) -> None:
        """A dead process does nothing more."""
        if self.is_dead:
            raise asyncio.CancelledError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)
