"""Quick actions from the command line: listed, run with fields, refused with what is missing, gated like any goal."""

from __future__ import annotations

import pytest
from tests.doors.terminal import Terminal

from cuga.cli.exits import Exit

ACCOUNT, DEAL = "Velkarin Foods", "D-1001"
RUNS = (
    ("score-prospect", ("account=" + ACCOUNT,), "of 100, tier"),
    ("find-decision-makers", ("account=" + ACCOUNT,), "Nora Tessler"),
    ("cold-email", ("account=" + ACCOUNT, "contact=buyer", "product=Linden Scheduler"), "Linden Scheduler"),
    ("follow-up", ("account=" + ACCOUNT, "contact=buyer", "goal=agree on a date"), "Nora"),
    ("qualify", ("opportunity=" + DEAL, "framework=BANT"), "D-1001"),
    ("deal-risk", ("opportunity=" + DEAL,), "1 deal looked at"),
    ("next-action", ("opportunity=" + DEAL,), "why:"),
)


def test_all_are_listed_with_their_fields_in_words_and_in_json(cuga: Terminal) -> None:
    said = cuga("quick")
    assert said.code == Exit.SUCCESS and "score-prospect" in said.out and "opportunity= framework=" in said.out
    listed = {play["name"]: play for play in cuga("quick", "--json").json}
    assert len(listed) == 16 and listed["qualify"]["fields"]["framework"] == "BANT, MEDDICC or MEDDPICC"
    assert cuga("runs", "--json").json == []


@pytest.mark.parametrize(("name", "fields", "said"), RUNS, ids=[name for name, _, _ in RUNS])
def test_each_runs_on_the_sample_house(cuga: Terminal, name: str, fields: tuple[str, ...], said: str) -> None:
    answer = cuga("quick", name, *fields)
    assert answer.code == Exit.SUCCESS and said in answer.out
    assert "part of the play" in answer.out


def test_under_enterprise_a_draft_waits_for_a_person_as_in_any_run(cuga: Terminal) -> None:
    fields = ("account=" + ACCOUNT, "contact=buyer", "product=Linden Scheduler", "--profile", "enterprise")
    assert cuga("quick", "cold-email", *fields).code == Exit.PARKED
    assert [card["tool"] for card in cuga("inbox", "--json").json] == ["draft_outbound_message"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("qualify", "opportunity=D-1001"), "qualify needs framework"),
        (("qualify", "D-1001"), "is no FIELD=VALUE"),
        (("qualify", "opportunity=D-1001", "opportunity=D-1002"), "given twice"),
        (("score-prospekt",), "did you mean 'score-prospect'"),
        (("qualify", "opportunity=D-1001", "framework=BANT", "size=9"), "no field 'size'"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_begins(cuga: Terminal, words: tuple[str, ...], why: str) -> None:
    said = cuga("quick", *words)
    assert said.code == Exit.BAD_INPUT and why in said.err
    assert cuga("runs", "--json").json == []
