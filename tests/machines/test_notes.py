"""What may have been done on one machine of a house is not done again on another, whose notes say nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.postgres import fresh_database
from tests.scenario.test_privacy import ADDRESS, NAME, furnished, writing_to

from cuga.adapters.capability import Outgoing, Receipt
from cuga.adapters.offline import Outbox
from cuga.errors import JournalFailed
from cuga.journal.postgres import PostgresJournal
from cuga.model.event import Event, Status, ToolCallComplete, ToolCallError
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import Place, make
from cuga.settings import Settings, read_settings


def opened(place: Place, settings: Settings) -> Coordinator:
    return Coordinator(house=place.root, settings=settings, user="sam", drives_all=True)


def mails(*places: Place) -> int:
    return sum(len(list(place.outbox.glob("*.eml"))) for place in places)


async def lost(place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run whose mail was sent on a machine that ended before it could say so."""
    send = Outbox.send

    def cut_off(self: Outbox, message: Outgoing) -> Receipt:
        send(self, message)
        raise RuntimeError("the machine ends here")

    async with opened(place, settings) as front:
        await furnished(front)
        result = await front.execute_plan(writing_to(ADDRESS, NAME))
        with monkeypatch.context() as patch:
            patch.setattr(Outbox, "send", cut_off)
            (card,) = await front.inbox()
            await front.answer(card.approval_id, "approve")
            async with asyncio.timeout(20):
                while not [one for one in await front.events(result.run_id) if isinstance(one, ToolCallError)]:
                    await asyncio.sleep(0.01)
    assert mails(place) == 1
    return result.run_id


async def test_what_was_answered_and_not_written_any_more_is_found_where_it_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings(database=fresh_database())
    place = make(tmp_path / "there")
    append = PostgresJournal.append

    async def unwritten(self: PostgresJournal, stream: str, expected: int, events: Sequence[Event], **more: Any) -> Any:
        if any(isinstance(one, ToolCallComplete) for one in events) and mails(place):
            raise JournalFailed("the machine ends here")
        return await append(self, stream, expected, events, **more)

    with monkeypatch.context() as patch:
        patch.setattr(PostgresJournal, "append", unwritten)
        async with opened(place, settings) as front:
            await furnished(front)
            run_id = (await front.execute_plan(writing_to(ADDRESS, NAME))).run_id
            (card,) = await front.inbox()
            await front.answer(card.approval_id, "approve")
            async with asyncio.timeout(20):
                while not mails(place):
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)  # the answer has come, and cannot be written
    async with opened(place, settings) as front:
        await (await front.open()).engine.sweep()
        async with asyncio.timeout(40):
            while (state := await front.state(run_id)).end is None and not state.doubts:
                await asyncio.sleep(0.1)
        assert (await front.result(run_id)).status is Status.SUCCESS
    assert mails(place) == 1
    assert not list(place.begun.glob("*.json"))  # what is known needs no note


async def test_a_doubt_that_a_person_ended_needs_no_note_whichever_process_left_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read_settings(database=fresh_database())
    place = make(tmp_path / "there")
    run_id = await lost(place, settings, monkeypatch)
    (note,) = place.begun.glob("*.json")
    first = note.read_bytes()
    for kept in place.outbox.rglob("*.json"):
        kept.unlink()  # the machine does not know any more what it sent
    for sent in place.outbox.glob("*.eml"):
        sent.unlink()
    note.unlink()
    async with opened(place, settings) as front:
        await (await front.open()).engine.sweep()
        async with asyncio.timeout(40):
            while not (doubts := (await front.state(run_id)).doubts):
                await asyncio.sleep(0.1)
        note.write_bytes(first)  # as one that a process before this one has left
    async with opened(place, settings) as front:
        (step,) = doubts
        await front.resolve(run_id, step, "did-not", reason="looked")
        assert not list(place.begun.iterdir())


@pytest.mark.parametrize("where", ["there", "shared", "elsewhere"])
async def test_a_mail_that_another_machine_may_have_sent_is_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    settings = read_settings(database=fresh_database())
    there = make(tmp_path / "there")
    run_id = await lost(there, settings, monkeypatch)
    if where == "shared":  # one directory, seen by another machine under another name
        (tmp_path / "mounted").symlink_to(there.root, target_is_directory=True)
    place = {"there": there, "shared": Place(tmp_path / "mounted")}.get(where) or make(tmp_path / "here")
    async with opened(place, settings) as front:
        if where == "elsewhere":
            await furnished(front)
        await (await front.open()).engine.sweep()  # as a process does that serves
        async with asyncio.timeout(40):
            while True:
                state = await front.state(run_id)
                if state.end is not None or state.doubts:
                    break
                await asyncio.sleep(0.1)
        result = await front.result(run_id)
        if where == "elsewhere":
            assert result.status is Status.PARKED and len(state.doubts) == 1
            last = [one for one in await front.events(run_id) if isinstance(one, ToolCallError)][-1]
            assert "may have been made on another machine" in last.message
        else:
            assert result.status is Status.SUCCESS and not state.doubts
    assert mails(there) + (mails(place) if where == "elsewhere" else 0) == 1
