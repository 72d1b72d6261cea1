"""Every vendor reads and changes records alike, and what became of a change is never guessed: counted at the server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace

import pytest
from tests.servers.fake_crm import (
    FakeCrm,
    HubSpotDialect,
    PipedriveDialect,
    SalesforceDialect,
    World,
    sf,
)

from cuga.adapters.capability import Edit, Filter
from cuga.adapters.offline import CrmStore
from cuga.adapters.vendors import KINDS, VendorWriter, sync_kind
from cuga.adapters.vendors.port import KINDS as READ
from cuga.clock import ManualClock
from cuga.errors import BadInput, NotDone, Rejected, Unanswered, Unreachable
from cuga.model.failure import FailureMode
from cuga.model.tool import SideEffect
from cuga.redact import Redactor
from cuga.tools.failing import failed

DIALECTS = {"hubspot": HubSpotDialect, "salesforce": SalesforceDialect, "pipedrive": PipedriveDialect}


@dataclass
class Bench:
    """A vendor's adapter, the server that it talks to, and the store that follows."""

    name: str
    crm: FakeCrm
    store: CrmStore
    clock: ManualClock
    variables: dict[str, str]

    def vendor(self):
        around = SimpleNamespace(proxy="", inside=self.crm.inside)
        return KINDS[self.name].make(KINDS[self.name].said(self.variables), around)

    def writer(self):
        """A new one each time, as after a crash."""
        return VendorWriter(self.store, self.vendor(), clock=self.clock)

    def sync(self):
        vendor = self.vendor()
        return {kind: sync_kind(vendor, self.store, kind) for kind in READ}

    def deal(self, number=301):
        return sf("006", number) if self.name == "salesforce" else str(number)

    def account(self, number=101):
        return sf("001", number) if self.name == "salesforce" else str(number)

    def edit(self, **changes):
        plain = {
            "key": "k1", "kind": "opportunities", "record": self.deal(),
            "was": {"amount": 4_200_500_000, "closes": "2026-12-01"},
            "becomes": {"amount": 5_000_000_000, "closes": "2026-12-24"}, "on": "2026-11-29",
        }  # fmt: skip
        return Edit(**{**plain, **changes})

    def note(self, **changes):
        becomes = {"kind": "call", "happened": "2026-11-28", "text": "They <want> it\nby May & in blue", "who": "Ada",
                   "opportunity_id": self.deal(), "account_id": self.account()}  # fmt: skip
        return self.edit(kind="activities", record="log-1", is_new=True, was={}, becomes=becomes, **changes)

    def settle(self):
        self.clock.advance(timedelta(seconds=61))

    @property
    def effects(self):
        return len(self.crm.world.writes)


@pytest.fixture(params=list(DIALECTS))
def bench(request):
    with FakeCrm(DIALECTS[request.param], World.small()) as crm:
        variables = {
            "CUGA_HUBSPOT_TOKEN": "token-1", "CUGA_HUBSPOT_URL": crm.url, "CUGA_PIPEDRIVE_TOKEN": "token-1",
            "CUGA_PIPEDRIVE_URL": crm.url, "CUGA_SALESFORCE_URL": crm.url, "CUGA_SALESFORCE_CLIENT_ID": "app",
            "CUGA_SALESFORCE_CLIENT_SECRET": "secret", "CUGA_SALESFORCE_CURRENCY": "EUR",
        }  # fmt: skip
        store = CrmStore.open(":memory:")
        yield Bench(request.param, crm, store, ManualClock(), variables)
        store.close()


def outcome(error):
    return failed(error, SideEffect.EXECUTE, Redactor(()))


def test_people_who_were_erased_here_are_not_read_in_again_and_named_by_their_id_alone(bench):
    def gone(record_id, address):
        return address == "ada2@isdom.example"

    vendor = bench.vendor()
    for kind in READ:
        found = sync_kind(vendor, bench.store, kind, gone)
        if kind == "contacts":
            assert (found.added, found.not_taken) == (2, 1)
            (left,) = found.left_out
            assert left.record and left.why == "the person was erased here: erase them there too"
            assert "ada" not in f"{left}".casefold()
    assert bench.store.query("contacts", [Filter(field="email", value="ada2@isdom.example")]) == []


