"""Runs in the hands of one process that loses them, cannot read them, or finds what another has begun."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.contract.journals import said
from tests.machines.deeds import tools
from tests.machines.fleet import deeds
from tests.postgres import fresh_database

from cuga.engine.distributed import advancing
from cuga.engine.distributed.lease import Lease
from cuga.errors import EventUnreadable, HouseClosed, InvalidTransition, JournalFailed
from cuga.journal.codec import events_of
from cuga.journal.postgres import Address, PostgresJournal
from cuga.model.event import Event, RunFinished, Status, TakenOver, ToolCallComplete, ToolCallError, ToolCallStart
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.orchestrator.house.place import make
from cuga.settings import Settings
from cuga.tools import ToolContext, tool


class World:
    """A house on a database, one process that advances its runs, and somebody beside it who writes into the book."""

    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        self.directory = directory
        self.place = make(directory / "house")
        self.settings = Settings(database=fresh_database(), lease_s=3, seals=directory / "seals")
        self.address = Address.of(self.settings.database)
        self.stack = stack

    async def process(
        self, name: str, own: tuple[Callable[..., Any], ...] = (), **settings: Any
    ) -> tuple[Coordinator, Any]:
        """One that works, and its engine."""
        made = Coordinator(
            "smb", house=self.place.root, settings=replace(self.settings, worker=name, **settings),
            tools=own or tools(self.directory / "ledger"), user="ann", drives_all=True,
        )  # fmt: skip
        await self.stack.enter_async_context(made)
        engine = (await made.open()).engine
        await engine.sweep()
        return made, engine

    def did(self, what: str = "did") -> list[str]:
        """The steps that were begun or done."""
        path = self.directory / "ledger"
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [step for said, _, step, *_ in lines if said == what]

    async def until(self, what: str, count: int = 1) -> None:
        async with asyncio.timeout(30):
            while len(self.did(what)) < count:
                await asyncio.sleep(0.01)

    def sql(self, query: str, *values: object) -> None:
        with self.address.connect_now() as connection:
            connection.execute(query.encode(), values)

    async def append(self, run_id: str, events: Callable[[list[Event]], list[Event]]) -> None:
        """What another process writes into a run, whatever ours thinks of it."""
        journal = PostgresJournal(self.address)
        while True:
            stored = await journal.read(run_id)
            answer = await journal.append(run_id, len(stored), events(events_of(stored)))
            if type(answer).__name__ == "Committed":
                break
        await journal.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(tmp_path, stack)


def of(kind: type[Any], events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


async def test_a_lease_lost_in_the_middle_of_a_call_costs_neither_the_call_nor_the_run(world: World) -> None:
    """A conflict has us ask for the lease; what the call brought back is written, and nothing more is started here."""
    front, engine = await world.process("one")
    run_id = await front.start("g", plan=deeds(2, seconds=1.0))
    await world.until("began")
    world.sql("update procrastinate_jobs set worker_id = null where lock = $1", run_id)  # a sweep took it from us
    await world.append(run_id, lambda _: said("somebody else"))
    result = await asyncio.wait_for(front.wait(run_id), 30)
    events = await front.events(run_id)
    assert result.status is Status.SUCCESS and engine.fenced >= 1
    assert len(of(RunFinished, events)) == 1 and len(of(ToolCallComplete, events)) == 2
    assert sorted(world.did()) == ["s1", "s2"]
    assert await front.verify() == []


@pytest.mark.parametrize("repeatable", ["key", "none"])
@pytest.mark.parametrize("answer", [False, JournalFailed("it is away")])
async def test_an_effect_is_not_sent_when_the_run_is_not_ours_or_nobody_can_say(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: bool | JournalFailed, repeatable: str
) -> None:
    """It surely was not made, so that it is made later, whatever the other side knows of repeats."""

    @tool(domain="engagement", side_effect="propose", purpose="does something", repeatable=repeatable)
    async def deed(inputs: dict[str, Any], context: ToolContext) -> str:
        with (world.directory / "ledger").open("a") as ledger:
            ledger.write(f"began {context.run_id} {context.step_id} {context.key} 0\n")
        return "done"

    front, engine = await world.process("one", own=(deed,))
    holds, left = engine.queue.holds, [1]

    async def doubtful(key: str) -> bool:
        if left and left.pop():
            if isinstance(answer, JournalFailed):
                raise answer
            return answer
        return bool(await holds(key))

    monkeypatch.setattr(engine.queue, "holds", doubtful)
    run_id = await front.start("g", plan=deeds(1))
    assert (await asyncio.wait_for(front.wait(run_id), 30)).status is Status.SUCCESS
    (error,) = of(ToolCallError, await front.events(run_id))
    assert "before the call was sent" in error.message
    assert world.did("began") == ["s1"]
    assert engine.fenced == (answer is False)


async def test_an_intent_of_a_process_that_lost_the_run_is_taken_over_and_our_call_spared(world: World) -> None:
    front, engine = await world.process("one")
    plan = Plan(
        goal="two beside each other",
        steps=(
            PlanStep(step_id="s1", tool="deed", input={"seconds": 1.0}),
            PlanStep(step_id="s2", tool="deed", input={"seconds": 0.1}, depends_on=("s1",)),
        ),
    )
    run_id = await front.start("g", plan=plan)
    await world.until("began")

    def theirs(events: list[Event]) -> list[Event]:
        (start,) = of(ToolCallStart, events)
        return [msgspec.structs.replace(start, step="s2", key="theirs", claims=())]

    await world.append(run_id, theirs)
    result = await asyncio.wait_for(front.wait(run_id), 30)
    events = await front.events(run_id)
    assert result.status in {Status.SUCCESS, Status.PARKED}  # what became of theirs is unknown, and said so
    assert len(of(TakenOver, events)) == 1
    assert len([one for one in of(ToolCallComplete, events) if one.step == "s1"]) == 1
    assert world.did("began").count("s1") == 1


async def test_a_run_that_is_queued_again_while_we_have_it_in_hand_is_advanced_once(world: World) -> None:
    """The database gave it to somebody else, who is us."""
    front, engine = await world.process("one")
    run_id = await front.start("g", plan=deeds(2, seconds=0.8))
    await world.until("began")
    first = engine._leases[run_id]
    await engine.queue.let_go(run_id, again=True)
    async with asyncio.timeout(10):
        while engine._leases.get(run_id) in (first, None):
            await asyncio.sleep(0.01)
    assert first.lost
    assert (await asyncio.wait_for(front.wait(run_id), 30)).status is Status.SUCCESS
    assert sorted(world.did("began")) == ["s1", "s2"]


async def test_the_runs_of_a_tenant_wait_for_their_places(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advancing, "TURN_S", 0.05)
    front, engine = await world.process("one", tenant_runs=1)
    most = 0
    take_up = engine._take_up

    async def counted(live: Any, lease: Lease) -> None:
        nonlocal most
        most = max(most, len(engine._leases))
        await take_up(live, lease)

    monkeypatch.setattr(engine, "_take_up", counted)
    runs = [await front.start("g", plan=deeds(1, seconds=0.2)) for _ in range(4)]
    ended = await asyncio.wait_for(asyncio.gather(*(front.wait(run_id) for run_id in runs)), 60)
    assert {result.status for result in ended} == {Status.SUCCESS}
    assert most == 1 and sorted(world.did()) == ["s1"] * 4


async def test_what_cannot_be_read_now_is_read_later_and_what_never_can_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advancing, "RETRY_S", 0.05)
    front, engine = await world.process("one")
    run_id = await front.start("g", plan=deeds(2, seconds=0.5))
    await world.until("began")
    look, errors = (
        engine.look_at_house,
        [EventUnreadable("an event of tomorrow"), InvalidTransition("it moved"), JournalFailed("away")],
    )

    async def failing() -> None:
        if errors:
            raise errors.pop()
        await look()

    monkeypatch.setattr(engine, "look_at_house", failing)
    await engine.queue.let_go(run_id, again=True)
    async with asyncio.timeout(20):
        while errors:
            await asyncio.sleep(0.01)
    assert isinstance(engine.left_alone[run_id], EventUnreadable)
    await front.resume(run_id)
    assert (await asyncio.wait_for(front.wait(run_id), 30)).status is Status.SUCCESS
    assert sorted(world.did()) == ["s1", "s2"]


async def test_a_look_is_queued_through_an_outage_until_the_engine_closes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advancing, "RETRY_S", 0.01)
    front, engine = await world.process("one")
    asked: list[str] = []
    failing = [1, 2]

    async def away(key: str, *_: Any, **__: Any) -> None:
        asked.append(key)
        if failing:
            failing.pop()
            raise JournalFailed("it is away")

    monkeypatch.setattr(engine.queue, "wake", away)
    monkeypatch.setattr(engine.queue, "let_go", away)
    await engine.surely_wake("r1")
    assert asked == ["r1"] * 3
    failing = [1, 2]
    await engine.surely_let_go("r1", again=True)
    assert asked == ["r1"] * 6
    failing = list(range(99))
    engine.is_closing = True
    await engine.surely_wake("r2")  # a sweep of another process finds it
    await engine.surely_let_go("r2", again=True)
    assert asked[6:] == ["r2"] * 2
    engine.is_closing = False


async def test_a_place_that_is_free_for_a_run_of_somebody_else_has_it_looked_at(world: World) -> None:
    front, engine = await world.process("one")
    woken: list[str] = []

    async def wake(run_id: str, queue: str = "") -> None:
        woken.append(run_id)

    engine.queue.wake = wake
    await engine._look_for_a_place("r1")
    assert woken == ["r1"]


async def test_who_waits_for_a_run_that_is_stuck_is_told_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    front, engine = await world.process("one")
    run_id = await front.start("g", plan=deeds(2, seconds=0.3))
    waiting = asyncio.ensure_future(front.wait(run_id))
    await world.until("began")
    driver = engine._driver

    def broken(*_: Any) -> Any:
        raise RuntimeError("the rules broke")

    monkeypatch.setattr(driver, "current", broken)
    with pytest.raises(RuntimeError, match="the rules broke"):
        await asyncio.wait_for(waiting, 20)
    monkeypatch.undo()
    await front.resume(run_id)
    assert (await asyncio.wait_for(front.wait(run_id), 30)).status is Status.SUCCESS
    assert sorted(world.did()) == ["s1", "s2"]


async def test_who_waits_is_told_when_the_house_closes(world: World) -> None:
    front, engine = await world.process("one")
    run_id = await front.start("g", plan=deeds(1, seconds=20.0))
    waiting = asyncio.ensure_future(engine.wait(run_id))
    await world.until("began")
    await engine.close(grace_s=0.1)
    with pytest.raises(HouseClosed):
        await asyncio.wait_for(waiting, 10)


async def test_a_front_beside_a_worker_keeps_nothing_of_the_runs_that_it_begins(world: World) -> None:
    """A server that begins runs for months must not hold a line for each of them."""
    await world.process("one")
    front = Coordinator("smb", house=world.place.root, settings=world.settings, tools=tools(world.directory / "ledger"))
    await world.stack.enter_async_context(front)
    runs = [await front.start("g", plan=deeds(1, seconds=0.0)) for _ in range(5)]
    for run_id in runs:
        assert (await asyncio.wait_for(front.wait(run_id), 30)).status is Status.SUCCESS
    engine: Any = (await front.open()).engine
    assert engine._short.touched == set() and engine._driver.lives.all() == []


async def test_a_process_that_is_alone_keeps_a_run_in_mind_until_it_has_ended(world: World) -> None:
    front = Coordinator("smb", house=world.place.root, settings=world.settings, tools=tools(world.directory / "ledger"))
    await world.stack.enter_async_context(front)
    run_id = await front.start("g", plan=deeds(1, seconds=0.3))
    engine: Any = (await front.open()).engine
    assert engine.own_queue and engine._short.touched == {run_id}
    assert (await asyncio.wait_for(front.wait(run_id), 30)).status is Status.SUCCESS
    assert engine._short.touched == set()


def newer() -> tuple[Callable[..., Any], ...]:
    @tool(domain="engagement", side_effect="propose", purpose="does it otherwise", repeatable="key", cost=0.5)
    async def deed(inputs: dict[str, Any], context: ToolContext) -> Any:
        raise AssertionError("a run keeps the contract that it began with")

    return (deed, tools(Path("nowhere"))[1])


async def test_a_run_that_another_version_takes_up_parks_with_the_reason(world: World) -> None:
    front, engine = await world.process("one")
    run_id = await front.start("g", plan=deeds(3, seconds=0.6))
    await world.until("began")
    await front.close()  # its call is let end, and the run handed over
    other, _ = await world.process("newer", own=newer())
    result = await asyncio.wait_for(other.wait(run_id), 30)
    assert result.status is Status.PARKED and "deed has changed since this run began" in result.reason
    assert world.did("began") == ["s1"]


@pytest.mark.parametrize(("seconds", "grace_s"), [(2.0, 5), (7.0, 12)])
async def test_what_a_process_began_itself_is_let_end_when_it_is_stopped(
    world: World, seconds: float, grace_s: int
) -> None:
    """Until its calls have ended the others leave its runs to it, also for longer than a lease; then they go on."""
    one, engine = await world.process("one", grace_s=grace_s)
    two, _ = await world.process("two")
    run_id = await one.start("g", plan=deeds(2, seconds=seconds))
    await world.until("began")
    assert engine.holds(run_id)
    await one.close()
    assert (await asyncio.wait_for(two.wait(run_id), 60)).status is Status.SUCCESS
    events = await two.events(run_id)
    assert not of(TakenOver, events) and not of(ToolCallError, events)
    assert world.did("began") == ["s1", "s2"]


async def test_a_call_that_outlasts_the_grace_is_taken_over(world: World) -> None:
    one, _ = await world.process("one", grace_s=1)
    two, _ = await world.process("two")
    run_id = await one.start("g", plan=deeds(1, seconds=4.0))
    await world.until("began")
    await asyncio.wait_for(one.close(), 8)
    assert (await asyncio.wait_for(two.wait(run_id), 60)).status is Status.SUCCESS
    assert len(of(TakenOver, await two.events(run_id))) == 1
