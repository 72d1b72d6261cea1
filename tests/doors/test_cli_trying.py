"""Rules tried at the terminal."""

from __future__ import annotations

from pathlib import Path

from tests.doors.terminal import Terminal

from cuga.orchestrator.house.place import shipped_registry

CASES = "cases:\n  - {name: a send asks, tool: send_message, profile: enterprise, expect: asks}\n"


def test_cases_hold_or_end_with_five(cuga: Terminal, tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text(CASES)
    held = cuga("policy", "test", str(tmp_path / "cases.yaml"))
    assert held.code == 0
    assert "1 of 1 cases hold" in held.out
    (tmp_path / "cases.yaml").write_text(CASES.replace("asks}", "allowed}"))
    broken = cuga("policy", "test", str(tmp_path / "cases.yaml"))
    assert broken.code == 5
    assert "line 2" in broken.out
    assert "expected allowed, it is asks" in broken.out
    missing = cuga("policy", "test", str(tmp_path / "none.yaml"))
    assert missing.code == 2


MISTAKEN = """\
cases:
  - {tool: send_message, expect: maybe, quorum: two}
  - {tool: send_message, expect: asks}
  - {tol: send_message, input: none, roles: approver}
"""


def test_every_mistake_of_every_case_is_named_with_its_place(cuga: Terminal, tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text(MISTAKEN)
    said = cuga("policy", "test", str(tmp_path / "cases.yaml"))
    assert said.code == 2
    assert [line for line in said.err.splitlines() if line.startswith("  line")] == [
        "  line 2, column 34, cases[0].expect: unknown word 'maybe'; known: allowed, asks, refused",
        "  line 2, column 49, cases[0].quorum: expected a whole number from 0 up, got 'two'",
        "  line 4, column 5, cases[2]: 'tool' is missing",
        "  line 4, column 5, cases[2]: 'expect' is missing",
        "  line 4, column 6, cases[2].tol: unknown key; did you mean 'tool'?",
        "  line 4, column 32, cases[2].input: expected a mapping of the arguments, got a text",
        "  line 4, column 45, cases[2].roles: expected a list of names, got 'approver'",
    ]
    assert "7 mistakes in" in said.err and "expect is allowed, asks or refused" in said.err
    mistakes = cuga("policy", "test", str(tmp_path / "cases.yaml"), "--json").json["error"]["mistakes"]
    assert (len(mistakes), mistakes[0]["where"]) == (7, "cases[0].expect")


def test_other_rules_are_held_against_the_record(cuga: Terminal, tmp_path: Path) -> None:
    assert cuga("run", "Find duplicate accounts", "--profile", "smb").code == 0
    other = tmp_path / "other.yaml"
    other.write_text(shipped_registry() + "\ntools:\n  find_duplicate_records: {side_effect: execute}\n")
    found = cuga("policy", "backtest", str(other))
    assert found.code == 0
    assert "would go another way" in found.out
    assert "find_duplicate_records" in found.out
    assert cuga("policy", "backtest", str(other), "--since", "2099-01-01", "--json").json["runs"] == 0
    assert cuga("policy", "backtest", str(other), "--since", "soon").code == 2
    assert cuga("policy", "shadow").code == 2
    begun = cuga("policy", "shadow", str(other))
    assert begun.code == 0 and "Kept in the shadow" in begun.err
    assert cuga("policy", "shadow", "--end", "--json").json["runs"] == 0


def test_a_dry_run_shows_the_approval_fires_nothing_and_can_be_begun(cuga: Terminal) -> None:
    goal = "Publish notice on the notice board"
    shown = cuga("run", goal, "--profile", "smb", "--dry-run")
    assert shown.code == 0
    assert "nothing of this has happened" in shown.out
    assert "Effects: 0" in shown.out
    assert cuga.deeds() == []
    assert cuga("runs", "--json").json == []
    found = cuga("run", goal, "--profile", "smb", "--dry-run", "--json").json
    (card,) = found["cards"]
    assert cuga("run", "--as", found["run_id"]).code == 4
    assert cuga.run_id() == found["run_id"]
    waiting = cuga("show", "last", "--json").json
    assert (waiting["digest"], waiting["not_as_rehearsed"]) == (card["digest"], [])
    assert "exactly as rehearsed" in cuga("show", "last").out
    assert "exactly as rehearsed" in cuga("show", found["run_id"]).out + cuga("show", found["run_id"]).err
    assert cuga("run", "--as", found["run_id"]).code == 8
    assert cuga("run", goal, "--as", found["run_id"]).code == 2
    assert cuga("run", "--as", "01M8M951ZSK8YFJAYR97EW2KTS").code == 2
    changed = cuga.house / "registry.yaml"
    again = cuga("run", goal, "--profile", "smb", "--dry-run", "--json").json
    changed.write_text(changed.read_text().replace("    calls: 100\n", "    calls: 99\n"))
    assert cuga("run", "--as", again["run_id"]).code == 4
    assert "not as rehearsed: the rules have changed" in cuga("show", f"{again['run_id']}-a1").out


def test_what_a_tool_would_have_reached_for_is_named(cuga: Terminal) -> None:
    shown = cuga("run", "Count the clouds in the sky", "--profile", "smb", "--dry-run")
    assert shown.code == 0
    assert "s1 count_clouds would write" in shown.out
    assert cuga.deeds() == []


def test_a_run_is_decided_again_and_its_states_have_hashes(cuga: Terminal) -> None:
    assert cuga("run", "Find duplicate accounts", "--profile", "smb").code == 0
    again = cuga("replay", "last")
    assert again.code == 0
    assert "decided again: same" in again.out
    found = cuga("replay", "last", "--hash", "--json").json
    assert len(found["hashes"]) == found["version"]
    assert found["hashes"][-1] == found["state"]
    assert cuga("replay", "last", "--hash").out.split()[1::2] == found["hashes"]
