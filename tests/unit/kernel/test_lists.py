"""A list is one call for each of its items: frozen when it opens, asked for on one card, each with its own end."""

from __future__ import annotations

import msgspec
import pytest

from cuga.errors import ApprovalClosed, BadInput, DigestMismatch, NotAllowed
from cuga.kernel import lists
from cuga.model import command as c
from cuga.model.event import Status, Verdict
from cuga.model.outcome import BlobRef
from cuga.model.tool import Slot, Stop
from cuga.policy.profile import Approvals, AtLimit, Consent, Limits, StandingRule
from cuga.policy.routing import Pool
from cuga.testing import (
    amend,
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
    takes_over,
    tick,
    tops_up,
)
from cuga.testing.factories import (
    AT,
    GRACE,
    LIN,
    PROPOSE,
    READ,
    contract,
    each,
    item,
    output_of,
    plan,
    rules,
    step,
    when,
)
from cuga.testing.story import raw

FIND = contract("find")
SEND = contract("send", "execute", domain="engagement", effect_key=("send", "/to"), once=("mail", "/to"))
SEND_ANY = contract("send", "execute", domain="engagement", effect_key=("send", "/to"))
RULES = rules(FIND, READ, PROPOSE, SEND_ANY)
FOUND = {
    "items": [{"name": "Ann", "score": 4}, {"name": "Bob", "score": 9}, {"name": "Cid"}, {"name": "Dot", "score": 7}]
}


def listed(tool=READ, over="find/items", *, body=None, later=(), **how):
    """A plan that finds something and then makes a call for each of it."""
    changes = {name: how.pop(name) for name in ("when", "required", "ask_first") if name in how and name != "when"}
    call = step("all", tool, body or {"to": item("/name")}, for_each=each(over, **how), **changes)
    return plan(step("find", FIND), call, *later)


def opened(a_plan=None, pinned=RULES, found=FOUND, **now):
    """A story in which the list has been opened."""
    story = given(run_started(a_plan or listed()), rules=pinned)
    return story.when(tick()).after(**now).when(completes("find", found))


def told(story):
    """Whom the calls in the air go to."""
    return [msgspec.json.decode(one.arguments)["to"] for one in story.state.calling.values()]


def done(story, *calls, result=None):
    for call in calls:
        story.when(completes(call, result if result is not None else {"of": call}))
    return story


# --- which items -----------------------------------------------------------------------------------------------------
def test_each_item_becomes_a_call_with_its_own_intent():
    story = opened().then("tool_call_complete", "list_opened", *("route_decision", "tool_call_start") * 4)
    assert list(story.state.calling) == ["all#1", "all#2", "all#3", "all#4"]
    assert told(story) == ["Ann", "Bob", "Cid", "Dot"]
    assert len({start.key for start in story.state.calling.values()}) == 4


def test_the_top_two_are_those_with_the_largest_value_and_unknown_ones_come_last():
    story = opened(listed(by="/score", first=2))
    assert told(story) == ["Bob", "Dot"]
    assert story.found("list_opened").places == (1, 3) and story.found("list_opened").length == 4
    assert told(opened(listed(by="/score", ascending=True))) == ["Ann", "Dot", "Bob", "Cid"]
    assert told(opened(listed(by="/name", ascending=True, first=1))) == ["Ann"]


def test_equal_ones_stay_in_their_order():
    found = {"items": [{"name": "n", "score": None}, *({"name": name, "score": 1} for name in "zxy"), {"name": "o"}]}
    story = opened(listed(by="/score"), rules(FIND, READ, max_parallel=8), found)
    assert told(story) == ["z", "x", "y", "n", "o"]


def test_a_condition_chooses_among_the_items_and_may_look_at_earlier_outputs():
    chosen = when("has(item.score) && item.score > least && place > 0", least="find/least")
    story = opened(listed(when=chosen), found={**FOUND, "least": 5})
    assert told(story) == ["Bob", "Dot"]


