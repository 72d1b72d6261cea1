"""A run explains earlier ones and writes their record, from the journal alone."""

import hashlib

import pytest

from cuga.adapters.offline import CrmStore
from cuga.errors import NotFound
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.orchestrator.shelf import RunShelf
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.sample import HERO, write_sample


def plan(tool, **arguments):
    return Plan(goal=f"use {tool}", steps=(PlanStep(step_id="s1", tool=tool, input=arguments),))


@pytest.fixture
async def house(tmp_path):
    write_sample(tmp_path / "data")
    async with Coordinator("smb") as made:
        assembly = await made.open()
        assert isinstance(assembly.crm, CrmStore)
        import_directory(tmp_path / "data", assembly.crm)
        yield made


async def run(house, tool, **arguments):
    done = await house.execute_plan(plan(tool, **arguments))
    return done.run_id, done.results.get("s1"), done


async def test_an_earlier_run_is_explained_by_what_it_recorded(house):
    earlier, _, _ = await run(house, "score_account_fit", account=HERO)
    _, found, _ = await run(
        house, "explain_recommendation", run=earlier[-8:], question=f"Why did {HERO} win over Zebra Works?"
    )
    (step,) = found["steps"]
    assert found["run_id"] == earlier and step["tool"] == "score_account_fit" and step["state"] == "done"
    assert any("420 is within" in reason for reason in step["reasons"])
    assert any(HERO in line for line in found["about"])
    assert found["notes"] == ["Zebra Works is not named in what the run gave"]


async def test_the_report_is_the_audit_record_under_the_hash_that_seals_it(house):
    earlier, _, _ = await run(house, "score_account_fit", account=HERO)
    _, found, _ = await run(house, "export_audit_report", run=earlier)
    audit = await house.audit(earlier)
    assert (found["sealed_by"], found["events"], found["calls"]) == (audit.head, audit.version, 1)
    assert found["document_hash"] == hashlib.sha256(found["document"].encode()).hexdigest()
    assert audit.head in found["document"] and "score_account_fit" in found["document"]
    _, again, _ = await run(house, "export_audit_report", run=earlier)
    assert again == found


@pytest.mark.parametrize("said", ["", "zzzz", "0" * 26])
async def test_a_run_that_is_not_there_is_not_made_up(house, said):
    await run(house, "score_account_fit", account=HERO)
    _, found, done = await run(house, "export_audit_report", run=said)
    assert found is None and done.status.value == "failed"


async def test_another_tenants_runs_are_not_there(house):
    earlier, _, _ = await run(house, "score_account_fit", account=HERO)
    shelf = RunShelf((await house.open()).journal)
    assert (await shelf.told("local", earlier)).run_id == earlier
    with pytest.raises(NotFound):
        await shelf.told("somebody-else", earlier)
