"""Changing a deal: only what was shown, only while it still stands, once, and never by a guess."""

from datetime import UTC, date, datetime

import pytest

from cuga.adapters.capability import Opportunity, TeamMember
from cuga.adapters.offline import CrmStore
from cuga.errors import NotDone
from cuga.packs.sales.qualification.changing import look, update_opportunity
from cuga.tools.declare import ToolContext

DEAL = Opportunity(id="D1", name="", account="Konex", account_id="K", owner="Ada Kestrel", stage="Engaging",
                   status="open", amount=4_000_500_000, currency="USD", closes=date(2026, 2, 1))  # fmt: skip
OTHERS = (
    Opportunity(id="D2", stage="Negotiation", status="open"),
    Opportunity(id="D3", stage="Won", status="won", owner="Ben Lowrie"),
    Opportunity(id="D4", stage="Lost", status="lost"),
)


@pytest.fixture
def crm():
    store = CrmStore.open(":memory:")
    store.store({"opportunities": [DEAL, *OTHERS], "teams": [TeamMember(id="Ben Lowrie", name="Ben Lowrie")]})
    return store


@pytest.fixture
def context(crm):
    return ToolContext.for_tests(capabilities={"crm": crm}, as_of=datetime(2026, 1, 5, tzinfo=UTC))


def test_a_change_is_made_as_it_was_shown_with_a_receipt_and_a_way_back(context, crm):
    made = update_opportunity(context, "D1", stage="negotiation", closes=date(2026, 3, 31),
                              was={"stage": "Engaging", "closes": "2026-02-01"})  # fmt: skip
    deal = crm.get("opportunities", "D1")
    assert (deal.stage, deal.closes, deal.version) == ("Negotiation", date(2026, 3, 31), 2)
    assert [(c.field, c.was, c.becomes) for c in made.changes] == [
        ("closes", "2026-02-01", "2026-03-31"), ("stage", "Engaging", "Negotiation"),
    ]  # fmt: skip
    assert made.version == 2 and made.undo == "set closes to 2026-02-01, stage to Engaging again"


def test_the_same_call_again_gives_the_receipt_and_changes_nothing(context, crm):
    first = update_opportunity(context, "D1", stage="Negotiation", was={"stage": "Engaging"})
    assert update_opportunity(context, "D1", stage="Negotiation", was={"stage": "Engaging"}) == first
    assert look(context, None) == first and crm.get("opportunities", "D1").version == 2
    assert look(ToolContext.for_tests(capabilities={"crm": crm}, key="another"), None) is None


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"stage": "Negotiation"}, "what stage of D1 was before"),
        ({"stage": "Negotiation", "was": {"stage": "Prospecting"}}, "stage of D1 is 'Engaging' now"),
        ({"amount": "5000", "was": {"amount": "4000"}}, "amount of D1 is '4000.5' now"),
        ({"stage": "Limbo", "was": {"stage": "Engaging"}}, "no deal has the stage 'Limbo'"),
        ({"stage": "Won", "was": {"stage": "Engaging"}}, "closes the deal"),
        ({"stage": "Lost", "outcome": "won", "was": {"stage": "Engaging"}}, "closes the deal"),
        ({"amount": "much", "was": {"amount": "4000.5"}}, "is no amount"),
        ({"amount": "5000 EUR", "was": {"amount": "4000.5"}}, "not in USD"),
        ({"owner": "Nobody Atall", "was": {"owner": "Ada Kestrel"}}, "no seller"),
        ({}, "nothing is to be changed"),
        ({"stage": "Engaging", "was": {"stage": "Engaging"}}, "nothing is to be changed"),
        ({"opportunity": "D3", "outcome": "lost"}, "closed already"),
        ({"opportunity": "Konexx GmbH und Co"}, "no deal or account"),
    ],
)
def test_what_cannot_be_changed_is_not_and_the_reason_is_said(context, crm, how, why):
    with pytest.raises(NotDone, match=why):
        update_opportunity(context, **({"opportunity": "D1"} | how))
    assert crm.get("opportunities", "D1") == DEAL


def test_closing_sets_status_stage_and_date_together(context, crm):
    update_opportunity(context, "D1", outcome="won")
    deal = crm.get("opportunities", "D1")
    assert (deal.status, deal.stage, deal.closes) == ("won", "Won", date(2026, 1, 5))


def test_a_closed_deal_is_opened_again_by_an_open_stage(context, crm):
    update_opportunity(context, "D3", stage="Engaging", was={"stage": "Won"})
    assert (crm.get("opportunities", "D3").status, crm.get("opportunities", "D3").stage) == ("open", "Engaging")


def test_amount_owner_and_next_step(context, crm):
    was = {"amount": "4000.5", "owner": "ada kestrel", "next_step": ""}
    update_opportunity(context, "D1", amount="5k USD", owner="ben lowrie", next_step=" Call  Nora ", was=was)
    deal = crm.get("opportunities", "D1")
    assert (deal.amount, deal.owner, deal.next_step) == (5_000_000_000, "Ben Lowrie", "Call Nora")


def test_somebody_who_was_faster_is_never_overwritten(context, crm):
    crm.store({"opportunities": [Opportunity(id="D1", stage="Negotiation", status="open")]})
    with pytest.raises(NotDone, match="'Negotiation' now") as caught:
        update_opportunity(context, "D1", stage="Negotiation", amount="5", was={"stage": "Engaging", "amount": ""})
    assert "again" in caught.value.next_step and crm.get("opportunities", "D1").amount is None
