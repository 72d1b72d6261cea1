"""The coordinator of agents as an orchestrator: stages, authorities, strategies, all on the house's engine."""

import asyncio

import pytest
from tests.hands import QUICK, World, coordinator, gathered, say, steps, worker

from cuga.errors import OrchestrationError, ToolInvalid
from cuga.modular.agents import AgentProtocol, AgentRequest, CoordinatorAgent, PlannerAgent, create_coordinator
from cuga.orchestrator import (
    ApprovalManager,
    ApprovalPolicy,
    Coordinator,
    ErrorPropagation,
    ExecutionContext,
    JSONAuditTrail,
    LifecycleStage,
    NoOpAuditTrail,
    OrchestratorProtocol,
    Plan,
    PlanningAuthority,
    PlanStep,
    SQLiteAuditTrail,
)
from cuga.tools import tool
from cuga.tools.registry import ToolRegistry

CONTEXT = ExecutionContext(trace_id="t1", profile="demo")
GOAL = "look about Acme"


@pytest.fixture
def world():
    return World()


class Given(PlanningAuthority):
    """Gives one plan for every goal, and counts."""

    def __init__(self, *tools):
        super().__init__(planner=PlannerAgent())
        self.asked = []
        self.steps = tuple(
            PlanStep(tool=name, step_id=f"s{n}", depends_on=(f"s{n - 1}",) if n else (), input={"to": "x"})
            for n, name in enumerate(tools)
        )

    async def create_plan(self, goal, context=None, budget=None):
        self.asked.append((goal, context))
        return Plan(goal=goal, steps=self.steps)


async def test_implements_orchestrator_protocol(world):
    assert isinstance(coordinator(world), OrchestratorProtocol)


async def test_lifecycle_stages_emitted_in_order(world):
    stages = [event["stage"] for event in await gathered(coordinator(world).orchestrate(GOAL, CONTEXT))]
    assert stages[:2] == [LifecycleStage.INITIALIZE, LifecycleStage.PLAN]
    assert stages[2:] == [
        LifecycleStage.ROUTE,
        LifecycleStage.EXECUTE,
        LifecycleStage.AGGREGATE,
        LifecycleStage.COMPLETE,
    ]


async def test_delegates_to_routing_authority(world):
    agents = coordinator(world)
    decision = agents.make_routing_decision("a task", CONTEXT, ["one", "two"])
    assert decision.reasoning and decision.alternatives == ("two",)


async def test_delegates_to_planning_authority(world):
    authority = Given("count")
    agents = coordinator(world, planning_authority=authority)
    await gathered(agents.orchestrate("anything at all", CONTEXT))
    assert authority.asked == [("anything at all", CONTEXT)] and world.calls == ["count"]


async def test_the_planner_is_asked_through_the_authority_alone(world):
    class Loud(PlannerAgent):
        def plan(self, *_):
            raise AssertionError("asked directly")

    agents = CoordinatorAgent(Loud(), [worker(world)], retry_policy=QUICK)
    assert (await gathered(agents.orchestrate(GOAL, CONTEXT)))[-1]["stage"] is LifecycleStage.COMPLETE


async def test_steps_run_on_the_engine_with_its_record(world):
    agents = coordinator(world)
    events = await gathered(agents.orchestrate(GOAL, CONTEXT))
    trace = await agents.home.do(agents.coordinator.trace(events[-1]["data"]["run_id"]))
    assert trace.names == ("plan_created", "route_decision", "tool_call_start", "tool_call_complete")


async def test_transient_failures_are_tried_again_inside_a_goal(world):
    world.fail("look", ConnectionError(), ConnectionError())
    events = await gathered(coordinator(world).orchestrate(GOAL, CONTEXT))
    assert events[-1]["stage"] is LifecycleStage.COMPLETE and world.counts["look"] == 3


async def test_a_failure_stops_what_follows_and_keeps_what_was_done(world):
    world.fail("count", PermissionError("no"))
    agents = coordinator(world, planning_authority=Given("look", "count", "look"))
    with pytest.raises(OrchestrationError) as caught:
        await gathered(agents.orchestrate("g", CONTEXT))
    assert caught.value.partial_result.completed_steps == ("s0",) and world.counts == {"look": 1, "count": 1}


async def test_continue_ends_complete_with_the_rest_missing(world):
    world.fail("count", PermissionError("no"))
    agents = coordinator(world, planning_authority=Given("look", "count"))
    events = await gathered(agents.orchestrate("g", CONTEXT, error_strategy=ErrorPropagation.CONTINUE))
    assert events[-1]["stage"] is LifecycleStage.COMPLETE and events[-1]["data"]["partial"]


