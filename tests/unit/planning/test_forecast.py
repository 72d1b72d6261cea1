"""What a plan would cost and need, before anything runs."""

from __future__ import annotations

from tests.unit.planning.catalogue import few, rulebook

from cuga.model.plan import Budget, Plan, PlanStep
from cuga.planning import check, forecast
from cuga.policy.profile import Consent

BOOK = rulebook(few())
PLAN = check(
    Plan(
        goal="g",
        steps=(
            PlanStep(tool="score_account_fit", input={"account": "Orbit"}),
            PlanStep(tool="draft_outbound_message", input={"account": "Orbit"}),
            PlanStep(tool="assess_message_quality", input={"message": {"$from": {"step": "s2"}}}),
        ),
    ),
    BOOK,
)


def test_costs_and_calls_are_summed_by_domain():
    found = forecast(PLAN, BOOK)
    assert (found.calls, found.cost) == (3, 1_500_000)
    assert found.calls_per_domain == {"intelligence": 1, "engagement": 2}
    assert found.fits


def test_what_waits_for_a_person_is_listed_from_the_profiles_consent():
    found = forecast(PLAN, BOOK)
    assert found.approvals == ("s2",)
    assert [step.consent for step in found.steps] == [Consent.NONE, Consent.HUMAN, Consent.NONE]


def test_a_step_that_no_limit_can_take_is_named_with_the_limit():
    found = forecast(PLAN, BOOK, budget=Budget(calls=2))
    assert [step.exceeds for step in found.steps] == ["", "", "calls"]
    assert not found.fits
    scope = next(scope for scope in found.scopes if scope.scope == "calls")
    assert (scope.used, scope.limit, scope.left, scope.warns) == (3, 2, -1, True)


def test_the_plans_own_budget_counts_too():
    plan = check(Plan(goal="g", steps=(PlanStep(tool="query_crm"),), budget=Budget(cost=0)), BOOK)
    assert forecast(plan, BOOK).steps[0].exceeds == "cost"


def test_an_effect_that_the_profile_only_simulates_says_so():
    book = rulebook(few(), simulates_execute=True)
    plan = check(Plan(goal="g", steps=(PlanStep(tool="update_opportunity", input={"opportunity": "D1"}),)), book)
    assert forecast(plan, book).steps[0].simulated
