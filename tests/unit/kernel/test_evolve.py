"""A fact changes the state, and nothing else does; what is given stays as it is."""

from __future__ import annotations

import pytest

from cuga.errors import JournalCorrupt
from cuga.kernel.evolve import evolve, fold
from cuga.kernel.references import Unresolved, pointed
from cuga.kernel.state import Phase
from cuga.model import event as e
from cuga.model import house_event as h
from cuga.model.event import RunEvent, Status
from cuga.policy.profile import AtLimit, Limits
from cuga.testing import (
    approval_requested,
    approve,
    call_started,
    cancels,
    completes,
    deny,
    fails,
    given,
    run_started,
    says,
    start,
    tick,
)
from cuga.testing.factories import AT, EXECUTE, PROPOSE, READ, contract, output_of, plan, rules, step

PLAN = plan(step("a", READ), step("b", PROPOSE))


def test_the_state_that_was_given_does_not_move():
    story = given(run_started(PLAN))
    before = story.state
    after = evolve(before, e.CancelRequested(at=AT, reason="enough"))
    assert (before.cancel, after.cancel) == ("", "enough")
    assert after.version == before.version + 1


def test_a_state_is_the_fold_of_its_events_wherever_they_are_cut():
    story = given(run_started(PLAN)).when(tick()).when(completes("a")).when(approve("b")).when(completes("b"))
    for cut in range(len(story.events) + 1):
        parts = fold("r1", story.events[cut:], fold("r1", story.events[:cut]))
        assert parts.phase == story.state.phase and parts.used == story.state.used


def test_every_event_of_a_run_can_be_applied_and_no_other():
    from cuga.kernel.evolve import _CHANGES

    assert set(_CHANGES) == set(RunEvent.__args__)
    with pytest.raises(JournalCorrupt, match="cannot hold a HouseOpened"):
        evolve(given().state, h.HouseOpened(at=AT, tenant="local", owner="ada"))


def test_a_run_is_running_then_parked_then_over():
    story = given(run_started(PLAN))
    assert story.state.status is Status.RUNNING
    story.when(tick()).when(completes("a"))
    assert story.state.status is Status.PARKED
    story.when(deny("b"))
    assert story.state.status is Status.PARTIAL


def test_an_error_nobody_waits_for_changes_nothing():
    story = given(run_started(PLAN))
    lost = e.ToolCallError(at=AT, step="a", attempt=1, mode="system_network", certainty="unknown", message="")
    assert evolve(story.state, lost).phase == story.state.phase


def test_a_route_is_only_told():
    story = given(run_started(PLAN))
    routed = e.RouteDecision(at=AT, step="a", target="intelligence", reason="read-only")
    assert evolve(story.state, routed).ready == story.state.ready


def test_a_grant_without_an_end_does_not_lapse():
    story = given(run_started(PLAN), approval_requested("b"))
    story.after(halted="a drill").when(approve("b"))
    timeless = e.ApprovalReceived(
        at=AT, approval_id="r1-a9", step="b", verdict=e.Verdict.APPROVE, digest="d", final=True, lapses_at=None
    )
    assert "r1-a9" not in evolve(given(run_started(PLAN)).state, timeless).timed


def test_an_intent_may_name_an_approval_that_was_used_before():
    story = given(run_started(PLAN), call_started("b", approval="r1-a1"))
    assert story.state.approved == {} and story.state.calling["b"].approval == "r1-a1"


def test_a_request_of_a_step_that_waits_for_another_does_not_end_it():
    story = given(run_started(PLAN), approval_requested("b"), approval_requested("b"))
    old = e.ApprovalSuperseded(at=AT, approval_id="r1-a1", step="b", reason="a newer one")
    assert evolve(story.state, old).awaiting == {"b": "r1-a2"}


