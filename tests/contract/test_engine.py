"""What every engine does with a run, whoever drives it: one process with a file, one alone on a database, a front
beside a worker, and each of them woken by Restate. The same story has the same end, facts and effects."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.postgres import fresh_database
from tests.restate import free_ports, shared_server

from cuga.errors import ApprovalClosed, CugaError, InvalidTransition, NotDone, RunNotFound
from cuga.model.event import DoubtAnswer, Status, name_of
from cuga.model.failure import FailureMode
from cuga.model.house_event import Halted, HaltLifted
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.orchestrator.house.place import make
from cuga.policy.fields import Fields
from cuga.settings import Settings
from cuga.tools import tool

AT = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE_S = 30.0


class World:
    """Tools whose effects are counted, whichever process makes them."""

    def __init__(self) -> None:
        self.did: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.began = asyncio.Event()
        self.failing: list[BaseException] = []

    def tools(self) -> tuple[Callable[..., Any], ...]:
        @tool(domain="intelligence", side_effect="read-only", purpose="looks")
        async def look(inputs: dict[str, Any], context: Any) -> Any:
            self.did["look"] += 1
            return {"seen": self.did["look"]}

        @tool(domain="intelligence", side_effect="read-only", purpose="waits until it is let go")
        async def wait_here(inputs: dict[str, Any], context: Any) -> Any:
            self.did["wait_here"] += 1
            self.began.set()
            await self.gate.wait()
            return {"waited": True}

        @tool(domain="engagement", side_effect="execute", purpose="sends")
        async def send(inputs: dict[str, Any], context: Any) -> Any:
            self.did["send"] += 1
            return {"sent": True}

        @tool(domain="intelligence", side_effect="read-only", purpose="fails as it is told")
        async def fail(inputs: dict[str, Any], context: Any) -> Any:
            self.did["fail"] += 1
            if self.failing:
                raise self.failing.pop(0)
            return {"came": True}

        @tool(domain="engagement", side_effect="execute", purpose="sends, and nobody knows whether it arrived")
        async def vanish(inputs: dict[str, Any], context: Any) -> Any:
            self.did["vanish"] += 1
            raise RuntimeError("the line went dead")

        return look, wait_here, send, fail, vanish


RESTATE = "restate, "
BESIDE = "beside a worker"
ENGINES = ("local", "alone", BESIDE, f"{RESTATE}on a file", f"{RESTATE}{BESIDE}")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def front(engine: str, world: World, tmp_path: Path) -> AsyncIterator[Coordinator]:
    place = make(tmp_path / "house")
    async with AsyncExitStack() as stack:
        database = "" if engine in ("local", f"{RESTATE}on a file") else fresh_database()
        settings = Settings(database=database, lease_s=2, seals=tmp_path / "seals")
        if engine.startswith(RESTATE):
            server = shared_server()
            place.registry.write_text(f"{place.registry.read_text()}\nengine: restate\n")
            settings = replace(
                settings, restate=server.ingress, restate_admin=server.admin,
                restate_listen=f"127.0.0.1:{free_ports(1)[0]}",
            )  # fmt: skip
        if engine.endswith(BESIDE):
            worker = Coordinator(
                "enterprise", house=place.root, settings=settings, tools=world.tools(), drives_all=True
            )
            await stack.enter_async_context(worker)
            await (await worker.open()).engine.sweep()
        opened = Coordinator("enterprise", house=place.root, settings=settings, tools=world.tools(), user="ann")
        yield await stack.enter_async_context(opened)


def steps(*tools: str, chain: bool = True) -> Plan:
    made = []
    for number, name in enumerate(tools, 1):
        needs = (f"s{number - 1}",) if chain and number > 1 else ()
        made.append(PlanStep(step_id=f"s{number}", tool=name, depends_on=needs))
    return Plan(goal="g", steps=tuple(made))


async def facts(front: Coordinator, run_id: str) -> list[str]:
    return [name_of(event) for event in await front.events(run_id)]


async def until(front: Coordinator, run_id: str, name: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while name not in await facts(front, run_id):
            await asyncio.sleep(0.02)


CALL = ["route_decision", "tool_call_start", "tool_call_complete"]


async def test_a_chain_of_reads_comes_to_its_end(front: Coordinator, world: World) -> None:
    run_id = await front.start("g", plan=steps("look", "look", "look"))
    result = await front.wait(run_id, PATIENCE_S)
    assert (result.status, world.did["look"]) == (Status.SUCCESS, 3)
    assert [name for name in await facts(front, run_id) if name != "route_decision"] == [
        "run_started", "plan_created", *["tool_call_start", "tool_call_complete"] * 3, "run_finished",
    ]  # fmt: skip


async def test_steps_beside_each_other_all_come_to_their_end(front: Coordinator, world: World) -> None:
    result = await front.execute_plan(steps(*["look"] * 12, chain=False))
    assert (result.status, world.did["look"], len(result.results)) == (Status.SUCCESS, 12, 12)


async def test_a_goal_is_planned_by_whoever_drives(front: Coordinator) -> None:
    planned = await front.plan("draft a first email to bob@example.com")
    assert planned.plan is not None and planned.status is Status.SUCCESS


async def test_what_leaves_the_house_waits_for_a_person_and_is_done_once(front: Coordinator, world: World) -> None:
    run_id = await front.start("g", plan=steps("look", "send", "look"))
    assert (await front.wait(run_id, PATIENCE_S)).status is Status.PARKED
    (card,) = await front.inbox()
    assert world.did == {"look": 1}
    await front.answer(card.approval_id, "approve", digest=card.digest)
    result = await front.wait(run_id, PATIENCE_S)
    assert (result.status, world.did) == (Status.SUCCESS, {"look": 2, "send": 1})
    with pytest.raises(ApprovalClosed):
        await front.answer(card.approval_id, "deny", reason="too late")


async def test_two_answers_at_once_are_one_decision(front: Coordinator, world: World) -> None:
    run_id = await front.start("g", plan=steps("send"))
    await front.wait(run_id, PATIENCE_S)
    (card,) = await front.inbox()
    answers = await asyncio.gather(
        front.answer(card.approval_id, "approve"), front.answer(card.approval_id, "deny", reason="no"),
        return_exceptions=True,
    )  # fmt: skip
    assert sum(isinstance(answer, CugaError) for answer in answers) == 1
    result = await front.wait(run_id, PATIENCE_S)
    assert (await facts(front, run_id)).count("approval_received") == 1
    assert world.did["send"] == (1 if result.status is Status.SUCCESS else 0)


async def test_a_denial_ends_the_step_and_keeps_what_was_done(front: Coordinator, world: World) -> None:
    run_id = await front.start("g", plan=steps("look", "send"))
    await front.wait(run_id, PATIENCE_S)
    (card,) = await front.inbox()
    await front.answer(card.approval_id, "deny", reason="not now")
    result = await front.wait(run_id, PATIENCE_S)
    assert (result.status, world.did["send"]) == (Status.PARTIAL, 0)


async def test_what_surely_did_not_happen_is_tried_again(front: Coordinator, world: World) -> None:
    world.failing = [NotDone("busy", mode=FailureMode.RESOURCE_RATE_LIMIT, retry_after_s=0.2)]
    result = await front.execute_plan(steps("fail", "look"))
    assert (result.status, world.did) == (Status.SUCCESS, {"fail": 2, "look": 1})


async def test_an_effect_that_nobody_knows_of_waits_for_a_person(front: Coordinator, world: World) -> None:
    run_id = await front.start("g", plan=steps("vanish", "look"))
    await front.wait(run_id, PATIENCE_S)
    (card,) = await front.inbox()
    await front.answer(card.approval_id, "approve")
    result = await front.wait(run_id, PATIENCE_S)
    assert (result.status, world.did) == (Status.PARKED, {"vanish": 1})
    await front.resolve(run_id, "s1", DoubtAnswer.HAPPENED, reason="it is in the outbox")
    result = await front.wait(run_id, PATIENCE_S)
    assert (result.status, world.did) == (Status.SUCCESS, {"vanish": 1, "look": 1})


async def test_a_cancelled_run_starts_nothing_more_and_keeps_what_came_back(front: Coordinator, world: World) -> None:
    run_id = await front.start("g", plan=steps("wait_here", "look"))
    await until(front, run_id, "tool_call_start")
    await asyncio.wait_for(world.began.wait(), PATIENCE_S)
    cancelling = asyncio.ensure_future(front.cancel(run_id, "enough"))
    await until(front, run_id, "cancel_requested")
    world.gate.set()
    result = await asyncio.wait_for(cancelling, PATIENCE_S)
    assert (result.status, world.did) == (Status.CANCELLED, {"wait_here": 1})
    with pytest.raises(InvalidTransition):
        await front.cancel(run_id, "again")


async def test_a_command_from_outside_does_not_cost_the_call_in_flight(front: Coordinator, world: World) -> None:
    """The worker appends on top of what a person did meanwhile: the call counts once, and is not made again."""
    run_id = await front.start("g", plan=steps("wait_here", "look"))
    await until(front, run_id, "tool_call_start")
    await asyncio.wait_for(world.began.wait(), PATIENCE_S)
    await front.top_up(run_id, "calls", 5, reason="more room")
    world.gate.set()
    result = await front.wait(run_id, PATIENCE_S)
    assert (result.status, world.did) == (Status.SUCCESS, {"wait_here": 1, "look": 1})


async def test_a_halted_house_starts_nothing_until_it_is_lifted(front: Coordinator, world: World) -> None:
    await front.change(Halted(at=AT, reason="wrong prices"))
    run_id = await front.start("g", plan=steps("look"))
    assert (await front.wait(run_id, PATIENCE_S)).status is Status.PARKED
    assert world.did == {}
    await front.change(HaltLifted(at=AT, reason="mended"))
    async with asyncio.timeout(PATIENCE_S):
        while (await front.result(run_id)).status is not Status.SUCCESS:
            await asyncio.sleep(0.05)
    assert world.did == {"look": 1}


async def test_a_follower_is_told_every_fact_until_the_end(front: Coordinator, world: World) -> None:
    run_id = await front.start("g", plan=steps("look", "look"))
    async with asyncio.timeout(PATIENCE_S):
        seen = [name_of(event) async for event in front.follow(run_id)]
    assert seen == await facts(front, run_id) and seen[-1] == "run_finished"


async def test_one_id_begins_one_run(front: Coordinator, world: World) -> None:
    run_id = (await front.open()).clock.new_id()
    begun = await asyncio.gather(
        *(front.start("g", plan=steps("look"), run_id=run_id) for _ in range(5)), return_exceptions=True
    )
    assert begun.count(run_id) == 1
    assert (await front.wait(run_id, PATIENCE_S)).status is Status.SUCCESS
    assert world.did == {"look": 1}


async def test_a_run_that_is_not_there_is_not_found(front: Coordinator) -> None:
    with pytest.raises(RunNotFound):
        await front.resume("01M8KE1VJMGP0AEPC7256X13JH")
    with pytest.raises(RunNotFound):
        await front.wait("01M8KE1VJMGP0AEPC7256X13JH")


async def test_a_run_that_is_resumed_without_need_stays_as_it_is(front: Coordinator, world: World) -> None:
    run_id = await front.start("g", plan=steps("send"))
    before = await front.wait(run_id, PATIENCE_S)
    again = await front.resume(run_id)
    assert (again.status, again.reason, world.did) == (before.status, before.reason, {})


async def test_many_runs_at_once_all_end_and_every_effect_is_made_once(front: Coordinator, world: World) -> None:
    runs = [await front.start("g", plan=steps("look", "look")) for _ in range(30)]
    ended = await asyncio.gather(*(front.wait(run_id, PATIENCE_S) for run_id in runs))
    assert {result.status for result in ended} == {Status.SUCCESS}
    assert world.did["look"] == 60
    assert await front.verify() == []


@pytest.mark.parametrize("engine", [one for one in ENGINES if not one.endswith("alone")], indirect=True)
async def test_a_decision_against_its_deadline_is_one_or_the_other(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, front: Coordinator
) -> None:
    """Answers come just when the requests run out: each request ends once, and nothing is sent that expired."""
    whole = Fields.seconds
    monkeypatch.setattr(Fields, "seconds", lambda self, said, where, *_: whole(self, said, where, 1))
    registry = tmp_path / "house" / "registry.yaml"
    registry.write_text(registry.read_text().replace("expires: 24h", "expires: 2s"))
    runs = [await front.start("g", plan=steps("send")) for _ in range(8)]
    for run_id in runs:
        await until(front, run_id, "approval_requested")
    cards = await front.inbox()
    first = min(card.expires_at for card in cards)
    clock = (await front.open()).clock
    await asyncio.sleep(max(0.0, (first - clock.now()).total_seconds() - 0.1))
    answers = await asyncio.gather(
        *(front.answer(card.approval_id, "approve") for card in cards), return_exceptions=True
    )
    async with asyncio.timeout(PATIENCE_S):
        for run_id in runs:
            while (await front.result(run_id)).status in (Status.PARKED, Status.RUNNING):
                await asyncio.sleep(0.1)
    agreed = 0
    for run_id in runs:
        said = await facts(front, run_id)
        assert said.count("approval_received") + said.count("approval_timeout") == 1
        agreed += "approval_received" in said
    assert world.did["send"] == agreed
    assert agreed >= sum(not isinstance(answer, BaseException) for answer in answers)
