"""Fewer threads than calls: runs wait for one, none fails of it, and what people want meanwhile is heeded."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.postgres import fresh_database

from cuga.model.event import Status, StepInDoubt, ToolCallError
from cuga.model.house_event import Halted, HaltLifted
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.orchestrator.house.place import Place, make
from cuga.settings import Settings
from cuga.tools import ToolContext, tool

TIME_S = 2  # of one call


class Bench:
    """A tool that holds its thread until it is let go, and what it was called for."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.release = threading.Event()

    def tools(self, seconds: float = 0.0) -> tuple[Callable[..., Any], ...]:
        @tool(
            domain="engagement", side_effect="propose", purpose="holds its thread", timeout_s=TIME_S if seconds else 60
        )
        def hold(inputs: dict[str, Any], context: ToolContext) -> str:
            self.begun.append(context.run_id)
            if seconds:
                time.sleep(seconds)
            else:
                self.release.wait(60)
            return "done"

        return (hold,)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await asyncio.sleep(0.01)


PLAN = Plan(goal="hold on", steps=(PlanStep(step_id="s1", tool="hold"),))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make(tmp_path / "house")


@pytest.fixture(params=["file", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    database = fresh_database() if request.param == "postgres" else ""
    return Settings(call_threads=1, seals=tmp_path / "seals", database=database)


def opened(place: Place, settings: Settings, tools: tuple[Callable[..., Any], ...]) -> Coordinator:
    return Coordinator("smb", house=place.root, settings=settings, tools=tools, user="ann", drives_all=True)


async def door_of(front: Coordinator) -> Any:
    return (await front.open()).door


async def one_makes_the_other_wait(front: Coordinator, bench: Bench) -> tuple[str, str]:
    """Two runs: the call of the first has the only thread, and that of the second waits for it."""
    first = await front.start("g", plan=PLAN)
    await bench.until(lambda: bench.begun == [first])
    second = await front.start("g", plan=PLAN)
    door = await door_of(front)
    await bench.until(lambda: door.waiting == 1)
    return first, second


async def test_no_run_fails_because_all_threads_are_busy(place: Place, settings: Settings) -> None:
    bench = Bench()
    async with opened(place, settings, bench.tools(seconds=0.4)) as front:
        runs = [await front.start("g", plan=PLAN) for _ in range(12)]  # together longer than the time of a call
        ended = await asyncio.gather(*(front.wait(run_id, 60) for run_id in runs))
        assert {one.status for one in ended} == {Status.SUCCESS}
        assert sorted(bench.begun) == sorted(runs), "each was called once"
        for run_id in runs:
            assert not [one for one in await front.events(run_id) if isinstance(one, ToolCallError)]


async def test_what_waits_for_a_thread_when_the_process_is_stopped_is_nobodys_doubt(
    place: Place, settings: Settings
) -> None:
    """It had not begun, and the next process makes it, although nobody could ask the other side about it."""
    bench = Bench()
    async with opened(place, settings, bench.tools()) as front:
        first, second = await one_makes_the_other_wait(front, bench)
        asyncio.get_running_loop().call_later(0.5, bench.release.set)
    assert bench.begun == [first]
    async with opened(place, settings, bench.tools()) as front:
        await (await front.open()).engine.sweep()
        assert (await front.wait(second, 60)).status is Status.SUCCESS
        assert bench.begun == [first, second]
        (error,) = [one for one in await front.events(second) if isinstance(one, ToolCallError)]
        assert "had not begun" in error.message
        assert not [one for one in await front.events(second) if isinstance(one, StepInDoubt)]


async def test_a_run_that_is_cancelled_while_it_waits_for_a_thread_does_nothing(
    place: Place, settings: Settings
) -> None:
    bench = Bench()
    async with opened(place, settings, bench.tools()) as front:
        first, second = await one_makes_the_other_wait(front, bench)
        cancelled = asyncio.ensure_future(front.cancel(second, "wrong account"))
        live = (await front.open()).driver.lives.make(second)
        await bench.until(lambda: live.state is not None and bool(live.state.cancel))
        bench.release.set()
        assert (await cancelled).status is Status.CANCELLED
        assert (await front.wait(first, 60)).status is Status.SUCCESS
        assert bench.begun == [first]


async def test_a_house_that_is_halted_begins_nothing_that_waits_for_a_thread(place: Place, settings: Settings) -> None:
    bench = Bench()
    async with opened(place, settings, bench.tools()) as front:
        first, second = await one_makes_the_other_wait(front, bench)
        await front.change(Halted(at=datetime.now(UTC), reason="something is wrong"))
        bench.release.set()
        assert (await front.wait(first, 60)).status is Status.SUCCESS
        door = await door_of(front)
        await bench.until(lambda: door.waiting == 0)
        await asyncio.sleep(0.2)
        assert bench.begun == [first]
        await front.change(HaltLifted(at=datetime.now(UTC), reason="looked into"))
        assert (await front.wait(second, 60)).status is Status.SUCCESS
        assert bench.begun == [first, second]


async def test_a_call_is_not_made_for_a_run_that_was_lost_while_it_waited_for_a_thread(
    place: Place, tmp_path: Path
) -> None:
    """The lease was asked for before it waited; it is asked for again, right before the call."""
    settings = Settings(call_threads=1, seals=tmp_path / "seals", database=fresh_database())
    bench = Bench()
    async with opened(place, settings, bench.tools()) as front:
        first, second = await one_makes_the_other_wait(front, bench)
        assembly = await front.open()
        engine: Any = assembly.engine
        lease = engine._leases[second]
        lease.lost = True  # as after a pause that was longer than the lease
        bench.release.set()
        await bench.until(lambda: assembly.door.waiting == 0)
        await asyncio.sleep(0.3)
        assert bench.begun == [first]
