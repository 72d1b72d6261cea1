"""Seal, evidence and verify as an operator and an auditor use them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal
from tests.tlog import ORIGIN, Log

from cuga.witness import Seen, ShelfFile


@pytest.fixture
def used(cuga: Terminal) -> Terminal:
    assert cuga("run", "Find duplicate accounts", "--profile", "smb").code == 0
    return cuga


def test_evidence_is_written_and_checked(used: Terminal, tmp_path: Path) -> None:
    made = used("evidence", "last", "--to", str(tmp_path / "e.zip"), "--json")
    assert made.code == 0
    assert made.json["runs"] == 1
    said = used("verify", str(tmp_path / "e.zip"))
    assert said.code == 0
    assert "It holds" in said.out
    changed = bytearray((tmp_path / "e.zip").read_bytes())
    changed[len(changed) // 2] ^= 1
    (tmp_path / "e.zip").write_bytes(changed)
    assert used("verify", str(tmp_path / "e.zip")).code != 0


def test_what_cannot_be_checked_is_told_with_what_is_taken(used: Terminal) -> None:
    for words in (
        (str(used.house / "registry.yaml"),),
        ("nowhere.zip",),
        (str(used.house / "journal.db"), "--key", "K"),
    ):
        said = used("verify", *words)
        assert said.code == 2 and "Name a copy of a journal or an evidence file" in said.err, said.err


def test_evidence_without_a_name_lies_here_and_is_never_written_over(used: Terminal, tmp_path: Path) -> None:
    run = used.run_id()
    assert used("evidence", run).code == 0
    assert (tmp_path / f"evidence-{run}.zip").stat().st_mode & 0o077 == 0
    again = used("evidence", run)
    assert again.code == 2
    assert "there already" in again.err


def test_a_period_is_named_by_days(used: Terminal, tmp_path: Path) -> None:
    assert used("evidence", "2020-01-01..2099-12-31", "--to", str(tmp_path / "all.zip")).code == 0
    assert used("verify", str(tmp_path / "all.zip")).code == 0
    for wrong in ("2026-13-01..2026-13-02", "2026-02-01..2026-01-01"):
        said = used("evidence", wrong)
        assert said.code == 2
        assert "2026-10-01..2026-10-31" in said.err


def test_the_seal_says_what_an_auditor_needs(used: Terminal) -> None:
    said = used("seal")
    assert said.code == 0
    assert "anchor.note" in said.out
    assert used("seal", "--json").json["key"].startswith("cuga/")


def test_a_house_whose_journal_is_an_older_one_says_so_and_shows_the_way_back(used: Terminal, tmp_path: Path) -> None:
    older = tmp_path / "older.db"
    shutil.copy(used.house / "journal.db", older)
    assert used("run", "Find duplicate accounts", "--profile", "smb").code == 0
    shutil.copy(older, used.house / "journal.db")
    refused = used("runs")
    assert refused.code == 9
    assert "cuga restore --as-it-is" in refused.err
    named = used("verify")
    assert named.code == 9
    assert "rolled_back" in named.out
    assert used("restore", "--as-it-is").code == 0
    assert used("run", "Find duplicate accounts", "--profile", "smb").code != 0
    assert used("restore", "--acknowledge", "--reason", "the disk was replaced").code == 0
    assert used("run", "Find duplicate accounts", "--profile", "smb").code == 0
    assert used("verify").code == 0


def test_a_house_made_where_another_was_has_a_seal_of_its_own_and_the_old_one_is_kept(used: Terminal) -> None:
    shutil.rmtree(used.house)
    made = used("init", str(used.house))
    assert made.code == 0 and "what was sealed of it is kept in" in made.err and ".before-1" in made.err
    assert used("verify").code == 0
    (used.house / "journal.db").unlink()
    assert used("init", str(used.house)).code == 9, "a journal that is gone from a house is no new one"


@pytest.mark.parametrize("options", [(), ("--production", "--delay", "0")])
def test_the_demo_runs_where_the_house_of_an_earlier_one_was_deleted(
    cuga: Terminal, tmp_path: Path, options: tuple[str, ...]
) -> None:
    place = tmp_path / "shown"
    assert cuga("demo", str(place), *options).code == 0
    shutil.rmtree(place)
    again = cuga("demo", str(place), *options)
    assert again.code == 0 and "what was sealed of it is kept in" in again.err
    (place / "journal.db").unlink()
    assert cuga("demo", str(place), *options).code == 9, "a journal that is gone from a house is no new one"


def test_a_house_is_told_of_another_and_shows_what_it_has_seen(used: Terminal, tmp_path: Path) -> None:
    log = Log().grow(3)
    none = used("witness")
    assert none.code == 0 and "/witness+" in none.out and "no other house is known here" in none.out
    assert used("witness", "trust").code == 2
    refused = used("witness", "trust", used("witness", "--json").json["key"])
    assert refused.code == 2 and "cuga seal" in refused.err
    assert used("witness", "trust", log.word, "--label", "Birch").code == 0
    assert "nothing was seen yet" in used("witness").out
    ShelfFile(used.house / "witness.db").move(None, Seen(ORIGIN, 1, 3, log.note(), 0, 60))
    assert "epoch 1: 3 appends, 3 events, last 1970-01-01 00:01 UTC" in used("witness").out
    noted = used("witness", "note", ORIGIN)
    assert noted.code == 0 and noted.out == log.note().decode()
    assert used("witness", "note", ORIGIN, "--epoch", "2").code == 2
    assert used("witness", "distrust", ORIGIN).code == 0
    assert "not trusted any more" in used("witness").out
    (journal,) = used("witness", "--json").json["journals"]
    assert (journal["origin"], journal["keys"], journal["epochs"][0]["size"]) == (ORIGIN, [], 3)


def test_a_place_that_cannot_be_asked_is_told_when_the_journal_is_checked(
    used: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUGA_ANCHORS", "witness:https://127.0.0.1:9/api/witness")
    said = used("verify")
    assert said.code == 0 and "witness:https://127.0.0.1:9/api/witness cannot be asked" in said.err
    assert "name 127.0.0.1:9 in CUGA_INSIDE" in said.err
