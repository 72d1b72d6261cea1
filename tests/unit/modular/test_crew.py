"""Workers of one house: who is busy is known when the next choice is made, and no member closes what others use."""

import asyncio
from collections import Counter

import pytest
from msgspec.structs import replace
from tests.hands import QUICK, World, coordinator, gathered, into, steps, worker

from cuga.errors import NotDone, OrchestrationError
from cuga.model.failure import FailureMode
from cuga.model.plan import Plan, PlanStep
from cuga.modular.agents import CoordinatorAgent, PlannerAgent, WorkerAgent
from cuga.orchestrator import (
    ApprovalManager,
    Coordinator,
    ExecutionContext,
    LoadBalancedPolicy,
    PolicyBasedRoutingAuthority,
    failures,
)
from cuga.orchestrator.intelligent_planner import IntelligentPlanner
from cuga.orchestrator.library.rooms import rules_in_memory
from cuga.orchestrator.routing import RoutingAuthority, RoutingDecision
from cuga.tools import ToolContext, tool
from cuga.tools.registry import ToolRegistry


@pytest.fixture
def world():
    return World()


def slow_worker(name, who):
    @tool(domain="intelligence", side_effect="read-only", purpose="takes its time", keywords=("slow",))
    async def slow(inputs: dict, context: ToolContext):
        who.append(name)
        await asyncio.sleep(0.1)
        return {}

    registry = ToolRegistry()
    registry.register(slow)
    return WorkerAgent(registry=registry, name=name, retry_policy=QUICK)


def running(agent, *planned):
    async def plan_for(goal, context):
        await agent.home.do(agent.crew.ready())
        return Plan(goal=goal, steps=planned)

    agent.plan_for = plan_for
    return agent


async def test_load_is_balanced_over_steps_that_begin_at_once():
    who = []
    authority = PolicyBasedRoutingAuthority(policy=LoadBalancedPolicy())
    agent = CoordinatorAgent(PlannerAgent(), [slow_worker(n, who) for n in "ABCD"], routing_authority=authority)
    running(agent, *(PlanStep(tool="slow", input={"i": i}) for i in range(4)))
    await gathered(agent.orchestrate("g", ExecutionContext()))
    assert Counter(who) == dict.fromkeys("ABCD", 1)
    assert set(agent.crew.busy.values()) == {0}


async def test_a_worker_is_free_again_after_a_failure_and_its_tries(world):
    agent = running(coordinator(world), PlanStep(tool="look"))
    world.fail("look", *[NotDone("no", mode=FailureMode.SYSTEM_NETWORK)] * 9)
    with pytest.raises(OrchestrationError):
        await gathered(agent.orchestrate("g", ExecutionContext()))
    assert world.counts["look"] == 3 and set(agent.crew.busy.values()) == {0}


async def test_choices_go_on_after_a_restart(world):
    who = []
    agent = CoordinatorAgent(PlannerAgent(), [slow_worker(n, who) for n in "AB"])
    life = agent.get_lifecycle()
    running(agent, *(PlanStep(tool="slow", input={"i": i}) for i in range(2)))
    await life.startup()
    await gathered(agent.orchestrate("g", ExecutionContext()))
    await life.shutdown()
    await life.startup()
    who.clear()
    await gathered(agent.orchestrate("g", ExecutionContext()))
    assert Counter(who) == {"A": 1, "B": 1}


async def test_a_member_that_shuts_down_leaves_the_house_to_the_others(world):
    one, two = worker(world, "one"), worker(world, "two")
    agent = running(coordinator(world, one, two, wait_s=0.1), PlanStep(tool="post", input={"to": "x"}))
    manager = ApprovalManager()
    manager.join(agent.home)
    with pytest.raises(Exception, match="still waits"):
        await gathered(agent.orchestrate("g", ExecutionContext()))
    await one.shutdown()
    await agent.planner.get_lifecycle().shutdown()
    assert len(await manager.pending()) == 1
    await agent.get_lifecycle().shutdown()
    assert await manager.pending() == []  # its own house lived in memory


async def test_who_has_a_house_of_its_own_closes_it(world):
    alone = worker(world)
    await alone.execute_with_retry(steps("look"))
    await alone.shutdown()
    home = alone.home
    assert await home.do(home.coordinator.runs()) == []