# --- reading ---------------------------------------------------------------------------------------------------------
def test_records_are_read_page_by_page_and_say_the_same_whatever_vendor_they_are_of(bench):
    found = bench.sync()
    assert {kind: one.added for kind, one in found.items()} == {
        "teams": 2, "accounts": 3, "contacts": 3, "opportunities": 3, "activities": 0,
    }  # fmt: skip
    deal = bench.store.get("opportunities", bench.deal())
    assert (deal.name, deal.account, deal.account_id) == ("Ovens 1", "Quillmark 1", bench.account())
    assert (deal.stage, deal.status, deal.amount, deal.currency) == ("Discovery", "open", 4_200_500_000, "EUR")
    assert (deal.owner, deal.closes.isoformat(), deal.opened.isoformat()) == ("Nora Finch", "2026-12-01", "2026-05-04")
    assert deal.source.file.startswith(f"{bench.name}/")
    (ada,) = bench.store.query("contacts", [Filter(field="email", value="ada2@isdom.example")])
    assert ada.unsubscribed and ada.account == "Quillmark 2"
    assert bench.store.query("accounts")[0].country == "Italy"


def test_reading_again_changes_nothing_and_a_change_becomes_a_row_version(bench):
    bench.sync()
    version = bench.store.crm_version()
    again = bench.sync()
    assert sum(one.added + one.changed for one in again.values()) == 0 and bench.store.crm_version() == version
    bench.crm.world.touch(302, stage=3, closes="2026-11-20")
    assert bench.sync()["opportunities"].changed == 1
    deal = bench.store.get("opportunities", bench.deal(302))
    assert (deal.status, deal.version) == ("won", 2) and deal.closes.isoformat() == "2026-11-20"


def test_a_record_that_cannot_be_read_is_told_and_stops_no_other(bench):
    bench.crm.world.deals[302]["closes"] = "soon"
    found = bench.sync()["opportunities"]
    assert (found.read, found.added, found.not_taken) == (3, 2, 1)
    assert found.left_out[0].record == bench.deal(302) and "soon" in found.left_out[0].why


def test_a_record_of_another_vendor_is_never_replaced(bench):
    bench.sync()
    other = "pipedrive" if bench.name != "pipedrive" else "hubspot"
    deal = bench.store.get("opportunities", bench.deal())
    from msgspec.structs import replace

    bench.store.store({"opportunities": [replace(deal, source=replace(deal.source, file=f"{other}/deals"))]})
    found = bench.sync()["opportunities"]
    assert found.not_taken == 1 and other in found.left_out[0].why


def test_a_limit_while_reading_says_how_long_to_wait(bench):
    bench.crm.misbehave("limit", on="read")
    with pytest.raises(Rejected) as limited:
        bench.sync()
    said = outcome(limited.value)
    assert (said.mode, said.retry_after_s) == (FailureMode.RESOURCE_RATE_LIMIT, 7)


def test_who_we_are_is_told_and_a_wrong_token_says_what_helps(bench):
    assert bench.vendor().look()
    bench.variables |= {name: "wrong" for name in bench.variables if name.endswith(("TOKEN", "SECRET"))}
    with pytest.raises(Rejected) as refused:
        bench.vendor().look()
    assert refused.value.facts["status"] in (400, 401)


# --- changing --------------------------------------------------------------------------------------------------------
def test_a_change_is_made_once_per_key_and_the_store_follows(bench):
    bench.sync()
    made = bench.writer().edit(bench.edit())
    assert bench.writer().edit(bench.edit()) == made == bench.writer().edited("k1")
    assert bench.effects == 1 and made.place == KINDS[bench.name].title
    theirs = bench.crm.world.deals[301]
    assert (float(theirs["amount"]), theirs["closes"]) == (5000.0, "2026-12-24")
    deal = bench.store.get("opportunities", bench.deal())
    assert (deal.amount, deal.closes.isoformat(), deal.version) == (5_000_000_000, "2026-12-24", 2)
    assert bench.sync()["opportunities"].added == 0


