"""Runs from the command line: how each ending is shown, and the number that scripts get for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal

from cuga.cli import home
from cuga.cli.exits import Exit
from cuga.cli.main import main

MAIN_JOB = "Score Velkarin Foods, draft a first email to its buyer, check it, and qualify the open deal"
SEND = "Draft a first email to the buyer of Velkarin Foods and send it"


def test_the_main_job_ends_in_a_result_with_reasons_and_evidence(cuga: Terminal) -> None:
    said = cuga("run", MAIN_JOB, "--profile", "smb")
    assert said.code == Exit.SUCCESS
    assert "Velkarin Foods: 100 of 100, tier A" in said.out
    assert "109,200,000 is within" in said.out
    assert "Subject: Linden Scheduler for Velkarin Foods" in said.out
    assert "D-1001 (Velkarin Foods), BANT: qualified" in said.out
    assert "accounts.csv:2" in said.out
    assert "success, every required step is done" in said.out


def test_progress_goes_to_stderr_line_by_line_where_nobody_watches(cuga: Terminal) -> None:
    said = cuga("run", MAIN_JOB)
    assert "tool_call_start" in said.err and "tool_call_complete" in said.err
    assert "tool_call_start" not in said.out
    assert "\x1b" not in said.out + said.err


def test_with_json_stdout_is_one_document(cuga: Terminal) -> None:
    said = cuga("run", MAIN_JOB, "--json")
    assert said.code == Exit.SUCCESS
    assert said.json["status"] == "success"
    assert [step["tool"] for step in said.json["steps"]] == [
        "score_account_fit",
        "draft_outbound_message",
        "assess_message_quality",
        "qualify_opportunity",
    ]
    assert said.json["steps"][0]["output"]["score"] == 100


def test_a_run_that_is_done_in_part_ends_with_3(cuga: Terminal) -> None:
    said = cuga("run", "Count the clouds and carve the stone")
    assert said.code == Exit.PARTIAL == 3
    assert "the chisel is blunt" in said.out
    assert "clouds: 3" in said.out


def test_a_run_with_nothing_done_ends_with_5(cuga: Terminal) -> None:
    said = cuga("run", "Carve the stone")
    assert said.code == Exit.FAILED == 5
    assert "the chisel is blunt" in said.out


def test_a_run_that_waits_ends_with_4_and_says_what_a_person_can_do(cuga: Terminal) -> None:
    said = cuga("run", SEND, "--profile", "enterprise")
    run = cuga.run_id()
    assert said.code == Exit.PARKED == 4
    for command in (
        f"cuga show {run}-a1",
        f"cuga approve {run}-a1",
        f"cuga deny {run}-a1 --reason",
        f"cuga amend {run}-a1 --set",
        f"cuga request-changes {run}-a1 --feedback",
    ):
        assert command in said.out


def test_a_cancelled_run_ends_with_7(cuga: Terminal) -> None:
    cuga("run", SEND, "--profile", "enterprise")
    said = cuga("cancel", "last", "--reason", "wrong account")
    assert said.code == Exit.CANCELLED == 7
    assert "wrong account" in said.out
    assert cuga("result", "last").code == Exit.CANCELLED


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("run",), "the goal is missing"),
        (("run", "Score X", "--profile", "huge"), "known: enterprise, smb, technical"),
        (("run", "Score X", "--plan", "last"), "either a goal or --plan"),
        (("runn", "Score X"), 'Did you mean "run"'),
        (("run", "Score X", "--nope"), "nope"),
        (("trace", "ZZZZZZ"), "no such run"),
        (("approve", "ZZZZZZ"), "no such approval"),
        (("top-up", "last", "--amount", "-1"), "a top-up adds"),
        (("runs", "--house", "/no/such/house"), "cuga init DIR"),
    ],
)
def test_what_cannot_be_used_ends_with_2_and_says_how_to_mend_it(
    cuga: Terminal, words: tuple[str, ...], hint: str
) -> None:
    said = cuga(*words)
    assert said.code == Exit.BAD_INPUT == 2
    assert hint in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_with_json_an_error_is_json_too(cuga: Terminal) -> None:
    said = cuga("trace", "ZZZZZZ", "--json")
    assert said.json["error"]["code"] == "run_not_found"
    assert said.json["exit"] == said.code == 2


def test_a_house_that_is_held_by_a_silent_process_ends_with_6(cuga: Terminal) -> None:
    from cuga.journal.sqlite import Lock

    cuga("runs")
    cuga.patch.setattr(home, "PATIENCE_S", 0.2)
    lock = Lock(cuga.house / "journal.db")
    try:
        said = cuga("runs")
    finally:
        lock.release()
    assert said.code == Exit.BUSY == 6
    assert "Another process holds this house" in said.err
    assert cuga("runs").code == Exit.SUCCESS


def test_an_error_nobody_expected_is_one_line_and_a_file(cuga: Terminal, tmp_path: Path) -> None:
    def broken(*_: object, **__: object) -> int:
        raise ZeroDivisionError("a bug\x1b[31m")

    cuga.patch.setattr("cuga.cli.commands.looking.at_house", broken)
    cuga.patch.setattr("tempfile.tempdir", str(tmp_path))
    said = cuga("runs")
    assert said.code == Exit.UNEXPECTED == 1
    assert "Traceback" not in said.err and "\x1b" not in said.err
    (kept,) = tmp_path.glob("cuga-error-*.txt")
    assert str(kept) in said.err.replace("\n", "")
    assert "ZeroDivisionError" in kept.read_text()
    assert "Traceback" in cuga("runs", "--debug").err


def test_a_name_that_fits_two_accounts_becomes_a_question_with_its_options(cuga: Terminal) -> None:
    said = cuga("run", "Score Velkrin")
    assert said.code == Exit.PARKED
    assert "- Velkarin Foods" in said.out
    assert f"cuga answer {cuga.run_id()}" in said.out
    answered = cuga("answer", "last", "Velkarin", "Foods")
    assert answered.code == Exit.SUCCESS
    assert "Velkarin Foods: 100 of 100" in answered.out


def test_a_plan_runs_nothing_and_the_same_plan_can_be_run(cuga: Terminal) -> None:
    said = cuga("plan", SEND, "--profile", "enterprise")
    assert said.code == Exit.SUCCESS
    assert "2 of 3 steps wait for a person: s1, s3" in said.out
    assert "message = from s1" in said.out
    assert not list((cuga.house / "outbox").iterdir())
    planned = cuga("plan", MAIN_JOB, "--json").json
    assert planned["forecast"]["calls"] == 4
    ran = cuga("run", "--plan", planned["run_id"], "--json").json
    assert ran["status"] == "success"
    assert [step["step"] for step in ran["steps"]] == [step["step_id"] for step in planned["plan"]["steps"]]


def test_tools_reason_from_the_date_that_is_given(cuga: Terminal) -> None:
    said = cuga("run", "Qualify the open deal of Velkarin Foods", "--as-of", "2030-01-05", "--json").json
    (step,) = (step for step in said["steps"] if step["tool"] == "qualify_opportunity")
    assert step["output"]["as_of"] == "2030-01-05"


def test_a_budget_that_is_used_up_parks_until_it_is_raised(cuga: Terminal) -> None:
    registry = cuga.house / "registry.yaml"
    text = registry.read_text()
    assert "    calls: 100\n" in text and "    at_limit: stop\n" in text
    registry.write_text(text.replace("    calls: 100\n", "    calls: 1\n").replace("at_limit: stop", "at_limit: park"))
    said = cuga("run", "Count the clouds and score Velkarin Foods")
    assert said.code == Exit.PARKED
    assert f"cuga top-up {cuga.run_id()}" in said.out
    assert cuga("top-up", "last", "--amount", "5").code == Exit.SUCCESS


def test_a_top_up_without_a_scope_is_read_in_the_units_of_the_budget_that_is_waited_for(cuga: Terminal) -> None:
    registry = cuga.house / "registry.yaml"
    text = registry.read_text()
    assert "    cost: 100.0\n" in text
    registry.write_text(text.replace("cost: 100.0\n", "cost: 0.1\n").replace("at_limit: stop", "at_limit: park"))
    assert cuga("run", "Score Velkarin Foods").code == Exit.PARKED
    said = cuga("top-up", "last", "--amount", "0.5", "--reason", "for today")
    assert said.code == Exit.SUCCESS and "cost by 0.5: for today" in said.err
    (raised,) = (
        event for event in cuga("trace", "last", "--json", "--all").json["events"] if event["name"] == "budget_raised"
    )
    assert raised["details"]["amount"] == 500_000
    assert "budget cost raised by 0.5: for today" in cuga("audit", "last").out


def test_what_is_counted_whole_takes_no_part_of_one(cuga: Terminal) -> None:
    cuga("run", SEND, "--profile", "enterprise")
    for scope in ("calls", "tokens"):
        said = cuga("top-up", "last", "--scope", scope, "--amount", "2.5")
        assert said.code == Exit.BAD_INPUT and f"{scope} are counted whole" in said.err


def test_a_short_name_is_enough_when_it_fits_one_run(cuga: Terminal) -> None:
    cuga("run", "Count the clouds")
    run = cuga.run_id()
    assert cuga("result", run[-8:].lower(), "--json").json["run_id"] == run
    assert cuga("result", "last", "--json").json["run_id"] == run


def test_last_in_an_empty_house_says_how_to_begin(cuga: Terminal) -> None:
    said = cuga("result", "last")
    assert said.code == Exit.BAD_INPUT
    assert "cuga run GOAL" in said.err


def test_the_demo_shows_the_main_job_and_what_to_try_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(tmp_path / "demo")]) == Exit.SUCCESS
    said = capsys.readouterr()
    assert "Velkarin Foods: 100 of 100" in said.out
    assert "Try next:" in said.err
    assert main(["demo", str(tmp_path / "demo"), "--json"]) == Exit.SUCCESS
    assert json.loads(capsys.readouterr().out)["status"] == "success"


def test_the_demo_stays_and_says_how_the_shell_finds_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "cuga").touch(0o644)
    monkeypatch.setattr("sys.executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    for name in ("cuga-demo", "cuga-demo-2"):
        assert main(["demo"]) == Exit.SUCCESS
        said = capsys.readouterr().err
        assert (tmp_path / "data" / name / "journal.db").exists() and f"house in {tmp_path / 'data' / name}" in said
        assert 'export PATH="$PWD/.venv/bin:$PATH"' in said
    monkeypatch.setenv("PATH", str(folder))
    (folder / "cuga").chmod(0o755)
    assert main(["demo"]) == Exit.SUCCESS
    assert "export PATH" not in capsys.readouterr().err


def test_a_run_that_has_ended_asks_nothing_any_more(cuga: Terminal) -> None:
    assert "cuga answer" in cuga("run", "Score").out
    said = cuga("cancel", "last")
    assert said.code == Exit.CANCELLED
    assert "cuga answer" not in said.out and "What you can do" not in said.out
    assert "cancelled, cancelled" not in said.out and "cancelled: cancelled" not in said.err
    assert "What you can do" not in cuga("result", "last").out


def test_a_message_that_is_only_simulated_is_shown_as_a_message(cuga: Terminal) -> None:
    said = cuga("run", "Draft a first email to the buyer of Velkarin Foods and send it", "--profile", "technical").out
    sending = said[said.index("s3 send_message") : said.index("Evidence")]
    assert "Not done: this profile only shows what send_message would do, mail through offline" in sending
    assert "To: Nora Tessler" in sending and "Subject: " in sending
    assert "body_hash" not in sending


@pytest.mark.parametrize(
    ("words", "next_step"),
    [
        (("top-up", "last"), "--scope and --amount: "),
        (("deny", "last"), "deny needs --reason WHY"),
        (("revoke", "last"), "`cuga audit RUN` names the approvals"),
        (("answer", "last", "yes"), "asks nothing"),
        (("policy", "check", "/nope"), "Name a registry.yaml"),
        (("run", "--plan", "last", "--profile", "technical"), "--profile technical"),
        (("completion", "bash"), "cuga completion show bash"),
    ],
)
def test_a_refusal_says_what_would_do(cuga: Terminal, words: tuple[str, ...], next_step: str) -> None:
    cuga("run", "Score Velkarin Foods", "--profile", "smb")
    said = cuga(*words)
    assert said.code == Exit.BAD_INPUT
    assert next_step in said.err
