"""Routing as judgement: who is ranked first and why, how sure that is, and what a choice never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.errors import BadInput
from cuga.policy.routing import (
    NAMED,
    POLICIES,
    WHOLE_DOMAIN,
    Candidate,
    Capability,
    Fared,
    Learned,
    LoadBalanced,
    Manual,
    Policy,
    Pool,
    Priority,
    Ranked,
    RoundRobin,
    choose,
    policy_named,
    pools_that_take,
)


def some(*names, **changes):
    return [Candidate(name=name, **changes) for name in names]


def test_a_pool_takes_its_domains_and_tools_and_no_other():
    pool = Pool(name="desk", capabilities=("intelligence", "send"))
    assert (pool.fit("score", "intelligence"), pool.fit("send", "engagement")) == (WHOLE_DOMAIN, NAMED)
    assert pool.fit("draft", "engagement") == 0
    narrow = Pool(name="narrow", capabilities=("intelligence",), tools=("score",))
    assert (narrow.fit("score", "intelligence"), narrow.fit("look", "intelligence")) == (WHOLE_DOMAIN, 0)
    assert [one.name for one in pools_that_take((pool, narrow), "look", "intelligence")] == ["desk"]


@given(count=st.integers(1, 7), decisions=st.integers(0, 60))
def test_turns_differ_by_one_at_most(count, decisions):
    turns = {f"w{n}": 0 for n in range(count)}
    for _ in range(decisions):
        choice, _ = choose(RoundRobin(), [Candidate(name=name, turns=taken) for name, taken in turns.items()])
        turns[choice.target] += 1
    assert max(turns.values()) - min(turns.values()) <= 1


def test_in_turn_waits_for_the_one_whose_turn_it_is():
    full = [Candidate(name="a", running=1, limit=1), Candidate(name="b", limit=1, turns=1)]
    choice, ranked = choose(RoundRobin(), full, can_wait=True)
    assert choice is None and ranked[0].name == "a"
    assert choose(RoundRobin(), full)[0].target == "a"


def test_whoever_names_the_tool_comes_before_whoever_takes_its_domain():
    wide, close = Candidate(name="wide", fit=WHOLE_DOMAIN), Candidate(name="close", fit=NAMED)
    choice, _ = choose(Capability(), [wide, close])
    assert (choice.target, choice.reason, choice.confidence_percent) == ("close", "it names the tool", 60)
    assert choice.alternatives == ("wide",) and choice.fallback == "wide"
    busy = Candidate(name="close", fit=NAMED, running=1, limit=1)
    assert choose(Capability(), [wide, busy], can_wait=True)[0].target == "wide"


def test_the_least_busy_for_its_size_is_chosen_and_among_equals_the_quicker():
    small, large = Candidate(name="small", running=1, limit=2), Candidate(name="large", running=2, limit=8)
    choice, _ = choose(LoadBalanced(), [small, large])
    assert (choice.target, choice.reason) == ("large", "2 of 8 busy")
    queued = Candidate(name="queued", running=1, ahead=3, limit=8)
    assert choose(LoadBalanced(), [queued, large])[0].target == "large"
    assert choose(LoadBalanced(), [queued])[0].reason == "1 of 8 busy, 3 waiting"
    slow, quick = some("slow", fared=Fared(latency_us=9)), some("quick", fared=Fared(latency_us=2))
    assert choose(LoadBalanced(), [*slow, *quick])[0].target == "quick"
    assert choose(LoadBalanced(), slow)[0].reason == "0 of any number busy"


def test_in_order_takes_the_first_that_has_room():
    full = Candidate(name="first", running=2, limit=2)
    choice, _ = choose(Priority(), [full, *some("second", "third")], can_wait=True)
    assert (choice.target, choice.alternatives, choice.confidence_percent) == ("second", ("first", "third"), 33)


def test_what_was_seen_counts():
    good = Candidate(name="good", fared=Fared(calls=100, failures=1, latency_us=5_000))
    bad = Candidate(name="bad", fared=Fared(calls=100, failures=60, latency_us=5_000))
    slow = Candidate(name="slow", fared=Fared(calls=100, failures=1, latency_us=900_000))
    choice, ranked = choose(Learned(), [slow, bad, good])
    assert (choice.target, choice.reason) == ("good", "99 % of 100 calls went well, 5 ms each")
    assert [one.name for one in ranked] == ["good", "bad", "slow"]
    assert choose(Learned(), some("new"))[0].reason == "not seen yet"


def test_the_caller_names_the_one():
    choice, _ = choose(Manual("b"), some("a", "b", "c"))
    assert (choice.target, choice.alternatives, choice.confidence_percent) == ("b", ("a", "c"), 100)
    assert choose(Manual("x"), some("a")) == (None, ())
    assert choose(Manual("x"), []) == (None, ())


@given(
    policy=st.sampled_from(sorted(POLICIES)),
    given=st.lists(
        st.builds(
            Candidate,
            name=st.sampled_from("abcdef"),
            fit=st.integers(1, 3),
            running=st.integers(0, 5),
            ahead=st.integers(0, 5),
            limit=st.integers(0, 5),
            turns=st.integers(0, 9),
            fared=st.builds(
                Fared, calls=st.integers(5, 9), failures=st.integers(0, 5), latency_us=st.integers(0, 10**9)
            ),
        ),
        unique_by=lambda one: one.name,
    ),
    can_wait=st.booleans(),
)
def test_a_choice_is_one_of_the_candidates_and_never_its_own_fallback(policy, given, can_wait):
    choice, ranked = choose(POLICIES[policy], given, can_wait=can_wait)
    assert {one.name for one in ranked} == {one.name for one in given}
    if choice is None:
        assert not given or (can_wait and not all(one.has_room for one in given))
        return
    assert choice.target in {one.name for one in given}
    assert choice.target not in choice.alternatives and choice.fallback != choice.target
    assert len(choice.alternatives) == len(given) - 1
    assert 0 <= choice.confidence_percent <= 100 and choice.reason and choice.policy == policy
    assert len(given) > 1 or choice.confidence_percent == 100


class Own:
    """A caller's policy that says what it is told to."""

    name = "own"
    is_patient = False

    def __init__(self, *ranked):
        self.ranked = ranked

    def rank(self, candidates):
        return [Ranked(name=name, weight=weight, why="so") for name, weight in self.ranked]


def test_a_callers_own_policy_does_as_well():
    own = Own(("b", 0), ("a", 0))
    assert isinstance(own, Policy)
    choice, _ = choose(own, some("a", "b"))
    assert (choice.target, choice.confidence_percent, choice.policy) == ("b", 0, "own")
    assert policy_named("own", {"own": own}) is own


@pytest.mark.parametrize("ranked", [(("x", 1),), (("a", 1), ("a", 1))])
def test_a_policy_that_names_others_is_refused(ranked):
    with pytest.raises(BadInput, match="the candidates are a"):
        choose(Own(*ranked), some("a"))
    with pytest.raises(BadInput, match="the candidates are none"):
        choose(Own(*ranked), [])


def test_an_unknown_policy_is_refused_with_those_there_are():
    assert policy_named("") is POLICIES["round_robin"]
    with pytest.raises(BadInput) as refusal:
        policy_named("fastest")
    assert "round_robin, capability, load_balanced, priority, learned" in refusal.value.next_step
