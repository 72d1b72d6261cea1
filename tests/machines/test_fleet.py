"""Several worker processes on one database: they take over, fence each other off, and do nothing twice."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.machines.fleet import Fleet, completions, deeds
from tests.postgres import fresh_database

from cuga.model.event import RunFinished, Status, TakenOver, ToolCallStart
from cuga.orchestrator import Coordinator

pytestmark = pytest.mark.kills

SEEDS = [int(seed) for seed in os.environ.get("CUGA_CHAOS_SEEDS", "0,1,2,3,4").split(",")]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, fresh_database())
    yield made
    made.stop()


async def began(front: Coordinator, run_id: str, step: str = "s1") -> None:
    async with asyncio.timeout(60):
        while not any(isinstance(event, ToolCallStart) and event.step == step for event in await front.events(run_id)):
            await asyncio.sleep(0.05)


async def taken_over(front: Coordinator, run_id: str, patience_s: float = 60) -> None:
    async with asyncio.timeout(patience_s):
        while not any(isinstance(event, TakenOver) for event in await front.events(run_id)):
            await asyncio.sleep(0.02)


async def holds(front: Coordinator, fleet: Fleet, runs: list[str], steps: int) -> None:
    """Every run came to one end, every step came back once, and outside each was done once by its key."""
    for run_id in runs:
        events = await front.events(run_id)
        assert sum(isinstance(event, RunFinished) for event in events) == 1
        assert await completions(front, run_id) == {f"s{number}": 1 for number in range(1, steps + 1)}
    assert len(fleet.did()) == len(runs) * steps
    assert await front.verify() == []


async def takeover_time(fleet: Fleet) -> float:
    """Seconds from the kill of the process that makes a call until another one has noted that it took over."""
    async with fleet.front() as front:
        for _ in range(2):
            fleet.start()
        await fleet.ready(front, 2)
        run_id = await front.start("g", plan=deeds(2, seconds=3.0))
        await began(front, run_id)
        async with asyncio.timeout(60):
            while not fleet.did("began"):
                await asyncio.sleep(0.02)
        next(worker for worker in fleet.workers if worker.pid in fleet.pids()).kill()
        at = time.monotonic()
        await taken_over(front, run_id)
        took = time.monotonic() - at
        assert (await front.wait(run_id, 60)).status is Status.SUCCESS
        await holds(front, fleet, [run_id], 2)
        return took


async def test_another_worker_takes_over_from_one_that_was_killed(fleet: Fleet) -> None:
    await takeover_time(fleet)


@pytest.mark.soak
@pytest.mark.parametrize(("lease_s", "at_most_s"), [(2, 4.0), (9, 12.0)])
async def test_another_worker_takes_over_in_time(tmp_path: Path, lease_s: float, at_most_s: float) -> None:
    fleet = Fleet(tmp_path, fresh_database(), lease_s=lease_s)
    try:
        assert await takeover_time(fleet) < at_most_s
    finally:
        fleet.stop()


@pytest.mark.parametrize("watchdog", [True, False])
async def test_a_worker_that_wakes_up_after_its_lease_does_nothing_more(fleet: Fleet, watchdog: bool) -> None:
    async with fleet.front() as front:
        first = fleet.start(watchdog=watchdog)
        await fleet.ready(front, 1)
        run_id = await front.start("g", plan=deeds(3, seconds=0.8))
        await began(front, run_id)
        first.send_signal(signal.SIGSTOP)
        fleet.start()
        await taken_over(front, run_id)
        await asyncio.sleep(fleet.lease_s)  # others may take over a little earlier than it has stood still for so long
        before = len(await front.events(run_id))
        first.send_signal(signal.SIGCONT)
        result = await front.wait(run_id, 60)
        assert result.status is Status.SUCCESS and len(await front.events(run_id)) > before
        await holds(front, fleet, [run_id], 3)
        await asyncio.sleep(0.5)
        assert first.poll() == (75 if watchdog else None), fleet.log()


async def test_a_worker_that_is_told_to_stop_hands_over_at_once(fleet: Fleet) -> None:
    async with fleet.front() as front:
        workers = [fleet.start(), fleet.start()]
        await fleet.ready(front, 2)
        run_id = await front.start("g", plan=deeds(4, seconds=0.7))
        await began(front, run_id, "s2")
        first = next(worker for worker in workers if worker.pid in fleet.pids())
        first.terminate()
        assert await asyncio.to_thread(first.wait, 20) == 0, fleet.log()
        at = time.monotonic()
        async with asyncio.timeout(20):
            while len(fleet.pids()) < 2:
                await asyncio.sleep(0.02)
        assert time.monotonic() - at < 2.0
        assert (await front.wait(run_id, 60)).status is Status.SUCCESS
        await holds(front, fleet, [run_id], 4)
        assert sum(fleet.did("began").values()) == 4  # nothing was in flight when it went: nothing is done again


async def chaos(fleet: Fleet, seed: int, runs: int, steps: int, seconds: float) -> None:
    async with fleet.front() as front:
        for _ in range(3):
            fleet.start()
        await fleet.ready(front, 3)
        begun = [await front.start("g", plan=deeds(steps, seconds=0.1)) for _ in range(runs)]
        counts = await fleet.chaos(seed, seconds)
        ended = await asyncio.gather(*(front.wait(run_id, 180) for run_id in begun))
        assert {result.status for result in ended} == {Status.SUCCESS}, counts
        await holds(front, fleet, begun, steps)
        assert sum(counts.values()) >= 3
        figures = await (await front.open()).engine.figures()  # type: ignore[attr-defined]
        assert figures.stalled == 0
        effects = fleet.did()
        print(
            f"seed {seed}: {dict(counts)}; {runs * steps} steps, {len(effects)} effects, "
            f"{effects.total() - len(effects)} known again by their key; no gap, no second end"
        )


async def test_workers_come_and_go_by_chance_and_every_deed_is_done_once(fleet: Fleet) -> None:
    await chaos(fleet, seed=11, runs=12, steps=12, seconds=9)


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
async def test_workers_come_and_go_for_long(fleet: Fleet, seed: int) -> None:
    await chaos(fleet, seed=seed, runs=60, steps=20, seconds=60)
