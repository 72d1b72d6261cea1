"""What a contract refuses by the arguments alone: nobody is asked, the run says what was not done and what leads on."""

from __future__ import annotations

import pytest

from cuga.errors import BadInput
from cuga.model.event import Status
from cuga.model.tool import Slot, Stop
from cuga.testing import amend, approve, completes, given, start
from cuga.testing.factories import READ, SOLO, contract, each, item, output_of, plan, rules, step
from cuga.testing.story import raw

NOBODY = Stop(rule="no-recipient", when='to == ""', reason="nobody to send it to is known", mend="add the contact")
BLOCKED = Stop(
    rule="blocked",
    when='check != null && check.verdict == "block"',
    reason="{/to} is blocked: {/check/why}",
    mend="cuga suppression why {/to}",
)
SEND = contract(
    "send",
    "execute",
    domain="engagement",
    slots=(Slot(name="to"), Slot(name="check", required=False)),
    stops=(NOBODY, BLOCKED),
)
RULES = rules(READ, SEND)


def sent(arguments, **changes):
    """A run that reads and then wants to send, asked so far."""
    whole = plan(step("read", READ), step("send", SEND, arguments, depends_on=("read",), **changes))
    return given(rules=RULES).when(start(whole)).when(completes("read", {"to": "", "list": [{"to": "a"}, {"to": ""}]}))


def test_a_call_that_its_contract_stops_is_never_asked_for_and_the_run_is_partial():
    story = sent({"to": output_of("read", "/to")})
    story.then("tool_call_complete", "step_refused", "run_finished")
    assert (story.found("step_refused").rule, story.found("step_refused").mend) == ("no-recipient", "add the contact")
    end = story.state.end
    assert end.status is Status.PARTIAL and end.reason == "send (send): nobody to send it to is known (no-recipient)"
    assert end.mend == "add the contact"


def test_words_of_a_stop_are_filled_from_the_arguments():
    story = sent({"to": "kim@x.example", "check": {"verdict": "block", "why": "asked\nfor no mail"}})
    refused = story.found("step_refused")
    assert refused.reason == "kim@x.example is blocked: asked for no mail"
    assert refused.mend == "cuga suppression why kim@x.example"


@pytest.mark.parametrize("check", [None, {"verdict": "allow"}, {"else": 1}, "a text"])
def test_what_cannot_be_told_from_the_arguments_stops_nothing(check):
    """The tool itself looks when it is called: a person is asked as ever."""
    sent({"to": "kim", "check": check}).then("tool_call_complete", "approval_requested", "run_parked")


def test_a_contract_without_stops_asks_as_ever():
    plain = contract("send", "execute", domain="engagement", slots=(Slot(name="to"),))
    story = given(rules=rules(plain)).when(start(plan(step("send", plain, {"to": ""}))))
    story.then("run_started", "plan_created", "approval_requested", "run_parked")


def test_of_a_list_only_the_calls_that_nothing_stops_are_asked_for():
    story = sent({"to": item("/to")}, for_each=each("read/list"))
    story.then("tool_call_complete", "list_opened", "step_refused", "approval_requested", "run_parked")
    assert [call.step for call in story.found("approval_requested").calls] == ["send#1"]
    story.when(approve("send")).when(completes("send#1"))
    assert story.state.end.status is Status.PARTIAL and "send#2" in story.state.end.reason


def test_an_amendment_that_would_be_stopped_is_refused_with_what_leads_on():
    story = sent({"to": "kim"}).when(amend("send", {"to": ""}))
    story.then_refused(BadInput, "nobody to send it to is known")
    assert story.error.next_step == "add the contact"


def test_a_stop_that_is_in_force_now_counts_for_a_run_that_pinned_none():
    plain = contract("send", "execute", domain="engagement", slots=(Slot(name="to"),))
    story = given(rules=rules(plain)).after(contracts={"send": SEND}).when(start(plan(step("send", plain, {"to": ""}))))
    assert story.found("step_refused").rule == "no-recipient"


def test_it_stops_in_a_house_with_one_user_as_well():
    story = given(rules=RULES).after(roles={}).when(start(plan(step("send", SEND, {"to": ""})), by=SOLO))
    story.then("run_started", "plan_created", "step_refused", "run_finished")
    assert story.state.end.status is Status.FAILED


def test_what_is_copied_from_a_way_out_is_one_word_of_a_shell():
    stop = Stop(rule="odd", when='to != ""', reason="{/to} is odd", mend="look with `cuga suppression why {/to}`")
    tool = contract("send", "execute", domain="engagement", slots=(Slot(name="to"),), stops=(stop,))
    story = given(rules=rules(tool)).when(start(plan(step("send", tool, {"to": "kim; true #"}))))
    assert story.found("step_refused").mend == "look with `cuga suppression why 'kim; true #'`"


@pytest.mark.parametrize("arguments", [["kim"], "kim", None])
def test_arguments_that_are_no_object_stop_nothing(arguments):
    story = given(rules=RULES).when(start(plan(step("send", SEND, raw(arguments)))))
    story.then("run_started", "plan_created", "approval_requested", "run_parked")


def test_words_about_what_no_argument_says_have_a_question_mark_there():
    stop = Stop(rule="odd", when='to == ""', reason="{/name} has no address", mend="look for {/name/last}")
    tool = contract("send", "execute", domain="engagement", slots=(Slot(name="to"),), stops=(stop,))
    refused = given(rules=rules(tool)).when(start(plan(step("send", tool, {"to": ""})))).found("step_refused")
    assert (refused.reason, refused.mend) == ("? has no address", "look for ?")


# --- the suppression list --------------------------------------------------------------------------------------------
LISTED = Stop(rule="listed", when="to in suppressed", reason="{/to} is on the list", mend="write to somebody else")
COPIED = Stop(rule="copied", when="copies.exists(one, one.to in suppressed)", reason="a copy is on the list", mend="-")
MAIL = contract(
    "mail",
    "execute",
    domain="engagement",
    slots=(Slot(name="to"), Slot(name="copies", required=False)),
    stops=(LISTED, COPIED),
)


def mailed(arguments, **suppressed):
    """A run that wants to send a mail, with these on the list."""
    keys = {"kim@x.example": "asked", "@quiet.example": "a whole company", **suppressed}
    story = given(rules=rules(MAIL)).after(suppressed=keys)
    return story.when(start(plan(step("mail", MAIL, arguments))))


@pytest.mark.parametrize("to", ["kim@x.example", "Kim+news@X.example", "ann@quiet.example", "ann@eu.quiet.example"])
def test_nobody_is_asked_to_write_to_an_address_on_the_list_however_it_is_written(to):
    refused = mailed({"to": to, "copies": []}).found("step_refused")
    assert (refused.rule, refused.reason) == ("listed", f"{to} is on the list")


def test_an_address_on_the_list_is_seen_wherever_it_stands_in_the_arguments():
    story = mailed({"to": "ann@x.example", "copies": [{"to": "bob@x.example", "kb": 4}, {"to": "kim@x.example"}]})
    assert story.found("step_refused").rule == "copied"


@pytest.mark.parametrize("to", ["ann@x.example", "kim at x.example", "kim@x.example or ann", "@" + "x" * 320, 7])
def test_what_is_no_address_or_not_on_the_list_is_asked_for(to):
    mailed({"to": to, "copies": []}).then("run_started", "plan_created", "approval_requested", "run_parked")


def test_no_amendment_writes_to_an_address_on_the_list():
    story = mailed({"to": "ann@x.example", "copies": []}).when(amend("mail", {"to": "kim@x.example"}))
    story.then_refused(BadInput, "kim@x.example is on the list")
