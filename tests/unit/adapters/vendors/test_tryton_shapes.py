"""Tryton in the shapes that a real one answered: what is read, moved and refused. `make soak` asks a real one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.servers.fake_crm import FakeCrm, World
from tests.servers.fake_tryton import TrytonDialect

from cuga.adapters.capability import Edit
from cuga.adapters.offline import CrmStore
from cuga.adapters.vendors import KINDS, VendorWriter, sync_kind
from cuga.adapters.vendors.port import KINDS as READ
from cuga.errors import NotDone, Rejected, Unanswered


@pytest.fixture
def crm():
    with FakeCrm(TrytonDialect, World.small()) as started:
        yield started


def vendor(crm, password="right"):
    said = {"CUGA_TRYTON_URL": crm.url, "CUGA_TRYTON_USER": "admin", "CUGA_TRYTON_PASSWORD": password}
    return KINDS["tryton"].make(said, SimpleNamespace(proxy="", inside=crm.inside))


@pytest.fixture
def writer(crm):
    store, theirs = CrmStore.open(":memory:"), vendor(crm)
    found = {kind: sync_kind(theirs, store, kind).added for kind in READ}
    assert found == {"teams": 2, "accounts": 3, "contacts": 0, "opportunities": 3, "activities": 0}
    deal = store.get("opportunities", "301")
    assert (deal.account, deal.owner, deal.stage, deal.amount) == ("Quillmark 1", "Nora Finch", "Lead", 4_200_500_000)
    yield VendorWriter(store, theirs)
    store.close()


def edit(was, becomes, key="k"):
    return Edit(key=key, kind="opportunities", record="301", was=was, becomes=becomes)


AMOUNT = edit({"amount": 4_200_500_000, "owner": "Nora Finch"}, {"amount": 5_000_250_000, "owner": "Ben Tarn"})


def test_fields_are_changed_or_a_deal_is_moved_once(crm, writer):
    assert writer.edit(AMOUNT) == writer.edit(AMOUNT)
    assert (crm.world.deals[301]["amount"], crm.world.deals[301]["owner"]) == ("5000.25", 12)
    writer.edit(edit({"stage": "Lead", "status": "open"}, {"stage": "Lost", "status": "lost"}, "m"))
    assert crm.world.deals[301]["stage"] == 4 and len(crm.world.writes) == 2
    for wrong, why in (
        ({"stage": "Lead", "amount": 1}, "apart"),
        ({"stage": "Won"}, "cannot be moved"),
        ({"stage": "Lead", "status": "won"}, "is open at Tryton"),
        ({"owner": "Nobody"}, "called 'Nobody'"),
        ({"amount": -1_000_000}, "negative"),
    ):
        was = {"stage": "Lost", "status": "lost", "amount": 5_000_250_000, "owner": "Ben Tarn"}
        with pytest.raises(NotDone, match=why):
            writer.edit(edit({name: was[name] for name in wrong}, wrong, why))
    assert len(crm.world.writes) == 2


def test_a_change_that_came_between_is_refused_there(crm, writer):
    crm.misbehave("taken")
    with pytest.raises(NotDone, match="at this very moment"):
        writer.edit(AMOUNT)
    assert crm.world.writes == [] and writer.edited("k") is None


def test_a_lost_answer_is_found_and_an_expired_session_is_renewed(crm, writer):
    crm.misbehave("reset")
    with pytest.raises(Unanswered):
        writer.edit(AMOUNT)
    assert writer.edited("k") is not None and len(crm.world.writes) == 1
    crm.misbehave("expired")
    assert vendor(crm).look() == "admin in Birchline"
    writer.edit(edit({"stage": "Lead"}, {"stage": "Opportunity"}, "m"))
    assert len(crm.world.writes) == 2 and crm.tokens_given >= 3


def test_who_is_not_known_is_refused_and_nothing_is_added(crm, writer):
    with pytest.raises(Rejected):
        vendor(crm, "wrong").look()
    with pytest.raises(NotDone):
        writer.edit(Edit(key="n", kind="activities", record="x", becomes={"text": "y"}, is_new=True))
    with pytest.raises(NotDone, match="no id"):
        vendor(crm).live("opportunities", "1 OR 1")
