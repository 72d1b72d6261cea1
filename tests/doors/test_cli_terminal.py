"""What a terminal sees: a board that moves, questions that wait, and no text from data that could trick it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.doors.terminal import Terminal

from cuga.cli import screen
from cuga.cli.exits import Exit

SEND = "Draft a first email to the buyer of Velkarin Foods and send it"


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\rb\x08c\x00", "a\\x0db\\x08c\\x00"),
        ("\x9b2J", "\\x9b2J"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("pay\u200bpal\ufeff", "pay\\u200bpal\\ufeff"),
        ("line\u2028end", "line\\u2028end"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("Rosa Ölander 株式会社 🙂\ttab\nline", "Rosa Ölander 株式会社 🙂\ttab\nline"),
        ("[red]not markup[/red]", "[red]not markup[/red]"),
    ],
)
def test_text_that_could_trick_a_terminal_is_spelled_out(said: str, seen: str) -> None:
    assert screen.harmless(said) == seen


def test_a_record_with_control_characters_reaches_no_screen_as_such(cuga: Terminal, tmp_path: Path) -> None:
    evil = "Evil\u202e \x1b[2JCorp [red]"
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "accounts.csv").write_text(f"account,sector,employees\n{evil},food,300\n", "utf-8")
    house = str(tmp_path / "evil")
    shown = [cuga("init", house, "--from", str(tmp_path / "csv"))]
    shown += [
        cuga("run", f"Score {evil}", "--house", house),
        cuga("run", "Show all accounts", "--house", house),
        cuga("audit", "last", "--house", house),
        cuga("trace", "last", "--all", "--house", house),
        cuga("runs", "--house", house),
    ]
    for said in shown:
        assert not set("\x1b\u202e") & set(said.out + said.err)
    assert any("\\x1b[2J" in said.out for said in shown)


def test_json_for_a_program_keeps_text_as_it_is(cuga: Terminal) -> None:
    said = cuga("run", "Score Rosa\u202e Ölander", "--json")
    assert json.loads(said.out)["goal"] == "Score Rosa\u202e Ölander"


def test_a_terminal_sees_the_steps_and_budgets_move(cuga: Terminal) -> None:
    said = cuga.typed("run", "Count the clouds", TEST_SLEEP="0.5")
    assert said.code == Exit.SUCCESS
    assert "calling" in said.out
    assert "1 of 100" in said.out
    assert "\x1b[?25h" in said.out  # the cursor is back
    assert "success" in said.out


def test_approve_shows_what_leaves_and_takes_no_for_an_answer(cuga: Terminal) -> None:
    cuga("run", SEND, "--profile", "smb")
    said = cuga.typed("approve", "last", prompt="[y/N]", answer="\r")
    assert said.code == Exit.PARKED
    assert "nora.tessler@velkarin-foods.example" in said.out
    assert "still waits" in said.out
    assert not list((cuga.house / "outbox").glob("*.eml"))
    said = cuga.typed("approve", "last", prompt="[y/N]", answer="y\r")
    assert said.code == Exit.SUCCESS
    assert len(list((cuga.house / "outbox").glob("*.eml"))) == 1


def test_a_question_can_be_answered_where_it_is_asked(cuga: Terminal) -> None:
    said = cuga.typed("run", "Score Velkrin", prompt="later): ", answer="2\r")
    assert said.code == Exit.SUCCESS
    assert "Velkarin Foods: 100 of 100" in said.out


def test_ctrl_c_at_a_question_leaves_it_open(cuga: Terminal) -> None:
    said = cuga.typed("run", "Score Velkrin", prompt="later): ", answer="\x03")
    assert said.code == Exit.INTERRUPTED == 130
    assert "cuga resume" in said.out
    assert cuga("runs", "--json").json[0]["status"] == "parked"
