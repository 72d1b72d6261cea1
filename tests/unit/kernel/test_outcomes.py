"""What an answer of a tool means: done, again, failed or in doubt; and what people say of a doubt."""

from __future__ import annotations

import msgspec
import pytest

from cuga.errors import InvalidTransition, NotAllowed
from cuga.kernel.outcomes import MAX_CRASHES
from cuga.model.command import Annotate
from cuga.model.context import SYSTEM
from cuga.model.event import Status
from cuga.model.outcome import BlobRef
from cuga.policy.profile import Approvals, AtLimit, Consent, Limits, Retry
from cuga.testing import (
    approve,
    cancels,
    completes,
    deny,
    fails,
    given,
    planned,
    replans,
    run_started,
    says,
    takes_over,
    tick,
)
from cuga.testing.factories import ADA, AT, EXECUTE, PROPOSE, READ, contract, current, output_of, plan, rules, step

KEYED = contract("send_keyed", "execute", domain="engagement", repeatable="key", key_window_s=23 * 3600, uses=("mail",))
PROBED = contract("send_probed", "execute", domain="engagement", repeatable="probe")
ONCE = contract("send_once", "execute", domain="engagement", once=("send", "/to"))
RULES = rules(READ, PROPOSE, EXECUTE, KEYED, PROBED, ONCE, adapters={"mail": ("main", "spare")})
FREE = rules(
    READ,
    PROPOSE,
    KEYED,
    adapters={"mail": ("main", "spare")},
    approvals=Approvals(propose=Consent.NONE),
    max_parallel=1,
)


def calling(tool, arguments=None, pinned=RULES, **changes):
    """A story whose one step is being called."""
    story = given(run_started(plan(step("s", tool, arguments or {"to": "ann"}, **changes))), rules=pinned).when(tick())
    if story.state.pending:
        story.when(approve("s"))
    assert list(story.state.calling) == ["s"]
    return story


def test_a_read_that_failed_is_tried_again_later_and_stays_charged():
    story = calling(READ).when(fails("s")).then("tool_call_error", "run_parked")
    error = story.found("tool_call_error")
    assert 0.9 <= (error.retry_at - story.at).total_seconds() <= 1.1
    assert story.state.used["calls"] == 1
    story.after(2).when(tick()).then("route_decision", "tool_call_start")
    assert story.call("s").attempt == 2


def test_a_run_waits_the_time_that_the_other_side_asked_for():
    story = calling(READ).when(fails("s", "resource_rate_limit", surely=True, retry_after_s=90))
    assert story.state.parked.wake_at == story.found("tool_call_error").retry_at
    story.after(60).when(tick()).then()
    story.after(31).when(tick()).then("route_decision", "tool_call_start")


def test_a_call_is_tried_only_so_often():
    story = calling(READ, pinned=rules(READ, retry=Retry(attempts=2)))
    story.when(fails("s")).after(9).when(tick()).when(fails("s")).then("tool_call_error", "run_finished")
    assert story.state.end.status is Status.FAILED


def test_what_cannot_pass_by_itself_is_not_tried_again():
    calling(READ).when(fails("s", "user_permission", surely=True)).then("tool_call_error", "run_finished")


def test_an_effect_that_surely_did_not_happen_costs_nothing_and_is_tried_again_on_the_same_approval():
    story = calling(EXECUTE).when(fails("s", surely=True)).then("tool_call_error", "run_parked")
    assert story.state.used["calls"] == 0
    story.after(5).when(tick()).then("route_decision", "tool_call_start")
    assert story.call("s").approval == story.approval("s")
    assert story.found("tool_call_start", 0).key == story.call("s").key


def test_an_effect_that_may_have_happened_parks_the_run_until_a_person_speaks():
    story = calling(EXECUTE).when(fails("s")).then("tool_call_error", "step_in_doubt", "run_parked")
    assert "cuga resolve r1 s happened|did-not|again" in story.state.parked.needs
    assert story.state.used["calls"] == 1


def test_a_person_saw_that_it_happened():
    story = calling(EXECUTE).when(fails("s")).when(says("s", "happened", result={"id": 7}))
    story.then("doubt_resolved", "run_finished")
    assert story.state.end.status is Status.SUCCESS
    assert bytes(story.state.outputs["s"]) == b'{"id":7}'


