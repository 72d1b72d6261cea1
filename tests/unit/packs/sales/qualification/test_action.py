"""The next action: the largest risk or gap first, with a reason, a question and a date that is a business day."""

from datetime import date

import pytest

from cuga.errors import BadInput
from cuga.packs.sales.business_days import Calendar
from cuga.packs.sales.qualification.action import GAPS, recommend_next_action
from cuga.packs.sales.qualification.risk import assess_deal_risk
from cuga.packs.sales.sample import HERO, HERO_DEAL


def test_the_largest_gap_is_what_to_do_next(context):
    (deal,) = recommend_next_action(context, HERO_DEAL, framework="MEDDICC").actions
    assert deal.action.action == "Find out: decision criteria" and "unknown" in deal.action.reason
    assert deal.action.ask.endswith("?") and deal.action.due == "2026-01-12"  # five business days, Epiphany is regional
    assert [one.action for one in deal.alternatives] == ["Find out: decision process"]
    assert {e.field for e in deal.deal} >= {"stage", "owner"}


def test_a_no_to_something_vital_goes_before_any_risk(context):
    (deal,) = recommend_next_action(
        context, HERO_DEAL, situation="Budget is frozen. Nora refuses to meet the CFO.", framework="BANT"
    ).actions
    assert deal.action.action.startswith("Take up the no on budget") and deal.action.weight == GAPS["denied", True]
    assert deal.action.evidence[0].value == "Budget is frozen."


def test_the_worst_deals_come_first_each_with_one_action(context):
    result = recommend_next_action(context, top=3)
    assert len(result.actions) == 3 and result.looked_at == 100
    for deal in result.actions:
        due = date.fromisoformat(deal.action.due)
        assert due > date(2026, 1, 5) and due.weekday() < 5 and deal.action.reason
        assert all(other.weight <= deal.action.weight for other in deal.alternatives)


def test_an_account_stands_for_its_deals_and_the_calendar_is_its_countrys(context):
    (deal,) = recommend_next_action(context, account=HERO).actions
    assert deal.opportunity == HERO_DEAL and deal.notes == ()
    assert Calendar("Germany").is_business_day(date.fromisoformat(deal.action.due))


def test_of_deals_that_were_assessed_before_the_worst_are_taken(context):
    assessed = assess_deal_risk(context, owner="Ada Kestrel").deals
    result = recommend_next_action(context, assessed=assessed, top=2)
    assert [deal.opportunity for deal in result.actions] == [deal.opportunity for deal in assessed[:2]]
    assert {deal.owner for deal in result.actions} == {"Ada Kestrel"} and len(result.assumptions) == 1


def test_it_is_the_same_each_time_and_refuses_a_wrong_question(context):
    assert recommend_next_action(context, top=5) == recommend_next_action(context, top=5)
    for how in ({"top": 0}, {"opportunity": "Wholly Unknown"}):
        with pytest.raises(BadInput):
            recommend_next_action(context, **how)
