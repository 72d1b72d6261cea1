"""Agents put together: planner and workers, workers that share a house, coordinators in coordinators."""

import asyncio

import pytest
from tests.hands import QUICK, World, coordinator, gathered, say, steps, worker

from cuga.errors import ToolExecutionError
from cuga.modular import tools as specs
from cuga.modular.agents import (
    AgentProtocol,
    AgentRequest,
    CoordinatorAgent,
    MockLLM,
    PlannerAgent,
    WorkerAgent,
)
from cuga.orchestrator import ApprovalManager, ApprovalPolicy, ExecutionContext, LifecycleStage, PartialResult
from cuga.tools import ToolContext, tool
from cuga.tools.registry import ToolRegistry

CONTEXT = ExecutionContext(trace_id="t1", profile="demo")
GOAL = "look about Acme"


@pytest.fixture
def world():
    return World()


def registry_of(*functions):
    made = ToolRegistry()
    for function in functions:
        made.register(function)
    return made


def test_a_plan_of_the_planner_is_run_by_a_worker(world):
    plan = PlannerAgent(registry=world.registry()).plan(GOAL)
    assert worker(world).execute(plan.steps).output == {"fact": "nothing"} and world.calls == ["look"]


def test_every_agent_speaks_the_one_protocol(world):
    agents = [PlannerAgent(), worker(world), coordinator(world)]
    assert all(isinstance(agent, AgentProtocol) for agent in agents)
    assert [agent.name for agent in agents] == ["planner", "worker", "coordinator"]


async def test_a_pipeline_of_requests(world):
    planner, doer = PlannerAgent(registry=world.registry()), worker(world)
    planned = await planner.process(AgentRequest(goal=GOAL, context=CONTEXT))
    done = await doer.process(AgentRequest(steps=planned.result.steps, context=CONTEXT))
    assert done.success and done.result == {"fact": "nothing"} and {e.trace_id for e in done.trace} == {"t1"}


async def test_a_planner_without_a_plan_says_what_it_needs(world):
    answer = await PlannerAgent(registry=world.registry()).process(AgentRequest(goal="sing", context=CONTEXT))
    assert not answer.success and answer.error and answer.metadata["next"]


async def test_workers_with_different_tools_share_one_goal(world):
    agents = coordinator(world, worker(world, "looker", "look"), worker(world, "counter", "count"))
    events = await gathered(agents.orchestrate("look about Acme, then count the words", CONTEXT))
    routed = [event["data"]["decision"].target for event in events if event["stage"] is LifecycleStage.ROUTE]
    assert routed == ["looker", "counter"] and world.counts == {"look": 1, "count": 1}


def test_workers_of_a_coordinator_work_in_its_house_too(world):
    agents = coordinator(world)
    result = agents.workers[1].execute(steps("look"), {"trace_id": "t5"})
    assert agents.home.do_now(agents.coordinator.result(result.run_id)).trace_id == "t5"


async def test_a_coordinator_may_be_a_tool_of_another(world):
    inner = coordinator(world)

    @tool(domain="governance", side_effect="read-only", purpose="asks the research team", keywords=("research",))
    async def research(inputs: dict, context: ToolContext) -> dict:
        told = await inner.process(
            AgentRequest(goal=GOAL, context=ExecutionContext(trace_id=context.trace_id, profile="demo"))
        )
        return {"team": told.result}

    outer = CoordinatorAgent(PlannerAgent(), [WorkerAgent(registry=registry_of(research), name="boss")])
    events = await gathered(outer.orchestrate("research", CONTEXT))
    (done,) = [event["data"]["result"] for event in events if event["stage"] is LifecycleStage.EXECUTE]
    assert done == {"team": {"fact": "nothing"}}
    assert {event.trace_id for event in inner.coordinator.trace_emitter.get_trace()} == {"t1"}