def test_what_happened_to_a_step_in_doubt_counts_for_those_who_need_it():
    needy = plan(step("send", EXECUTE), step("then", READ, depends_on=("send",)), step("x", READ))
    story = given(run_started(needy), rules=rules(READ, EXECUTE, max_parallel=2)).when(tick()).when(approve("send"))
    story.when(fails("send")).when(says("send", "happened"))
    assert list(story.state.calling) == ["x", "then"]


@pytest.mark.parametrize(
    ("path", "value"),
    [("", {"a": [1, {"b/c~d": 2}]}), ("/a/0", 1), ("/a/1/b~1c~0d", 2)],
)
def test_a_pointer_finds_its_value(path, value):
    assert pointed({"a": [1, {"b/c~d": 2}]}, path) == value


@pytest.mark.parametrize("path", ["/x", "/a/9", "/a/x", "/a/0/0"])
def test_a_pointer_at_nothing_says_so(path):
    with pytest.raises(Unresolved):
        pointed({"a": [1]}, path)


# --- histories that this version does not write, but may read -----------------------------------------------------
def test_a_step_that_has_ended_is_counted_once():
    story = given(run_started(PLAN), e.StepFailed(at=AT, step="a", mode="agent_logic", reason="x"))
    again = evolve(story.state, e.StepSkipped(at=AT, step="a", reason="y"))
    assert again.open_steps == story.state.open_steps == 1


def test_an_unused_approval_goes_with_its_step():
    story = given(run_started(PLAN), approval_requested("b")).after(halted="a drill").when(approve("b")).when(cancels())
    assert story.state.grants == {} and story.state.timed == {}


def test_a_step_that_waits_for_a_top_up_is_left_out_like_any_other():
    tight = rules(READ, limits=Limits(calls=0, at_limit=AtLimit.PARK))
    story = given(rules=tight).when(start(plan(step("a", READ)))).when(cancels())
    assert story.state.blocked == {} and story.state.end is not None


def test_a_need_that_is_done_counts_for_a_step_that_people_look_at():
    needy = plan(step("a", READ), step("b", PROPOSE, depends_on=("a",)))
    story = given(run_started(needy), approval_requested("b"), call_started("a")).when(completes("a"))
    story.then("tool_call_complete", "run_parked")
    assert story.state.unmet["b"] == 0
    early = given(run_started(needy), approval_requested("b"))
    agreed = evolve(early.state, approval(early, "approve"))
    assert "b" not in agreed.ready


def approval(story, verdict):
    return e.ApprovalReceived(
        at=AT, approval_id=story.approval("b"), step="b", verdict=e.Verdict(verdict), digest="d", final=True, by="grace"
    )


def test_a_decision_on_a_step_that_is_being_called_does_not_put_it_back():
    story = given(run_started(PLAN), approval_requested("b"), call_started("b"))
    assert evolve(story.state, approval(story, "approve")).phase["b"] is Phase.CALLING


def test_a_denial_of_a_request_that_is_not_there_remembers_nothing():
    story = given(run_started(PLAN), approval_requested("b"))
    known = evolve(story.state, approval(story, "deny"))
    unknown = evolve(given(run_started(PLAN)).state, approval(story, "deny"))
    assert known.denied and not unknown.denied


def test_a_possible_effect_whose_arguments_or_approval_cannot_be_made_out_is_in_doubt():
    keyed = contract("key", "propose", repeatable="key")
    odd = plan(step("a", READ), step("k", keyed, {"x": output_of("a")}))
    pinned = rules(READ, keyed)
    lost = given(run_started(odd), call_started("k"), rules=pinned).when(fails("k"))
    lost.after(60).when(tick())
    assert lost.found("step_in_doubt").reason.startswith("a reference of its input cannot be filled")
    bare = given(run_started(plan(step("k", keyed))), call_started("k"), rules=pinned).when(fails("k"))
    bare.after(60).when(tick()).then("step_in_doubt", "run_parked")
    assert "approved call has changed" in bare.found("step_in_doubt").reason
