"""How a run begins, what starts by itself, and what a plan makes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cuga.errors import InvalidTransition, NotAllowed
from cuga.kernel.decide import decide
from cuga.kernel.outstanding import Outstanding, outstanding
from cuga.model import command as c
from cuga.model.context import SYSTEM
from cuga.model.event import Status, name_of
from cuga.model.plan import Budget
from cuga.policy.profile import Limits
from cuga.testing import (
    approve,
    call_completed,
    call_started,
    cancels,
    completes,
    fails,
    given,
    planned,
    replans,
    run_started,
    start,
    takes_over,
    tick,
    tops_up,
)
from cuga.testing.factories import AT, EXECUTE, PROPOSE, READ, output_of, plan, rules, step, when

SCORE = step("score", READ)
DRAFT = step("draft", PROPOSE, {"to": "ann", "points": output_of("score", "/n")})
PLAN = plan(SCORE, DRAFT)


def test_a_run_with_a_plan_starts_what_needs_nothing():
    story = given().when(start(PLAN)).then("run_started", "plan_created", "route_decision", "tool_call_start")
    assert story.call("score").attempt == 1
    assert story.state.status is Status.RUNNING


def test_a_run_without_a_plan_asks_a_planner_and_is_not_parked_meanwhile():
    story = given().when(start()).then("run_started", "plan_requested")
    assert outstanding(story.state).plan == story.found("plan_requested")


def test_a_run_begins_once():
    given(run_started(PLAN)).when(start(PLAN)).then_refused(InvalidTransition, "begun already")


def test_nothing_can_be_wanted_of_a_run_that_has_not_begun():
    given().when(tick()).then_refused(InvalidTransition, "has not begun")


@pytest.mark.parametrize("wish", [cancels(by=SYSTEM), replans(by=SYSTEM)])
def test_nobody_steers_a_run_in_the_name_of_the_house(wish):
    given(run_started(PLAN)).when(wish).then_refused(NotAllowed, "system is without a role")


def test_nobody_begins_a_run_in_the_name_of_the_house():
    given().when(start(PLAN, by=SYSTEM)).then_refused(NotAllowed, "system is without a role")


def test_a_wish_nobody_knows_is_refused():
    given(run_started(PLAN)).when(c.Command(at=AT)).then_refused(InvalidTransition, "nobody knows")


def test_an_empty_plan_is_a_success():
    given().when(start(plan())).then("run_started", "plan_created", "run_finished")


def test_a_run_that_only_plans_leaves_everything_out_and_succeeds():
    story = given().when(start(PLAN, plan_only=True))
    story.then("run_started", "plan_created", "step_skipped", "step_skipped", "run_finished")
    assert story.state.end.status is Status.SUCCESS and "planned only" in story.state.end.reason


def test_a_run_that_only_plans_ends_when_the_planner_answers():
    story = given(run_started(plan_only=True)).when(planned(plan(SCORE)))
    story.then("plan_created", "step_skipped", "run_finished")


def test_no_more_calls_run_beside_each_other_than_the_profile_allows():
    wide = plan(*(step(f"s{n}", READ) for n in range(3)))
    story = given(rules=rules(max_parallel=2)).when(start(wide))
    assert list(story.state.calling) == ["s0", "s1"]
    story.when(completes("s0")).then("tool_call_complete", "route_decision", "tool_call_start")
    assert list(story.state.calling) == ["s1", "s2"]
    story.when(tick()).then()


def test_answers_that_gather_are_decided_together():
    wide = plan(step("s0", READ), step("s1", READ))
    story = given().when(start(wide)).when(completes("s0"), completes("s1"))
    story.then("tool_call_complete", "tool_call_complete", "run_finished")


def test_a_reference_is_filled_with_what_the_earlier_step_gave():
    story = given(run_started(PLAN)).when(tick()).when(completes("score", {"n": 87}))
    assert bytes(story.found("approval_requested").arguments) == b'{"points":87,"to":"ann"}'


@pytest.mark.parametrize("result", [None, {"m": 1}, [1]])
def test_a_reference_at_nothing_fails_the_step_and_what_needs_it(result):
    after = step("send", EXECUTE, {}, depends_on=("draft",))
    story = given(run_started(plan(SCORE, DRAFT, after))).when(tick()).when(completes("score", result))
    story.then("tool_call_complete", "step_failed", "step_skipped", "run_finished")
    assert story.state.end.status is Status.PARTIAL
    assert "and 1 more" in story.state.end.reason


def test_a_reference_to_a_step_without_an_output_fails_the_step():
    ghost = step("draft", PROPOSE, {"x": output_of("ghost")})
    story = given().when(start(plan(ghost)))
    story.then("run_started", "plan_created", "step_failed", "run_finished")
    assert "in no plan" in story.state.end.reason


def test_arguments_that_grow_too_large_fail_the_step():
    draft = step("draft", PROPOSE, {"all": output_of("score")})
    story = given(run_started(plan(SCORE, draft))).when(tick()).when(completes("score", "x" * 70_000))
    story.then("tool_call_complete", "step_failed", "run_finished")
    assert "70,0" in story.found("step_failed").reason


def conditional(expr: str, **bind: str):
    return plan(
        SCORE, step("draft", PROPOSE, {}, when=when(expr, **bind)), step("send", EXECUTE, {}, depends_on=("draft",))
    )


def test_a_condition_that_holds_lets_the_step_go_on():
    story = given(run_started(conditional("n > 80", n="score/n"))).when(tick()).when(completes("score", {"n": 87}))
    story.then("tool_call_complete", "approval_requested", "run_parked")


def test_a_condition_that_does_not_hold_leaves_out_the_step_and_its_dependants_and_is_a_good_end():
    story = given(run_started(conditional("n > 90", n="score/n"))).when(tick()).when(completes("score", {"n": 87}))
    story.then("tool_call_complete", "step_skipped", "step_skipped", "run_finished")
    assert story.state.end.status is Status.SUCCESS


@pytest.mark.parametrize(
    ("expr", "place"), [("n > 1", "score/absent"), ("n > 1", "score/text"), ("n.x > 1", "score/n")]
)
def test_a_condition_that_cannot_be_evaluated_fails_the_step(expr, place):
    story = given(run_started(conditional(expr, n=place))).when(tick()).when(completes("score", {"n": 87, "text": "a"}))
    story.then("tool_call_complete", "step_failed", "step_skipped", "run_finished")
    assert story.state.end.status is Status.PARTIAL


def test_an_optional_step_that_fails_does_not_spoil_success_and_is_named():
    story = given(run_started(plan(SCORE, step("extra", READ, required=False)))).when(tick())
    story.when(completes("score"), fails("extra", "agent_validation", surely=True))
    assert story.state.end.status is Status.SUCCESS and "extra" in story.state.end.reason


def test_a_run_of_which_nothing_was_done_has_failed():
    story = given(run_started(plan(SCORE))).when(tick()).when(fails("score", "agent_validation", surely=True))
    story.then("tool_call_error", "run_finished")
    assert story.state.end.status is Status.FAILED


def test_a_step_left_out_does_not_come_back_when_its_other_need_is_done():
    both = step("both", READ, depends_on=("a", "b"))
    story = given(run_started(plan(step("a", READ), step("b", READ), both))).when(tick())
    story.when(fails("a", "agent_validation", surely=True)).then("tool_call_error", "step_skipped")
    story.when(completes("b")).then("tool_call_complete", "run_finished")


def test_tightest_limits_of_profile_caller_and_plan_count():
    tight = plan(step("a", READ), step("b", READ), budget=Budget(calls=9, calls_per_tool={"score": 1}))
    story = given(rules=rules(limits=Limits(calls=5))).when(start(tight, budget=Budget(calls=4)))
    exceeded = story.found("budget_exceeded")
    assert (exceeded.scope, exceeded.limit) == ("calls/tool/score", 1)


def test_a_run_that_has_ended_listens_to_remarks_and_late_answers_only():
    story = given(run_started(plan(SCORE))).when(tick()).when(completes("score"))
    assert outstanding(story.state) == Outstanding()
    story.when(c.Annotate(at=AT, text="well done", step="score")).then("annotation")
    story.when(tick()).then()
    story.when(takes_over()).then()
    story.when(planned(plan(SCORE))).then()
    story.when(completes("score")).then("annotation")
    story.when(fails("score")).then()
    story.when(cancels()).then_refused(InvalidTransition, "has ended (success")
    story.when(tops_up("calls", 1)).then_refused(InvalidTransition)


def test_a_remark_changes_nothing_and_leaves_a_parked_run_parked():
    story = (
        given(run_started(plan(DRAFT := step("draft", PROPOSE)))).when(tick()).then("approval_requested", "run_parked")
    )
    story.when(c.Annotate(at=story.at, text="looking")).then("annotation")
    assert story.state.parked is not None and DRAFT.step_id in story.state.awaiting


def test_time_never_runs_backwards_within_a_run():
    story = given(run_started(PLAN)).after(60).when(tick()).after(-3600).when(completes("score", {"n": 1}))
    assert story.last[0].at == AT + timedelta(seconds=60)


def test_a_cancelled_run_starts_nothing_and_ends_when_the_calls_in_flight_are_back():
    wide = plan(step("a", READ), DRAFT_ALONE, step("c", READ, depends_on=("a",)))
    story = given(run_started(wide)).when(tick()).when(cancels("enough")).then("cancel_requested")
    story.when(cancels("again")).then()
    story.when(completes("a"))
    story.then("tool_call_complete", "approval_superseded", "step_skipped", "step_skipped", "run_finished")
    assert story.state.end.status is Status.CANCELLED


DRAFT_ALONE = step("draft", PROPOSE)


def test_a_cancelled_run_names_what_nobody_knows():
    story = given(run_started(plan(step("send", EXECUTE)))).when(tick()).when(approve("send"))
    story.when(cancels("enough")).when(fails("send")).then("tool_call_error", "step_in_doubt", "run_finished")
    assert "nobody knows" in story.state.end.reason and story.state.end.mend


def test_a_run_without_words_is_cancelled_all_the_same():
    story = given(run_started(PLAN), call_started("score")).when(cancels())
    assert story.state.cancel == "cancelled"


def test_a_cancelled_run_takes_no_plan():
    story = given(run_started()).when(cancels()).then("cancel_requested", "run_finished")
    again = given(run_started(PLAN), call_started("score")).when(replans()).when(cancels())
    again.when(planned(PLAN)).then()
    assert story.state.end.status is Status.CANCELLED


def test_what_was_done_is_kept_by_the_state():
    story = given(run_started(PLAN), call_completed("score", {"n": 1}))
    assert bytes(story.state.outputs["score"]) == b'{"n":1}'
    assert story.state.used["calls"] == 1


def test_a_list_of_references_is_filled_as_well():
    listed = step("draft", PROPOSE, {"all": [output_of("score", "/n"), 2]})
    story = given(run_started(plan(SCORE, listed))).when(tick()).when(completes("score", {"n": 1}))
    assert bytes(story.found("approval_requested").arguments) == b'{"all":[1,2]}'


def test_a_reference_twice_is_one_need():
    twice = step("draft", PROPOSE, {"a": output_of("score", "/n"), "b": output_of("score", "/m")})
    bound = step("note", READ, {}, when=when("n == m", n="score/n", m="score/m"), depends_on=("score",))
    story = given(run_started(plan(SCORE, twice, bound))).when(tick()).when(completes("score", {"n": 1, "m": 1}))
    assert list(story.state.awaiting) == ["draft"] and list(story.state.calling) == ["note"]


def test_who_is_about_to_go_starts_nothing_and_parks_only_what_waits_for_somebody():
    ready = given(run_started(plan(step("s", READ))))
    goes = decide(ready.state, [tick()(ready)], ready.rules, ready.current, may_start=False)
    assert goes.events == () and list(goes.state.ready) == ["s"]
    failed = given(run_started(plan(step("s", READ)))).when(tick()).when(fails("s"))
    assert failed.state.due and not failed.state.ready
    assert decide(failed.state, [tick()(failed)], failed.rules, failed.current, may_start=False).events == ()
    asked = given(run_started(plan(step("s", PROPOSE)))).when(tick())
    lone = asked.state.draft()
    lone.parked = None
    (parked,) = decide(lone, [tick()(asked)], asked.rules, asked.current, may_start=False).events
    assert name_of(parked) == "run_parked" and parked.reason == "waits for an approval"
