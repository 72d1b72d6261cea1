"""A house in a database: sealed there too, its keys in a schema of their own, and nobody left after an erasure."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import psycopg
import pytest
from tests.postgres import fresh_database
from tests.scenario.test_privacy import ADDRESS, AT, CANARIES, NAME, WORDS, furnished, hits, sent

from cuga.adapters.offline import CrmStore, Outbox, crm_erasing
from cuga.cli.main import main
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.value import encode
from cuga.notices.messages import Message
from cuga.notices.queue import Queue
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house import following
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.place import Place, make
from cuga.orchestrator.keeping import cleaning
from cuga.privacy import ERASED
from cuga.privacy.shelf_postgres import SCHEMA
from cuga.settings import Settings, read_settings

TIMES = (1114, 1184)  # the types of timestamps without and with a zone


def found(address: str) -> list[str]:
    """Every row of every table, but for the keys, that holds a canary."""
    hit = []
    with psycopg.connect(address) as connection:
        query = (
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        )
        for schema, table in connection.execute(query).fetchall():
            columns = connection.execute(f'select * from "{schema}"."{table}" limit 0'.encode()).description or ()
            kept = [f'"{one.name}"' for one in columns if one.type_code not in TIMES]  # some are infinite
            for row in connection.execute(f'select {", ".join(kept)} from "{schema}"."{table}"'.encode()).fetchall():
                whole = b" ".join(
                    bytes(one) if isinstance(one, bytes | memoryview) else str(one).encode() for one in row
                )
                hit += [f"{schema}.{table}: {one}" for one in CANARIES if one.encode() in whole]
    return hit


async def test_a_house_in_a_database_names_nobody_and_forgets_whom_it_erases(tmp_path: Path) -> None:
    address, place = fresh_database(), make(tmp_path / "house")
    settings = read_settings(database=address)
    async with Coordinator(house=place.root, settings=settings, user="sam") as front:
        await furnished(front)
        run = await sent(front)
        assert run.status.value == "success"
        assert [one for one in found(address) if not one.startswith("cuga_views")] == []
        await front.signals()
        erased = await front.erase_person("P1", "asked for it")
        assert erased.runs == 1 and erased.keys >= 2 and SCHEMA in (await front.open()).sealing.ring.where
        assert found(address) == [] and hits(place.root) == []
        assert ERASED in encode(await front.events(run.run_id)).decode()
        assert await front.verify() == []


@pytest.fixture
def settings() -> Settings:
    return read_settings(database=fresh_database())


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return make(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Place:
    return make(tmp_path / "there")


class Cut(Exception):
    """The process ends here."""


def opened(place: Place, settings: Settings) -> Coordinator:
    return Coordinator(house=place.root, settings=settings, user="sam")


def mails(place: Place) -> list[str]:
    return [file.name for file in place.outbox.glob("*.eml")]


async def full(front: Coordinator, place: Place) -> Assembly:
    """A machine with something of somebody in each of its places."""
    assembly = await furnished(front)
    run = await sent(front)
    assert run.status.value == "success" and mails(place)
    (place.inbox / "r.eml").write_text(f"From: {ADDRESS}\nMessage-ID: <r@x>\nSubject: Re\n\nplease {WORDS}\n")
    (place.inbox / "taken").mkdir(exist_ok=True)
    (place.inbox / "taken" / "s.eml").write_text(f"From: {ADDRESS}\nMessage-ID: <s@x>\nSubject: Re\n\n{WORDS}\n")
    (place.documents / "visit.md").write_text(f"{NAME} was there.")
    place.rehearsed.mkdir(exist_ok=True)
    (place.rehearsed / "R1.json").write_bytes(encode({"at": assembly.clock.now(), "goal": f"write to {NAME}"}))
    await front.suppress(("other@canary.example",), "asked")
    message = Message(
        message_id="m1", about="ended", at=AT, run_id="R9", approval_id="", goal=f"Write to {NAME}", tool="", risk="",
        requester="", expires_at=None, status="success", reason="", link="",
    )  # fmt: skip
    assembly.outgoing().keep([(message, "N1")])
    await front.signals()
    assert hits(place.root)
    return assembly


async def cleaned(place: Place) -> None:
    """Wait until nothing of somebody is left but in files of others."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(FileNotFoundError):  # a file that was just replaced
                if not [one for one in hits(place.root) if "visit.md" not in one]:
                    return
            await asyncio.sleep(0.05)


