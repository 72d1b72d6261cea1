"""Ten ways in which such a system goes wrong without anybody noticing; each test fails on one that does."""

import asyncio
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from tests.hands import QUICK, World, say

import cuga
from cuga.errors import BadInput, BudgetRefused, NotDone, PlanInvalid, ToolInvalid
from cuga.model import house_event as h
from cuga.model.failure import FailureMode
from cuga.orchestrator import (
    AGENTSCoordinator,
    BudgetEnforcer,
    ExecutionContext,
    IntelligentPlanner,
    Plan,
    PlanStep,
    ProfileLoader,
    ToolBudget,
)
from cuga.orchestrator.house.place import make
from cuga.orchestrator.library.rooms import rules_for_agents
from cuga.policy.profile import Rate
from cuga.testing.factories import AT
from cuga.tools import ToolContext, tool

CONTEXT = ExecutionContext(user_id="ann")


@pytest.fixture
def world():
    return World()


def plan(*tools, budget=None, **inputs):
    return Plan(goal="do it", steps=[PlanStep(tool=name, input=inputs) for name in tools], budget=budget)


async def test_an_approval_is_awaited_before_the_tool_is_touched(world):
    async with AGENTSCoordinator(profile="enterprise", tools=world.tools()) as coordinator:
        waiting = await coordinator.execute_plan(plan("post", to="x"), CONTEXT)
        for _ in range(3):
            await coordinator.resume(waiting.run_id)
        assert world.calls == [] and (await coordinator.state(waiting.run_id)).pending
        await say(coordinator.approval_manager, approved=False, reviewer="bob")
        await coordinator.wait(waiting.run_id)
        assert world.calls == []
        again = await coordinator.execute_plan(plan("post", to="x"), CONTEXT)
        await say(coordinator.approval_manager, reviewer="bob")
        assert (await coordinator.wait(again.run_id)).success and world.calls == ["post"]


async def test_tools_are_really_called_and_answer_for_themselves(tmp_path):
    @tool(domain="knowledge", side_effect="propose", purpose="writes a file", repeatable="key")
    def write(context: ToolContext, name: str, text: str) -> dict[str, int]:
        return {"bytes": (tmp_path / name).write_text(text)}

    async with AGENTSCoordinator(profile="smb", tools=(write,)) as coordinator:
        result = await coordinator.execute_plan(plan("write", name="a.txt", text="hello"), CONTEXT)
    assert (tmp_path / "a.txt").read_text() == "hello" and result.results == {"s1": {"bytes": 5}}


async def test_percentiles_are_those_of_the_calls_that_were_made():
    @tool(domain="intelligence", side_effect="read-only", purpose="takes its time")
    async def take(ms: int) -> int:
        await asyncio.sleep(ms / 1000)
        return ms

    async with AGENTSCoordinator(profile="technical", tools=(take,)) as coordinator:
        for ms in (*[0] * 9, 60):
            await coordinator.execute_plan(plan("take", ms=ms), CONTEXT)
        latency = coordinator.get_golden_signals()["latency"]
        ended = [event.duration_ms for event in coordinator.get_trace() if event.name == "tool_call_complete"]
    assert latency["p99"] >= 60 > latency["p50"] > 0 and latency["max"] == max(ended)


async def test_calls_that_fail_cost_what_they_cost(world):
    world.fail("look", *[ConnectionError(str(n)) for n in range(3)])
    registry = rules_for_agents(QUICK)
    async with AGENTSCoordinator(profile="smb", tools=world.tools(), registry=registry) as coordinator:
        result = await coordinator.execute_plan(plan("look"), CONTEXT)
    used = result.budget_utilization
    assert not result.success and world.counts["look"] == 3
    assert (used["total"]["used"], used["cost"]["used"], used["by_tool"]["look"]["used"]) == (3, 1.5, 3)


async def test_nobody_overspends_by_checking_before_somebody_else_records(world):
    registry = rules_for_agents()
    smb = registry.profiles["smb"]
    limited = msgspec.structs.replace(smb, rates=(Rate(per="tenant", calls=3, window_s=86_400),))
    registry = msgspec.structs.replace(registry, profiles={**registry.profiles, "smb": limited})
    async with AGENTSCoordinator(profile="smb", tools=world.tools(), registry=registry) as coordinator:
        await asyncio.gather(*(coordinator.execute_plan(plan("look"), CONTEXT) for _ in range(20)))
        assert world.counts["look"] == 3
        wide = await coordinator.execute_plan(plan(*["count"] * 8, budget=ToolBudget(total_calls=2)), CONTEXT)
    assert world.counts["count"] == 0 and wide.status.value == "parked"

    enforcer = BudgetEnforcer(ToolBudget(total_calls=10))

    def one_more(_):
        try:
            enforcer.record_usage("look", "intelligence")
        except BudgetRefused:
            return 0
        return 1

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(one_more, range(200))) == 10
    assert enforcer.get_utilization()["total"]["used"] == 10


