"""People who decide from the command line: what they see is what is done, once, and nothing else."""

from __future__ import annotations

import pytest
from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit

SEND = "Draft a first email to the buyer of Velkarin Foods and send it"


@pytest.fixture
def waiting(cuga: Terminal) -> str:
    """The approval of a message that waits to be sent."""
    assert cuga("run", SEND, "--profile", "smb").code == Exit.PARKED
    (card,) = cuga("inbox", "--json").json
    assert card["tool"] == "send_message"
    return str(card["approval_id"])


def outbox(cuga: Terminal) -> list[str]:
    return [file.read_text("utf-8") for file in (cuga.house / "outbox").glob("*.eml")]


def test_an_approved_message_is_sent_once_as_it_was_shown(cuga: Terminal, waiting: str) -> None:
    shown = cuga("show", waiting)
    assert "Subject: Linden Scheduler for Velkarin Foods" in shown.out
    assert "nora.tessler@velkarin-foods.example" in shown.out
    assert "cannot be taken back" in shown.out
    assert "needs review" in shown.out and "UWG s. 7(2) no. 2" in shown.out  # what the law's check said, to decide with
    said = cuga("approve", waiting)
    assert said.code == Exit.SUCCESS
    assert "Sent to nora.tessler@velkarin-foods.example" in said.out
    assert "in the outbox of the house, where your mail program takes it from" in said.out
    (mail,) = outbox(cuga)
    assert "Linden Scheduler for Velkarin Foods" in mail
    again = cuga("approve", waiting)
    assert again.code == Exit.REFUSED == 8
    assert "already been decided" in again.err and " by " in again.err
    assert len(outbox(cuga)) == 1


def test_only_what_was_seen_is_agreed_to(cuga: Terminal, waiting: str) -> None:
    digest = cuga("show", waiting, "--json").json["digest"]
    other = cuga("approve", waiting, "--digest", "0" * 64)
    assert other.code == Exit.REFUSED
    assert "not what waits" in other.err
    assert outbox(cuga) == []
    assert cuga("approve", waiting, "--digest", digest).code == Exit.SUCCESS


def test_nothing_is_approved_without_naming_it(cuga: Terminal, waiting: str) -> None:
    assert cuga("approve").code == Exit.BAD_INPUT
    assert cuga("approve", "--all").code == Exit.BAD_INPUT
    assert cuga("run", SEND, "--yes").code == Exit.BAD_INPUT
    assert outbox(cuga) == []


def test_a_denial_keeps_what_was_done_and_sends_nothing(cuga: Terminal, waiting: str) -> None:
    said = cuga("deny", waiting, "--reason", "not before the contract is signed")
    assert said.code == Exit.PARTIAL
    assert "not before the contract is signed" in said.out
    assert outbox(cuga) == []
    assert cuga("inbox").out.startswith("Nothing waits")


def test_a_denial_needs_a_reason(cuga: Terminal, waiting: str) -> None:
    said = cuga("deny", waiting)
    assert said.code == Exit.BAD_INPUT
    assert "--reason" in said.err


def test_an_amended_message_asks_again_and_is_sent_as_amended(cuga: Terminal, waiting: str) -> None:
    said = cuga("amend", waiting, "--set", "message.subject=A question about your shifts")
    assert said.code == Exit.PARKED
    assert outbox(cuga) == []
    (card,) = cuga("inbox", "--json").json
    assert card["amends"] == waiting
    assert card["arguments"]["message"]["subject"] == "A question about your shifts"
    assert cuga("approve", "last").code == Exit.SUCCESS
    (mail,) = outbox(cuga)
    assert "Subject: A question about your shifts" in mail


def test_a_script_does_not_decide_about_the_newest_of_several(cuga: Terminal, waiting: str) -> None:
    assert cuga("run", SEND.replace("email", "short email"), "--profile", "smb").code == Exit.PARKED
    for words in (("approve",), ("deny", "--reason", "no"), ("approve", "--json")):
        said = cuga(words[0], "last", *words[1:])
        assert said.code == Exit.BAD_INPUT and waiting in said.err and "by its id" in said.err
    assert len(cuga("inbox", "--json").json) == 2 and outbox(cuga) == []
    assert cuga("approve", waiting).code == Exit.SUCCESS
    assert cuga("deny", "last", "--reason", "it has one already").code == Exit.PARTIAL  # the one that waits alone


def test_an_amended_address_that_must_not_be_written_to_is_refused_at_once(cuga: Terminal, waiting: str) -> None:
    cuga("suppression", "add", "stop@firm.example", "--reason", "asked us to stop")
    said = cuga("amend", waiting, "--set", "message.recipient=stop@firm.example")
    assert said.code == Exit.BAD_INPUT
    assert "must not be written to" in said.err and "asked us to stop" in said.err
    assert cuga("show", waiting, "--json").json["state"] == "open" and outbox(cuga) == []