@pytest.mark.parametrize(
    ("how", "found", "why"),
    [
        ({"when": when("item.score > 5")}, FOUND, "cannot be gone through"),
        ({"over": "find/none"}, FOUND, "nothing at '/none'"),
        ({"over": "find/items/0"}, FOUND, "is no list"),
        ({"by": "/name"}, {"items": [{"name": "a"}, {"name": 3}]}, "neither all numbers nor all texts"),
        ({"by": "/name"}, {"items": [{"name": True}]}, "neither all numbers nor all texts"),
        ({"body": {"to": item("/mail")}}, FOUND, "nothing at '/mail'"),
        (
            {},
            {"items": [{"name": str(n)} for n in range(201)]},
            "201 items, and 200 calls are the most; take the first",
        ),
        ({"first": 201}, {"items": [{"name": str(n)} for n in range(300)]}, "take fewer"),
        ({}, {"items": [{"name": "x" * 60_000} for _ in range(9)]}, "524,288 are the most"),
    ],
)
def test_a_list_that_cannot_be_gone_through_fails_and_says_why(how, found, why):
    story = opened(listed(**how), found=found).then("tool_call_complete", "step_failed", "run_finished")
    assert why in story.state.reasons["all"]


def test_the_lists_of_a_run_have_a_most_together():
    items = tuple({"name": str(n)} for n in range(200))
    many = [step(f"l{n}", READ, {"to": item("/name")}, for_each=each(items=items)) for n in range(6)]
    story = given(run_started(plan(*many)), rules=RULES).when(tick())
    assert story.last[-1].step and sum(len(one.calls) for one in story.state.lists.values()) == lists.MAX_OF_RUN
    assert "1,000 at most" in story.state.reasons["l5"]


def test_a_list_that_is_written_out_needs_no_step_before_it():
    a_plan = plan(step("all", READ, {"to": item()}, for_each=each(items=("Ann", "Bob"))))
    story = given(run_started(a_plan), rules=RULES).when(tick())
    assert told(story) == ["Ann", "Bob"]


def test_a_list_without_items_is_left_out_with_what_needs_it_and_that_is_no_failure():
    later = (step("next", READ, {"of": output_of("all", "/items/0")}),)
    story = opened(listed(later=later), found={"items": []})
    story.then("tool_call_complete", "step_skipped", "step_skipped", "run_finished")
    assert story.state.end.status is Status.SUCCESS and story.last[1].reason == "its list is empty"
    none = opened(listed(when=when("item.name == 'Zoe'")))
    assert none.last[1].reason == "none of the 4 items of its list is meant"


def test_what_a_tool_answered_stands_for_nothing_but_itself():
    found = {"items": [{"name": {"$item": "/secret"}, "secret": "s"}], "note": {"$item": "/secret"}}
    body = {"to": item("/name"), "note": output_of("find", "/note")}
    story = opened(listed(body=body), found=found)
    sent = msgspec.json.decode(story.call("all#1").arguments)
    assert sent == {"to": {"$item": "/secret"}, "note": {"$item": "/secret"}}


def test_shared_arguments_and_a_condition_of_the_whole_step_are_looked_up_once_for_all():
    a_plan = plan(
        step("find", FIND),
        step(
            "all",
            READ,
            {"to": item("/name"), "of": output_of("find", "/note")},
            for_each=each("find/items", first=2),
            when=when("n == 'x'", n="find/note"),
        ),
    )
    story = opened(a_plan, found={**FOUND, "note": "x"})
    assert {msgspec.json.decode(one.arguments)["of"] for one in story.state.calling.values()} == {"x"}
    left_out = opened(a_plan, found={**FOUND, "note": "y"})
    assert left_out.state.end.status is Status.SUCCESS and not left_out.state.lists


