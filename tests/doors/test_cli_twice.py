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
    second = cuga("run", SEND, "--profile", "smb")
    assert second.code != Exit.SUCCESS
    again = cuga("approve", cuga("inbox", "--json").json[0]["approval_id"])
    assert again.code == Exit.PARTIAL
    assert "already done" in again.out and "first-message-to-velkarin-foods-about-linden-scheduler" in again.out
    assert sent(cuga) == 1


def test_nobody_is_asked_to_approve_a_message_to_nobody(cuga: Terminal) -> None:
    said = cuga("run", "Draft an email to the Head of IT of Velkarin Foods and send it", "--profile", "smb")
    assert said.code != Exit.PARKED and "NAME@COMPANY" in said.out
    assert cuga("inbox").out.startswith("Nothing waits") and sent(cuga) == 0
