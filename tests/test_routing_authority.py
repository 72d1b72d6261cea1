"""The routing authority: agents, workers and tools find their taker by a policy that can be swapped at any time."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from cuga.errors import BadInput
from cuga.orchestrator.protocol import PlanStep
from cuga.orchestrator.routing import (
    CapabilityBasedPolicy,
    DecisionKind,
    LearnedPolicy,
    LoadBalancedPolicy,
    ManualPolicy,
    PolicyBasedRoutingAuthority,
    PriorityPolicy,
    RoundRobinPolicy,
    RoutingAuthority,
    RoutingDecision,
    RoutingPolicy,
    RoutingStrategy,
    policy_for,
)
from cuga.policy import routing
from cuga.policy.routing import Candidate, Ranked
from cuga.testing.factories import EXECUTE, READ

WORKERS = ["one", "two", "three"]
SPECIALISTS = [
    {"name": "wide", "capabilities": ["intelligence", "engagement"]},
    {"name": "close", "capabilities": ["intelligence", "score"]},
    {"name": "other", "capabilities": ["governance"]},
]


def targets(authority, count, candidates=WORKERS):
    return [authority.route_to_worker(candidates).target for _ in range(count)]


# --- in turn ---------------------------------------------------------------------------------------------------------
def test_workers_are_routed_in_turn_by_default():
    assert targets(PolicyBasedRoutingAuthority(), 7) == [*WORKERS, *WORKERS, "one"]


def test_the_workers_policy_can_be_given_by_its_own_name():
    authority = PolicyBasedRoutingAuthority(worker_policy=RoundRobinPolicy())
    assert isinstance(authority.policy, RoundRobinPolicy)
    assert targets(authority, 3) == WORKERS


def test_turns_are_exact_over_many_threads():
    authority = PolicyBasedRoutingAuthority()
    with ThreadPoolExecutor(16) as threads:
        found = Counter(threads.map(lambda _: authority.route_to_worker(WORKERS).target, range(1_000)))
    assert sum(found.values()) == 1_000 and max(found.values()) - min(found.values()) <= 1


async def test_turns_are_exact_over_many_tasks():
    authority = PolicyBasedRoutingAuthority()
    found = Counter(
        await asyncio.gather(*(asyncio.to_thread(lambda: authority.route_to_worker(WORKERS).target) for _ in range(64)))
    )
    assert max(found.values()) - min(found.values()) <= 1


def test_turns_are_counted_apart_for_each_set_of_candidates():
    authority = PolicyBasedRoutingAuthority()
    assert targets(authority, 2) == ["one", "two"]
    assert targets(authority, 2, ["one", "two"]) == ["one", "two"]
    assert targets(authority, 1) == ["three"]


# --- by capability ---------------------------------------------------------------------------------------------------
def test_agents_and_tools_are_routed_by_capability_by_default():
    authority = PolicyBasedRoutingAuthority()
    assert isinstance(authority.agent_policy, CapabilityBasedPolicy)
    assert isinstance(authority.tool_policy, CapabilityBasedPolicy)
    step = PlanStep(tool="score", input={}, metadata={"domain": "intelligence"})
    decision = authority.route_to_agent(step, None, SPECIALISTS)
    assert (decision.target, decision.alternatives, decision.fallback) == ("close", ("wide",), "wide")


def test_what_the_context_requires_counts():
    context = SimpleNamespace(metadata={"required_capabilities": ["governance"]})
    decision = PolicyBasedRoutingAuthority().route_to_agent("erase a record", context, SPECIALISTS)
    assert (decision.target, decision.confidence, decision.alternatives) == ("other", 1.0, ())


def test_whoever_says_no_capability_takes_anything_but_comes_last():
    candidates = ["anybody", {"name": "expert", "capabilities": "intelligence"}]
    assert PolicyBasedRoutingAuthority().route_to_agent({"domain": "intelligence"}, None, candidates).target == "expert"
    assert PolicyBasedRoutingAuthority().route_to_agent({"domain": "x"}, None, candidates).target == "anybody"


def test_a_tool_is_found_by_its_contract():
    decision = PolicyBasedRoutingAuthority().route_to_tool({"domain": "engagement"}, None, [READ, EXECUTE])
    assert (decision.kind, decision.target) == (DecisionKind.TOOL, "send")


def test_nobody_who_can_is_said_and_never_somebody_else():
    with pytest.raises(BadInput, match="none of 3 can do legal"):
        PolicyBasedRoutingAuthority().route_to_agent({"domain": "legal"}, None, SPECIALISTS)
    with pytest.raises(BadInput, match="there are no candidates"):
        PolicyBasedRoutingAuthority().route_to_worker([])


def test_the_fallback_takes_what_nobody_can_and_says_that_it_is_one():
    authority = PolicyBasedRoutingAuthority(fallback="desk")
    decision = authority.route_to_agent({"domain": "legal"}, None, SPECIALISTS)
    assert (decision.kind, decision.target, decision.confidence) == (DecisionKind.FALLBACK, "desk", 0.0)
    assert decision.fallback == "" and "none of 3 can do legal" in decision.reasoning


def test_a_fallback_is_never_the_target():
    authority = PolicyBasedRoutingAuthority(fallback="one")
    assert authority.route_to_worker(["one"]).fallback == ""
    assert authority.route_to_worker(["two"]).fallback == "one"
    assert authority.route_to_worker(WORKERS).fallback == "two"
    with pytest.raises(BadInput, match="its own fallback"):
        RoutingDecision(target="a", reasoning="b", fallback="a")


# --- by load and by what was seen ------------------------------------------------------------------------------------
def test_the_least_loaded_is_chosen():
    authority = PolicyBasedRoutingAuthority(policy=LoadBalancedPolicy())
    candidates = [{"name": "busy", "load": 0.9}, SimpleNamespace(name="idle", load=0.1)]
    decision = authority.route_to_worker(candidates)
    assert (decision.target, decision.confidence) == ("idle", 0.9)


@pytest.mark.parametrize("load", [-0.1, 1.1])
def test_a_load_is_from_0_to_1(load):
    with pytest.raises(BadInput, match="from 0 to 1"):
        PolicyBasedRoutingAuthority().route_to_worker([{"name": "x", "load": load}])


def test_learned_ranks_by_success_and_then_by_time():
    authority = PolicyBasedRoutingAuthority(policy=LearnedPolicy())
    for _ in range(10):
        authority.learn("one", succeeded=False, seconds=0.1)
        authority.learn("two", succeeded=True, seconds=5.0)
        authority.learn("three", succeeded=True, seconds=0.1)
    decision = authority.route_to_worker(WORKERS)
    assert decision.target == "three" and "100 % of 10 calls went well, 100 ms each" in decision.reasoning


def test_priority_takes_them_as_they_come():
    assert targets(PolicyBasedRoutingAuthority(policy=PriorityPolicy()), 3) == ["one"] * 3


def test_the_caller_names_one():
    authority = PolicyBasedRoutingAuthority(policy=ManualPolicy("two"))
    assert targets(authority, 2) == ["two", "two"]
    assert PolicyBasedRoutingAuthority().route_to_worker(WORKERS, {"target": "three"}).policy == "manual"
    with pytest.raises(BadInput, match="nobody to route to"):
        PolicyBasedRoutingAuthority(policy=ManualPolicy("nine")).route_to_worker(WORKERS)


# --- policies are swapped --------------------------------------------------------------------------------------------
def test_a_policy_is_swapped_while_it_routes():
    authority = PolicyBasedRoutingAuthority()
    assert targets(authority, 2) == ["one", "two"]
    authority.policy = PriorityPolicy()
    assert targets(authority, 2) == ["one", "one"]
    assert authority.route_to_agent("x", None, WORKERS).policy == "priority"


class Last:
    """A caller's own policy."""

    name = "last"
    is_patient = False

    def rank(self, candidates):
        return [Ranked(name=one.name, weight=1, why="it is last") for one in reversed(candidates)]


