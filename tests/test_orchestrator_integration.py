"""All parts together, end to end: tries, approvals, recovery, audit, planning, observation, budgets, many at once."""

import asyncio
import sqlite3

import pytest
from tests.hands import QUICK, World, asked, coordinator, gathered, say, steps, worker

from cuga.errors import ApprovalDeniedError, OrchestrationError, ToolExecutionError
from cuga.model.failure import FailureMode
from cuga.modular.agents import CoordinatorAgent, MockLLM, PlannerAgent
from cuga.orchestrator import (
    ApprovalManager,
    ApprovalPolicy,
    ApprovalResponse,
    Coordinator,
    ExecutionContext,
    LifecycleStage,
    PartialResult,
    Plan,
    PlanningStage,
    PlanStep,
    PolicyBasedRoutingAuthority,
    RecoveryStrategy,
    RoundRobinPolicy,
    SQLiteAuditTrail,
    ToolBudget,
)
from cuga.orchestrator.library.rooms import rules_for_agents

GOAL = "look about Acme"
CONTEXT = ExecutionContext(trace_id="t1", profile="demo")


@pytest.fixture
def world():
    return World()


@pytest.fixture
def trail(tmp_path):
    return SQLiteAuditTrail(db_path=tmp_path / "audit.db")


def plan_of(*tools, trace_id="t1", **fields):
    made = [PlanStep(tool=name, input={"to": "x"}, index=index) for index, name in enumerate(tools)]
    return Plan(
        plan_id="plan-1",
        goal="do it",
        steps=made,
        stage=PlanningStage.CREATED,
        budget=ToolBudget(cost_ceiling=100.0, call_ceiling=50, token_ceiling=10000),
        trace_id=trace_id,
        **fields,
    )


# --- retry and approval -----------------------------------------------------------------------------------------------
def test_e2e_retry_with_transient_failure(world):
    """Two failures, then success, on one call of the caller's."""
    world.fail("look", ConnectionError("1"), ConnectionError("2"))
    result = worker(world).execute(steps("look"), metadata={"trace_id": "t1"})
    assert result.output == {"fact": "nothing"} and world.counts["look"] == 3
    assert {context.trace_id for context in world.seen} == {"t1"}
    assert [context.attempt for context in world.seen] == [1, 2, 3]


def test_e2e_retry_with_partial_result(world):
    """Tries that do not help leave what was done before them."""
    world.fail("count", *[ConnectionError(str(n)) for n in range(3)])
    with pytest.raises(ToolExecutionError) as caught:
        worker(world).execute(steps("look", "count"))
    partial = caught.value.partial_result
    assert partial.completed_steps == ("s1",) and partial.failure_mode == FailureMode.SYSTEM
    assert world.counts == {"look": 1, "count": 3}


async def test_e2e_approval_gate_auto_approve(world):
    """What a named rule of the profile agrees to goes on at once and is recorded like a decision."""
    async with Coordinator(tools=world.tools(), profile="smb") as house:
        result = await house.execute_plan(plan_of("draft"))
        assert result.success and (result.approvals_required, result.approvals_received) == (1, 1)
        (received,) = [event for event in house.get_trace() if event.name == "approval_received"]
        assert received.rule and not received.by and world.counts == {"draft": 1}


async def test_e2e_approval_gate_manual_approve(world):
    """A person's yes, and nothing before it."""
    manager = ApprovalManager(ApprovalPolicy(False, timeout_seconds=20))
    doing = asyncio.ensure_future(worker(world, approval_manager=manager).execute_with_retry(steps("post", to="x")))
    (request,) = await asked(manager)
    assert (request.tool_name, request.risk, world.calls) == ("post", "high", [])
    manager.submit_response(ApprovalResponse(request_id=request.request_id, approved=True, reviewer="ann"))
    assert (await doing).output == {"posted": "x"} and world.counts == {"post": 1}


# --- recovery ---------------------------------------------------------------------------------------------------------
def test_e2e_partial_result_recovery(world):
    """Fix what was wrong, go on after what is done."""
    world.fail("count", ValueError("1"), ValueError("2"), ValueError("3"))
    agent = worker(world)
    with pytest.raises(ToolExecutionError) as caught:
        agent.execute(steps("look", "count"), metadata={"trace_id": "t1"})
    partial = agent.get_partial_result_from_exception(caught.value)
    assert partial is not None and partial.is_recoverable
    result = agent.execute_from_partial(steps("look", "count"), partial)
    assert set(result.results) == {"s1", "s2"} and world.counts["look"] == 1


