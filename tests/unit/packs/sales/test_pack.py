"""The pack: contracts, the committee and the door to the data."""

import json

import msgspec
import pytest

from cuga.adapters.capability import Contact, Filter
from cuga.errors import BadInput
from cuga.model.tool import Repeatable, SideEffect
from cuga.packs.sales.governance.query import query_crm
from cuga.packs.sales.intelligence.committee import identify_decision_makers, people_for, seat_of
from cuga.packs.sales.pack import TOOLS
from cuga.packs.sales.sample import HERO
from cuga.tools.declare import arguments_of, contract_of


def test_every_tool_says_what_it_costs_does_and_must_not_do():
    contracts = {contract_of(tool).name: contract_of(tool) for tool in TOOLS}
    assert {name: (c.domain, c.side_effect.value, c.cost) for name, c in contracts.items()} == {
        "query_crm": ("governance", "read-only", 100_000),
        "audit_data_quality": ("governance", "read-only", 800_000),
        "normalize_account_record": ("intelligence", "read-only", 500_000),
        "find_duplicate_records": ("intelligence", "read-only", 800_000),
        "enrich_account": ("intelligence", "read-only", 500_000),
        "score_account_fit": ("intelligence", "read-only", 500_000),
        "identify_decision_makers": ("intelligence", "read-only", 300_000),
        "retrieve_product_knowledge": ("knowledge", "read-only", 300_000),
        "match_products": ("knowledge", "read-only", 500_000),
        "build_battlecard": ("knowledge", "read-only", 500_000),
        "recommend_collateral": ("knowledge", "read-only", 300_000),
        "handle_objection": ("knowledge", "read-only", 300_000),
        "draft_outbound_message": ("engagement", "propose", 1_000_000),
        "assess_message_quality": ("engagement", "read-only", 500_000),
        "check_outreach_compliance": ("engagement", "read-only", 400_000),
        "plan_cadence": ("engagement", "propose", 500_000),
        "schedule_engagement_touchpoint": ("engagement", "propose", 400_000),
        "manage_template_library": ("engagement", "propose", 200_000),
        "analyze_outreach_results": ("governance", "read-only", 500_000),
        "classify_reply": ("engagement", "read-only", 200_000),
        "qualify_opportunity": ("qualification", "read-only", 700_000),
        "send_message": ("engagement", "execute", 1_000_000),
        "propose_meeting": ("engagement", "propose", 600_000),
        "send_meeting_invitation": ("engagement", "execute", 1_000_000),
        "analyze_pipeline": ("governance", "read-only", 600_000),
        "forecast_revenue": ("governance", "read-only", 1_000_000),
        "analyze_win_loss_patterns": ("governance", "read-only", 1_000_000),
        "extract_buyer_personas": ("governance", "read-only", 800_000),
        "compare_rep_performance": ("governance", "read-only", 800_000),
        "explain_recommendation": ("governance", "read-only", 300_000),
        "export_audit_report": ("governance", "read-only", 300_000),
        "replay_run": ("governance", "read-only", 300_000),
        "apply_territory_change": ("territory", "execute", 1_000_000),
        "calibrate_icp": ("intelligence", "read-only", 2_000_000),
        "retrieve_account_signals": ("intelligence", "read-only", 500_000),
        "prioritize_accounts": ("intelligence", "read-only", 1_000_000),
        "build_account_brief": ("intelligence", "read-only", 600_000),
        "simulate_territory_change": ("territory", "read-only", 800_000),
        "assess_capacity_coverage": ("territory", "read-only", 600_000),
        "balance_territories": ("territory", "propose", 1_200_000),
        "identify_white_space": ("territory", "read-only", 800_000),
        "plan_quota_capacity": ("territory", "read-only", 500_000),
        "route_lead": ("territory", "propose", 400_000),
        "log_activity": ("engagement", "execute", 500_000),
        "extract_deal_evidence": ("qualification", "read-only", 500_000),
        "assess_deal_risk": ("qualification", "read-only", 800_000),
        "recommend_next_action": ("qualification", "read-only", 800_000),
        "check_stage_hygiene": ("qualification", "read-only", 600_000),
        "build_mutual_action_plan": ("qualification", "propose", 800_000),
        "prepare_meeting_brief": ("qualification", "read-only", 800_000),
        "review_quote": ("qualification", "read-only", 600_000),
        "update_opportunity": ("qualification", "execute", 1_000_000),
    }
    for contract in contracts.values():
        assert contract.purpose and contract.keywords and contract.guardrails and contract.slots
        assert json.loads(bytes(contract.input_schema))["type"] == "object"
    assert contracts["draft_outbound_message"].gives["message"] == ""
    outside = {c.name: c for c in contracts.values() if c.side_effect is SideEffect.EXECUTE}
    mails = {"send_message", "send_meeting_invitation"}
    assert outside.keys() == {*mails, "log_activity", "update_opportunity", "apply_territory_change"}
    assert all(c.repeatable is not Repeatable.NONE and c.effect_key for c in outside.values())
    assert outside["update_opportunity"].seconded == ("/outcome",)