def test_a_person_saw_that_it_did_not_happen_and_the_budget_comes_back():
    after = step("t", READ, depends_on=("s",))
    story = given(run_started(plan(step("s", EXECUTE), after)), rules=RULES).when(tick()).when(approve("s"))
    story.when(fails("s")).when(says("s", "did-not")).then("doubt_resolved", "step_skipped", "run_finished")
    assert story.state.used["calls"] == 0


def test_again_is_a_new_consent_with_a_new_key_and_a_new_approval():
    story = calling(EXECUTE)
    first = story.call("s")
    story.when(fails("s")).when(says("s", "again")).then("doubt_resolved", "approval_requested", "run_parked")
    story.when(approve("s"))
    assert story.call("s").key != first.key
    assert story.call("s").attempt == 2


def test_an_answer_is_about_the_attempt_that_was_looked_at():
    story = calling(EXECUTE).when(fails("s")).when(says("s", "again", attempt=1)).when(approve("s")).when(fails("s"))
    for answer in ("happened", "did-not", "again"):
        story.when(says("s", answer, attempt=1)).then_refused(InvalidTransition, "attempt 2 of 's' is in doubt")
    story.when(says("s", "happened", attempt=2)).then("doubt_resolved", "run_finished")


def test_only_a_person_resolves_a_doubt_and_only_a_doubt():
    story = calling(EXECUTE).when(says("s", "happened")).then_refused(InvalidTransition, "not in doubt")
    assert "cuga show" in story.error.next_step
    story.when(fails("s")).when(says("s", "happened", by=SYSTEM)).then_refused(NotAllowed, "only a person")


def test_a_keyed_call_is_repeated_with_the_same_key_until_it_is_in_doubt():
    story = calling(KEYED)
    keys = set()
    for _ in range(2):
        keys.add(story.call("s").key)
        story.when(fails("s")).then("tool_call_error", "run_parked").after(60).when(tick())
    story.when(fails("s")).then("tool_call_error", "step_in_doubt", "run_parked")
    assert len(keys) == 1


def test_a_probed_call_looks_before_it_repeats():
    story = calling(PROBED).when(fails("s")).after(60).when(tick())
    assert story.call("s").probe
    story.when(fails("s", surely=True)).then("tool_call_error", "run_parked").after(60).when(tick())
    assert not story.call("s").probe  # it looked, and nothing was there


def test_a_sure_failure_of_a_repeat_that_did_not_look_proves_nothing():
    story = calling(KEYED).when(fails("s")).after(60).when(tick())
    story.when(fails("s", "agent_validation", surely=True))
    assert story.found("tool_call_error").certainty.value == "unknown"
    assert story.state.used["calls"] == 2


def test_a_repeat_that_would_meet_another_side_is_in_doubt_instead():
    story = calling(KEYED).when(fails("s")).after(60, disabled_adapters=("main",))
    story.when(tick()).then("step_in_doubt", "run_parked")
    story.when(completes("s", {"ok": True}, attempt=1)).then("tool_call_complete", "run_finished")


@pytest.mark.parametrize(
    "changed",
    [{"forbidden_tools": {"send_keyed": "a recall"}}, {"disabled_adapters": ("main", "spare")}],
)
def test_a_repeat_that_is_no_longer_allowed_is_in_doubt_and_not_refused(changed):
    story = calling(KEYED).when(fails("s")).after(60, **changed).when(tick()).then("step_in_doubt", "run_parked")
    assert "attempt 1 may have happened" in story.found("step_in_doubt").reason


def test_a_repeat_after_the_other_side_may_have_forgotten_its_key_is_in_doubt():
    hour = 3600
    pinned = rules(KEYED, adapters={"mail": ("main",)}, retry=Retry(attempts=9))
    story = (
        calling(KEYED, pinned=pinned)
        .when(fails("s"))
        .after(22 * hour)
        .when(tick())
        .then("route_decision", "tool_call_start")
    )
    # it counts from the first attempt: that is when the other side began to remember
    story.when(fails("s", attempt=2)).after(2 * hour).when(tick()).then("step_in_doubt", "run_parked")
    assert "forgotten" in story.found("step_in_doubt").reason
    story.when(says("s", "again")).when(approve("s")).when(fails("s", attempt=3)).after(60).when(tick())
    assert story.call("s").attempt == 4  # a person's "again" has a key and a time of its own


def test_a_key_that_is_never_forgotten_can_be_sent_again_after_any_time():
    lasting = msgspec.structs.replace(KEYED, key_window_s=0)
    pinned = rules(lasting, adapters={"mail": ("main",)})
    story = calling(lasting, pinned=pinned).when(fails("s")).after(90 * 86_400).when(tick())
    story.then("route_decision", "tool_call_start")


