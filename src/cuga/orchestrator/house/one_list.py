"""Who must not be written to, for all machines of a house: one list, which the book holds.

Each entry is a fact of the house stream under a keyed digest, its address sealed for whom it is of. Each machine's file
is a view of it, and what the file alone knows (a row by hand, an entry whose fact was not written any more, the list of
before) is told to the book. So is who asked for no mail by this machine's records: the others may have none of them, or
older ones. A house on one machine has its file and its records, as ever.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from cuga.adapters.capability import Contact, Filter, Suppressed
from cuga.adapters.offline.suppression import ERASED
from cuga.engine.hands import Perform
from cuga.errors import CugaError, NotDone
from cuga.kernel.state import RunState
from cuga.model import house_event as h
from cuga.model.context import SYSTEM, Principal
from cuga.model.event import ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Failed, Outcome
from cuga.model.tool import SideEffect
from cuga.policy.addresses import plain

if TYPE_CHECKING:
    from cuga.orchestrator.house.assembly import Assembly

MOST_TOLD = 500  # entries of one fact
TAKEN_IN = "it was on the list of a machine"  # why, where nobody said
BY_RECORDS = "asked for no mail, say the records of a machine"


class OneList:
    """The list of one house, as one machine keeps it."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._turn = asyncio.Lock()
        self._levelled: object = None
        self._now: tuple[object, dict[str, str]] = (None, {})
        self._known: tuple[object, Mapping[str, Suppressed]] = (None, {})
        self._opted_out: tuple[str, dict[str, Suppressed]] = ("", {})  # by which state of the records, by their keys

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
            stand = await asyncio.to_thread(self._all_stand)
            if self._levelled == stand:
                return
            if assembly.book is not None:
                untold = await asyncio.to_thread(listed.untold, self.book(), assembly.state.lifted)
                await self._tell(untold, by, reason, source)
                said = await asyncio.to_thread(self._by_records)
                book = self.book()
                await self._tell({key: one for key, one in said.items() if key not in book}, by, BY_RECORDS, "")
            if assembly.state.listings:
                await asyncio.to_thread(listed.level, self.book(), assembly.state.lifted)
            self._levelled = stand  # as it was looked at: what came meanwhile, our own writing too, is looked at next

    async def _tell(self, untold: Mapping[str, Suppressed], by: Principal, reason: str, source: str) -> None:
        assembly = self._assembly
        entries = [_as_told(key, entry) for key, entry in untold.items()]
        for at in range(0, len(entries), MOST_TOLD):
            some = tuple(entries[at : at + MOST_TOLD])
            event = h.AddressesSuppressed(
                at=assembly.clock.now(), by=by.id, addresses=len(some),
                digest=digest_of(entry.address for entry in some), reason=reason, source=source, entries=some,
            )  # fmt: skip
            await assembly.change(event, by)

    def _by_records(self) -> dict[str, Suppressed]:
        """Who asked for no mail by the records that were brought to this machine, by the keys of their entries."""
        crm, listed = self._assembly.crm, self._assembly.outbox.suppression
        version = crm.crm_version()
        if self._opted_out[0] != version:
            on = self._assembly.clock.now().date().isoformat()
            people = crm.query("contacts", [Filter(field="unsubscribed", value="true")], limit=-1)
            names = sorted({plain(one.email) for one in people if isinstance(one, Contact) and "@" in one.email})
            found = {listed.key_of(name): Suppressed(address=name, reason=BY_RECORDS, on=on) for name in names}
            self._opted_out = version, found
        return self._opted_out[1]

    def says_so_by_records(self, address: str) -> bool:
        """Whether somebody asked for no mail by the records of this machine, as they are now."""
        return self._assembly.outbox.suppression.key_of(plain(address)) in self._by_records()

    def _all_stand(self) -> object:
        records = self._assembly.crm.crm_version() if self._assembly.book is not None else ""
        return self._stand(), self._assembly.outbox.suppression.stand, records

    def _stand(self) -> object:
        return self._assembly.state, self._assembly.state.listings


def asked_before(perform: Perform, house: Callable[[], Assembly]) -> Perform:
    """Ask the book once more before a call that has to do with mail: who was put on the list until this moment, on
    whichever machine, gets nothing."""

    def asked(state: RunState, start: ToolCallStart) -> Awaitable[Outcome]:
        tool = house().tools.get(start.tool)
        uses = tool.contract.uses if tool is not None else ()
        if "mail" in uses and not start.simulated:
            return asked_first(state, start)
        if "crm" in uses and start.side_effect is not SideEffect.READ_ONLY:
            return told(state, start)
        return perform(state, start)

    async def asked_first(state: RunState, start: ToolCallStart) -> Outcome:
        try:
            await house().look_at_house()
        except CugaError as error:  # whatever it is, nothing was called
            return Failed(
                mode=FailureMode.SYSTEM_NETWORK,
                certainty=Certainty.NOT_DONE,
                message=f"nobody can say who asked for no mail: {error}",
            )
        return await told(state, start)  # the tool may have put somebody on the list

    async def told(state: RunState, start: ToolCallStart) -> Outcome:
        outcome = await perform(state, start)
        house().following.wake()  # it may have noted that somebody wants no mail
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
