"""A house whose journal is in Postgres: which database, and what is made of it.

The directory stays: registry, records, outbox and documents lie there on each machine. Needs the extra `postgres`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cuga.clock import Clock, SharedClock
from cuga.engine.driver import Driver
from cuga.engine.hands import AskModel, MakePlan, Perform
from cuga.engine.local import LocalEngine
from cuga.errors import BadInput
from cuga.orchestrator.house.personal import keys_of
from cuga.orchestrator.house.place import Place, make_private
from cuga.privacy import KeyFile
from cuga.projections.projection import Store
from cuga.settings import Settings
from cuga.witness import ShelfFile

if TYPE_CHECKING:
    from cuga.journal.codec import Personal, Scrub
    from cuga.journal.postgres import Address, PostgresJournal
    from cuga.journal.postgres.moving import Moved
    from cuga.privacy.shelf import Shelf as KeyShelf
    from cuga.witness import Shelf

VIEWS = "cuga_views"


def database_of(place: Place | None, settings: Settings) -> str:
    """The address of the database that holds the journal of a house; empty when it is a file, or in memory."""
    if place is None:
        return ""
    if settings.database:
        return settings.database
    try:
        return place.database.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""


def address_of(text: str) -> Address:
    """An address that was read; `BadInput` when the extra is not installed or it is none."""
    try:
        from cuga.journal.postgres import Address
    except ModuleNotFoundError as missing:
        if missing.name not in ("psycopg", "procrastinate"):
            raise
        raise BadInput(
            "a journal in Postgres needs packages that are not installed", mend="pip install 'cugar[postgres]'"
        ) from missing
    return Address.of(text)


async def open_book(
    place: Place, text: str, settings: Settings, scrub: Scrub | None, personal: Personal | None = None
) -> PostgresJournal:
    """The journal of a house in its database, with the tables of book and queue at today's version."""
    address = address_of(text)
    if not place.database.exists() and place.journal.exists() and place.journal.stat().st_size:
        raise BadInput(
            f"this house keeps its journal in {place.journal}, not in {address.shown}",
            mend="`cuga migrate` with the address of the database moves it there; nothing is lost.",
        )
    from cuga.engine.distributed import prepare, steps
    from cuga.journal.postgres import PostgresJournal, migrate

    journal = PostgresJournal(address, durability=settings.durability, scrub=scrub, personal=personal)
    await journal.open()
    await prepare(address)
    await migrate(address, steps(), kind="engine")
    if not place.database.exists():
        note(place, address)
    return journal


def note(place: Place, address: Address) -> None:
    """Write down where the journal of a house is, without the password."""
    make_private(place.database)
    place.database.write_text(f"{address.shown}\n", "utf-8")


def open_views(journal: PostgresJournal) -> Store:
    """Where the views lie: in a schema of their own, beside the book."""
    from cuga.projections.views_postgres import PostgresViews

    return PostgresViews(journal.address.connect_now, VIEWS)


def open_keys(text: str) -> KeyShelf:
    """Where the keys of personal data lie, for all machines: in a schema of their own."""
    address = address_of(text)
    from cuga.privacy.shelf_postgres import KeyTables

    return KeyTables(address.connect_now, address.shown)


def open_witnessed(journal: PostgresJournal) -> Shelf:
    """Where checkpoints of other houses lie, for all machines: in a schema of their own."""
    return _shelf_at(journal.address)


def _shelf_at(address: Address) -> Shelf:
    from cuga.witness.shelf_postgres import ShelfTables

    return ShelfTables(address.connect_now)


def open_engine(
    driver: Driver,
    clock: Clock,
    perform: Perform,
    make_plan: MakePlan,
    ask_model: AskModel,
    worker: str,
    journal: PostgresJournal,
    settings: Settings,
    *,
    serves: bool,
    house: str,
    on_house: Callable[[], Awaitable[None]],
) -> LocalEngine:
    """The engine of many machines, on the database of the journal. One that serves pools makes their calls only."""
    from cuga.engine.distributed import DistributedEngine, Pace, Queue

    pools = settings.pools if serves else ()
    pace = Pace(lease_s=float(settings.lease_s), tenant_runs=settings.tenant_runs)

    async def beside() -> None:
        await set_clock(clock, journal)

    queue = Queue(journal.address, pace, remembers=bool(pools))
    return DistributedEngine(
        driver, clock, perform, make_plan, worker, queue, ask_model=ask_model, serves=serves, house=house,
        on_house=on_house, beside=beside, pools=pools,
    )  # fmt: skip


async def set_clock(clock: Clock, journal: PostgresJournal) -> None:
    """Correct a clock by that of the database."""
    if isinstance(clock, SharedClock):
        asked = datetime.now(UTC)
        said = await journal.time()
        clock.set_by(asked, said, datetime.now(UTC))


