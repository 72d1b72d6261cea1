"""Where the coordinator's steps go: by the authority, recorded, swappable, fair; and to the worker that was chosen."""

import asyncio
from collections import Counter

import pytest
from tests.hands import QUICK, World, coordinator, gathered, worker

from cuga.modular.agents import CoordinatorAgent, PlannerAgent, WorkerAgent, create_coordinator
from cuga.orchestrator import (
    CapabilityBasedPolicy,
    ExecutionContext,
    JSONAuditTrail,
    LifecycleStage,
    LoadBalancedPolicy,
    PolicyBasedRoutingAuthority,
    RoundRobinPolicy,
)
from cuga.tools import tool
from cuga.tools.registry import ToolRegistry

GOAL = "look about Acme"


def context(number=0):
    return ExecutionContext(trace_id=f"t{number}", profile="demo")


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize(
    ("word", "kind"),
    [("round_robin", RoundRobinPolicy), ("capability", CapabilityBasedPolicy), ("load_balanced", LoadBalancedPolicy)],
)
def test_pluggable_routing_policy(world, word, kind):
    made = create_coordinator(PlannerAgent(), [worker(world)], None, routing_policy=word, audit_backend="none")
    assert isinstance(made.routing_authority.policy, kind)


async def test_routing_decisions_recorded_to_audit(world, tmp_path):
    agents = coordinator(world, audit_trail=JSONAuditTrail(tmp_path))
    agents.make_routing_decision("a task", context(), ["one", "two"])
    (decision,) = agents.audit_trail.get_decisions("t0")
    assert decision.reasoning and decision.metadata["task"] == "a task"


async def test_decisions_of_a_run_are_recorded_with_their_step(world, tmp_path):
    agents = coordinator(world, audit_trail=JSONAuditTrail(tmp_path))
    events = await gathered(agents.orchestrate(GOAL, context()))
    (route,) = [event["data"] for event in events if event["stage"] is LifecycleStage.ROUTE]
    (recorded,) = agents.audit_trail.get_decisions("t0")
    assert recorded.target == route["decision"].target in ("one", "two")
    assert recorded.metadata["step"] == "s1" and recorded.metadata["run_id"] == route["run_id"]


async def target_of(agents, number=0):
    events = await gathered(agents.orchestrate(GOAL, context(number)))
    return next(event["data"]["decision"].target for event in events if event["stage"] is LifecycleStage.ROUTE)


async def test_round_robin_is_fair_with_many_at_once(world):
    agents = coordinator(world, *(worker(world, f"w{n}", "look") for n in range(4)))
    targets = await asyncio.gather(*(target_of(agents, n) for n in range(32)))
    assert Counter(targets) == {f"w{n}": 8 for n in range(4)}


async def test_the_authority_is_swapped_while_the_coordinator_lives(world):
    class Always:
        name = "always"
        is_patient = True

        def rank(self, candidates):
            order = sorted(candidates, key=lambda one: one.name != "two")
            return [RoundRobinPolicy().rank([one])[0] for one in order]

    agents = coordinator(world)
    assert await target_of(agents) == "one"
    agents.routing_authority = PolicyBasedRoutingAuthority(policy=Always())
    assert [await target_of(agents, n) for n in range(3)] == ["two", "two", "two"]


def registry_of(said, name="look"):
    """A registry whose tool says whose it is."""

    @tool(domain="intelligence", side_effect="read-only", cost=0.5, purpose="looks up a fact", name=name)
    def look(inputs, context):
        return said

    made = ToolRegistry()
    made.register(look)
    return made


async def test_the_call_goes_to_the_worker_that_was_chosen():
    workers = [WorkerAgent(registry=registry_of(f"from {n}"), name=n) for n in ("one", "two")]
    agents = CoordinatorAgent(PlannerAgent(), workers, retry_policy=QUICK)
    for number in range(4):
        events = await gathered(agents.orchestrate(GOAL, context(number)))
        by = {event["stage"]: event["data"] for event in events}
        chosen = by[LifecycleStage.ROUTE]["decision"].target
        assert by[LifecycleStage.EXECUTE]["result"] == f"from {chosen}"


async def test_only_a_worker_that_has_the_tool_is_a_candidate(world):
    agents = coordinator(world, worker(world, "looker", "look"), worker(world, "counter", "count"))
    assert await target_of(agents) == "looker" and await target_of(agents) == "looker"


async def test_a_step_that_is_tried_again_goes_on_in_turn_and_its_stage_says_where_it_went_first(world):
    world.fail("look", ConnectionError(), ConnectionError())
    agents = coordinator(world)
    assert await target_of(agents) == "one" and await target_of(agents, 1) == "two"


def test_selecting_a_worker_directly_still_works_and_warns(world):
    agents = coordinator(world)
    with pytest.warns(DeprecationWarning, match="make_routing_decision"):
        names = [agents._select_worker().name for _ in range(4)]
    assert names == ["one", "two", "one", "two"]
