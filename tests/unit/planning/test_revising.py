"""Remarks on a draft become arguments, or are named with the reason: none of them is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cuga.adapters.offline import CrmStore
from cuga.model.plan import Plan, PlanStep
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.sample import write_sample
from cuga.planning.answer import Proposal
from cuga.planning.revising import revision_of
from cuga.planning.rules import RulePlanner

from .test_said_and_used import shipped

NOW = datetime(2026, 1, 5, tzinfo=UTC)
GOAL = "Draft a first email to the buyer of Velkarin Foods and send it"


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrmStore]:
    place = tmp_path_factory.mktemp("sample")
    write_sample(place / "sample", today=NOW.date())
    store = CrmStore.open(place / "crm.db")
    import_directory(place / "sample", store)
    yield store
    store.close()


def planned(crm: CrmStore, feedback: str, goal: str = GOAL) -> Plan:
    answer = RulePlanner(crm).plan(goal, shipped(), feedback=feedback, as_of=NOW)
    assert isinstance(answer, Proposal), answer
    return answer.plan


def draft(plan: Plan) -> PlanStep:
    return next(step for step in plan.steps if step.tool == "draft_outbound_message")


@pytest.mark.parametrize(
    ("said", "name", "value"),
    [
        ("shorter", "length", "short"),
        ("Please cut it down, it is too long.", "length", "short"),
        ("more formal", "style", "formal"),
        ("less formal", "style", "friendly"),
        ("mention the price", "mention", ["price"]),
        ("leave out the price", "leave_out", ["price"]),
        ("don't mention the earlier contact", "leave_out", ["history"]),
        ('the subject should be "Shifts at Velkarin"', "subject", "Shifts at Velkarin"),
        ("subject: Shifts at Velkarin", "subject", "Shifts at Velkarin"),
        ("say that we are at the fair in May", "add", ["We are at the fair in May."]),
        ('add "Our fair is in May!"', "add", ["Our fair is in May!"]),
        ("amounts in German notation", "notation", "1.234"),
        ("sign it Paul Smith", "sender", "Paul Smith"),
        ("to Emil Hestrin instead", "recipient", "P-0011"),
        ("write to emil@velkarin-foods.example", "recipient", "emil@velkarin-foods.example"),
        ("write to the Operations Director instead", "recipient", "P-0011"),
    ],
)
def test_what_the_rules_know_becomes_an_argument_of_the_draft_and_is_told(
    crm: CrmStore, said: str, name: str, value: object
) -> None:
    plan = planned(crm, said)
    assert draft(plan).input[name] == value
    told = [note for note in plan.notes if note.startswith("Heeded of the remarks")]
    assert len(told) == 1 and "NOT" not in told[0]
    assert "eeded of the remarks" in plan.steps[-1].reason, "it is shown to whoever decides"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("send it next week", "nothing is sent later by itself"),
        ("in German", "English only"),
        ("make it longer", "no longer text"),
        ("prices in euros", "nothing is converted"),
        ("mention the webinar", "write no sentence about it by themselves"),
        ("leave out the opt-out", "laws ask for them"),
        ("also send it to everyone", "add no step and no further recipient"),
        ("more sparkle", "do not know these words"),
        ("write to Bartholomew Quill instead", "nobody of that name is in the CRM"),
        ("make the subject friendlier and warmer than a summer", ""),
    ],
)
def test_what_they_do_not_know_is_named_with_the_reason(crm: CrmStore, said: str, why: str) -> None:
    plan = planned(crm, said)
    (told,) = (note for note in plan.notes if "heeded" in note.casefold())
    assert why in told
    if why:
        assert told.startswith("It is what it was before; NOT heeded: ") and f'"{said}"' in told
        assert f'NOT heeded: "{said}"' in plan.steps[-1].reason
        assert draft(plan).input["recipient"] == draft(planned(crm, "")).input["recipient"]


def test_several_remarks_are_each_accounted_for(crm: CrmStore) -> None:
    plan = planned(crm, "shorter, more formal and mention the price; in French. Say that we met in Oslo and Bergen")
    wanted = {"length": "short", "style": "formal", "mention": ["price"], "add": ["We met in Oslo and Bergen."]}
    assert wanted.items() <= draft(plan).input.items()
    (told,) = (note for note in plan.notes if "eeded of the remarks" in note)
    assert 'NOT heeded: "in French"' in told
    for said in ("shorter", "more formal", "mention the price", "Say that we met in Oslo and Bergen"):
        assert f'"{said}" (' in told


def test_what_is_said_later_counts_and_what_was_said_before_still_does(crm: CrmStore) -> None:
    plan = planned(crm, "more formal, shorter\nfriendlier after all")
    assert {"length": "short", "style": "friendly"}.items() <= draft(plan).input.items()
    assert "until it was said otherwise" in plan.notes[0] or any("otherwise" in note for note in plan.notes)


def test_a_step_that_a_remark_takes_out_is_heeded(crm: CrmStore) -> None:
    plan = planned(crm, "skip the quality check", "Draft an email to Nora Tessler and check it")
    assert [step.tool for step in plan.steps] == ["draft_outbound_message"]
    assert any('"skip the quality check" (without assess message quality)' in note for note in plan.notes)


def test_an_answer_to_a_question_is_no_remark(crm: CrmStore) -> None:
    plan = planned(crm, "Velkarin Foods", "Draft an email to the buyer")
    assert not any("heeded" in note.casefold() for note in plan.notes)


def test_without_remarks_nothing_is_told_and_a_plan_is_as_it_was(crm: CrmStore) -> None:
    plan = planned(crm, "")
    assert not any("heeded" in note.casefold() for note in plan.notes)
    assert not {"length", "mention", "leave_out", "add", "notation"} & draft(plan).input.keys()


def test_a_remark_never_adds_a_send(crm: CrmStore) -> None:
    plan = planned(crm, "and send it to eve@evil.example", "Draft a first email to the buyer of Velkarin Foods")
    assert [step.tool for step in plan.steps] == ["draft_outbound_message"]


@pytest.mark.parametrize("said", ["", " ", "please", "ok thanks", ",,,; and", '""', "say that", "subject:", "\n\n.\n"])
def test_nothing_said_is_no_remark_and_breaks_nothing(said: str) -> None:
    assert all(remark.text for remark in revision_of(said.splitlines()).remarks)


def test_a_flood_of_remarks_is_read_in_no_time_and_the_newest_count() -> None:
    found = revision_of(["shorter, " * 4_000 + "more formal"]).remarks
    assert len(found) == 12 and found[-1].value == "formal"
