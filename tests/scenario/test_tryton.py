"""A real Tryton: its records are read, an approved change is made there once, and a conflict is its own word."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.servers.houses import house_of, registry_with
from tests.servers.tryton_server import PASSWORD, Rpc, decimal, running

from cuga.adapters.capability import Edit
from cuga.adapters.offline import CrmStore
from cuga.adapters.vendors import KINDS, VendorWriter, sync_kind
from cuga.errors import NotDone, Rejected
from cuga.orchestrator import AGENTSCoordinator as Coordinator

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def tryton(tmp_path_factory):
    with running(tmp_path_factory.mktemp("tryton")) as rpc:
        yield rpc


def told(tryton: Rpc, password: str = PASSWORD) -> dict[str, str]:
    return {"CUGA_TRYTON_URL": tryton.url, "CUGA_TRYTON_USER": "admin", "CUGA_TRYTON_PASSWORD": password}


def vendor(tryton: Rpc, password: str = PASSWORD):
    return KINDS["tryton"].make(told(tryton, password), SimpleNamespace(proxy="", inside=(tryton.inside,)))


async def test_an_approved_change_is_made_there_once_and_a_later_one_is_a_conflict(tryton, tmp_path, monkeypatch):
    monkeypatch.setenv("CUGA_INSIDE", tryton.inside)
    house = house_of(tmp_path / "house", registry_with("", "tryton").replace("offline, tryton]", "tryton, offline]"))
    (house / ".env").write_text("".join(f"{name}={value}\n" for name, value in told(tryton).items()))
    change = {"opportunity": "1", "amount": "5000", "was": {"amount": "4200.5"}}
    async with Coordinator(house=house) as opened:
        (tried,) = await opened.try_adapter("tryton")
        assert tried.works and "admin in Birchline" in tried.said
        found = {kind: await opened.sync("tryton", kind) for kind in ("teams", "accounts", "opportunities")}
        assert {kind: (one.added, one.not_taken) for kind, one in found.items()} == {
            "teams": (1, 0), "accounts": (2, 0), "opportunities": (2, 0),
        }  # fmt: skip
        result = await opened.wait(await opened.start_call("update_opportunity", change))
        assert tryton.deal(1)["amount"]["decimal"] == "4200.5", "nothing happens before somebody agrees"
        (card,) = await opened.inbox(result.run_id)
        await opened.answer(card.approval_id, "approve", digest=card.digest)
        assert (await opened.wait(result.run_id)).status.value == "success"
        assert tryton.deal(1)["amount"]["decimal"] == "5000"
        tryton.call("sale.opportunity.write", [1], {"amount": decimal("1")})
        again = {**change, "amount": "7", "was": {"amount": "5000"}}
        result = await opened.wait(await opened.start_call("update_opportunity", again))
        (card,) = await opened.inbox(result.run_id)
        await opened.answer(card.approval_id, "approve", digest=card.digest)
        result = await opened.wait(result.run_id)
        assert result.status.value == "failed" and tryton.deal(1)["amount"]["decimal"] == "1"


def test_a_change_between_the_look_and_the_write_is_refused_by_tryton_itself(tryton, monkeypatch):
    theirs, store = vendor(tryton), CrmStore.open(":memory:")
    for kind in ("accounts", "opportunities"):
        sync_kind(theirs, store, kind)
    deal = store.get("opportunities", "2")
    assert (deal.account, deal.owner, deal.stage, deal.currency) == ("Velkarin Foods", "Nora Finch", "Lead", "EUR")
    look = theirs.live

    def taken(kind, record):
        found = look(kind, record)
        tryton.call("sale.opportunity.write", [2], {"comment": "I was here"})
        return found

    monkeypatch.setattr(theirs, "live", taken)
    edit = Edit(key="k", kind="opportunities", record="2", was={"amount": 4_200_500_000}, becomes={"amount": 10**9})
    with pytest.raises(NotDone, match="at this very moment"):
        VendorWriter(store, theirs).edit(edit)
    monkeypatch.undo()
    assert tryton.deal(2)["amount"]["decimal"] == "4200.5"
    VendorWriter(store, theirs).edit(edit)
    moved = Edit(key="m", kind="opportunities", record="2", was={"stage": "Lead"}, becomes={"stage": "Opportunity"})
    VendorWriter(store, theirs).edit(moved)
    assert tryton.deal(2)["state"] == "opportunity" and tryton.deal(2)["amount"]["decimal"] == "1000"


def test_a_wrong_password_is_a_refusal(tryton):
    with pytest.raises(Rejected):
        vendor(tryton, "wrong").look()
