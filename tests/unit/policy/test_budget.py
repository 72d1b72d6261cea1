"""Budgets: the smallest stated limit holds, and nothing is free that was not said to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.errors import BadInput
from cuga.model.plan import Budget
from cuga.policy.budget import (
    Exceeded,
    calm_below,
    charges,
    drawn,
    is_warning,
    limits_of,
    room_for,
    tightest,
)
from cuga.policy.profile import Limits
from cuga.policy.spelling import tool_budget
from cuga.testing.factories import contract, current, rules


def test_the_smallest_stated_limit_holds():
    assert tightest(None, 5, 3) == 3
    assert tightest(None, None) is None
    profile = Limits(calls=10, calls_per_domain={"engagement": 4}, calls_per_tool={"send": 2})
    stated = Budget(calls=7, calls_per_domain={"engagement": 9, "other": 1}, calls_per_tool={"send": 1}, tokens=5)
    limits = limits_of(profile, None, stated)
    assert limits["calls"] == 7 and limits["tokens"] == 5
    assert limits["calls/domain/engagement"] == 4 and limits["calls/domain/other"] == 1
    assert limits["calls/tool/send"] == 1


def test_a_scope_without_a_limit_is_bounded_by_the_total_alone():
    wanted = charges("send", "engagement", 5)
    assert room_for(wanted, {}, {"calls": 2}, {}, 80) == ()
    found = room_for(wanted, {"calls": 1}, {"calls": 1}, {}, 80)
    assert found == Exceeded(scope="calls", used=1, limit=1, wanted=1)
    assert room_for(wanted, {"calls": 1}, {"calls": 1}, {"calls": 2}, 80) == ()


def test_a_call_that_fits_names_the_scopes_it_brings_to_their_warning():
    wanted = charges("send", "engagement", 5)
    limits = {"calls": 5, "cost": 20, "tokens": 0, "calls/tool/send": 10}
    assert room_for(wanted, {"calls": 2, "cost": 10}, limits, {}, 80) == ()
    assert room_for(wanted, {"calls": 3, "cost": 11}, limits, {}, 80) == ("calls", "cost")
    assert room_for(wanted, {"calls": 3, "cost": 11}, limits, {"cost": 1}, 80) == ("calls",)


def test_tokens_hold_back_the_next_call_once_they_are_passed():
    wanted = charges("send", "engagement", 5)
    assert room_for(wanted, {"tokens": 100}, {"tokens": 100}, {}, 80) == ("tokens",)
    assert room_for(wanted, {"tokens": 101}, {"tokens": 100}, {}, 80) == Exceeded(
        scope="tokens", used=101, limit=100, wanted=0
    )


def test_a_warning_comes_at_its_threshold_and_never_for_a_limit_of_nothing():
    assert not is_warning(79, 100, 80)
    assert is_warning(80, 100, 80)
    assert not is_warning(0, 0, 80)


def test_all_spellings_say_one_budget():
    assert tool_budget(total_calls=5, call_ceiling=3, cost_ceiling=2.0, ceiling=1.5, token_ceiling=9) == Budget(
        calls=3, cost=1_500_000, tokens=9
    )
    assert tool_budget(
        calls_per_domain={"a": 1}, calls_per_tool={"b": 2}, policy="warn", warning_threshold=0.5
    ) == Budget(calls_per_domain={"a": 1}, calls_per_tool={"b": 2})


@pytest.mark.parametrize(
    "wrong",
    [{"total_calls": -1}, {"ceiling": -0.5}, {"warning_threshold": 0.0}, {"warning_threshold": 1.5}, {"policy": "x"}],
)
def test_a_budget_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(BadInput):
        tool_budget(**wrong)


@given(
    limit=st.integers(0, 300) | st.none(),
    percent=st.integers(1, 120),
    used=st.integers(0, 320),
    amount=st.integers(0, 5),
)
def test_what_is_known_in_advance_is_what_would_be_judged(limit, percent, used, amount):
    wanted = (("calls", amount), ("elsewhere", 1))
    limits = {} if limit is None else {"calls": limit}
    is_calm = all(used < below for _, below in calm_below(wanted, limits, percent))
    assert is_calm == (room_for(wanted, {"calls": used}, limits, {}, percent) == ())


def test_a_call_takes_nothing_of_what_it_is_only_judged_by():
    assert drawn("send", "engagement", 0) == (("calls", 1), ("calls/domain/engagement", 1), ("calls/tool/send", 1))


def test_what_is_known_in_advance_is_looked_at_anew_when_a_contract_in_force_costs_more():
    dear = contract("score", cost=60)
    pinned = rules(contract("score", cost=10), limits=Limits(calls=100, cost=100, tokens=100, warning_percent=80))
    assert dict(pinned.calm("score", current(pinned)))["cost"] == 70
    assert dict(pinned.calm("score", current(pinned, contracts={"score": dear})))["cost"] == 20
