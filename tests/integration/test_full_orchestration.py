"""Whole orchestrations with every authority: what callers see, what the house keeps, what the world was done to."""

import asyncio
from datetime import timedelta

import pytest
from tests.hands import World, asked, coordinator, gathered, into, say, steps, worker

from cuga.clock import ManualClock
from cuga.errors import ApprovalTimeoutError, OrchestrationError
from cuga.model import house_event as h
from cuga.model.failure import FailureMode
from cuga.modular.agents import CoordinatorAgent, PlannerAgent, create_coordinator
from cuga.modular.memory import VectorMemory
from cuga.orchestrator import (
    ApprovalManager,
    ApprovalPolicy,
    Coordinator,
    ErrorPropagation,
    ExecutionContext,
    LifecycleStage,
    Plan,
    PlanningAuthority,
    PlanStep,
    ReferenceOrchestrator,
    ToolBudget,
)
from cuga.orchestrator.house.place import make
from cuga.orchestrator.library.rooms import rules_for_agents

S = LifecycleStage
CONTEXT = ExecutionContext(trace_id="test-e2e", profile="demo")
TWO = "look about Acme, then count the words"


@pytest.fixture
def world():
    return World()


def stages(events):
    return [event["stage"] for event in events]


class Given(PlanningAuthority):
    """One plan for every goal."""

    def __init__(self, *steps, budget=None):
        super().__init__(planner=PlannerAgent())
        self.steps, self.budget = steps, budget

    async def create_plan(self, goal, context=None, budget=None):
        return Plan(goal=goal, steps=self.steps, budget=self.budget)


