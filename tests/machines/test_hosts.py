"""Hosts that lose packets, and are lost: every deed is done once by its key, and each run comes to one end."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.machines.fleet import Fleet, deeds
from tests.machines.hosts import Hosts
from tests.machines.test_fleet import holds
from tests.postgres import fresh_database

from cuga.model.event import Status

pytestmark = [pytest.mark.kills, pytest.mark.soak]

HOSTS, RUNS, STEPS, SECONDS = 3, 24, 10, 40.0


@pytest.mark.parametrize("seed", range(3))
async def test_hosts_that_lose_packets_and_are_cut_off(tmp_path: Path, seed: int) -> None:
    database, chance, counts = fresh_database(), random.Random(seed), Counter[str]()
    fleet = Fleet(tmp_path, database, lease_s=4)
    name = database.partition("?")[0].rpartition("/")[2]
    async with Hosts(HOSTS, loss=0.03, seed=seed) as hosts:
        try:
            async with fleet.front() as front:
                workers = [
                    fleet.start(inside=hosts.inside(number), database=hosts.address(name)) for number in range(HOSTS)
                ]
                await fleet.ready(front, HOSTS)
                runs = [await front.start("g", plan=deeds(STEPS, seconds=0.2)) for _ in range(RUNS)]
                until = time.monotonic() + SECONDS
                while time.monotonic() < until:
                    await asyncio.sleep(chance.uniform(1.0, 3.0))
                    number = chance.randrange(HOSTS)
                    if chance.random() < 0.6:
                        hosts.away = {number}
                        counts["cut off"] += 1
                        await asyncio.sleep(chance.uniform(2.0, 2.5 * fleet.lease_s))
                        hosts.away = set()
                    else:
                        workers[number].kill()
                        counts["killed"] += 1
                    for number, worker in enumerate(workers):
                        if worker.poll() is not None:
                            workers[number] = fleet.start(inside=hosts.inside(number), database=hosts.address(name))
                async with asyncio.timeout(180):
                    ended = await asyncio.gather(*(front.wait(run_id) for run_id in runs))
                assert {result.status for result in ended} == {Status.SUCCESS}, fleet.log()
                await holds(front, fleet, runs, STEPS)
                doings = fleet.did().total()
                print(
                    f"seed {seed}: {dict(counts)}; packets {dict(hosts.packets)}; {RUNS * STEPS} steps, "
                    f"{len(fleet.did())} effects, {doings - len(fleet.did())} known again by their key"
                )
                assert hosts.packets["lost"] > 100 and counts["cut off"] > 2
        finally:
            fleet.stop()
