"""The main job with the tools that are shipped, on the sample house and on the Maven data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.unit.planning.catalogue import data_root, rulebook

from cuga.adapters.offline.crm_store import CrmStore
from cuga.model.plan import CheckedPlan
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.pack import TOOLS
from cuga.packs.sales.sample import write_sample
from cuga.planning import Proposal, RulePlanner, check
from cuga.policy.profile import Rulebook
from cuga.tools.declare import contract_of


def shipped() -> Rulebook:
    return rulebook({contract_of(tool).name: contract_of(tool) for tool in TOOLS})


def store(directory: Path) -> CrmStore:
    found = CrmStore.open(":memory:")
    import_directory(directory, found)
    return found


def planned(crm: CrmStore, goal: str) -> tuple[CheckedPlan, tuple[str, ...]]:
    book = shipped()
    answer = RulePlanner(crm).plan(goal, book, as_of=datetime(2018, 1, 2, tzinfo=UTC))
    assert isinstance(answer, Proposal), answer
    return check(answer.plan, book), answer.plan.notes


def with_one_open_deal(crm: CrmStore) -> tuple[str, str]:
    for account, name in crm.names("accounts"):
        deals = [d for d in crm.query("opportunities", limit=2000) if getattr(d, "account_id", "") == account]
        is_open = [d for d in deals if getattr(d, "status", "") == "open"]
        if len(is_open) == 1 and len(crm.lookup("accounts", name).candidates) == 1:
            return name, is_open[0].id
    pytest.fail("no account of the sample has exactly one open deal")


def expect_main_job(plan: CheckedPlan, account: str, deal: str) -> None:
    score, draft, quality, qualify = plan.steps
    assert [s.tool for s in plan.steps] == [
        "score_account_fit", "draft_outbound_message", "assess_message_quality", "qualify_opportunity",
    ]  # fmt: skip
    assert msgspec.json.decode(score.input)["account"] == account
    assert msgspec.json.decode(draft.input)["account"] == account
    assert msgspec.json.decode(quality.input)["message"] == {"$from": {"step": draft.step_id, "path": ""}}
    assert msgspec.json.decode(qualify.input)["opportunity"] == deal


def test_the_main_job_on_the_maven_data():
    goal = "Score dambase, draft a first email to its buyer, check it, and qualify the open deal"
    plan, notes = planned(store(data_root() / "maven_crm"), goal)
    expect_main_job(plan, "dambase", "O7UUAK3Y")
    assert any("buyer of dambase is not known" in note for note in notes)


def test_the_main_job_on_the_sample_house(tmp_path: Path):
    write_sample(tmp_path)
    crm = store(tmp_path)
    account, deal = with_one_open_deal(crm)
    plan, _ = planned(crm, f"Score {account}, draft a first email to its buyer, check it, and qualify the open deal")
    expect_main_job(plan, account, deal)


def recipient_of(crm: CrmStore, goal: str) -> tuple[str, tuple[str, ...]]:
    plan, notes = planned(crm, goal)
    (draft,) = [step for step in plan.steps if step.tool == "draft_outbound_message"]
    return msgspec.json.decode(draft.input)["recipient"], notes


def test_a_message_goes_where_the_goal_sends_it_and_to_nobody_else(tmp_path: Path):
    write_sample(tmp_path)
    crm = store(tmp_path)
    to, notes = recipient_of(
        crm, "Draft a first email to the CFO of Velkarin Foods and send it to emil@velkarin-foods.example"
    )
    assert to == "emil@velkarin-foods.example"
    assert any("where the goal wants it sent" in note for note in notes)


def test_a_copy_is_never_taken_for_the_recipient(tmp_path: Path):
    write_sample(tmp_path)
    crm = store(tmp_path)
    to, notes = recipient_of(crm, "Draft a first email to the CFO of Velkarin Foods, cc ann@x.example, and send it")
    assert "ann@x.example" not in to
    assert any("Not used: ann@x.example" in note for note in notes)