def test_stage_owner_and_outcome_are_changed_by_their_words(bench):
    bench.sync()
    bench.writer().edit(bench.edit(was={"stage": "Discovery", "owner": "Nora Finch"},
                                   becomes={"stage": "Proposal", "owner": "Ben Tarn"}))  # fmt: skip
    theirs = bench.crm.world.deals[301]
    assert (theirs["stage"], theirs["owner"]) == (2, 12)
    won = "Won" if bench.name == "pipedrive" else "Closed Won"
    bench.writer().edit(
        bench.edit(key="k2", record=bench.deal(302), was={"stage": "Discovery", "status": "open"},
                   becomes={"stage": won, "status": "won"})
    )  # fmt: skip
    assert bench.crm.world.deals[302]["stage"] == 3
    with pytest.raises(NotDone, match="stage"):
        bench.writer().edit(bench.edit(key="k3", record=bench.deal(303), was={"stage": "Discovery", "status": "open"},
                                       becomes={"stage": "Proposal", "status": "won"}))  # fmt: skip
    with pytest.raises(NotDone, match="called 'Nobody'"):
        bench.writer().edit(bench.edit(key="k4", was={"owner": "Ben Tarn"}, becomes={"owner": "Nobody"}))


def test_what_somebody_else_changed_is_a_conflict_and_nothing_is_sent(bench):
    bench.sync()
    bench.crm.world.touch(301, amount="1")
    with pytest.raises(NotDone, match=r"amount of .* is 1000000 .* now, not 4200500000"):
        bench.writer().edit(bench.edit())
    assert bench.effects == 0 and bench.writer().edited("k1") is None


def test_a_change_that_came_between_the_look_and_the_write_fails_where_the_vendor_can_say_so(bench):
    bench.sync()
    bench.crm.misbehave("taken")
    if bench.name == "salesforce":
        with pytest.raises(NotDone, match="at this very moment"):
            bench.writer().edit(bench.edit())
        assert bench.effects == 0
    else:  # a window of one request is left, and only the fields that were agreed to are written
        bench.writer().edit(bench.edit())
        assert bench.crm.world.deals[301]["stage"] == 2


def test_what_is_not_theirs_or_cannot_be_changed_is_refused_before_anything_is_asked(bench):
    bench.sync()
    asked = len(bench.crm.requests)
    for wrong, why in (
        ({"record": "nobody"}, "was not read from"),
        ({"was": {"name": "Ovens 1"}, "becomes": {"name": "X"}}, "cannot be changed"),
        ({"was": {}}, "is not stated"),
        ({"becomes": {}}, "changes nothing"),
        ({"key": ""}, "needs an idempotency key"),
        ({"kind": "accounts", "becomes": {"owner": "x"}}, "cannot be changed"),
        ({"kind": "accounts", "is_new": True}, "cannot be added"),
    ):
        with pytest.raises(NotDone, match=why):
            bench.writer().edit(bench.edit(**wrong))
    for refused in (lambda w: w.edit_each([bench.edit()]), lambda w: w.store({}), lambda w: w.loading()):
        with pytest.raises(NotDone):
            refused(bench.writer())
    assert len(bench.crm.requests) == asked


@pytest.mark.parametrize("trouble", ["limit", "expired"])
def test_what_was_refused_before_it_was_done_is_surely_not_done_and_can_be_asked_again(bench, trouble):
    bench.sync()
    writer = bench.writer()
    bench.crm.misbehave(trouble)
    if trouble == "expired" and bench.name == "salesforce":
        writer.edit(bench.edit())  # a new token is fetched, and the same request goes out once more
        assert bench.effects == 1 and bench.crm.tokens_given >= 2
        return
    with pytest.raises(Rejected) as refused:
        writer.edit(bench.edit())
    said = outcome(refused.value)
    assert said.certainty.value == "not_done" and bench.effects == 0 and bench.writer().edited("k1") is None
    if trouble == "limit":
        assert (said.mode, said.retry_after_s) == (FailureMode.RESOURCE_RATE_LIMIT, 7)
        bench.writer().edit(bench.edit())
        assert bench.effects == 1
    else:
        assert said.mode == FailureMode.USER_PERMISSION
        assert "cuga adapters setup" in said.message


