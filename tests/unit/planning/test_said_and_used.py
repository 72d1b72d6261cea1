"""What a seller says is used, or named as not used; on the sample house with the shipped tools."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.unit.planning.test_main_job import shipped, store

from cuga.adapters.offline.crm_store import CrmStore
from cuga.model.plan import Plan
from cuga.packs.sales.sample import write_sample
from cuga.planning import Answer, Proposal, RulePlanner, check


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> CrmStore:
    directory = tmp_path_factory.mktemp("sample")
    write_sample(directory)
    return store(directory)


def ask(crm: CrmStore, goal: str, feedback: str = "") -> Answer:
    return RulePlanner(crm).plan(goal, shipped(), feedback=feedback, as_of=datetime(2026, 1, 5, tzinfo=UTC))


def planned(crm: CrmStore, goal: str, feedback: str = "") -> Plan:
    answer = ask(crm, goal, feedback)
    assert isinstance(answer, Proposal), answer
    check(answer.plan, shipped())
    return answer.plan


def arguments(plan: Plan, at: int = 0) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(plan.steps[at].input))


@pytest.mark.parametrize(
    ("who", "person"),
    [
        ("the Head of IT of Velkarin Foods", "P-0012"),
        ("the head of operations at Velkarin Foods", "P-0011"),
        ("Nora Tessler at Velkarin Foods", "P-0010"),
    ],
)
def test_a_person_or_a_whole_role_is_who_the_draft_is_for(crm: CrmStore, who: str, person: str) -> None:
    assert arguments(planned(crm, f"Draft an email to {who}"))["recipient"] == person


def test_a_role_without_an_account_is_told_that_the_account_is_missing(crm: CrmStore) -> None:
    notes = planned(crm, "Draft an email to the CFO").notes
    assert any("no account is named" in note for note in notes)


def test_sending_waits_for_a_recipient_and_says_how_to_give_one(crm: CrmStore) -> None:
    plan = planned(crm, "Draft an email to the Head of IT of Velkarin Foods and send it")
    assert any("nobody is asked" in note and "NAME@COMPANY" in note for note in plan.notes)
    assert plan.steps[-1].when is None, (
        "no condition that would count as a good end: the send itself stops, and says why"
    )
    assert not planned(crm, "Draft an email to alice@example.com and send it").notes


@pytest.mark.parametrize(("said", "name"), [("in German", "German"), (", signed by Paul Smith", "Paul Smith")])
def test_a_name_that_the_crm_does_not_know_is_no_product_and_is_named(crm: CrmStore, said: str, name: str) -> None:
    plan = planned(crm, f"Draft an email to Nora Tessler at Velkarin Foods {said}")
    assert "product" not in arguments(plan)
    assert any(note.startswith(f"Not used: {name!r}") for note in plan.notes)


def test_a_product_of_the_crm_is_still_a_product(crm: CrmStore) -> None:
    plan = planned(crm, "Draft an email to Nora Tessler at Velkarin Foods for Alder Stock")
    assert arguments(plan)["product"] == "Alder Stock"


def test_deals_are_found_by_whose_they_are(crm: CrmStore) -> None:
    where = arguments(planned(crm, "Show me all open deals of Ada Kestrel"))["where"]
    assert {"field": "owner", "op": "is", "value": "Ada Kestrel"} in where and len(where) == 2


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("above 5000 in the Proposal stage", [("amount", "above", "5000"), ("stage", "is", "Proposal")]),
        ("over 10k that close this month", [("amount", "above", "10000"), ("closes", "within", "this month")]),
        (
            "of at least 2,500 closing before 1 March",
            [("amount", "at_least", "2500"), ("closes", "below", "2026-03-01")],
        ),
        ("won since 2025-06-01", [("status", "is", "won"), ("closes", "above", "2025-06-01")]),
    ],
)
def test_a_bound_is_no_count_and_filters_the_records(crm: CrmStore, said: str, where: list[tuple[str, ...]]) -> None:
    given = arguments(planned(crm, f"Show me all deals {said}"))
    assert "limit" not in given
    assert [(one["field"], one["op"], one["value"]) for one in given["where"]] == where


def test_a_filter_that_is_not_understood_is_named(crm: CrmStore) -> None:
    assert any("purple" in note for note in planned(crm, "Show me all purple deals above 5000").notes)


def test_records_are_sorted_and_counted_as_the_goal_says(crm: CrmStore) -> None:
    given = arguments(planned(crm, "List the 5 biggest open deals"))
    assert (given["order"], given["limit"]) == ("-amount", 5)


@pytest.mark.parametrize("said", ["saying thanks for the call", 'with "thanks for the call, it was great"'])
def test_words_for_a_draft_that_is_made_of_templates_are_named(crm: CrmStore, said: str) -> None:
    notes = planned(crm, f"Draft an email to Nora Tessler {said}").notes
    assert any("thanks for the call" in note and "cuga amend" in note for note in notes)


def test_an_answer_is_a_goal_when_the_goal_named_nothing(crm: CrmStore) -> None:
    plan = planned(crm, "Help me please", "Score Velkarin Foods")
    assert [step.tool for step in plan.steps] == ["score_account_fit"] and plan.goal == "Help me please"
    assert not isinstance(ask(crm, "Help me please", "no idea"), Proposal)


def test_remarks_are_heeded_where_they_can_be_and_named_where_not(crm: CrmStore) -> None:
    goal = "Draft an email to Nora Tessler and check it"
    assert [step.tool for step in planned(crm, goal, "leave the check out").steps] == ["draft_outbound_message"]
    notes = planned(crm, goal, "in German, sign it Paul").notes
    assert any('NOT heeded: "in German"' in note and "sign it Paul" in note for note in notes)


def test_a_follow_up_is_told_to_the_tool_as_one(crm: CrmStore) -> None:
    assert "follow-up" in arguments(planned(crm, "Draft a follow-up email to Nora Tessler"))["goal"]
