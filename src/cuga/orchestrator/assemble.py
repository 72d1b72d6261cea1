"""Put a house together: the only room that knows all the others.

In a directory it is durable; without one it lives in memory and says so. What it hands out is an `Assembly`, closed in
the reverse order of its making.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol, cast

import msgspec

from cuga.adapters.binding import Bindings
from cuga.adapters.capability.model import Model
from cuga.adapters.folder import CrmFolder
from cuga.adapters.offline import (
    CalendarFolder,
    CrmStore,
    DocumentFolder,
    DropFolder,
    FactsFolder,
    Outbox,
    TemplateShelf,
)
from cuga.clock import Clock, SharedClock, SystemClock
from cuga.engine.driver import Driver
from cuga.engine.hands import Perform
from cuga.engine.local import LocalEngine
from cuga.engine.pools import Pools
from cuga.errors import BadInput, CugaError, InvalidTransition
from cuga.journal.codec import events_of
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Backed, Committed, Journal
from cuga.journal.seal import Fault
from cuga.journal.sqlite import Restored as Restored
from cuga.journal.sqlite import SqliteJournal, restore
from cuga.kernel import house
from cuga.kernel.house import HouseState
from cuga.kernel.state import RunState
from cuga.model import house_event as h
from cuga.model.command import RecordModelReply
from cuga.model.context import LOCAL_TENANT, Principal
from cuga.model.event import Event, ModelCallStart
from cuga.model.plan import CheckedPlan
from cuga.model.value import digest, encode
from cuga.notices.queue import Queue
from cuga.observability.exporter import Exporter
from cuga.observability.log import Log
from cuga.orchestrator import database, restate
from cuga.orchestrator.consenting import CONSENT
from cuga.orchestrator.models import Models
from cuga.orchestrator.outside import Outside, keep_report
from cuga.orchestrator.personal import keys_of, sealing_of
from cuga.orchestrator.place import Place, check_access, make_private, shipped_registry
from cuga.orchestrator.registry_file import Own, RegistryFile
from cuga.orchestrator.registry_file import tool_registry as tool_registry
from cuga.orchestrator.sealing import ANCHOR, FileAnchor, Sealer, read_anchors, seals_of
from cuga.orchestrator.secrets import with_own_variables
from cuga.orchestrator.shelf import RunShelf
from cuga.orchestrator.thinking import Thinker
from cuga.orchestrator.vendors import adapters_of, places_of
from cuga.orchestrator.writing import Scribe
from cuga.people.credentials import Credentials
from cuga.planning.authority import Planner, PlanningAuthority
from cuga.planning.memory import Notes, PastRuns
from cuga.planning.records import CrmLookup
from cuga.planning.stamps import must_be_as_checked
from cuga.policy.binding import OFFLINE, bound
from cuga.policy.judge import Rules
from cuga.policy.profile import Current, Profile, Rulebook
from cuga.policy.registry import Registry, compile_rulebook, load_registry
from cuga.policy.routing import Policy
from cuga.privacy import KeyFile, KeyRing, Sealing
from cuga.projections.acts import ActsView
from cuga.projections.inbox import KnownCards
from cuga.projections.lessons import LessonsView
from cuga.projections.projection import Store
from cuga.projections.runs import KnownLines
from cuga.projections.signals import SignalsView
from cuga.projections.telemetry import CountsView
from cuga.projections.views import MemoryViews, ViewsFile
from cuga.redact import Redactor
from cuga.settings import Settings, read_settings
from cuga.tools.invoke import Door
from cuga.tools.mcp import Reported
from cuga.tools.registry import ToolRegistry

if TYPE_CHECKING:
    from cuga.journal.postgres import PostgresJournal

LOST_LEASE = 75  # exit code of a process that was paused for too long: "try again", as sysexits.h has it
AS_FOUND = "the journal as it was found"  # what the house's stream names instead of a backup
GC_THRESHOLD = 50_000  # objects: a young collection per few hundred steps instead of per step (KERNEL 4, rule 9)
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
SWITCH_S = 0.0005  # how long a busy thread keeps others from the interpreter (KERNEL 3 c)


class Before(Protocol):
    """Who stands between the engine and what it does."""

    def over(self, perform: Perform) -> Perform:
        """What the engine calls instead of the door."""
        ...

    async def ask(self, state: RunState, start: ModelCallStart) -> RecordModelReply:
        """What the engine asks instead of the model."""
        ...


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
    served_at: str = ""  # where people reach it over HTTP; empty: nowhere
    on_change: list[Callable[[Event], None]] = field(default_factory=list)  # who hears of a change of the house
    known_lines: KnownLines = field(default_factory=dict)  # of runs that were listed
    known_cards: KnownCards = field(default_factory=dict)  # of runs that wait
    failed_logins: dict[str, list[datetime]] = field(default_factory=dict)
    _credentials: Credentials | None = None
    _outgoing: Queue | None = None
    _rulebooks: dict[str, Rules] = field(default_factory=dict)
    _fitting: set[tuple[str, str]] = field(default_factory=set)  # rules and plans that were compared and fitted
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)  # mail is taken in by one at a time
    rehearsing: asyncio.Lock = field(default_factory=asyncio.Lock)  # one dry run at a time: each copies the house
    _spare: TemporaryDirectory[str] | None = None  # the outbox of a house in memory

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
            answer = await self.journal.append(stream, self.state.version, [event])
            if isinstance(answer, Committed):
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
        self.state = house.fold(events_of(await self.journal.read(house_stream(self.tenant))))
        await self._heed()

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
            way_out = "cuga policy check shows every mistake; mend the registry"
            current = msgspec.structs.replace(current, halted="its registry cannot be loaded", halt_ends_with=way_out)
        self.current = msgspec.structs.replace(current, read_only_adapters=READ_ONLY, places=self.places)
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
            self._credentials = Credentials(self.place.people if self.place is not None else ":memory:", self.clock)
        return self._credentials

    def outgoing(self) -> Queue:
        """What is still to be told outside the page, opened when first asked for; in memory for a house in memory."""
        if self._outgoing is None:
            if self.place is not None:
                make_private(self.place.notices)
            self._outgoing = Queue(self.place.notices if self.place is not None else ":memory:", self.clock)
        return self._outgoing

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
        """Let everything go; work in flight gets a little time first."""
        await self.engine.close()
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
        self.documents.close()
        if self.folder is not None:
            self.folder.close()
        if self._spare is not None:
            self._spare.cleanup()


def house_stream(tenant: str) -> str:
    """The name of a tenant's house stream."""
    return f"house/{tenant}"


