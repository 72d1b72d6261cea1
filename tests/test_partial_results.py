"""Partial results: what was done is kept, said, written down, and never done again."""

import json

import pytest
from tests.hands import World, passing, steps, worker

from cuga.errors import BadInput, InvalidTransition, ToolExecutionError
from cuga.model.failure import FailureMode
from cuga.model.plan import Plan, PlanStep, Reference, When
from cuga.modular.agents import WorkerAgent
from cuga.orchestrator import ApprovalManager, ApprovalPolicy, PartialResult, PartialResultEvent, RecoveryStrategy
from cuga.orchestrator.library.remainder import rest_of


@pytest.fixture
def world():
    return World()


def partial(done=2, left=1, mode=FailureMode.SYSTEM_NETWORK):
    return PartialResult(
        completed_steps=tuple(f"s{n}" for n in range(done)),
        failed_step={"tool": "look", "step_id": "sx"},
        error="gone",
        failure_mode=mode,
        step_results={f"s{n}": n for n in range(done)},
        remaining_steps=tuple(f"r{n}" for n in range(left)),
    )


def failed(agent: WorkerAgent, plan) -> PartialResult:
    with pytest.raises(ToolExecutionError) as caught:
        agent.execute(plan)
    found = agent.get_partial_result_from_exception(caught.value)
    assert found is caught.value.partial_result
    return found


# --- the value --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("done", "left", "strategy"),
    [
        (3, 0, RecoveryStrategy.RETRY_FAILED),
        (9, 1, RecoveryStrategy.RETRY_FAILED),
        (2, 1, RecoveryStrategy.RETRY_FROM_CHECKPOINT),
        (1, 2, RecoveryStrategy.RETRY_FROM_CHECKPOINT),
        (1, 3, RecoveryStrategy.RETRY_ALL),
        (0, 0, RecoveryStrategy.RETRY_ALL),
    ],
)
def test_the_strategy_follows_from_how_much_is_done(done, left, strategy):
    found = partial(done, left)
    assert found.recovery_strategy is strategy and "sx" in found.recovery_plan


@pytest.mark.parametrize(
    ("mode", "recoverable"),
    [
        (FailureMode.POLICY_BUDGET, False),
        (FailureMode.AGENT_CONTRACT, False),
        (FailureMode.USER_CANCELLED, False),
        (FailureMode.AGENT_LOGIC, True),
        (FailureMode.POLICY_APPROVAL, True),
    ],
)
def test_what_does_not_pass_by_itself_is_for_a_person(mode, recoverable):
    found = partial(mode=mode)
    assert found.recovery_strategy is RecoveryStrategy.MANUAL and found.is_recoverable is recoverable
    assert mode.value in found.recovery_plan


def test_how_much_is_done_is_a_share_of_all_steps():
    assert partial(2, 1).completion == 0.5 and PartialResult().completion == 0.0


def test_it_can_be_written_down_and_read_again():
    found = partial()
    assert PartialResult.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert found.to_dict()["recovery_strategy"] == "retry_from_checkpoint"


def test_what_is_unknown_in_a_written_one_is_refused():
    with pytest.raises(BadInput, match="surprise"):
        PartialResult.from_dict({"surprise": 1})


def test_a_mode_may_be_written_as_text():
    assert PartialResult(failure_mode="system_network").failure_mode is FailureMode.SYSTEM_NETWORK


def test_it_does_not_change():
    with pytest.raises(AttributeError):
        partial().error = "other"


def test_the_event_of_one_carries_it_under_a_canonical_name():
    event = PartialResultEvent.create("t1", partial())
    assert event.name == "tool_call_error" and event["partial_result"]["completed_steps"] == ["s0", "s1"]
    assert event.mode == "system_network"


def test_an_exception_that_says_nothing_has_none():
    assert WorkerAgent.get_partial_result_from_exception(ValueError("x")) is None
    assert WorkerAgent.get_partial_result_from_exception(ToolExecutionError("x")) is None


# --- from a worker ----------------------------------------------------------------------------------------------------
def test_two_done_and_the_third_fails(world):
    world.fail("count", PermissionError("no"))
    found = failed(worker(world), steps("look", "look", "count"))
    assert found.completed_steps == ("s1", "s2") and len(found.step_results) == 2
    assert found.failed_step == {"tool": "count", "input": {}, "step_id": "s3"} and found.failed_steps == ("s3",)
    assert found.failure_mode is FailureMode.POLICY_SECURITY and "no" in found.error and found.run_id


def test_going_on_does_only_what_is_left(world):
    world.fail("count", ValueError("a"), ValueError("b"), ValueError("c"))
    agent = worker(world)
    found = failed(agent, steps("look", "count", "look"))
    result = agent.execute_from_partial(steps("look", "count", "look"), found)
    assert world.counts == {"look": 2, "count": 4} and set(result.results) == {"s1", "s2", "s3"}


