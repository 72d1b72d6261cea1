"""Erasing a person and reducing old runs, as whoever runs a house does it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal

PERSON = "Yolanthe Brackwater"
ADDRESS = "yolanthe@brackwater.example"


@pytest.fixture
def used(cuga: Terminal, tmp_path: Path) -> Terminal:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "accounts.csv").write_text("account,sector\nBrackwater Mills,retail\n")
    (exports / "contacts.csv").write_text(f"name,email,account\n{PERSON},{ADDRESS},Brackwater Mills\n")
    assert cuga("import", str(exports)).code == 0
    assert cuga("run", f"Draft an email to {PERSON}", "--profile", "smb").code in (0, 3, 4, 5)
    shutil.rmtree(exports)  # whoever erases somebody sees to the exports they came from
    return cuga


def test_where_somebodys_data_are_is_shown_and_nothing_is_erased(used: Terminal) -> None:
    said = used("erase", PERSON, "--dry-run")
    assert said.code == 0 and ADDRESS in said.out and "1 run" in said.out
    held = used("erase", ADDRESS, "--dry-run", "--json").json
    assert held["runs"][0] in said.out
    assert len(held["contacts"]) == 1 and len(held["runs"]) == 1 and held["clear_events"] == 0


def test_erasing_asks_first_and_is_not_done_for_another_word(used: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert used("erase", PERSON).code == 2
    monkeypatch.setattr("builtins.input", lambda _question: "yes")
    said = used("erase", PERSON, "--reason", "asked for it")
    assert said.code == 2 and "nothing was erased" in said.err
    assert used("erase", PERSON, "--dry-run").code == 0
    monkeypatch.setattr("builtins.input", lambda _question: "erase")
    said = used("erase", PERSON, "--reason", "asked for it")
    assert said.code == 0 and "backups" in said.out.lower()
    assert used("erase", PERSON, "--dry-run").code == 2
    assert PERSON.encode() not in b"".join(file.read_bytes() for file in used.house.rglob("*") if file.is_file())
    assert used("verify").code == 0 and used("runs").code == 0 and used("show", "last").code == 0


def test_old_runs_are_counted_before_they_are_reduced(used: Terminal) -> None:
    too_young = used("retain", "--older-than", "1mo")
    assert too_young.code == 2 and "six months" in too_young.err
    assert used("retain").code == 2
    said = used("retain", "--older-than", "18mo", "--dry-run")
    assert said.code == 0 and "0 runs" in said.out
