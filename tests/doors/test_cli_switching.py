"""Adapters and worker pools from the command line, while a run goes on in another terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal, ended

from cuga.cli.exits import Exit

PROFILE = "    adapters: [hubspot, pipedrive, offline]"
POOLS = """
workers:
  desk: {capabilities: [intelligence, knowledge, engagement, qualification], concurrency: 2}
  spare: {capabilities: [knowledge], concurrency: 1}
"""
ACCOUNTS = "id,name,industry,country,employees\nX1,Quillmark Ovens,food,Germany,300\n"


@pytest.fixture
def foldered(cuga: Terminal) -> Terminal:
    """A house whose smb profile prefers the CRM folder, with one account in it."""
    registry = cuga.house / "registry.yaml"
    text = registry.read_text()
    assert PROFILE in text
    registry.write_text(text.replace(PROFILE, "    adapters: [folder, offline]") + POOLS)
    (cuga.house / "crm").mkdir()
    (cuga.house / "crm" / "accounts.csv").write_text(ACCOUNTS)
    return cuga


def account(said: object) -> str:
    assert isinstance(said, dict)
    return str(json.loads(json.dumps(said["steps"][0]["output"]))["account"])


def test_a_switch_changes_what_the_next_run_reads(foldered: Terminal) -> None:
    assert account(foldered("run", "Score Quillmark Ovens", "--json").json) == "Quillmark Ovens"
    said = foldered("adapters", "switch", "offline", "--for", "crm", "--reason", "the folder is old")
    assert said.code == Exit.SUCCESS and "only this one" in said.out
    assert foldered("run", "Score Quillmark Ovens").code == Exit.PARKED, "the store has no such account"
    assert account(foldered("run", "Score Velkarin Foods", "--json").json) == "Velkarin Foods"
    assert foldered("adapters", "mode", "profile", "--for", "crm").code == Exit.SUCCESS
    assert account(foldered("run", "Score Quillmark Ovens", "--json").json) == "Quillmark Ovens"


def test_the_list_is_for_people_and_for_programs(foldered: Terminal) -> None:
    foldered("adapters", "mode", "hybrid", "--for", "crm", "--reason", "trying")
    foldered("adapters", "disable", "smtp", "--reason", "being moved")
    said = foldered("adapters")
    for words in ("ready, reads only", "hybrid", "not set up", "switched off: being moved"):
        assert words in said.out
    lines = {(line["capability"], line["adapter"]): line for line in foldered("adapters", "--json").json}
    assert lines["crm", "folder"].items() >= {
        "installed": True, "enabled": True, "chosen": False, "mode": "hybrid", "can_write": False, "reason": "trying",
    }.items()  # fmt: skip
    assert lines["mail", "smtp"]["enabled"] is False and lines["mail", "smtp"]["switched_by"]


def test_without_its_data_a_house_says_what_it_did_with_less(cuga: Terminal) -> None:
    assert cuga("adapters", "disable", "offline", "--for", "crm", "--reason", "being moved").code == Exit.SUCCESS
    said = cuga("run", "Score Velkarin Foods")
    assert said.code == Exit.PARTIAL
    for words in ("reduced: crm unavailable", "scored on what the goal says", "partial", "cuga adapters"):
        assert words in said.out
    body = cuga("result", "last", "--json").json
    assert body["status"] == "partial" and "reduced: crm unavailable" in body["reason"]
    assert set(body["steps"][0]["reduced"]) == {"crm"}
    said = cuga("run", "Score Velkarin Foods and draft a first email to its buyer")
    assert said.code == Exit.PARTIAL and "draft_outbound_message needs crm" in said.out
    assert "being moved" in cuga("adapters").out
    assert cuga("adapters", "enable", "offline", "--for", "crm").code == Exit.SUCCESS
    assert cuga("run", "Score Velkarin Foods").code == Exit.SUCCESS


def test_an_approval_of_what_would_not_be_sent_that_way_any_more_sends_nothing(cuga: Terminal) -> None:
    assert cuga("run", "Draft a first email to the buyer of Velkarin Foods and send it").code == Exit.PARKED
    assert cuga("adapters", "disable", "offline", "--for", "mail", "--reason", "the server moves").code == Exit.SUCCESS
    said = cuga("approve", "last")
    assert said.code == Exit.PARTIAL and "send_message needs mail" in said.out
    assert list((cuga.house / "outbox").rglob("*.eml")) == []
    assert cuga("inbox", "--json").json == []
    assert cuga("adapters", "enable", "offline", "--for", "mail").code == Exit.SUCCESS
    assert cuga("run", "Draft a first email to the buyer of Velkarin Foods and send it").code == Exit.PARKED
    assert cuga("approve", "last").code == Exit.SUCCESS
    assert len(list((cuga.house / "outbox").rglob("*.eml"))) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("disable",), "needs a name"),
        (("mode", "live"), "needs a capability"),
        (("mode", "mock", "--for", "crm"), "no mode 'mock'"),
        (("switch", "offline"), "Say --for crm"),
        (("enable", "nothing"), "no adapter 'nothing'"),
        (("mode", "hybrid", "--for", "mail"), "cannot read here and write there"),
    ],
)
def test_mistakes_are_said_with_what_would_do(cuga: Terminal, words: tuple[str, ...], said: str) -> None:
    found = cuga("adapters", *words)
    assert found.code == Exit.BAD_INPUT and said in found.err and "Traceback" not in found.err


def test_pools_are_listed_and_their_policy_is_changed(foldered: Terminal) -> None:
    said = foldered("workers")
    assert said.code == Exit.SUCCESS and "Steps are routed by round_robin." in said.out and "0 of 2" in said.out
    assert foldered("workers", "--policy", "priority", "--reason", "one after another").code == Exit.SUCCESS
    found = foldered("workers", "--json").json
    assert found["policy"] == "priority" and [one["pool"] for one in found["pools"]] == ["desk", "spare"]
    foldered("run", "Count the clouds")
    (routed,) = [
        line for line in foldered("trace", "last", "--json").json["events"] if line["name"] == "route_decision"
    ]
    assert (routed["details"]["target"], routed["details"]["policy"]) == ("desk", "priority")
    assert foldered("workers", "--policy", "fastest").code == Exit.BAD_INPUT


def test_a_house_without_pools_says_so(cuga: Terminal) -> None:
    assert "No worker pools are declared" in cuga("workers").out
    assert cuga("workers", "--json").json["pools"] == []


def test_another_terminal_sees_the_load_and_switches_while_a_call_goes_on(foldered: Terminal, tmp_path: Path) -> None:
    process = foldered.start("run", "Count the clouds", "--json", TEST_SLEEP="2")
    foldered.until_deed("counting")
    found = {one["pool"]: one["running"] for one in foldered("workers", "--json").json["pools"]}
    assert sum(found.values()) == 1
    assert foldered("adapters", "disable", "folder", "--reason", "while it runs").code == Exit.SUCCESS
    assert foldered("workers", "--policy", "load_balanced").code == Exit.SUCCESS
    assert ended(process).code == Exit.SUCCESS
    assert foldered.deeds() == ["counting", "counted"]
    assert "switched off: while it runs" in foldered("adapters").out


@pytest.mark.kills
def test_what_waited_for_a_place_when_the_process_was_killed_was_never_begun(foldered: Terminal) -> None:
    registry = foldered.house / "registry.yaml"
    registry.write_text(registry.read_text().replace("concurrency: 2}", "concurrency: 1}"))
    killed = foldered.start("run", "Count the clouds and score Quillmark Ovens", TEST_SLEEP="30")
    foldered.until_deed("counting")
    killed.kill()
    ended(killed)
    names = [event["name"] for event in foldered("trace", "last", "--json").json["events"]]
    assert names.count("tool_call_start") == 1, "the other step waited for the only place, before its intent"
    said = foldered("resume", "last", "--json")
    assert said.code == Exit.SUCCESS
    attempts = {step["tool"]: step["attempts"] for step in said.json["steps"]}
    assert attempts == {"count_clouds": 2, "score_account_fit": 1}
    assert foldered.deeds() == ["counting", "counting", "counted"]
    assert foldered("verify").code == Exit.SUCCESS


def test_a_switch_to_what_is_not_installed_says_that_nothing_is_left_and_the_way_back(foldered: Terminal) -> None:
    said = " ".join(foldered("adapters", "switch", "smtp").out.split())
    assert "only this one, not set up" in said and "which is not set up here" in said and "ready, passed over" in said
    assert "Nothing can use mail: it is switched to smtp" in said and "cuga adapters mode profile --for mail" in said
    said = " ".join(foldered("adapters", "mode", "profile", "--for", "mail").out.split())
    assert "Nothing can use" not in said and "passed over" not in said