# --- failing fast -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("required", [False, True])
async def test_only_a_required_step_that_fails_stops_the_rest(world, required):
    who = []
    hands = slow_worker("a", who)
    for function in world.tools():
        hands.registry.register(function)
    agent = CoordinatorAgent(PlannerAgent(), [hands])
    world.fail("look", *[NotDone("bad", mode=FailureMode.USER_INVALID_INPUT)] * 3)
    running(
        agent,
        PlanStep(tool="look", required=required),
        PlanStep(tool="slow", step_id="a"),
        PlanStep(tool="slow", input={"n": 1}, depends_on=("a",)),
    )
    seen = []
    if required:
        with pytest.raises(OrchestrationError):
            await into(seen, agent.orchestrate("g", ExecutionContext()))
    else:
        await into(seen, agent.orchestrate("g", ExecutionContext()))
    assert len(who) == (1 if required else 2)
    assert seen[-1]["stage"].value == ("failed" if required else "complete")


# --- what the house tells ---------------------------------------------------------------------------------------------
async def test_utilisation_is_that_of_the_run_that_moved_last(world):
    async with Coordinator(tools=world.tools()) as house:
        one = await house.execute_plan(Plan(goal="a", steps=(PlanStep(tool="look"),)))
        two = (PlanStep(tool="look"), PlanStep(tool="count"))
        await house.execute_plan(Plan(goal="b", steps=two))
        await house.result(one.run_id)
        assert house.get_budget_utilization()["total"]["used"] == 2
        assert house.budget_enforcer.get_utilization()["total"]["used"] == 2


async def test_a_model_is_shown_only_what_the_profile_allows(world):
    shown = []

    class Model:
        def is_available(self):
            return True

        async def decompose_goal(self, goal, tools):
            shown.extend(one.name for one in tools)
            return [{"tool": "look", "input": {}, "reason": "asked"}]

    rules = rules_in_memory()
    narrow = replace(rules.profile("demo"), name="narrow", tools=("look", "post"), forbidden_tools=("post",))
    rules = replace(rules, profiles={**rules.profiles, "narrow": narrow})
    async with Coordinator(tools=world.tools(), registry=rules) as house:
        planner = IntelligentPlanner(house, Model())
        await planner.create_plan("look count post", profile="narrow")
        assert shown == ["look"]


def test_older_names_are_where_callers_look():
    from cuga.errors import ToolExecutionError as said
    from cuga.orchestrator import PartialResultEvent, ToolExecutionError

    assert ToolExecutionError is said and failures.PartialResultEvent is PartialResultEvent


# --- the record -------------------------------------------------------------------------------------------------------
async def test_which_worker_took_a_step_stands_in_the_journal_and_is_the_one_that_did_it():
    who = []
    agent = CoordinatorAgent(PlannerAgent(), [slow_worker(n, who) for n in "AB"])
    running(agent, *(PlanStep(tool="slow", input={"i": i}) for i in range(4)))
    heard = []
    agent.routing_authority = PolicyBasedRoutingAuthority(on_decision=heard.append)
    every = await gathered(agent.orchestrate("g", ExecutionContext()))
    told = [one for one in every if str(getattr(one["stage"], "value", one["stage"])).upper() == "ROUTE"]
    run_id = told[0]["data"]["run_id"]
    house = agent.home.coordinator

    async def facts():
        return await house.events(run_id), (await house.show(run_id)).steps

    events, steps_of_it = await agent.home.do(facts())
    pools = {one.step: one.pool for one in events if type(one).__name__ == "ToolCallStart"}
    routes = {one.step: one for one in events if type(one).__name__ == "RouteDecision"}
    assert Counter(pools.values()) == Counter(who) == {"A": 2, "B": 2}
    assert all(routes[step].target == name and routes[step].alternatives for step, name in pools.items())
    assert {one.step: one.pool for one in steps_of_it} == pools
    assert {one["data"]["step"]: one["data"]["decision"].target for one in told} == pools
    assert Counter(one.target for one in heard) == Counter(who)


async def test_an_authority_of_the_callers_own_is_asked_and_recorded():
    class Own(RoutingAuthority):
        def route(self, task, context, candidates, *, kind=None):
            names = [one.name for one in candidates]
            return RoutingDecision(target=names[-1], reasoning="the last of them", alternatives=tuple(names[:-1]))

    who = []
    agent = CoordinatorAgent(PlannerAgent(), [slow_worker(n, who) for n in "ABC"], routing_authority=Own())
    running(agent, *(PlanStep(tool="slow", input={"i": i}) for i in range(2)))
    await gathered(agent.orchestrate("g", ExecutionContext()))
    assert who == ["C", "C"]
    agent.routing_authority = PolicyBasedRoutingAuthority()
    await gathered(agent.orchestrate("g", ExecutionContext()))
    assert len(set(who)) > 1
