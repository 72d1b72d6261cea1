"""A message leaves the house once, whichever run drafted it."""

from __future__ import annotations

from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit

SEND = "Draft a first email to the buyer of Velkarin Foods and send it"


def sent(cuga: Terminal) -> int:
    return len(list((cuga.house / "outbox").glob("*.eml")))


def test_the_same_message_is_not_sent_again_by_a_second_run(cuga: Terminal) -> None:
    cuga("run", SEND, "--profile", "smb")
    (card,) = cuga("inbox", "--json").json
    assert cuga("approve", card["approval_id"]).code == Exit.SUCCESS
    assert sent(cuga) == 1
    again = cuga("run", SEND, "--profile", "smb")
    assert again.code == Exit.PARTIAL, "nobody is asked about what cannot happen any more"
    assert "already done" in again.out and "first-message-to-velkarin-foods-about-linden-scheduler" in again.out
    (advice,) = cuga("result", "last", "--json").json["next"]
    assert "start again" not in advice and "a follow-up" in advice
    assert advice in " ".join(again.out.split())
    assert cuga("inbox", "--json").json == []
    assert sent(cuga) == 1
    follow_up = cuga("run", "Draft a follow-up email to Nora Tessler of Velkarin Foods and send it", "--profile", "smb")
    assert follow_up.code == Exit.PARKED, "what is advised can be done"


def test_of_two_runs_that_wait_with_the_same_message_one_sends_it(cuga: Terminal) -> None:
    for _ in range(2):
        assert cuga("run", SEND, "--profile", "smb").code == Exit.PARKED
    first, second = (card["approval_id"] for card in cuga("inbox", "--json").json)
    assert cuga("approve", first).code == Exit.SUCCESS
    again = cuga("approve", second)
    assert again.code == Exit.PARTIAL and "already done" in again.out
    assert sent(cuga) == 1


def test_a_message_that_was_sent_is_its_owners_to_read(cuga: Terminal) -> None:
    cuga("run", SEND, "--profile", "smb")
    cuga("approve", cuga("inbox", "--json").json[0]["approval_id"])
    (message,) = (cuga.house / "outbox").glob("*.eml")
    assert message.stat().st_mode & 0o077 == 0


def test_nobody_is_asked_to_approve_a_message_to_nobody(cuga: Terminal) -> None:
    said = cuga("run", "Draft an email to the Head of IT of Velkarin Foods and send it", "--profile", "smb")
    assert said.code != Exit.PARKED and "NAME@COMPANY" in said.out
    assert cuga("inbox").out.startswith("Nothing waits") and sent(cuga) == 0