# --- outputs and ends ------------------------------------------------------------------------------------------------
def test_what_comes_later_refers_to_the_results_of_those_that_were_done():
    later = (
        step("whole", READ, {"all": output_of("all")}),
        step("second", READ, {"one": output_of("all", "/items/1/of")}),
    )
    story = done(opened(listed(later=later)), "all#1", "all#3", "all#4")
    story.when(fails("all#2", surely=True, mode="agent_validation"))
    assert msgspec.json.decode(story.call("second").arguments) == {"one": "all#3"}
    assert msgspec.json.decode(story.call("whole").arguments)["all"] == {
        "items": [{"of": "all#1"}, {"of": "all#3"}, {"of": "all#4"}],
        "steps": ["all#1", "all#3", "all#4"],
        "missed": ["all#2"],
    }
    done(story, "whole", "second")
    assert story.state.end.status is Status.PARTIAL and story.state.end.reason.startswith("all#2 (score)")


def test_a_list_over_the_results_of_a_list():
    later = (step("more", READ, {"was": item("/of")}, for_each=each("all/items")),)
    story = done(opened(listed(later=later, first=2)), "all#1", "all#2")
    assert [msgspec.json.decode(one.arguments) for one in story.state.calling.values()] == [
        {"was": "all#1"},
        {"was": "all#2"},
    ]
    done(story, "more#1", "more#2")
    assert story.state.end.status is Status.SUCCESS


@pytest.mark.parametrize(
    ("path", "why"), [("/items/9", "1 of its calls are done"), ("/items/x", "nothing at '/items/x'")]
)
def test_a_place_that_no_result_stands_at_fails_what_refers_to_it(path, why):
    later = (step("next", READ, {"of": output_of("all", path)}),)
    story = done(opened(listed(later=later, first=1)), "all#1")
    assert why in story.state.reasons["next"]


def test_of_a_large_result_what_is_referred_to_is_kept():
    later = (step("next", READ, {"of": output_of("all", "/items/0/deep/of")}),)
    story = opened(listed(later=later, first=1))
    blob = BlobRef(digest="d" * 64, size=9_000)
    story.when(completes("all#1", {"deep": {"of": 7}, "rest": "x"}, blob=blob))
    assert msgspec.json.decode(story.call("next").arguments) == {"of": 7}


def test_a_list_of_which_nothing_was_done_has_failed_and_takes_its_dependants_with_it():
    later = (step("next", READ, {"of": output_of("all")}),)
    story = opened(listed(later=later, first=2))
    story.when(fails("all#1", surely=True, mode="agent_validation"))
    story.when(fails("all#2", surely=True, mode="agent_validation"))
    story.then("tool_call_error", "list_closed", "step_skipped", "run_finished")
    assert story.found("list_closed").done == 0 and "all#1" in story.found("list_closed").reason
    assert story.state.phase["all"].value == "failed" and story.state.end.status is Status.PARTIAL


def test_one_that_is_tried_again_holds_up_no_other():
    story = opened(listed(first=2)).when(fails("all#1", mode="system_network"))
    story.when(completes("all#2", 1)).then("tool_call_complete", "run_parked")
    story.after(60).when(tick()).then("route_decision", "tool_call_start")
    story.when(completes("all#1", 1)).then("tool_call_complete", "list_closed", "run_finished")
    assert story.state.end.status is Status.SUCCESS


def test_no_more_run_at_once_than_the_profile_lets():
    story = opened(pinned=rules(FIND, READ, max_parallel=2))
    assert list(story.state.calling) == ["all#1", "all#2"]
    story.when(completes("all#1", 1))
    assert list(story.state.calling) == ["all#2", "all#3"]


def test_a_tool_that_the_rules_forbid_is_refused_once_and_not_call_by_call():
    story = given(run_started(listed()), rules=RULES).when(tick())
    story.after(forbidden_tools={"score": "a recall"}).when(completes("find", FOUND))
    story.then("tool_call_complete", "step_refused", "run_finished")


def test_a_list_whose_tool_is_missing_waits():
    story = given(run_started(listed()), rules=RULES).when(tick())
    digests = {name: digest for name, digest in story.current.tool_digests.items() if name != "score"}
    story.after(tool_digests=digests).when(completes("find", FOUND)).then("tool_call_complete", "run_parked")