async def open_house(
    place: Place | None,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
    tools: Own = (),
    planner: Planner | None = None,
    model: Model | None = None,
    memory: Notes | None = None,
    owner: str = "",
    drives_all: bool = False,
    journal: Journal | None = None,
    routing: Sequence[Policy] = (),
    registry: Registry | None = None,
    stand_before: Before | None = None,
) -> Assembly:
    """Open a house, or one in memory when `place` is None. `HouseBusy` when another process holds it.

    With a `memory` the planner heeds what became of earlier goals; a `planner` of the caller's sees to that itself.
    A `model` goes before the one that the registry names; profiles still say whether it is asked.
    `routing` are policies beside those of `policy.routing`; they are named in the house like those.
    `registry` is for a house in memory: the rules it has instead of the shipped ones. A directory brings its own.
    `stand_before` gets every call and every question to a model before it is made, and makes it or not.
    """
    if place is not None:
        check_access(place)
    settings = with_own_variables(settings or read_settings(), place)
    named_database = database.database_of(place, settings) if journal is None else ""
    clock = clock or (SharedClock() if named_database else SystemClock())
    redactor = Redactor.from_environment(settings.variables)
    assembly: Assembly

    async def report(reported: Reported) -> None:
        await keep_report(assembly, reported)

    scrub = redactor.scrub_values
    keys = database.open_keys(named_database) if named_database else KeyFile(keys_of(place, settings))
    ring = KeyRing(keys)
    sealing = sealing_of(ring, lambda: crm, lambda: folder, lambda: kept)
    book: PostgresJournal | None = None
    if place is not None:
        make_private(place.crm, *(() if named_database else (place.journal, place.views)))
    if journal is None:
        if place is None:
            journal = MemoryJournal(scrub=scrub, personal=sealing)
        elif named_database:
            journal = book = await database.open_book(place, named_database, settings, scrub, sealing)
            await database.set_clock(clock, book)
        else:
            journal = SqliteJournal(place.journal, durability=settings.durability, scrub=scrub, personal=sealing)
    outside = Outside(settings, redactor, place.root if place is not None else None, report)
    try:
        sealer = await _sealer_of(book or journal, place, settings)
        await outside.learn(journal, house.fold(events_of(await journal.read(house_stream(LOCAL_TENANT)))))
    except BaseException:
        await journal.close()
        raise
    file = RegistryFile(place.registry, tools, outside.add) if place is not None else None
    mistakes: CugaError | None = None
    try:
        read = file.news() if file is not None else None
    except CugaError as error:  # the house still answers, and can be stopped; nothing starts before it is mended
        read, mistakes = None, error
    if read is None:
        registry = registry or load_registry(shipped_registry(), source="the shipped registry")
        kept = tool_registry(registry, tools, outside.add)
    else:
        registry, kept = read
    crm = CrmStore.open(place.crm if place is not None else ":memory:")
    spare = TemporaryDirectory(prefix="cuga-") if place is None else None
    outbox = Outbox(
        place.outbox if place is not None else Path(spare.name) if spare else "outbox",
        clock=clock,
        keyed=lambda address: ring.keyed(f"address/{address}"),
    )
    documents = DocumentFolder(place.documents if place is not None else None)
    folder = CrmFolder(place.crm_folder) if place is not None else None
    named: dict[str, object] = {OFFLINE: crm} if folder is None else {OFFLINE: crm, "folder": folder}
    unfit: dict[str, str] = {}
    vendors = adapters_of(settings, crm, outbox, clock, unfit)
    shelf = TemplateShelf(
        place.templates if place is not None else Path(spare.name if spare else ".") / "templates",
        lambda: assembly.registry.sender,
    )
    bindings = Bindings(
        {
            "crm": {**named, **vendors["crm"]},
            "mail": {OFFLINE: outbox, **vendors["mail"]},
            "documents": {OFFLINE: documents},
            "templates": {OFFLINE: shelf},
            "runs": {OFFLINE: RunShelf(journal)},
            "calendar": {OFFLINE: CalendarFolder(place.calendar if place is not None else None)},
            "enrichment": {OFFLINE: FactsFolder(place.facts if place is not None else None), **vendors["enrichment"]},
        }
    )
    views: Store = MemoryViews() if place is None else ViewsFile(place.views)
    if book is not None:
        views.close()
        views = database.open_views(book)
    door = Door(
        kept,
        bindings,
        clock=clock,
        redactor=redactor,
        threads=settings.call_threads,
        on_late=lambda run_id, call, outcome: assembly.engine.hear_late(run_id, call, outcome),
    )

    async def rules_of(digest: str) -> Rules:
        return Rules(msgspec.json.decode(await journal.blob(digest), type=Rulebook))

    def current() -> Current:
        return assembly.current

    def records(profile: Profile) -> CrmLookup | None:
        """The records that a planner may look names up in: those that a reading call of the profile would get."""
        found = bound("crm", profile, assembly.current, reads=True)
        return cast("CrmLookup", bindings["crm"][found.names[0]]) if found.names else None

    driver = Driver(journal, clock, rules_of, current, scrub, Pools(routing))
    recall = PastRuns(journal, memory, forgotten=lambda: assembly.state.forgotten) if memory is not None else None
    lessons = LessonsView(journal, views, lambda: assembly.may_have_been_taught())
    models = Models(settings, lambda: assembly.registry, model)
    thinker = Thinker(
        driver,
        clock,
        planner or PlanningAuthority(crm, kept.plays, recall, lessons),
        records,
        models,
        rank=lambda words: [ranked.contract.name for ranked in kept.rank(words)],
        banned=lambda: (*assembly.current.forbidden_tools, *assembly.current.quarantined_tools, CONSENT),
        lessons=lessons,
    )
    scribe = Scribe(driver, clock, door, kept, models, lessons)
    worker = settings.worker or worker_name()
    engine: LocalEngine
    if restate.is_restate(registry, place) and stand_before is None:  # a copy is not woken
        try:
            engine = restate.open_engine(
                driver, clock, scribe.call, thinker.make, thinker.ask_model, worker, journal,
                book.address if book is not None else None, settings,
                house=house_stream(LOCAL_TENANT), serves=drives_all, on_house=lambda: assembly.refold(),
                beside=None if book is None else functools.partial(database.set_clock, clock, book),
            )  # fmt: skip
        except BaseException:
            await journal.close()
            raise
    elif book is None:
        engine = LocalEngine(
            driver,
            clock,
            scribe.call if stand_before is None else stand_before.over(scribe.call),
            thinker.make,
            worker,
            ask_model=thinker.ask_model if stand_before is None else stand_before.ask,
            drives_all=drives_all,
        )
    else:
        engine = database.open_engine(
            driver, clock, scribe.call, thinker.make, thinker.ask_model, worker, book, settings,
            serves=drives_all, house=house_stream(LOCAL_TENANT), on_house=lambda: assembly.refold(),
        )  # fmt: skip
    assembly = Assembly(
        clock=clock,
        settings=settings,
        registry=registry,
        tools=kept,
        journal=journal,
        driver=driver,
        engine=engine,
        crm=crm,
        folder=folder,
        bindings=bindings,
        outbox=outbox,
        documents=documents,
        door=door,
        redactor=redactor,
        place=place,
        views=views,
        signals=SignalsView(journal, views),
        outside=outside,
        places=places_of(settings),
        unfit_adapters=unfit,
        own=tools,
        acts=ActsView(journal, views),
        counts=CountsView(journal, views),
        lessons=lessons,
        recalls=memory is not None,
        inbox=DropFolder(place.inbox) if place is not None else None,
        sealer=sealer,
        registry_file=file,
        book=book,
        mistakes=mistakes,
        models=models,
        plans_itself=planner is not None,
        sealing=sealing,
        _spare=spare,
    )
    await assembly.refold()
    if assembly.state.version == 0:
        opened = h.HouseOpened(at=clock.now(), by=owner, tenant=assembly.tenant, owner=owner)
        try:
            await assembly.change(opened, Principal(id=owner))
        except InvalidTransition:
            if assembly.state.version == 0:
                raise  # else another process opened it at the same moment
    if sealer is not None:
        engine.listen("", sealer.hear)
        sealer.start()
    return assembly


