"""The ten points that agents promise, each on a real run."""

import pytest
from tests.hands import World, say

from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput, NotDone
from cuga.model.event import CANONICAL
from cuga.model.failure import FailureMode
from cuga.model.tool import SideEffect
from cuga.orchestrator import AGENTSCoordinator, ExecutionContext, Plan, PlanStep, ToolBudget
from cuga.orchestrator.house.assemble import tool_registry
from cuga.orchestrator.house.place import shipped_registry
from cuga.policy.registry import load_registry
from cuga.settings import Settings
from cuga.tools import ToolContext, tool

CONTEXT = ExecutionContext(user_id="ann")
VENDORS = ("salesforce", "hubspot", "pipedrive", "dynamics", "tryton", "smtp", "openai")


@pytest.fixture
def world():
    return World()


@pytest.fixture
def contracts():
    return tool_registry(load_registry(shipped_registry())).contracts()


def plan(*tools, **inputs):
    return Plan(goal="do it", steps=[PlanStep(tool=name, input=inputs) for name in tools])


async def test_capability_first(contracts):
    """Tools name what they do, never a vendor; the adapter is bound by the profile when they are called."""
    assert contracts and not [name for name in contracts if any(vendor in name for vendor in VENDORS)]
    bound = []

    @tool(domain="intelligence", side_effect="read-only", purpose="reads the store", uses=("crm",))
    async def read_store(context: ToolContext) -> str:
        bound.append(context.capability("crm"))
        return "read"

    async with AGENTSCoordinator(profile="enterprise", tools=(read_store,)) as coordinator:
        assert (await coordinator.execute_plan(plan("read_store"), CONTEXT)).success
        (route,) = [event for event in coordinator.get_trace() if event.name == "route_decision"]
    assert isinstance(bound[0], CrmStore) and route.adapters == {"crm": "offline"}


async def test_human_authority(world):
    """Nothing that acts outside goes on without a person, and their no is final for it."""
    async with AGENTSCoordinator(profile="enterprise", tools=world.tools()) as coordinator:
        waiting = await coordinator.execute_plan(plan("post", to="x"), CONTEXT)
        await say(coordinator.approval_manager, approved=False, reviewer="bob", reasoning="no")
        assert (await coordinator.wait(waiting.run_id)).status.value == "failed"
    assert world.calls == []


async def test_trace_continuity(world):
    """One trace from the request to the tool, and every event of it in the closed set."""
    async with AGENTSCoordinator(profile="enterprise", tools=world.tools()) as coordinator:
        await coordinator.execute_plan(plan("look"), CONTEXT.with_trace("mine"))
        trace = coordinator.trace_emitter.get_trace("mine")
    assert world.seen[0].trace_id == "mine" and {event.name for event in trace} <= set(CANONICAL)
    assert [event.seq for event in trace] == sorted(event.seq for event in trace)


async def test_budget_enforcement(world):
    """The smallest limit of all holds, to the call."""
    async with AGENTSCoordinator(profile="smb", tools=world.tools()) as coordinator:
        given = Plan(goal="g", steps=[PlanStep(tool="look")] * 5, budget=ToolBudget(total_calls=3))
        result = await coordinator.execute_plan(given, CONTEXT)
    assert world.counts["look"] == len(result.results) == 3
    assert result.budget_utilization["total"] == {"used": 3, "limit": 3, "percentage": 100.0}


async def test_offline_first(contracts):
    """Without a network, a model or a key, goals are planned and run."""
    async with AGENTSCoordinator(profile="technical", settings=Settings(variables={})) as coordinator:
        planned = await coordinator.plan("draft a first email to bob@example.com")
        assert planned.plan is not None and planned.plan.planner == "rules"
        assert {step.tool for step in planned.plan.steps} <= set(contracts)


async def test_graceful_degradation(world):
    """A step that fails takes down only what needs it."""
    world.fail("look", NotDone("gone", mode=FailureMode.POLICY_SECURITY))
    async with AGENTSCoordinator(profile="smb", tools=world.tools()) as coordinator:
        steps = [
            PlanStep(tool="look", name="first"),
            PlanStep(tool="draft", depends_on=("first",)),
            PlanStep(tool="count"),
        ]
        result = await coordinator.execute_plan(Plan(goal="g", steps=steps), CONTEXT)
    assert result.status.value == "partial" and list(result.results) == ["s3"]
    assert [step.state for step in result.partial_results] == ["failed", "skipped", "done"]


@pytest.mark.parametrize(("profile", "asks"), [("enterprise", True), ("smb", False), ("technical", False)])
async def test_profile_driven(world, profile, asks):
    """The same plan waits for a person, or goes on by a rule, as the profile says."""
    async with AGENTSCoordinator(profile=profile, tools=world.tools()) as coordinator:
        result = await coordinator.execute_plan(plan("draft", to="x"), CONTEXT)
        assert (result.status.value == "parked") is asks
        assert coordinator.profile_config.requires_approval(SideEffect.PROPOSE) is asks
        with pytest.raises(BadInput, match="no side-effect class"):
            coordinator.profile_config.requires_approval("harmless")


async def test_structured_errors(world):
    """What went wrong is data: stage, step, tool, mode, words."""
    world.fail("look", TimeoutError("slow"), TimeoutError("slow"), TimeoutError("slow"))
    world.fail("count", PermissionError("no"))
    async with AGENTSCoordinator(profile="smb", tools=world.tools()) as coordinator:
        result = await coordinator.execute_plan(plan("count"), CONTEXT)
    assert result.failure_context == {
        "stage": "EXECUTE",
        "step": "s1",
        "tool": "count",
        "mode": "policy_security",
        "reason": "PermissionError: no",
    }
    assert FailureMode(result.failure_context["mode"]) == FailureMode.POLICY


async def test_pii_redaction():
    """A known secret never reaches the journal, a result or a trace."""
    secret = "sk-live-4f9Q8zX7w2LmN0pR"

    @tool(domain="intelligence", side_effect="read-only", purpose="says too much")
    async def leak(text: str) -> dict[str, str]:
        return {"text": text, "key": secret}

    settings = Settings(variables={"CRM_API_KEY": secret})
    async with AGENTSCoordinator(profile="smb", tools=(leak,), settings=settings) as coordinator:
        result = await coordinator.execute_plan(plan("leak", text=f"my key is {secret}"), CONTEXT)
        stored = b"".join([one.body for one in await (await coordinator.open()).journal.read(result.run_id)])
        assert result.success
        said = str(result) + str(coordinator.get_trace()) + stored.decode()
    assert secret not in said


async def test_no_auto_send(world, contracts):
    """No setting, rule or plan lets a message leave by itself; the one profile without people only shows it."""
    senders = [name for name, contract in contracts.items() if "mail" in contract.uses and contract.changes("mail")]
    assert sorted(senders) == ["send_meeting_invitation", "send_message"]
    assert all(contracts[name].side_effect is SideEffect.EXECUTE for name in senders)
    for profile in ("enterprise", "smb"):
        async with AGENTSCoordinator(profile=profile, tools=world.tools()) as coordinator:
            assert (await coordinator.execute_plan(plan("post", to="x"), CONTEXT)).status.value == "parked"
    async with AGENTSCoordinator(profile="technical", tools=world.tools()) as coordinator:
        shown = await coordinator.execute_plan(plan("post", to="x"), CONTEXT)
        assert shown.results["s1"]["simulated"] is True
    assert world.calls == []