# --- one card --------------------------------------------------------------------------------------------------------
def asking(a_plan=None, pinned=RULES, **now):
    """A story that waits for people to agree to a list."""
    return opened(a_plan or listed(SEND_ANY, first=3), pinned, **now)


def test_one_request_lists_every_call_and_binds_their_exact_bytes():
    story = asking().then("tool_call_complete", "list_opened", "approval_requested", "run_parked")
    request = story.found("approval_requested")
    assert request.step == "all" and [call.step for call in request.calls] == ["all#1", "all#2", "all#3"]
    assert msgspec.json.decode(request.arguments) == [{"to": "Ann"}, {"to": "Bob"}, {"to": "Cid"}]
    assert request.consequences[0] == "Agreeing lets exactly these 3 calls happen, each once."
    others = asking(listed(SEND_ANY, first=2)).found("approval_requested")
    assert others.digest != request.digest


@pytest.mark.parametrize(("blank", "rest"), [(5, ()), (7, ("And 2 more were left out.",))])
def test_a_card_names_the_first_five_that_were_left_out_and_counts_the_others(blank, rest):
    stop = Stop(rule="nobody", when='to == ""', reason="nobody to send it to is known", mend="add the contact")
    mail = contract("send", "execute", domain="engagement", slots=(Slot(name="to"),), stops=(stop,))
    found = {"items": [*({"name": ""} for _ in range(blank)), {"name": "Ann"}]}
    request = opened(listed(mail), rules(FIND, mail), found).found("approval_requested")
    out = [f"Left out before you were asked: all#{n}, nobody to send it to is known (nobody)." for n in range(1, 6)]
    assert [call.step for call in request.calls] == [f"all#{blank + 1}"]
    assert request.consequences[:-1] == ("It is one call of a list.", *out, *rest)


def test_agreeing_lets_each_of_them_happen_under_the_same_approval():
    story = asking().when(approve("all"))
    story.then("approval_received", *("route_decision", "tool_call_start") * 3)
    approval = story.found("approval_requested").approval_id
    assert {one.approval for one in story.state.calling.values()} == {approval}
    assert not story.state.timed and not story.state.grants
    done(story, "all#1", "all#2", "all#3")
    assert story.state.end.status is Status.SUCCESS


def test_the_same_click_twice_is_one_and_another_answer_is_refused():
    story = asking().when(approve("all")).when(approve("all")).then()
    story.when(deny("all", by=LIN)).then_refused(ApprovalClosed)
    assert len(story.state.calling) == 3


def test_a_page_that_shows_another_list_decides_nothing():
    asking().when(approve("all", digest="0" * 64)).then_refused(DigestMismatch)


def test_two_people_agree_to_the_list_as_a_whole():
    story = asking(pinned=rules(FIND, READ, SEND_ANY, approvals=Approvals(quorum=2)))
    story.when(approve("all")).then("approval_received", "run_parked")
    story.when(approve("all", by=LIN))
    assert len(story.state.calling) == 3


def test_a_contract_that_needs_two_people_needs_them_for_any_of_its_calls():
    pay = contract("send", "execute", domain="engagement", seconded=("/score",))
    a_plan = listed(pay, body={"to": item("/name"), "score": item("/score")}, first=2)
    story = asking(a_plan, rules(FIND, READ, pay))
    assert story.found("approval_requested").quorum == 2


def test_a_denial_ends_them_all_and_is_remembered_for_each():
    later = (step("next", READ, {"of": output_of("all")}),)
    story = asking(listed(SEND_ANY, first=2, later=later)).when(deny("all", reason="no"))
    story.then("approval_received", "list_closed", "step_skipped", "run_finished")
    assert set(story.state.denied) == {"send:ann", "send:bob"} and story.state.phase["all"].value == "denied"


def test_a_timeout_ends_them_all():
    story = asking().after(48 * 3600).when(tick())
    story.then("approval_timeout", "list_closed", "run_finished")