async def _sealer_of(journal: Journal | PostgresJournal, place: Place | None, settings: Settings) -> Sealer | None:
    """What seals the journal of a directory, once it fits its anchors."""
    if place is None or not hasattr(journal, "epoch"):
        return None
    directory = seals_of(place.root, settings.seals)
    sealer = Sealer(
        journal, journal.epoch, directory, [FileAnchor(directory / ANCHOR), *read_anchors(settings.anchors)]
    )
    await sealer.open()
    return sealer


def put_journal_back(place: Place, backup: Path | None, *, clock: Clock | None = None, by: str = "") -> Restored:
    """Put a copy in the place of a house's journal that nobody has open. It says so itself from its first moment, and
    nothing runs before a person has acknowledged that. The views are made anew from it. Without a backup the journal is
    taken as it lies there."""
    at = (clock or SystemClock()).now()

    def mark(copied: Backed) -> tuple[str, Event]:
        name = AS_FOUND if backup is None else backup.name
        return house_stream(LOCAL_TENANT), h.RestoredFrom(at=at, by=by, backup=name, position=copied.position)

    restored = restore(backup, place.journal, mark)
    for name in ("", "-wal", "-shm"):
        place.views.with_name(f"{place.views.name}{name}").unlink(missing_ok=True)
    return restored


def worker_name() -> str:
    """The name of this process as a driver of runs."""
    return f"{socket.gethostname()}/{os.getpid()}"


def settle_in() -> None:
    """Tune a process that only runs a house: fewer collections, quicker turns between threads."""
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


def end_when_paused(assembly: Assembly) -> None:
    """Let this process end at once when it stood still for longer than its lease: its runs are somebody else's by then.

    For a process that a supervisor starts again; one of several processes on a database, else nothing happens.
    """

    def end(pause: float) -> None:
        os.write(2, f"cuga: this process stood still for {pause:.0f} s and has lost its runs; it ends\n".encode())
        os._exit(LOST_LEASE)

    if assembly.book is not None:
        assembly.engine.on_pause = end  # type: ignore[attr-defined]  # an engine of many machines
