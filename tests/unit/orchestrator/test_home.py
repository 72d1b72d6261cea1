"""A coordinator for plain functions and for those that await: one house, one loop, and nobody hangs."""

import asyncio
import os
import subprocess
import sys

import pytest

from cuga.errors import BadInput
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.orchestrator.home import Home, background
from cuga.tools import tool

PLAN = Plan(goal="g", steps=(PlanStep(tool="where"),))


@tool(domain="knowledge", side_effect="read-only", purpose="says which loop it is in")
async def where(inputs, context):
    return asyncio.get_running_loop() is background()


def test_a_plain_function_waits_for_an_own_house():
    home = Home.own((where,))
    assert home.do_now(home.coordinator.execute_plan(PLAN)).results == {"s1": True}


FORKS = """
import os, signal
from tests.unit.orchestrator.test_home import PLAN, where
from cuga.orchestrator.home import Home

def asked():
    home = Home.own((where,))
    return home.do_now(home.coordinator.execute_plan(PLAN)).results == {"s1": True}

assert asked()
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if asked() else 3)
status = os.waitpid(child, 0)[1]
os._exit(0 if status == 0 and asked() else 4)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_a_forked_process_has_a_loop_of_its_own():
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", FORKS], env=here, timeout=60).returncode == 0


async def test_an_own_house_lives_in_the_background_whoever_asks():
    home = Home.own((where,))
    assert (await home.do(home.coordinator.execute_plan(PLAN))).results == {"s1": True}
    assert home.do_now(home.coordinator.execute_plan(PLAN)).success
    await home.close()


async def test_a_house_that_was_handed_in_lives_with_its_owner():
    async with Coordinator(tools=(where,)) as house:
        home = Home.of(house)
        assert (await home.do(house.execute_plan(PLAN))).results == {"s1": False}
        with pytest.raises(BadInput) as caught:
            home.do_now(house.execute_plan(PLAN))
        assert "Await" in caught.value.next_step
        await home.close()
        assert (await house.execute_plan(PLAN)).success


def test_waiting_inside_the_loop_that_has_to_answer_is_refused():
    home = Home.own((where,))

    async def inside():
        return home.do_now(home.coordinator.runs())

    with pytest.raises(BadInput, match="lives in this loop"):
        home.do_now(inside())


async def test_what_an_iterator_gives_arrives_one_by_one_and_it_is_closed():
    closed = []

    async def numbers():
        try:
            for number in range(5):
                yield number, asyncio.get_running_loop() is background()
        finally:
            closed.append(True)

    home = Home.own()
    assert [one async for one in home.each(numbers())] == [(n, True) for n in range(5)]
    following = home.each(numbers())
    assert await anext(following) == (0, True)
    await following.aclose()
    assert closed == [True, True]