async def test_a_workers_policy_asks_a_person_inside_a_goal(world):
    manager = ApprovalManager(ApprovalPolicy(lambda tool, _: tool == "look", timeout_seconds=20))
    agents = coordinator(world, worker(world, approval_manager=manager))
    doing = asyncio.ensure_future(gathered(agents.orchestrate(GOAL, CONTEXT)))
    await say(manager)
    assert (await doing)[-1]["stage"] is LifecycleStage.COMPLETE and world.counts == {"look": 1}


def test_dispatch_waits_for_the_end_for_plain_functions(world):
    result = coordinator(world).dispatch(GOAL, trace_id="t9")
    assert result.output["fact"] == "nothing" and result.trace_id == "t9"
    assert result.trace[0].name == "plan_created"


def test_dispatch_raises_what_orchestrate_raises(world):
    world.fail("look", PermissionError("no"))
    with pytest.raises(OrchestrationError):
        coordinator(world).dispatch(GOAL)


async def test_whatever_goes_wrong_is_an_answer_to_a_request(world):
    agents = coordinator(world)
    assert isinstance(agents, AgentProtocol)
    assert (await agents.process(AgentRequest(goal=GOAL, context=CONTEXT))).success
    world.fail("look", PermissionError("no"))
    response = await agents.process(AgentRequest(goal=GOAL, context=CONTEXT))
    assert (response.status, response.success, response.partial_success) == ("failed", False, False)
    assert "no" in response.error


async def test_a_worker_answers_a_request_with_what_it_could_do(world):
    world.fail("count", PermissionError("no"))
    response = await worker(world).process(AgentRequest(steps=tuple(steps("look", "count")), context=CONTEXT))
    assert response.partial_success and response.result == {"s1": {"fact": "nothing"}}
    assert response.partial_result.failed_step["tool"] == "count" and response.failure_mode is not None


async def test_agents_start_once_and_end_in_time(world):
    agents = coordinator(world)
    life = agents.get_lifecycle()
    await life.startup()
    await life.startup()
    assert await life.shutdown(timeout_s=30.0)


def test_two_workers_of_one_name_or_one_tool_of_two_meanings_are_refused(world):
    with pytest.raises(ToolInvalid, match="same name"):
        coordinator(world, worker(world, "one"), worker(world, "one"))

    @tool(domain="intelligence", side_effect="execute", name="look", purpose="is another tool")
    def look(inputs, context):
        return None

    other = ToolRegistry()
    other.register(look)
    two = worker(world, "two")
    two.registry = other
    with pytest.raises(ToolInvalid, match="another contract"):
        coordinator(world, worker(world, "one"), two)


@pytest.mark.parametrize(
    ("backend", "kind"), [("json", JSONAuditTrail), ("sqlite", SQLiteAuditTrail), ("none", NoOpAuditTrail)]
)
def test_a_coordinator_from_words(world, backend, kind):
    made = create_coordinator(PlannerAgent(), [worker(world)], None, audit_backend=backend)
    assert type(made.audit_trail) is kind


@pytest.mark.parametrize(
    ("wrong", "choices"),
    [
        ({"routing_policy": "psychic"}, "round_robin, capability, load_balanced"),
        ({"planning_mode": "psychic"}, "default, budget_aware, memory_augmented"),
        ({"audit_backend": "psychic"}, "json, sqlite, none"),
    ],
)
def test_a_word_that_is_none_names_the_choices(world, wrong, choices):
    with pytest.raises(ValueError, match=choices):
        create_coordinator(PlannerAgent(), [worker(world)], None, **wrong)


async def test_a_planner_starts_once_ends_in_time_and_plans_in_a_house_that_is_handed_in(world):
    planner = PlannerAgent(registry=world.registry())
    await planner.get_lifecycle().startup()
    assert await planner.get_lifecycle().shutdown()
    async with Coordinator(tools=world.tools(), profile="smb") as house:
        plan = await PlannerAgent(coordinator=house).create_plan(GOAL, ExecutionContext())
        assert [step.tool for step in plan.steps] == ["look"] and len(await house.runs()) == 1


async def test_an_error_of_a_run_that_was_stopped_can_be_gone_on_with(world):
    world.fail("look", *[ConnectionError(str(n)) for n in range(3)])
    agents = coordinator(world, planning_authority=Given("look", "count"))
    with pytest.raises(OrchestrationError) as caught:
        await gathered(agents.orchestrate("g", CONTEXT))
    told = await agents.handle_error(caught.value, ErrorPropagation.RETRY, CONTEXT)
    assert told["stage"] is LifecycleStage.COMPLETE and world.counts == {"look": 4, "count": 1}


async def test_fallback_answers_an_error_that_is_handed_in(world):
    async def fallback(goal, context, partial):
        return partial.error

    agents = coordinator(world, fallback=fallback)
    told = await agents.handle_error(
        OrchestrationError("gone", stage=LifecycleStage.EXECUTE), ErrorPropagation.FALLBACK
    )
    assert "gone" in told["data"]["fallback"]
