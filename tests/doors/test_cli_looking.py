"""Looking from the command line: lists, traces, audit, checks, exports. Nothing here moves a run."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit

READING = (
    ("runs",),
    ("inbox",),
    ("show", "last"),
    ("result", "last"),
    ("trace", "last"),
    ("trace", "last", "--all"),
    ("audit", "last"),
    ("verify",),
    ("signals",),
    ("signals", "--run", "last"),
    ("tools",),
    ("tools", "draft", "a", "mail"),
    ("tools", "send_message"),
    ("doctor",),
    ("users",),
    ("rules",),
    ("adapters",),
    ("policy", "check"),
)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_every_look_says_something_in_words_and_in_json_and_changes_nothing(
    cuga: Terminal, words: tuple[str, ...]
) -> None:
    cuga("run", "Score Velkarin Foods")
    before = len(cuga("trace", "last", "--all", "--json").json["events"])
    assert cuga(*words).out.strip()
    said = cuga(*words, "--json")
    assert said.code == Exit.SUCCESS
    assert json.loads(said.out) is not None
    assert len(cuga("trace", "last", "--all", "--json").json["events"]) == before


def test_runs_can_be_chosen_by_where_they_stand(cuga: Terminal) -> None:
    cuga("run", "Count the clouds")
    cuga("run", "Carve the stone")
    assert [line["goal"] for line in cuga("runs", "--json").json] == ["Carve the stone", "Count the clouds"]
    assert [line["goal"] for line in cuga("runs", "--status", "failed", "--json").json] == ["Carve the stone"]
    assert "Count the clouds" in cuga("runs").out


def test_the_trace_holds_the_ten_canonical_events_unless_all_are_asked_for(cuga: Terminal) -> None:
    cuga("run", "Score Velkarin Foods")
    few = [event["name"] for event in cuga("trace", "last", "--json").json["events"]]
    assert few == ["plan_created", "route_decision", "tool_call_start", "tool_call_complete"]
    many = [event["name"] for event in cuga("trace", "last", "--all", "--json").json["events"]]
    assert many[0] == "run_started" and many[-1] == "run_finished"


def test_following_a_run_that_has_ended_shows_it_and_ends(cuga: Terminal) -> None:
    cuga("run", "Count the clouds")
    said = cuga("trace", "last", "--follow", "--json")
    assert [json.loads(line)["name"] for line in said.out.splitlines()] == [
        "plan_created",
        "route_decision",
        "tool_call_start",
        "tool_call_complete",
    ]
    assert "success" in said.err


def test_signals_count_what_happened(cuga: Terminal) -> None:
    cuga("run", "Count the clouds")
    cuga("run", "Carve the stone")
    found = cuga("signals", "--json").json
    assert found["success_rate"] == 0.5
    assert found["tool_error_rate_by_tool"]["carve_stone"] == 1.0
    assert "success_rate" in cuga("signals").out


def test_a_journal_that_was_edited_does_not_verify(cuga: Terminal) -> None:
    cuga("run", "Count the clouds")
    assert cuga("verify").code == Exit.SUCCESS
    book = sqlite3.connect(cuga.house / "journal.db")
    changed = book.execute(
        "UPDATE journal SET events = CAST(replace(CAST(events AS TEXT), 'clouds', 'sheepy') AS BLOB)"
    ).rowcount
    assert changed > 1
    book.commit()
    book.close()
    said = cuga("verify")
    assert said.code == Exit.DAMAGED == 9
    assert "does not hold" in said.out
    assert cuga("verify", "--json").json["holds"] is False


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_result_can_be_taken_away_as_files(cuga: Terminal, tmp_path: Path, form: str) -> None:
    cuga("run", "Score Velkarin Foods")
    said = cuga("export", "last", "--format", form, "--out", str(tmp_path / "out"), "--json")
    files = [Path(path) for path in said.json]
    assert files and all(file.exists() for file in files)
    if form == "json":
        assert json.loads(files[0].read_text())["status"] == "success"
    else:
        (steps,) = (file for file in files if file.name.endswith("-steps.csv"))
        with steps.open(newline="") as lines:
            assert next(csv.DictReader(lines))["tool"] == "score_account_fit"


def test_an_export_to_where_nothing_can_be_written_is_bad_input(cuga: Terminal, tmp_path: Path) -> None:
    cuga("run", "Count the clouds")
    (tmp_path / "file").write_text("")
    said = cuga("export", "last", "--out", str(tmp_path / "file" / "below"))
    assert said.code == Exit.BAD_INPUT
    assert "cannot be written" in said.err


def test_tools_that_do_not_fit_are_not_invented(cuga: Terminal) -> None:
    assert "send_message" in cuga("tools").out
    assert "one message per intent and recipient" in cuga("tools", "send_message").out
    assert "No tool here does that" in cuga("tools", "xyzzy").out


def test_without_a_model_comparing_says_so_and_offers_the_one_plan_there_is(cuga: Terminal) -> None:
    said = cuga("compare", "Score Velkarin Foods")
    assert said.code == Exit.SUCCESS, said.err
    assert "no model was asked" in said.out
    assert said.out.count("cuga run --plan") == 1
    assert len(cuga("runs", "--json").json) == 1, "and no second plan is left behind"


def test_evidence_that_is_not_there_is_named(cuga: Terminal) -> None:
    said = cuga("verify", "nowhere.zip")
    assert said.code == Exit.BAD_INPUT
    assert "there is no nowhere.zip" in said.err


def test_what_nobody_understands_is_asked_once(cuga: Terminal) -> None:
    said = cuga("run", "frobnicate the wibble")
    assert said.code == Exit.PARKED
    assert (said.out + said.err).count("What I can do:") == 1
    assert "it asks you something" in said.err