def test_a_definition_that_remembers_keys_for_less_time_counts_at_once():
    short = msgspec.structs.replace(KEYED, key_window_s=60)
    story = calling(KEYED).when(fails("s"))
    story.after(61, contracts={KEYED.name: short}).when(tick())
    story.then("step_in_doubt", "run_parked")


def test_a_probed_call_looks_however_late_it_is():
    story = calling(PROBED).when(fails("s")).after(90 * 86_400).when(tick())
    assert story.call("s").probe


def test_a_repeat_that_no_budget_can_take_is_in_doubt():
    pinned = rules(KEYED, adapters={"mail": ("main",)}, limits=Limits(calls=1, at_limit=AtLimit.SKIP))
    story = calling(KEYED, pinned=pinned).when(fails("s")).after(60).when(tick())
    story.then("budget_exceeded", "step_in_doubt", "run_parked")


def test_a_repeat_of_another_tool_under_the_same_name_needs_its_definition_accepted_and_is_then_in_doubt():
    story = calling(KEYED).when(fails("s"))
    digests = {**story.current.tool_digests, KEYED.name: "f" * 64}
    story.after(60, tool_digests=digests).when(tick()).then("question_asked", "run_parked")


def test_a_cancelled_run_does_not_put_a_possible_effect_away():
    story = calling(KEYED).when(fails("s")).when(cancels("enough"))
    story.then("cancel_requested", "step_in_doubt", "run_finished")
    assert "nobody knows" in story.state.end.reason


def test_a_newer_plan_that_drops_a_possible_effect_leaves_it_in_doubt():
    story = calling(KEYED).when(fails("s")).when(replans()).when(planned(plan(step("t", READ), number=2)))
    story.then("step_in_doubt", "plan_created", "route_decision", "tool_call_start")


def test_an_approved_repeat_whose_price_changed_is_in_doubt():
    story = calling(KEYED).when(fails("s")).when(replans())
    story.when(planned(plan(step("s", KEYED, {"to": "ann"}, cost=9), number=2))).then(
        "step_in_doubt", "plan_created", "run_parked"
    )


def test_the_late_answer_of_the_attempt_in_doubt_is_proof():
    story = calling(EXECUTE).when(fails("s")).when(completes("s", {"id": 7}, attempt=1))
    story.then("tool_call_complete", "run_finished")


def test_the_late_answer_of_an_earlier_attempt_at_the_same_effect_is_proof_too():
    story = calling(KEYED).when(fails("s")).after(9).when(tick()).when(fails("s", attempt=2)).after(9).when(tick())
    story.when(fails("s", attempt=3)).then("tool_call_error", "step_in_doubt", "run_parked")
    story.when(completes("s", attempt=1)).then("tool_call_complete", "run_finished")


def test_a_late_answer_from_before_a_person_said_again_proves_nothing_of_the_repeat():
    story = calling(EXECUTE).when(fails("s")).when(says("s", "again")).when(approve("s"))
    story.when(fails("s", attempt=2)).when(completes("s", attempt=1)).then("annotation")
    assert "s" in story.state.doubts


@pytest.mark.parametrize("arguments", [{"to": "bob"}, {"to": "ann"}], ids=["other arguments", "the same arguments"])
def test_a_late_answer_of_a_call_that_another_plan_has_replaced_proves_nothing_of_the_new_one(arguments):
    """A newer plan may use a step's name for another call, once the first was surely not done or only read."""
    story = calling(READ, {"to": "ann"}).when(fails("s")).when(replans())
    story.when(planned(plan(step("s", EXECUTE, arguments), number=2))).after(9).when(tick()).when(approve("s"))
    assert story.call("s").attempt == 2
    story.when(fails("s", attempt=2)).then("tool_call_error", "step_in_doubt", "run_parked")
    story.when(completes("s", {"read": "long ago"}, attempt=1)).then("annotation")
    assert "s" in story.state.doubts
    story.when(completes("s", {"id": 7}, attempt=2)).then("tool_call_complete", "run_finished")


def test_a_late_answer_of_another_attempt_is_a_remark():
    story = calling(READ).when(fails("s")).after(9).when(tick())
    story.when(completes("s", attempt=1)).then("annotation")
    story.when(fails("s", attempt=1)).then()
    assert story.call("s").attempt == 2


def test_the_second_copy_of_an_answer_changes_nothing():
    two = given(run_started(plan(step("s", READ), step("t", READ)))).when(tick()).when(completes("s"))
    two.when(completes("s")).then("annotation")
    assert list(two.state.calling) == ["t"]


