"""A worker tries again by the house's rules: what passes by itself, and it keeps what is done."""

import asyncio

import pytest
from tests.hands import QUICK, World, passing, say, steps, worker

from cuga.errors import BadInput, ToolExecutionError
from cuga.model.failure import FailureMode
from cuga.orchestrator import (
    AGENTSCoordinator,
    ApprovalManager,
    ApprovalPolicy,
    ExponentialBackoffPolicy,
    NoRetryPolicy,
)


@pytest.fixture
def world():
    return World()


async def test_retries_transient_failures(world):
    world.fail("look", ConnectionError("a"), ConnectionError("b"))
    result = await worker(world).execute_with_retry(steps("look", about="x"))
    assert world.counts == {"look": 3} and result.output == {"fact": "x"}
    assert [event.name for event in result.trace].count("tool_call_error") == 2


async def test_preserves_partial_results_on_failure(world):
    world.fail("post", ValueError("unused"))
    world.fail("count", ValueError("wrong"), ValueError("wrong"), ValueError("wrong"))
    with pytest.raises(ToolExecutionError) as caught:
        await worker(world).execute_with_retry(steps("look", "look", "count", "look"))
    partial = caught.value.partial_result
    assert len(partial.completed_steps) == 2 and partial.failed_step["tool"] == "count"
    assert partial.remaining_steps == ("s4",) and world.counts == {"look": 2, "count": 3}


async def test_gives_up_after_the_policys_attempts(world):
    world.fail("look", *[TimeoutError() for _ in range(9)])
    agent = worker(world, retry_policy=ExponentialBackoffPolicy(base_delay=0.001, max_delay=0.001, max_attempts=5))
    with pytest.raises(ToolExecutionError) as caught:
        await agent.execute_with_retry(steps("look"))
    assert world.counts["look"] == 5
    assert caught.value.partial_result.failure_mode == FailureMode.SYSTEM


async def test_no_retry_means_one_call(world):
    world.fail("look", ConnectionError())
    with pytest.raises(ToolExecutionError):
        await worker(world, retry_policy=NoRetryPolicy()).execute_with_retry(steps("look"))
    assert world.counts["look"] == 1


async def test_what_a_permission_forbids_is_not_tried_again(world):
    world.fail("look", PermissionError("no"))
    with pytest.raises(ToolExecutionError) as caught:
        await worker(world).execute_with_retry(steps("look"))
    assert world.counts["look"] == 1 and caught.value.partial_result.failure_mode == FailureMode.POLICY


async def test_an_effect_that_surely_did_not_happen_is_tried_again(world):
    world.fail("draft", passing())
    result = await worker(world, profile="smb").execute_with_retry(steps("draft", to="x"))
    assert result.output == {"draft": "Dear x"} and world.counts["draft"] == 2


async def test_an_effect_that_may_have_happened_waits_for_a_person_instead(world):
    world.fail("post", ConnectionResetError("gone after it was applied"))
    manager = ApprovalManager(ApprovalPolicy(False, timeout_seconds=20))
    agent = worker(world, approval_manager=manager)
    doing = asyncio.ensure_future(agent.execute_with_retry(steps("post", to="x")))
    await say(manager)
    with pytest.raises(ToolExecutionError, match="in doubt"):
        await asyncio.wait_for(doing, 20)
    assert world.counts["post"] == 1


async def test_the_workers_classifier_says_what_a_failure_is(world):
    world.fail("look", ValueError("busy"))
    agent = worker(world, failure_classifier=lambda _: FailureMode.RESOURCE_QUOTA)
    with pytest.raises(ToolExecutionError) as caught:
        await agent.execute_with_retry(steps("look"))
    assert world.counts["look"] == 1
    assert caught.value.partial_result.failure_mode is FailureMode.RESOURCE_QUOTA
    assert agent._classify_failure(ValueError()) is FailureMode.RESOURCE_QUOTA


async def test_the_handler_of_modes_is_the_same_under_another_name(world):
    world.fail("look", PermissionError("not yet"))
    agent = worker(world, failure_mode_handler=lambda _: FailureMode.SYSTEM)
    assert (await agent.execute_with_retry(steps("look"))).output == {"fact": "nothing"}
    assert world.counts["look"] == 2


async def test_each_step_has_its_own_attempts(world):
    world.fail("look", ConnectionError(), ConnectionError())
    world.fail("count", ConnectionError(), ConnectionError())
    await worker(world).execute_with_retry(steps("look", "count"))
    assert world.counts == {"look": 3, "count": 3}


def test_a_plain_call_waits_for_the_tries_too(world):
    world.fail("look", ConnectionError())
    assert worker(world).execute(steps("look", about="x")).output == {"fact": "x"}


async def test_a_retry_policy_beside_a_house_of_ones_own_is_refused():
    async with AGENTSCoordinator() as house:
        with pytest.raises(BadInput, match="has its own rule"):
            worker(World(), coordinator=house, retry_policy=QUICK)
