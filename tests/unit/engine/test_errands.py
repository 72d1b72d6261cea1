"""Calls of a pool with processes of its own, both sides in one process: who makes them, what becomes of lost ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.machines.deeds import tools
from tests.machines.fleet import deeds
from tests.machines.test_pools import REGISTRY
from tests.postgres import fresh_database

from cuga.engine.distributed import errands
from cuga.engine.distributed.errands import LOST, NOT_SENT, key_of
from cuga.model.event import Status, StepInDoubt, TakenOver, ToolCallComplete, ToolCallError
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make
from cuga.settings import Settings
from cuga.tools import ToolContext, tool

pytestmark = pytest.mark.kills


class World:
    """A house on a database, and a ledger for each process that works on it."""

    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        self.directory = directory
        self.place = make(directory / "house")
        self.place.registry.write_text(REGISTRY)
        self.settings = Settings(database=fresh_database(), lease_s=3, seals=directory / "seals")
        self._stack = stack

    async def process(self, name: str, *pools: str, own: tuple[Callable[..., Any], ...] = ()) -> Coordinator:
        """One that works, with its engine."""
        made = Coordinator(
            "smb", house=self.place.root, settings=replace(self.settings, pools=pools, worker=name),
            tools=own or tools(self.directory / name), user="ann", drives_all=True,
        )  # fmt: skip
        await self._stack.enter_async_context(made)
        await (await made.open()).engine.sweep()
        return made

    def did(self, name: str, what: str = "did") -> int:
        """How often a process did something."""
        path = self.directory / name
        return sum(line.startswith(what) for line in path.read_text().splitlines()) if path.exists() else 0

    async def until(self, name: str, what: str) -> None:
        """Wait until a process has begun or done something."""
        async with asyncio.timeout(30):
            while not self.did(name, what):
                await asyncio.sleep(0.02)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(tmp_path, stack)


async def engine_of(front: Coordinator) -> Any:
    return (await front.open()).engine


async def test_the_calls_of_a_pool_are_made_there_and_the_run_goes_on_here(world: World) -> None:
    main = await world.process("main")
    await world.process("door", "door")
    runs = [await main.start("g", plan=deeds(2)) for _ in range(6)]
    ended = await asyncio.gather(*(main.wait(run_id, 60) for run_id in runs))
    assert {result.status for result in ended} == {Status.SUCCESS}
    assert (world.did("main"), world.did("door")) == (0, 12)
    assert await main.verify() == []
    async with asyncio.timeout(10):
        while (await (await engine_of(main)).figures()).running:
            await asyncio.sleep(0.05)


async def test_one_that_is_closed_lets_its_calls_end_and_leaves_the_rest_to_another(world: World) -> None:
    main, door = await world.process("main"), await world.process("door", "door")
    run_id = await main.start("g", plan=deeds(3, seconds=0.6))
    await world.until("door", "began")
    await world.process("other", "door")
    await door.close()
    assert (await main.wait(run_id, 60)).status is Status.SUCCESS
    assert world.did("door") + world.did("other") == 3 and world.did("other", "began") >= 1
    assert world.did("door", "began") == world.did("door")


async def test_a_take_over_spares_what_a_pool_has_in_hand(world: World) -> None:
    main = await world.process("main")
    await world.process("door", "door")
    run_id = await main.start("g", plan=deeds(1, seconds=2.5))
    await world.until("door", "began")
    engine = await engine_of(main)
    engine._leases[run_id].lost = True  # as if another process had it
    await engine.queue.let_go(run_id, again=True)
    assert (await main.wait(run_id, 60)).status is Status.SUCCESS
    events = await main.events(run_id)
    assert not any(isinstance(event, (TakenOver, ToolCallError)) for event in events)
    assert world.did("door", "began") == 1


async def test_a_call_that_a_lost_process_may_have_begun_is_unknown_and_tried_again_by_its_key(world: World) -> None:
    main = await world.process("main")
    engine = await engine_of(main)
    door = await world.process("door", "door")
    run_id = await main.start("g", plan=deeds(1, seconds=1.0))
    await world.until("door", "began")
    queue = (await engine_of(door)).queue
    await queue.let_go(key_of(run_id, "door"), again=True, begun=True)  # as the sweep does for a silent one
    result = await main.wait(run_id, 60)
    events = await main.events(run_id)
    lost = [event for event in events if isinstance(event, ToolCallError)]
    assert lost[0].message == LOST.message
    done = [event for event in events if isinstance(event, (ToolCallComplete, StepInDoubt))]
    assert done and result.status in {Status.SUCCESS, Status.PARKED}
    assert engine.taken_over == 0


def newer() -> tuple[Callable[..., Any], ...]:
    """The deed of a later version, with another contract."""

    @tool(domain="engagement", side_effect="propose", purpose="does it otherwise", repeatable="key", cost=0.5)
    async def deed(inputs: dict[str, Any], context: ToolContext) -> Any:
        raise AssertionError("a run keeps the contract that it began with")

    return (deed, tools(Path("nowhere"))[1])


async def test_a_call_of_one_version_is_left_to_processes_that_have_it(world: World) -> None:
    main = await world.process("main")
    await world.process("newer", "door", own=newer())
    run_id = await main.start("g", plan=deeds(2))
    await asyncio.sleep(1.5)
    await world.process("door", "door")
    assert (await main.wait(run_id, 60)).status is Status.SUCCESS
    assert world.did("door") == 2
    assert not any(isinstance(event, ToolCallError) for event in await main.events(run_id))


async def test_a_version_that_nobody_has_ends_the_step_with_the_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "PATIENCE_S", 0.5)
    main = await world.process("main")
    await world.process("newer", "door", own=newer())
    run_id = await main.start("g", plan=deeds(1))
    await main.wait(run_id, 60)
    found = [event for event in await main.events(run_id) if isinstance(event, ToolCallError)]
    assert "its contract has changed since" in found[0].message


async def test_what_is_not_in_hand_any_more_is_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    main, door = await world.process("main"), await world.process("door", "door")
    queue = (await engine_of(door)).queue
    answers = iter([False])

    async def holds(key: str) -> bool:
        return next(answers, True)

    monkeypatch.setattr(queue, "holds", holds)
    run_id = await main.start("g", plan=deeds(1))
    assert (await main.wait(run_id, 60)).status is Status.SUCCESS
    events = await main.events(run_id)
    assert [event.message for event in events if isinstance(event, ToolCallError)] == [NOT_SENT.message]
    assert world.did("door") == 1


async def test_a_door_that_breaks_leaves_an_unknown_outcome(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    main, door = await world.process("main"), await world.process("door", "door")
    theirs = (await engine_of(door))._errands
    perform, broken = theirs._perform, iter([True])

    def breaking(state: Any, start: Any) -> Any:
        if next(broken, False):
            raise RuntimeError("the door is off its hinges")
        return perform(state, start)

    monkeypatch.setattr(theirs, "_perform", breaking)
    run_id = await main.start("g", plan=deeds(1))
    await main.wait(run_id, 60)
    events = await main.events(run_id)
    assert "off its hinges" in next(event.message for event in events if isinstance(event, ToolCallError))