def test_arguments_come_from_json_as_a_plan_writes_them():
    for tool, arguments in (
        ("draft_outbound_message", {"recipient": "alice@example.com"}),
        ("score_account_fit", {"account": HERO, "profile": {"target_industries": ["food"], "min_employee_count": 5}}),
        ("assess_message_quality", {"message": {"body": "Hello", "subject": "Hi"}}),
        ("query_crm", {"kind": "accounts", "where": [{"field": "industry", "value": "food"}]}),
    ):
        (function,) = [t for t in TOOLS if contract_of(t).name == tool]
        assert msgspec.convert(arguments, arguments_of(function))


def test_the_committee_shows_titles_and_empty_seats(context):
    result = identify_decision_makers(context, HERO)
    seats = {seat.seat: [person.name for person in seat.people] for seat in result.seats}
    assert seats["economic buyer"] == ["Nora Tessler"] and seats["champion"] == []
    assert "champion" in result.gaps and all(p.why and p.source for seat in result.seats for p in seat.people)


@pytest.mark.parametrize(
    ("title", "seat"),
    [("CFO", "economic buyer"), ("Procurement Lead", "legal or procurement"), ("Head of IT", "technical buyer"),
    ("VP Sales", "sponsor"),
     ("Plant Manager", "user"), ("Poet", ""), ("", "")],
)  # fmt: skip
def test_a_title_suggests_a_seat(title, seat):
    assert seat_of(title) == seat


@pytest.mark.parametrize(
    ("role", "who"),
    [("buyer", "a"), ("its buyer", "a"), ("ops lead", "b"), ("CTO", "c"), ("C C", "c"), ("gardener", "")],
)
def test_people_are_found_by_a_sellers_words(role, who):
    people = [
        Contact(id="a", name="A A", title="CFO"),
        Contact(id="b", name="B B", title="Head of Operations"),
        Contact(id="c", name="C C", title="CTO"),
    ]
    assert "".join(person.id for person in people_for(people, role)) == who


def test_records_are_found_and_counted(context):
    result = query_crm(context, kind="opportunities", account=HERO, where=(Filter(field="status", value="open"),))
    assert (result.total, result.rows[0]["id"], result.rows[0]["source"]) == (1, "D-1001", "deals.csv:2")
    some = query_crm(context, kind="accounts", order="-revenue", fields=("name", "revenue"), limit=2)
    assert (
        some.shown == 2 < some.total
        and "more fit" in some.notes[0]
        and set(some.rows[0]) == {"id", "name", "revenue", "source"}
    )
    assert some.rows[0]["revenue"] >= some.rows[1]["revenue"]
    assert query_crm(context, kind="accounts", account=HERO).rows[0]["id"] == HERO


def test_a_period_is_reckoned_from_the_day_of_the_run_and_shown_as_days(context):
    year = context.as_of.year
    found = query_crm(context, kind="opportunities", where=(Filter(field="closes", op="within", value="this year"),))
    assert [(one.op, one.value) for one in found.filters] == [
        ("at_least", f"{year}-01-01"),
        ("below", f"{year + 1}-01-01"),
    ]
    assert found.total > 1 and all(row["closes"].startswith(f"{year}-") for row in found.rows)
    before = query_crm(context, kind="opportunities", where=(Filter(field="closes", op="within", value=str(year - 1)),))
    assert all(row["closes"].startswith(f"{year - 1}-") for row in before.rows)
    with pytest.raises(BadInput):
        query_crm(context, kind="opportunities", where=(Filter(field="closes", op="within", value="someday"),))


@pytest.mark.parametrize(
    "arguments",
    [
        {"kind": "ships"},
        {"fields": ("colour",)},
        {"limit": -1},
        {"kind": "products", "account": HERO},
        {"where": (Filter(field="x"),)},
    ],
)
def test_a_wrong_question_is_refused(context, arguments):
    with pytest.raises(BadInput):
        query_crm(context, **arguments)
