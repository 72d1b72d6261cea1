"""Plans after the first, planners that ask or have no idea."""

from __future__ import annotations

import msgspec

from cuga.errors import InvalidTransition, NotAllowed
from cuga.model import command as c
from cuga.model.event import Status, name_of
from cuga.model.plan import Budget
from cuga.policy.profile import Approvals
from cuga.testing import (
    amend,
    approve,
    call_started,
    completes,
    deny,
    fails,
    given,
    planned,
    replans,
    request_changes,
    run_started,
    start,
    tick,
)
from cuga.testing.factories import ADA, AT, EXECUTE, GRACE, LIN, PROPOSE, READ, plan, rules, step, when

A, B = step("a", READ), step("b", PROPOSE, {"to": "ann"}, depends_on=("a",))


def two():
    """A story whose first step is done and whose second waits for people."""
    return given(run_started(plan(A, B))).when(tick()).when(completes("a"))


def asks(attempt=1, question="q1"):
    return c.AskQuestion(at=AT, attempt=attempt, question_id=question, text="which Ann?", options=("1", "2"))


def answers(text="1", question="q1"):
    return c.AnswerQuestion(at=AT, by=ADA, question_id=question, answer=text)


def test_a_plan_that_keeps_a_step_keeps_its_approval():
    story = two().when(replans()).then("replan_requested", "plan_requested")
    story.when(planned(plan(A, B, step("c", READ), number=2))).then("plan_created", "route_decision", "tool_call_start")
    story.when(approve("b")).then("approval_received", "route_decision", "tool_call_start")


def test_a_plan_that_drops_a_step_closes_what_people_were_asked():
    story = two().when(replans()).when(planned(plan(A, number=2)))
    story.then("approval_superseded", "step_superseded", "plan_created", "run_finished")
    assert story.state.end.status is Status.SUCCESS


def test_a_step_that_was_dropped_and_is_planned_again_is_done():
    story = two().when(replans()).when(planned(plan(A, step("c", PROPOSE), number=2)))
    story.then("approval_superseded", "step_superseded", "plan_created", "approval_requested", "run_parked")
    story.when(replans()).when(planned(plan(A, B, step("c", PROPOSE), number=3)))
    story.then("plan_created", "approval_requested", "run_parked")
    story.when(approve("b")).when(completes("b")).when(approve("c")).when(completes("c"))
    assert story.state.end.status is Status.SUCCESS
    assert [start.step for start in story.events if name_of(start) == "tool_call_start"] == ["a", "b", "c"]


def test_what_needs_a_step_that_is_planned_again_waits_for_it_and_is_not_left_out():
    later = step("d", READ, depends_on=("b",))
    story = two().when(replans()).when(planned(plan(A, step("c", PROPOSE), number=2)))
    story.when(replans()).when(planned(plan(A, B, later, step("c", PROPOSE), number=3)))
    story.when(approve("b")).when(completes("b"))
    assert story.call("d").attempt == 1


def test_what_was_left_out_with_a_dropped_step_is_done_once_both_are_planned_again():
    later = step("d", READ, depends_on=("b",))
    story = given(run_started(plan(A, B, later, step("c", PROPOSE)))).when(tick()).when(completes("a"))
    story.when(replans()).when(planned(plan(A, later, step("c", PROPOSE), number=2)))
    assert story.found("step_skipped").step == "d"
    story.when(replans()).when(planned(plan(A, B, later, step("c", PROPOSE), number=3)))
    assert story.found("plan_created").again == ("b", "d")
    story.when(approve("b")).when(completes("b"))
    assert story.call("d").attempt == 1


def test_a_condition_that_still_does_not_hold_leaves_its_step_out_again():
    only_if = step("x", READ, when=when("n > 5", n="a/n"), depends_on=("a",))
    story = given(run_started(plan(A, B, only_if))).when(tick()).when(completes("a", {"n": 1}))
    story.when(replans()).when(planned(plan(A, B, only_if, number=2))).then(
        "plan_created", "step_skipped", "run_parked"
    )
    story.when(approve("b")).when(completes("b"))
    assert story.state.end.status is Status.SUCCESS


