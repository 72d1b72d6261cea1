"""Recording what happened: once, tied to the records it belongs to, with its text as it was written."""

from datetime import UTC, date, datetime

import pytest

from cuga.adapters.offline import CrmStore
from cuga.errors import NotDone
from cuga.packs.sales.engagement.recording import log_activity, look
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.qualification.opportunity import qualify_opportunity
from cuga.packs.sales.sample import HERO, HERO_DEAL
from cuga.tools.declare import ToolContext


@pytest.fixture
def context(sample):
    store = CrmStore.open(":memory:")
    import_directory(sample, store)
    return ToolContext.for_tests(capabilities={"crm": store}, as_of=datetime(2026, 1, 5, tzinfo=UTC))


def rows(context):
    return [row for row in context.capability("crm").query("activities", limit=-1) if row.id.startswith("log-")]


def test_a_call_is_recorded_once_with_its_deal_account_and_person(context):
    told = "Criteria are: works offline, German support."
    first = log_activity(context, told, opportunity=HERO_DEAL, kind="call", who="CFO", happened=date(2026, 1, 4))
    assert log_activity(context, told, opportunity=HERO_DEAL) == look(context, None)
    (row,) = rows(context)
    assert (row.account, row.opportunity_id, row.who, row.contact_id) == (HERO, HERO_DEAL, "Nora Tessler", "P-0010")
    assert (row.happened, row.text, first.activity) == (date(2026, 1, 4), told, row.id)


def test_what_was_recorded_counts_as_evidence(context):
    log_activity(context, "Criteria are: works offline.", opportunity=HERO_DEAL, kind="call")
    states = {e.element: e.state for e in qualify_opportunity(context, HERO_DEAL, "MEDDICC").deals[0].elements}
    assert states["decision criteria"] == "confirmed"


def test_a_person_who_is_not_known_is_kept_as_written_and_said(context):
    made = log_activity(context, "Talked.", account=HERO, who="the gardener")
    assert made.who == "the gardener" and "no contact" in made.notes[0] and rows(context)[0].contact_id == ""


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"text": " "}, "nothing to record"),
        ({"account": ""}, "neither an account nor a deal"),
        ({"account": "Wholly Unknown Industries"}, "no account"),
        ({"happened": date(2026, 1, 6)}, "lies after"),
        ({"text": "x" * 20_001}, "are kept"),
    ],
)
def test_what_cannot_be_recorded_is_not(context, how, why):
    with pytest.raises(NotDone, match=why):
        log_activity(context, **({"text": "Talked.", "account": HERO} | how))
    assert rows(context) == [] and look(context, None) is None