async def test_another_machine_that_runs_cleans_its_places_by_itself(
    here: Place, there: Place, settings: Settings
) -> None:
    async with opened(here, settings) as front, opened(there, settings) as other:
        await furnished(front)
        assembly = await full(other, there)
        await assembly.engine.sweep()  # as a process does that serves
        erased = await front.erase_person("P1", "asked for it")
        assert erased.is_shared
        await cleaned(there)
        async with asyncio.timeout(20):
            while assembly.cleaning.pending():
                await asyncio.sleep(0.02)
        assert assembly.crm.get("contacts", "P2") is not None and assembly.crm.count("accounts") == 1
        assert assembly.outbox.suppressed(ADDRESS) == "erased at their request"
        (one,) = (one for one in await other.doctor() if one.what == "erased people")
        assert one.state == "note" and one.found.endswith("documents/visit.md"), one
        (there.documents / "visit.md").write_text("Nobody was there.")
        (one,) = (one for one in await other.doctor() if one.what == "erased people")
        assert one.state == "ok" and await other.verify() == []
    assert hits(there.root, here.root) == [] and found(settings.database) == []


async def test_a_machine_that_was_off_cleans_its_places_at_its_next_start(
    here: Place, there: Place, settings: Settings
) -> None:
    async with opened(there, settings) as other:
        await full(other, there)
    async with opened(here, settings) as front:
        await front.erase_person(ADDRESS, "asked for it")  # this machine has no record of them
        assert hits(there.root)
    async with opened(there, settings):
        assert hits(there.root) == [f"{there.documents / 'visit.md'}: {one}" for one in ("Zanaria", "Quillfeather")]
    assert found(settings.database) == []


async def test_mails_without_a_record_are_known_by_their_addresses(
    here: Place, there: Place, settings: Settings
) -> None:
    async with opened(there, settings) as other:
        assembly = await full(other, there)
        assembly.crm.erase(("P1",), lambda _: False, ERASED, lambda _: False)
    async with opened(here, settings) as front:
        await furnished(front)
        await front.erase_person("P1", "asked for it")
    async with opened(there, settings):
        assert mails(there) == [] and not [one for one in hits(there.inbox, there.outbox) if ADDRESS in one]