def test_unused_consents_lapse_together_and_what_is_left_is_asked_for_again():
    pinned = rules(FIND, SEND_ANY, max_parallel=1, approvals=Approvals(lapses_s=100))
    story = asking(pinned=pinned).when(approve("all"))
    story.after(200).when(completes("all#1", 1))
    story.then("tool_call_complete", "approval_lapsed", "approval_requested", "run_parked")
    assert [call.step for call in story.last[2].calls] == ["all#2", "all#3"] and story.last[1].step == "all"
    story.when(approve("all"))
    assert list(story.state.calling) == ["all#2"]


def test_an_approval_that_is_taken_back_stops_what_has_not_begun():
    story = asking(pinned=rules(FIND, SEND_ANY, max_parallel=1)).when(approve("all")).when(revoke("all"))
    story.then("approval_revoked")
    assert [story.state.phase[f"all#{n}"].value for n in (1, 2, 3)] == ["calling", "denied", "denied"]
    story.when(completes("all#1", 1)).then("tool_call_complete", "list_closed", "run_finished")
    assert story.state.end.status is Status.PARTIAL


def test_an_amended_list_is_another_request_and_its_author_does_not_decide():
    story = asking().when(amend("all", [{"to": "Ann"}, None, {"to": "Zoe"}], reason="Bob is away"))
    story.then("approval_received", "approval_requested", "run_parked")
    request = story.found("approval_requested")
    assert [call.step for call in request.calls] == ["all#1", "all#3"] and "grace" in request.requesters
    assert story.state.phase["all#2"].value == "denied" and story.state.denied == {"send:bob": "Bob is away"}
    story.when(approve("all")).then_refused(NotAllowed)
    story.when(approve("all", by=LIN))
    assert [msgspec.json.decode(one.arguments)["to"] for one in story.state.calling.values()] == ["Ann", "Zoe"]


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ([None, None, None], BadInput, "nothing would be left"),
        ([{"to": "Ann"}], BadInput, "1 entries and the list 3 calls"),
        ({"to": "Ann"}, BadInput, "is no array"),
        ([{"to": "Ann"}, {"to": "Bob"}, {}], BadInput, "new arguments"),
        ([{"to": "Ann"}, {"to": "ann "}, {"to": "Cid"}], NotAllowed, "would do the same"),
    ],
)
def test_an_amendment_that_does_not_fit_the_list_is_refused(arguments, kind, text):
    story = asking(listed(SEND, first=3), rules(FIND, SEND)).when(amend("all", arguments))
    story.then_refused(kind, text)
    assert story.state.pending


def test_the_same_amendment_of_a_list_again_changes_nothing_and_another_one_is_another_answer():
    left = [{"to": "Ann"}, None, {"to": "Zoe"}]
    story = asking().when(amend("all", left))
    first = story.found("approval_received").approval_id
    story.when(amend("all", left, approval_id=first)).then()
    story.when(amend("all", [{"to": "Ann"}, {"to": "Zoe"}], approval_id=first)).then()  # what is left is the same
    for other in ([{"to": "Zoe"}, None, {"to": "Ann"}], [{"to": "Ann"}, None, None], {"to": "Ann"}, "none"):
        story.when(amend("all", other, approval_id=first)).then_refused(ApprovalClosed)
    request = story.found("approval_requested", 0)
    wish = c.ResolveApproval(at=AT, by=GRACE, approval_id=first, verdict=Verdict.AMEND, digest=request.digest)
    story.when(wish).then_refused(ApprovalClosed)


def test_an_amendment_without_arguments_is_refused():
    story = asking()
    request = story.found("approval_requested")
    wish = c.ResolveApproval(
        at=AT, by=GRACE, approval_id=request.approval_id, verdict=Verdict.AMEND, digest=request.digest
    )
    story.when(wish).then_refused(BadInput)


def test_of_two_calls_alike_one_may_be_taken_off_and_the_other_stays():
    found = {"items": [{"name": "Ann"}, {"name": "ann"}]}
    story = opened(listed(SEND_ANY), found=found).when(amend("all", [{"to": "Ann"}, None]))
    assert not story.state.denied and [one.step for one in story.found("approval_requested").calls] == ["all#1"]
    assert story.found("approval_requested").consequences[0] == "It is one call of a list."


