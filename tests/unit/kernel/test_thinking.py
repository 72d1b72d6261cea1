"""A model call is an effect: first its intent with a share of the budgets; what it did not use comes back."""

from __future__ import annotations

from typing import Any

import pytest

from cuga.kernel.outstanding import outstanding, plan_turn
from cuga.model import command as c
from cuga.model.event import Status
from cuga.model.failure import FailureMode
from cuga.policy.budget import MONEY, TOKENS
from cuga.policy.profile import Limits, ModelRule, ModelUse
from cuga.testing import cancels, completes, given, planned, run_started, start, takes_over, tick
from cuga.testing import fails as breaks
from cuga.testing.factories import AT, READ, plan, rules, step
from cuga.testing.story import raw

RULE = ModelRule(use=ModelUse.PLAN, fields=("goal", "tools"))
PLAN = plan(step("score", READ))
DAY = int(AT.timestamp()) // 86_400
REPLY = raw({"steps": [], "why": [], "question": ""})


def thinking(limits: Limits | None = None, rule: ModelRule = RULE):
    return rules(limits=limits or Limits(calls=100, tokens=10_000), model=rule)


def asks(**changed: Any) -> c.AskModel:
    fields: dict[str, Any] = {
        "at": AT, "attempt": 1, "provider": "openai", "name": "m", "host": "models.example",
        "fields": ("goal", "tools"), "tools": ("score",), "prompt": "plan this", "tokens": 4_000, "money": 2_000,
        "timeout_s": 60, **changed,
    }  # fmt: skip
    return c.AskModel(**fields)


def hears(call: int = 1, **changed: Any) -> c.RecordModelReply:
    fields: dict[str, Any] = {"reply": REPLY, "requests": 1, "tokens": 1_350, "money": 600, **changed}
    return c.RecordModelReply(at=AT, call=call, **fields)


def fails(call: int = 1, **changed: Any) -> c.RecordModelReply:
    fields: dict[str, Any] = {"mode": FailureMode.SYSTEM_TIMEOUT, "message": "late", "requests": 1, **changed}
    return c.RecordModelReply(at=AT, call=call, **fields)


def asked(**changed: Any):
    return given(run_started(), rules=thinking(**changed)).when(asks()).then("model_call_start")


def test_the_intent_is_written_first_and_holds_the_worst_case():
    story = asked()
    owed = outstanding(story.state)
    assert owed.model == story.found("model_call_start") and owed.plan is None and plan_turn(story.state) == ""
    assert story.state.used == {TOKENS: 4_000, MONEY: 2_000}
    assert (owed.model.deadline - owed.model.at).total_seconds() == 60


def test_a_reply_is_a_fact_and_what_was_not_used_comes_back():
    story = asked().when(hears()).then("model_call_complete")
    assert story.state.used == {TOKENS: 1_350, MONEY: 600}
    assert outstanding(story.state).plan is not None and plan_turn(story.state) == "1/1"
    assert story.state.heard == (story.found("model_call_complete"),)


def test_what_nobody_knows_stays_as_it_was_reserved():
    assert asked().when(hears(tokens=None, money=None)).state.used == {TOKENS: 4_000, MONEY: 2_000}
    assert asked().when(fails()).then("model_call_error").state.used == {TOKENS: 4_000, MONEY: 2_000}


def test_a_failed_call_costs_what_it_used():
    assert asked().when(fails(tokens=2_700, money=900)).state.used == {TOKENS: 2_700, MONEY: 900}
    assert asked().when(fails(tokens=0, money=0)).state.used == {TOKENS: 0, MONEY: 0}


def test_an_unknown_price_is_reserved_as_nothing_and_settled_when_it_becomes_known():
    story = given(run_started(), rules=thinking()).when(asks(money=None)).then("model_call_start")
    assert story.state.used == {TOKENS: 4_000}
    assert story.when(hears(money=70)).state.used == {TOKENS: 1_350, MONEY: 70}


@pytest.mark.parametrize(
    ("limits", "rule", "wish", "mode", "words"),
    [
        (None, ModelRule(), {}, FailureMode.POLICY_SECURITY, "asks no model"),
        (None, RULE, {"fields": ("goal", "records")}, FailureMode.POLICY_SECURITY, "be told: records"),
        (Limits(calls=9, tokens=3_999), RULE, {}, FailureMode.POLICY_BUDGET, "budget tokens cannot take it"),
        (Limits(calls=9, money=1_999), RULE, {}, FailureMode.POLICY_BUDGET, "budget money cannot take it"),
        (Limits(calls=9, money=5_000), RULE, {"money": None}, FailureMode.POLICY_BUDGET, "nobody knows what m costs"),
    ],
)
def test_a_call_that_may_not_be_made_leaves_its_reason_and_takes_nothing(limits, rule, wish, mode, words):
    story = given(run_started(), rules=thinking(limits, rule)).when(asks(**wish)).then("model_call_error")
    error = story.found("model_call_error")
    assert error.mode is mode and words in error.message and not error.sent
    assert not any(story.state.used.values()) and plan_turn(story.state) == "1/1"


def test_what_fits_exactly_fits():
    given(run_started(), rules=thinking(Limits(calls=9, tokens=4_000, money=2_000))).when(asks()).then(
        "model_call_start"
    )


def test_no_model_is_asked_while_the_house_is_halted():
    story = given(run_started(), rules=thinking()).after(halted="fire").when(asks()).then("model_call_error")
    assert "halted: fire" in story.found("model_call_error").message