def test_going_on_with_mended_steps(world):
    world.fail("count", ValueError("a"), ValueError("b"), ValueError("c"))
    agent = worker(world)
    found = failed(agent, steps("look", "count"))
    mended = [*steps("look"), {"tool": "count", "input": {"text": "now it works"}}]
    assert agent.execute_from_partial(mended, found).output == {"words": 3}


def test_going_on_a_second_time(world):
    world.fail("count", *[ConnectionError(str(n)) for n in range(6)])
    agent = worker(world)
    plan = steps("look", "count", "look")
    first = failed(agent, plan)
    with pytest.raises(ToolExecutionError) as caught:
        agent.execute_from_partial(plan, first)
    second = caught.value.partial_result
    assert second.completed_steps == ("s1",) and second.step_results == first.step_results
    assert agent.execute_from_partial(plan, second).output == {"fact": "nothing"}
    assert world.counts == {"look": 2, "count": 7}


def test_going_on_when_all_is_done_does_nothing(world):
    agent = worker(world)
    whole = agent.execute(steps("look"))
    done = PartialResult(completed_steps=("s1",), step_results=whole.results)
    assert agent.execute_from_partial(steps("look"), done).output == whole.output and world.counts == {"look": 1}


def test_another_worker_goes_on_from_what_was_written_down(world):
    world.fail("count", *[ConnectionError(str(n)) for n in range(3)])
    plan = steps("look", "count")
    written = json.dumps(failed(worker(world), plan).to_dict())
    result = worker(world, "other").execute_from_partial(plan, PartialResult.from_dict(json.loads(written)))
    assert result.output == {"words": 0} and world.counts == {"look": 1, "count": 4}


def test_the_trace_goes_on_too(world):
    world.fail("look", PermissionError("no"))
    agent = worker(world)
    with pytest.raises(ToolExecutionError) as caught:
        agent.execute(steps("look"), metadata={"trace_id": "t7"})
    assert agent.execute_from_partial(steps("look"), caught.value.partial_result).trace_id == "t7"


def test_outputs_of_done_steps_are_put_in_as_values(world):
    plan = [
        {"tool": "look", "input": {"about": "seven words"}},
        {"tool": "count", "input": {"text": {"$from": {"step": "s1", "path": "/fact"}}}},
    ]
    world.fail("count", *[ConnectionError(str(n)) for n in range(3)])
    agent = worker(world)
    assert agent.execute_from_partial(plan, failed(agent, plan)).output == {"words": 2}
    assert world.counts["look"] == 1


async def test_nothing_goes_on_while_nobody_knows_what_happened(world):
    world.fail("draft", ConnectionResetError("after it was applied"))
    agent = worker(world, approval_manager=ApprovalManager(ApprovalPolicy(False)))
    registry = world.registry()
    assert registry.get("draft") is not None
    world.fail("draft", *[ConnectionResetError("again") for _ in range(9)])
    with pytest.raises(ToolExecutionError) as caught:
        await agent.execute_with_retry(steps("draft"))
    before = world.counts["draft"]
    with pytest.raises(InvalidTransition, match="s1"):
        await agent.resume_from_partial(steps("draft"), caught.value.partial_result)
    assert world.counts["draft"] == before


def test_a_failure_that_passes_leaves_nothing_partial(world):
    world.fail("draft", passing())
    assert worker(world).execute(steps("look", "draft")).results.keys() == {"s1", "s2"}


# --- what is left of a plan -------------------------------------------------------------------------------------------
def planned(*given):
    return Plan(goal="g", steps=given)


def test_needs_that_are_done_are_needs_no_more():
    plan = planned(PlanStep(tool="a", step_id="a"), PlanStep(tool="b", step_id="b", depends_on=("a",)))
    rest = rest_of(plan, {"a": 1})
    assert [step.tool for step in rest.steps] == ["b"] and rest.steps[0].depends_on == ()
    assert rest_of(plan, {"a": 1, "b": 2}) is None


@pytest.mark.parametrize(("fact", "left"), [(True, ["b"]), (False, None)])
def test_a_condition_over_what_is_done_is_settled(fact, left):
    when = When(expr="x", bind={"x": Reference(step="a")})
    rest = rest_of(planned(PlanStep(tool="a", step_id="a"), PlanStep(tool="b", step_id="b", when=when)), {"a": fact})
    assert (rest and [step.tool for step in rest.steps]) == left


def test_a_reference_to_nothing_is_refused():
    plan = planned(
        PlanStep(tool="a", step_id="a"), PlanStep(tool="b", step_id="b", input={"x": {"$from": {"step": "zz"}}})
    )
    with pytest.raises(BadInput, match="zz"):
        rest_of(plan, {"a": 1})
