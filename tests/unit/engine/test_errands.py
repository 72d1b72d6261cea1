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
from cuga.errors import JournalFailed
from cuga.model.event import Status, StepInDoubt, TakenOver, ToolCallComplete, ToolCallError, ToolCallStart
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make
from cuga.settings import Settings
from cuga.tools import ToolContext, tool


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


async def test_a_run_that_waits_for_a_pool_nobody_serves_is_cancelled_at_once(world: World) -> None:
    main = await world.process("main")
    await asyncio.sleep(1.2)  # it has heard of no process of the pool
    run_id = await main.start("g", plan=deeds(1))
    async with asyncio.timeout(10):
        while not (await engine_of(main))._driver.pools.is_waiting(run_id):
            await asyncio.sleep(0.02)
    result = await asyncio.wait_for(main.cancel(run_id, "enough"), 10)
    assert result.status is Status.CANCELLED
    assert not any(isinstance(event, ToolCallStart) for event in await main.events(run_id))


async def test_what_comes_back_after_the_run_has_ended_changes_nothing(world: World) -> None:
    """A process of the pool was given up while its call went on; by then another has made it, and the run is over."""
    main, slow = await world.process("main"), await world.process("slow", "door")
    run_id = await main.start("g", plan=deeds(1, seconds=2.0))
    await world.until("slow", "began")
    queue = (await engine_of(slow)).queue
    made, hands = asyncio.Event(), (await engine_of(slow))._hands
    recorded = hands.recorded

    async def late(*about: Any) -> Any:
        await made.wait()
        return await recorded(*about)

    hands.recorded = late
    await world.process("other", "door")
    (await engine_of(slow))._errands.is_closing = lambda: True  # it takes nothing more
    await queue.let_go(key_of(run_id, "door"), again=True, begun=True)
    assert (await main.wait(run_id, 60)).status is Status.SUCCESS
    before = len(await main.events(run_id))
    made.set()
    await asyncio.sleep(0.5)
    events = await main.events(run_id)
    assert sum(isinstance(event, ToolCallComplete) for event in events) == 1
    assert not any(isinstance(event, (ToolCallComplete, ToolCallError)) for event in events[before:])
    assert await main.verify() == []


