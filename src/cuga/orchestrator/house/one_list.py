"""Who must not be written to, for all machines of a house: one list, which the book holds.

Each entry is a fact of the house stream under a keyed digest, its address sealed for whom it is of. Each machine's file
is a view of it, and what the file alone knows (a row by hand, an entry whose fact was not written any more, the list of
before) is told to the book. A house on one machine has its file, as ever.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from cuga.adapters.capability import Suppressed
from cuga.adapters.offline.suppression import ERASED
from cuga.engine.hands import Perform
from cuga.errors import CugaError, NotDone
from cuga.kernel.state import RunState
from cuga.model import house_event as h
from cuga.model.context import SYSTEM, Principal
from cuga.model.event import ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Failed, Outcome
from cuga.policy.addresses import plain

if TYPE_CHECKING:
    from cuga.orchestrator.house.assembly import Assembly

MOST_TOLD = 500  # entries of one fact
TAKEN_IN = "it was on the list of a machine"  # why, where nobody said


class OneList:
    """The list of one house, as one machine keeps it."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._turn = asyncio.Lock()
        self._levelled: object = None
        self._now: tuple[object, dict[str, str]] = (None, {})
        self._known: tuple[object, Mapping[str, Suppressed]] = (None, {})

    def book(self) -> Mapping[str, Suppressed]:
        """What the book holds, by the keys of its entries."""
        if self._known[0] != (stand := self._stand()):
            self._known = stand, {key: _as_listed(one) for key, one in self._assembly.state.blocked.items()}
        return self._known[1]

    def now(self) -> dict[str, str]:
        """Who is on the list, and why: for whoever judges whether a person need be asked at all. A list that cannot be
        read is empty here, and blocks everybody at the call."""
        listed = self._assembly.outbox.suppression
        try:
            if self._now[0] != (stand := (self._stand(), listed.stand)):
                self._now = stand, {one.address: one.reason for one in (*self.book().values(), *listed.entries())}
            return self._now[1]
        except NotDone:
            return {}

    async def catch_up(self) -> None:
        """Know what was put on the list or taken off it until now, anywhere. `JournalFailed` when nobody can say."""
        await self._assembly.look_at_house()
        await self.level()

    async def level(self, by: Principal = SYSTEM, reason: str = TAKEN_IN, source: str = "") -> None:
        """Tell the book what this machine's file knows alone, and make the file a view of the book's list."""
        assembly = self._assembly
        listed = assembly.outbox.suppression
        async with self._turn:
            if self._levelled == (self._stand(), await asyncio.to_thread(lambda: listed.stand)):
                return
            if assembly.book is not None:
                untold = await asyncio.to_thread(listed.untold, self.book(), assembly.state.lifted)
                entries = [_as_told(key, entry) for key, entry in untold.items()]
                for at in range(0, len(entries), MOST_TOLD):
                    some = tuple(entries[at : at + MOST_TOLD])
                    event = h.AddressesSuppressed(
                        at=assembly.clock.now(), by=by.id, addresses=len(some),
                        digest=digest_of(entry.address for entry in some), reason=reason, source=source, entries=some,
                    )  # fmt: skip
                    await assembly.change(event, by)
            if assembly.state.listings:
                await asyncio.to_thread(listed.level, self.book(), assembly.state.lifted)
            self._levelled = self._stand(), await asyncio.to_thread(lambda: listed.stand)

    def _stand(self) -> object:
        return self._assembly.state, self._assembly.state.listings


def asked_before(perform: Perform, house: Callable[[], Assembly]) -> Perform:
    """Ask the book once more before a call that has to do with mail: who was put on the list until this moment, on
    whichever machine, gets nothing."""

    async def asked(state: RunState, start: ToolCallStart) -> Outcome:
        assembly = house()
        tool = assembly.tools.get(start.tool)
        if start.simulated or tool is None or "mail" not in tool.contract.uses:
            return await perform(state, start)
        try:
            await assembly.look_at_house()
        except CugaError as error:  # whatever it is, nothing was called
            return Failed(
                mode=FailureMode.SYSTEM_NETWORK,
                certainty=Certainty.NOT_DONE,
                message=f"nobody can say who asked for no mail: {error}",
            )
        outcome = await perform(state, start)
        assembly.following.wake()  # the tool may have put somebody on the list
        return outcome

    return asked


def digest_of(addresses: Iterable[str]) -> str:
    """SHA-256 of addresses as the list compares them, sorted, one a line."""
    return hashlib.sha256("\n".join(sorted({plain(address) for address in addresses})).encode()).hexdigest()


def _as_told(key: str, entry: Suppressed) -> h.Blocked:
    address = "" if entry.address.startswith(ERASED) else entry.address
    return h.Blocked(key=key, address=address, reason=entry.reason, on=entry.on, source=entry.source)


def _as_listed(entry: h.Blocked) -> Suppressed:
    """An entry as a machine's list has it; whose address cannot be read any more is known by its key alone."""
    if "@" in entry.address:
        return Suppressed(address=entry.address, reason=entry.reason, on=entry.on, source=entry.source)
    return Suppressed(address=f"{ERASED}{entry.key}", reason=entry.reason, on=entry.on, source=entry.source)