def test_a_call_that_is_due_and_has_its_budget_back_is_asked_for_once():
    send = msgspec.structs.replace(SEND, uses=("mail",))
    ways = {"mail": ("main", "spare")}
    pinned = rules(FIND, send, adapters=ways, limits=Limits(calls=2, at_limit=AtLimit.PARK), max_parallel=1)
    story = given(run_started(listed(send, first=2)), rules=pinned).after(installed_adapters=ways)
    story.when(tick()).when(completes("find", FOUND)).when(approve("all"))
    story.when(fails("all#1", surely=True)).when(completes("all#2"))
    story.after(60).when(tick()).then("budget_exceeded", "run_parked")
    story.after(disabled_adapters=("main",)).when(tops_up("calls", 3))
    story.then("budget_raised", "approval_requested", "run_parked")
    assert [call.step for call in story.found("approval_requested").calls] == ["all#1"]


def test_what_may_happen_once_stands_on_a_list_only_once():
    found = {"items": [{"name": "Ann"}, {"name": " ann"}, {"name": "Bob"}]}
    story = opened(listed(SEND), rules(FIND, SEND), found=found)
    story.then("tool_call_complete", "list_opened", "step_refused", "approval_requested", "run_parked")
    assert [call.step for call in story.found("approval_requested").calls] == ["all#1", "all#3"]
    assert {claim.amount for claim in story.found("approval_requested").claims} == {0}


def test_the_card_says_when_the_budget_ends_before_the_list():
    story = asking(pinned=rules(FIND, SEND_ANY, limits=Limits(calls=3)))
    assert story.found("approval_requested").consequences[1] == "The budget has room for 2 of them."


@pytest.mark.parametrize("at_limit", list(AtLimit))
def test_a_budget_that_ends_part_way_stops_skips_or_parks(at_limit):
    pinned = rules(FIND, SEND_ANY, limits=Limits(calls=3, at_limit=at_limit))
    story = asking(pinned=pinned).when(approve("all"))
    assert list(story.state.calling) == ["all#1", "all#2"]
    done(story, "all#1", "all#2")
    if at_limit in (AtLimit.STOP, AtLimit.SKIP):
        assert story.state.phase["all#3"].value == "skipped" and story.state.end.status is Status.PARTIAL
        assert story.found("list_closed").done == 2
    else:
        assert story.state.parked is not None and "calls" in story.state.parked.needs[0]
        story.when(tops_up("calls", 1))
        assert list(story.state.calling) == ["all#3"]


def test_a_rule_that_agrees_in_advance_agrees_to_each_call():
    pinned = rules(FIND, PROPOSE, approvals=Approvals(propose=Consent.RULE))
    story = opened(listed(PROPOSE, first=2), pinned)
    asked = ("approval_requested", "approval_received", "route_decision", "tool_call_start")
    story.then("tool_call_complete", "list_opened", *asked * 2)


def test_a_standing_rule_covers_as_many_as_it_has_uses_and_people_the_rest():
    standing = StandingRule(
        rule_id="s1", tool="draft", matches={}, profile="", expires_at=AT.replace(year=2027), uses=2, by="grace"
    )
    story = given(run_started(listed(PROPOSE)), rules=RULES).when(tick())
    story.after(standing_rules=(standing,)).when(completes("find", FOUND))
    assert list(story.state.calling) == ["all#1", "all#2"]
    assert [call.step for call in story.found("approval_requested").calls] == ["all#3", "all#4"]


def test_those_behind_a_full_house_are_asked_for_on_the_same_card_and_none_starts_by_being_looked_at():
    standing = StandingRule(
        rule_id="s",
        tool="draft",
        matches={"/to": "Bob"},
        profile="",
        expires_at=AT.replace(year=2027),
        uses=2,
        by="lin",
    )
    found = {"items": [{"name": name} for name in ("Ann", "Bob", "Cid", "Bob")]}
    story = given(run_started(listed(PROPOSE)), rules=rules(FIND, PROPOSE, max_parallel=1)).when(tick())
    story.after(standing_rules=(standing,)).when(completes("find", found))
    assert list(story.state.calling) == ["all#2"]
    assert [call.step for call in story.found("approval_requested").calls] == ["all#1", "all#3"]
    story.when(completes("all#2", 1))
    assert list(story.state.calling) == ["all#4"]


