"""One process holds a house; others work through its desk."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cuga.cli.home import Visit, reach
from cuga.errors import ApprovalNotFound, BadInput, CugaError, HouseBusy, HouseNotFound, NotAllowed
from cuga.model import house_event as h
from cuga.model.event import RunFinished, Status
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.opened import system_user
from cuga.orchestrator.house.place import Place, find, make
from cuga.orchestrator.ipc import desk, remote
from cuga.orchestrator.ipc.connect import Session, connect
from cuga.orchestrator.ipc.desk import Desk
from cuga.orchestrator.ipc.remote import METHODS, Remote
from cuga.orchestrator.keeping.restoring import checked_registry, put_back
from cuga.settings import read_settings

GOAL = "draft a first email to bob@example.com"
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make(tmp_path / "house")


@pytest.fixture
async def holder(place: Place) -> AsyncIterator[Session]:
    session = await connect(place, user="ann")
    yield session
    await session.close()


@pytest.fixture
async def visitor(place: Place, holder: Session) -> AsyncIterator[Session]:
    session = await connect(place)
    yield session
    await session.close()


async def test_the_first_holds_the_house_and_the_second_talks_to_it(holder: Session, visitor: Session) -> None:
    assert holder.is_ours and not visitor.is_ours


async def test_a_visitor_starts_decides_and_reads(holder: Session, visitor: Session) -> None:
    front = visitor.front
    run_id = await front.start(GOAL, profile="enterprise")
    waiting = await front.wait(run_id)
    assert waiting.status is Status.PARKED
    (card,) = await front.inbox()
    assert (await front.card(card.approval_id)).digest == card.digest
    await front.answer(card.approval_id, "approve", digest=card.digest)
    done = await front.wait(run_id)
    assert done.status is Status.SUCCESS
    assert isinstance(holder.front, Coordinator)
    assert done == await holder.front.result(run_id)
    assert await front.events(run_id) == await holder.front.events(run_id)
    assert [line.run_id for line in await front.runs()] == [run_id]
    assert (await front.trace(run_id)).names[0] == "plan_created"
    assert (await front.audit(run_id)).goal == GOAL
    assert (await front.signals()).success == 1
    assert await front.verify() == []
    assert {finding.what for finding in await front.doctor()} >= {"journal", "house", "disk"}
    followed = [event async for event in front.follow(run_id)]
    assert isinstance(followed[-1], RunFinished)


async def test_who_asks_is_the_operating_systems_word(holder: Session, visitor: Session) -> None:
    run_id = await visitor.front.start(GOAL, profile="enterprise")
    (started, *_) = await visitor.front.events(run_id)
    assert started.by == system_user() != "ann"
    with pytest.raises(BadInput):
        await visitor.front.call("start", goal=GOAL, by={"id": "ann", "solo": True})


async def test_errors_cross_the_desk_with_their_kind_and_their_mend(visitor: Session) -> None:
    with pytest.raises(ApprovalNotFound) as caught:
        await visitor.front.answer("nothing-a1", "approve")
    assert caught.value.next_step
    with pytest.raises(BadInput):
        await visitor.front.start("")
    with pytest.raises(BadInput):
        await visitor.front.call("start", goal=7)


async def test_only_listed_methods_are_served(visitor: Session) -> None:
    assert all(callable(getattr(Coordinator, name)) for name in METHODS)
    with pytest.raises(AttributeError):
        _ = visitor.front.close_everything
    with pytest.raises(AttributeError):
        await visitor.front.call("no_such_method")


async def test_a_line_that_is_no_request_is_answered_as_such(place: Place, holder: Session) -> None:
    reader, writer = await asyncio.open_unix_connection(place.socket)
    assert await reader.readline() == b'{"id":0}\n'
    for line in (b"nonsense\n", b'{"id": 1, "method": "open"}\n', b'{"id": 2, "method": "runs", "extra": 1}\n'):
        writer.write(line)
        assert b'"code":"bad_input"' in await reader.readline()
    writer.close()


@pytest.mark.parametrize("error", [ValueError("odd"), OSError(28, "No space"), RuntimeError("bug"), KeyError("k")])
async def test_whatever_a_method_raises_is_answered_and_the_desk_goes_on(
    holder: Session, visitor: Session, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(holder.front, "runs", fail)
    with pytest.raises(CugaError) as caught:
        await visitor.front.runs()
    assert not isinstance(caught.value, HouseBusy)
    monkeypatch.undo()
    assert await visitor.front.runs() == []


async def test_who_is_told_goodbye_has_time_to_hear_it_while_another_is_answered(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it asks meanwhile would else tear up the farewell, and nobody would know whether it was touched."""
    house = await connect(place)
    asked, answers, said = asyncio.Event(), asyncio.Event(), list[dict[str, Any]]()

    async def slowly(_coordinator: Coordinator) -> list[object]:
        asked.set()
        await answers.wait()
        return []

    monkeypatch.setattr(Coordinator, "inbox", slowly)
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: said.append(context))
    (idle, hangs_up), (busy, busy_writer) = [await asyncio.open_unix_connection(str(place.socket)) for _ in range(2)]
    for reader in (idle, busy):
        await reader.readline()  # the greeting
    busy_writer.write(b'{"id": 1, "method": "inbox", "params": {}}\n')
    await asked.wait()
    closing = asyncio.ensure_future(house.close())
    assert b'"left":true' in await idle.readline()
    answers.set()
    assert b'"result"' in await busy.readline() and b'"left":true' in await busy.readline()
    busy_writer.close()
    with pytest.raises(TimeoutError):  # the line is still there for the one who has not hung up
        await asyncio.wait_for(idle.read(), 0.1)
    hangs_up.close()
    await closing
    assert said == []


