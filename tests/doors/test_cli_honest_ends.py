"""What a person is told when work cannot go on as asked: nobody is asked in vain, no end says more than was done."""

from __future__ import annotations

import pytest
from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit

SEND = "Draft a first email to the buyer of Velkarin Foods and send it"
NOBODY = "Draft a first email to the buyer of Brackholm Bank and send it"  # the sample has no contact there


def facts(cuga: Terminal) -> list[str]:
    return [event["name"] for event in cuga("trace", "last", "--all", "--json").json["events"]]


def outbox(cuga: Terminal) -> list[str]:
    return [file.read_text("utf-8") for file in (cuga.house / "outbox").glob("*.eml")]


def test_a_recipient_who_is_blocked_is_known_before_anybody_is_asked(cuga: Terminal) -> None:
    cuga("suppression", "add", "nora.tessler@velkarin-foods.example", "--reason", "asked by phone")
    said = cuga("run", SEND, "--profile", "smb")
    assert said.code == Exit.PARTIAL, "the draft is there, the mail is not"
    assert "nora.tessler@velkarin-foods.example is on the suppression list" in " ".join(said.out.split())
    assert "cuga suppression why nora.tessler@velkarin-foods.example" in " ".join(said.out.split())
    assert "Write to somebody else there" in said.out
    assert cuga("inbox", "--json").json == [] and outbox(cuga) == []
    assert facts(cuga).count("approval_requested") == 1, "that of the draft, which a rule agreed to"


def test_so_is_one_who_opted_out_in_the_crm(cuga: Terminal) -> None:
    said = cuga("run", "Draft a first email to the buyer of Ambresco Clinics and send it", "--profile", "smb")
    assert said.code == Exit.PARTIAL and "asked for no mail, says the CRM" in said.out
    assert cuga("inbox", "--json").json == []


def test_whoever_is_blocked_after_the_consent_is_stopped_before_the_call(cuga: Terminal) -> None:
    assert cuga("run", SEND, "--profile", "smb").code == Exit.PARKED
    cuga("suppression", "add", "nora.tessler@velkarin-foods.example", "--reason", "asked by phone")
    said = cuga("approve", "last")
    assert said.code == Exit.PARTIAL and "must not be written to" in said.out and outbox(cuga) == []
    assert "step_refused" in facts(cuga) and "tool_call_error" not in facts(cuga)


def test_where_nobody_is_known_to_write_to_the_end_says_that_nothing_was_sent(cuga: Terminal) -> None:
    said = cuga("run", NOBODY, "--profile", "smb")
    assert said.code == Exit.PARTIAL, said.out
    result = cuga("result", "last", "--json").json
    assert result["status"] == "partial" and "nobody to send it to is known" in result["reason"]
    assert result["next"] == [
        'Add the contact with an address to the CRM, or name one: cuga run "... to NAME@COMPANY".'
    ]
    assert "tool_call_start" in facts(cuga) and cuga("inbox", "--json").json == []


def test_a_list_of_which_nobody_can_be_written_to_is_no_success(cuga: Terminal) -> None:
    said = cuga("run", "Draft a first email to each of the top 3 accounts and send them", "--profile", "smb")
    assert said.code == Exit.PARTIAL and "nobody to send it to is known" in said.out


@pytest.fixture
def waiting(cuga: Terminal) -> str:
    assert cuga("run", SEND, "--profile", "smb").code == Exit.PARKED
    (card,) = cuga("inbox", "--json").json
    return str(card["approval_id"])


def test_who_is_alone_is_told_that_their_own_word_counts(cuga: Terminal, waiting: str) -> None:
    for said in (cuga("result", "last").out, cuga("show", waiting).out):
        assert f"cuga approve {waiting}" in said and "recorded as solo" in said


def test_who_may_not_decide_is_told_who_can_and_not_to_approve(cuga: Terminal) -> None:
    cuga("users", "add", "mara", "--role", "approver")
    said = cuga("run", SEND, "--profile", "smb")
    assert said.code == Exit.PARKED
    (card,) = cuga("inbox", "--json").json
    name = card["approval_id"]
    for shown in (said.out, cuga("result", "last").out, cuga("show", name).out):
        assert "You may not decide on this" in shown and "who asks does not decide" in shown and "mara can" in shown
        assert "for mara, from their own account or at the page" in shown
        assert "cuga deny" not in shown and "cuga amend" not in shown and f"cuga cancel {card['run_id']}" in shown
    (following,) = cuga("result", "last", "--json").json["next"]
    assert following == f"cuga approve {name}    by mara; who asked does not decide"


def test_where_nobody_can_the_next_step_is_to_name_somebody(cuga: Terminal) -> None:
    cuga("users", "add", "mara", "--role", "viewer")
    said = cuga("run", SEND, "--profile", "smb")
    assert "cuga users add NAME --role approver" in said.out and "nobody else here can yet" in said.out
    assert "cuga approve" not in said.out


def test_after_a_halt_is_lifted_lists_say_what_holds_and_what_leads_on(cuga: Terminal) -> None:
    cuga("halt", "a wrong price list")
    assert cuga("run", "Score Velkarin Foods").code == Exit.PARKED
    assert "a wrong price list" in cuga("runs", "--json").json[0]["reason"]
    cuga("halt", "--lift", "corrected")
    (line,) = cuga("runs", "--json").json
    assert line["reason"] == line["waits_for"] == "the halt is lifted, and nobody has gone on with it yet"
    assert line["needs"] == [f"cuga resume {line['run_id']}"]
    for shown in (cuga("runs").out, cuga("inbox").out, cuga("result", "last").out):
        assert "halted" not in shown and "halt is lifted" in shown
    assert cuga("resume", "last").code == Exit.SUCCESS
    assert cuga("runs", "--json").json[0]["waits_for"] == ""


def test_what_a_run_waits_for_beside_the_halt_still_stands(cuga: Terminal, waiting: str) -> None:
    cuga("halt", "a wrong price list")
    cuga("resume", "last")
    assert "halted" in cuga("runs", "--json").json[0]["reason"]
    cuga("halt", "--lift", "corrected")
    (line,) = cuga("runs", "--json").json
    assert line["reason"] == "waits for an approval" and line["needs"] == [f"cuga approve {waiting}"]


def test_remarks_change_the_draft_or_are_named_to_whoever_decides(cuga: Terminal, waiting: str) -> None:
    said = cuga(
        "request-changes", waiting, "--feedback", "shorter and more formal, mention the price, send it on Friday"
    )
    assert said.code == Exit.PARKED
    (card,) = cuga("inbox", "--json").json
    body = card["arguments"]["message"]["body"]
    assert body.startswith("Good day") and "4,800 USD" in body and "420 people" not in body
    assert 'NOT heeded: "send it on Friday" (nothing is sent later by itself' in card["reason"]
    for shown in (said.out, cuga("show", card["approval_id"]).out):
        assert "NOT heeded" in " ".join(shown.split())


def test_a_draft_that_no_remark_changed_says_so(cuga: Terminal, waiting: str) -> None:
    before = cuga("show", waiting, "--json").json["arguments"]["message"]["body"]
    cuga("request-changes", waiting, "--feedback", "with more sparkle")
    (card,) = cuga("inbox", "--json").json
    assert card["arguments"]["message"]["body"] == before
    assert "It is what it was before" in card["reason"] and "more sparkle" in card["reason"]
