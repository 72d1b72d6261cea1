"""Pools with processes of their own: calls are made there and nowhere else, and whoever advances a run goes on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.machines.fleet import Fleet, deeds
from tests.machines.test_fleet import began, holds
from tests.postgres import fresh_database

from cuga.model.event import Status, TakenOver, ToolCallError, ToolCallStart

pytestmark = pytest.mark.kills

REGISTRY = """
version: 1
default_profile: smb
domains: [engagement]
packs: []
adapters: {crm: [offline], mail: [offline]}
profiles:
  smb: {calls: 1000, cost: 1000.0, approvals: moderate, adapters: [offline], max_parallel: 4}
workers:
  door: {capabilities: [engagement], tools: [deed], kind: process, concurrency: 4}
  desk: {capabilities: [engagement], tools: [leap], concurrency: 4}
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, fresh_database(), lease_s=4)
    made.place.registry.write_text(REGISTRY)
    yield made
    made.stop()


async def test_the_calls_of_a_pool_are_made_by_its_processes_alone(fleet: Fleet) -> None:
    async with fleet.front() as front:
        fleet.start()
        pools = [fleet.start(pools="door"), fleet.start(pools="door")]
        await fleet.ready(front, 3)
        runs = [await front.start("g", plan=deeds(3)) for _ in range(8)]
        ended = await asyncio.gather(*(front.wait(run_id, 60) for run_id in runs))
        assert {result.status for result in ended} == {Status.SUCCESS}, fleet.log()
        await holds(front, fleet, runs, 3)
        assert fleet.pids() <= {worker.pid for worker in pools}


@pytest.mark.soak
async def test_a_pool_of_which_no_process_lives_is_waited_for(fleet: Fleet) -> None:
    async with fleet.front() as front:
        fleet.start()
        await fleet.ready(front, 1)
        await asyncio.sleep(1.0)
        run_id = await front.start("g", plan=deeds(1))
        await asyncio.sleep(2.0)
        assert not any(isinstance(event, ToolCallStart) for event in await front.events(run_id))
        fleet.start(pools="door")
        assert (await front.wait(run_id, 60)).status is Status.SUCCESS, fleet.log()
        await holds(front, fleet, [run_id], 1)


async def test_whoever_takes_a_run_over_leaves_the_calls_of_a_pool_to_it(fleet: Fleet) -> None:
    async with fleet.front() as front:
        workers = [fleet.start(), fleet.start()]
        door = fleet.start(pools="door")
        await fleet.ready(front, 3)
        run_id = await front.start("g", plan=deeds(2, seconds=8.0))
        await began(front, run_id)
        workers[0].kill()
        await asyncio.sleep(0.5)
        workers[1].kill()  # one of them advanced it
        fleet.start()
        assert (await front.wait(run_id, 60)).status is Status.SUCCESS, fleet.log()
        assert not any(isinstance(event, (TakenOver, ToolCallError)) for event in await front.events(run_id))
        await holds(front, fleet, [run_id], 2)
        assert fleet.pids() == {door.pid} and sum(fleet.did("began").values()) == 2


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
async def test_another_process_of_the_pool_goes_on_for_one_that_is_gone(fleet: Fleet, how: signal.Signals) -> None:
    async with fleet.front() as front:
        fleet.start()
        doors = [fleet.start(pools="door"), fleet.start(pools="door")]
        await fleet.ready(front, 3)
        run_id = await front.start("g", plan=deeds(3, seconds=1.0))
        async with asyncio.timeout(60):
            while not (begun := fleet.pids()):
                await asyncio.sleep(0.05)
        first, second = doors if doors[0].pid in begun else reversed(doors)
        first.send_signal(how)
        assert (await front.wait(run_id, 60)).status is Status.SUCCESS, fleet.log()
        await holds(front, fleet, [run_id], 3)
        assert second.pid in fleet.pids()
        assert how == signal.SIGKILL or sum(fleet.did("began").values()) == 3  # what was in flight was let end
