"""The coordinator by its older name: seven walks over the real engine."""

import pytest
from tests.hands import World, say

from cuga.model.event import CANONICAL
from cuga.orchestrator import (
    AGENTSCoordinator,
    BudgetEnforcer,
    ExecutionContext,
    ExecutionResult,
    Plan,
    PlanStep,
    ProfileLoader,
    ToolBudget,
    TraceEmitter,
)

CONTEXT = ExecutionContext(user_id="ann")


@pytest.fixture
def world():
    return World()


def plan(coordinator, *tools, **fields):
    made = [PlanStep(tool=name, input={"to": "x"}, reason="asked for", metadata={"domain": "any"}) for name in tools]
    return Plan(
        plan_id="p1", goal="do it", steps=made, stage="CREATED", trace_id=coordinator.trace_emitter.trace_id, **fields
    )


async def test_coordinator_basic_execution(world):
    async with AGENTSCoordinator(profile="enterprise", tools=world.tools()) as coordinator:
        result = await coordinator.execute_plan(plan(coordinator, "look", "count"), CONTEXT)
        assert isinstance(result, ExecutionResult) and result.success
        assert list(result.results) == ["s1", "s2"] and result.trace_id == coordinator.trace_emitter.trace_id
        names = [event.name for event in coordinator.get_trace()]
        assert names[0] == "plan_created" and set(names) <= set(CANONICAL)
        assert names.count("tool_call_start") == names.count("tool_call_complete") == 2
    assert world.counts == {"look": 1, "count": 1}


async def test_coordinator_budget_enforcement(world):
    async with AGENTSCoordinator(profile="smb", tools=world.tools()) as coordinator:
        result = await coordinator.execute_plan(plan(coordinator, *["count"] * 150), CONTEXT)
        assert not result.success and result.status.value == "partial"
        limit = coordinator.profile_config.budget.calls_per_domain["intelligence"]
        assert world.counts["count"] == len(result.results) == limit == 25
        names = [event.name for event in coordinator.get_trace()]
        assert "budget_warning" in names and "budget_exceeded" in names
        assert result.failure_context["mode"] == "policy_budget"
        assert not coordinator.budget_enforcer.check_budget("count", "intelligence")


async def test_a_hundred_and_fifty_steps_under_smb_stop_at_a_hundred():
    from cuga.tools import tool

    calls = []

    @tool(domain="governance", side_effect="read-only", purpose="notes a number")
    async def note(number: int) -> int:
        calls.append(number)
        return number

    async with AGENTSCoordinator(profile="smb", tools=(note,)) as coordinator:
        steps = [PlanStep(tool="note", input={"number": n}) for n in range(150)]
        result = await coordinator.execute_plan(Plan(goal="g", steps=steps), CONTEXT)
        assert len(calls) == len(result.results) == 100
        assert coordinator.get_budget_utilization()["total"] == {"used": 100, "limit": 100, "percentage": 100.0}


async def test_coordinator_approval_required(world):
    async with AGENTSCoordinator(profile="enterprise", tools=world.tools()) as coordinator:
        waiting = await coordinator.execute_plan(plan(coordinator, "look", "post"), CONTEXT)
        assert (waiting.approvals_required, waiting.approvals_received) == (1, 0) and world.calls == ["look"]
        await say(coordinator.approval_manager, reviewer="bob")
        done = await coordinator.wait(waiting.run_id)
        assert done.success and (done.approvals_required, done.approvals_received) == (1, 1)
    assert world.calls == ["look", "post"]


@pytest.mark.parametrize(("profile", "calls"), [("enterprise", 200), ("smb", 100), ("technical", 500)])
async def test_coordinator_profile_driven_budgets(world, profile, calls):
    async with AGENTSCoordinator(profile=profile, tools=world.tools()) as coordinator:
        assert coordinator.profile_config.budget.total_calls == calls
        assert coordinator.profile_loader.load(profile).name == profile
        result = await coordinator.execute_plan(plan(coordinator, "look"), CONTEXT)
        assert result.budget_utilization["total"]["limit"] == calls
        assert coordinator.budget_enforcer.get_utilization() == coordinator.get_budget_utilization()


async def test_coordinator_graceful_degradation(world):
    world.fail("count", PermissionError("no"))
    async with AGENTSCoordinator(profile="enterprise", tools=world.tools()) as coordinator:
        result = await coordinator.execute_plan(plan(coordinator, "look", "count", "look"), CONTEXT)
        assert result.status.value == "partial" and list(result.results) == ["s1", "s3"]
        assert result.failure_context == {
            "stage": "EXECUTE",
            "step": "s2",
            "tool": "count",
            "mode": "policy_security",
            "reason": "PermissionError: no",
        }
        assert [step.state for step in result.partial_results] == ["done", "failed", "done"]


async def test_coordinator_golden_signals(world):
    world.fail("count", PermissionError("no"))
    async with AGENTSCoordinator(profile="enterprise", tools=world.tools()) as coordinator:
        await coordinator.execute_plan(plan(coordinator, "look"), CONTEXT)
        await coordinator.execute_plan(plan(coordinator, "count"), CONTEXT)
        signals = coordinator.get_golden_signals()
    assert signals["success_rate"] == signals["error_rate"] == 0.5 and signals["tool_error_rate"] == 0.5
    assert signals["latency"]["p50"] > 0 and signals["latency"]["p99"] >= signals["latency"]["p50"]
    assert signals["mean_steps_per_task"] == 0.5 and signals["total_events"] > 0


async def test_coordinator_trace_continuity(world):
    emitter = TraceEmitter("trace-of-mine")
    async with AGENTSCoordinator(profile="enterprise", tools=world.tools(), trace_emitter=emitter) as coordinator:
        first = await coordinator.execute_plan(plan(coordinator, "look"), CONTEXT)
        second = await coordinator.execute_plan(plan(coordinator, "look"), CONTEXT)
        other = await coordinator.execute_plan(plan(coordinator, "look"), CONTEXT.with_trace("another"))
    assert first.run_id != second.run_id and {first.trace_id, second.trace_id} == {"trace-of-mine"}
    assert other.trace_id == "another"
    assert {event.run_id for event in emitter.get_trace("trace-of-mine")} == {first.run_id, second.run_id}


async def test_one_tool_by_itself_passes_the_same_gate(world):
    async with AGENTSCoordinator(profile="enterprise", tools=world.tools()) as coordinator:
        assert await coordinator._execute_tool(PlanStep(tool="look", input={"about": "x"})) == {"fact": "x"}
        with pytest.raises(Exception, match="waits for an approval"):
            await coordinator._execute_tool(PlanStep(tool="post", input={"to": "x"}))
    assert world.calls == ["look"]


def test_the_exports_are_there():
    import cuga.orchestrator as front

    assert front.ApprovalRequestAGENTS is front.ApprovalRequest and front.ToolBudgetEnforcer is ToolBudget
    assert front.BudgetEnforcer is BudgetEnforcer and front.ProfileLoader is ProfileLoader
    assert front.__all__ == sorted(front.__all__) and all(hasattr(front, name) for name in front.__all__)
    with pytest.raises(AttributeError):
        front.NoSuchName  # noqa: B018
