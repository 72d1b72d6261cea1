"""Remarks on a draft become arguments, or are named with the reason: none of them is passed over."""

from __future__ import annotations

import time
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
        ("Say nothing about the price", "leave_out", ["price"]),
        ("You must not mention the price", "leave_out", ["price"]),
        ("the price must not be named", "leave_out", ["price"]),
        ("leave out the name and the price", "leave_out", ["name", "price"]),
        ("leave out the name, the size and the price", "leave_out", ["name", "size", "price"]),
        ("don't mention the price or the size", "leave_out", ["price", "size"]),
        ("friendlier, and don't mention the price", "leave_out", ["price"]),
        ("do not forget to mention the price", "mention", ["price"]),
        ("mention the price too", "mention", ["price"]),
        ("it is too long", "length", "short"),
        ("say that we have doors, windows, and gates", "add", ["We have doors, windows, and gates."]),
        ("write to Emil Hestrin instead of Nora Tessler", "recipient", "P-0011"),
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
        ("The price is wrong", "only what to leave out in such words"),
        ("it is too short", "no longer text"),
        ("not so short", "no longer text"),
        ("do not make it shorter", "only what to leave out in such words"),
        ("it isn't too long", "only what to leave out in such words"),
        ("do not make it formal", "only what to leave out in such words"),
        ("the formal one is wrong", "only what to leave out in such words"),
        ("less friendly", "only what to leave out in such words"),
        ("too friendly", "only what to leave out in such words"),
        ("why mention the price", "only what to leave out in such words"),
        ("do not leave out the price", "only what to leave out in such words"),
        ("no price is given", "only what to leave out in such words"),
        ("do not say that we are at the fair", "only what to leave out in such words"),
        ('never add "Buy now!"', "only what to leave out in such words"),
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
        now, before = (dict(draft(one).input, goal="") for one in (plan, planned(crm, "")))
        assert now == before


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


def told(plan: Plan) -> str:
    (line,) = (note for note in plan.notes if "heeded" in note.casefold())
    return line


def test_a_sentence_to_put_in_ends_where_another_remark_begins(crm: CrmStore) -> None:
    plan = planned(crm, "Say that we are at the fair, and make it shorter")
    assert {"add": ["We are at the fair."], "length": "short"}.items() <= draft(plan).input.items()
    assert "NOT" not in told(plan)


def test_what_follows_a_remark_against_something_is_against_it_too(crm: CrmStore) -> None:
    plan = planned(crm, "do not make it shorter and friendlier")
    assert not {"length", "style"} & draft(plan).input.keys()
    assert '"do not make it shorter" (' in told(plan) and '"friendlier" (' in told(plan)
    assert draft(planned(crm, "do not make it formal, and mention the price")).input["mention"] == ["price"]


@pytest.mark.parametrize(
    ("said", "counts", "is_gone"),
    [
        ("leave out the price\nmention the price after all", "mention", "leave_out"),
        ("mention the price\nleave out the price", "leave_out", "mention"),
        ("leave out the price\nmention the price\nleave out the price", "leave_out", "mention"),
    ],
)
def test_what_is_to_be_named_and_what_is_left_out_take_each_other_back(
    crm: CrmStore, said: str, counts: str, is_gone: str
) -> None:
    plan = planned(crm, said)
    assert draft(plan).input[counts] == ["price"] and is_gone not in draft(plan).input
    first, last = said.splitlines()[0], said.splitlines()[-1]
    assert f'"{first}" (until it was said otherwise)' in told(plan) or first == last
    assert f'"{last}" ({counts}: price)' in told(plan)


def test_too_short_takes_back_what_was_to_be_shorter(crm: CrmStore) -> None:
    plan = planned(crm, "shorter\nnow it is too short")
    assert "length" not in draft(plan).input
    assert '"shorter" (until it was said otherwise)' in told(plan) and "no longer short" in told(plan)


@pytest.mark.parametrize(
    ("said", "who"),
    [
        ("write to a@x.example\nno, write to b@x.example", "b@x.example"),
        ("to Emil Hestrin instead\nto emil2@velkarin-foods.example instead", "emil2@velkarin-foods.example"),
        ("write to a@x.example\nwrite to b@x.example\nto a@x.example after all", "a@x.example"),
        ("write to Nora Tessler\nnot to Nora Tessler but to Emil Hestrin", "P-0011"),
        ("write to b@x.example\nwrite to the Operations Director instead", "P-0011"),
    ],
)
def test_who_was_named_last_gets_it_and_only_that_remark_is_heeded(crm: CrmStore, said: str, who: str) -> None:
    plan = planned(crm, said)
    assert draft(plan).input["recipient"] == who
    assert told(plan).count("(recipient: ") == 1
    assert f'"{said.splitlines()[0]}" (until it was said otherwise)' in told(plan)


def test_who_is_only_spoken_of_gets_nothing(crm: CrmStore) -> None:
    plan = planned(crm, "write to Emil Hestrin. Say that Nora Tessler sends us")
    assert draft(plan).input["recipient"] == "P-0011"
    before = draft(planned(crm, "")).input["recipient"]
    assert draft(planned(crm, "say that Nora Tessler sends us")).input["recipient"] == before


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
    assert len(found) == 13 and found[-1].value == "formal"


def test_remarks_beyond_those_that_are_looked_at_are_named() -> None:
    said = ["never mention the price", *(f"word{at} gets better" for at in range(12))]
    revision = revision_of(said)
    assert "1 earlier remark" in revision.left[0] and "too many at once" in revision.left[0]
    assert len(revision.left) == 13 and "earlier remark" not in revision_of(said[1:]).line


def test_a_long_sentence_to_put_in_is_read_in_no_time() -> None:
    begun = time.perf_counter()
    assert revision_of(["say that a, b" + ", and b" * 4_000]).remarks
    assert time.perf_counter() - begun < 5
