"""Replies, the suppression list and the timetable from the command line, beside other processes too."""

from __future__ import annotations

import time

from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit

NORA = "nora.tessler@velkarin-foods.example"


def drop(cuga: Terminal, text: str, name: str = "a") -> None:
    mail = f"From: Nora Tessler <{NORA}>\nMessage-ID: <{name}@x>\nSubject: Re: \x1b[2Jshifts\n\n{text}\n"
    (cuga.house / "inbox" / f"{name}.eml").write_text(mail)


def test_an_opt_out_stops_a_send_that_was_approved_before(cuga: Terminal) -> None:
    goal = "Draft a first email to the buyer of Velkarin Foods and send it"
    assert cuga("run", goal, "--profile", "smb").code == Exit.PARKED
    drop(cuga, "Please take me off your list.")
    said = cuga("replies")
    assert said.code == Exit.SUCCESS and "unsubscribe" in said.out and "is on the suppression list" in said.out
    assert "\x1b" not in said.out
    cuga("approve", "last")
    result = cuga("result", "last")
    assert "must not be written to" in result.out and "GDPR art. 21" in result.out
    assert list((cuga.house / "outbox").glob("*.eml")) == []
    assert cuga("replies", "--json").json["new"] == 0
    why = cuga("suppression", "why", NORA)
    assert "mail <a@x>" in why.out and "says the CRM" in why.out


def test_what_goes_out_in_a_day_is_capped_over_all_runs(cuga: Terminal) -> None:
    registry = cuga.house / "registry.yaml"
    registry.write_text(registry.read_text().replace("calls: 100, every: day", "calls: 1, every: day"))
    for who in ("Emil Hestrin", "Nora Tessler"):
        goal = f"Draft a first email to {who} of Velkarin Foods and send it"
        assert cuga("run", goal, "--profile", "smb").code == Exit.PARKED
    run_id = cuga.run_id()
    for approval in cuga("inbox", "--json").json:
        cuga("approve", approval["approval_id"])
    assert len(list((cuga.house / "outbox").glob("*.eml"))) == 1
    waiting = [cuga("result", run["run_id"]).out for run in cuga("runs", "--json").json if run["status"] == "parked"]
    assert len(waiting) == 1 and "1 calls per 86400 s" in waiting[0], run_id


def test_the_list_is_kept_from_the_command_line(cuga: Terminal) -> None:
    source = cuga.house.parent / "old.csv"
    source.write_text("name;x,email\nA,a@x.example\nB,@quiet.example\nC,none\n")
    assert "2 of 2" in cuga("suppression", "import", str(source)).err
    assert cuga("suppression", "why", "z@quiet.example", "--json").json["entry"]["source"] == str(source)
    assert cuga("suppression", "add", "b@x.example", "--reason", "phone").code == Exit.SUCCESS
    assert [one["address"] for one in cuga("suppression", "--json").json] == [
        "a@x.example", "@quiet.example", "b@x.example",
    ]  # fmt: skip
    assert cuga("suppression", "remove", "a@x.example").code == Exit.BAD_INPUT
    assert cuga("suppression", "remove", "a@x.example", "--reason", "typo").code == Exit.SUCCESS
    assert "not blocked" in cuga("suppression", "why", "a@x.example").out
    for words in (("add",), ("add", "nobody", "--reason", "x"), ("import", "none.csv"), ("add", "a@b.example")):
        assert cuga("suppression", *words).code == Exit.BAD_INPUT


def test_a_timetable_is_added_listed_and_removed(cuga: Terminal) -> None:
    goal = "Score Velkarin Foods"
    said = cuga("schedule", "add", goal, "--every", "monday,friday", "--at", "08:00", "--zone", "Europe/Berlin")
    assert said.code == Exit.SUCCESS and "first at" in said.err
    assert "Mon Fri 08:00 Europe/Berlin" in cuga("schedule").out
    assert "nothing is due; next at" in cuga("schedule", "run").err
    (one,) = cuga("schedule", "--json").json
    assert cuga("schedule", "pause", one["schedule_id"][-6:], "--reason", "holiday").code == Exit.SUCCESS
    assert "paused" in cuga("schedule").out and "nothing is due" in cuga("schedule", "run").err
    assert cuga("schedule", "resume", one["schedule_id"][-6:]).code == Exit.SUCCESS
    assert "paused" not in cuga("schedule").out
    assert cuga("schedule", "remove", one["schedule_id"][-6:], "--reason", "enough").code == Exit.SUCCESS
    assert cuga("schedule", "--json").json == []
    for words in (("add", goal), ("add", goal, "--every", "moonday", "--at", "08:00"), ("remove", "1234"), ("add",),
                  ("add", goal, "--every", "day", "--at", "8"), ("add", goal, "--every", "day"),
                  ("add", goal, "--every", "day", "--at", "08:00", "--zone", "Moon")):  # fmt: skip
        assert cuga("schedule", *words).code == Exit.BAD_INPUT


def test_a_server_begins_what_is_due_and_a_command_beside_it_nothing_twice(cuga: Terminal) -> None:
    server = cuga.start("serve")
    assert server.stderr is not None
    try:
        line = server.stderr.readline()
        assert "Serving" in line
        minute = time.strftime("%H:%M", time.gmtime(time.time() + 3600))
        assert cuga("schedule", "add", "Score Velkarin Foods", "--every", "day", "--at", minute).code == Exit.SUCCESS
        drop(cuga, "Sounds good")
        assert cuga("replies", "--json").json["new"] == 1
        assert cuga("schedule", "run", "--json").json["begun"] == []
    finally:
        server.terminate()
        server.wait(30)
