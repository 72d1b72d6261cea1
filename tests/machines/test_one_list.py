"""One list for all machines of a house: who asked for no mail anywhere gets none from anywhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.machines.test_erasing import found
from tests.postgres import fresh_database
from tests.scenario.test_privacy import ADDRESS, NAME, furnished, sent, writing_to

from cuga.adapters.capability import Contact, Outgoing
from cuga.adapters.offline.suppression import COLUMNS
from cuga.errors import BadInput, JournalFailed, NotDone
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import Place, make
from cuga.settings import Settings, read_settings

HEAD = ",".join(COLUMNS[:4])


@pytest.fixture
def settings() -> Settings:
    return read_settings(database=fresh_database())


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return make(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Place:
    return make(tmp_path / "there")


def opened(place: Place, settings: Settings) -> Coordinator:
    return Coordinator(house=place.root, settings=settings, user="sam")


def mails(place: Place) -> list[str]:
    return [file.name for file in place.outbox.glob("*.eml")]


def rows(place: Place) -> list[str]:
    file = place.outbox / "suppressed.csv"
    return file.read_text().splitlines()[1:] if file.exists() else []


async def seen(front: Coordinator, address: str, blocked: bool) -> None:
    """Wait until a machine knows by itself what another has written."""
    async with asyncio.timeout(20):
        while bool((await front.open()).outbox.suppressed(address)) is not blocked:
            await asyncio.sleep(0.02)


async def test_who_is_put_on_the_list_on_one_machine_gets_nothing_from_another(here, there, settings):
    async with opened(here, settings) as front, opened(there, settings) as other:
        await furnished(other)
        assert await front.suppress((ADDRESS,), "asked on the phone") == 1
        run = await sent(other)
        assert run.status.value != "success" and mails(there) == []
        standing = await other.standing(ADDRESS)
        assert standing.blocked and standing.entry.reason == "asked on the phone"
        assert [one.address for one in await other.suppressed()] == [ADDRESS]
        assert [one for one in found(settings.database) if not one.startswith("cuga_views")] == []


async def test_who_is_put_on_the_list_after_the_approval_gets_nothing(here, there, settings):
    """The list is asked at the moment of the call, whatever this process has heard of it so far."""
    async with opened(here, settings) as front, opened(there, settings) as other:
        assembly = await furnished(other)
        waiting = await other.execute_plan(writing_to(ADDRESS, NAME))
        (card,) = await other.inbox()
        assembly.engine._on_house = None  # nobody tells this process: it has to ask
        await front.suppress(("@canary.example",), "the whole company asked")
        await other.answer(card.approval_id, "approve")
        run = await other.wait(waiting.run_id)
        assert run.status.value != "success" and mails(there) == []
        assert "the whole company asked" in str(await other.events(waiting.run_id))


async def test_where_nobody_can_say_who_opted_out_nothing_is_sent(there, settings, monkeypatch):
    async with opened(there, settings) as other:
        assembly = await furnished(other)
        waiting = await other.execute_plan(writing_to(ADDRESS, NAME))
        (card,) = await other.inbox()

        async def away() -> None:
            raise JournalFailed("the database is away")

        monkeypatch.setattr(assembly, "look_at_house", away)
        await other.answer(card.approval_id, "approve")
        await asyncio.sleep(0.5)
        assert mails(there) == []
        monkeypatch.undo()
        assert (await other.wait(waiting.run_id)).status.value == "success" and len(mails(there)) == 1


async def test_the_list_that_a_machine_has_is_taken_in_and_what_is_lifted_anywhere_is_lifted_there(
    here, there, settings
):
    for place, address in ((here, "one@x.example"), (there, "two@x.example")):
        (place.outbox / "suppressed.csv").write_text(f"{HEAD}\n{address},an old list,2025-01-01,crm\nquiet.example\n")
    async with opened(here, settings), opened(there, settings) as other:
        assert {one.address for one in await other.suppressed()} == {"one@x.example", "two@x.example", "@quiet.example"}
        assert (await other.standing("one@x.example")).entry.on == "2025-01-01"
    async with opened(here, settings) as front:
        await front.lift_suppression("two@x.example", "signed up again")
        assert not (await front.standing("two@x.example")).blocked
        assert len(rows(there)) == 3, "that machine is off"
    async with opened(there, settings) as other:
        assert not (await other.standing("two@x.example")).blocked and len(rows(there)) == 2
    async with opened(here, settings) as front:
        assert {one.address for one in await front.suppressed()} == {"one@x.example", "@quiet.example"}
        with (here.outbox / "suppressed.csv").open("a") as file:
            file.write("two@x.example,by hand\n")
        await front.suppress(("three@x.example",), "asked")
    async with opened(there, settings) as other:
        assert (await other.standing("two@x.example")).entry.reason == "by hand"
        assert (await other.standing("any@quiet.example")).blocked
        (there.outbox / "suppressed.csv").unlink()
        assert (await other.open()).outbox.suppressed("three@x.example") == "asked", "the book says so"
    async with opened(there, settings):
        assert len(rows(there)) == 4


async def test_a_machine_that_runs_hears_of_additions_and_liftings(here, there, settings):
    async with opened(here, settings) as front, opened(there, settings) as other:
        await (await other.open()).engine.sweep()  # as a process does that serves
        await front.suppress(("kim@x.example",), "asked")
        await seen(other, "kim@x.example", True)
        async with asyncio.timeout(20):
            while not rows(there):
                await asyncio.sleep(0.02)
        assert rows(there)[0].startswith("kim@x.example,asked,")
        await front.lift_suppression("kim@x.example", "signed up again")
        await seen(other, "kim@x.example", False)
        assert rows(there) == []


async def test_who_answers_that_they_want_no_mail_is_known_to_every_machine(here, there, settings):
    (here.inbox / "r.eml").write_text(
        f"From: {ADDRESS}\nMessage-ID: <r@x>\nSubject: Re\n\nPlease unsubscribe me from all of this.\n"
    )
    async with opened(here, settings) as front, opened(there, settings) as other:
        await furnished(front)
        await furnished(other)
        assert (await front.take_replies()).suppressed == 1
        run = await sent(other)
        assert run.status.value != "success" and mails(there) == []


async def test_an_entry_whose_fact_was_not_written_is_told_at_the_next_start(here, there, settings, monkeypatch):
    """The file has it before the book does: a crash between the two loses nothing."""
    with monkeypatch.context() as cut:
        async with opened(here, settings) as front:
            assembly = await front.open()

            async def dies(*_args, **_named):
                raise JournalFailed("the process ends here")

            cut.setattr(assembly, "change", dies)
            with pytest.raises(JournalFailed):
                await front.suppress((ADDRESS,), "asked")
    async with opened(here, settings):
        pass
    async with opened(there, settings) as other:
        assert (await other.standing(ADDRESS)).blocked


async def test_a_list_of_another_house_or_of_lost_keys_is_taken_for_new(here, there, settings):
    (here.outbox / "suppressed.csv").write_text(f"{HEAD},entry\none@x.example,old,2025-01-01,crm,{'0' * 32}\n")
    async with opened(here, settings), opened(there, settings) as other:
        assert (await other.standing("one@x.example")).blocked


async def test_a_list_of_thousands_is_told_in_parts(here, there, settings):
    many = tuple(f"p{number}@many.example" for number in range(1_200))
    async with opened(here, settings) as front:
        assert await front.suppress(many, "list of the old system") == len(many)
        assert await front.suppress(many, "list of the old system") == 0
    async with opened(there, settings) as other:
        assert len(await other.suppressed()) == len(many)
        mail = (await other.open()).outbox
        with pytest.raises(NotDone, match="list of the old system"):
            mail.send(Outgoing(key="k", recipient="p7@many.example", subject="s", body="b"))


async def test_a_change_that_was_read_before_it_was_answered_counts_once(here, settings, monkeypatch):
    async with opened(here, settings) as front:
        assembly = await front.open()
        append = assembly.journal.append

        async def slow(*given, **more):
            answer = await append(*given, **more)
            await assembly.refold()  # somebody looked while the answer was on its way
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(assembly.journal, "append", slow)
            await front.suppress(("kim@x.example",), "asked")
        assert assembly.state.version == await assembly.journal.version("house/local")
        await front.suppress(("lee@x.example",), "asked")
        assert len(await front.suppressed()) == 2


def record(*, unsubscribed: bool) -> dict[str, list[Contact]]:
    return {"contacts": [Contact(id="P1", name=NAME, email=ADDRESS, unsubscribed=unsubscribed, opted_in="yes")]}


async def test_who_asked_for_no_mail_by_the_records_of_one_machine_gets_nothing_from_another(here, there, settings):
    """Whatever the records of the other say, and whoever brought them in while it was not looking."""
    async with opened(here, settings) as front, opened(there, settings) as other:
        await furnished(other)
        (await front.open()).crm.store(record(unsubscribed=True))
        assert (await front.standing(ADDRESS)).blocked
        assert (await sent(other)).status.value != "success" and mails(there) == []
        standing = await other.standing(ADDRESS)
        assert "records" in standing.entry.reason and standing.contacts == ()
        assert [one for one in found(settings.database) if not one.startswith("cuga_views")] == []


async def test_who_asks_for_no_mail_while_the_list_is_told_is_told_as_well(here, there, settings, monkeypatch):
    also = Contact(id="P2", name="Lee", email="lee@x.example", unsubscribed=True)
    async with opened(here, settings) as front, opened(there, settings) as other:
        assembly = await front.open()
        change = assembly.change

        async def meanwhile(*given, **more):
            assembly.crm.store({"contacts": [*record(unsubscribed=True)["contacts"], also]})
            return await change(*given, **more)

        with monkeypatch.context() as patch:
            patch.setattr(assembly, "change", meanwhile)
            assembly.crm.store(record(unsubscribed=True))
            await assembly.one_list.level()
        await assembly.one_list.level()
        assert (await other.standing("lee@x.example")).blocked


async def test_an_import_tells_the_others_who_asked_for_no_mail(here, there, settings, tmp_path):
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "contacts.csv").write_text(f"contact_id,full_name,email,do_not_contact\nP1,{NAME},{ADDRESS},yes\n")
    async with opened(here, settings) as front, opened(there, settings) as other:
        await furnished(other)
        await front.import_files(exports)
        assert (await sent(other)).status.value != "success" and mails(there) == []


async def test_what_the_records_say_is_lifted_by_correcting_them(here, there, settings):
    async with opened(here, settings) as front, opened(there, settings) as other:
        crm = (await front.open()).crm
        crm.store(record(unsubscribed=True))
        await front.suppressed()
        with pytest.raises(BadInput, match="records"):
            await front.lift_suppression(ADDRESS, "signed up again")
        crm.store(record(unsubscribed=False))
        await front.lift_suppression(ADDRESS, "signed up again")
        assert not (await front.standing(ADDRESS)).blocked and not (await other.standing(ADDRESS)).blocked
        crm.store(record(unsubscribed=True))
        await front.suppressed()
        assert (await other.standing(ADDRESS)).blocked, "asked again"


async def test_records_are_read_for_that_once_for_each_state_of_them(here, settings, monkeypatch):
    async with opened(here, settings) as front:
        assembly = await front.open()
        assembly.crm.store(record(unsubscribed=True))
        query, asked = assembly.crm.query, []
        monkeypatch.setattr(assembly.crm, "query", lambda *given, **more: asked.append(1) or query(*given, **more))
        for number in range(5):
            await front.suppress((f"p{number}@x.example",), "asked")
        assert len(asked) == 1 and len(await front.suppressed()) == 6


async def test_a_house_on_a_file_puts_nobody_on_the_list_by_its_records(here):
    async with Coordinator(house=here.root, user="sam") as front:
        (await front.open()).crm.store(record(unsubscribed=True))
        assert await front.suppressed() == () and (await front.standing(ADDRESS)).contacts == (NAME,)
