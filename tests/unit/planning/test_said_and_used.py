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
    held = plan.steps[1].when
    assert held is not None and held.expr == 'send_to != ""' and held.bind["send_to"].path == "/recipient"
    assert any("NAME@COMPANY" in note for note in plan.notes)
    assert planned(crm, "Draft an email to alice@example.com and send it").steps[1].when is None