def test_e2e_multiple_recovery_attempts(world):
    """As often as it takes, and done steps stay done."""
    world.fail("count", *[ConnectionError(str(n)) for n in range(9)])
    agent = worker(world)
    partial = PartialResult()
    for _ in range(3):
        with pytest.raises(ToolExecutionError) as caught:
            agent.execute_from_partial(steps("look", "count"), partial)
        partial = caught.value.partial_result
    assert agent.execute_from_partial(steps("look", "count"), partial).output == {"words": 0}
    assert world.counts == {"look": 1, "count": 10}


@pytest.mark.parametrize(
    ("done", "errors", "strategy"),
    [
        (3, [ConnectionError()] * 3, RecoveryStrategy.RETRY_FAILED),
        (1, [ConnectionError()] * 3, RecoveryStrategy.RETRY_FROM_CHECKPOINT),
        (0, [ConnectionError()] * 3, RecoveryStrategy.RETRY_ALL),
        (1, [PermissionError()], RecoveryStrategy.MANUAL),
    ],
)
def test_e2e_recovery_strategy_suggestions(world, done, errors, strategy):
    """The suggestion follows from what failed and from how much is done."""
    world.fail("count", *errors)
    with pytest.raises(ToolExecutionError) as caught:
        worker(world).execute(steps(*["look"] * done, "count"))
    assert caught.value.partial_result.recovery_strategy is strategy


# --- audit and planning -----------------------------------------------------------------------------------------------
async def test_e2e_basic_orchestration(world, trail):
    """A plan, its steps, its end."""
    async with Coordinator(tools=world.tools(), profile="smb") as house:
        plan = plan_of("look", "count")
        trail.record_plan(plan, CONTEXT)
        result = await house.execute_plan(plan, CONTEXT.with_profile("smb"))
    assert result.success and list(result.results) == ["s1", "s2"]
    (record,) = trail.get_trace_history("t1")
    assert record.reason == "do it" and record.metadata.get("step_count") == 2


async def test_e2e_audit_trail_persistence(world, tmp_path):
    """What was recorded is in the file, for whoever opens it."""
    agents = coordinator(world, audit_trail=SQLiteAuditTrail(db_path=tmp_path / "audit.db"))
    await gathered(agents.orchestrate(GOAL, CONTEXT))
    records = SQLiteAuditTrail(db_path=tmp_path / "audit.db").get_trace_history("t1")
    planning = [record for record in records if record.decision_type == "planning"]
    assert planning[0].reason == GOAL and planning[0].metadata.get("step_count") == 1
    with sqlite3.connect(tmp_path / "audit.db") as db:
        assert db.execute("SELECT count(*) FROM decisions").fetchone() == (len(records),)


async def test_e2e_planning_routing_audit_integration(world, trail):
    """Each decision, of planning and of routing, with its reason."""
    agents = CoordinatorAgent(
        PlannerAgent(llm=MockLLM()),
        [worker(world, "one"), worker(world, "two")],
        routing_authority=PolicyBasedRoutingAuthority(worker_policy=RoundRobinPolicy()),
        audit_trail=trail,
        retry_policy=QUICK,
    )
    await gathered(agents.orchestrate("look about Acme, then count the words", CONTEXT))
    kinds = [record.decision_type for record in trail.get_trace_history("t1")]
    assert kinds == ["planning", "routing", "routing", "planning"]
    assert [record.target for record in trail.get_decisions("t1")] == ["one", "two"]
    assert all(record.reasoning for record in trail.get_trace_history("t1"))


async def test_e2e_complex_multi_stage_workflow(world):
    """Outputs flow on, independent steps do not wait, consent holds only what needs it."""
    async with Coordinator(tools=world.tools(), profile="enterprise", user="ann") as house:
        from_fact = {"$from": {"step": "fact", "path": "/fact"}}
        plan = Plan(
            goal="do it",
            steps=[
                PlanStep(tool="look", step_id="fact", input={"about": "four words it is"}),
                PlanStep(tool="count", step_id="size", input={"text": from_fact}),
                PlanStep(tool="draft", step_id="note", input={"to": from_fact}),
                PlanStep(tool="post", step_id="out", input={"to": from_fact}, depends_on=("note",)),
            ],
        )
        waiting = await house.execute_plan(plan)
        assert waiting.results == {"fact": {"fact": "four words it is"}, "size": {"words": 4}}
        for _ in range(2):
            await say(house.approval_manager, reviewer="bob")
            await house.wait(waiting.run_id)
        done = await house.result(waiting.run_id)
        assert done.success and done.results["out"] == {"posted": "four words it is"}
    assert world.calls == ["look", "count", "draft", "post"]


