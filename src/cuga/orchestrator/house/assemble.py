"""Put a house together: the only room that knows all the others.

In a directory it is durable; without one it lives in memory and says so. What it hands out is an `Assembly`, closed in
the reverse order of its making.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Sequence
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
from cuga.errors import CugaError, InvalidTransition
from cuga.journal.codec import events_of
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Backed, Journal
from cuga.journal.sqlite import Restored as Restored
from cuga.journal.sqlite import SqliteJournal, restore
from cuga.kernel import house
from cuga.kernel.state import RunState
from cuga.model import house_event as h
from cuga.model.command import RecordModelReply
from cuga.model.context import LOCAL_TENANT, Principal
from cuga.model.event import Event, ModelCallStart
from cuga.notices.queue import Queue
from cuga.orchestrator.house import database, restate
from cuga.orchestrator.house.assembly import Assembly, house_stream
from cuga.orchestrator.house.begun import Begun, begun_here
from cuga.orchestrator.house.consenting import CONSENT
from cuga.orchestrator.house.one_list import asked_before
from cuga.orchestrator.house.outside import Outside, keep_report
from cuga.orchestrator.house.personal import keys_of, sealing_of
from cuga.orchestrator.house.place import Place, check_access, make_private, shipped_registry
from cuga.orchestrator.house.process import worker_name
from cuga.orchestrator.house.registry_file import Own, RegistryFile
from cuga.orchestrator.house.registry_file import tool_registry as tool_registry
from cuga.orchestrator.house.secrets import with_own_variables
from cuga.orchestrator.house.shelf import RunShelf
from cuga.orchestrator.house.vendors import adapters_of, places_of
from cuga.orchestrator.house.waited import nothing, still_wanted
from cuga.orchestrator.keeping.sealing import ANCHOR, FileAnchor, Sealer, read_anchors, seals_of
from cuga.orchestrator.llm.models import Models
from cuga.orchestrator.llm.thinking import Thinker
from cuga.orchestrator.llm.writing import Scribe
from cuga.planning.authority import Planner, PlanningAuthority
from cuga.planning.memory import Notes, PastRuns
from cuga.planning.records import CrmLookup
from cuga.policy.binding import OFFLINE, bound
from cuga.policy.judge import Rules
from cuga.policy.profile import Current, Profile, Rulebook
from cuga.policy.registry import Registry, load_registry
from cuga.policy.routing import Policy
from cuga.privacy import KeyFile, KeyRing
from cuga.projections.acts import ActsView
from cuga.projections.lessons import LessonsView
from cuga.projections.projection import Store
from cuga.projections.signals import SignalsView
from cuga.projections.telemetry import CountsView
from cuga.projections.views import MemoryViews, ViewsFile
from cuga.redact import Redactor
from cuga.settings import Settings, read_settings
from cuga.tools.invoke import Door
from cuga.tools.mcp import Reported

if TYPE_CHECKING:
    from cuga.journal.postgres import PostgresJournal

AS_FOUND = "the journal as it was found"  # what the house's stream names instead of a backup


class Before(Protocol):
    """Who stands between the engine and what it does."""

    def over(self, perform: Perform) -> Perform:
        """What the engine calls instead of the door."""
        ...

    async def ask(self, state: RunState, start: ModelCallStart) -> RecordModelReply:
        """What the engine asks instead of the model."""
        ...


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
    ring = KeyRing(keys, place.key_mark if place is not None else None)
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
            await asyncio.to_thread(ring.get_ready)
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
        book=lambda: assembly.one_list.book(),
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
    perform: Perform = scribe.call
    begun = Begun(place.begun) if book is not None and place is not None else None
    if begun is not None:
        perform = begun_here(perform, begun, lambda: assembly.tools)
    if book is not None:
        perform = asked_before(perform, lambda: assembly)
    worker = settings.worker or worker_name()
    engine: LocalEngine
    if restate.is_restate(registry, place) and stand_before is None:  # a copy is not woken
        try:
            engine = restate.open_engine(
                driver, clock, perform, thinker.make, thinker.ask_model, worker, journal,
                book.address if book is not None else None, settings, registry,
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
            driver, clock, perform, thinker.make, thinker.ask_model, worker, book, settings,
            serves=drives_all, house=house_stream(LOCAL_TENANT), on_house=lambda: assembly.refold(),
        )  # fmt: skip
    asked = nothing if book is None else asked_before(nothing, lambda: assembly)
    door.still_wanted = still_wanted(engine.guarded(asked), lambda: assembly)
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
    if book is not None or assembly.state.listings:
        await assembly.following.go_round()
    if begun is not None:
        engine.listen("", begun.hear)
    if sealer is not None:
        engine.listen("", sealer.hear)
        sealer.start()
    return assembly


async def _sealer_of(journal: Journal | PostgresJournal, place: Place | None, settings: Settings) -> Sealer | None:
    """What seals the journal of a directory, once it fits its anchors."""
    if place is None or not hasattr(journal, "epoch"):
        return None
    directory = seals_of(place.root, settings.seals)
    sealer = Sealer(journal, journal.epoch, directory, [FileAnchor(directory / ANCHOR), *read_anchors(settings)])
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
    if place.notices.exists():  # it remembers how far the other journal was read
        with contextlib.suppress(CugaError), contextlib.closing(Queue(place.notices, clock or SystemClock())) as queue:
            queue.go_back(restored.position)
    return restored