async def test_an_errand_that_could_not_be_given_back_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away for as long as it takes to give it back, and there again to hear that it is through."""
    monkeypatch.setattr(errands, "RETRY_S", 0.1)
    main = await world.process("main")
    newer_one = await world.process("newer", "door", own=newer())
    queue = (await engine_of(newer_one)).queue
    let_go, left = queue.let_go, [1, 2, 3]

    async def failing(key: str, *, again: bool, begun: bool = False) -> None:
        if "#" in key and left:
            left.pop()
            raise JournalFailed("it is away")
        await let_go(key, again=again, begun=begun)

    monkeypatch.setattr(queue, "let_go", failing)
    run_id = await main.start("g", plan=deeds(1))
    async with asyncio.timeout(10):
        while left:
            await asyncio.sleep(0.02)
    await world.process("door", "door")
    assert (await main.wait(run_id, 30)).status is Status.SUCCESS
    assert world.did("door") == 1
    assert not any(isinstance(event, ToolCallError) for event in await main.events(run_id))


async def test_the_calls_of_a_pool_are_let_end_for_as_long_as_the_settings_say(world: World) -> None:
    """Longer than a lease, and than what the queue would wait by itself."""
    world.settings = replace(world.settings, grace_s=20)
    main, door = await world.process("main"), await world.process("door", "door")
    run_id = await main.start("g", plan=deeds(1, seconds=8.0))
    await world.until("door", "began")
    await world.process("other", "door", own=tools(world.directory / "other"))
    await door.close()
    assert (await main.wait(run_id, 60)).status is Status.SUCCESS
    assert (world.did("door"), world.did("other", "began")) == (1, 0)


async def test_a_call_that_outlives_its_process_is_known_to_be_begun(world: World) -> None:
    world.settings = replace(world.settings, grace_s=1)
    main, door = await world.process("main"), await world.process("door", "door")
    run_id = await main.start("g", plan=deeds(1, seconds=9.0))
    await world.until("door", "began")
    (await engine_of(door)).queue._worker.shutdown_graceful_timeout = 0.2
    await world.process("other", "door", own=tools(world.directory / "other"))
    await door.close()
    async with asyncio.timeout(30):
        while not any(isinstance(event, ToolCallError) for event in await main.events(run_id)):
            await asyncio.sleep(0.05)
    lost = next(event for event in await main.events(run_id) if isinstance(event, ToolCallError))
    assert lost.message == LOST.message
    assert world.did("door", "began") == 1


async def test_an_outage_between_the_call_and_its_outcome_costs_neither(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, door = await world.process("main"), await world.process("door", "door")
    run_id = await main.start("g", plan=deeds(1, seconds=0.3))
    engine = await engine_of(door)
    journal, loads = engine._driver.journal, iter([True])
    append, read, failures = journal.append, journal.read, iter([True, True])

    async def failing(stream: str, *about: Any, **more: Any) -> Any:
        if stream == run_id and next(failures, False):
            raise JournalFailed("it is away")
        return await append(stream, *about, **more)

    async def away(stream: str, after: int = 0) -> Any:
        if stream == run_id and next(loads, False):
            raise JournalFailed("it is away")
        return await read(stream, after)

    monkeypatch.setattr(journal, "append", failing)
    monkeypatch.setattr(journal, "read", away)
    assert (await main.wait(run_id, 30)).status is Status.SUCCESS
    assert world.did("door", "began") == world.did("door") == 1
    assert next(failures, None) is None
    assert sum(isinstance(event, ToolCallComplete) for event in await main.events(run_id)) == 1


async def test_what_nobody_can_say_to_be_ours_is_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    main, door = await world.process("main"), await world.process("door", "door")
    queue = (await engine_of(door)).queue
    holds, failing = queue.holds, iter([True])

    async def away(key: str) -> bool:
        if next(failing, False):
            raise JournalFailed("it is away")
        return bool(await holds(key))

    monkeypatch.setattr(queue, "holds", away)
    run_id = await main.start("g", plan=deeds(1))
    assert (await main.wait(run_id, 60)).status is Status.SUCCESS
    events = await main.events(run_id)
    assert [event.message for event in events if isinstance(event, ToolCallError)] == [NOT_SENT.message]
    assert world.did("door", "began") == 1


async def test_an_outcome_that_could_not_be_decided_on_is_written_when_it_can_be(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, door = await world.process("main"), await world.process("door", "door")
    monkeypatch.setattr(errands, "RETRY_S", 0.1)
    pools = (await engine_of(door))._driver.pools
    look, broken = pools.look, [1]
    run_id = await main.start("g", plan=deeds(1, seconds=0.5))
    await world.until("door", "began")

    def breaking(*about: Any) -> Any:
        if broken:
            broken.pop()
            raise RuntimeError("what holds in the house is not known")
        return look(*about)

    monkeypatch.setattr(pools, "look", breaking)
    assert (await asyncio.wait_for(main.wait(run_id), 20)).status is Status.SUCCESS
    assert world.did("door", "began") == 1 and not broken


async def test_an_errand_that_is_cut_off_in_the_middle_is_known_to_be_begun(world: World) -> None:
    main, door = await world.process("main"), await world.process("door", "door")
    run_id = await main.start("g", plan=deeds(1, seconds=1.0))
    await world.until("door", "began")
    for task in list((await engine_of(door)).queue._worker._running_jobs):
        task.cancel()
    result = await asyncio.wait_for(main.wait(run_id), 30)
    events = await main.events(run_id)
    assert [event.message for event in events if isinstance(event, ToolCallError)] == [LOST.message]
    assert result.status is Status.SUCCESS and await main.verify() == []


async def test_the_doctor_names_a_pool_that_no_process_serves(world: World) -> None:
    main = await world.process("main")
    (finding,) = [one for one in await main.doctor() if one.what == "pool door"]
    assert finding.state == "broken" and "cuga worker --pool door" in finding.mend
    await world.process("door", "door")
    async with asyncio.timeout(20):
        while [one.state for one in await main.doctor() if one.what == "pool door"] != ["ok"]:
            await asyncio.sleep(0.2)