def test_a_callers_own_policy_needs_no_base_class():
    assert isinstance(Last(), RoutingPolicy)
    decision = PolicyBasedRoutingAuthority(policy=Last()).route_to_worker(WORKERS)
    assert (decision.target, decision.reasoning, decision.policy) == ("three", "last: it is last", "last")


def test_an_authority_of_ones_own_routes_everything_by_one_method():
    class Mine(RoutingAuthority):
        def route(self, task, context, candidates, *, kind=DecisionKind.AGENT):
            return RoutingDecision(target=candidates[-1], reasoning="mine", kind=kind)

    mine = Mine()
    assert mine.route_to_agent("t", None, WORKERS).kind is DecisionKind.AGENT
    assert mine.route_to_worker(WORKERS).kind is DecisionKind.WORKER
    assert mine.route_to_tool("t", None, WORKERS).kind is DecisionKind.TOOL
    assert mine.route("t", None, WORKERS, kind=DecisionKind.SUBGRAPH).decision_type is DecisionKind.SUBGRAPH


@pytest.mark.parametrize("strategy", [one for one in RoutingStrategy if one is not RoutingStrategy.MANUAL])
def test_every_strategy_is_a_policy_of_the_kernel(strategy):
    assert type(policy_for(strategy)) is type(routing.POLICIES[strategy.value])
    authority = PolicyBasedRoutingAuthority(strategy)
    assert authority.route_to_worker(WORKERS).policy == strategy.value


def test_strategies_by_name():
    assert policy_for("manual", "two").rank([Candidate(name="two")])[0].name == "two"
    with pytest.raises(ValueError, match="fastest"):
        policy_for("fastest")
    assert RoundRobinPolicy is routing.RoundRobin


# --- decisions -------------------------------------------------------------------------------------------------------
def test_a_decision_reads_under_its_other_names():
    decision = PolicyBasedRoutingAuthority().route("t", None, WORKERS, kind=DecisionKind.SUBGRAPH)
    assert decision.selected == decision.target and decision.reason == decision.reasoning
    assert decision.decision_type is DecisionKind.SUBGRAPH and decision.kind == "subgraph"
    assert set(decision.alternatives) | {decision.target} == set(WORKERS)


@pytest.mark.parametrize("confidence", [-0.01, 1.01])
def test_a_confidence_is_from_0_to_1(confidence):
    with pytest.raises(BadInput, match="between 0 and 1"):
        RoutingDecision(target="a", reasoning="b", confidence=confidence)


def test_every_decision_is_heard():
    heard = []
    authority = PolicyBasedRoutingAuthority(on_decision=heard.append)
    made = [authority.route_to_worker(WORKERS), authority.route_to_agent("t", None, WORKERS)]
    assert heard == made


def test_values_go_in_as_they_are_and_nameless_ones_are_refused():
    authority = PolicyBasedRoutingAuthority()
    assert authority.route_to_worker([Candidate(name="a", turns=3), Candidate(name="b")]).target == "b"
    with pytest.raises(BadInput, match="without a name"):
        authority.route_to_worker([object()])