def test_a_step_that_was_left_out_by_its_condition_is_judged_anew_by_a_plan_that_has_it_again():
    only_if = step("x", READ, when=when("n > 5", n="a/n"), depends_on=("a",))
    always = step("x", READ, depends_on=("a",))
    story = given(run_started(plan(A, B, only_if))).when(tick()).when(completes("a", {"n": 1}))
    assert story.found("step_skipped").step == "x"
    story.when(replans()).when(planned(plan(A, B, number=2)))
    story.when(replans()).when(planned(plan(A, B, always, number=3)))
    assert story.call("x").attempt == 1


def test_a_step_that_people_refused_does_not_come_back_with_a_newer_plan():
    story = two().when(deny("b", reason="not to ann"))
    assert story.state.end is not None
    story = (
        given(run_started(plan(A, B, step("c", PROPOSE))))
        .when(tick())
        .when(completes("a"))
        .when(deny("b", reason="no"))
    )
    story.when(replans()).when(planned(plan(A, step("c", PROPOSE), number=2)))
    story.when(replans()).when(planned(plan(A, B, step("c", PROPOSE), number=3)))
    assert [request.step for request in story.state.pending.values()] == ["c"]


def test_an_approval_that_was_not_used_yet_is_closed_with_its_step():
    story = two().after(halted="a drill").when(approve("b")).when(replans()).when(planned(plan(A, number=2)))
    story.then("approval_superseded", "step_superseded", "plan_created", "run_finished")


def test_a_plan_that_changes_a_step_asks_again_and_forgets_what_was_amended():
    story = two().when(amend("b", {"to": "bob"})).when(replans())
    story.when(planned(plan(A, step("b", PROPOSE, {"to": "eve"}), number=2)))
    story.then("approval_superseded", "plan_created", "approval_requested", "run_parked")
    assert bytes(story.found("approval_requested").arguments) == b'{"to":"eve"}'


def test_a_plan_that_leaves_a_step_alone_keeps_what_was_amended():
    story = two().when(amend("b", {"to": "bob"})).when(replans()).when(planned(plan(A, B, number=2)))
    story.when(approve("b", by=LIN))
    assert bytes(story.call("b").arguments) == b'{"to":"bob"}'


def test_a_step_that_gets_new_needs_waits_for_them_even_when_it_was_agreed_to():
    story = two().when(replans())
    later = step("b", PROPOSE, {"to": "ann"}, depends_on=("c",))
    story.when(planned(plan(A, step("c", READ), later, number=2)))
    story.then("approval_superseded", "plan_created", "route_decision", "tool_call_start")
    story.when(completes("c")).then("tool_call_complete", "approval_requested", "run_parked")


def test_a_need_that_is_done_while_people_look_counts():
    story = given(run_started(plan(B2 := step("b", PROPOSE)))).when(tick()).when(replans())
    story.when(planned(plan(A, step("b", PROPOSE, depends_on=("a",)), number=2)))
    story.when(completes("a")).then("tool_call_complete", "approval_requested", "run_parked")
    assert B2.depends_on == ()


def test_calls_in_flight_are_kept_and_nothing_new_starts_meanwhile():
    story = given(run_started(plan(A, step("x", READ, depends_on=("a",))))).when(tick()).when(replans())
    story.when(completes("a")).then("tool_call_complete")
    story.when(planned(plan(A, step("y", READ, depends_on=("a",)), number=2)))
    story.then("step_superseded", "plan_created", "route_decision", "tool_call_start")


def test_what_needs_a_step_that_was_not_done_is_left_out_of_the_new_plan_too():
    story = given(run_started(plan(A, step("z", PROPOSE)))).when(tick())
    story.when(fails("a", "agent_validation", surely=True)).when(replans())
    story.when(planned(plan(step("z", PROPOSE), step("b", READ, depends_on=("a",)), number=2)))
    story.then("plan_created", "step_skipped", "run_parked")
    assert "needs a, which was not done" in story.found("step_skipped").reason


def test_what_needs_a_step_that_a_plan_dropped_is_not_called_a_condition():
    story = two().when(replans()).when(planned(plan(step("c", READ, depends_on=("b",)), number=2)))
    assert "needs b, which was not done" in story.found("step_skipped").reason
    assert story.state.end.status is Status.PARTIAL