async def test_the_budget_of_a_plan_holds_below_that_of_its_profile(world):
    async with AGENTSCoordinator(profile="technical", tools=world.tools()) as coordinator:
        for budget, calls in [
            (ToolBudget(total_calls=2), 2),
            (ToolBudget(cost_ceiling=1.5), 3),
            (ToolBudget(calls_per_tool={"look": 1}), 1),
            (ToolBudget(calls_per_domain={"intelligence": 4}), 4),
            (ToolBudget(total_calls=0), 0),
        ]:
            world.calls.clear()
            result = await coordinator.execute_plan(plan(*["look"] * 6, budget=budget), CONTEXT)
            assert world.counts["look"] == calls and not result.success


@pytest.mark.parametrize(
    ("error", "mode"),
    [
        (PermissionError("no"), FailureMode.POLICY_SECURITY),
        (BadInput("what"), FailureMode.USER_INVALID_INPUT),
        (MemoryError(), FailureMode.SYSTEM_OOM),
        (NotDone("full", mode=FailureMode.RESOURCE_QUOTA), FailureMode.RESOURCE_QUOTA),
    ],
)
async def test_failures_are_filed_under_what_they_are(world, error, mode):
    world.fail("look", error)
    async with AGENTSCoordinator(profile="smb", tools=world.tools()) as coordinator:
        failed = await coordinator.execute_plan(plan("look"), CONTEXT)
        spent = await coordinator.execute_plan(plan("count", budget=ToolBudget(total_calls=0)), CONTEXT)
        signals = coordinator.get_golden_signals()
    assert failed.failure_context["mode"] == mode.value and signals["failure_modes"] == {mode.value: 1}
    assert spent.failure_context["mode"] == "policy_budget"


READER = """
import asyncio, json, sys
from cuga.orchestrator import Coordinator
async def main():
    async with Coordinator(house=sys.argv[1]) as house:
        result = await house.result(sys.argv[2])
        asked = [card.approval_id for card in await house.inbox()]
        names = [event.name for event in (await house.trace(sys.argv[2])).events]
        print(json.dumps([result.status.value, result.results, result.budget_utilization["total"], asked, names]))
asyncio.run(main())
"""


async def test_another_process_sees_what_this_one_did(world, tmp_path):
    make(tmp_path)
    async with AGENTSCoordinator(profile="enterprise", house=tmp_path, tools=world.tools(), user="ann") as coordinator:
        result = await coordinator.execute_plan(plan("look", "post", about="x", to="x"), CONTEXT)
        trace = [event.name for event in coordinator.get_trace()]
        asked = [card.approval_id for card in await coordinator.inbox()]
    command = [sys.executable, "-c", READER, str(tmp_path), result.run_id]
    environment = {"PYTHONPATH": str(Path(cuga.__file__).parents[1]), "PATH": ""}
    told = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, env=environment, timeout=60, check=True
    )
    seen = json.loads(told.stdout)
    assert seen == ["parked", result.results, result.budget_utilization["total"], asked, trace]
    assert result.results == {"s1": {"fact": "x"}} and len(asked) == 1


async def test_steps_are_held_to_what_the_profile_allows_whoever_planned_them(world):
    class Model:
        def is_available(self):
            return True

        async def decompose_goal(self, goal, tools):
            return [{"tool": "delete_everything", "input": {}, "side_effect": "read-only"}]

    async with AGENTSCoordinator(profile="smb", tools=world.tools()) as coordinator:
        with pytest.raises(PlanInvalid, match="delete_everything"):
            await coordinator.execute_plan(plan("delete_everything"), CONTEXT)
        made = await IntelligentPlanner(coordinator, Model()).create_plan("look about Acme", use_llm=True)
        assert [step.tool for step in made.steps] == ["look"] and made.planner == "rules"
        lying = PlanStep(tool="post", input={"to": "x"}, metadata={"side_effect_class": "read-only", "domain": "none"})
        assert (await coordinator.execute_plan(Plan(goal="g", steps=[lying]), CONTEXT)).status.value == "parked"
    registry = rules_for_agents()
    narrow = msgspec.structs.replace(registry.profiles["smb"], tools=("look",))
    registry = msgspec.structs.replace(registry, profiles={"smb": narrow})
    async with AGENTSCoordinator(profile="smb", tools=world.tools(), registry=registry) as coordinator:
        with pytest.raises(PlanInvalid, match="does not let 'count'"):
            await coordinator.execute_plan(plan("count"), CONTEXT)
        waiting = await coordinator.execute_plan(Plan(goal="g", steps=[PlanStep(tool="look", ask_first=True)]), CONTEXT)
        await coordinator.change(h.ToolForbidden(at=AT, tool="look", reason="a recall"))
        await say(coordinator.approval_manager, reviewer="bob")
        refused = await coordinator.wait(waiting.run_id)
        assert refused.failure_context["mode"] == "policy_allowlist"
    assert world.calls == []


def test_a_class_that_nobody_knows_is_refused_and_never_taken_for_harmless():
    for unknown in ("", "harmless", "READ", None):
        with pytest.raises((ToolInvalid, TypeError)):

            @tool(domain="intelligence", side_effect=unknown, purpose="is of no class")
            def odd(inputs, context):
                return None

    with pytest.raises(TypeError):
        tool(domain="intelligence", purpose="says none")
    with pytest.raises(BadInput, match="no side-effect class"):
        ProfileLoader().load("technical").requires_approval("harmless")
