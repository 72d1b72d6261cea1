"""Adapters by name, and pairs that read through one and write through another."""

from __future__ import annotations

from cuga.adapters.binding import Bindings
from cuga.adapters.capability import Account, Filter
from cuga.adapters.offline import CrmStore


def stores():
    here, there = CrmStore.open(":memory:"), CrmStore.open(":memory:")
    here.store({"accounts": [Account(id="a1", name="Alba", industry="retail"), Account(id="a2", name="Bolt")]})
    return here, there


def test_a_pair_reads_here_and_writes_there():
    here, there = stores()
    pair = Bindings({"crm": {"here": here, "there": there}})["crm"]["here+there"]
    assert pair.get("accounts", "a1") == here.get("accounts", "a1")
    assert pair.names("accounts") == (("a1", "Alba"), ("a2", "Bolt"))
    assert pair.lookup("accounts", "alba").found.id == "a1"
    assert [one.id for one in pair.query("accounts", [Filter(field="industry", value="retail")])] == ["a1"]
    assert pair.count("accounts") == 2 and pair.group("accounts", "industry") == [("", 1), ("retail", 1)]
    assert pair.crm_version() == here.crm_version() != there.crm_version()
    before = here.crm_version()
    assert pair.store({"accounts": [Account(id="a3", name="Cord")]}).added == 1
    assert here.crm_version() == before and there.names("accounts") == (("a3", "Cord"),)


def test_names_are_those_that_stand_there():
    here, there = stores()
    found = Bindings({"crm": {"here": here, "there": there}, "mail": {"out": object(), "in": object()}})
    assert (list(found), len(found), list(found["crm"]), len(found["crm"])) == (
        ["crm", "mail"],
        2,
        ["here", "there"],
        2,
    )
    assert found["crm"]["here"] is here
    for name in ("nowhere", "here+nowhere", "nowhere+there"):
        assert found["crm"].get(name) is None
    assert found["mail"].get("out+in") is None, "mail has no pairs"
    assert Bindings({"crm": {"x": object(), "there": there}})["crm"].get("x+there") is None