async def move_to_database(place: Place, text: str, tell: Callable[[str], None], keys: Path | None = None) -> Moved:
    """Move the journal of a house that nobody has open into an empty database. The file is set aside, not deleted. The
    keys of personal data in the file `keys` move with it."""
    from cuga.journal.postgres import PostgresJournal
    from cuga.journal.postgres.moving import into_database
    from cuga.journal.sqlite import Lock

    address = address_of(text)
    if place.database.exists():
        raise BadInput(f"the journal of this house is in {place.database.read_text('utf-8').strip()} already")
    if not place.journal.exists() or not place.journal.stat().st_size:
        raise BadInput(
            f"{place.root} has no journal yet", mend="Nothing is to be moved: open it with --database from the start."
        )
    lock = Lock(place.journal)
    try:
        journal = PostgresJournal(address)
        await journal.open()
        await journal.close()
        moved = await asyncio.to_thread(into_database, place.journal, address, tell)
        _move_keys(KeyFile(keys), open_keys(text))
        _move_witnessed(ShelfFile(place.witness), _shelf_at(address))
        note(place, address)  # from here on the house is there
        _set_aside(place)
    finally:
        lock.release()
    return moved


async def move_to_file(place: Place, settings: Settings, tell: Callable[[str], None]) -> Moved:
    """Move the journal of a house out of its database into a file. Nothing can be appended there afterwards."""
    from cuga.journal.postgres.moving import into_file

    text = database_of(place, settings)
    if not text:
        raise BadInput("the journal of this house is a file already")
    address = address_of(text)
    await _must_be_left(address, settings)
    if place.journal.exists() and not place.journal.stat().st_size:
        place.journal.unlink()
    make_private(place.journal.with_name(f"{place.journal.name}.half"))
    moved = await asyncio.to_thread(into_file, address, place.journal, tell, moving=True)
    _move_keys(open_keys(text), KeyFile(keys_of(place, settings)))
    _move_witnessed(_shelf_at(address), ShelfFile(place.witness))
    place.database.unlink(missing_ok=True)
    return moved


async def _must_be_left(address: Address, settings: Settings) -> None:
    """`BadInput` while processes work on a house: what their calls come to could not be written any more."""
    from cuga.engine.distributed import Pace, Queue

    queue = Queue(address, Pace(lease_s=float(settings.lease_s)))
    try:
        workers = await queue.workers()
    finally:
        await queue.close()
    if workers:
        raise BadInput(
            f"{workers} processes work on this house" if workers > 1 else "a process works on this house",
            mend="Stop `cuga serve` and every `cuga worker` first; one that was killed is heard of for "
            f"{settings.lease_s} seconds more.",
        )


def _move_keys(source: KeyShelf, target: KeyShelf) -> None:
    """What is sealed in a book that moved is opened by the same keys. The old place loses them: it is to be erased from
    one place only."""
    try:
        if source.is_begun:
            kept = source.all()
            target.take(kept)
            source.drop_all()
    finally:
        source.close()
        target.close()


def copy_of_book(place: Place, settings: Settings, path: Path, tell: Callable[[str], None]) -> Path:
    """A file with the book of a house, for whoever reads only files: a copy under this path where it is in a database,
    else the journal itself. `JournalCorrupt` when the book does not hold."""
    text = database_of(place, settings)
    if not text:
        return place.journal
    from cuga.journal.postgres.moving import into_file

    into_file(address_of(text), path, lambda line: tell(f"{line} ..."))
    return path


def must_be_a_file(place: Place, settings: Settings) -> None:
    """`BadInput` where the journal of a house is in a database: a file beside it would only seem to be the journal."""
    if text := database_of(place, settings):
        raise BadInput(
            f"the journal of this house is in {address_of(text).shown}, and no file takes its place",
            mend="Restore the database as any other. Or bring the journal into a file (`cuga migrate --back`), do this "
            "there, and move it into an empty database with `cuga migrate ADDRESS`.",
        )


async def back_up(journal: PostgresJournal, path: Path) -> tuple[int, str]:
    """Copy the book into a new file, as it is at one moment; answers its last position and hash."""
    from cuga.journal.postgres.moving import into_file

    moved = await asyncio.to_thread(into_file, journal.address, path)
    last = b""
    async for stored in journal.feed(moved.events - 1):
        last = stored.hash
        break
    return moved.events, last.hex()


def _move_witnessed(source: Shelf, target: Shelf) -> None:
    """A witness must not forget, and what is left behind must not be believed later."""
    try:
        target.take_over(source)
    finally:
        source.close()
        target.close()


def _set_aside(place: Place) -> None:
    number = 1
    while (aside := place.journal.with_name(f"journal.db.moved-{number}")).exists():
        number += 1
    place.journal.replace(aside)
    for end in ("-wal", "-shm"):
        side = place.journal.with_name(f"{place.journal.name}{end}")
        if side.exists():
            side.replace(aside.with_name(f"{aside.name}{end}"))
    place.journal.with_name(f"{place.journal.name}.ballast").unlink(missing_ok=True)