@pytest.mark.parametrize("where", ["mail", "views", "notices", "records", "compact", "note"])
async def test_a_machine_that_is_cut_off_while_cleaning_begins_again(
    here: Place, there: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    async with opened(there, settings) as other:
        await full(other, there)
        (there.documents / "visit.md").unlink()
    async with opened(here, settings) as front:
        await furnished(front)
        await front.erase_person("P1", "asked for it")
    owner, name = {
        "mail": (Outbox, "erase"),
        "views": (Assembly, "fold_anew"),
        "notices": (Queue, "drop_about"),
        "records": (CrmStore, "erase"),
        "compact": (crm_erasing, "compact"),
        "note": (cleaning, "_note"),
    }[where]

    def full_disk(*_args: object, **_named: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full_disk)
        async with opened(there, settings) as other:
            (one,) = (one for one in await other.doctor() if one.what == "erased people" and "not cleaned" in one.found)
            assert one.state == "broken" and "no space left on device" in one.found and one.mend
    async with opened(there, settings) as other:
        assert hits(there.root) == []
        (one,) = (one for one in await other.doctor() if one.what == "erased people")
        assert one.state == "ok", one


async def test_what_failed_is_tried_again_while_the_process_runs(
    here: Place, there: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "RETRY_S", 0.2)
    async with opened(here, settings) as front, opened(there, settings) as other:
        await furnished(front)
        assembly = await full(other, there)
        await assembly.engine.sweep()
        (there.documents / "visit.md").unlink()
        with monkeypatch.context() as patch:
            tried = asyncio.Event()

            def refuse(*_args: object) -> None:
                tried.set()
                raise OSError("read-only file system")

            patch.setattr(assembly.outbox, "erase", refuse)
            await front.erase_person("P1", "asked for it")
            async with asyncio.timeout(20):
                await tried.wait()
            assert hits(there.root)
        await cleaned(there)


async def test_whoever_was_brought_back_on_a_machine_stays_there(here: Place, there: Place, settings: Settings) -> None:
    async with opened(here, settings) as front:
        await furnished(front)
        await front.erase_person("P1", "asked for it")
    exports = there.root.parent / "exports"
    exports.mkdir()
    (exports / "contacts.csv").write_text(f"id,name,email\nP1,{NAME},{ADDRESS}\n")
    async with opened(there, settings) as other:
        outcome = await other.import_files(exports, bring_back=True)
        assert outcome.added == 1
    async with opened(there, settings) as other:
        assembly = await other.open()
        assert assembly.crm.get("contacts", "P1") is not None
        assert assembly.outbox.suppressed(ADDRESS), "nothing goes to them all the same"


def test_whoever_the_command_brings_back_before_the_house_was_open_stays(
    here: Place, there: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def erase() -> None:
        async with opened(here, settings) as front:
            await furnished(front)
            await front.erase_person("P1", "asked for it")

    async def is_there() -> bool:
        async with opened(there, settings) as other:
            return (await other.open()).crm.get("contacts", "P1") is not None

    asyncio.run(erase())
    export = there.root.parent / "contacts.csv"
    export.write_text(f"id,name,email\nP1,{NAME},{ADDRESS}\n")
    monkeypatch.setenv("CUGA_DATABASE", settings.database)
    assert main(["import", str(export), "--bring-back-erased", "--house", str(there.root)]) == 0
    assert asyncio.run(is_there())


async def test_keys_that_nobody_came_to_destroy_are_destroyed_by_whoever_is_next(
    here: Place, there: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "KEYS_GONE_S", 0.0)
    async with opened(here, settings) as front:
        await furnished(front)
        run = await sent(front)
        with monkeypatch.context() as cut:
            cut.setattr((await front.open()).sealing.ring, "destroy", lambda *_: (_ for _ in ()).throw(Cut()))
            with pytest.raises(Cut):
                await front.erase_person("P1", "asked for it")
    async with opened(there, settings) as other:
        assert ERASED in encode(await other.events(run.run_id)).decode()
        assert not [one for one in CANARIES if one in encode(await other.events(run.run_id)).decode()]
    async with opened(here, settings):
        assert hits(here.root) == [], "and the machine that was cut off cleans up too"


async def test_an_erasure_of_an_older_version_leaves_other_machines_to_people(
    here: Place, there: Place, settings: Settings
) -> None:
    async with opened(here, settings) as front, opened(there, settings) as other:
        await furnished(other)
        assembly = await front.open()
        ring = assembly.sealing.ring
        ids = tuple(await asyncio.to_thread(lambda: [ring.id_of(one) for one in ("contact/P1", f"email/{ADDRESS}")]))
        event = h.PersonErased(at=assembly.clock.now(), by="sam", subjects=ids, runs=0, reason="asked")
        await assembly.change(event, Principal(id="sam", solo=True))
        await asyncio.to_thread(ring.destroy, ids)
        await (await other.open()).refold()
        (one,) = (one for one in await other.doctor() if one.what == "erased people")
        assert (one.state, "P1" in one.found, "cuga erase" in one.mend) == ("note", True, True)
