"""A run explains earlier ones and writes their record, from the journal alone."""

import hashlib
from datetime import UTC, datetime

import msgspec
import pytest

from cuga.adapters.offline import CrmStore
from cuga.errors import NotFound
from cuga.journal.codec import events_of
from cuga.model import event as e
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.orchestrator.house.shelf import RunShelf
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.sample import HERO, HERO_DEAL, write_sample
from cuga.policy.judge import Rules
from cuga.policy.profile import Rulebook
from cuga.projections.replay import replay

AT = datetime(2026, 1, 5, tzinfo=UTC)


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
    (call,) = audit.calls  # what went in and what came out, by their hashes
    assert call.arguments_digest[:16] in found["document"] and f"result {call.result_digest[:16]}" in found["document"]
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


async def test_a_run_decided_again_from_its_journal_comes_out_the_same(house):
    earlier, _, _ = await run(house, "score_account_fit", account=HERO)
    _, found, _ = await run(house, "replay_run", run=earlier)
    assert found["verdict"] == "same" and found["run_id"] == earlier
    assert [(s["step"], s["decided"]) for s in found["steps"]] == [("s1", ["the call"]), ("", ["the end"])]


async def test_a_run_with_people_in_it_comes_out_the_same(house):
    waiting = await house.run(f"update the {HERO_DEAL} deal to Negotiation", as_of=AT)
    (card,) = await house.inbox(waiting.run_id)
    await house.answer(card.approval_id, "approve", digest=card.digest)
    assert (await house.wait(waiting.run_id)).success
    _, found, _ = await run(house, "replay_run", run=waiting.run_id)
    steps = {s["tool"]: s for s in found["steps"]}
    assert found["verdict"] == "same", found
    assert steps["update_opportunity"]["decided"] == ["the request for consent", "the call"]
    denied = await house.run(f"update the {HERO_DEAL} deal to Discovery", as_of=AT)
    (card,) = await house.inbox(denied.run_id)
    await house.answer(card.approval_id, "deny", digest=card.digest, reason="no")
    await house.wait(denied.run_id)
    assert (await run(house, "replay_run", run=denied.run_id))[1]["verdict"] == "same"


async def test_a_record_that_does_not_follow_from_the_rules_is_found(house):
    earlier, _, _ = await run(house, "score_account_fit", account=HERO)
    journal = (await house.open()).journal
    events = events_of(await journal.read(earlier))
    book = msgspec.json.decode(await journal.blob(events[0].policy_digest), type=Rulebook)
    assert {one.verdict for one in replay(earlier, events, Rules(book))} == {"same"}
    forged = [
        msgspec.structs.replace(one, arguments=msgspec.Raw(b'{"account":"Another"}'), key="k")
        if isinstance(one, e.ToolCallStart)
        else msgspec.structs.replace(one, status=e.Status.FAILED) if isinstance(one, e.RunFinished) else one
        for one in events
    ]  # fmt: skip
    found = {one.kind: one for one in replay(earlier, forged, Rules(book))}
    assert [name for name, _, _ in found["tool_call_start"].differs] == ["arguments", "key"]
    assert found["run_finished"].verdict == "different"
    begun = [one for one in events if not isinstance(one, e.PlanCreated | e.ToolCallComplete)]
    assert {one.verdict for one in replay(earlier, begun[:1] + begun[-1:], Rules(book))} == {"different"}
