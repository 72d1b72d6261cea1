"""The queue on Restate by itself: what is sent once, when it comes, who waits for whom, and what is said when it is
away."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.contract.journals import row, said
from tests.postgres import database, fresh_schema
from tests.restate import free_ports, shared_server

from cuga.clock import SystemClock
from cuga.engine.distributed import Pace
from cuga.engine.distributed.worker import Job
from cuga.engine.restate import Address, Alone, Among, RestateQueue
from cuga.errors import BadInput, JournalFailed, RegistryInvalid
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Index
from cuga.journal.postgres import Address as Book
from cuga.journal.postgres import PostgresJournal, migrate
from cuga.model.event import Status
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import Place, make
from cuga.orchestrator.operating.health import examine
from cuga.policy.registry import load_registry
from cuga.settings import Settings, read_settings

PATIENCE_S = 30.0


class Bed:
    """A queue that is called by the server, and what it was called with."""

    def __init__(self, journal: MemoryJournal | None = None) -> None:
        server = shared_server()
        self.listen = f"127.0.0.1:{free_ports(1)[0]}"
        self.clock = SystemClock()
        self.calls: list[tuple[str, float]] = []
        self.ends: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.name = f"test_{self.clock.new_id()}"
        address = Address(ingress=server.ingress, admin=server.admin, listen=self.listen, reach=f"http://{self.listen}")
        self.queue = RestateQueue(address, self._naming, journal or MemoryJournal(), self.clock, Pace(), Alone())

    async def _naming(self) -> str:
        return self.name

    async def advance(self, job: Job) -> bool:
        self.calls.append((job.run_id, time.monotonic()))
        await self.gate.wait()
        self.ends.append(job.run_id)
        return False

    async def called(self, count: int) -> list[str]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.calls) < count:
                await asyncio.sleep(0.01)
        return [run_id for run_id, _ in self.calls]


@pytest.fixture
async def bed() -> AsyncIterator[Bed]:
    made = Bed()
    ready = asyncio.Event()
    serving = asyncio.ensure_future(made.queue.serve(made.advance, ready=lambda _: ready.set()))
    await asyncio.wait_for(ready.wait(), PATIENCE_S)
    yield made
    made.gate.set()
    made.queue.stop()
    await serving
    await made.queue.close()


async def test_a_version_is_looked_at_once_however_often_it_is_sent(bed: Bed) -> None:
    bed.queue.sending.owe("r1", 3)
    assert await bed.called(1) == ["r1"]
    bed.queue.sending.owe("r1", 3)
    await asyncio.sleep(0.5)
    bed.queue.sending.owe("r1", 4)
    assert await bed.called(2) == ["r1", "r1"]
    bed.queue.sending.owe("r1", 4, again=True)
    assert await bed.called(3) == ["r1"] * 3
    await asyncio.sleep(0.3)
    assert len(bed.calls) == 3
    assert not (await bed.queue.stands(["r1"]))["r1"][1]  # what was sent for nothing is not waited for


async def test_a_wait_ends_when_it_is_due_and_not_before(bed: Bed) -> None:
    begun = time.monotonic()
    bed.queue.sending.owe_at("r1", bed.clock.now() + timedelta(seconds=1.5))
    await bed.called(1)
    assert 1.4 < bed.calls[0][1] - begun < 5.0
    assert not (await bed.queue.stands(["r1"]))["r1"][1]


async def test_one_run_is_looked_at_once_at_a_time_and_others_meanwhile(bed: Bed) -> None:
    bed.gate.clear()
    bed.queue.sending.owe("r1", 1)
    await bed.called(1)
    bed.queue.sending.owe("r1", 2)
    bed.queue.sending.owe("r2", 1)
    assert await bed.called(2) == ["r1", "r2"]
    assert (await bed.queue.stands(["r1"]))["r1"][1]
    bed.gate.set()
    assert await bed.called(3) == ["r1", "r2", "r1"]  # whoever came meanwhile looks by itself


async def test_calls_for_a_run_that_come_after_a_lost_connection_take_turns(bed: Bed) -> None:
    """Restate believes that nobody looks any more, and calls again, and once more."""
    bed.gate.clear()
    calls = [asyncio.ensure_future(bed.queue._attend("r1")) for _ in range(3)]
    for count in range(1, 4):
        await bed.called(count)
        await asyncio.sleep(0.05)
        assert len(bed.calls) == count and len(bed.ends) == count - 1
        bed.gate.set()
        await asyncio.sleep(0)
        bed.gate.clear()
    bed.gate.set()
    await asyncio.gather(*calls)
    assert not (await bed.queue.stands(["r1"]))["r1"][1]


async def test_what_is_in_hand_goes_on_when_the_caller_is_gone(bed: Bed) -> None:
    bed.gate.clear()
    bed.queue.sending.owe("r1", 1)
    await bed.called(1)
    service = bed.queue._service
    assert service is not None
    await service.end()
    bed.gate.set()
    async with asyncio.timeout(PATIENCE_S):
        while bed.ends != ["r1"]:
            await asyncio.sleep(0.01)


async def test_the_sweep_finds_what_is_overdue_and_what_nobody_goes_on_with() -> None:
    journal = MemoryJournal()
    bed = Bed(journal)
    serving = asyncio.ensure_future(bed.queue.serve(bed.advance, ["cuga"]))
    await journal.append("due", 0, said("a"), index=row(Status.PARKED, wakes=-(10**6)))
    await journal.append("later", 0, said("a"), index=row(Status.PARKED, wakes=10**8))
    await journal.append("left", 0, said("a"), index=row())
    await journal.append("ended", 0, said("a"), index=row(Status.SUCCESS))
    assert await bed.queue.sweep(healing=True) == (0, 1, 1)
    # a new process does not know what the one before it owed: what is parked is looked at as well
    assert sorted(set(await bed.called(3))) == ["due", "later", "left"]
    await asyncio.sleep(0.3)
    assert await bed.queue.sweep(healing=True) == (0, 0, 1)  # it has not moved since, and is not in hand
    bed.queue.stop()
    await serving
    await bed.queue.close()


async def test_a_process_that_ends_is_brought_nothing_more(bed: Bed) -> None:
    bed.queue.is_stopping = True
    with pytest.raises(Exception, match="this process ends"):
        await bed.queue._attend("r1")
    assert bed.calls == []
    bed.queue.is_stopping = False


# --- between processes ------------------------------------------------------------------------------------------------
@pytest.fixture
async def book() -> Book:
    made = Book.of(database(), fresh_schema())
    await migrate(made)
    return made


async def test_a_run_is_held_by_one_process_until_it_lets_go(book: Book) -> None:
    first, second = Among(book, 5.0), Among(book, 5.0)
    await first.take("r1")
    await second.take("r2")
    waiting = asyncio.ensure_future(second.take("r1"))
    await asyncio.sleep(0.4)
    assert not waiting.done() and await first.holds("r1") and not await second.holds("r1")
    assert await second.workers() == 2
    await first.let_go("r1")
    await asyncio.wait_for(waiting, 5.0)
    assert await second.holds("r1") and not await first.holds("r1")
    await first.close()
    await second.close()


async def test_who_dies_loses_its_runs_at_once_and_who_is_silent_after_its_lease(book: Book) -> None:
    dies, silent, heir = Among(book, 1.0), Among(book, 1.0), Among(book, 1.0)
    await dies.take("r1")
    await silent.take("r2")
    assert dies._session is not None
    await dies._session.close()
    await asyncio.wait_for(heir.take("r1"), 1.0)
    begun = time.monotonic()
    await asyncio.wait_for(heir.take("r2"), 10.0)
    assert time.monotonic() - begun > 0.3
    assert not await silent.holds("r2")  # and a session of its own that is new does not give it back
    assert await heir.holds("r2")
    for hold in (dies, silent, heir):
        await hold.close()


async def test_the_book_tells_a_parked_run_that_was_appended_to_until_it_was_seen_to(book: Book) -> None:
    journal, hold = PostgresJournal(book), Among(book, 5.0)
    await journal.append("r1", 0, said("a"), index=row(Status.PARKED))
    assert await hold.touched() == [] and await hold.stands(["r1", "none"]) == {"r1": (1, False)}
    await journal.append("r1", 1, said("b"), index=Index())
    assert await hold.touched() == [("r1", 2)] and await hold.stands(["r1"]) == {"r1": (2, True)}
    await hold.take("r1")
    await journal.append("r1", 2, said("c"))  # after it was read: somebody has to look again
    await hold.let_go("r1")
    assert await hold.touched() == [("r1", 3)]
    await hold.take("r1")
    await hold.let_go("r1")
    assert await hold.touched() == [] and await hold.stands(["r1"]) == {"r1": (3, False)}
    await hold.close()
    await journal.close()


# --- what a house says ------------------------------------------------------------------------------------------------
@pytest.fixture
def house(tmp_path: Path) -> Place:
    made = make(tmp_path / "house")
    made.registry.write_text(f"{made.registry.read_text()}\nengine: restate\n")
    return made


def away(tmp_path: Path) -> Settings:
    ingress, admin, listen = (f"127.0.0.1:{port}" for port in free_ports(3))
    return Settings(
        restate=f"http://{ingress}", restate_admin=f"http://{admin}", restate_listen=listen, seals=tmp_path / "seals"
    )


def test_the_registry_knows_two_engines_and_its_digest_does_not_count_them(house: Place) -> None:
    text = house.registry.read_text()
    woken, own = load_registry(text), load_registry(text.replace("\nengine: restate\n", "\n"))
    assert (woken.engine, own.engine, woken.digest()) == ("restate", "own", own.digest())
    with pytest.raises(RegistryInvalid, match="1 mistake"):
        load_registry(text.replace("engine: restate", "engine: temporal"))


async def test_a_server_that_is_away_is_said_by_the_doctor(house: Place, tmp_path: Path) -> None:
    async with Coordinator("smb", house=house.root, settings=away(tmp_path)) as front:
        findings = {one.what: one for one in await examine(await front.open())}
    assert findings["restate"].state == "broken" and "cannot be reached" in findings["restate"].found


async def test_a_server_that_is_there_is_said_by_the_doctor(house: Place, tmp_path: Path) -> None:
    server = shared_server()
    settings = replace(away(tmp_path), restate=server.ingress, restate_admin=server.admin)
    async with Coordinator("smb", house=house.root, settings=settings, drives_all=True) as front:
        assembly = await front.open()
        await assembly.engine.sweep()
        findings = {one.what: one for one in await examine(assembly)}
    assert findings["restate"].state == "ok" and "1 workers, 0 runs in hand" in findings["restate"].found


async def test_a_place_that_is_taken_is_said_at_once(house: Place, tmp_path: Path) -> None:
    settings = away(tmp_path)
    host, _, port = settings.restate_listen.partition(":")
    with socket.create_server((host, int(port))):
        async with Coordinator("smb", house=house.root, settings=settings, drives_all=True) as front:
            with pytest.raises(BadInput, match="nothing can listen for Restate"):
                await (await front.open()).engine.sweep()


async def test_limits_by_tenant_and_missing_packages_are_refused(
    house: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = away(tmp_path)
    with pytest.raises(BadInput, match="nothing limits the runs of one tenant"):
        await Coordinator("smb", house=house.root, settings=replace(settings, tenant_runs=3)).open()
    with pytest.raises(BadInput, match="no process serves a pool alone"):
        await Coordinator("smb", house=house.root, settings=replace(settings, pools=("engagement",))).open()
    for name in [name for name in sys.modules if name.startswith("cuga.engine.restate")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "restate", None)
    with pytest.raises(BadInput, match="packages that are not installed"):
        await Coordinator("smb", house=house.root, settings=settings).open()


def test_addresses_that_are_none_are_refused() -> None:
    with pytest.raises(BadInput, match="CUGA_RESTATE_ADMIN"):
        read_settings({"CUGA_RESTATE_ADMIN": "localhost:9070"})
    for text in ("9080", ":9080", "localhost:http"):
        with pytest.raises(BadInput, match="CUGA_RESTATE_LISTEN"):
            _ = Address(ingress="http://h", admin="http://h", listen=text, reach="http://h").bound


async def test_without_a_server_nobody_says_how_it_stands() -> None:
    ports = free_ports(2)
    address = Address(ingress=f"http://127.0.0.1:{ports[0]}", admin=f"http://127.0.0.1:{ports[1]}", listen="", reach="")

    async def naming() -> str:
        return "nobody"

    queue = RestateQueue(address, naming, MemoryJournal(), SystemClock(), Pace(), Alone())
    with pytest.raises(JournalFailed):
        await queue.figures()
    await queue.close()
