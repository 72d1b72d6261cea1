"""Restate wakes the runs, and dies: nothing is lost and no effect is made again, for the book alone says what is done.

The server, the process that it calls, or both are killed in the middle; a ledger outside counts what was done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.machines import test_fleet
from tests.machines.fleet import Fleet, completions, deeds
from tests.postgres import fresh_database
from tests.restate import Server, free_ports, new_server, shared_server

from cuga.model.event import RunFinished, Status
from cuga.orchestrator import Coordinator

pytestmark = pytest.mark.kills
KEYED, LEAPS = 8, 4  # runs of deeds that are known by their key, and of those that nobody can ask about


class Woken(Fleet):
    """Processes of one house that Restate wakes; without a database only one may live at a time."""

    def __init__(self, directory: Path, server: Server, database: str = "", lease_s: int = 2) -> None:
        super().__init__(directory, database, lease_s)
        self.server = server
        registry = self.place.registry
        registry.write_text(f"{registry.read_text()}\nengine: restate\n")
        listen = f"127.0.0.1:{free_ports(1)[0]}"
        self.told = {
            "CUGA_RESTATE": server.ingress,
            "CUGA_RESTATE_ADMIN": server.admin,
            "CUGA_RESTATE_LISTEN": listen,
        }
        self.settings = replace(
            self.settings, restate=server.ingress, restate_admin=server.admin, restate_listen=listen
        )

    def look(self) -> Coordinator:
        """The house once nobody has it open any more, in this process; it advances nothing."""
        return Coordinator("smb", house=self.place.root, settings=self.settings, user="ann")

    async def done(self, count: int, kind: str = "did", patience_s: float = 60) -> None:
        """Wait until so many deeds were done."""
        async with asyncio.timeout(patience_s):
            while len(self.did(kind)) < count:
                await asyncio.sleep(0.05)


@pytest.fixture
def server() -> Iterator[Server]:
    made = new_server()
    yield made
    made.remove()


@pytest.fixture
def fleet(tmp_path: Path, server: Server) -> Iterator[Woken]:
    made = Woken(tmp_path, server)
    yield made
    made.stop()


async def ended(fleet: Woken, keyed: int, leaps: int = 0) -> None:
    """Every run of keyed deeds came to its end, each step once; a leap was made once, or waits for a person."""
    last = fleet.workers[-1]
    async with asyncio.timeout(90):
        while len(fleet.did()) < keyed * 4:
            assert last.poll() is None, fleet.log()
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    last.terminate()
    assert await asyncio.to_thread(last.wait, 30) == 0, fleet.log()
    async with fleet.look() as house:
        runs = [line.run_id for line in await house.runs(limit=100)]
        assert len(runs) == keyed + leaps
        for run_id in runs:
            events = await house.events(run_id)
            done = await completions(house, run_id)
            assert set(done.values()) <= {1}
            if any(event.tool == "deed" for event in events if hasattr(event, "tool")):
                assert sum(isinstance(event, RunFinished) for event in events) == 1
                assert len(done) == 4
        assert await house.verify() == []
    assert len(fleet.did()) == keyed * 4
    assert set(fleet.did("leapt").values()) <= {1}


async def test_the_server_is_killed_in_the_middle_and_nothing_is_lost_or_done_again(fleet: Woken) -> None:
    fleet.told["FLEET_BEGINS"] = "deed " * KEYED
    fleet.start()
    await fleet.done(3)
    fleet.server.kill()
    at = len(fleet.did())
    await fleet.done(at + 3)  # what is in hand goes on meanwhile
    fleet.server.start()
    await ended(fleet, KEYED)
    assert set(fleet.did("began").values()) == {1}  # not even a keyed deed was begun again


async def test_the_process_is_killed_in_the_middle_of_calls_and_another_goes_on(fleet: Woken) -> None:
    fleet.told["FLEET_BEGINS"] = "deed " * KEYED + "leap " * LEAPS
    first = fleet.start()
    await fleet.done(KEYED + 2)
    first.kill()
    del fleet.told["FLEET_BEGINS"]
    await asyncio.to_thread(first.wait)
    fleet.start()
    await ended(fleet, KEYED, LEAPS)


async def test_what_was_committed_and_not_sent_is_sent_by_whoever_comes_next(fleet: Woken) -> None:
    """The server is away while runs begin, and the process dies with all that it owes."""
    fleet.told["FLEET_BEGINS"] = "deed " * KEYED
    fleet.server.kill()
    first = fleet.start()
    async with asyncio.timeout(60):
        while fleet.log().count("begun") < KEYED:
            await asyncio.sleep(0.1)
    assert fleet.did("began") == {}
    first.kill()
    await asyncio.to_thread(first.wait)
    del fleet.told["FLEET_BEGINS"]
    fleet.server.start()
    fleet.start()
    await ended(fleet, KEYED)
    assert set(fleet.did("began").values()) == {1}


@pytest.mark.soak
async def test_a_server_that_forgot_everything_learns_it_from_the_book(fleet: Woken) -> None:
    fleet.told["FLEET_BEGINS"] = "deed " * KEYED
    first = fleet.start()
    await fleet.done(3)
    first.kill()
    await asyncio.to_thread(first.wait)
    fleet.server.forget()
    del fleet.told["FLEET_BEGINS"]
    fleet.server.start()
    fleet.start()
    await ended(fleet, KEYED)


@pytest.fixture
def among(tmp_path: Path) -> Iterator[Woken]:
    made = Woken(tmp_path, shared_server(), fresh_database())
    yield made
    made.stop()


async def test_another_process_takes_over_from_one_that_was_killed(among: Woken) -> None:
    await test_fleet.takeover_time(among)


@pytest.mark.soak
async def test_a_process_that_wakes_up_after_its_lease_does_nothing_more(among: Woken) -> None:
    await test_fleet.test_a_worker_that_wakes_up_after_its_lease_does_nothing_more(among, watchdog=False)


async def test_a_process_that_is_told_to_stop_hands_over_at_once(among: Woken) -> None:
    await test_fleet.test_a_worker_that_is_told_to_stop_hands_over_at_once(among)


async def test_the_server_dies_between_two_processes_and_no_call_is_made_twice(tmp_path: Path, server: Server) -> None:
    """Restate calls another process for a run that the first still has in hand: it waits until that has let go."""
    fleet = Woken(tmp_path, server, fresh_database())
    try:
        async with fleet.front() as front:
            fleet.start()
            fleet.start()
            await fleet.ready(front, 2)
            runs = [await front.start("g", plan=deeds(4, seconds=1.0)) for _ in range(6)]
            await fleet.done(6)
            server.kill()
            server.start()
            results = await asyncio.gather(*(front.wait(run_id, 60) for run_id in runs))
            assert {result.status for result in results} == {Status.SUCCESS}
            await test_fleet.holds(front, fleet, runs, 4)
            assert set(fleet.did("began").values()) == {1}
    finally:
        fleet.stop()


@pytest.mark.soak
async def test_processes_come_and_go_by_chance_and_every_deed_is_done_once(among: Woken) -> None:
    await test_fleet.chaos(among, seed=11, runs=12, steps=12, seconds=9)