@pytest.mark.parametrize("what", ["edit", "note"])
def test_a_change_whose_answer_was_lost_is_found_and_not_made_again(bench, what):
    bench.sync()
    edit = getattr(bench, what)()
    bench.crm.misbehave("reset")
    with pytest.raises(Unanswered) as lost:
        bench.writer().edit(edit)
    assert outcome(lost.value).certainty.value == "unknown"
    made = bench.writer().edited("k1")
    assert made is not None and bench.writer().edit(edit) == made
    assert bench.effects == 1


@pytest.mark.parametrize("trouble", ["lost", "broken"])
@pytest.mark.parametrize("what", ["edit", "note"])
def test_a_change_that_never_arrived_waits_until_it_cannot_arrive_any_more(bench, what, trouble):
    bench.sync()
    edit = getattr(bench, what)()
    bench.crm.misbehave(trouble)
    with pytest.raises(Unanswered):
        bench.writer().edit(edit)
    for again in (lambda: bench.writer().edited("k1"), lambda: bench.writer().edit(edit)):
        with pytest.raises(Unanswered, match="may still") as early:
            again()
        assert 0 < outcome(early.value).retry_after_s <= 60
    assert bench.effects == 0
    bench.settle()
    assert bench.writer().edited("k1") is None
    bench.writer().edit(edit)
    assert bench.effects == 1


def test_a_change_of_which_a_part_was_done_stays_unknown(bench):
    bench.sync()
    bench.crm.misbehave("partial")
    with pytest.raises(Unanswered):
        bench.writer().edit(bench.edit())
    bench.settle()
    for again in (lambda: bench.writer().edited("k1"), lambda: bench.writer().edit(bench.edit())):
        with pytest.raises(Unanswered, match="neither as it was nor as it was to become"):
            again()
    assert bench.effects == 1


def test_a_server_that_cannot_be_reached_has_surely_done_nothing(bench):
    bench.sync()
    bench.variables |= {name: "http://127.0.0.1:9" for name in bench.variables if name.endswith("_URL")}
    bench.crm._server.port, port = 9, bench.crm._server.port  # only `inside` looks at it
    try:
        with pytest.raises(Unreachable):
            bench.writer().edit(bench.edit())
    finally:
        bench.crm._server.port = port
    assert bench.writer().edited("k1") is None


def test_an_activity_is_added_once_with_what_it_belongs_to_and_comes_back_with_the_next_reading(bench):
    bench.sync()
    made = bench.writer().edit(bench.note())
    assert bench.writer().edit(bench.note()) == made and bench.effects == 1
    (theirs,) = bench.crm.world.activities
    assert (theirs["kind"], theirs["deal"], theirs["day"]) == ("call", 301, "2026-11-28")
    here = bench.store.get("activities", made.record)
    assert here.text == bench.note().becomes["text"]
    found = bench.sync()["activities"]
    assert found.added == 0 and bench.store.count("activities") == 1, "it is the same record"
    assert bench.store.get("activities", made.record).text.startswith(here.text)


def test_no_id_can_become_another_path_or_query(bench):
    vendor = bench.vendor()
    for bad in ("1/../../x", "1' OR Name != '", "", "1?x=1", "1\r\nx"):
        with pytest.raises(NotDone):
            vendor.live("opportunities", bad)


def test_an_address_that_is_not_encrypted_must_be_inside(bench):
    bench.variables |= {name: "http://crm.example" for name in bench.variables if name.endswith("_URL")}
    with pytest.raises(NotDone, match="only https"):
        bench.vendor().look()
    bench.variables |= {name: "file:///etc" for name in bench.variables if name.endswith("_URL")}
    with pytest.raises(BadInput):
        bench.vendor()
