"""A list from the command line: planned, shown on one card, amended call by call, and sent to each once."""

from __future__ import annotations

from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit

GOAL = "Draft a first email to the buyer of each of the top 12 accounts and send them"


def outbox(cuga: Terminal) -> list[str]:
    return [file.read_text("utf-8") for file in (cuga.house / "outbox").glob("*.eml")]


def test_a_plan_says_how_many_calls_a_list_makes_at_most(cuga: Terminal) -> None:
    said = cuga("plan", "Score all accounts, draft for the top five", "--profile", "smb")
    assert "one call for each of /ranking of s1, the first 5" in said.out and "at most 5 calls" in said.out
    assert "account of each" in said.out
    run_id = cuga("plan", "Score all accounts, draft for the top two", "--profile", "smb", "--json").json["run_id"]
    done = cuga("run", "--plan", run_id)
    assert done.code == Exit.SUCCESS and "2 of 2 done" in done.out


def test_scores_and_drafts_come_one_by_one_under_their_list(cuga: Terminal) -> None:
    said = cuga("run", "Score all accounts, draft for the top three", "--profile", "smb")
    assert said.code == Exit.SUCCESS
    assert "3 of 3 done" in said.out and "s2#3 draft_outbound_message" in said.out
    assert "list_opened" in said.err and "list_closed" in said.err
    steps = cuga("result", "last", "--json").json["steps"]
    assert [step["step"] for step in steps] == ["s1", "s2", "s2#1", "s2#2", "s2#3"]
    assert len(steps[1]["output"]["items"]) == 3 and steps[2]["list_of"] == "s2"


def test_one_card_lists_all_and_a_call_can_be_changed_or_taken_off(cuga: Terminal) -> None:
    assert cuga("run", GOAL, "--profile", "smb").code == Exit.PARKED
    (card,) = cuga("inbox", "--json").json
    count = len(card["calls"])
    assert card["tool"] == "send_message" and count >= 2
    assert f"{count} calls" in cuga("inbox").out
    shown = cuga("show", "last")
    assert all(f"{call}, {place} of {count}: exactly this" in shown.out for place, call in enumerate(card["calls"], 1))
    assert shown.out.count("Subject:") == count
    first, last = (call.rpartition("#")[2] for call in (card["calls"][0], card["calls"][-1]))
    assert f"--set {last}.NAME=VALUE --drop {last}" in shown.out
    wrong = cuga("amend", "last", "--drop", "99")
    assert wrong.code == Exit.BAD_INPUT and "no call '99'" in wrong.err and "there are: " in wrong.err
    assert cuga("amend", "last", "--drop", last, "--reason", "not them").code == Exit.PARKED
    (again,) = cuga("inbox", "--json").json
    assert again["calls"] == card["calls"][:-1] and again["amends"] == card["approval_id"]
    assert outbox(cuga) == []
    said = cuga("approve", "last")
    assert said.code == Exit.PARTIAL and "not them" in said.out
    assert len(outbox(cuga)) == count - 1
    assert first in said.out