def test_results_are_handed_from_step_to_step(world):
    given = [
        {"tool": "look", "input": {"about": "one two three"}},
        {"tool": "count", "input": {"text": {"$from": {"step": "s1", "path": "/fact"}}}},
    ]
    assert worker(world).execute(given).output == {"words": 3}


def test_a_tool_knows_its_trace_its_step_and_its_place(world):
    worker(world).execute(steps("look", "count"), {"trace_id": "t1"})
    assert [(seen.trace_id, seen.step_id, seen.step_index) for seen in world.seen] == [("t1", "s1", 0), ("t1", "s2", 1)]


async def test_one_worker_serves_many_at_once(world):
    doer = worker(world)
    told = await asyncio.gather(
        *(doer.execute_with_retry(steps("look", about=n), {"trace_id": f"t{n}"}) for n in range(12))
    )
    assert [result.output["fact"] for result in told] == list(range(12))
    assert [result.trace_id for result in told] == [f"t{n}" for n in range(12)]


async def test_what_one_worker_left_another_finishes_with_consent(world):
    world.fail("count", PermissionError("not me"))
    with pytest.raises(ToolExecutionError) as caught:
        await worker(world, "first").execute_with_retry(steps("look", "count"))
    manager = ApprovalManager(ApprovalPolicy(True, timeout_seconds=20))
    second = worker(world, "second", approval_manager=manager)
    partial = PartialResult.from_dict(caught.value.partial_result.to_dict())
    doing = asyncio.ensure_future(second.resume_from_partial(steps("look", "count"), partial))
    await say(manager)
    assert (await doing).output == {"words": 0} and world.counts == {"look": 1, "count": 2}


async def test_synchronous_and_asynchronous_handlers_of_one_tool_do_as_well():
    @tool(domain="intelligence", side_effect="read-only", purpose="looks", name="look")
    def plain(inputs, context):
        return "plain"

    @tool(domain="intelligence", side_effect="read-only", purpose="looks", name="look")
    async def waiting(inputs, context):
        await asyncio.sleep(0)
        return "waiting"

    agents = CoordinatorAgent(
        PlannerAgent(llm=MockLLM()),
        [WorkerAgent(registry=registry_of(one), name=one.__name__) for one in (plain, waiting)],
        retry_policy=QUICK,
    )
    outputs = [(await agents.process(AgentRequest(goal="look", context=CONTEXT))).result for _ in range(2)]
    assert sorted(outputs) == ["plain", "waiting"]


def test_a_tool_with_named_arguments_does_as_well_as_a_handler():
    seen = []

    @tool(domain="intelligence", side_effect="read-only", purpose="adds")
    def add(a: int, b: int, ctx: ToolContext) -> int:
        seen.append(ctx.step_id)
        return a + b

    @tool(domain="intelligence", side_effect="read-only", purpose="doubles")
    def double(a: int) -> int:
        return 2 * a

    doer = WorkerAgent(registry=registry_of(add, double))
    given = [{"tool": "add", "input": {"a": 1, "b": 2}}, {"tool": "double", "inputs": {"a": {"$from": {"step": "s1"}}}}]
    assert doer.execute(given).output == 6 and seen == ["s1"]


def test_tools_that_are_declared_as_values_run_on_the_engine_and_read_their_context_by_key():
    tries: dict[str, int] = {}

    def flaky(inputs, context):
        trace = context.get("trace_id", "none")
        tries[trace] = tries.get(trace, 0) + 1
        if tries[trace] < 3:
            raise ConnectionError(f"attempt {tries[trace]}")
        return "success after retry"

    registry = specs.ToolRegistry()
    registry.register(specs.ToolSpec(name="flaky", handler=flaky, side_effect="read-only"))
    doer = WorkerAgent(registry=registry, retry_policy=QUICK)
    assert doer.execute([{"tool": "flaky"}], metadata={"trace_id": "t1"}).output == "success after retry"
    assert tries == {"t1": 3}