async def test_end_to_end_with_all_authorities(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    agents = create_coordinator(
        planner=PlannerAgent(),
        workers=[worker(world, "one"), worker(world, "two")],
        memory=None,
        routing_policy="capability",
        audit_backend="json",
    )
    events = await gathered(agents.orchestrate("look about Acme", CONTEXT))
    assert stages(events) == [S.INITIALIZE, S.PLAN, S.ROUTE, S.EXECUTE, S.AGGREGATE, S.COMPLETE]
    assert len(agents.audit_trail.get_decisions("test-e2e")) == 1
    assert (tmp_path / "audit_logs/test-e2e.jsonl").exists()


async def test_retry_recovery_from_transient_failure(world):
    world.fail("look", ConnectionError("1"), TimeoutError("2"))
    events = await gathered(coordinator(world).orchestrate(TWO, CONTEXT))
    assert stages(events)[-1] is S.COMPLETE and world.counts == {"look": 3, "count": 1}


async def test_approval_gate_blocks_sensitive_operation(world):
    manager = ApprovalManager(ApprovalPolicy(False, timeout_seconds=20))
    agents = coordinator(
        world,
        worker(world, approval_manager=manager),
        planning_authority=Given(PlanStep(tool="post", input={"to": "x"})),
    )
    doing = asyncio.ensure_future(gathered(agents.orchestrate("g", CONTEXT)))
    (request,) = await asked(manager)
    assert world.calls == [] and request.risk == "high"
    await say(manager)
    assert stages(await doing)[-1] is S.COMPLETE and world.calls == ["post"]


async def test_partial_result_preservation_on_failure(world):
    world.fail("count", PermissionError("no"))
    agents = coordinator(world)
    with pytest.raises(OrchestrationError) as caught:
        await gathered(agents.orchestrate(TWO, CONTEXT))
    partial = caught.value.partial_result
    assert partial.step_results == {"s1": {"fact": "nothing"}}
    result = await agents.workers[0].resume_from_partial(steps("look", "count"), partial)
    assert result.output == {"words": 0} and world.counts == {"look": 1, "count": 2}


async def test_a_denial_fails_the_goal_and_does_nothing(world):
    manager = ApprovalManager(ApprovalPolicy(True, timeout_seconds=20))
    agents = coordinator(world, worker(world, approval_manager=manager))
    doing = asyncio.ensure_future(gathered(agents.orchestrate("look about Acme", CONTEXT)))
    await say(manager, approved=False, reviewer="bob", reasoning="not this quarter")
    with pytest.raises(OrchestrationError) as caught:
        await doing
    assert caught.value.partial_result.failure_mode is FailureMode.POLICY_APPROVAL and world.calls == []


async def test_silence_ends_the_wait_and_not_the_request(world):
    manager = ApprovalManager(ApprovalPolicy(True, timeout_seconds=0.02))
    agents = coordinator(world, worker(world, approval_manager=manager))
    with pytest.raises(ApprovalTimeoutError):
        await gathered(agents.orchestrate("look about Acme", CONTEXT))
    (run,) = [run for run in await agents.home.do(agents.coordinator.runs()) if run.status.value == "parked"]
    await say(manager)
    assert (await agents.home.do(agents.coordinator.wait(run.run_id))).success and world.calls == ["look"]


async def test_the_budget_of_a_plan_ends_it(world):
    step = PlanStep(tool="look")
    agents = coordinator(world, planning_authority=Given(step, step, step, budget=ToolBudget(total_calls=2)))
    with pytest.raises(OrchestrationError) as caught:
        await gathered(agents.orchestrate("g", CONTEXT))
    assert caught.value.partial_result.failure_mode is FailureMode.POLICY_BUDGET and world.counts == {"look": 2}


async def test_budget_aware_planning_plans_only_what_fits(world):
    authority = PlanningAuthority(planner=PlannerAgent(), mode="budget_aware")
    agents = coordinator(world, planning_authority=authority)
    authority.planner = agents.planner
    plan = await authority.create_plan(TWO, CONTEXT, ToolBudget(cost_ceiling=0.6))
    assert [step.tool for step in plan.steps] == ["look"] and plan.notes


async def test_a_memory_hears_what_became_of_goals_and_gives_hints(world):
    agents = create_coordinator(
        PlannerAgent(), [worker(world)], VectorMemory(), planning_mode="memory_augmented", audit_backend="none"
    )
    first = await gathered(agents.orchestrate("look about Acme", CONTEXT))
    events = await gathered(agents.orchestrate("look about Acme", CONTEXT))
    assert any(first[-1]["data"]["run_id"] in reason for reason in events[1]["data"]["plan"].why)


async def test_continue_does_what_can_be_done(world):
    world.fail("look", PermissionError("no"))
    agents = coordinator(world, planning_authority=Given(PlanStep(tool="look"), PlanStep(tool="count")))
    events = await gathered(agents.orchestrate("g", CONTEXT, error_strategy=ErrorPropagation.CONTINUE))
    assert stages(events)[-1] is S.COMPLETE and events[-1]["data"]["partial"] is True
    assert world.counts == {"look": 1, "count": 1}


async def test_retry_goes_on_after_the_engines_own_tries(world):
    world.fail("look", *[ConnectionError(str(n)) for n in range(4)])
    agents = coordinator(world)
    events = await gathered(agents.orchestrate(TWO, CONTEXT, error_strategy=ErrorPropagation.RETRY))
    assert stages(events)[-1] is S.COMPLETE and world.counts["look"] == 5
    assert stages(events).count(S.PLAN) == 2  # the plan of what was left is a plan of its own


async def test_fallback_hands_over_with_what_was_done(world):
    handed = []

    async def fallback(goal, context, partial):
        handed.append((goal, partial.completed_steps))
        return "by hand"

    world.fail("count", PermissionError("no"))
    agents = coordinator(world, fallback=fallback)
    events = await gathered(agents.orchestrate(TWO, CONTEXT, error_strategy=ErrorPropagation.FALLBACK))
    assert events[-1]["data"]["fallback"] == "by hand" and handed == [(TWO, ("s1",))]


async def test_a_goal_that_nothing_fits_fails_before_anything_runs(world):
    seen = []
    with pytest.raises(OrchestrationError, match="tool") as caught:
        await into(seen, coordinator(world).orchestrate("sing me a lullaby", CONTEXT))
    assert stages(seen) == [S.INITIALIZE, S.AGGREGATE, S.FAILED] and caught.value.stage is S.PLAN and world.calls == []


async def test_agents_work_in_a_house_that_is_handed_in(world, tmp_path):
    make(tmp_path)
    async with Coordinator(house=tmp_path, tools=world.tools(), profile="smb", user="ann") as house:
        agents = CoordinatorAgent(
            PlannerAgent(), [worker(world, coordinator=house, retry_policy=None)], coordinator=house
        )
        await gathered(agents.orchestrate("look about Acme", ExecutionContext(trace_id="t1", profile="smb")))
    async with Coordinator(house=tmp_path, tools=world.tools(), user="ann") as house:
        runs = [await house.result(run.run_id) for run in await house.runs()]
        assert {run.trace_id for run in runs} == {"t1"} and all(run.success for run in runs)


async def test_a_goal_goes_on_in_another_process_once_somebody_agreed(world, tmp_path):
    make(tmp_path)
    async with Coordinator(house=tmp_path, tools=world.tools(), profile="enterprise", user="ann") as house:
        orchestrator = ReferenceOrchestrator(house, wait_s=0.02)
        orchestrator.plan_for = lambda goal, context: _made(
            Plan(goal=goal, steps=[PlanStep(tool="post", input={"to": "x"})])
        )
        with pytest.raises(ApprovalTimeoutError) as caught:
            await gathered(orchestrator.orchestrate("g", ExecutionContext()))
    async with Coordinator(house=tmp_path, tools=world.tools(), profile="enterprise", user="ann") as house:
        await say(house.approval_manager)
        assert (await house.wait(caught.value.facts["run_id"])).success
    assert world.calls == ["post"]


async def _made(plan):
    return plan


async def test_a_request_that_expires_fails_its_step_however_long_nobody_looked(world):
    clock = ManualClock()
    async with Coordinator(tools=world.tools(), profile="enterprise", user="ann", clock=clock) as house:
        waiting = await house.execute_plan(Plan(goal="g", steps=[PlanStep(tool="post", input={"to": "x"})]))
        clock.advance(timedelta(hours=24))
        ended = await house.resume(waiting.run_id)
    assert ended.status.value == "failed" and ended.failure_context["mode"] == "policy_approval" and world.calls == []


async def test_the_stop_button_holds_goals_and_lets_them_go(world):
    async with Coordinator(tools=world.tools(), registry=rules_for_agents(), profile="smb", user="ann") as house:
        at = (await house.open()).clock.now()
        await house.change(h.Halted(at=at, reason="drill"))
        orchestrator = ReferenceOrchestrator(house, wait_s=20)
        doing = asyncio.ensure_future(gathered(orchestrator.orchestrate("look about Acme", CONTEXT)))
        while not [run for run in await house.runs() if run.status.value == "parked"]:
            await asyncio.sleep(0.005)
        assert world.calls == []
        await house.change(h.HaltLifted(at=at))
        assert stages(await doing)[-1] is S.COMPLETE and world.calls == ["look"]


async def test_many_goals_at_once_do_each_thing_once(world):
    agents = coordinator(world)
    contexts = [ExecutionContext(trace_id=f"t{n}", profile="demo") for n in range(20)]
    told = await asyncio.gather(*(gathered(agents.orchestrate(TWO, context)) for context in contexts))
    assert all(stages(events)[-1] is S.COMPLETE for events in told) and world.counts == {"look": 20, "count": 20}


async def test_signals_and_trace_of_agents_come_from_the_house(world):
    agents = coordinator(world)
    await gathered(agents.orchestrate(TWO, CONTEXT))
    signals = agents.coordinator.get_golden_signals()
    assert signals["success_rate"] == 1.0 and signals["latency"]["p95"] > 0
    assert signals["runs"]["success"] == 1 and signals["runs"]["planned"] == 1
