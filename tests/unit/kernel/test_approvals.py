"""People decide: one id, one terminal decision, by somebody who may, on exactly what was shown."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cuga.errors import (
    ApprovalClosed,
    ApprovalExpired,
    ApprovalNotFound,
    BadInput,
    DigestMismatch,
    InvalidTransition,
    NotAllowed,
)
from cuga.kernel.consent import MAX_PENDING
from cuga.model import command as c
from cuga.model.context import Principal
from cuga.model.event import Status, Verdict
from cuga.policy.profile import Approvals, AtLimit, Consent, Delegation, Limits, StandingRule
from cuga.testing import (
    amend,
    approval_requested,
    approve,
    cancels,
    completes,
    deny,
    fails,
    given,
    planned,
    replans,
    request_changes,
    revoke,
    run_started,
    says,
    start,
    tick,
    tops_up,
)
from cuga.testing.factories import ADA, AT, EXECUTE, GRACE, LIN, MAX, PROPOSE, READ, SOLO, contract, plan, rules, step

SEND = contract("send", "execute", domain="engagement", effect_key=("send", "/to"))
NOTE = contract("note", "propose", domain="engagement", effect_key=("note", "/to"))
RULES = rules(READ, SEND, NOTE)
PLAN = plan(step("note", NOTE, {"to": "Ann"}), step("after", READ, depends_on=("note",)))


def waiting(pinned=RULES, a_plan=PLAN, **now):
    """A story that waits for people."""
    story = given(run_started(a_plan), rules=pinned)
    return story.after(**now).when(tick()) if now else story.when(tick())


def test_a_denial_ends_the_step_and_what_needs_it_and_keeps_the_rest():
    story = given(run_started(PLAN), approval_requested("note"), rules=RULES)
    story.when(deny("note", reason="too early")).then("approval_received", "step_skipped", "run_finished")
    assert story.state.end.status is Status.FAILED and "too early" in story.state.end.reason


def test_a_denial_without_words_names_who_denied():
    assert "denied by grace" in waiting().when(deny("note")).state.reasons["note"]


def test_an_approval_lets_exactly_this_call_go_on():
    story = waiting().when(approve("note")).then("approval_received", "route_decision", "tool_call_start")
    assert story.call("note").approval == story.found("approval_requested").approval_id


def test_the_same_click_again_changes_nothing_and_another_answer_is_refused():
    story = waiting().when(approve("note")).when(approve("note")).then()
    story.when(deny("note")).then_refused(ApprovalClosed, "approve by grace")
    story.when(approve("note", by=LIN)).then_refused(ApprovalClosed)
    story.when(approve("note", digest="0" * 64)).then_refused(ApprovalClosed)


def test_the_same_edit_again_changes_nothing_and_another_edit_is_another_answer():
    story = waiting().when(amend("note", {"to": "bob"}))
    first = story.found("approval_received").approval_id
    story.when(amend("note", {"to": "bob"}, approval_id=first)).then()
    story.when(amend("note", {"to": "eve"}, approval_id=first)).then_refused(ApprovalClosed)


def test_an_unknown_id_is_an_error():
    waiting().when(approve("note", approval_id="r9-a9")).then_refused(ApprovalNotFound)
    waiting().when(c.RevokeApproval(at=AT, by=GRACE, approval_id="r9-a9")).then_refused(ApprovalNotFound)


def test_a_decision_on_another_page_is_refused():
    waiting().when(approve("note", digest="0" * 64)).then_refused(DigestMismatch)


def needs_of(**now):
    """What a run that waits for a request says that can be done."""
    story = given(run_started(PLAN), rules=RULES).after(**now).when(tick())
    return story.state.parked.needs


def test_what_can_be_done_about_a_request_names_who_can():
    assert needs_of() == ("cuga approve r1-a1    by grace or lin; who asked does not decide",)
    (need,) = needs_of(roles={"ada": ("operator", "approver"), "grace": ("approver",)})
    assert need == "cuga approve r1-a1    by grace; who asked does not decide"


def test_where_nobody_else_can_decide_the_next_step_is_to_name_somebody():
    (need,) = needs_of(roles={"ada": ("operator", "approver"), "max": ("viewer",)})
    assert need.startswith("cuga users add NAME --role approver") and "nobody here may yet" in need


def test_where_the_house_keeps_no_list_of_people_the_next_step_names_the_role():
    assert needs_of(roles={}) == ("cuga approve r1-a1    by somebody who is approver and did not ask for it",)


def test_alone_in_the_house_ones_own_word_is_the_next_step():
    story = given(run_started(PLAN, by=SOLO), rules=RULES).after(roles={}).when(tick())
    assert story.state.parked.needs == ("cuga approve r1-a1",)


@pytest.mark.parametrize("verdict", [approve, deny, lambda *a, **k: amend(a[0], {"to": "bob"}, **k)])
def test_who_asked_does_not_decide(verdict):
    waiting().when(verdict("note", by=ADA)).then_refused(NotAllowed, "asked for it")


def test_somebody_without_the_role_does_not_decide():
    waiting().when(approve("note", by=MAX)).then_refused(NotAllowed, "approver decides")


def test_a_revoked_role_no_longer_counts():
    waiting(roles={"grace": ()}).when(approve("note")).then_refused(NotAllowed)


def test_alone_in_the_house_one_decides_and_the_record_says_so():
    story = given(run_started(PLAN, by=SOLO), rules=RULES).after(roles={}).when(tick()).when(approve("note", by=SOLO))
    assert story.found("approval_received").solo


def test_nobody_decides_after_the_end_of_the_time():
    story = waiting().after(24 * 3600)
    story.when(approve("note")).then_refused(ApprovalExpired)
    story.when(tick()).then("approval_timeout", "step_skipped", "run_finished")
    story.when(approve("note")).then_refused(ApprovalExpired)


def test_silence_takes_down_only_what_needs_the_step():
    both = plan(step("note", NOTE, {"to": "Ann"}), step("later", NOTE, {"to": "Bob"}))
    story = given(run_started(both), approval_requested("note"), rules=RULES).after(100)
    story.when(tick()).then("approval_requested", "run_parked")
    story.after(24 * 3600 - 50).when(tick()).then("approval_timeout", "run_parked")


QUORUM = rules(READ, SEND, NOTE, approvals=Approvals(quorum=2))


def test_a_quorum_needs_that_many_people():
    story = waiting(QUORUM).when(approve("note")).then("approval_received", "run_parked")
    story.when(approve("note")).then()
    story.when(approve("note", by=LIN)).then("approval_received", "route_decision", "tool_call_start")


CLOSE = contract("close", "execute", domain="engagement", seconded=("/outcome", "/how/final"))
CLOSING = rules(READ, SEND, CLOSE)


@pytest.mark.parametrize(
    ("arguments", "people"),
    [({}, 1), ({"outcome": ""}, 1), ({"outcome": None}, 1), ({"how": {"final": False}}, 1), ({"how": 3}, 1),
     ({"outcome": "won"}, 2), ({"how": {"final": True}}, 2)],
)  # fmt: skip
def test_what_a_contract_lets_no_single_person_do_needs_two(arguments, people):
    story = given(run_started(plan(step("close", CLOSE, arguments))), rules=CLOSING).when(tick())
    assert story.found("approval_requested").quorum == people
    story.when(approve("close"))
    if people == 2:
        story.then("approval_received", "run_parked")
        story.when(approve("close", by=LIN))
    story.then("approval_received", "route_decision", "tool_call_start")


def test_no_rule_stands_for_two_people():
    draft = contract("draft", "propose", domain="engagement", seconded=("/final",))
    agreed = rules(READ, draft, approvals=Approvals(propose=Consent.RULE))
    one = given(run_started(plan(step("d", draft, {}))), rules=agreed).when(tick())
    assert one.found("approval_received").rule
    given(run_started(plan(step("d", draft, {"final": True}))), rules=agreed).when(tick()).then(
        "approval_requested", "run_parked"
    )


def test_one_denial_ends_what_a_quorum_was_asked_for():
    waiting(QUORUM).when(approve("note")).when(deny("note", by=LIN)).then(
        "approval_received", "step_skipped", "run_finished"
    )


def lent(user: str) -> Delegation:
    return Delegation(delegation_id=f"d-{user}", user=user, delegate="max", starts=AT, ends=AT + timedelta(hours=1))


def test_a_person_and_their_stand_in_are_one_vote():
    story = waiting(QUORUM, delegations=(lent("grace"),))
    story.when(approve("note", by=MAX)).then("approval_received", "run_parked")
    assert story.found("approval_received").on_behalf_of == "grace"
    story.when(approve("note", by=GRACE)).then()
    story.when(approve("note", by=LIN)).then("approval_received", "route_decision", "tool_call_start")


def test_a_person_and_their_stand_in_are_one_who_can_decide():
    few = {"ada": ("operator",), "grace": ("approver",)}
    story = waiting(QUORUM, roles=few, delegations=(lent("grace"),))
    assert story.state.parked.needs == (
        "cuga users add NAME --role approver    for r1-a1: 2 people must agree, and who asked does not decide",
    )
    more = waiting(QUORUM, roles={**few, "lin": ("approver",)}, delegations=(lent("grace"),))
    assert more.state.parked.needs == ("cuga approve r1-a1    by 2 of grace, lin, max; who asked does not decide",)


def test_nobody_stands_in_for_the_one_who_asked():
    waiting(delegations=(lent("ada"),)).when(approve("note", by=MAX)).then_refused(NotAllowed, "ada asked for it")


def test_who_lets_somebody_ask_for_changes_has_asked_for_what_comes_of_it():
    story = waiting(delegations=(lent("grace"),)).when(request_changes("note", "shorter", by=MAX))
    assert story.found("replan_requested").authors == ("max", "grace")


def test_an_approval_that_is_not_used_lapses_and_is_asked_for_again():
    story = waiting().after(halted="a drill").when(approve("note")).then("approval_received", "run_parked")
    assert "cuga halt --lift" in story.state.parked.needs
    story.after(3600).when(tick()).then("approval_lapsed", "run_parked")
    story.after(halted="").when(tick()).then("approval_requested", "run_parked")
    story.when(approve("note", approval_id="r1-a1")).then_refused(ApprovalClosed, "lapsed")


def test_what_ends_first_ends_first_whichever_was_asked_for_first():
    both = plan(step("one", NOTE, {"to": "Ann"}), step("two", NOTE, {"to": "Bob"}))
    story = waiting(a_plan=both).after(halted="a drill").when(approve("two"))
    assert story.approval("one") < story.approval("two")
    story.after(3600).when(tick()).then("approval_lapsed", "run_parked")
    assert story.found("approval_lapsed").step == "two" and story.approval("one") in story.state.pending


def test_an_approval_can_be_taken_back_until_it_is_used():
    story = waiting().when(revoke("note")).then_refused(InvalidTransition, "deny it instead")
    story.after(halted="a drill").when(approve("note"))
    story.when(revoke("note", by=ADA)).then_refused(NotAllowed)
    story.when(revoke("note")).then("approval_revoked", "step_skipped", "run_finished")
    used = waiting().when(approve("note")).when(revoke("note")).then_refused(InvalidTransition, "has been used")
    assert used.state.calling


def test_among_several_approvals_the_right_one_is_taken_back():
    both = plan(step("a", NOTE, {"to": "Ann"}), step("b", NOTE, {"to": "Bob"}))
    story = waiting(a_plan=both).after(halted="a drill").when(approve("a")).when(approve("b"))
    story.when(revoke("b")).then("approval_revoked", "run_parked")
    assert story.state.phase["a"].value == "pending"


def test_a_call_that_changed_after_the_approval_is_asked_for_again():
    tool = contract("mail", "propose", uses=("mail",))
    pinned = rules(tool, adapters={"mail": ("main", "spare")})
    story = given(run_started(plan(step("m", tool))), rules=pinned).when(tick())
    story.after(halted="a drill").when(approve("m")).after(halted="", disabled_adapters=("main",))
    story.when(tick()).then("approval_superseded", "approval_requested", "run_parked")
    assert story.found("approval_requested").adapters == {"mail": "spare"}


def test_an_adapter_that_leads_elsewhere_under_its_old_name_is_asked_about_again():
    """The name stays, and behind it is another server, or another sender."""
    tool = contract("mail", "execute", uses=("mail",))
    pinned = rules(tool, adapters={"mail": ("main",)})
    story = given(run_started(plan(step("m", tool))), rules=pinned)
    story.after(places={"mail/main": "server A as nora"}).when(tick())
    asked = story.found("approval_requested")
    story.after(halted="a drill").when(approve("m")).after(halted="", places={"mail/main": "server B as the boss"})
    story.when(tick()).then("approval_superseded", "approval_requested", "run_parked")
    again = story.found("approval_requested")
    assert again.approval_id != asked.approval_id and again.digest != asked.digest
    story.when(approve("m")).then("approval_received", "route_decision", "tool_call_start")


def test_what_is_elsewhere_for_other_adapters_changes_no_approval():
    tool = contract("mail", "execute", uses=("mail",))
    pinned = rules(tool, adapters={"mail": ("main",)})
    story = given(run_started(plan(step("m", tool))), rules=pinned).when(tick())
    story.after(halted="a drill").when(approve("m")).after(halted="", places={"crm/main": "anywhere"})
    story.when(tick()).then("route_decision", "tool_call_start")


def test_an_amendment_is_another_request_that_its_writer_does_not_decide():
    story = waiting().when(amend("note", {"to": "Bob"})).then("approval_received", "approval_requested", "run_parked")
    request = story.found("approval_requested")
    assert (request.amends, request.requesters) == ("r1-a1", ("ada", "grace"))
    story.when(approve("note", by=GRACE)).then_refused(NotAllowed)
    story.when(approve("note", by=LIN)).then("approval_received", "route_decision", "tool_call_start")
    assert bytes(story.call("note").arguments) == b'{"to":"Bob"}'


def test_an_amendment_needs_words_and_an_effect_that_was_not_denied():
    story = waiting()
    bare = c.ResolveApproval(
        at=AT, by=GRACE, approval_id="r1-a1", verdict=Verdict.AMEND, digest=story.found("approval_requested").digest
    )
    story.when(bare).then_refused(BadInput, "new arguments")
    both = plan(step("a", NOTE, {"to": "Ann"}), step("b", NOTE, {"to": "Bob"}))
    denied = waiting(a_plan=both).when(deny("a")).when(amend("b", {"to": "ANN "}))
    denied.then_refused(NotAllowed, "was denied in this run")


def test_an_amendment_is_refused_when_what_it_asks_for_was_done_already():
    once = contract("post", "execute", once=("post", "/to"))
    story = given(rules=rules(once)).when(start(plan(step("s", once, {"to": "Ann"}))))
    shown = story.found("approval_requested").claims
    story.when(amend("s", {"to": "Bob"}))
    (free,) = story.found("approval_requested").claims
    assert free.amount == 0 and free.scope != shown[0].scope and free.scope.endswith("/bob")
    taken = given(rules=rules(once)).when(start(plan(step("s", once, {"to": "Ann"}))))
    taken.told(post__local__bob=1).when(amend("s", {"to": "Bob"})).then_refused(NotAllowed, "already done")
    taken.when(amend("s", {"whom": "Bob"})).then_refused(BadInput, "only once")


def test_a_tool_that_was_forbidden_meanwhile_is_not_amended():
    story = waiting().after(forbidden_tools={"note": ""}).when(amend("note", {"to": "Bob"}))
    story.then_refused(NotAllowed, "forbidden")


def test_what_was_denied_is_not_asked_for_again_in_other_words():
    twice = plan(step("a", NOTE, {"to": "Ann"}), step("b", NOTE, {"to": " ann"}, depends_on=("r",)), step("r", READ))
    story = waiting(a_plan=twice).when(deny("a")).when(completes("r"))
    story.then("tool_call_complete", "step_refused", "run_finished")
    assert story.found("step_refused").rule == "denied-before"


def test_without_an_effect_key_the_same_arguments_are_the_same_effect():
    tool = contract("memo", "propose")
    missing = contract("odd", "propose", effect_key=("odd", "/absent"))
    pinned = rules(READ, tool, missing)
    for one in (tool, missing):
        twice = plan(step("a", one, {"x": [1]}), step("b", one, {"x": [1]}, depends_on=("r",)), step("r", READ))
        story = given(run_started(twice), rules=pinned).when(tick()).when(deny("a")).when(completes("r"))
        assert story.found("step_refused").rule == "denied-before"


def test_an_effect_on_something_that_is_no_text_is_remembered_too():
    tool = contract("bulk", "propose", effect_key=("bulk", "/ids"))
    twice = plan(step("a", tool, {"ids": [1, 2]}), step("b", tool, {"ids": [1, 2]}, depends_on=("r",)), step("r", READ))
    story = given(run_started(twice), rules=rules(READ, tool)).when(tick()).when(deny("a")).when(completes("r"))
    assert story.found("step_refused").rule == "denied-before"


def test_a_request_for_changes_asks_the_planner_and_holds_everything():
    story = (
        waiting()
        .when(request_changes("note", "shorter"))
        .then("approval_received", "replan_requested", "plan_requested")
    )
    assert story.found("plan_requested").feedback == "shorter"
    story.when(planned(plan(step("brief", NOTE, {"to": "Ann"}), number=2)))
    story.then("step_superseded", "step_superseded", "plan_created", "approval_requested", "run_parked")


def test_after_three_new_plans_the_step_is_given_up():
    story = waiting()
    for _ in range(3):
        story.when(replans()).when(planned(PLAN))
    story.when(request_changes("note")).then("approval_received", "step_failed", "step_skipped", "run_finished")


PLANS_ANEW = rules(READ, SEND, NOTE, approvals=Approvals(replan_on_deny=True))


def test_a_profile_may_plan_anew_after_a_denial():
    waiting(PLANS_ANEW).when(deny("note", reason="not her")).then(
        "approval_received", "step_skipped", "replan_requested", "plan_requested"
    )
    waiting(PLANS_ANEW).when(deny("note"))


def test_a_denial_counts_even_when_no_further_plan_may_be_asked_for():
    story = waiting(PLANS_ANEW)
    for number in range(2, 5):
        story.when(replans()).when(planned(plan(*PLAN.steps, number=number)))
    story.when(deny("note")).then("approval_received", "step_skipped", "run_finished")


def test_an_approval_without_a_person_is_a_named_rule_and_never_for_an_outside_effect():
    moderate = rules(READ, SEND, NOTE, name="smb", approvals=Approvals(propose=Consent.RULE, execute=Consent.RULE))
    both = plan(step("note", NOTE, {"to": "Ann"}), step("send", SEND, {"to": "Ann"}))
    story = given(rules=moderate).when(start(both))
    assert list(story.state.calling) == ["note"] and list(story.state.awaiting) == ["send"]
    assert story.found("approval_received").rule == "profile:smb/propose-stays-inside"


def standing(**changes):
    fields = {
        "rule_id": "s1",
        "tool": "note",
        "matches": {"/to": "ann"},
        "profile": "",
        "expires_at": AT + timedelta(hours=1),
        "uses": 2,
        "by": "grace",
        **changes,
    }
    return StandingRule(**fields)


def test_a_standing_rule_decides_what_fits_it_and_takes_one_of_its_uses():
    story = waiting(standing_rules=(standing(),))
    assert story.found("approval_received").rule == "standing:s1"
    claim = story.found("approval_received").claims[0]
    assert (claim.scope, claim.amount, claim.limit) == ("standing/s1", 1, 2)


@pytest.mark.parametrize(
    "changes",
    [{"tool": "send"}, {"expires_at": AT}, {"profile": "smb"}, {"matches": {"/to": "bob"}}, {"matches": {"/x": "ann"}}],
)
def test_a_standing_rule_that_does_not_fit_leaves_it_to_a_person(changes):
    assert waiting(standing_rules=(standing(**changes),)).state.pending


def test_a_standing_rule_whose_uses_are_taken_leaves_it_to_a_person():
    used = given(run_started(PLAN), rules=RULES).told(standing__s1=2).after(standing_rules=(standing(),))
    assert used.when(tick()).state.pending
    both = plan(step("a", NOTE, {"to": "Ann"}), step("b", NOTE, {"to": "Ann"}))
    once = waiting(a_plan=both, standing_rules=(standing(uses=1),))
    assert list(once.state.calling) == ["a"] and list(once.state.awaiting) == ["b"]


def test_a_standing_rule_never_lets_an_outside_effect_pass():
    send = plan(step("send", SEND, {"to": "Ann"}))
    assert waiting(a_plan=send, standing_rules=(standing(tool="send"),)).state.pending


def test_a_standing_rule_of_the_one_who_asked_leaves_it_to_somebody_else():
    assert waiting(standing_rules=(standing(by="ada"),)).state.pending
    both = waiting(standing_rules=(standing(by="ada"), standing(rule_id="s2")))
    assert both.found("approval_received").rule == "standing:s2"
    assert waiting(standing_rules=(standing(),), heirs={"ada": "grace"}).state.pending


def test_a_standing_rule_of_whose_words_made_the_plan_leaves_it_to_somebody_else():
    story = waiting().when(request_changes("note", "softer", by=GRACE)).after(standing_rules=(standing(),))
    story.when(planned(plan(step("softer", NOTE, {"to": "Ann"}), number=2)))
    assert list(story.state.awaiting) == ["softer"]
    assert "grace" in story.found("approval_requested").requesters


def test_a_standing_rule_of_the_amender_leaves_it_to_somebody_else():
    story = waiting().when(amend("note", {"to": "bob"})).after(standing_rules=(standing(matches={}),))
    story.when(approve("note", by=LIN)).when(fails("note")).when(says("note", "again"))
    assert list(story.state.awaiting) == ["note"]


def test_alone_in_a_house_ones_own_standing_rule_counts():
    story = given(run_started(PLAN, by=SOLO), rules=RULES).after(roles={}, standing_rules=(standing(by="sam"),))
    assert story.when(tick()).found("approval_received").rule == "standing:s1"


def test_no_standing_rule_of_one_person_stands_for_several():
    assert waiting(TWO_TO_AGREE, standing_rules=(standing(),)).state.pending


def test_a_run_asks_people_only_so_much_at_once():
    many = plan(*(step(f"n{at}", NOTE, {"to": str(at)}) for at in range(MAX_PENDING + 1)))
    story = given(rules=RULES).when(start(many))
    assert len(story.state.pending) == MAX_PENDING
    assert "open already" in story.state.parked.reason
    story.when(deny("n0")).then("approval_received", "approval_requested", "run_parked")


def test_risk_and_consequences_are_said():
    once = contract("once", "execute", once=("send", "/to"))
    keyed = contract("keyed", "execute", repeatable="key")
    wipe = contract("wipe", "execute", repeatable="key", destroys=True)
    everything = plan(
        step("once", once, {"to": "a"}),
        step("keyed", keyed),
        step("note", NOTE, {"to": "a"}),
        step("send", EXECUTE),
        step("wipe", wipe),
    )
    story = given(rules=rules(once, keyed, NOTE, EXECUTE, wipe)).when(start(everything))
    asked = {request.step: request for request in story.state.pending.values()}
    assert {name: request.risk for name, request in asked.items()} == {
        "once": "high",
        "keyed": "medium",
        "note": "low",
        "send": "high",
        "wipe": "high",
    }
    assert "may be gone" in asked["wipe"].consequences[1]
    assert "at most once" in asked["once"].consequences[1]
    assert "inside the house" in asked["note"].consequences[0]
    shown = given(rules=rules(EXECUTE, simulates_execute=True)).when(start(plan(step("send", EXECUTE))))
    assert "simulates" in shown.found("approval_requested").consequences[0]


@pytest.mark.parametrize(("tool", "risk"), [(NOTE, "medium"), (SEND, "high")])
def test_values_that_a_model_brought_from_nowhere_are_named_and_raise_the_risk(tool, risk):
    guessed = step("s", tool, {"to": "Ann", "by": "Friday"}, unproven=("/to", "/by/0"))
    request = waiting(a_plan=plan(guessed)).found("approval_requested")
    assert request.consequences[0] == "A model brought these, from no goal and no record: to, by/0."
    assert request.risk == risk


def test_what_stops_the_run_closes_what_people_were_asked():
    tight = rules(READ, NOTE, limits=Limits(calls=1, at_limit=AtLimit.STOP))
    three = plan(step("note", NOTE, {"to": "Ann"}), step("r", READ), step("t", READ, depends_on=("r",)))
    story = given(rules=tight).when(start(three)).when(completes("r"))
    story.then(
        "tool_call_complete", "budget_exceeded", "step_skipped", "approval_superseded", "step_skipped", "run_finished"
    )


def test_a_cancelled_run_closes_what_people_were_asked():
    waiting().when(cancels()).then(
        "cancel_requested", "approval_superseded", "step_skipped", "step_skipped", "run_finished"
    )


def test_nothing_is_decided_after_the_end():
    story = waiting().when(cancels())
    story.when(approve("note")).then_refused(ApprovalClosed, "superseded")


def test_an_approval_waits_while_other_calls_fail():
    both = plan(step("note", NOTE, {"to": "Ann"}), step("r", READ))
    story = given(rules=RULES).when(start(both)).when(fails("r", "agent_validation", surely=True))
    story.then("tool_call_error", "run_parked")


def test_a_simple_propose_tool_of_the_kit_is_asked_for():
    assert given(rules=rules(PROPOSE)).when(start(plan(step("d", PROPOSE)))).state.pending


def test_who_amends_for_somebody_else_keeps_both_from_deciding_on_it():
    lent = Delegation(
        delegation_id="d", user="grace", delegate="max", starts=AT - timedelta(hours=1), ends=AT + timedelta(hours=9)
    )
    story = waiting(delegations=(lent,)).when(amend("note", {"to": "Bea"}, by=MAX))
    assert story.found("approval_requested").requesters == ("ada", "max", "grace")
    story.when(approve("note", by=GRACE)).then_refused(NotAllowed, "asked for it")
    story.when(approve("note", by=LIN)).then("approval_received", "route_decision", "tool_call_start")


def test_a_decision_is_solo_only_where_one_person_lives():
    alone = given(run_started(PLAN, by=SOLO), rules=RULES).after(roles={}).when(tick()).when(approve("note", by=SOLO))
    assert alone.found("approval_received").solo
    two = {"ada": ("operator",), "sam": ("approver",)}
    assert not waiting(roles=two).when(approve("note", by=SOLO)).found("approval_received").solo


def test_one_person_alone_cannot_be_two_and_the_run_says_so():
    pinned = rules(READ, SEND, NOTE, approvals=Approvals(quorum=2))
    story = given(run_started(PLAN, by=SOLO), rules=pinned).after(roles={}).when(tick())
    assert "2 people must agree to note, and this house has one" in story.state.parked.reason
    assert "cuga users add NAME --role approver" in story.state.parked.needs
    story.when(approve("note", by=SOLO)).then_refused(NotAllowed, "2 people must agree")
    story.after(roles={"sam": ("admin",), "grace": ("approver",), "lin": ("approver",)}).when(tick()).then("run_parked")
    assert "2 people" not in story.state.parked.reason
    story.when(approve("note")).when(approve("note", by=LIN))
    story.then("approval_received", "route_decision", "tool_call_start")


def test_one_person_alone_may_deny_what_two_must_agree_to():
    pinned = rules(READ, SEND, NOTE, approvals=Approvals(quorum=2))
    story = given(run_started(PLAN, by=SOLO), rules=pinned).after(roles={}).when(tick())
    story.when(deny("note", by=SOLO)).then("approval_received", "step_skipped", "run_finished")


def test_who_amended_a_call_cannot_agree_to_it_after_the_consent_has_lapsed():
    story = given(rules=rules(PROPOSE)).when(start(plan(step("s", PROPOSE, {"text": "hi"}))))
    story.when(amend("s", {"text": "hello"}, by=GRACE)).after(halted="a drill").when(approve("s", by=LIN))
    story.after(3_700).when(tick()).then("approval_lapsed", "run_parked")
    story.after(halted="").when(tick()).then("approval_requested", "run_parked")
    story.when(approve("s", by=GRACE)).then_refused(NotAllowed)
    story.when(approve("s", by=LIN)).then("approval_received", "route_decision", "tool_call_start")


# --- escalation -------------------------------------------------------------------------------------------------------
def test_others_may_decide_when_nobody_has_for_a_while_and_the_end_stays_as_it_is():
    pinned = rules(approvals=Approvals(escalates_s=3600, escalates_to=("viewer",)))
    story = given(run_started(plan(step("note", PROPOSE))), rules=pinned).when(tick())
    asked = story.found("approval_requested")
    assert (asked.escalates_at - asked.at).total_seconds() == 3600 and asked.escalates_to == ("viewer",)
    assert (asked.expires_at - asked.at).total_seconds() == 24 * 3600
    story.after(3599).when(approve("note", by=MAX)).then_refused(NotAllowed, "approver decides")
    story.after(1).when(approve("note", by=MAX)).then("approval_received", "route_decision", "tool_call_start")


def test_escalation_never_lets_the_one_who_asked_decide():
    pinned = rules(approvals=Approvals(escalates_s=60, escalates_to=("operator",)))
    story = given(run_started(plan(step("note", PROPOSE))), rules=pinned).when(tick())
    story.after(61).when(approve("note", by=ADA)).then_refused(NotAllowed, "asked for it")


def test_without_escalation_nobody_else_may_decide_however_late():
    asked = waiting().found("approval_requested")
    assert asked.escalates_at is None and asked.escalates_to == ()


TWO_TO_AGREE = rules(READ, SEND, NOTE, approvals=Approvals(quorum=2))


def test_a_vote_counts_only_while_its_voter_may_decide():
    everybody = {"ada": ("operator",), "grace": ("approver",), "lin": ("approver",), "tom": ("approver",)}
    tom = Principal(id="tom")
    story = waiting(TWO_TO_AGREE, roles=everybody).when(approve("note")).after(roles={**everybody, "grace": ()})
    assert not story.when(approve("note", by=LIN)).found("approval_received").final
    story.when(approve("note", by=LIN)).then()
    story.when(approve("note", by=tom))
    assert story.found("approval_received").final and "note" in story.state.calling


def test_a_voter_who_may_decide_again_need_only_say_so():
    pair = {"ada": ("operator",), "grace": ("approver",), "lin": ("approver",)}
    story = waiting(TWO_TO_AGREE, roles=pair).when(approve("note")).after(roles={**pair, "grace": ()})
    story.when(approve("note", by=LIN)).after(roles=pair).when(approve("note"))
    assert story.found("approval_received").final and "note" in story.state.calling


def test_whoever_votes_again_after_losing_the_role_and_getting_it_back_is_one_voter():
    everybody = {"ada": ("operator",), "grace": ("approver",), "lin": ("approver",)}
    story = waiting(TWO_TO_AGREE, roles=everybody).when(approve("note")).when(approve("note"))
    story.after(roles={**everybody, "grace": ("viewer",)}).when(approve("note")).then_refused(NotAllowed)
    story.after(roles=everybody).when(approve("note")).then()
    assert "note" not in story.state.calling


def test_who_took_over_the_runs_of_a_leaver_does_not_decide_about_them():
    story = waiting().after(heirs={"ada": "grace"})
    story.when(approve("note")).then_refused(NotAllowed)
    story.when(tops_up("calls", 1)).then_refused(NotAllowed)
    story.when(approve("note", by=LIN)).then("approval_received", "route_decision", "tool_call_start")


def test_a_vote_for_somebody_counts_as_whoever_it_would_be_for_by_now():
    everybody = {"ada": ("operator",), "grace": ("approver",), "lin": ("approver",), "bob": ("viewer",)}
    dates = {"starts": AT - timedelta(hours=1), "ends": AT + timedelta(hours=9)}
    lent = [Delegation(delegation_id=name, user=name, delegate="bob", **dates) for name in ("grace", "lin")]
    story = waiting(TWO_TO_AGREE, roles=everybody, delegations=tuple(lent)).when(
        approve("note", by=Principal(id="bob"))
    )
    assert story.found("approval_received").on_behalf_of == "grace"
    story.after(roles={**everybody, "grace": ()}).when(approve("note", by=LIN)).then("run_parked")
    assert "note" in story.state.awaiting