async def test_e2e_error_propagation_through_stack(world):
    """A tool's error arrives at the caller with its mode, its stage, and what was done before it."""
    world.fail("count", PermissionError("not yours"))
    agents = coordinator(world)
    with pytest.raises(OrchestrationError) as caught:
        await gathered(agents.orchestrate("look about Acme, then count the words", CONTEXT))
    error = caught.value
    assert error.stage is LifecycleStage.EXECUTE and "not yours" in str(error.partial_result.error)
    assert error.partial_result.failure_mode == FailureMode.POLICY and error.partial_result.step_results


# --- observation and budgets ------------------------------------------------------------------------------------------
async def test_e2e_observability_events(world):
    """The events of a run, readable as objects and as mappings, and figures from what really happened."""
    async with Coordinator(tools=world.tools(), profile="smb") as house:
        await house.execute_plan(plan_of("look", "count"), CONTEXT.with_profile("smb"))
        trace = house.trace_emitter.get_trace("t1")
        assert [event.name for event in trace].count("tool_call_start") == 2
        for event in trace:
            assert event.name == event["name"] == event.get("name") and event.at.tzinfo is not None
        signals = house.get_golden_signals()
        assert signals["success_rate"] == 1.0 and signals["latency"]["p50"] > 0
        assert signals["total_events"] == len(trace)
        assert house.trace_emitter.get_duration_ms("t1") > 0


async def test_e2e_budget_tracking_in_plans(world):
    """A plan's own budget holds, and says what is used."""
    plan = plan_of(*["look"] * 5)
    plan = Plan(goal=plan.goal, steps=plan.steps, budget=ToolBudget(cost_ceiling=1.0, call_ceiling=50))
    assert (plan.budget.cost_ceiling, plan.budget.call_ceiling) == (1.0, 50)
    async with Coordinator(tools=world.tools(), profile="smb") as house:
        result = await house.execute_plan(plan)
    assert result.status.value == "partial" and world.counts == {"look": 2}
    assert result.budget_utilization["cost"] == {"used": 1.0, "limit": 1.0, "percentage": 100.0}
    assert result.failure_context["mode"] == "policy_budget"


# --- many at once -----------------------------------------------------------------------------------------------------
async def test_e2e_concurrent_orchestration(world, trail):
    """Ten goals at once: ten traces, none mixed, work shared out evenly."""
    agents = coordinator(world, audit_trail=trail)
    contexts = [ExecutionContext(trace_id=f"t{n}", profile="demo") for n in range(10)]
    told = await asyncio.gather(*(gathered(agents.orchestrate(GOAL, context)) for context in contexts))
    assert all(events[-1]["stage"] is LifecycleStage.COMPLETE for events in told)
    targets = [trail.get_decisions(context.trace_id)[0].target for context in contexts]
    assert sorted(targets) == ["one"] * 5 + ["two"] * 5
    assert sorted(context.trace_id for context in world.seen) == sorted(context.trace_id for context in contexts)


async def test_e2e_all_components_integration(world, trail):
    """Planning, routing, consent, tries, recovery, audit and events in one go."""
    manager = ApprovalManager(ApprovalPolicy(lambda tool, _: tool == "count", timeout_seconds=20))
    agents = coordinator(world, worker(world, "one", approval_manager=manager), worker(world, "two"), audit_trail=trail)
    goal = "look about Acme, then count the words"
    world.fail("look", ConnectionError("once"))
    doing = asyncio.ensure_future(gathered(agents.orchestrate(goal, CONTEXT)))
    await say(manager, approved=False, reviewer="bob", reasoning="later")
    with pytest.raises(OrchestrationError) as caught:
        await doing
    partial = caught.value.partial_result
    assert partial.completed_steps == ("s1",) and partial.failure_mode is FailureMode.POLICY_APPROVAL
    assert isinstance(caught.value, OrchestrationError) and not isinstance(caught.value, ApprovalDeniedError)

    with pytest.raises(ApprovalDeniedError, match="not asked again"):
        await agents.workers[0].resume_from_partial(steps("look", "count"), partial)
    again = asyncio.ensure_future(agents.workers[0].execute_with_retry(steps("count"), {"trace_id": "t1"}))
    await say(manager, reviewer="bob")
    assert (await again).results.keys() == {"s1"}
    assert world.counts == {"look": 2, "count": 1}
    names = {event.name for event in agents.coordinator.trace_emitter.get_trace("t1")}
    assert {"plan_created", "tool_call_error", "approval_requested", "approval_received"} <= names
    assert {record.decision_type for record in trail.get_trace_history("t1")} == {"planning", "routing"}


def test_the_rules_of_agents_know_the_rooms_that_tests_work_in():
    assert {"demo", "test", "dev", "prod", "enterprise", "smb", "technical"} <= set(rules_for_agents().profiles)
