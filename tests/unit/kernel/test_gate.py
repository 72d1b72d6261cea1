"""The only way to a call: rules as they stand, budgets, shares of what crosses runs, definitions that changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from cuga.errors import InvalidTransition, NotAllowed
from cuga.model import command as c
from cuga.model.event import Status
from cuga.policy.profile import MONTH_S, Approvals, AtLimit, Consent, Limits, Rate, StandingRule
from cuga.testing import amend, approve, completes, fails, given, planned, replans, run_started, start, tick, tops_up
from cuga.testing.factories import (
    ADA,
    AT,
    EXECUTE,
    GRACE,
    LIN,
    MAX,
    PROPOSE,
    READ,
    SOLO,
    contract,
    output_of,
    plan,
    rules,
    step,
)

MAIL = contract("mail", "read-only", uses=("mail",))


def one(tool=READ, arguments=None):
    return plan(step("s", tool, arguments))


def test_a_tool_outside_the_rules_is_refused_and_never_offered():
    story = given(rules=rules(PROPOSE)).when(start(one(READ)))
    story.then("run_started", "plan_created", "step_refused", "run_finished")
    assert story.found("step_refused").rule == "unknown-tool"


@pytest.mark.parametrize(
    ("pinned", "changed", "rule"),
    [
        (rules(READ, forbidden_tools=("score",)), {}, "forbidden-tool"),
        (rules(READ, tools=("draft",)), {}, "tool-allowlist"),
        (rules(READ), {"forbidden_tools": {"score": "a recall"}}, "forbidden-now"),
        (rules(READ), {"forbidden_tools": {"score": ""}}, "forbidden-now"),
        (rules(MAIL, adapters={"mail": ("main",)}), {"disabled_adapters": ("main",)}, "adapter-unavailable"),
        (rules(MAIL, adapters={"mail": ()}), {}, "adapter-unavailable"),
    ],
)
def test_what_the_rules_forbid_is_refused_with_its_rule(pinned, changed, rule):
    tool = next(iter(pinned.contracts.values()))
    story = given(rules=pinned).after(**changed).when(start(one(tool)))
    assert story.found("step_refused").rule == rule
    assert story.state.end.status is Status.FAILED


def test_an_allowlist_lets_its_tools_pass():
    assert given(rules=rules(READ, tools=("score",))).when(start(one())).state.calling


def test_an_input_without_references_goes_out_in_the_bytes_it_was_planned_with():
    body = msgspec.Raw(b'{ "b": 1.0,"a": [ ] }')
    story = given(rules=rules(READ)).when(start(plan(step("s", READ, input=body))))
    assert bytes(story.call("s").arguments) == bytes(body)


def test_amended_arguments_stand_where_the_plan_had_references():
    filled = step("s", EXECUTE, {"to": output_of("look", "/buyer")}, depends_on=("look",))
    story = given(run_started(plan(step("look", READ), filled)), rules=rules(READ, EXECUTE)).when(tick())
    story.when(completes("look", {"buyer": "ann"})).when(amend("s", {"to": "bob"})).when(approve("s", by=LIN))
    assert msgspec.json.decode(story.call("s").arguments) == {"to": "bob"}


def test_the_first_usable_adapter_is_taken_and_the_others_are_named():
    pinned = rules(MAIL, adapters={"mail": ("main", "spare", "third")})
    story = given(rules=pinned).after(disabled_adapters=("main",)).when(start(one(MAIL)))
    assert story.call("s").adapters == {"mail": "spare"}
    assert story.found("route_decision").alternatives == ("third",)


def test_a_tool_that_is_not_what_was_accepted_waits_and_says_where_to_look():
    story = given(rules=rules(EXECUTE)).after(quarantined_tools={"send": "it is described otherwise"})
    story = story.when(start(one(EXECUTE)))
    assert "it is described otherwise" in story.state.parked.reason
    assert story.state.parked.needs == ("cuga tools drift",)
    assert not story.state.pending, "nobody is asked to agree to what may not be called"


def test_a_tool_that_is_not_installed_here_waits_and_says_how_to_go_on():
    story = given(rules=rules(READ)).after(tool_digests={}).when(start(one()))
    assert "not installed" in story.state.parked.reason
    assert story.state.parked.needs == ("cuga doctor; then cuga resume r1",)
    story.when(tick()).then()


def changed_tool():
    story = given(rules=rules(READ)).after(tool_digests={"score": "f" * 64})
    return story.when(start(one())).then("run_started", "plan_created", "question_asked", "run_parked")


def answer(text, question="tool/score/ffffffffffff"):
    return c.AnswerQuestion(at=AT, by=GRACE, question_id=question, answer=text)


def test_a_changed_tool_is_used_when_a_person_accepts_it():
    story = changed_tool().when(tick()).then().when(answer("Yes "))
    story.then("question_answered", "route_decision", "tool_call_start")
    assert story.call("s").tool_digest == "f" * 64
    story.when(answer("Yes ")).then()
    story.when(answer("no")).then_refused(InvalidTransition, "no open question")


def test_a_changed_tool_that_nobody_accepts_is_refused():
    changed_tool().when(answer("no")).then("question_answered", "step_refused", "run_finished")


def test_a_halted_house_starts_nothing_and_goes_on_when_it_is_lifted():
    story = given(rules=rules(READ)).after(halted="a drill").when(start(one()))
    story.then("run_started", "plan_created", "run_parked")
    story.after(halted="").when(tick()).then("route_decision", "tool_call_start")


# --- budgets ---------------------------------------------------------------------------------------------------------
WIDE = plan(*(step(f"s{n}", READ) for n in range(3)), step("after", READ, depends_on=("s2",)))


def limited(at_limit, **changes):
    return rules(READ, limits=Limits(calls=2, at_limit=at_limit, **changes), max_parallel=1)


def test_a_budget_warns_once_and_stops_the_run_when_it_is_used_up():
    story = given(rules=limited(AtLimit.STOP)).when(start(WIDE)).when(completes("s0"))
    story.then("tool_call_complete", "route_decision", "tool_call_start", "budget_warning")
    story.when(completes("s1"))
    story.then("tool_call_complete", "budget_exceeded", "step_skipped", "step_skipped", "run_finished")
    assert story.state.end.status is Status.PARTIAL


def test_a_skipped_step_leaves_the_others_their_chance():
    story = given(rules=limited(AtLimit.SKIP)).when(start(WIDE)).when(completes("s0")).when(completes("s1"))
    story.then("tool_call_complete", "budget_exceeded", "step_skipped", "step_skipped", "run_finished")


def test_a_limit_that_stops_several_says_so_once():
    wide = plan(*(step(f"s{n}", READ) for n in range(4)))
    story = given(rules=limited(AtLimit.SKIP)).when(start(wide)).when(completes("s0")).when(completes("s1"))
    story.then("tool_call_complete", "budget_exceeded", "step_skipped", "step_skipped", "run_finished")


def test_a_parked_run_goes_on_after_a_top_up():
    story = given(rules=limited(AtLimit.PARK)).when(start(WIDE)).when(completes("s0")).when(completes("s1"))
    story.then("tool_call_complete", "budget_exceeded", "run_parked")
    assert story.state.parked.needs == ("cuga top-up r1 --scope calls",)
    story.when(tops_up("calls", 2)).then("budget_raised", "route_decision", "tool_call_start")
    story.when(completes("s2")).then("tool_call_complete", "route_decision", "tool_call_start", "budget_warning")


def test_a_failed_try_that_waited_for_a_top_up_starts_once():
    pinned = rules(READ, limits=Limits(calls=1, at_limit=AtLimit.PARK))
    story = given(run_started(one()), rules=pinned).when(tick()).when(fails("s")).after(9)
    story.when(tick()).then("budget_exceeded", "run_parked")
    story.when(tops_up("calls", 3)).then("budget_raised", "route_decision", "tool_call_start")


def test_a_top_up_of_another_scope_helps_nobody():
    story = given(rules=limited(AtLimit.PARK)).when(start(WIDE)).when(completes("s0")).when(completes("s1"))
    story.when(tops_up("cost", 5)).then("budget_raised", "run_parked")


def test_a_top_up_is_an_approval():
    story = given(rules=limited(AtLimit.PARK)).when(start(WIDE))
    story.when(tops_up("calls", 0)).then_refused(InvalidTransition, "more than nothing")
    story.when(tops_up("steps", 1)).then_refused(InvalidTransition, "there are: calls, cost, tokens")
    story.when(tops_up("calls", 1, by=ADA)).then_refused(NotAllowed)
    story.when(tops_up("calls", 1, by=MAX)).then_refused(NotAllowed)
    story.when(tops_up("calls", 1, by=SOLO)).then_refused(NotAllowed)
    story.when(c.TopUp(at=AT, scope="calls", amount=1)).then_refused(NotAllowed, "only a person")


def test_what_came_back_frees_those_who_waited_for_it():
    pinned = rules(READ, EXECUTE, limits=Limits(calls=1, at_limit=AtLimit.PARK))
    story = given(run_started(plan(step("send", EXECUTE))), rules=pinned).when(tick()).when(approve("send"))
    story.when(replans()).when(planned(plan(step("send", EXECUTE), step("read", READ), number=2)))
    story.then("plan_created", "budget_exceeded")
    story.when(fails("send", "agent_validation", surely=True))
    story.then("tool_call_error", "route_decision", "tool_call_start")


def test_a_limit_of_nothing_refuses_without_a_warning():
    story = given(rules=rules(READ, limits=Limits(calls=0))).when(start(one()))
    story.then("run_started", "plan_created", "budget_exceeded", "step_skipped", "run_finished")


# --- what crosses runs -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("per", "scope"), [("tenant", "tenant/local"), ("user", "user/local/ada"), ("tool", "tool/local/score")]
)
def test_a_call_takes_its_share_of_the_rate(per, scope):
    story = given(rules=rules(READ, rates=(Rate(per=per, calls=5, window_s=60),))).when(start(one()))
    assert story.call("s").claims[0].scope.endswith(scope)


def test_a_rate_may_be_one_tools_alone():
    rates = (
        Rate(per="tenant", calls=5, window_s=60, tool="draft"),
        Rate(per="tenant", calls=5, window_s=60, tool="score"),
    )
    story = given(rules=rules(READ, rates=rates)).when(start(one()))
    assert [claim.scope[-5:] for claim in story.call("s").claims] == ["score"]


def test_a_rate_that_is_said_twice_is_taken_once_and_the_tighter_counts():
    rates = tuple(Rate(per="tenant", calls=calls, window_s=60) for calls in (5, 2, 10))
    story = given(rules=rules(READ, rates=rates)).when(start(one()))
    (claim,) = story.call("s").claims
    assert (claim.amount, claim.limit) == (1, 2)


def test_a_used_up_rate_waits_for_the_next_window_and_says_so_once():
    scope = f"rate/60/{int(AT.timestamp()) // 60}/tenant/local"
    story = (
        given(rules=rules(READ, rates=(Rate(per="tenant", calls=2, window_s=60),)))
        .told(**{scope: 2})
        .when(start(one()))
    )
    story.then("run_started", "plan_created", "budget_exceeded", "run_parked")
    assert story.state.parked.wake_at == AT + timedelta(seconds=60)
    story.when(tick()).then()
    story.told().after(60).when(tick()).then("route_decision", "tool_call_start")


def test_a_month_is_one_of_the_calendar():
    rate = Rate(per="user", calls=2, window_s=MONTH_S)
    scope = f"rate/month/{AT:%Y-%m}/user/local/ada"
    story = given(rules=rules(READ, rates=(rate,))).told(**{scope: 2}).when(start(one()))
    assert story.state.parked.wake_at == rate.next_window(AT) == datetime(2026, 2, 1, tzinfo=UTC)
    assert "2 calls per month and user" in story.state.parked.reason
    assert rate.next_window(datetime(2027, 12, 31, 23, 59, tzinfo=UTC)) == datetime(2028, 1, 1, tzinfo=UTC)
    assert rate.window(datetime(2028, 2, 29, tzinfo=UTC)) == "month/2028-02"


def test_two_steps_of_one_decision_do_not_count_on_the_same_share():
    two = plan(step("a", READ), step("b", READ))
    story = given(rules=rules(READ, rates=(Rate(per="tenant", calls=1, window_s=60),))).when(start(two))
    assert list(story.state.calling) == ["a"]


ONCE = contract("post", "propose", once=("post", "/to"))
OPEN = rules(ONCE, READ, EXECUTE, approvals=Approvals(propose=Consent.NONE))


def test_what_may_happen_once_is_refused_when_another_run_has_done_it():
    story = given(rules=OPEN).told(post__local__ann=1).when(start(one(ONCE, {"to": " Ann"})))
    assert story.found("step_refused").rule == "once"


def test_two_steps_of_one_plan_do_not_do_it_twice_either():
    two = plan(step("a", ONCE, {"to": "ann"}), step("b", ONCE, {"to": "ANN"}))
    story = given(rules=OPEN).when(start(two))
    assert list(story.state.calling) == ["a"] and story.found("step_refused").step == "b"


def test_somebody_named_twice_is_one_effect():
    story = given(rules=OPEN).when(start(one(ONCE, {"to": ["ann", "Ann", "bob"]})))
    assert [claim.scope for claim in story.call("s").claims] == ["post/local/ann", "post/local/bob"]


def test_an_effect_whose_target_cannot_be_told_fails():
    story = given(rules=OPEN).when(start(one(ONCE, {"x": 1})))
    assert "cannot be told" in story.found("step_failed").reason


def test_a_simulated_effect_takes_nothing():
    tool = contract("post", "execute", once=("post", "/to"))
    story = given(rules=rules(tool, simulates_execute=True, approvals=Approvals(execute=Consent.NONE)))
    story.when(start(one(tool, {"to": "ann"})))
    assert story.call("s").claims == () and story.call("s").simulated


def test_no_profile_lets_an_outside_effect_pass_by_itself():
    lax = rules(EXECUTE, approvals=Approvals(execute=Consent.NONE))
    assert given(rules=lax).when(start(one(EXECUTE))).state.pending


def test_a_profile_may_want_a_person_even_for_a_read():
    strict = rules(READ, approvals=Approvals(read_only=Consent.HUMAN))
    story = given(rules=strict).when(start(one())).when(approve("s"))
    assert story.call("s").approval == "r1-a1"


# --- the contract judges, the stricter one ---------------------------------------------------------------------------
def raised(pinned_tool, now_tool, arguments=None, **profile):
    """A run pinned to one contract meets another, and a person accepts the new definition."""
    story = given(rules=rules(pinned_tool, **profile)).after(
        tool_digests={now_tool.name: now_tool.digest()}, contracts={now_tool.name: now_tool}
    )
    story.when(start(one(pinned_tool, arguments)))
    return story.when(answer("yes", f"tool/{now_tool.name}/{now_tool.digest()[:12]}"))


@pytest.mark.parametrize("before", ["read-only", "propose"])
def test_a_class_that_was_raised_asks_a_person_whatever_the_run_pinned(before):
    own = Approvals(read_only=Consent.NONE, propose=Consent.NONE)
    story = raised(contract("post", before), contract("post", "execute"), approvals=own)
    story.then("question_answered", "approval_requested", "run_parked")
    assert story.found("approval_requested").side_effect.value == "execute"
    story.when(approve("s"))
    assert story.call("s").side_effect.value == "execute"
    story.when(fails("s")).then("tool_call_error", "step_in_doubt", "run_parked")


def test_a_class_that_was_raised_is_simulated_where_effects_only_are():
    story = raised(contract("post", "propose"), contract("post", "execute"), simulates_execute=True)
    assert "only simulates" in story.found("approval_requested").consequences[0]
    assert story.when(approve("s")).call("s").simulated


def test_a_class_that_was_lowered_changes_nothing():
    story = raised(contract("post", "execute"), contract("post", "read-only"))
    assert story.found("approval_requested").side_effect.value == "execute"


def test_the_higher_price_counts():
    dear = raised(contract("score", cost=1), contract("score", cost=7), limits=Limits(calls=9, cost=5))
    assert dear.found("budget_exceeded").wanted == 7
    cheap = raised(contract("score", cost=7), contract("score", cost=1))
    assert cheap.call("s").cost == cheap.state.used["cost"] == 7


def test_what_may_happen_once_is_what_either_contract_says():
    pinned, now = (contract("post", "execute", once=(name, "/n")) for name in ("a", "b"))
    story = raised(pinned, now, {"n": 1}).when(approve("s"))
    assert [claim.scope for claim in story.call("s").claims] == ["a/local/1", "b/local/1"]


def test_a_call_is_repeated_only_where_both_contracts_make_that_safe():
    story = raised(contract("post", "execute", repeatable="key"), contract("post", "execute"))
    story.when(approve("s")).when(fails("s")).then("tool_call_error", "step_in_doubt", "run_parked")


def test_a_forged_stamp_decides_nothing():
    post = contract("post", "execute", cost=5, domain="engagement")
    forged = step("s", post, cost=0, domain="nowhere", side_effect=READ.side_effect)
    story = given(rules=rules(post)).when(start(plan(forged)))
    asked = story.found("approval_requested")
    assert (asked.side_effect, asked.cost) == (post.side_effect, 5)
    call = story.when(approve("s")).call("s")
    assert (call.side_effect, call.domain, call.cost) == (post.side_effect, "engagement", 5)
    assert story.state.used["cost"] == 5 and "calls/domain/nowhere" not in story.state.used
    story.when(fails("s")).then("tool_call_error", "step_in_doubt", "run_parked")


# --- what a plan asks for itself --------------------------------------------------------------------------------------
def test_a_step_that_asks_first_waits_for_a_person_where_the_rules_ask_nobody():
    story = given().when(start(plan(step("s", READ, ask_first=True))))
    story.then("run_started", "plan_created", "approval_requested", "run_parked")
    story.when(approve("s")).then("approval_received", "route_decision", "tool_call_start")
    assert story.call("s").approval == story.found("approval_requested").approval_id


def test_a_step_that_asks_first_is_agreed_to_by_no_rule():
    agreeing = rules(PROPOSE, approvals=Approvals(propose=Consent.RULE))
    assert given(rules=agreeing).when(start(plan(step("s", PROPOSE)))).state.calling
    standing = StandingRule(
        rule_id="x", tool="draft", matches={}, profile="", expires_at=AT + timedelta(days=1), uses=9, by="max"
    )
    story = (
        given(rules=agreeing).after(standing_rules=(standing,)).when(start(plan(step("s", PROPOSE, ask_first=True))))
    )
    assert story.state.pending and not story.state.calling


def test_a_step_that_asks_first_asks_no_more_than_a_step_that_must():
    story = given().when(start(plan(step("s", EXECUTE, ask_first=True))))
    assert len(story.state.pending) == 1