def test_all_runs_of_a_day_share_their_tokens():
    rule = ModelRule(use=ModelUse.PLAN, fields=("goal", "tools"), tokens_per_day=5_000)
    story = given(run_started(), rules=thinking(rule=rule)).when(asks()).then("model_call_start")
    (claim,) = story.found("model_call_start").claims
    assert (claim.scope, claim.amount, claim.limit) == (f"model/86400/{DAY}/local", 4_000, 5_000)
    (back,) = story.when(hears()).found("model_call_complete").claims
    assert (back.scope, back.amount) == (claim.scope, 1_350 - 4_000)


def test_a_day_whose_tokens_others_have_taken_asks_no_model():
    rule = ModelRule(use=ModelUse.PLAN, fields=("goal", "tools"), tokens_per_day=5_000)
    story = given(run_started(), rules=thinking(rule=rule)).told(**{f"model__86400__{DAY}__local": 1_001})
    error = story.when(asks()).then("model_call_error").found("model_call_error")
    assert error.mode is FailureMode.POLICY_BUDGET and "of today" in error.message


def test_more_than_was_reserved_gives_nothing_back_and_counts_in_the_run():
    rule = ModelRule(use=ModelUse.PLAN, fields=("goal", "tools"), tokens_per_day=5_000)
    story = (
        given(run_started(), rules=thinking(rule=rule))
        .when(
            asks(),
        )
        .when(hears(tokens=4_500))
    )
    assert story.found("model_call_complete").claims == () and story.state.used[TOKENS] == 4_500


def test_a_scope_that_is_nearly_used_up_is_warned_of_once():
    story = asked(limits=Limits(calls=9, tokens=5_000, money=10_000)).when(hears(tokens=4_000))
    story.then("model_call_complete", "budget_warning")
    assert story.found("budget_warning").scope == TOKENS
    story.when(asks(tokens=500)).then("model_call_start").when(hears(call=2, tokens=500)).then("model_call_complete")


def test_a_process_that_ends_while_it_asks_loses_the_reply_and_all_that_was_reserved():
    story = asked().when(takes_over()).then("taken_over", "model_call_error")
    error = story.found("model_call_error")
    assert error.mode is FailureMode.SYSTEM_CRASH and error.tokens is None
    assert story.state.used == {TOKENS: 4_000, MONEY: 2_000} and plan_turn(story.state) == "1/1"
    story.when(hears()).then()  # the answer of the one that is gone


def test_a_process_that_ends_before_it_asks_loses_nothing():
    given(run_started(), rules=thinking()).when(takes_over()).then("taken_over")


def test_a_second_wish_and_a_late_one_ask_nobody():
    asked().when(asks()).then()
    given(run_started(), rules=thinking()).when(asks(attempt=2)).then()
    story = given(run_started(PLAN), rules=thinking()).when(tick()).when(asks())
    story.then()


def test_an_answer_for_another_call_changes_nothing():
    asked().when(hears(call=2)).then()


def test_a_cancelled_run_waits_for_the_answer_and_keeps_the_account_right():
    story = asked().when(cancels()).then("cancel_requested")
    assert story.state.status is Status.RUNNING
    story.when(hears()).then("model_call_complete", "run_finished")
    assert story.state.used[TOKENS] == 1_350 and plan_turn(story.state) == ""
    story.when(hears(), asks()).then()


def test_the_plan_comes_after_the_reply_and_the_next_request_begins_afresh():
    story = asked().when(hears()).when(planned(PLAN)).then("plan_created", "route_decision", "tool_call_start")
    assert story.state.model_calls == 1
    story.when(c.Replan(at=AT, by=story.state.started.requester, feedback="shorter")).when(tick())
    assert story.state.heard == () and plan_turn(story.state) == "2/0"
    story.when(asks(attempt=2)).then("model_call_start")
    assert story.found("model_call_start").call == 2


BY_MODEL = plan(step("score", READ), planner="model")


def failed(by: Any = BY_MODEL, rule: ModelRule = RULE, **held: Any):
    story = given(run_started(by), rules=thinking(rule=rule)).when(tick()).after(**held)
    return story.when(breaks("score", "agent_contract"))


def test_around_a_step_that_failed_the_model_is_asked_for_a_way():
    story = failed().then("tool_call_error", "replan_requested", "plan_requested")
    asked = story.found("plan_requested")
    assert (asked.planner, asked.around, asked.feedback, asked.attempt) == ("model", "score", "", 1)
    assert "dead" not in story.found("replan_requested").reason, "a tool's words are no person's"
    story.when(planned(plan(step("other", READ), planner="model", number=2), attempt=1))
    story.then("plan_created", "route_decision", "tool_call_start").when(completes("other"))
    end = story.then("tool_call_complete", "run_finished").state.end
    assert end.status is Status.PARTIAL, "what failed is said, whatever was found instead"


def test_without_a_way_around_the_run_ends_as_it_would_have():
    story = failed().when(c.RecordPlanFailure(at=AT, attempt=1, reason="no way")).then("plan_failed", "run_finished")
    assert story.state.end.status is Status.FAILED and "score" in story.state.end.reason


@pytest.mark.parametrize(
    ("by", "rule", "held"),
    [(PLAN, RULE, {}), (BY_MODEL, ModelRule(), {}), (BY_MODEL, RULE, {"halted": "fire"})],
    ids=["a plan of the rules", "a profile without models", "a halted house"],
)
def test_nobody_is_asked_for_a_way_around(by, rule, held):
    failed(by, rule, **held).then("tool_call_error", "run_finished")


def test_a_way_around_is_asked_for_three_times_and_no_more():
    story = failed()
    for number in range(2, 5):
        newer = plan(step(f"score{number}", READ), planner="model", number=number)
        story.when(planned(newer, attempt=number - 1)).when(breaks(f"score{number}", "agent_contract"))
    story.then("tool_call_error", "run_finished")
    assert story.state.replans == 3


def test_a_house_without_a_model_begins_no_call():
    given().when(start()).then("run_started", "plan_requested")