async def test_who_does_not_take_an_answer_keeps_nobody_from_closing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "GRACE_S", 0.2)
    house = await connect(place)
    asked, answers = asyncio.Event(), asyncio.Event()

    async def at_length(_coordinator: Coordinator) -> list[str]:
        asked.set()
        await answers.wait()
        return ["x" * 1_000_000] * 8

    monkeypatch.setattr(Coordinator, "inbox", at_length)
    reader, writer = await asyncio.open_unix_connection(str(place.socket))
    await reader.readline()
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b'{"id": 1, "method": "inbox", "params": {}}\n')
    await asked.wait()
    closing = asyncio.ensure_future(house.close())
    await asyncio.sleep(0.05)  # it is waited for, and then it has an answer that nobody takes
    answers.set()
    async with asyncio.timeout(5):
        await closing
    writer.close()


async def test_a_directory_for_the_socket_that_others_can_enter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Path(tempfile.mkdtemp(prefix="cuga-test-"))  # a socket's path has 107 letters at most
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    place = make(tmp_path / ("d" * 60) / ("e" * 60))
    assert place.socket.parent.parent == short
    place.socket.parent.mkdir(mode=0o755)
    for _ in range(2):  # the house is let go again
        with pytest.raises(NotAllowed, match="this user alone"):
            await connect(place)
    place.socket.parent.chmod(0o700)
    await (await connect(place)).close()
    place.socket.parent.rmdir()
    place.socket.parent.symlink_to(tmp_path)
    with pytest.raises(NotAllowed, match="this user alone"):
        await connect(place)
    shutil.rmtree(short)


async def test_a_stranger_who_listens_in_the_place_of_the_desk_is_not_talked_to(
    place: Place, holder: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cuga.orchestrator.ipc.remote._is_trusted", lambda peer, path: False)
    with pytest.raises(HouseBusy, match="somebody else"):
        await connect(place)


async def test_the_desk_is_for_its_owner_only_and_goes_with_the_house(place: Place) -> None:
    session = await connect(place)
    assert stat.S_IMODE(os.stat(place.socket).st_mode) == 0o600
    await session.close()
    assert not place.socket.exists()


async def test_a_house_whose_holder_does_not_answer_says_who_holds_it(place: Place) -> None:
    holder = Coordinator(house=place.root)
    await holder.open()
    with pytest.raises(HouseBusy) as caught:
        await connect(place)
    assert str(os.getpid()) in caught.value.message and caught.value.next_step
    await holder.close()


async def test_a_holder_that_ends_is_told_to_whoever_talks_to_it(place: Place) -> None:
    holder = await connect(place)
    visitor = await connect(place)
    assert await visitor.front.runs() == []
    await holder.close()
    with pytest.raises(HouseBusy):
        await visitor.front.runs()
    await visitor.close()


class Mute:
    """A front whose answer to the first start is lost, before or after the run was begun."""

    def __init__(self, front: Remote, *, was_begun: bool) -> None:
        self._front = front
        self._was_begun = was_begun
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._front, name)

    async def start(self, *words: Any, **named: Any) -> str:
        self.asked += 1
        if self._was_begun:
            await self._front.start(*words, **named)
        raise HouseBusy("it ended while we talked to it", untouched=False)


