"""A brief: every line from a row, three questions that tell most, and objections that were really said."""

import pytest

from cuga.errors import BadInput
from cuga.packs.sales.qualification.brief import prepare_meeting_brief
from cuga.packs.sales.sample import HERO, HERO_DEAL


def test_a_brief_holds_people_history_open_elements_and_three_questions(context):
    brief = prepare_meeting_brief(context, HERO, when="2026-01-07")
    assert (brief.account, brief.when, len(brief.questions)) == (HERO, "2026-01-07", 3)
    assert [person.name for person in brief.people] == ["Nora Tessler", "Rosa Ölander", "Emil Hestrin"]
    assert all(fact.source for fact in brief.facts) and all(moment.source for moment in brief.history)
    (deal,) = brief.deals
    assert deal.opportunity == HERO_DEAL and "decision process: unknown" in deal.open_elements
    assert [(o.about, o.who) for o in brief.objections] == [("competition", "Emil Hestrin")]
    assert "champion" not in brief.gaps and "1 won deal worth 2,912 USD" in brief.bought


def test_the_newest_word_comes_first_and_nothing_from_the_future(context):
    days = [moment.date for moment in prepare_meeting_brief(context, HERO).history]
    assert days == sorted(days, reverse=True) and days[0] <= "2026-01-05"


def test_a_deal_is_enough_to_know_whom_one_meets(context):
    by_deal = prepare_meeting_brief(context, opportunity=HERO_DEAL, framework="BANT")
    assert by_deal.account == HERO and by_deal.assumptions == ()
    assert by_deal.deals[0].open_elements == () and by_deal.questions[0].startswith("Whom should we meet")


def test_an_account_without_a_deal_gets_the_questions_that_open_one(context):
    crm = context.capability("crm")
    with_deals = {deal.account_id for deal in crm.query("opportunities", limit=-1) if deal.status == "open"}
    lonely = next(account for account in crm.query("accounts", limit=-1) if account.id not in with_deals)
    brief = prepare_meeting_brief(context, lonely.id)
    assert brief.deals == () and "no deal is open there" in brief.notes
    assert len(brief.questions) == 3 and all(question.endswith("?") for question in brief.questions)


def test_nobody_to_meet_is_refused(context):
    with pytest.raises(BadInput, match="nobody to meet"):
        prepare_meeting_brief(context)
    with pytest.raises(BadInput, match="no account"):
        prepare_meeting_brief(context, "Wholly Unknown Industries")
