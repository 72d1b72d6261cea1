"""Risk: against the team's own won deals, unknown is no risk, and a chance only where it held before."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuga.adapters.capability import Activity, Contact, Opportunity
from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput
from cuga.packs.sales.qualification.history import Past, percentile, wilson
from cuga.packs.sales.qualification.risk import assess_deal_risk
from cuga.packs.sales.qualification.risk_rules import RULES
from cuga.packs.sales.sample import HERO_DEAL
from cuga.tools.declare import ToolContext

TODAY = date(2026, 1, 5)


def closed(number, days=40, won=True, on=TODAY - timedelta(days=5)):
    return Opportunity(id=f"C{number:04d}", status="won" if won else "lost", stage="Won" if won else "Lost",
                       opened=on - timedelta(days=days), closes=on)  # fmt: skip


def open_deal(name="D1", **fields):
    base = {"account_id": "A", "status": "open", "stage": "Proposal", "opened": TODAY - timedelta(days=10)}
    return Opportunity(id=name, **(base | fields))


def at(*deals, activities=(), contacts=()):
    store = CrmStore.open(":memory:")
    won = [closed(n, days=20 + n) for n in range(40)]
    store.store({"opportunities": [*won, *deals], "activities": activities, "contacts": contacts})
    return store


def judge(store, **how):
    context = ToolContext.for_tests(capabilities={"crm": store}, as_of=datetime(2026, 1, 5, tzinfo=UTC))
    return assess_deal_risk(context, **how)


def risks(store, **how):
    return {risk.risk: risk for risk in judge(store, **how).deals[0].risks}


def test_a_deal_of_which_nothing_speaks_against_is_not_at_risk(context):
    (deal,) = assess_deal_risk(context, HERO_DEAL).deals
    assert (deal.risks, deal.points, deal.level) == ((), 0, "low" if deal.coverage >= 50 else "unclear")
    assert deal.chance_says and any("next step" in unknown for unknown in deal.unknowns)


def test_age_is_measured_against_the_ninetieth_percentile_of_the_won_deals():
    assert percentile(sorted(20 + n for n in range(40)), 90) == 55
    for days, severity in ((38, None), (50, "medium"), (55, "medium"), (56, "high")):
        found = risks(at(open_deal(opened=TODAY - timedelta(days=days)))).get("older than won deals")
        assert (found.severity if found else None) == severity
    assert "9 of 10 of your 40 won deals" in found.why and found.evidence[0].field == "opened"


def test_with_too_little_history_age_is_unknown_and_no_risk():
    store = CrmStore.open(":memory:")
    store.store({"opportunities": [closed(n) for n in range(19)] + [open_deal(opened=date(2020, 1, 1))]})
    (deal,) = judge(store).deals
    assert "older than won deals: 19 won deals" in deal.unknowns[0] and deal.risks == ()
    assert deal.level == "unclear" and deal.chance is None


def test_pushes_and_swings_are_read_from_what_was_kept():
    store = at(open_deal(closes=date(2026, 2, 1), amount=10_000_000_000))
    assert any("no earlier state" in u for u in judge(store).deals[0].unknowns)
    for closes, amount in ((date(2026, 3, 1), 10_000_000_000), (date(2026, 4, 1), 6_000_000_000)):
        store.store({"opportunities": [open_deal(closes=closes, amount=amount)]})
    found = risks(store)
    assert (found["close date pushed"].severity, found["close date pushed"].points) == ("high", 15)
    assert "2 times" in found["close date pushed"].why
    assert "(-40%)" in found["amount swings"].why and found["amount swings"].severity == "high"


def test_quiet_single_threaded_overdue_and_without_a_champion():
    rows = [
        Activity(id="a1", kind="call", happened=date(2025, 11, 1), who="Nora", opportunity_id="D1", account_id="A",
                 text="Our champion left the company.")
    ]  # fmt: skip
    people = [Contact(id="p1", name="Nora", account_id="A"), Contact(id="p2", name="Emil", account_id="A")]
    other = open_deal("D2", next_step="Call", closes=date(2027, 1, 1))
    found = risks(at(open_deal(closes=date(2025, 12, 31)), other, activities=rows, contacts=people), opportunity="D1")
    assert set(found) == {"close date passed", "no activity", "one contact only", "champion gone", "no next step"}
    assert "65 days" in found["no activity"].why and "Emil" in found["one contact only"].fix
    assert found["champion gone"].evidence[0].value == "Our champion left the company."
    assert "5 days ago" in found["close date passed"].why


def test_what_the_house_does_not_record_is_missing_from_no_deal():
    (deal,) = judge(at(open_deal())).deals
    assert deal.risks == () and {u.split(":")[0] for u in deal.unknowns} == {
        "close date passed", "close date pushed", "no activity", "one contact only", "champion gone", "amount swings",
        "no next step",
    }  # fmt: skip


def test_one_entry_does_not_make_the_silence_of_the_others_mean_anything():
    deals = [open_deal(f"D{n}", opened=TODAY - timedelta(days=35)) for n in range(10)]
    rows = [Activity(id="a1", kind="call", happened=TODAY, who="Nora", opportunity_id="D0")]
    rows += [Activity(id="a2", kind="call", happened=TODAY, who="Nora", opportunity_id="D1")]
    for some, is_quiet in ((rows[:1], False), (rows, True)):
        assert ("no activity" in risks(at(*deals, activities=some), opportunity="D5")) == is_quiet


def test_the_worst_come_first_and_all_are_counted(context):
    result = assess_deal_risk(context, top=3)
    order = ["high", "medium", "unclear", "low"]
    levels = [order.index(deal.level) for deal in result.deals]
    assert len(result.deals) == 3 and levels == sorted(levels)
    assert sum(result.levels.values()) == result.looked_at == 100 and "all open deals" in result.assumptions[0]
    mine = assess_deal_risk(context, owner="ada kestrel", top=100)
    assert {deal.owner for deal in mine.deals} == {"Ada Kestrel"} and mine.assumptions == ()


def test_points_add_up_to_a_hundred_and_are_no_chance(context):
    assert sum(most for _, most, _ in RULES) == 100
    for deal in assess_deal_risk(context, top=100).deals:
        assert deal.points == sum(risk.points for risk in deal.risks) and all(0 < r.points <= r.of for r in deal.risks)
        assert deal.chance is None or deal.chance.mid != 100 - deal.points or deal.chance.like >= 30


def test_a_chance_is_given_where_it_held_and_not_where_it_did_not():
    def house(later):
        deals = [
            closed(n, days=30 + n % 60, won=n % 3 != 0, on=date(2025, 1, 1) + timedelta(days=n)) for n in range(210)
        ]
        return Past([*deals, *(closed(1000 + n, days=30 + n % 60, won=later(n), on=date(2025, 9, 1) + timedelta(days=n))
                               for n in range(90))], TODAY)  # fmt: skip

    steady = house(lambda n: n % 3 != 0)
    chance, why = steady.chance(20)
    assert chance is not None and (chance.mid, chance.like, why) == (67, 300, "")
    assert chance.low < 67 < chance.high and "200 of 300" in chance.rests_on
    changed = house(lambda n: n % 3 == 0)
    assert changed.chance(20)[0] is None and "points off" in changed.chance(20)[1]
    assert steady.chance(500) == (None, "not calibrated: no closed deal got as old as 500 days; 30 are needed")
    assert Past([], TODAY).chance(1)[0] is None


def test_a_wilson_interval_is_the_known_one():
    assert wilson(50, 100) == (40, 60) and wilson(0, 10) == (0, 28) and wilson(10, 10) == (72, 100)


@pytest.mark.parametrize("how", [{"top": 0}, {"top": 101}, {"quiet_days": 0}, {"owner": "Nobody Atall"}])
def test_a_wrong_question_is_refused(context, how):
    with pytest.raises(BadInput):
        assess_deal_risk(context, **how)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200), st.integers(0, 200))
def test_an_older_deal_is_never_less_at_risk(one, other):
    younger, older = sorted((one, other))
    store = at(
        open_deal("Y", opened=TODAY - timedelta(days=younger)), open_deal("Z", opened=TODAY - timedelta(days=older))
    )
    points = {deal.opportunity: deal.points for deal in judge(store).deals}
    assert points["Y"] <= points["Z"]


def test_many_deals_are_judged_as_each_alone(context):
    together = {deal.opportunity: deal for deal in assess_deal_risk(context, top=100).deals}
    for name in list(together)[:25]:
        assert assess_deal_risk(context, name).deals[0] == together[name]


def test_the_real_data_is_told_as_it_is(maven):
    from cuga.packs.sales.importing import import_directory

    store = CrmStore.open(":memory:")
    import_directory(maven, store)
    context = ToolContext.for_tests(capabilities={"crm": store}, as_of=datetime(2017, 12, 31, tzinfo=UTC))
    result = assess_deal_risk(context, top=100)
    assert (result.looked_at, result.history.won, result.history.long_days) == (2089, 4238, 106)
    assert result.deals[0].risks[0].risk == "older than won deals" and result.deals[0].coverage == 20
    deal = assess_deal_risk(context, account="dambase").deals[0]
    assert deal.chance is None or 55 <= deal.chance.mid <= 80
