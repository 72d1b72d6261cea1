"""Questions of figures get the tools of figures, with the shipped contracts in place of the catalogue's."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.unit.planning.catalogue import contracts, goals, maven, rulebook, scorer
from tests.unit.planning.test_goals import as_plan

from cuga.packs.sales.pack import TOOLS
from cuga.planning import Proposal, RulePlanner, check
from cuga.tools.declare import contract_of

NOW = datetime(2017, 12, 31, tzinfo=UTC)
ASKED = ("d01", "d05", "d06", "d11", "d15", "d16", "d18", "d20", "d24", "d25")
OTHERS = {
    "show me the pipeline by stage for Q3": "analyze_pipeline",
    "balance territories across 30 reps with at most 10 moves": "balance_territories",
    "how many reps do we need to hit 12M next year": "plan_quota_capacity",
    "route the new lead from Green-Plus": "route_lead",
    "find any recent funding news on Inity": "retrieve_account_signals",
    "Which accounts should I call first this week?": "prioritize_accounts",
    "compare Darcel Schlecht with Vicki Laflamme": "compare_rep_performance",
    "What do the buyers of won deals have in common?": "extract_buyer_personas",
    "what do we know about Codehow": "build_account_brief",
}


@pytest.fixture(scope="module")
def book():
    return rulebook({**contracts(), **{contract_of(tool).name: contract_of(tool) for tool in TOOLS}})


@pytest.fixture(scope="module")
def planner():
    return RulePlanner(maven())


@pytest.mark.parametrize("goal", ASKED)
def test_a_goal_of_the_yardstick_gets_the_shipped_tools(planner, book, goal):
    data = goals()
    (wanted,) = [one for one in data["goals"] if one["id"] == goal]
    answer = planner.plan(wanted["goal"], book, as_of=NOW)
    faults, _ = scorer().judge(wanted, as_plan(answer, book), data["always_may"], set(data["tools"]))
    assert faults == []
    assert isinstance(answer, Proposal) and check(answer.plan, book).steps


@pytest.mark.parametrize("goal", OTHERS)
def test_a_question_in_plain_words_gets_its_tool_with_arguments_that_fit(planner, book, goal):
    answer = planner.plan(goal, book, as_of=NOW)
    assert isinstance(answer, Proposal), answer
    assert " ".join(step.tool for step in check(answer.plan, book).steps) == OTHERS[goal]