def test_an_amended_address_is_cleared_anew_for_whoever_decides(cuga: Terminal, waiting: str) -> None:
    before = cuga("show", waiting, "--json").json["arguments"]["message"]
    said = cuga("amend", waiting, "--set", "message.recipient=someone@elsewhere.example")
    assert said.code == Exit.PARKED
    (card,) = cuga("inbox", "--json").json
    message, (clearance,) = card["arguments"]["message"], card["arguments"]["clearance"]["recipients"]
    assert clearance["recipient"] == message["recipient"] == "someone@elsewhere.example" != before["recipient"]
    assert clearance["verdict"] == "needs review" and "no consent is on record" in clearance["why"]
    assert before["recipient_name"] and message["recipient_name"] == ""  # it is not the person who was meant before


def test_an_amended_text_is_sent_without_more_ado(cuga: Terminal, waiting: str) -> None:
    body = cuga("show", waiting, "--json").json["arguments"]["message"]["body"]
    assert cuga("amend", waiting, "--set", f"message.body={body} One more line.").code == Exit.PARKED
    assert cuga("approve", "last").code == Exit.SUCCESS
    (mail,) = outbox(cuga)
    assert "One more line." in mail


def test_an_amendment_that_leaves_a_gap_is_refused(cuga: Terminal, waiting: str) -> None:
    said = cuga("amend", waiting, "--set", "message.body=Dear {{first_name}}, hello.")
    assert said.code == Exit.BAD_INPUT and "{{first_name}}" in said.err


@pytest.mark.parametrize("change", ["subject", "=x", "nowhere.at.all=1"])
def test_an_amendment_that_fits_nothing_is_refused(cuga: Terminal, waiting: str, change: str) -> None:
    assert cuga("amend", waiting, "--set", change).code == Exit.BAD_INPUT
    assert cuga("show", waiting, "--json").json["state"] == "open"


def test_feedback_makes_another_plan(cuga: Terminal, waiting: str) -> None:
    cuga("request-changes", waiting, "--feedback", "mention the webinar")
    trace = cuga("trace", "last", "--all", "--json").json
    names = [event["name"] for event in trace["events"]]
    assert "replan_requested" in names
    assert names.count("plan_created") + names.count("question_asked") + names.count("plan_failed") >= 2
    assert outbox(cuga) == []


def test_show_last_is_what_waits_and_then_the_run(cuga: Terminal, waiting: str) -> None:
    assert cuga("show", "last", "--json").json["approval_id"] == waiting
    cuga("deny", waiting, "--reason", "no")
    assert cuga("show", "last", "--json").json["run_id"] == cuga.run_id()


def test_a_second_person_ends_the_solo_mode(cuga: Terminal, waiting: str) -> None:
    assert "alone" in cuga("users").out
    assert cuga("users", "add", "mara", "--role", "approver").code == Exit.SUCCESS
    said = cuga("approve", waiting)
    assert said.code == Exit.REFUSED
    assert "mara can: signed in at the page, or by the same command from their own account" in said.err
    assert outbox(cuga) == []


def test_a_refusal_says_when_nobody_can(cuga: Terminal, waiting: str) -> None:
    cuga("users", "add", "mara", "--role", "viewer")
    said = cuga("approve", waiting)
    assert said.code == Exit.REFUSED
    assert "cuga users add NAME --role approver" in said.err


def test_the_inbox_names_runs_that_wait_for_something_else(cuga: Terminal, waiting: str) -> None:
    cuga("run", "Score the fit")
    said = cuga("inbox").out
    assert waiting in said
    assert "wait for something else" in said and "question:" in said


def test_an_approval_that_is_not_there_is_called_an_approval(cuga: Terminal) -> None:
    said = cuga("approve", "nosuch-a1")
    assert said.code == Exit.BAD_INPUT and "no such approval: nosuch-a1" in said.err


def test_every_decision_of_one_person_says_solo(cuga: Terminal, waiting: str) -> None:
    cuga("approve", waiting, "--reason", "read it twice")
    said = cuga("audit", "last")
    assert "solo" in said.out
    assert "read it twice" in said.out


def test_an_invitation_names_no_address_while_nothing_is_served(cuga: Terminal) -> None:
    said = cuga("users", "invite", "mara", "--role", "approver", "--mail", "mara@birch.example")
    assert said.code == Exit.SUCCESS and said.out.startswith("/#/invitation/")
    assert "begin `cuga serve`" in said.err and "It was not mailed: the house is not served now" in said.err
    assert cuga("users", "invite", "mara", "--mail", "nowhere").code == Exit.BAD_INPUT
