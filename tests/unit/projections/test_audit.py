"""The audit record of a run."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from tests.unit.projections.histories import TOOLS, House, plan, profile, sold, step, varied

from cuga.errors import BadInput, RunNotFound
from cuga.journal.codec import events_of
from cuga.model.command import TakeOver, TopUp
from cuga.model.context import Principal
from cuga.model.event import Verdict
from cuga.model.value import digest, digest_bytes
from cuga.policy.profile import Delegation
from cuga.projections.audit import AuditRecord, audit_of, read_audit
from cuga.projections.audit_text import audit_text
from cuga.projections.decisions import TYPES, decisions_of, of_type
from cuga.projections.happenings import WORDS


@pytest.fixture
async def house() -> House:
    house = House()
    await varied(house)
    return house


async def test_the_record_says_who_wanted_what_under_which_rules(house: House) -> None:
    record = await read_audit(house.journal, "sold")
    assert (record.requester.id, record.tenant, record.goal, record.profile) == ("ada", "local", "win Acme", "smb")
    assert record.policy_digest == house.rules.digest
    assert (record.trace_id, record.status, record.reason) == ("t-sold", "success", "every required step is done")
    assert record.tools == {name: (tool.digest(),) for name, tool in sorted(TOOLS.items())}
    (made,) = record.plans
    assert made.digest == digest(made.plan) and made.plan.why == ("it fits",) and made.source == "rules"


async def test_the_record_is_sealed_by_the_hash_of_its_last_event(house: House) -> None:
    record = await read_audit(house.journal, "sold")
    stored = await house.journal.read("sold")
    assert (record.version, record.head) == (len(stored), stored[-1].hash.hex())


async def test_every_attempt_is_there_with_key_digests_outcome_and_budget(house: House) -> None:
    record = await read_audit(house.journal, "sold")
    assert [(call.step, call.outcome) for call in record.calls] == [("s1", "done"), ("s2", "done"), ("s3", "done")]
    last = record.calls[-1]
    assert last.provider_reference == "<m1@house>" and last.approval == "sold-a2" and len(last.key) == 64
    assert last.arguments_digest == digest_bytes(bytes(last.arguments))
    assert last.result_digest == digest_bytes(b'{"artefacts":["outbox/1.eml"]}')
    assert [call.used["cost"] for call in record.calls] == [500_000, 1_500_000, 3_500_000]
    assert last.used["calls/domain/engagement"] == 2
    broken = (await read_audit(house.journal, "broken")).calls
    assert [(call.attempt, call.outcome, call.failure) for call in broken] == [
        (n, "not_done", "system_network") for n in (1, 2, 3)
    ]
    assert broken[0].retry_at is not None and broken[2].retry_at is None
    going = (await read_audit(house.journal, "changed")).calls
    assert going[0].outcome == "in flight" and going[0].ended_at is None


async def test_approvals_are_bound_to_bytes_and_say_who_when_and_after_how_long(house: House) -> None:
    record = await read_audit(house.journal, "sold")
    by_rule, by_bob = record.approvals
    assert by_rule.by_rule and by_rule.waited == timedelta(0)
    assert by_bob.waited == timedelta(seconds=90) and by_bob.votes[0].by == "bob"
    call = record.calls[-1]
    assert (by_bob.arguments_digest, bytes(by_bob.arguments)) == (call.arguments_digest, bytes(call.arguments))


async def test_a_large_result_is_named_by_the_digest_of_its_blob() -> None:
    house = House()
    await sold(house, blob=True)
    call = (await read_audit(house.journal, "r1")).calls[1]
    assert call.blob is not None and call.result_digest == call.blob.digest
    assert digest_bytes(await house.journal.blob(call.result_digest)) == call.result_digest


async def test_decisions_are_planning_routing_and_approval_in_order(house: House) -> None:
    record = await read_audit(house.journal, "sold")
    assert [one.decision_type for one in record.decisions] == [
        "planning", "routing", "approval", "routing", "approval", "routing",
    ]  # fmt: skip
    assert [one.number for one in record.decisions] == list(range(1, 7))
    planning, routing, approval = (of_type(record.decisions, kind)[0] for kind in TYPES)
    assert "win Acme" in planning.reasoning and planning.context["step_count"] == 3 and planning.by == "rules"
    assert routing.target == "intelligence" and routing.context["adapters"] == {"crm": "offline"}
    assert approval.by == "profile:smb/propose-stays-inside" and "deny" in approval.alternatives
    with pytest.raises(BadInput, match="luck"):
        of_type(record.decisions, "luck")


async def test_refusals_failed_plans_and_silence_are_decisions_too(house: House) -> None:
    assert (await read_audit(house.journal, "unplanned")).decisions[0].reasoning == "no tool fits"
    assert (await read_audit(house.journal, "expired")).decisions[-1].target == "expired"
    house.current = msgspec.structs.replace(house.current, forbidden_tools={"look": "not today"})
    await house.start("refused", plan(step("s1", "look")))
    refusal = (await read_audit(house.journal, "refused")).decisions[-1]
    assert (refusal.target, refusal.by, refusal.step) == ("refused", "forbidden-now", "s1")
    record = await read_audit(house.journal, "refused")
    assert any(
        one.kind == "step_refused" and one.text.startswith("refused by forbidden-now") for one in record.happenings
    )


@pytest.mark.parametrize(
    ("run_id", "kind", "words"),
    [
        ("doubtful", "step_in_doubt", "in doubt: s1 broke"),
        ("happened", "doubt_resolved", "a person said happened: seen in the mailbox"),
        ("didnot", "doubt_resolved", "a person said did-not"),
        ("cancelled", "cancel_requested", "cancelled: not needed"),
        ("asked", "question_asked", "asked: Which Acme?"),
        ("changed", "replan_requested", "another plan was asked for: warmer please"),
        ("changed", "step_superseded", "plan 2 has no place for it"),
        ("waiting", "annotation", "remark: call me first"),
        ("thirsty", "budget_exceeded", "budget cost cannot take 1 more: 3 of 3 used"),
        ("denied", "run_parked", "parked: waits for an approval"),
    ],
)
async def test_what_else_happened_is_told_in_words(house: House, run_id: str, kind: str, words: str) -> None:
    told = [one.text for one in (await read_audit(house.journal, run_id)).happenings if one.kind == kind]
    assert words in told


async def test_top_ups_and_takeovers_name_who(house: House) -> None:
    zoe = Principal(id="zoe", roles=("approver",))
    await house.do("thirsty", TopUp(at=house.clock.now(), by=zoe, scope="cost", amount=9_000_000, reason="go on"))
    await house.do("thirsty", TakeOver(at=house.clock.now(), worker="w2", epoch=5))
    told = {one.kind: one for one in (await read_audit(house.journal, "thirsty")).happenings}
    assert told["budget_raised"].by == "zoe" and told["budget_raised"].facts["amount"] == 9_000_000
    assert told["taken_over"].text == "taken over by w2, epoch 5"


async def test_no_fact_of_a_run_is_left_out(house: House) -> None:
    for run_id in house.states:
        stored = await house.journal.read(run_id)
        record = audit_of(stored)
        events = events_of(stored)
        counted = (
            len(record.plans) + len(record.happenings) + sum(1 if call.ended_at is None else 2 for call in record.calls)
        )
        counted += len(record.approvals) + sum(len(card.votes) for card in record.approvals)
        counted += len([one for one in record.decisions if one.decision_type == "routing" and one.target != "refused"])
        rest = {"run_started", "run_finished", "plan_requested", "approval_timeout", "approval_superseded"}
        names = [event.__struct_config__.tag for event in events]
        assert counted + sum(name in rest for name in names) == len(events)


async def test_the_json_form_reads_back_as_the_same_record(house: House) -> None:
    for run_id in house.states:
        record = await read_audit(house.journal, run_id)
        assert msgspec.json.decode(record.json(), type=AuditRecord) == record


async def test_the_text_tells_it_from_top_to_bottom(house: House) -> None:
    text = audit_text(await read_audit(house.journal, "sold"))
    for line in (
        "Run sold (trace t-sold)",
        "  Requester  ada of local",
        "  because it fits",
        "  note: the buyer is unknown",
        "decided (approval) s3 approve by bob - looks right",
        "called send for s3, attempt 1: done, after 30 ms",
        "reference <m1@house>",
        "  approve by bob, 2026-01-05 09:01:32Z, after 90 s: looks right",
    ):
        assert line in text
    assert text.endswith("\n")
    assert "takes the place of amended-a1" in audit_text(await read_audit(house.journal, "amended"))
    assert "system_network: s1 broke" in audit_text(await read_audit(house.journal, "broken"))
    assert "in flight, arguments" in audit_text(await read_audit(house.journal, "changed"))
    for run_id in house.states:
        assert run_id in audit_text(await read_audit(house.journal, run_id))


async def test_the_text_names_solo_data_optional_steps_delegates_and_simulations() -> None:
    house = House()
    start = house.clock.now()
    uma = Principal(id="uma")
    bound = Delegation(delegation_id="d1", user="bob", delegate="uma", starts=start, ends=start + timedelta(days=2))
    house.current = msgspec.structs.replace(
        house.current, delegations=(bound,), roles={"bob": ("approver",), "ada": ("operator",)}
    )
    await house.start("r1", plan(step("s1", "send", required=False)), crm_version="crm-7")
    await house.decide("r1", Verdict.APPROVE, uma)
    text = audit_text(await read_audit(house.journal, "r1"))
    assert "approve by uma for bob" in text and "CRM data   crm-7" in text and "(execute, optional)" in text
    alone = House(rules=profile("technical", simulates_execute=True))
    me = Principal(id="ada", solo=True)
    await alone.start("r1", plan(step("s1", "send")), by=me)
    await alone.decide("r1", Verdict.APPROVE, me)
    text = audit_text(await read_audit(alone.journal, "r1"))
    assert "ada of local, solo" in text and "approve by ada, solo" in text and "attempt 1, simulated" in text


async def test_what_people_typed_cannot_hide_anything_in_the_text() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "send")), goal="win\x1b[2J Acme")
    assert "\x1b" not in audit_text(await read_audit(house.journal, "r1"))


async def test_a_run_that_is_not_there_is_named(house: House) -> None:
    with pytest.raises(RunNotFound):
        await read_audit(house.journal, "nobody")
    with pytest.raises(RunNotFound):
        audit_of((await house.journal.read("sold"))[3:])
    with pytest.raises(RunNotFound):
        audit_of([])


async def test_an_outcome_whose_intent_is_missing_is_no_call(house: House) -> None:
    assert decisions_of("x", []) == ()
    assert all(kind.__doc__ for kind in WORDS)