def test_one_card_shows_one_way_out_whichever_pools_there_are():
    send = contract("send", "execute", domain="engagement", uses=("mail",))
    ways = {"mail": ("main", "spare")}
    pinned = rules(FIND, send, adapters=ways)
    now = {
        "a": Pool(name="a", capabilities=("intelligence", "engagement"), adapters=("main",)),
        "b": Pool(name="b", capabilities=("intelligence", "engagement"), adapters=("spare",)),
    }
    story = given(run_started(listed(send, first=3)), rules=pinned).after(pools=now, installed_adapters=ways)
    story.when(tick()).when(completes("find", FOUND)).when(approve("all"))
    assert {one.adapters["mail"] for one in story.state.calling.values()} == {"main"}
    assert len(story.state.calling) == 3


def test_a_call_whose_definition_moved_is_asked_for_again_with_its_whole_list():
    story = asking(pinned=rules(FIND, SEND_ANY, max_parallel=1)).when(approve("all"))
    digests = {**story.current.tool_digests, "send": "f" * 64}
    story.after(tool_digests=digests).when(completes("all#1", 1)).when(*_yes(story))
    assert story.found("approval_superseded").step == "all"
    assert [call.step for call in story.found("approval_requested").calls] == ["all#2", "all#3"]


def _yes(story):
    (question,) = story.state.questions
    return (c.AnswerQuestion(at=story.at, by=GRACE, question_id=question, answer="yes"),)


# --- when something goes wrong ---------------------------------------------------------------------------------------
def test_one_in_doubt_is_asked_about_while_the_others_go_on():
    later = (step("next", READ, {"of": output_of("all")}),)
    story = asking(listed(SEND_ANY, first=3, later=later)).when(approve("all")).when(fails("all#2"))
    story.when(completes("all#1", 1)).when(completes("all#3", 1))
    story.then("tool_call_complete", "run_parked")
    assert "resolve r1 all#2" in story.state.parked.needs[0]
    story.when(says("all#2", "did-not"))
    assert msgspec.json.decode(story.call("next").arguments)["of"]["missed"] == ["all#2"]


def test_again_for_one_of_them_is_a_new_consent_for_that_one():
    story = asking().when(approve("all")).when(fails("all#2"))
    done(story, "all#1", "all#3").when(says("all#2", "again"))
    story.then("doubt_resolved", "approval_requested", "run_parked")
    assert [call.step for call in story.last[1].calls] == ["all#2"]
    story.when(approve("all"))
    done(story, "all#2")
    assert story.state.end.status is Status.SUCCESS


def test_whoever_takes_over_calls_none_of_them_twice():
    story = asking().when(approve("all")).when(completes("all#1", 1))
    story.when(takes_over())
    assert [story.state.phase[f"all#{n}"].value for n in (1, 2, 3)] == ["done", "in_doubt", "in_doubt"]
    assert not story.state.calling


def test_a_cancelled_list_lets_what_is_in_the_air_land():
    story = asking(pinned=rules(FIND, SEND_ANY, max_parallel=1)).when(approve("all")).when(cancels("enough"))
    story.then("cancel_requested")
    story.when(completes("all#1", 1))
    story.then("tool_call_complete", "step_skipped", "step_skipped", "list_closed", "run_finished")
    assert story.state.end.status is Status.CANCELLED and not story.state.grants


def test_a_list_waiting_for_people_is_cancelled_with_its_card():
    story = asking().when(cancels())
    story.then("cancel_requested", "approval_superseded", *("step_skipped",) * 3, "list_closed", "run_finished")


