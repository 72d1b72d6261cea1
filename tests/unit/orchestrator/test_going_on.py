"""Going on after a failure: under the same rules, in the same name, with what is left of the budget, and no more."""

import asyncio
from datetime import timedelta

import pytest
from tests.hands import World, asked, coordinator, into, passing, say, steps, worker

from cuga.clock import ManualClock
from cuga.errors import ApprovalDeniedError, BadInput, InvalidTransition, NotDone, ToolExecutionError
from cuga.model.plan import Plan, PlanStep, Reference, When
from cuga.orchestrator import (
    ApprovalManager,
    ApprovalPolicy,
    ApprovalResponse,
    Coordinator,
    ErrorPropagation,
    ExecutionContext,
    OrchestrationError,
    PartialResult,
    ToolBudget,
)
from cuga.orchestrator.library.remainder import rest_of
from cuga.orchestrator.library.resuming import what_is_left
from cuga.tools import ToolContext, tool


@pytest.fixture
def world():
    return World()


def planning(agent, *planned, **how):
    """Let a coordinator run exactly these steps."""

    async def plan_for(goal, context):
        await agent.home.do(agent.crew.ready())
        return Plan(goal=goal, steps=planned, **how)

    agent.plan_for = plan_for
    return agent


async def failure(agent, context=None, strategy=ErrorPropagation.FAIL_FAST):
    with pytest.raises(OrchestrationError) as caught:
        await into([], agent.orchestrate("g", context or ExecutionContext(), error_strategy=strategy))
    return caught.value


async def runs_of(agent):
    home = agent.home
    return [await home.do(home.coordinator.state(line.run_id)) for line in await home.do(home.coordinator.runs())]


async def lost(agent, plan, **said):
    with pytest.raises((ToolExecutionError, ApprovalDeniedError)) as caught:
        await agent.execute_with_retry(plan, said)
    return agent.get_partial_result_from_exception(caught.value)


# --- rules and names --------------------------------------------------------------------------------------------------
async def test_a_goal_goes_on_under_the_profile_of_its_run_and_in_the_same_name(world):
    world.fail("look", *[passing() for _ in range(3)])
    agent = planning(coordinator(world), PlanStep(tool="look"), PlanStep(tool="count"))
    error = await failure(agent, ExecutionContext(profile="enterprise", user_id="ann"))
    assert (error.partial_result.profile, error.partial_result.user_id) == ("enterprise", "ann")
    await agent.handle_error(error, ErrorPropagation.RETRY)
    states = await runs_of(agent)
    assert len(states) == 2
    assert {(s.started.profile, s.started.requester.id) for s in states} == {("enterprise", "ann")}


@pytest.mark.parametrize("other", [{"profile": "demo"}, {"user_id": "zoe"}])
async def test_another_profile_or_name_is_refused(world, other):
    world.fail("look", *[passing() for _ in range(6)])
    agent = planning(coordinator(world), PlanStep(tool="look"))
    error = await failure(agent, ExecutionContext(profile="enterprise", user_id="ann"))
    with pytest.raises(BadInput, match="cannot go on"):
        await agent.handle_error(error, ErrorPropagation.RETRY, ExecutionContext(**other))
    hands = worker(world)
    partial = await lost(hands, steps("look"), profile="enterprise", user_id="ann")
    with pytest.raises(BadInput, match="cannot go on"):
        await hands.resume_from_partial(steps("look"), partial, other)
    assert world.counts == {"look": 6}


async def test_steps_go_on_under_the_profile_of_their_run(world):
    world.fail("look", *[passing() for _ in range(3)])
    hands = worker(world, profile="demo")
    partial = await lost(hands, steps("look"), profile="enterprise", user_id="ann")
    await hands.resume_from_partial(steps("look"), partial)
    states = await runs_of(hands)
    assert [(s.started.profile, s.started.requester.id) for s in states] == [("enterprise", "ann")] * 2


async def test_a_run_of_another_house_goes_on_under_its_profile_too(world):
    partial = PartialResult(run_id="elsewhere", profile="enterprise", user_id="ann", step_results={"s1": 1})
    hands = worker(world)
    await hands.resume_from_partial(steps("look", "look"), partial)
    (state,) = await runs_of(hands)
    assert (state.started.profile, state.started.requester.id) == ("enterprise", "ann")
    doubtful = PartialResult(run_id="elsewhere", doubtful_steps=("s1",))
    with pytest.raises(InvalidTransition, match="nobody knows whether s1"):
        await hands.resume_from_partial(steps("look"), doubtful)


# --- budgets ----------------------------------------------------------------------------------------------------------
async def test_a_budget_is_granted_once(world):
    world.fail("look", *[passing() for _ in range(9)])
    agent = planning(
        coordinator(world), PlanStep(tool="count"), PlanStep(tool="look"), budget=ToolBudget(total_calls=4)
    )
    error = await failure(agent, strategy=ErrorPropagation.RETRY)
    with pytest.raises(OrchestrationError):
        await agent.handle_error(error, ErrorPropagation.RETRY)
    assert sum(s.used.get("calls", 0) for s in await runs_of(agent)) <= 4
    assert len(await runs_of(agent)) == 1  # a call more is not allowed, so nothing begins


async def test_what_a_run_has_not_used_may_be_used(world):
    world.fail("look", *[passing() for _ in range(3)])
    hands = worker(world)
    budget = ToolBudget(total_calls=5, calls_per_tool={"look": 4}, cost_ceiling=9.0)
    partial = await lost(hands, steps("count", "look"), budget=budget)
    await hands.resume_from_partial(steps("count", "look"), partial, {"budget": ToolBudget(total_calls=50)})
    (newest, first) = await runs_of(hands)
    given = newest.started.budget
    assert given.calls == 5 - first.used["calls"] == 1 and given.calls_per_tool["look"] == 1
    assert given.cost == 9_000_000 - first.used["cost"]


