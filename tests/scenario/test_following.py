"""Whoever follows a run is told its end, or why nothing more of it comes: nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from cuga.errors import HouseClosed, NotDone
from cuga.model import command as c
from cuga.model.failure import FailureMode
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.orchestrator.library.stages import facts
from cuga.tools import tool

FAR = 3_600.0


@tool(domain="intelligence", side_effect="read-only", purpose="looks at something that comes back later")
async def later(inputs, context):
    raise NotDone("not now", mode=FailureMode.SYSTEM_RATE_LIMIT, retry_after_s=FAR)


@tool(domain="intelligence", side_effect="read-only", purpose="looks")
async def look(inputs, context):
    return 1


def house():
    return Coordinator(tools=(later, look))


async def told(following):
    return [event async for event in following]


@pytest.mark.parametrize("how", ["follow", "facts"])
async def test_a_follower_ends_with_the_house(how: str):
    front = house()
    run = await front.start("g", plan=Plan(goal="g", steps=(PlanStep(tool="later"),)))
    following = front.follow(run) if how == "follow" else facts(front, run, FAR)
    waiting = asyncio.create_task(told(following))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await front.close()
    async with asyncio.timeout(5):
        with pytest.raises(HouseClosed):
            await waiting


@pytest.mark.parametrize("how", ["follow", "facts"])
async def test_a_follower_that_was_busy_meanwhile_opens_no_closed_house_again(how: str):
    front = house()
    run = await front.start("g", plan=Plan(goal="g", steps=(PlanStep(tool="later"),)))
    following = front.follow(run) if how == "follow" else facts(front, run, FAR)
    await anext(following)
    await front.close()
    with pytest.raises(HouseClosed):
        await told(following)
    assert front._assembly is None


@pytest.mark.parametrize("how", ["follow", "facts"])
async def test_a_follower_of_a_stuck_run_is_told_the_cause(how: str):
    async with house() as front:
        driver = (await front.open()).driver
        whole, broke = driver._settle, []

        async def settle(live, letters):
            if not broke and any(isinstance(letter.command, c.RecordOutcome) for letter in letters):
                broke.append(live.run_id)
                raise ValueError("nobody knows why")
            await whole(live, letters)

        driver._settle = settle
        run = await front.start("g", plan=Plan(goal="g", steps=(PlanStep(tool="look"),)))
        async with asyncio.timeout(5):
            with pytest.raises(ValueError, match="nobody knows why"):
                await told(front.follow(run) if how == "follow" else facts(front, run, FAR))
        assert (await front.resume(run)).results == {"s1": 1}
        assert len(await told(facts(front, run, FAR))) == len(await front.events(run))


async def test_who_waits_for_people_ends_with_the_house():
    front = house()
    plan = Plan(goal="g", steps=(PlanStep(tool="look", ask_first=True),))
    waiting = asyncio.create_task(front.execute_plan(plan, wait_s=FAR))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await front.close()
    async with asyncio.timeout(5):
        with pytest.raises(HouseClosed):
            await waiting
