"""One open house: all of it, its rules as they are now, and how what holds for all runs is changed and heeded."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec

from cuga.adapters.binding import Bindings
from cuga.adapters.folder import CrmFolder
from cuga.adapters.offline import (
    CrmStore,
    DocumentFolder,
    DropFolder,
    Outbox,
)
from cuga.clock import Clock
from cuga.engine.driver import Driver
from cuga.engine.local import LocalEngine
from cuga.errors import BadInput, CugaError
from cuga.journal.codec import events_of
from cuga.journal.port import Backed, Committed, Journal
from cuga.journal.seal import Fault
from cuga.journal.sqlite import SqliteJournal
from cuga.kernel import house
from cuga.kernel.house import HouseState
from cuga.kernel.house_state import apply_all
from cuga.model import house_event as h
from cuga.model.context import LOCAL_TENANT, Principal
from cuga.model.event import Event
from cuga.model.plan import CheckedPlan
from cuga.model.value import digest, encode
from cuga.notices.queue import Queue
from cuga.observability import exporter
from cuga.observability.exporter import Exporter
from cuga.observability.log import Log
from cuga.orchestrator.house import database
from cuga.orchestrator.house.following import Following
from cuga.orchestrator.house.gone import drop_rehearsed
from cuga.orchestrator.house.names import NamesNow
from cuga.orchestrator.house.one_list import OneList
from cuga.orchestrator.house.outside import Outside
from cuga.orchestrator.house.place import Place, make_private
from cuga.orchestrator.house.registry_file import Own, RegistryFile, tool_registry
from cuga.orchestrator.house.witness_room import WitnessRoom
from cuga.orchestrator.keeping.cleaning import KEYS_GONE_S, Cleaning
from cuga.orchestrator.keeping.sealing import Sealer
from cuga.orchestrator.llm.models import Models
from cuga.people.credentials import Credentials
from cuga.planning.stamps import must_be_as_checked
from cuga.policy.judge import Rules
from cuga.policy.profile import Current
from cuga.policy.registry import Registry, compile_rulebook
from cuga.privacy import Sealing
from cuga.projections.acts import ActsView
from cuga.projections.inbox import KnownCards
from cuga.projections.lessons import LessonsView
from cuga.projections.projection import Store
from cuga.projections.runs import KnownLines
from cuga.projections.signals import SignalsView
from cuga.projections.telemetry import CountsView
from cuga.redact import Redactor
from cuga.settings import Settings
from cuga.tools.invoke import Door
from cuga.tools.registry import ToolRegistry

if TYPE_CHECKING:
    from cuga.journal.postgres import PostgresJournal

MENDING = "cuga policy check"  # the command that leads out of a registry which cannot be loaded
KNOWN_PLANS = 1_000  # plans whose stamps were compared, and need not be again under the same rules
USES = ("crm", "mail", "documents", "templates", "runs", "calendar", "enrichment")
READ_ONLY = (
    "crm/folder",
    "documents/offline",
    "runs/offline",
    "enrichment/offline",
    "enrichment/web",
)  # adapters that nothing can be written through
TAUGHT_S = 30.0  # after which what others taught is looked for, where they write the journal too

CLEANED, LISTED = "erased people", "suppression list"  # what a machine does by itself when others have written


@dataclass
class Assembly:
    """Everything of one open house."""

    clock: Clock
    settings: Settings
    registry: Registry
    tools: ToolRegistry
    journal: Journal
    driver: Driver
    engine: LocalEngine
    crm: CrmStore
    folder: CrmFolder | None
    bindings: Bindings
    outbox: Outbox
    documents: DocumentFolder
    door: Door
    redactor: Redactor
    place: Place | None
    signals: SignalsView
    acts: ActsView
    counts: CountsView
    lessons: LessonsView
    views: Store
    outside: Outside
    models: Models
    sealing: Sealing
    recalls: bool = False  # the planner heeds what became of earlier goals
    was_taught: bool = True  # somebody may have taught something since that was last looked at
    looked_at: float = 0.0  # when, where others write the journal too
    plans_itself: bool = False  # the caller's own planner plans, and asks no model through the house
    places: dict[str, str] = field(default_factory=dict)  # where adapters of others are, see `places_of`
    unfit_adapters: dict[str, str] = field(default_factory=dict)  # set up, and not to be used -> why
    own: Own = ()  # tools that were handed in
    inbox: DropFolder | None = None  # a house in memory has none
    timing: asyncio.Lock = field(default_factory=asyncio.Lock)  # one look at the timetable at a time
    settled: dict[str, datetime] = field(default_factory=dict)  # schedule -> the last due time that was looked at
    sealer: Sealer | None = None  # a house in memory has none
    registry_file: RegistryFile | None = None  # a house in memory has the shipped one
    book: PostgresJournal | None = None  # the journal, when it is in a database that others may have open too
    mistakes: CugaError | None = None  # what kept the registry from being loaded when the house was opened
    tenant: str = LOCAL_TENANT
    state: HouseState = field(default_factory=HouseState)
    current: Current = field(default_factory=Current)
    exporter: Exporter | None = None  # who hands spans over, while this process does
    log: Log | None = None  # who writes lines, while this process does
    beside: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)  # ends once no work is in hand
    served_at: str = ""  # where people reach it over HTTP; empty: nowhere
    on_change: list[Callable[[Event], None]] = field(default_factory=list)  # who hears of a change of the house
    on_forget: list[Callable[[], None]] = field(default_factory=list)  # who lets go of what was seen of runs
    known_lines: KnownLines = field(default_factory=dict)  # of runs that were listed
    known_cards: KnownCards = field(default_factory=dict)  # of runs that wait
    failed_logins: dict[str, list[datetime]] = field(default_factory=dict)
    _credentials: Credentials | None = None
    _outgoing: Queue | None = None
    _rulebooks: dict[str, Rules] = field(default_factory=dict)
    _fitting: set[tuple[str, str]] = field(default_factory=set)  # rules and plans that were compared and fitted
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)  # mail is taken in by one at a time
    rehearsing: asyncio.Lock = field(default_factory=asyncio.Lock)  # one dry run at a time: each copies the house
    _witness: WitnessRoom | None = None
    _spare: TemporaryDirectory[str] | None = None  # the outbox of a house in memory

    def __post_init__(self) -> None:
        self.one_list = OneList(self)
        self.cleaning = Cleaning(self)
        self.following = Following({CLEANED: self.cleaning.clean, LISTED: self.one_list.level})

    async def rules_for(self, profile: str = "") -> Rules:
        """The rules of a profile, or of the default one, as the registry has them now, kept in the journal for the runs
        that pin them.

        `RegistryInvalid` when the registry was changed and does not load any more.
        """
        self.look_at_registry()
        profile = profile or self.registry.default_profile
        found = self._rulebooks.get(profile)
        if found is None:
            book = compile_rulebook(self.registry, profile, self.tools.contracts())
            found = Rules(book)
            await self.journal.keep_snapshot(encode(book))
            self.driver.know_rules(found)
            self._rulebooks[profile] = found
        return found

    def must_fit(self, plan: CheckedPlan, rules: Rules) -> None:
        """Raise `PlanInvalid` unless a check under these rules would stamp the plan just so."""
        mark = (rules.digest, digest(plan))
        if mark not in self._fitting:
            must_be_as_checked(plan, rules.book)
            if len(self._fitting) >= KNOWN_PLANS:
                self._fitting.clear()
            self._fitting.add(mark)

    def look_at_registry(self) -> None:
        """Take over a registry that has changed since the house was opened; cheap when it has not."""
        if self.registry_file is None or (news := self.registry_file.news()) is None:
            return
        self.registry, tools = news
        self.mistakes = None
        self.tools.become(tools)
        self._rulebooks.clear()
        self.look_around()

    def take_up_tools(self) -> None:
        """Make the tools anew: a person has accepted others. A registry that does not load keeps those there are."""
        if self.registry_file is not None:
            self.registry_file.forget()
            with contextlib.suppress(CugaError):  # whoever begins a run hears of it
                self.look_at_registry()
            return
        self.tools.become(tool_registry(self.registry, self.own, self.outside.add))
        self._rulebooks.clear()
        self.look_around()

    async def change(self, event: Event, by: Principal) -> HouseState:
        """Add a fact to the house stream, if the house takes it; what holds now follows at once."""
        stream = house_stream(self.tenant)
        for _ in range(8):
            house.check(self.state, event, by, self.tools.contracts())
            expected = self.state.version
            answer = await self.journal.append(stream, expected, [event])
            if isinstance(answer, Committed):
                if self.state.version == expected:  # else it was read before the answer came
                    house.apply(self.state, event)
                self.was_taught = True
                await self._heed()
                if isinstance(event, h.Halted):
                    # behind what was decided before and is still on its way: once we answer, nothing begins any more
                    await self.journal.append(stream, self.state.version, [])
                for hear in self.on_change:
                    hear(event)
                return self.state
            await self.refold()
        raise BadInput("the house is being changed by somebody else; try again")

    async def refold(self) -> None:
        """Read the house stream again."""
        self.sealing.forget()  # another process may have erased somebody
        before = self.state.erased_at
        await self._read_on()
        if self.state.erased_at != before:  # the fact comes before their keys are gone
            asyncio.get_running_loop().call_later(KEYS_GONE_S, self.sealing.forget)
        if self.place is not None and self.state.erased_at is not None:
            drop_rehearsed(self.place, self.state.erased_at)  # whoever erased somebody did so on one machine
        await self._heed()
        if self.book is not None:
            self.following.wake()

    async def read_anew(self) -> None:
        """Read all of the house stream again: words of it that were read before are gone."""
        self.sealing.forget()
        self.state = house.fold(events_of(await self.journal.read(house_stream(self.tenant))))
        self.look_around()

    async def _read_on(self) -> None:
        """Take in what the house stream holds beyond what is known."""
        stream = house_stream(self.tenant)
        while True:
            state, known = self.state, self.state.version
            news = events_of(await self.journal.read(stream, known))
            is_shorter = not news and await self.journal.version(stream) < known  # it was put back to an earlier time
            if not known or is_shorter or any(isinstance(event, h.PersonErased) for event in news):
                await self.read_anew()
                return
            if self.state is state and state.version == known:  # nobody was faster
                apply_all(state, news)
                return

    async def look_at_house(self) -> None:
        """Know what was written to the house until now, where other processes write to it too. `JournalFailed`."""
        if self.book is not None and await self.book.version(house_stream(self.tenant)) != self.state.version:
            await self.refold()

    async def _heed(self) -> None:
        """What the house stream says holds from now on."""
        if await self.outside.learn(self.journal, self.state):
            self.take_up_tools()
        self.look_around()

    def look_around(self) -> None:
        """What holds now, for every judgement from here on."""
        pools = self.registry.workers
        current = house.current_of(self.state, self.tools.contracts(), self.installed(), pools)
        if self.mistakes is not None and not current.halted:
            way_out = MENDING
            current = msgspec.structs.replace(current, halted="its registry cannot be loaded", halt_ends_with=way_out)
        places = {**self.places, **self.outside.places}
        self.current = msgspec.structs.replace(
            current, read_only_adapters=READ_ONLY, places=places, suppressed=self.one_list.now()
        )
        self.driver.pools.renew(pools)
        self.bindings.renew(self.outside.adapters())

    def look_at_adapters(self) -> None:
        """Notice an adapter that has come or gone since; cheap when none has."""
        if self.installed() != self.current.installed_adapters:
            self.look_around()

    def installed(self) -> dict[str, tuple[str, ...]]:
        """The adapters that this machine can really use."""
        has_folder = self.folder is not None and self.folder.is_there
        found = {use: tuple(self.bindings[use]) for use in USES}
        found["crm"] = tuple(name for name in found["crm"] if name != "folder" or has_folder)
        return {**found, **self.outside.installed()}

    def may_have_been_taught(self) -> bool:
        """Whether to look for what people taught since this was last asked; decisions in this process say so."""
        now = time.monotonic()
        is_due = self.was_taught or (self.book is not None and now - self.looked_at > TAUGHT_S)
        self.was_taught, self.looked_at = False, now if is_due else self.looked_at
        return is_due

    def credentials(self) -> Credentials:
        """What proves who somebody is, opened when first asked for; in memory for a house in memory."""
        if self._credentials is None:
            if self.place is not None:
                make_private(self.place.people)
            place = self.place.people if self.place is not None else ":memory:"
            self._credentials = Credentials(place, self.clock, NamesNow(lambda: self.state))
        return self._credentials

    def fold_anew(self) -> None:
        """Throw away what was folded from the journal, for words of it are gone. What a collector was given stays
        given: it is not handed over from the beginning."""
        given = self.views.begin(exporter.NAME, exporter.VERSION)
        self.views.wipe()
        if given.position:
            self.views.save(exporter.NAME, self.views.begin(exporter.NAME, exporter.VERSION), given, {})
        for view in (self.signals.view, self.acts.view, self.counts.view, self.lessons.view):
            view.forget()
        self.was_taught = True  # what people taught is read anew
        self.known_lines.clear()
        self.known_cards.clear()
        for let_go in self.on_forget:
            let_go()

    def outgoing(self) -> Queue:
        """What is still to be told outside the page, opened when first asked for; in memory for a house in memory."""
        if self._outgoing is None:
            if self.place is not None:
                make_private(self.place.notices)
            self._outgoing = Queue(self.place.notices if self.place is not None else ":memory:", self.clock)
        return self._outgoing

    def witness(self) -> WitnessRoom:
        """What makes this house a witness of others."""
        if self._witness is None:
            shared = None if self.book is None else functools.partial(database.open_witnessed, self.book)
            self._witness = WitnessRoom(self.place, self.sealer, lambda: self.state, shared)
        return self._witness

    async def verify(self) -> list[Fault]:
        """All that is wrong with the journal."""
        if isinstance(self.journal, SqliteJournal):
            return await self.journal.verify()
        return await self.book.verify() if self.book is not None else []

    async def backup(self, path: Path) -> Backed:
        """Copy the journal into a new file. `BadInput` for a house in memory."""
        if self.book is not None:
            position, hash = await database.back_up(self.book, path)
            return Backed(path=str(path), position=position, hash=hash)
        if not isinstance(self.journal, SqliteJournal):
            raise BadInput("a house in memory has nothing to back up")
        return await self.journal.backup(path)

    async def close(self) -> None:
        """Let everything go; work in flight gets a little time first, and what only waits for a thread is not begun."""
        self.door.end_waiting()
        async with self.beside:
            await self.engine.close(float(self.settings.grace_s))
        await self.following.close()
        self.door.close()
        await self.outside.close()
        if self.sealer is not None:
            await self.sealer.close()
        await self.journal.close()
        self.sealing.ring.close()
        self.views.close()
        self.crm.close()
        if self._credentials is not None:
            self._credentials.close()
        if self._outgoing is not None:
            self._outgoing.close()
        if self._witness is not None:
            self._witness.close()
        self.documents.close()
        if self.folder is not None:
            self.folder.close()
        if self._spare is not None:
            self._spare.cleanup()


def house_stream(tenant: str) -> str:
    """The name of a tenant's house stream."""
    return f"house/{tenant}"
