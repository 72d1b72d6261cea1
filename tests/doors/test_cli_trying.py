"""Rules tried at the terminal."""

from __future__ import annotations

from pathlib import Path

from tests.doors.terminal import Terminal

from cuga.orchestrator.place import shipped_registry

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
    assert cuga("policy", "shadow", str(other)).code == 0
    assert cuga("policy", "shadow", "--end", "--json").json["runs"] == 0