async def test_a_worker_whose_budget_is_used_up_says_so(world):
    world.fail("look", *[passing() for _ in range(3)])
    hands = worker(world)
    partial = await lost(hands, steps("look"), budget=ToolBudget(total_calls=3))
    with pytest.raises(ToolExecutionError, match="allows no more calls"):
        await hands.resume_from_partial(steps("look"), partial)
    assert world.counts == {"look": 3}


# --- doubts -----------------------------------------------------------------------------------------------------------
async def test_what_may_have_happened_is_not_done_again_after_a_cancellation(world):
    manager = ApprovalManager(ApprovalPolicy(approval_required=False, timeout_seconds=3))
    hands = worker(world, approval_manager=manager)
    world.fail("post", TimeoutError("no answer"))
    plan = steps("post", to="bob")
    task = asyncio.create_task(lost(hands, plan))
    await say(manager)
    partial = await task
    assert partial.doubtful_steps == ("s1",)
    home = hands.home
    await home.do(home.coordinator.cancel(partial.run_id, "give up"))
    with pytest.raises(InvalidTransition, match="nobody knows whether s1") as caught:
        await hands.resume_from_partial(plan, partial)
    assert "Find out whether it happened" in caught.value.next_step and world.counts == {"post": 1}


# --- what was denied or left out --------------------------------------------------------------------------------------
async def test_what_a_person_denied_is_not_asked_again(world):
    agent = coordinator(world)
    manager = ApprovalManager(home=agent.home)
    world.fail("look", *[passing() for _ in range(3)])
    planning(agent, PlanStep(tool="look"), PlanStep(tool="post", input={"to": "bob"}))
    task = asyncio.create_task(failure(agent, strategy=ErrorPropagation.RETRY))
    (request,) = await asked(manager)
    for _ in range(2_000):
        if world.counts["look"] == 3:
            break
        await asyncio.sleep(0.002)
    await manager.respond(ApprovalResponse(request_id=request.request_id, approved=False, reviewer="ann"))
    error = await task
    assert world.counts == {"look": 4} and not await manager.pending()
    assert "denied" in error.message and len(await runs_of(agent)) == 2


async def test_a_denied_step_stays_denied_however_often_a_worker_goes_on(world):
    manager = ApprovalManager(ApprovalPolicy(approval_required=False, timeout_seconds=3))
    hands = worker(world, approval_manager=manager)
    plan = [
        PlanStep(step_id="a", tool="post", input={"to": "bob"}),
        PlanStep(step_id="b", tool="draft", depends_on=("a",)),
    ]
    task = asyncio.create_task(lost(hands, plan))
    await say(manager, approved=False)
    partial = await task
    assert partial.denied_steps == ("a",)
    for _ in range(2):
        with pytest.raises(ApprovalDeniedError, match="not asked again") as caught:
            await hands.resume_from_partial(plan, partial)
        partial = hands.get_partial_result_from_exception(caught.value)
    assert world.counts == {} and not await manager.pending()


def test_what_depends_on_a_step_left_out_stays_out():
    when = When(expr="x == 'no'", bind={"x": Reference(step="s1", path="/fact")})
    plan = Plan(
        goal="g",
        steps=(
            PlanStep(step_id="s1", tool="look"),
            PlanStep(step_id="s2", tool="count", when=when),
            PlanStep(step_id="s3", tool="draft", depends_on=("s2",)),
            PlanStep(step_id="s4", tool="post", input={"to": [{"$from": {"step": "s3"}}]}),
            PlanStep(step_id="s5", tool="look"),
            PlanStep(step_id="s6", tool="look", depends_on=("s5",)),
        ),
    )
    assert [step.step_id for step in rest_of(plan, {"s1": {"fact": "yes"}}).steps] == ["s5", "s6"]
    assert rest_of(plan, {"s1": {"fact": "yes"}}, without={"s5"}) is None


async def test_what_a_condition_left_out_stays_out_when_a_run_goes_on(world):
    world.fail("count", *[passing() for _ in range(3)])
    when = When(expr="x == 'no'", bind={"x": Reference(step="a", path="/fact")})
    agent = planning(
        coordinator(world),
        PlanStep(step_id="a", tool="look"),
        PlanStep(step_id="b", tool="look", when=when, depends_on=("a",)),
        PlanStep(step_id="c", tool="draft", depends_on=("b",)),
        PlanStep(step_id="d", tool="count"),
    )
    error = await failure(agent)
    await agent.handle_error(error, ErrorPropagation.RETRY)
    assert world.counts == {"look": 1, "count": 4}


# --- words that are gone ----------------------------------------------------------------------------------------------
async def test_nothing_is_gone_on_with_whose_words_are_kept_no_more():
    clock, sent = ManualClock(), []

    @tool(domain="engagement", side_effect="propose", purpose="keeps a note", repeatable="key")
    def note(context: ToolContext, to: str = "everybody") -> dict[str, str]:
        sent.append(to)
        raise NotDone("not now")

    async with Coordinator("smb", tools=(note,), clock=clock) as house:
        result = await house.execute_plan(Plan(goal="note ann", steps=(PlanStep(tool="note", input={"to": "ann"}),)))
        assert sent == ["ann"]
        left = await what_is_left(house, PartialResult.of_run(result))
        assert left.plan.steps[0].input == {"to": "ann"}
        clock.advance(timedelta(days=800))
        assert (await house.retain("400d", reason="old")).runs == (result.run_id,)
        with pytest.raises(BadInput, match="kept no more"):
            await what_is_left(house, PartialResult.of_run(result))
