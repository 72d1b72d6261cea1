"""Operations of an OpenAPI document in a house: judged, approved, recorded, tried again by the record, never twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.servers.houses import house_of, registry_with
from tests.unit.outbound.loopback import RESET, Arrived, Loopback, json_reply, reply

from cuga.errors import RegistryInvalid
from cuga.model.event import ToolCallError, ToolCallStart
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator import AGENTSCoordinator as Coordinator
from cuga.settings import read_settings

KEY = {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}
BODY = {"required": True, "content": {"application/json": {"schema": {"type": "object", "required": ["to"]}}}}
PATHS = {
    "/invoices": {
        "get": {"operationId": "listInvoices", "summary": "All invoices."},
        "post": {"operationId": "makeInvoice", "requestBody": BODY},
    },
    "/payments": {"post": {"operationId": "pay", "parameters": [KEY], "requestBody": BODY}},
    "/search": {"post": {"operationId": "search", "requestBody": BODY}},
}


def billing(tmp_path: Path, server: Loopback, more: str = "", **variables: str) -> Coordinator:
    """A house with the document of a local server."""
    entry = "document: billing.json\n    domain: knowledge\n    secrets: {token: BILLING_TOKEN}"
    said = f"\nopenapi:\n  billing:\n    {entry}\n{more}"
    house = house_of(tmp_path / "house", registry_with(said, "billing"))
    scheme = {"token": {"type": "http", "scheme": "bearer"}}
    root = {"openapi": "3.0.3", "servers": [{"url": server.url}], "paths": PATHS, "security": [{"token": []}]}
    root["components"] = {"securitySchemes": scheme}
    (house / "billing.json").write_text(json.dumps(root))
    told = {"BILLING_TOKEN": "sesame-opens-billing", "CUGA_INSIDE": server.inside, **variables}
    return Coordinator(house=house, profile="smb", settings=read_settings(told))


def step(name: str, **arguments: object) -> Plan:
    return Plan(goal=name, steps=(PlanStep(tool=f"billing/{name}", input=arguments),))


async def agreed(house: Coordinator, plan: Plan):
    run_id = (await house.execute_plan(plan)).run_id
    (card,) = await house.inbox(run_id)
    await house.answer(card.approval_id, "approve", digest=card.digest)
    return await house.wait(run_id)


async def test_reads_go_through_and_effects_wait_for_a_person(tmp_path):
    async with Loopback(lambda _: json_reply([{"id": 1}])) as server, billing(tmp_path, server) as house:
        listed = await house.execute_plan(step("listinvoices"))
        assert listed.success and listed.results["s1"]["body"] == [{"id": 1}]
        parked = await house.execute_plan(step("makeinvoice", body={"to": "Ann"}))
        assert parked.status.value == "parked" and len(server.arrived) == 1
        made = await agreed(house, step("makeinvoice", body={"to": "Bob"}))
        assert made.success
        assert [arrived.method for arrived in server.arrived] == ["GET", "POST"]
        assert {arrived.headers["authorization"] for arrived in server.arrived} == {"Bearer sesame-opens-billing"}
        (line,) = await house.servers()
        assert (line.kind, line.tools, line.profiles) == ("openapi", 4, ("smb",))
    record = b"".join(path.read_bytes() for path in (tmp_path / "house").glob("*.db*"))
    assert b"sesame-opens-billing" not in record


async def test_what_the_registry_says_of_an_operation_counts(tmp_path):
    more = "    operations: {search: {side_effect: read-only}, listInvoices: {side_effect: execute}}\n"
    async with Loopback(lambda _: json_reply([])) as server, billing(tmp_path, server, more) as house:
        assert (await house.execute_plan(step("search", body={"to": "x"}))).success
        assert (await house.execute_plan(step("listinvoices"))).status.value == "parked"


async def test_a_limit_is_waited_for_by_the_record_and_not_by_the_client(tmp_path):
    answers = [reply(429, retry_after="1"), json_reply([])]
    async with Loopback(lambda _: answers.pop(0)) as server, billing(tmp_path, server) as house:
        result = await house.execute_plan(step("listinvoices"))
        assert result.success and len(server.arrived) == 2
        events = await house.events(result.run_id)
        (error,) = [event for event in events if isinstance(event, ToolCallError)]
        assert error.mode.value == "resource_rate_limit" and error.retry_at is not None
        starts = [event for event in events if isinstance(event, ToolCallStart)]
        assert (starts[1].at - starts[0].at).total_seconds() >= 1.0


@pytest.mark.parametrize(
    "answer",
    [RESET, reply(500), reply(302, location="/elsewhere"), reply(200, "no json", content_type="application/json")],
)
async def test_an_effect_without_a_key_of_which_nobody_knows_waits_for_a_person(tmp_path, answer):
    async with Loopback(lambda _: answer) as server, billing(tmp_path, server) as house:
        result = await agreed(house, step("makeinvoice", body={"to": "Ann"}))
        assert result.status.value == "parked" and "in doubt" in result.reason
        await house.resume(result.run_id)
        assert len(server.arrived) == 1


async def test_an_effect_with_a_key_is_tried_again_with_the_same_key(tmp_path):
    answers: list[bytes] = [RESET, json_reply({"id": 9})]
    made: set[str] = set()

    def pay(request: Arrived) -> bytes:
        made.add(request.headers["idempotency-key"])
        return answers.pop(0)

    async with Loopback(pay) as server, billing(tmp_path, server) as house:
        result = await agreed(house, step("pay", body={"to": "Ann"}))
        assert result.success and result.results["s1"]["body"] == {"id": 9}
        assert len(server.arrived) == 2 and len(made) == 1


async def test_a_refusal_ends_the_step_with_what_the_other_side_says(tmp_path):
    refusal = reply(422, '{"error": "to is unknown"}', content_type="application/json")
    async with Loopback(lambda _: refusal) as server, billing(tmp_path, server) as house:
        result = await agreed(house, step("makeinvoice", body={"to": "Nobody"}))
        assert not result.success and result.status.value == "failed"
        assert "to is unknown" in str((await house.show(result.run_id)).steps)


async def test_a_document_that_changes_is_not_the_one_that_was_approved(tmp_path):
    async with Loopback(lambda _: json_reply({})) as server:
        async with billing(tmp_path, server) as house:
            run_id = (await house.execute_plan(step("makeinvoice", body={"to": "Ann"}))).run_id
            (card,) = await house.inbox(run_id)
        path = tmp_path / "house/billing.json"
        changed = path.read_text().replace("/invoices", "/invoices-and-mail")
        house = billing(tmp_path, server)
        path.write_text(changed)
        async with house:
            await house.answer(card.approval_id, "approve", digest=card.digest)
            result = await house.wait(run_id)
            assert "has changed since this run began" in result.reason
            assert server.arrived == []


async def test_what_was_approved_for_one_account_is_not_sent_as_another(tmp_path):
    other = {"OTHER_TOKEN": "sesame-opens-another-account"}
    async with Loopback(lambda _: json_reply({})) as server:
        async with billing(tmp_path, server, **other) as house:
            run_id = (await house.execute_plan(step("makeinvoice", body={"to": "Ann"}))).run_id
            (card,) = await house.inbox(run_id)
            registry = tmp_path / "house/registry.yaml"
            registry.write_text(registry.read_text().replace("BILLING_TOKEN", "OTHER_TOKEN"))
            assert (await house.execute_plan(step("listinvoices"))).success
            await house.answer(card.approval_id, "approve", digest=card.digest)
            await house.wait(run_id)
            assert [arrived.method for arrived in server.arrived] == ["GET"]
            (again,) = await house.inbox(run_id)
            assert again.digest != card.digest
        async with billing(tmp_path, server, BILLING_TOKEN="sesame-of-a-third") as house:
            await house.answer(again.approval_id, "approve", digest=again.digest)
            await house.wait(run_id)
            assert [arrived.method for arrived in server.arrived] == ["GET"]
            (last,) = await house.inbox(run_id)
            await house.answer(last.approval_id, "approve", digest=last.digest)
            assert (await house.wait(run_id)).success
            assert server.arrived[-1].headers["authorization"] == "Bearer sesame-of-a-third"


async def test_a_document_that_is_not_there_stops_the_house_with_its_name(tmp_path):
    async with Loopback(lambda _: json_reply({})) as server:
        house = billing(tmp_path, server)
        (tmp_path / "house/billing.json").unlink()
        async with house:
            with pytest.raises(RegistryInvalid, match=r"openapi\.billing.*billing\.json"):
                await house.execute_plan(step("listinvoices"))
