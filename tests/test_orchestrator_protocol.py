"""The protocol of orchestrators: stages from facts, strategies for errors, a frozen context, a lifecycle."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from tests.hands import QUICK, World, coordinator, gathered, into, worker

from cuga.errors import ApprovalTimeoutError, BadInput, CugaError, OrchestrationError
from cuga.model.event import Status
from cuga.model.failure import FailureMode
from cuga.modular.agents import CoordinatorAgent
from cuga.orchestrator import (
    AGENTSCoordinator,
    Coordinator,
    ExecutionContext,
    PartialResult,
    Plan,
    PlanStep,
    ReferenceOrchestrator,
)
from cuga.orchestrator.library.lifecycle import AgentState, Lifecycle
from cuga.orchestrator.library.rooms import rules_for_agents
from cuga.orchestrator.protocol import ErrorPropagation, LifecycleStage, OrchestratorProtocol

S = LifecycleStage
CONTEXT = ExecutionContext(trace_id="t1", profile="demo")


@pytest.fixture
def world():
    return World()


@pytest.fixture
async def house(world):
    registry = rules_for_agents(QUICK)
    async with Coordinator(tools=world.tools(), registry=registry, profile="smb") as opened:
        yield opened


@pytest.fixture
def reference(house):
    return ReferenceOrchestrator(house, wait_s=0.05)


def names(events):
    return [event["stage"] for event in events]


class Fixed(ReferenceOrchestrator):
    """Runs the plan it was given, whatever the goal."""

    plan: Plan

    async def plan_for(self, goal, context):
        return self.plan


def fixed(house, *steps, **how):
    made = Fixed(house, wait_s=0.05, **how)
    made.plan = Plan(goal="do it", steps=steps)
    return made


TWO = (PlanStep(tool="look"), PlanStep(tool="count", depends_on=("s1",)))


# --- the protocol -----------------------------------------------------------------------------------------------------
def test_both_orchestrators_implement_the_protocol(world):
    assert isinstance(ReferenceOrchestrator(), OrchestratorProtocol)
    assert isinstance(coordinator(world), OrchestratorProtocol)


def test_an_orchestrator_that_leaves_something_out_cannot_be_made():
    class Half(OrchestratorProtocol):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Half()


def test_the_stages_are_eight_and_three_of_them_end():
    assert len(LifecycleStage) == 8
    assert [stage for stage in LifecycleStage if stage.is_end] == [S.COMPLETE, S.FAILED, S.CANCELLED]


def test_the_strategies_are_four():
    assert [one.value for one in ErrorPropagation] == ["fail_fast", "retry", "continue", "fallback"]


# --- stages -----------------------------------------------------------------------------------------------------------
async def test_a_goal_of_one_step_has_the_six_stages(reference):
    events = await gathered(reference.orchestrate("look about Acme", CONTEXT))
    assert names(events) == [S.INITIALIZE, S.PLAN, S.ROUTE, S.EXECUTE, S.AGGREGATE, S.COMPLETE]
    assert all(event["context"] == CONTEXT for event in events)


async def test_route_and_execute_repeat_for_each_step(house, world):
    events = await gathered(fixed(house, *TWO).orchestrate("do it", CONTEXT))
    assert names(events) == [S.INITIALIZE, S.PLAN, *[S.ROUTE, S.EXECUTE] * 2, S.AGGREGATE, S.COMPLETE]
    assert world.calls == ["look", "count"]


async def test_a_stage_is_told_only_after_it_is_durable(house, world):
    journal = (await house.open()).journal
    async for event in fixed(house, *TWO).orchestrate("do it", CONTEXT):
        if event["stage"] in (S.ROUTE, S.EXECUTE):
            stored = await journal.read(event["data"]["run_id"])
            wanted = b'"route_decision"' if event["stage"] is S.ROUTE else b'"tool_call_complete"'
            assert any(wanted in bytes(one.body) for one in stored)


async def test_a_step_that_is_tried_again_is_routed_once_and_executed_once(house, world):
    world.fail("look", ConnectionError())
    events = await gathered(fixed(house, TWO[0]).orchestrate("do it", CONTEXT))
    assert names(events) == [S.INITIALIZE, S.PLAN, S.ROUTE, S.EXECUTE, S.AGGREGATE, S.COMPLETE]
    assert world.counts["look"] == 2


async def test_execute_carries_the_output_and_aggregate_all_of_them(house):
    events = await gathered(fixed(house, PlanStep(tool="look", input={"about": "x"})).orchestrate("do it", CONTEXT))
    by = {event["stage"]: event["data"] for event in events}
    assert by[S.EXECUTE]["result"] == {"fact": "x"} and by[S.AGGREGATE]["results"] == {"s1": {"fact": "x"}}


async def test_the_plan_moves_on_with_the_stages(house):
    events = await gathered(fixed(house, *TWO).orchestrate("do it", CONTEXT))
    shown = [event["data"]["plan"].stage.value for event in events if event["data"].get("plan")]
    assert shown == ["CREATED", "ROUTED", "EXECUTING", "EXECUTING", "EXECUTING", "COMPLETED"]


async def test_the_run_of_the_stages_is_the_one_in_the_house(reference, house):
    events = await gathered(reference.orchestrate("look about Acme", CONTEXT))
    (run,) = await house.runs()
    assert run.run_id == events[-1]["data"]["run_id"] and run.status is Status.SUCCESS
    assert (await house.result(run.run_id)).trace_id == "t1"


async def test_without_a_trace_the_coordinators_own_is_used(reference, house):
    events = await gathered(reference.orchestrate("look about Acme", ExecutionContext(profile="demo")))
    assert {event["context"].trace_id for event in events} == {house.trace_emitter.trace_id}


async def test_an_unknown_profile_fails_at_planning_and_runs_nothing(reference, house, world):
    seen = []
    with pytest.raises(OrchestrationError, match="no such profile") as caught:
        await into(seen, reference.orchestrate("look", ExecutionContext(profile="nobodys")))
    assert names(seen) == [S.INITIALIZE, S.AGGREGATE, S.FAILED] and caught.value.stage is S.PLAN
    assert world.calls == [] and await house.runs() == []


async def test_waiting_for_people_ends_with_the_request_open(house, world):
    seen = []
    with pytest.raises(ApprovalTimeoutError):
        await into(seen, fixed(house, PlanStep(tool="post", input={"to": "x"})).orchestrate("do it", CONTEXT))
    assert names(seen) == [S.INITIALIZE, S.PLAN] and world.calls == []
    assert len(await house.inbox()) == 1


async def test_a_run_that_a_person_cancels_ends_as_cancelled(house, world):
    orchestrator = fixed(house, PlanStep(tool="post", input={"to": "x"}))
    orchestrator.wait_s = 20
    seen = []
    try:
        async for event in orchestrator.orchestrate("do it", CONTEXT):
            seen.append(event["stage"])
            if event["stage"] is S.PLAN:
                await house.cancel(event["data"]["run_id"], "changed my mind")
    except OrchestrationError:
        pytest.fail("a cancellation is no error")
    assert seen == [S.INITIALIZE, S.PLAN, S.AGGREGATE, S.CANCELLED] and world.calls == []


async def test_two_goals_at_once_keep_their_traces_apart(house):
    orchestrator = fixed(house, *TWO)
    contexts = [ExecutionContext(trace_id=f"t{n}", profile="demo") for n in range(5)]
    told = await asyncio.gather(*(gathered(orchestrator.orchestrate("do it", context)) for context in contexts))
    assert all(names(events)[-1] is S.COMPLETE for events in told)
    assert len({events[-1]["data"]["run_id"] for events in told}) == 5
    for context in contexts:
        assert {event.trace_id for event in house.trace_emitter.get_trace(context.trace_id)} == {context.trace_id}


# --- errors -----------------------------------------------------------------------------------------------------------
SIDE = (PlanStep(tool="look"), PlanStep(tool="count"), PlanStep(tool="look", depends_on=("s1",), input={"about": "y"}))


async def failing(house, world, strategy, **how):
    orchestrator = fixed(house, *SIDE, **how)
    seen = []
    try:
        async for event in orchestrator.orchestrate("do it", CONTEXT, error_strategy=strategy):
            seen.append(event)
    except OrchestrationError as error:
        return seen, error
    return seen, None


async def test_fail_fast_raises_after_failed_with_what_was_done(house, world):
    world.fail("look", ValueError("a"), ValueError("b"), ValueError("c"))
    seen, error = await failing(house, world, ErrorPropagation.FAIL_FAST)
    assert names(seen)[-2:] == [S.AGGREGATE, S.FAILED] and error.stage is S.EXECUTE
    assert error.partial_result.completed_steps == ("s2",) and error.partial_result.failed_step["tool"] == "look"


async def test_continue_completes_and_says_what_is_missing(house, world):
    world.fail("look", ValueError("a"), ValueError("b"), ValueError("c"))
    seen, error = await failing(house, world, ErrorPropagation.CONTINUE)
    assert error is None and names(seen)[-1] is S.COMPLETE
    assert seen[-1]["data"]["partial"] and seen[-1]["data"]["status"] == "partial"


async def test_retry_runs_only_what_is_left_once_more(house, world):
    world.fail("look", *[ConnectionError(str(n)) for n in range(3)])
    seen, error = await failing(house, world, ErrorPropagation.RETRY)
    assert error is None and names(seen)[-1] is S.COMPLETE
    assert world.counts == {"look": 5, "count": 1}


async def test_retry_does_not_repeat_what_does_not_pass(house, world):
    world.fail("look", PermissionError("never"))
    seen, error = await failing(house, world, ErrorPropagation.RETRY)
    assert names(seen)[-1] is S.FAILED and error is not None and world.counts["look"] == 1


async def test_fallback_answers_for_what_is_left(house, world):
    world.fail("look", PermissionError("never"))

    async def fallback(goal, context, partial):
        return {"instead of": partial.failed_step["tool"]}

    seen, error = await failing(house, world, ErrorPropagation.FALLBACK, fallback=fallback)
    assert error is None and names(seen)[-1] is S.COMPLETE
    assert seen[-1]["data"]["fallback"] == {"instead of": "look"}


async def test_fallback_without_one_fails(house, world):
    world.fail("look", PermissionError("never"))
    seen, error = await failing(house, world, ErrorPropagation.FALLBACK)
    assert names(seen)[-1] is S.FAILED and error is not None


ERROR = OrchestrationError(
    "no", stage=S.EXECUTE, partial_result=PartialResult(completed_steps=("s1",), failure_mode=FailureMode.AGENT_LOGIC)
)


@pytest.mark.parametrize("strategy", [ErrorPropagation.FAIL_FAST, ErrorPropagation.RETRY, ErrorPropagation.FALLBACK])
async def test_an_error_that_nothing_helps_against_is_raised_again(reference, strategy):
    with pytest.raises(OrchestrationError) as caught:
        await reference.handle_error(ERROR, strategy, CONTEXT)
    assert caught.value is ERROR


async def test_continue_turns_an_error_into_the_last_stage(reference):
    told = await reference.handle_error(ERROR, ErrorPropagation.CONTINUE, CONTEXT)
    assert told["stage"] is S.FAILED and told["data"]["partial"] is True


async def test_retry_of_an_error_goes_on_with_its_run(house, world):
    world.fail("look", *[ConnectionError(str(n)) for n in range(3)])
    _, error = await failing(house, world, ErrorPropagation.FAIL_FAST)
    told = await ReferenceOrchestrator(house).handle_error(error, ErrorPropagation.RETRY, CONTEXT)
    assert told["stage"] is S.COMPLETE and world.counts["count"] == 1


def test_an_error_says_stage_and_what_was_done():
    assert ERROR.stage is S.EXECUTE and ERROR.partial_result.completed_steps == ("s1",)
    assert isinstance(ERROR, CugaError) and ERROR.next_step


# --- context ----------------------------------------------------------------------------------------------------------
FIELDS = [
    "trace_id",
    "request_id",
    "profile",
    "user_intent",
    "user_id",
    "memory_scope",
    "conversation_id",
    "session_id",
    "metadata",
    "parent_context",
    "created_at",
]


def test_a_context_has_the_fields_that_callers_know():
    assert list(ExecutionContext.__struct_fields__) == FIELDS


def test_a_context_is_changed_only_into_another_one():
    with pytest.raises(AttributeError):
        CONTEXT.trace_id = "t2"
    other = CONTEXT.with_profile("smb").with_user("ann", "s9").with_request("r1", "to sell").with_memory("m", "c")
    said = (other.profile, other.user_id, other.session_id, other.request_id, other.user_intent)
    assert said == ("smb", "ann", "s9", "r1", "to sell")
    assert (other.memory_scope, other.conversation_id) == ("m", "c")
    assert ExecutionContext(trace_id="t1", profile="demo") == CONTEXT


def test_a_context_under_another_trace_remembers_the_one_before():
    other = CONTEXT.with_trace("t2").with_metadata(a=1).with_metadata(b=2)
    assert other.parent_context == CONTEXT and other.metadata == {"a": 1, "b": 2}


def test_a_context_can_be_written_down_and_read_again():
    made = msgspec.structs.replace(CONTEXT.with_trace("t2"), created_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert msgspec.json.decode(msgspec.json.encode(made), type=ExecutionContext) == made


# --- lifecycle --------------------------------------------------------------------------------------------------------
async def test_starting_twice_is_starting_once(reference):
    begun = []

    async def begin():
        begun.append(1)

    async def end():
        pass

    life = Lifecycle(begin, end)
    assert life.state is AgentState.UNINITIALIZED
    await asyncio.gather(life.startup(), life.startup())
    await life.startup()
    assert begun == [1] and life.state is AgentState.READY
    await reference.get_lifecycle().startup()
    assert reference.get_lifecycle() is reference.get_lifecycle()


async def test_ending_takes_a_bounded_time_and_never_raises():
    async def begin():
        pass

    async def never():
        await asyncio.sleep(3600)

    async def broken():
        raise RuntimeError("no")

    assert await Lifecycle(begin, never).shutdown(timeout_s=0.01) is False
    life = Lifecycle(begin, broken)
    assert await life.shutdown() is False and life.state is AgentState.TERMINATED
    assert await life.shutdown() is True


async def test_an_agents_own_house_is_let_go(world):
    agent = worker(world)
    await agent.startup()
    assert await agent.shutdown() is True


async def test_a_house_that_was_handed_in_stays_open(house):
    orchestrator = ReferenceOrchestrator(house)
    await orchestrator.get_lifecycle().startup()
    assert await orchestrator.get_lifecycle().shutdown() is True
    assert (await house.execute_plan(Plan(goal="g", steps=(TWO[0],)))).success


# --- routing ----------------------------------------------------------------------------------------------------------
def test_a_routing_decision_says_why_and_what_else(reference):
    decision = reference.make_routing_decision("a task", CONTEXT, ["one", "two", "three"])
    assert decision.target == "one" and set(decision.alternatives) == {"two", "three"} and decision.reasoning
    assert 0 <= decision.confidence <= 1


def test_nobody_to_route_to_is_an_error(reference):
    with pytest.raises(BadInput):
        reference.make_routing_decision("a task", CONTEXT, [])


async def test_a_plain_call_inside_the_houses_loop_is_refused_not_hung(house):
    orchestrator = ReferenceOrchestrator(house)
    with pytest.raises(BadInput, match="lives in this loop"):
        orchestrator.home.do_now(house.runs())


def test_a_coordinator_of_agents_is_a_reference_orchestrator(world):
    assert issubclass(CoordinatorAgent, ReferenceOrchestrator)
    assert AGENTSCoordinator is Coordinator
