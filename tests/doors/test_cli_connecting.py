"""A CRM and a mail server are set up, tried, read and written to from the command line, as a person does it."""

from __future__ import annotations

import io
import json
import stat
import sys
import types
from collections.abc import Iterator

import pytest
from tests.doors.terminal import Terminal
from tests.servers.fake_crm import FakeCrm, HubSpotDialect, World
from tests.servers.mail_sink import Sink

from cuga.adapters.capability import body_hash

GOAL = "Draft a first email to the buyer of Velkarin Foods and send it"


@pytest.fixture
def crm(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCrm]:
    with FakeCrm(HubSpotDialect, World.small()) as started:
        monkeypatch.setenv("CUGA_INSIDE", ",".join(started.inside))
        yield started


def typed(patch: pytest.MonkeyPatch, *lines: str) -> None:
    patch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))


def set_up(cuga: Terminal, crm: FakeCrm, patch: pytest.MonkeyPatch) -> None:
    typed(patch, "CUGA_HUBSPOT_TOKEN=token-1", f"CUGA_HUBSPOT_URL={crm.url}")
    assert cuga("adapters", "setup", "hubspot").code == 0


def test_setting_up_says_what_is_needed_tries_it_and_keeps_secrets_out_of_the_registry(cuga, crm, monkeypatch):
    typed(monkeypatch, "CUGA_HUBSPOT_TOKEN=wrong-token-9", f"CUGA_HUBSPOT_URL={crm.url}")
    said = cuga("adapters", "setup", "hubspot")
    assert said.code == 9 and "Private Apps" in said.out + said.err and "Nothing is kept" in said.out + said.err
    env = cuga.house / ".env"
    assert not env.exists() and cuga("adapters", "test", "hubspot").code == 9
    env.write_text("OTHER=1\n")
    set_up(cuga, crm, monkeypatch)
    assert "token-1" in env.read_text() and "OTHER=1" in env.read_text()
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert "token-1" not in (cuga.house / "registry.yaml").read_text()
    tested = cuga("adapters", "test", "hubspot")
    assert tested.code == 0 and "account 62515, EUR" in tested.out + tested.err
    found = {one["what"]: one for one in cuga("doctor", "--json").json}
    assert found["adapter crm/hubspot"]["found"] == "ready"
    assert "CUGA_SALESFORCE_URL" in found["adapter crm/salesforce"]["found"]
    assert "cuga adapters setup salesforce" in found["adapter crm/salesforce"]["mend"]
    for wrong in (("NAME",), ("CUGA_PIPEDRIVE_TOKEN=x",)):
        typed(monkeypatch, *wrong)
        assert cuga("adapters", "setup", "hubspot").code == 2
    assert cuga("adapters", "setup", "fax").code == 2


def test_what_is_secret_can_stand_in_the_keyring_and_where_there_is_none_that_is_said(cuga, crm, monkeypatch):
    kept: dict[tuple[str, str], str] = {}
    ring = types.ModuleType("keyring")
    ring.set_password = lambda service, name, value: kept.update({(service, name): value})  # type: ignore[attr-defined]
    ring.get_password = lambda service, name: kept.get((service, name))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", ring)
    typed(monkeypatch, "CUGA_HUBSPOT_TOKEN=token-1", f"CUGA_HUBSPOT_URL={crm.url}")
    assert cuga("adapters", "setup", "hubspot", "--keyring").code == 0
    assert "CUGA_HUBSPOT_TOKEN=keyring:" in (cuga.house / ".env").read_text() and list(kept.values()) == ["token-1"]
    assert cuga("adapters", "test", "hubspot").code == 0
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert cuga("adapters", "test", "hubspot").code == 9, "a keyring that is gone means that it is not set up"
    typed(monkeypatch, "CUGA_HUBSPOT_TOKEN=token-1", f"CUGA_HUBSPOT_URL={crm.url}")
    said = cuga("adapters", "setup", "hubspot", "--keyring")
    assert said.code == 0 and "the keyring cannot be used" in said.out + said.err
    assert cuga("adapters", "test", "hubspot").code == 0


def test_records_are_read_as_often_as_one_likes_and_an_approved_change_is_made_there(cuga, crm, monkeypatch):
    set_up(cuga, crm, monkeypatch)
    crm.world.deals[302]["closes"] = "soon"
    first = cuga("sync", "hubspot", "--json")
    assert first.code == 3 and {one["kind"]: one["added"] for one in first.json}["opportunities"] == 2
    crm.world.deals[302]["closes"] = "2026-12-01"
    again = cuga("sync", "hubspot")
    assert again.code == 0 and "opportunities: 3 read, 1 new, 0 changed, 2 as they were" in again.out + again.err
    assert cuga("sync", "hubspot", "--only", "fax").code == cuga("sync", "smtp").code == 2
    change = ("call", "update_opportunity", 'opportunity="301"')
    said = cuga(*change, 'amount="5000"', 'was={"amount": "4200.5"}')
    assert said.code == 4, said
    assert crm.world.writes == []
    card = cuga("inbox", "--json").json[0]
    assert "hubspot" in json.dumps(card)
    assert cuga("approve", card["approval_id"]).code == 0
    assert crm.world.writes == ["deal 301 ['amount']"] and float(crm.world.deals[301]["amount"]) == 5000
    crm.world.touch(301, amount="1")
    assert cuga(*change, 'amount="7"', 'was={"amount": "5000"}').code == 4
    card = cuga("inbox", "--json").json[0]
    said = cuga("approve", card["approval_id"])
    assert said.code == 5 and len(crm.world.writes) == 1 and "at HubSpot now" in said.out + said.err


def test_an_approved_mail_leaves_by_the_mail_server_once_with_the_body_that_was_approved(cuga, monkeypatch):
    registry = cuga.house / "registry.yaml"
    registry.write_text(registry.read_text().replace("[hubspot, pipedrive, offline]", "[smtp, offline]"))
    with Sink() as sink:
        monkeypatch.setenv("CUGA_INSIDE", "127.0.0.1")
        typed(monkeypatch, f"CUGA_MAIL_SERVER={sink.url}", "CUGA_MAIL_FROM=Nora Finch <nora@birch.example>")
        said = cuga("adapters", "setup", "smtp")
        assert said.code == 0 and "sink.example" in said.out + said.err, said
        assert cuga("run", GOAL).code == 4
        assert sink.said == []
        card = cuga("inbox", "--json").json[0]
        assert "smtp" in json.dumps(card)
        assert cuga("approve", card["approval_id"]).code == 0
        (mail,) = sink.mails()
    assert body_hash(mail.get_content()) in json.dumps(card), "what was approved is what was sent"
    result = cuga("result", cuga.run_id(), "--json").out
    assert body_hash(mail.get_content()) in result and str(mail["Message-ID"]) in result
    assert mail["From"] == "Nora Finch <nora@birch.example>" and not list((cuga.house / "outbox").glob("*.eml"))