# --- another plan ----------------------------------------------------------------------------------------------------
def test_a_newer_plan_with_the_same_list_keeps_its_calls_and_its_card():
    a_plan = listed(SEND_ANY, first=3)
    story = asking(a_plan)

    newer = plan(*a_plan.steps, step("more", READ), number=2)
    story.when(replans()).when(planned(newer))
    assert list(story.state.calling) == ["more"] and len(story.state.pending) == 1
    story.when(approve("all"))
    assert set(story.state.calling) == {"more", "all#1", "all#2", "all#3"}
    story.when(fails("all#1", surely=True))
    assert story.state.phase["all#1"].value == "waiting_retry"


def test_changes_that_are_asked_for_on_a_card_open_the_list_again():
    a_plan = listed(SEND_ANY, first=2)
    story = asking(a_plan).when(request_changes("all", "kinder"))
    story.then("approval_received", "replan_requested", "plan_requested")
    story.when(planned(plan(*a_plan.steps, number=2)))
    assert [call.step for call in story.found("approval_requested").calls] == ["all#1", "all#2"]


def test_a_newer_plan_without_the_list_drops_what_has_not_begun_and_lets_the_rest_land():
    story = asking(pinned=rules(FIND, READ, SEND_ANY, max_parallel=1)).when(approve("all"))

    story.when(replans()).when(planned(plan(step("other", READ), number=2)))
    names = [type(event).__name__ for event in story.last]
    assert names.count("StepSuperseded") == 2 and names.count("ApprovalSuperseded") == 1
    story.when(completes("all#1", 1)).when(completes("other", 1))
    assert story.state.end.status is Status.SUCCESS


def test_a_list_that_a_newer_plan_drops_before_any_call_ends_without_regret():
    story = asking()

    story.when(replans()).when(planned(plan(step("other", READ), number=2)))
    assert story.state.phase["all"].value == "skipped" and "all" not in story.state.reasons
    story.when(completes("other", 1))
    assert story.state.end.status is Status.SUCCESS


def test_a_list_that_is_only_planned_is_never_opened():
    story = given(rules=RULES).when(
        start(plan(step("all", READ, {"to": item()}, for_each=each(items=("Ann",)))), plan_only=True)
    )
    assert not story.state.lists and story.state.end.status is Status.SUCCESS


def test_the_story_of_a_list_folds_from_its_facts_alone():
    story = asking().when(approve("all"))
    assert raw([1]) and story.state.index.steps["all#2"].list_of == "all"


def test_a_step_that_takes_the_name_of_a_list_that_was_denied_is_missed_like_any_other():
    a_plan = plan(
        step("find", READ),
        step("all", SEND_ANY, {"to": item()}, for_each=each(items=("Ann",)), required=False),
    )
    story = given(run_started(a_plan), rules=RULES).when(tick()).when(deny("all"))
    story.when(replans()).when(planned(plan(a_plan.steps[0], step("all", READ), number=2)))
    story.when(completes("find"))
    assert story.state.end.status is Status.PARTIAL


def test_another_list_that_takes_the_name_of_one_that_was_denied_is_missed_like_any_other():
    a_plan = plan(
        step("find", READ),
        step("all", SEND_ANY, {"to": item()}, for_each=each(items=("Ann",)), required=False),
    )
    story = given(run_started(a_plan), rules=RULES).when(tick()).when(deny("all"))
    another = step("all", READ, {"to": item()}, for_each=each(items=("Bob",)))
    story.when(replans()).when(planned(plan(a_plan.steps[0], another, number=2)))
    story.when(completes("find"))
    assert story.state.end.status is Status.PARTIAL and story.state.end.reason.startswith("all (")


def test_a_list_of_which_changes_are_asked_for_too_often_is_given_up_call_by_call():
    a_plan = listed(SEND_ANY, first=2)
    story = asking(a_plan)
    for number in (2, 3, 4):
        story.when(replans()).when(planned(plan(*a_plan.steps, number=number)))
    story.when(request_changes("all"))
    story.then("approval_received", "step_failed", "step_failed", "list_closed", "run_finished")