def test_late_and_repeated_plans_change_nothing():
    story = two().when(replans())
    story.when(planned(plan(A, B, number=2), attempt=7)).then()
    story.when(planned(plan(A, B, number=2))).then("plan_created", "run_parked")
    story.when(planned(plan(A, B, number=2))).then()


def test_a_run_is_planned_anew_at_most_three_times():
    story = two()
    for number in (2, 3, 4):
        story.when(replans()).when(planned(plan(A, B, number=number)))
    story.when(replans()).then_refused(InvalidTransition, "at most 3 times")


def test_there_must_be_a_plan_before_there_can_be_another():
    given(run_started()).when(replans()).then_refused(InvalidTransition, "no plan yet")


def test_a_planner_without_an_idea_ends_the_run():
    failure = c.RecordPlanFailure(at=AT, attempt=1, reason="out of scope", mend="ask for sales work")
    story = given(run_started()).when(failure).then("plan_failed", "run_finished")
    assert (story.state.end.status, story.state.end.reason) == (Status.FAILED, "out of scope")


def test_a_planner_without_another_idea_stops_what_is_open():
    story = two().when(replans()).when(c.RecordPlanFailure(at=AT, attempt=1, reason="no other way"))
    story.then("plan_failed", "approval_superseded", "step_skipped", "run_finished")
    assert story.state.end.status is Status.PARTIAL


def test_a_planner_asks_and_plans_with_the_answer():
    story = given().when(start(planner="model")).when(asks()).then("question_asked", "run_parked")
    assert story.state.parked.needs == ("cuga answer r1 ANSWER --question q1",)
    story.when(answers()).then("question_answered", "plan_requested")
    request = story.found("plan_requested")
    assert (request.planner, request.attempt, request.feedback) == ("model", 2, "1")
    story.when(answers("2", "q9")).then_refused(InvalidTransition, "no open question")


def test_nothing_starts_while_a_planner_waits_for_an_answer_about_another_plan():
    story = two().when(replans()).when(asks()).then("question_asked", "run_parked")
    story.when(approve("b")).then("approval_received", "run_parked")
    story.when(answers()).then("question_answered", "plan_requested")
    story.when(planned(plan(A, B, number=2))).then("plan_created", "route_decision", "tool_call_start")


def test_asking_for_another_plan_withdraws_the_planners_question():
    story = two().when(replans()).when(asks()).when(replans("simply without b"))
    assert not story.state.questions
    story.when(planned(plan(A, number=2))).then(
        "approval_superseded", "step_superseded", "plan_created", "run_finished"
    )


def test_an_outside_effect_in_flight_survives_every_plan():
    story = (
        given(run_started(plan(step("send", EXECUTE))), rules=rules(READ, EXECUTE)).when(tick()).when(approve("send"))
    )
    story.when(replans()).when(planned(plan(A, number=2))).when(completes("send"))
    assert story.state.phase["send"].value == "done"
    assert GRACE.id in {closed.by for closed in story.state.closed.values()}


def test_a_failed_try_that_gets_new_needs_waits_for_them():
    story = given(run_started(plan(A))).when(tick()).when(fails("a")).when(replans())
    story.when(planned(plan(step("n", READ), step("a", READ, depends_on=("n",)), number=2)))
    story.then("plan_created", "route_decision", "tool_call_start")
    story.after(60).when(tick()).then()
    story.when(completes("n")).then("tool_call_complete", "route_decision", "tool_call_start")
    assert story.call("a").attempt == 2


def test_a_plan_does_not_change_what_has_begun():
    story = given(run_started(plan(A, B))).when(tick()).when(replans())
    story.when(planned(plan(step("a", PROPOSE, {"x": 1}), B, number=2))).then("plan_created")
    assert story.state.step("a") == A
    story.when(completes("a")).then("tool_call_complete", "approval_requested", "run_parked")


def test_a_plan_that_only_plans_again_leaves_out_what_is_new():
    story = given(run_started(plan_only=True)).when(planned(plan(A)))
    assert story.state.end.status is Status.SUCCESS
    begun = given(run_started(plan(A, B), plan_only=True), call_started("a")).when(replans())
    begun.when(planned(plan(A, step("c", READ), number=2)))
    assert begun.state.phase["c"].value == "skipped"


