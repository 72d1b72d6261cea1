"""A budget beside runs: looked at without promise, charged in one step with its judgement."""

import pytest

from cuga.errors import BadInput, BudgetRefused, InvalidTransition
from cuga.orchestrator import AGENTSCoordinator, BudgetEnforcer, Plan, PlanStep, ToolBudget, TraceEmitter
from cuga.tools import tool

EVERYTHING = ToolBudget(
    total_calls=10, calls_per_domain={"a": 5}, calls_per_tool={"x": 3}, cost_ceiling=2.0, token_ceiling=100
)


def test_a_call_that_fits_is_charged_in_every_scope():
    enforcer = BudgetEnforcer(EVERYTHING)
    enforcer.record_usage(tool_name="x", domain="a", cost=0.5, tokens=10)
    used = enforcer.get_utilization()
    assert used["total"] == {"used": 1, "limit": 10, "percentage": 10.0}
    assert used["cost"] == {"used": 0.5, "limit": 2.0, "percentage": 25.0} and used["tokens"]["used"] == 10
    assert used["by_domain"]["a"]["used"] == used["by_tool"]["x"]["used"] == 1


@pytest.mark.parametrize(
    ("call", "scope"),
    [
        ({"tool_name": "x", "domain": "b"}, "calls/tool/x"),
        ({"tool_name": "y", "domain": "a"}, "calls/domain/a"),
        ({"tool_name": "y", "domain": "b", "cost": 0.7}, "cost"),
        ({"tool_name": "y", "domain": "b", "tokens": 60}, "tokens"),
        ({"tool_name": "y", "domain": "b"}, "calls"),
    ],
)
def test_each_scope_refuses_what_it_cannot_take_and_charges_nothing(call, scope):
    enforcer = BudgetEnforcer(EVERYTHING)
    charged = 0
    while enforcer.check_budget(**call):
        enforcer.record_usage(**call)
        charged += 1
    with pytest.raises(BudgetRefused, match=scope) as caught:
        enforcer.record_usage(**call)
    assert caught.value.facts["scope"] == scope and enforcer.get_utilization()["total"]["used"] == charged > 0


def test_looking_takes_nothing_and_says_why_not():
    enforcer = BudgetEnforcer(ToolBudget(total_calls=1))
    assert all(enforcer.check_budget(tool_name="x", domain="a") for _ in range(5))
    enforcer.record_usage("x")
    check = enforcer.check_budget("x")
    assert not check and not check.allowed and "1 of 1" in check.reason


def test_what_is_not_stated_has_no_limit():
    enforcer = BudgetEnforcer(ToolBudget(total_calls=2))
    enforcer.record_usage("x", cost=1e6, tokens=10**9)
    assert enforcer.get_utilization()["cost"]["limit"] is None


def test_one_warning_for_each_scope_and_one_event_for_each_refusal():
    emitter = TraceEmitter("t1")
    enforcer = BudgetEnforcer(ToolBudget(total_calls=5), trace_emitter=emitter)
    for _ in range(5):
        enforcer.record_usage("x")
    with pytest.raises(BudgetRefused):
        enforcer.record_usage("x")
    told = [(event.name, event.scope, event.used) for event in emitter.get_trace("t1")]
    assert told == [("budget_warning", "calls", 4), ("budget_exceeded", "calls", 5)]


async def test_the_budget_of_runs_is_read_and_never_written():
    @tool(domain="a", side_effect="read-only", cost=0.5, purpose="looks")
    async def look() -> int:
        return 1

    async with AGENTSCoordinator(profile="smb", tools=(look,)) as coordinator:
        view = coordinator.budget_enforcer
        assert view.check_budget("look", "a", 100.0) and not view.check_budget("look", "a", 100.5)
        plan = Plan(goal="g", steps=[PlanStep(tool="look")] * 2, budget=ToolBudget(total_calls=2))
        await coordinator.execute_plan(plan)
        assert view.get_utilization()["by_tool"]["look"]["used"] == 2
        assert "calls: 2 of 2" in view.check_budget("look", "a").reason
        with pytest.raises(InvalidTransition, match="intent"):
            view.record_usage("look", "a")


async def test_with_a_house_it_is_a_view_of_what_the_journal_charged_and_charges_nothing_itself():
    @tool(domain="intelligence", side_effect="read-only", cost=0.5, purpose="look")
    def look() -> dict:
        return {}

    async with AGENTSCoordinator(profile="smb", tools=(look,)) as house:
        enforcer = BudgetEnforcer(ToolBudget(total_calls=3), house=house)
        assert enforcer.check_budget("look", "intelligence", 0.5)
        await house.execute_plan(Plan(goal="g", steps=tuple(PlanStep(tool="look") for _ in range(3))))
        assert enforcer.get_utilization()["total"]["used"] == 3
        full = enforcer.check_budget("look", "intelligence", 0.5)
        assert not full and "calls: 3 of 3" in full.reason
        with pytest.raises(InvalidTransition, match="charged when their intent is written"):
            enforcer.record_usage("look", "intelligence", 0.5)
        assert enforcer.get_utilization()["total"]["used"] == 3


@pytest.mark.parametrize("given_back", [{"cost": -5.0}, {"tokens": -100}])
def test_no_call_gives_anything_back_to_a_budget(given_back):
    enforcer = BudgetEnforcer(ToolBudget(total_calls=10, cost_ceiling=1.0, token_ceiling=100))
    for ask in (enforcer.check_budget, enforcer.record_usage):
        with pytest.raises(BadInput, match="gives nothing back"):
            ask("x", **given_back)
    assert enforcer.get_utilization()["total"]["used"] == 0