def test_a_large_result_keeps_only_what_later_steps_refer_to():
    later = step("t", READ, {"n": output_of("s", "/n"), "x": output_of("s", "/absent")})
    story = given(run_started(plan(step("s", READ), later))).when(tick())
    story.when(completes("s", {"n": 5, "rest": "x"}, blob=BlobRef(digest="d", size=9_000)))
    assert story.found("tool_call_complete").carried == {"/n": msgspec.Raw(b"5")}
    assert bytes(story.found("tool_call_complete").result) == b"null"
    assert "too large to keep whole" in story.found("step_failed").reason


def test_parts_of_a_large_result_can_be_referred_to():
    later = step("t", READ, {"n": output_of("s", "/n")})
    story = given(run_started(plan(step("s", READ), later))).when(tick())
    story.when(completes("s", {"n": 5}, blob=BlobRef(digest="d", size=9_000)))
    assert bytes(story.call("t").arguments) == b'{"n":5}'


def test_of_a_result_too_large_to_keep_nothing_is_carried():
    story = calling(READ).when(completes("s", {"n": 5}, blob=BlobRef(digest="d", size=99, kept=False)))
    assert story.found("tool_call_complete").carried == {}


def test_tokens_of_an_answer_are_counted_and_hold_back_the_next_call():
    two = plan(step("s", READ), step("t", READ, depends_on=("s",)))
    story = given(run_started(two), rules=rules(READ, limits=Limits(calls=9, tokens=100))).when(tick())
    story.when(completes("s", tokens=101)).then("tool_call_complete", "budget_exceeded", "step_skipped", "run_finished")
    assert story.found("budget_exceeded").scope == "tokens"


def test_a_takeover_loses_the_calls_of_the_worker_before():
    story = calling(READ).when(takes_over("w2")).then("taken_over", "tool_call_error", "run_parked")
    assert (story.state.worker, story.state.epoch) == ("w2", 1)
    story.when(completes("s", attempt=1)).then("annotation")
    story.after(9).when(tick())
    assert (story.call("s").worker, story.call("s").epoch) == ("w2", 1)
    story.when(takes_over("w1", epoch=1)).then_refused(InvalidTransition, "not newer")


def test_a_takeover_of_an_unkeyed_effect_is_a_doubt():
    calling(EXECUTE).when(takes_over()).then("taken_over", "tool_call_error", "step_in_doubt", "run_parked")


def test_there_is_nothing_to_take_over_where_nothing_is_in_flight():
    given(run_started(plan(step("s", EXECUTE)))).when(tick()).when(takes_over()).then()


def test_a_plan_in_the_making_is_taken_over_as_well():
    story = given(run_started()).when(takes_over()).then("taken_over")
    story.when(planned(plan(step("s", READ)))).then("plan_created", "route_decision", "tool_call_start")


@pytest.mark.parametrize(("tool", "last"), [(READ, "run_finished"), (KEYED, "run_parked")])
def test_a_call_that_takes_its_process_down_again_and_again_is_given_up(tool, last):
    story = calling(tool)
    for _ in range(MAX_CRASHES - 1):
        story.when(takes_over()).after(60).when(tick())
    story.when(takes_over())
    assert story.state.crashes["s"] == MAX_CRASHES
    assert story.last[-1].__struct_config__.tag == last


def test_a_dropped_step_is_not_tried_again():
    story = calling(READ).when(replans()).when(planned(plan(step("t", READ), number=2)))
    story.when(fails("s")).then("tool_call_error")
    assert story.state.phase["s"].value == "failed"


def test_a_one_time_effect_is_given_back_only_when_it_surely_did_not_happen():
    story = calling(ONCE).when(fails("s", surely=True))
    assert [claim.amount for claim in story.found("tool_call_error").claims] == [-1]
    story.after(9).when(tick())
    assert [claim.scope for claim in story.call("s").claims] == ["send/local/ann"]
    story.when(fails("s"))
    assert story.found("tool_call_error").claims == ()
    story.when(says("s", "happened"))
    assert story.found("doubt_resolved").claims == ()


def test_a_simulated_effect_is_repeated_like_a_read():
    pinned = rules(EXECUTE, simulates_execute=True)
    story = calling(EXECUTE, pinned=pinned)
    assert story.call("s").simulated
    story.when(fails("s")).then("tool_call_error", "run_parked")
    assert story.state.due


