"""Hygiene: rules as data, findings with their rows, and nothing held against a deal that the house never records."""

from datetime import UTC, date, datetime

import pytest

from cuga.adapters.capability import Activity, Opportunity
from cuga.adapters.offline import CrmStore
from cuga.errors import BadInput
from cuga.packs.sales.qualification.hygiene import HygieneRule, check_stage_hygiene
from cuga.tools.declare import ToolContext


def check(*deals, activities=(), **how):
    store = CrmStore.open(":memory:")
    store.store({"opportunities": deals, "activities": activities})
    return check_stage_hygiene(
        ToolContext.for_tests(capabilities={"crm": store}, as_of=datetime(2026, 1, 5, tzinfo=UTC)), **how
    )


def deal(name="D1", **fields):
    base = {"account_id": "A", "owner": "Ada", "status": "open", "stage": "Proposal", "opened": date(2025, 12, 1),
            "closes": date(2026, 2, 1), "amount": 1_000_000, "next_step": "Call"}  # fmt: skip
    return Opportunity(id=name, **(base | fields))


def found(result):
    return [finding.rule for finding in result.deals[0].findings] if result.deals else []


def test_a_whole_record_is_clean():
    result = check(deal())
    assert (result.looked_at, result.clean, result.deals) == (1, 1, ())


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"closes": date(2026, 1, 4)}, "close date passed"),
        ({"account_id": ""}, "no account"),
        ({"owner": ""}, "no owner"),
        ({"opened": date(2024, 12, 1)}, "open for a year"),
        ({"closes": None}, "no close date"),
        ({"amount": None}, "no amount"),
        ({"next_step": ""}, "no next step"),
        ({"opened": None}, "no start date"),
    ],
)
def test_each_field_rule_finds_its_fault_and_names_the_row(fields, rule):
    result = check(deal(**fields), deal("D2"))
    assert found(result) == [rule] and result.deals[0].opportunity == "D1"
    (finding,) = result.deals[0].findings
    assert finding.fix and finding.says and finding.evidence.record == "D1"
    assert result.by_rule == {rule: 1} and result.clean == 1


def test_what_no_deal_records_is_said_once_and_is_no_finding():
    result = check(deal(next_step="", amount=None, closes=None))
    assert result.deals == ()
    assert {"no next step", "no amount", "no close date", "quiet"} <= set(result.not_recorded)


def test_early_stages_are_not_asked_for_what_comes_later():
    early = deal(stage="Prospecting", closes=None, amount=None, next_step="")
    assert found(check(early, deal("D2"))) == []


def test_a_stage_needs_its_evidence_and_silence_is_seen():
    rows = [
        Activity(
            id="a", kind="call", happened=date(2026, 1, 2), opportunity_id="D2", text="They need it, Nora signs off."
        )
    ]
    result = check(deal(stage="Negotiation"), deal("D2", stage="Negotiation"), activities=rows)
    assert found(result) == ["quiet", "stage without its evidence: need", "stage without its evidence: authority"]
    assert result.clean == 1


def test_own_rules_take_the_place_of_the_usual_ones():
    own = (HygieneRule(name="named product", asks="known", field="product", stages=("PROPOSAL",), fix="name it"),)
    result = check(deal(), deal("D2", product="X"), deal("D3", stage="Demo"), rules=own)
    assert (found(result), result.clean, result.assumptions) == (["named product"], 2, ())


@pytest.mark.parametrize(
    "rule",
    [
        HygieneRule(name="x", asks="known", field="colour"),
        HygieneRule(name="x", asks="said", field="luck"),
        HygieneRule(name="x", asks="not_past", field="stage"),
        HygieneRule(name="x", asks="active_within"),
    ],
)
def test_a_rule_that_asks_for_what_does_not_exist_is_refused(rule):
    with pytest.raises(BadInput, match="'x'"):
        check(deal(), rules=(rule,))


def test_owners_are_counted_and_the_worst_deals_shown(context):
    result = check_stage_hygiene(context, top=5)
    assert len(result.deals) == 5 and result.looked_at == 100
    assert sum(one.deals for one in result.by_owner) == 100
    assert sum(result.by_rule.values()) == sum(one.findings for one in result.by_owner)
    mine = check_stage_hygiene(context, owner="Ada Kestrel")
    assert [one.owner for one in mine.by_owner] == ["Ada Kestrel"]
    with pytest.raises(BadInput):
        check_stage_hygiene(context, top=0)