@pytest.mark.parametrize("was_begun", [True, False])
async def test_a_run_is_begun_once_when_the_holder_ends_before_it_answers(
    place: Place, holder: Session, visitor: Session, was_begun: bool
) -> None:
    assert isinstance(visitor.front, Remote)
    mute = Mute(visitor.front, was_begun=was_begun)
    visit = Visit(place, read_settings(), Session(mute), drives_all=False)  # type: ignore[arg-type]
    run_id = await visit.begin(GOAL, profile="enterprise")
    assert [line.run_id for line in await holder.front.runs()] == [run_id]
    assert (mute.asked, visit.moves) == (1, 1)
    await visit.close()


async def test_a_holder_that_does_not_react_is_waited_for_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "GREETING_S", 0.2)
    lock = Coordinator(house=place.root)
    await lock.open()
    place.socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    deaf = socket.socket(socket.AF_UNIX)
    deaf.bind(str(place.socket))
    deaf.listen()
    with pytest.raises(HouseBusy, match="does not react"):
        async with asyncio.timeout(5):
            await reach(place, read_settings())
    deaf.close()
    await lock.close()


async def test_a_house_that_is_just_being_opened_is_waited_for(place: Place) -> None:
    lock = Coordinator(house=place.root)
    await lock.open()  # the lock is taken, and no desk stands yet
    waiting = asyncio.ensure_future(reach(place, read_settings()))
    await asyncio.sleep(1)
    desk = Desk(lock, place.socket)
    await desk.open()
    session = await waiting
    assert not session.is_ours
    await session.close()
    await desk.close()
    await lock.close()


async def test_what_the_house_decided_survives_its_process(place: Place) -> None:
    async with Coordinator(house=place.root, user="ann") as first:
        await first.change(h.Halted(at=AT, reason="drill"))
        parked = await first.run(GOAL, profile="smb")
        assert parked.status is Status.PARKED
    async with Coordinator(house=place.root, user="ann", drives_all=True) as second:
        await second.change(h.HaltLifted(at=AT))
        assert (await second.wait(parked.run_id)).status is Status.SUCCESS


async def test_a_backup_put_back_starts_nothing_until_somebody_accepts_it(place: Place, tmp_path: Path) -> None:
    async with Coordinator(house=place.root) as house:
        first = await house.run(GOAL, profile="smb")
        copy = await house.backup(str(tmp_path / "copy.db"))
        second = await house.run(GOAL, profile="smb")
        assert copy.position > 0
        with pytest.raises(HouseBusy):
            await put_back(place, tmp_path / "copy.db")
    await put_back(place, tmp_path / "copy.db")
    async with Coordinator(house=place.root) as house:
        assert [line.run_id for line in await house.runs()] == [first.run_id] != [second.run_id]
        held = await house.run(GOAL, profile="smb")
        assert held.status is Status.PARKED and "restored" in held.reason
        await house.change(h.RestoreAcknowledged(at=AT))
        assert (await house.wait(held.run_id)).status is Status.SUCCESS


def test_a_house_is_found_by_name_by_place_and_by_user(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert find(place.root) == place
    with pytest.raises(HouseNotFound):
        find(tmp_path)
    with pytest.raises(HouseNotFound):
        find(start=tmp_path)
    place.journal.touch()
    (place.root / "deep" / "er").mkdir(parents=True)
    assert find(start=place.root / "deep" / "er") == place
    own = make(tmp_path / "data" / "cuga")
    assert find(start=tmp_path) == own
    (tmp_path / "file").touch()
    with pytest.raises(BadInput):
        make(tmp_path / "file")


def test_a_socket_path_is_never_too_long_for_the_system(tmp_path: Path) -> None:
    deep = Place(tmp_path / ("d" * 60) / ("e" * 60))
    assert len(os.fsencode(deep.socket)) <= 100
    assert deep.socket != Place(tmp_path / ("d" * 60) / ("f" * 60)).socket


def test_a_registry_is_checked_with_its_tools() -> None:
    from cuga.errors import RegistryInvalid
    from cuga.orchestrator.house.place import shipped_registry

    assert checked_registry(shipped_registry(), "here").default_profile == "smb"
    with pytest.raises(RegistryInvalid):
        checked_registry("version: 1\nprofiles: {a: {calls: -1}}", "here")


async def test_a_remote_without_a_desk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HouseBusy):
        await Remote(tmp_path / "none.sock", "process 1 holds it").connect()
