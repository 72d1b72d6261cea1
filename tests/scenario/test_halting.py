"""The stop button while many runs go on: once it is confirmed no call begins any more, and what had begun is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.machines.deeds import tools
from tests.machines.fleet import Fleet, deeds
from tests.postgres import fresh_database

from cuga.journal.codec import PLAIN
from cuga.model.event import Status, ToolCallComplete, ToolCallStart
from cuga.model.house_event import Halted, HaltLifted
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make
from cuga.settings import Settings


async def calls(front: Coordinator) -> tuple[int, int, int]:
    """Position of the last fact, and how many calls have begun and ended."""
    position = begun = ended = 0
    async for stored in (await front.open()).journal.feed():
        position = stored.position
        if not stored.stream.startswith("house/"):
            event = PLAIN.decode(stored.body)
            begun += isinstance(event, ToolCallStart)
            ended += isinstance(event, ToolCallComplete)
    return position, begun, ended


async def halted_and_lifted(front: Coordinator, runs: int, steps: int, slack: int) -> None:
    begun = [await front.start("g", plan=deeds(steps, seconds=0.02)) for _ in range(runs)]
    while (await calls(front))[1] < runs:
        await asyncio.sleep(0.02)
    clock = (await front.open()).clock
    await front.change(Halted(at=clock.now(), reason="to see it"))
    _, at_once, _ = await calls(front)
    await asyncio.sleep(0.6)
    _, later, ended = await calls(front)
    assert later - at_once <= slack, "nothing new starts"
    assert later < runs * steps, "there was something to stop"
    await asyncio.sleep(0.4)
    assert (await calls(front))[1] == later and ended == later, "what had begun has ended, and nothing else began"
    await front.change(HaltLifted(at=clock.now(), reason="seen"))
    for run_id in begun:
        await front.resume(run_id)
        assert (await front.wait(run_id, 60)).status is Status.SUCCESS
    assert (await calls(front))[1] == runs * steps, "each call was made once"


async def test_nothing_starts_after_the_button_in_one_process(tmp_path: Path) -> None:
    place = make(tmp_path / "house")
    settings = Settings(seals=tmp_path / "seals")
    async with Coordinator(
        "smb", house=place.root, settings=settings, tools=tools(tmp_path / "ledger"), user="ann"
    ) as front:
        await halted_and_lifted(front, runs=40, steps=8, slack=0)


@pytest.mark.soak
@pytest.mark.kills
async def test_nothing_starts_after_the_button_on_other_machines(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, fresh_database())
    try:
        async with fleet.front() as front:
            fleet.start()
            fleet.start()
            await fleet.ready(front, 2)
            await halted_and_lifted(front, runs=8, steps=10, slack=16)  # two workers hear of it a moment later
    finally:
        fleet.stop()
