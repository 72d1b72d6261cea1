"""The planner against the wider catalogue: goals as sales people type them."""

# ruff: noqa: E501 (goals and strategies read best on one line)
from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.planning.catalogue import contracts, goals, maven, rulebook, scorer

from cuga.model.tool import SideEffect
from cuga.planning import Proposal, Question, RulePlanner, check

NOW = datetime(2017, 12, 31, tzinfo=UTC)
OTHERS = {
    "Which accounts should I call first this week?": "prioritize_accounts",
    "Research Codehow and draft an intro email to their head of IT": "build_account_brief draft_outbound_message",
    "rate Konex and Zotware against the ICP": "score_account_fit score_account_fit",
    "Is the Condax deal healthy? what are the red flags?": "assess_deal_risk",
    "write a linkedin message for Faxquote mentioning MG Special, then proofread it": "draft_outbound_message assess_message_quality",
    "They say we're too expensive. How do I answer that for GTX Pro?": "handle_objection",
    "Clean the account names in export.csv and find duplicates": "normalize_account_record find_duplicate_records",
    "show me the pipeline by stage for Q3": "analyze_pipeline",
    "who decides at Hottechi": "identify_decision_makers",
    "find any recent funding news on Inity": "retrieve_account_signals",
    "BANT for opportunity 1C1I7A6R please": "qualify_opportunity",
    "balance territories across 30 reps with at most 10 moves": "balance_territories",
    "prep me for tomorrow's meeting with Sumace": "prepare_meeting_brief",
    "Log a call with Treequote: talked pricing, they like it": "log_activity",
    "Translate this email into German": "",
    "delete all accounts in the East": "",
    "Send an email to Umbrella Corporation": "draft_outbound_message check_outreach_compliance send_message",
    "Draft an email to Umbrella Corporation but don't send it": "draft_outbound_message",
    "how many reps do we need to hit 12M next year": "plan_quota_capacity",
    "which of our customers have never bought GTK 500 - show white space": "identify_white_space",
    "route the new lead from Green-Plus": "route_lead",
    "give me case studies for a hospital CFO": "recommend_collateral",
    "why did run 88ab pick Konex": "explain_recommendation",
    "replay run 88ab": "replay_run",
    "Only draft a follow up to Scottech if their fit is at least 60": "score_account_fit draft_outbound_message",
    "build a mutual action plan for the Zoomit deal ending March 15": "build_mutual_action_plan",
    "compare Darcel Schlecht with Vicki Laflamme": "compare_rep_performance",
    "forecast next quarter and show where the pipeline is thin": "forecast_revenue analyze_pipeline",
    "set up a 4-step email cadence for CFOs in retail": "plan_cadence",
    "update stage of 1C1I7A6R to Won": "update_opportunity",
    "review a 15% discount for Bluth Company": "review_quote",
}  # fmt: skip


@pytest.fixture(scope="module")
def book():
    return rulebook(contracts())


@pytest.fixture(scope="module", params=["with the CRM", "without a CRM"])
def planner(request: pytest.FixtureRequest) -> RulePlanner:
    return RulePlanner(maven() if request.param == "with the CRM" else None)


def as_plan(answer: Any, book: Any) -> dict[str, Any]:
    if not isinstance(answer, Proposal):
        return {"outcome": "ask" if isinstance(answer, Question) else "refuse", "steps": []}
    steps = [{"tool": s.tool, "inputs": s.input, "when": s.when.expr if s.when else None} for s in answer.plan.steps]
    gated = [s["tool"] for s in steps if book.contracts[s["tool"]].side_effect is SideEffect.EXECUTE]
    return {"outcome": "plan", "steps": steps, "gated": gated}


def test_at_least_twenty_four_of_the_twenty_five_goals_get_the_plan_they_want(planner, book):
    data, judge = goals(), scorer().judge
    faults = {}
    for goal in data["goals"]:
        answer = planner.plan(goal["goal"], book, as_of=NOW)
        found, _ = judge(goal, as_plan(answer, book), data["always_may"], set(data["tools"]))
        if found:
            faults[goal["id"]] = found
    assert len(faults) <= len(data["goals"]) - 24, faults


def test_goals_beside_the_yardstick_get_the_tools_they_want(book):
    planner, wrong = RulePlanner(maven()), {}
    for goal, wanted in OTHERS.items():
        answer = planner.plan(goal, book, as_of=NOW)
        got = " ".join(s.tool for s in answer.plan.steps) if isinstance(answer, Proposal) else ""
        if got != wanted:
            wrong[goal] = got
    assert len(wrong) <= 2, wrong


def test_every_plan_passes_the_check_and_is_a_handful_of_tools(planner, book):
    for goal in [*(g["goal"] for g in goals()["goals"]), *OTHERS]:
        answer = planner.plan(goal, book, as_of=NOW)
        if isinstance(answer, Proposal):
            assert len(check(answer.plan, book).steps) <= 8


def test_a_plan_takes_no_noticeable_time(book):
    planner = RulePlanner(maven())
    planner.plan("score dambase", book)
    took = []
    for goal in goals()["goals"]:
        start = time.perf_counter()
        planner.plan(goal["goal"], book, as_of=NOW)
        took.append(time.perf_counter() - start)
    assert sorted(took)[len(took) // 2] < 2.0  # measured: a few ms; others may keep the machine busy
