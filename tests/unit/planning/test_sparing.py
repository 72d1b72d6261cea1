"""Somebody who shall not be written to takes no step out of the plan, and nobody takes their place by a guess."""

from __future__ import annotations

import pytest

from cuga.adapters.offline import CrmStore
from cuga.planning.answer import Question
from cuga.planning.rules import RulePlanner

from .test_revising import GOAL, NOW, draft, planned
from .test_revising import crm as crm
from .test_said_and_used import shipped

TO_NORA = "Write to Nora Tessler at Velkarin Foods"
LIST = "score all accounts and draft an email for the top five"


@pytest.mark.parametrize("goal", [GOAL, TO_NORA])
@pytest.mark.parametrize(
    "said",
    [
        "do not write to Nora Tessler",
        "don't email Nora Tessler",
        "Please do not send it to Nora Tessler",
        "not to Nora Tessler",
        "do not write to nora.tessler@velkarin-foods.example",
    ],
)
def test_for_whom_it_is_instead_is_asked(crm: CrmStore, goal: str, said: str) -> None:
    asked = RulePlanner(crm).plan(goal, shipped(), feedback=said, as_of=NOW)
    assert isinstance(asked, Question) and said in asked.text and asked.options == ("Emil Hestrin", "Rosa Ölander")
    plan = planned(crm, f"{said}\nEmil Hestrin", goal)
    assert draft(plan).input["recipient"] == "P-0011"
    assert any(said in note and "NOT heeded" not in note for note in plan.notes)


def test_whoever_is_named_instead_in_the_same_words_is_written_to(crm: CrmStore) -> None:
    plan = planned(crm, "shorter, and do not write to Nora Tessler, write to Emil Hestrin")
    assert (draft(plan).input["recipient"], draft(plan).input["length"]) == ("P-0011", "short")
    assert [step.tool for step in plan.steps] == [step.tool for step in planned(crm, "").steps]


def test_who_was_not_to_be_written_to_anyway_changes_nothing(crm: CrmStore) -> None:
    plan = planned(crm, "do not write to Emil Hestrin", TO_NORA)
    assert draft(plan).input["recipient"] == "P-0010"
    assert any('"do not write to Emil Hestrin" (it is for somebody else)' in note for note in plan.notes)


def test_of_a_list_it_is_said_how_one_is_taken_off(crm: CrmStore) -> None:
    plan = planned(crm, "do not write to Nora Tessler", LIST)
    assert [step.tool for step in plan.steps] == [step.tool for step in planned(crm, "", LIST).steps]
    assert any("NOT heeded" in note and "--drop" in note for note in plan.notes)


@pytest.mark.parametrize("said", ["do not write an email", "do not draft anything", "never send to a spreadsheet"])
def test_words_against_the_deed_are_still_against_it(crm: CrmStore, said: str) -> None:
    before = planned(crm, "")
    answer = RulePlanner(crm).plan(GOAL, shipped(), feedback=said, as_of=NOW)
    steps = [step.tool for step in answer.plan.steps] if hasattr(answer, "plan") else []
    assert steps != [step.tool for step in before.steps] or "spreadsheet" in said