def test_people_may_not_be_told_apart_from_the_house_by_their_words_alone():
    story = calling(EXECUTE).when(fails("s")).when(says("s", "again", by=ADA))
    story.then("doubt_resolved", "approval_requested", "run_parked")


def test_current_is_what_a_story_changes_along_the_way():
    assert current(RULES).installed_adapters == {"mail": ("main", "spare")}


def test_a_repeat_keeps_the_one_time_effect_that_its_first_attempt_took():
    tool = contract("post", "propose", repeatable="key", once=("post", "/to"))
    pinned = rules(tool, approvals=Approvals(propose=Consent.NONE))
    story = calling(tool, pinned=pinned).when(fails("s")).told(post__local__ann=1).after(60).when(tick())
    assert story.call("s").attempt == 2 and story.call("s").claims == ()


# --- what may happen once --------------------------------------------------------------------------------------------
ONCE_READ = contract("peek", "read-only", once=("peek", "/n"))
POST = contract("post", "execute", domain="engagement", once=("post", "/n"))


def claimed(story):
    """What the journal holds of each scope after all facts."""
    held = {}
    for event in story.events:
        for claim in getattr(event, "claims", ()):
            held[claim.scope] = held.get(claim.scope, 0) + claim.amount
    return held


def test_a_read_that_may_happen_once_gives_its_claim_back_as_often_as_it_takes_it():
    story = given(run_started(plan(step("s", ONCE_READ, {"n": 1}))), rules=rules(ONCE_READ)).when(tick())
    for _ in range(2):
        story.when(fails("s", "system_network", surely=True))
        assert claimed(story) == {"peek/local/1": 0} and not story.state.held
        story.after(60).when(tick())
        assert claimed(story) == {"peek/local/1": 1}
    story.when(completes("s")).then("tool_call_complete", "run_finished")
    assert claimed(story) == {"peek/local/1": 1}


def once_in_doubt():
    story = given(run_started(plan(step("s", POST, {"n": 1}))), rules=rules(POST)).when(tick()).when(approve("s"))
    return story.when(fails("s")).then("tool_call_error", "step_in_doubt", "run_parked")


def test_again_keeps_what_may_happen_once_whatever_becomes_of_the_repeat():
    story = once_in_doubt().when(says("s", "again"))
    assert claimed(story) == {"post/local/1": 1}
    story.when(approve("s")).then("approval_received", "route_decision", "tool_call_start")
    assert claimed(story) == {"post/local/1": 1}
    story.when(fails("s", "agent_validation", surely=True))  # the first attempt may still have happened
    assert claimed(story) == {"post/local/1": 1}


def test_again_and_then_a_denial_keeps_what_may_happen_once():
    story = once_in_doubt().when(says("s", "again")).when(deny("s", reason="better not"))
    assert claimed(story) == {"post/local/1": 1}


def test_again_and_then_a_doubt_that_did_not_happen_keeps_what_may_happen_once():
    story = once_in_doubt().when(says("s", "again")).when(approve("s")).when(fails("s"))
    story.when(says("s", "did-not")).then("doubt_resolved", "run_finished")
    assert claimed(story) == {"post/local/1": 1}


def test_only_a_persons_word_that_it_did_not_happen_gives_it_back():
    assert claimed(once_in_doubt().when(says("s", "did-not"))) == {"post/local/1": 0}


def test_what_a_call_took_is_kept_with_its_answer():
    story = given(run_started(plan(step("s", READ)))).when(tick()).when(completes("s", {"n": 1}, duration_us=1234))
    assert story.found("tool_call_complete").duration_us == 1234


def test_words_of_people_stand_in_the_run_with_who_said_them():
    story = given(run_started(plan(step("s", READ)))).when(tick()).when(cancels("the customer has gone"))
    stop = story.found("cancel_requested")
    assert (stop.by, stop.reason) == (ADA.id, "the customer has gone")
    story.when(completes("s")).when(Annotate(at=AT, by=ADA, text="seen", step="s"))
    remark = story.found("annotation")
    assert (remark.by, remark.text, remark.step) == (ADA.id, "seen", "s")


def test_what_is_due_just_now_and_still_waits_does_not_wake_the_run_again_at_once():
    story = given(run_started(plan(step("s", READ)))).when(tick()).when(fails("s"))
    due = story.state.due["s"]
    story.after((due - story.at).total_seconds(), halted="a drill").when(tick()).then("run_parked")
    assert story.at == due and story.state.parked.wake_at > due
