"""The command line among other processes: killed, interrupted, beside a second terminal, beside a server."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
from tests.doors.terminal import Said, Terminal, ended

from cuga.cli.exits import Exit

SEND = "Draft a first email to the buyer of Velkarin Foods and send it"


@pytest.mark.kills
def test_a_run_that_was_killed_goes_on_to_its_end(cuga: Terminal) -> None:
    killed = cuga.start("run", "Count the clouds and score Velkarin Foods", TEST_SLEEP="30")
    cuga.until_deed("counting")
    killed.kill()
    ended(killed)
    listed = cuga("runs", "--json").json[0]
    assert listed["status"] == "running"
    assert f"cuga resume {listed['run_id']}" in cuga("runs").err
    said = cuga("resume", "last", "--json")
    assert said.code == Exit.SUCCESS
    assert {step["state"] for step in said.json["steps"]} == {"done"}
    assert cuga("verify").code == Exit.SUCCESS


@pytest.mark.kills
def test_a_call_that_may_have_happened_is_never_repeated_without_a_person(cuga: Terminal) -> None:
    cuga("run", "Publish the notice")
    killed = cuga.start("approve", "last", TEST_SLEEP="30")
    cuga.until_deed("publishing")
    killed.kill()
    ended(killed)
    said = cuga("resume", "last")
    assert said.code == Exit.PARKED
    for answer in ("happened", "did-not", "again"):
        assert f"  cuga resolve {cuga.run_id()} s1 {answer} --attempt 1  " in said.out
    assert cuga.deeds() == ["publishing"]
    stale = cuga("resolve", "last", "s1", "happened", "--attempt", "2")
    assert stale.code == Exit.REFUSED and "what was looked at is attempt 2" in stale.err
    said = cuga("resolve", "last", "s1", "happened", "--attempt", "1", "--reason", "it hangs on the board")
    assert said.code == Exit.SUCCESS
    assert cuga.deeds() == ["publishing"]
    assert cuga("resolve", "last", "s1", "again").code != Exit.SUCCESS


def test_ctrl_c_says_what_happens_and_the_run_goes_on_later(cuga: Terminal) -> None:
    process = cuga.start("run", "Count the clouds and score Velkarin Foods", TEST_SLEEP="1")
    cuga.until_deed("counting")
    process.send_signal(signal.SIGINT)
    said = ended(process)
    assert said.code == Exit.INTERRUPTED
    assert f"cuga resume {cuga.run_id()}" in said.err
    assert "Traceback" not in said.err
    assert cuga("resume", "last").code == Exit.SUCCESS
    assert cuga.deeds().count("counted") >= 1


@pytest.mark.parametrize("opening", ["cuga.errors", "cyclopts", "cuga.cli.commands.working", "msgspec"])
def test_ctrl_c_while_a_command_still_opens_shows_no_traceback(cuga: Terminal, tmp_path: Path, opening: str) -> None:
    stop = f"if name == {opening!r}: os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        f"class Stop:\n    def find_spec(self, name, *_):\n        {stop}\n"
        "sys.meta_path.insert(0, Stop())\n"
    )
    process = cuga.start("runs", PYTHONPATH=os.pathsep.join((str(tmp_path), cuga.environment()["PYTHONPATH"])))
    assert ended(process) == Said(Exit.INTERRUPTED, "", "interrupted; nothing is lost\n")


def test_a_second_terminal_decides_while_the_first_one_runs(cuga: Terminal) -> None:
    cuga("run", "Publish the notice")
    waiting = cuga("inbox", "--json").json[0]["approval_id"]
    first = cuga.start("run", "Count the clouds", "--json", TEST_SLEEP="3")
    cuga.until_deed("counting")
    second = cuga.start("approve", waiting, "--json")
    said = ended(second)
    assert said.code == Exit.SUCCESS
    assert said.json["status"] == "success"
    assert ended(first).code == Exit.SUCCESS
    assert cuga.deeds().count("published") == 1


def test_a_run_can_stay_while_people_decide_in_another_terminal(cuga: Terminal) -> None:
    first = cuga.start("run", SEND, "--wait", "120", "--json")
    until = time.monotonic() + 120
    while not (cards := json.loads(cuga.apart("inbox", "--json").out or "[]")):
        assert time.monotonic() < until
    assert cuga.apart("approve", cards[0]["approval_id"]).code == Exit.SUCCESS
    said = ended(first)
    assert said.code == Exit.SUCCESS
    assert len(list((cuga.house / "outbox").glob("*.eml"))) == 1


def test_a_server_drives_every_run_and_answers_the_other_commands(cuga: Terminal) -> None:
    server = cuga.start("serve")
    try:
        assert server.stderr is not None and "Serving" in server.stderr.readline()
        assert cuga.apart("run", "Score Velkarin Foods").code == Exit.SUCCESS
        assert cuga.apart("run", SEND, "--profile", "enterprise").code == Exit.PARKED
        assert cuga.apart("approve", "last").code == Exit.PARKED
        assert cuga.apart("approve", "last").code == Exit.SUCCESS
        assert cuga.apart("verify").code == Exit.SUCCESS
        assert json.loads(cuga.apart("trace", "last", "--follow", "--json").out.splitlines()[-1])["run_id"]
        second = cuga.apart("serve")
        assert second.code == Exit.BUSY
        worker = cuga.apart("worker")
        assert worker.code == Exit.BAD_INPUT and "is a file" in worker.err, worker.err
        assert "held already" in second.err
    finally:
        server.send_signal(signal.SIGTERM)
        said = ended(server)
    assert said.code == Exit.SUCCESS
    assert cuga("runs", "--status", "success", "--json").json[0]["goal"] == SEND


def test_two_short_commands_at_the_same_moment_both_end_well(cuga: Terminal) -> None:
    several = [cuga.start("run", "Score Velkarin Foods", "--json") for _ in range(3)]
    said = [ended(one) for one in several]
    assert [one.code for one in said] == [Exit.SUCCESS] * 3, [one.err for one in said]
    assert len(cuga("runs", "--json").json) == 3
    assert cuga("verify").code == Exit.SUCCESS


def test_a_reader_that_goes_away_is_no_error(cuga: Terminal) -> None:
    process = cuga.start("tools", "--json")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.wait(timeout=180)
    assert "Traceback" not in process.stderr.read()


def test_a_house_that_is_open_takes_over_a_changed_registry_for_the_next_run(cuga: Terminal) -> None:
    registry = cuga.house / "registry.yaml"
    before = registry.read_text()
    server = cuga.start("serve")
    try:
        assert server.stderr is not None and "Serving" in server.stderr.readline()
        assert cuga.apart("run", "Score Velkarin Foods").code == Exit.SUCCESS
        registry.write_text(before + "tools:\n  score_accounts: {cost: 2.0, timeout: never}\n")
        refused = cuga.apart("run", "Score Velkarin Foods")
        assert refused.code == Exit.BAD_INPUT and "never" in refused.err
        assert cuga.apart("run", "Score Velkarin Foods").code == Exit.BAD_INPUT
        assert len(json.loads(cuga.apart("runs", "--json").out)) == 1
        registry.write_text(before.replace("default_profile: smb", "default_profile: technical"))
        assert cuga.apart("run", "Score Velkarin Foods").code == Exit.SUCCESS
        profiles = [run["profile"] for run in json.loads(cuga.apart("runs", "--json").out)]
    finally:
        server.send_signal(signal.SIGTERM)
        ended(server)
    assert profiles == ["technical", "smb"]
