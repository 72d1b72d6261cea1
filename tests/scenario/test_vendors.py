"""What a vendor or a mail server does to a call is a fact of the run: waited for, parked or done; counted there."""

from __future__ import annotations

import pytest
from tests.servers.fake_crm import FakeCrm, PipedriveDialect, World
from tests.servers.houses import house_of, registry_with
from tests.servers.mail_sink import Sink

from cuga.model import event as e
from cuga.orchestrator import AGENTSCoordinator as Coordinator

CHANGE = {"opportunity": "301", "amount": "5000", "closes": "2026-12-24",
          "was": {"amount": "4200.5", "closes": "2026-12-01"}}  # fmt: skip
MESSAGE = {
    "channel": "email", "recipient": "ada@isdom.example", "subject": "Ovens that fit", "intent": "draft-1",
    "body": "Hello Ada,\n\nshall we talk?\n\nNora\n", "message_id": "m1",
}  # fmt: skip


@pytest.fixture
def crm(tmp_path, monkeypatch):
    with FakeCrm(PipedriveDialect, World.small(1)) as started:
        monkeypatch.setenv("CUGA_INSIDE", ",".join(started.inside))
        house = house_of(tmp_path / "house", registry_with(""))
        (house / ".env").write_text(f"CUGA_PIPEDRIVE_TOKEN=token-1\nCUGA_PIPEDRIVE_URL={started.url}\n")
        yield started


async def agreed(opened, tool, arguments):
    result = await opened.wait(await opened.start_call(tool, arguments))
    (card,) = await opened.inbox(result.run_id)
    await opened.answer(card.approval_id, "approve", digest=card.digest)
    return await opened.wait(result.run_id)


async def test_a_limit_is_a_recorded_error_and_waited_for_as_long_as_the_vendor_asks(crm, tmp_path):
    crm.wait = "2"  # longer than the first wait of the profile
    async with Coordinator(house=tmp_path / "house", profile="smb") as opened:
        for kind in ("accounts", "opportunities"):
            await opened.sync("pipedrive", kind)
        crm.misbehave("limit")
        result = await agreed(opened, "update_opportunity", CHANGE)
        assert result.status.value == "success" and len(crm.world.writes) == 1
        events = await opened.events(result.run_id)
        (error,) = [one for one in events if isinstance(one, e.ToolCallError)]
        again = [one for one in events if isinstance(one, e.ToolCallStart)][1]
        assert (again.at - error.at).total_seconds() >= 2


async def test_a_change_that_was_done_by_half_waits_for_a_person(crm, tmp_path):
    async with Coordinator(house=tmp_path / "house", profile="smb") as opened:
        for kind in ("accounts", "opportunities"):
            await opened.sync("pipedrive", kind)
        crm.misbehave("partial")
        result = await agreed(opened, "update_opportunity", CHANGE)
    assert "in doubt" in result.reason and len(crm.world.writes) == 1


async def test_a_mail_of_which_nobody_knows_waits_for_a_person_and_its_message_id_is_told(tmp_path, monkeypatch):
    registry = registry_with("", "smtp").replace("offline, smtp]", "smtp, offline]")
    with Sink() as sink:
        monkeypatch.setenv("CUGA_INSIDE", "127.0.0.1")
        house = house_of(tmp_path / "house", registry)
        (house / ".env").write_text(f"CUGA_MAIL_SERVER={sink.url}\nCUGA_MAIL_FROM=nora@birch.example\n")
        sink.at["kept"] = "drop"
        async with Coordinator(house=house, profile="smb") as opened:
            result = await agreed(opened, "send_message", {"message": MESSAGE})
            said = " ".join(str(one) for one in await opened.events(result.run_id))
    assert "in doubt" in result.reason and len(sink.taken) == 1 and sink.said.count("data") == 1
    assert str(sink.mails()[0]["Message-ID"]) in said