def test_a_newer_plan_loosens_no_budget_that_an_earlier_one_stated():
    wide = tuple(step(f"t{n}", READ, {"n": n}) for n in range(3))
    story = given(run_started(plan(step("s", READ), budget=Budget(calls=2)))).when(tick()).when(replans())
    story.when(planned(plan(*wide, number=2, budget=Budget(calls=9, cost=5)))).when(completes("s"))
    assert len(story.state.calling) == 1 and story.found("budget_exceeded").limit == 2


TWO_HATS = {"ada": ("operator",), "grace": ("approver",), "lin": ("admin", "approver")}


def asked_anew(story):
    """The request for a step that a newer plan changed."""
    return story.when(planned(plan(A, step("b", PROPOSE, {"to": "eve"}), number=2)))


def test_whose_words_made_the_plan_does_not_decide_on_what_comes_of_it():
    story = asked_anew(two().when(request_changes("b", "write to eve")))
    assert story.found("approval_requested").requesters == ("ada", "grace")
    story.when(approve("b")).then_refused(NotAllowed)
    story.when(approve("b", by=LIN)).then("approval_received", "route_decision", "tool_call_start")


def test_words_of_somebody_who_steers_another_ones_run_count_as_well():
    story = asked_anew(two().after(roles=TWO_HATS).when(replans("write to eve", by=LIN)))
    assert story.found("approval_requested").requesters == ("ada", "lin")
    story.when(approve("b", by=LIN)).then_refused(NotAllowed)
    story.when(approve("b")).then("approval_received", "route_decision", "tool_call_start")


def test_who_answers_the_planner_asks_for_what_comes_of_it():
    story = given().when(start(planner="model")).when(asks()).after(roles=TWO_HATS)
    story.when(msgspec.structs.replace(answers(), by=LIN))
    story.when(planned(plan(step("b", PROPOSE)))).then("plan_created", "approval_requested", "run_parked")
    assert story.found("approval_requested").requesters == ("ada", "lin")


def test_a_step_that_the_new_plan_leaves_alone_is_asked_by_who_asked_before():
    story = two().when(request_changes("b", "and count"))
    story.when(planned(plan(A, B, step("c", READ), number=2)))
    assert "grace" in story.found("approval_requested").requesters  # the changes may be in what it refers to


def test_where_nobody_else_could_decide_the_words_are_offered_to_who_asked():
    pair = {"ada": ("operator",), "grace": ("approver",)}
    story = two().after(roles=pair).when(request_changes("b", "write to eve"))
    story.then("approval_received", "replan_requested", "plan_requested", "question_asked", "run_parked")
    question = story.found("question_asked")
    assert question.options == ("write to eve",)
    wish = c.AnswerQuestion(at=AT, by=GRACE, question_id=question.question_id, answer="write to eve")
    story.when(wish).then_refused(NotAllowed)
    taken_up = msgspec.structs.replace(wish, by=ADA)
    story.when(taken_up).then("question_answered", "plan_requested")
    story.when(planned(plan(A, step("b", PROPOSE, {"to": "eve"}), number=2)))
    assert story.found("approval_requested").requesters == ("ada",)
    story.when(approve("b")).then("approval_received", "route_decision", "tool_call_start")


def test_the_last_who_could_decide_is_no_author_whatever_was_said_since_the_card_was_shown():
    d = step("d", PROPOSE, {"to": "bob"})
    story = given(run_started(plan(A, B, d))).after(roles=TWO_HATS).when(tick()).when(completes("a"))
    assert len(story.state.pending) == 2
    story.when(request_changes("b", "write to eve"))
    story.when(request_changes("d", "shorter", by=LIN))
    assert story.found("question_asked").options == ("shorter",)
    assert story.state.requesters == ("ada", "grace")


def test_a_denial_without_words_makes_nobody_an_author():
    pinned = rules(approvals=Approvals(replan_on_deny=True))
    story = given(run_started(plan(A, B)), rules=pinned).when(tick()).when(completes("a")).when(deny("b"))
    story.when(planned(plan(A, step("c", PROPOSE, {"to": "eve"}), number=2)))
    assert story.found("approval_requested").requesters == ("ada",)
