"""The shipped tools in the places of the wider catalogue: their words take no goal from each other."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.unit.planning.catalogue import contracts, goals, maven, rulebook, scorer

from cuga.errors import PlanInvalid
from cuga.packs.sales.pack import TOOLS
from cuga.planning import Proposal, Question, RulePlanner, check
from cuga.tools.declare import contract_of

# Goals that need more than a plan: a draft kept elsewhere (d13), and a deal that only a person can tell (d21).
BEYOND = {"d13", "d21"}


def test_goals_are_planned_with_the_shipped_contracts_as_with_the_catalogues():
    real = {contract_of(tool).name: contract_of(tool) for tool in TOOLS}
    data, book = goals(), rulebook({**contracts(), **real})
    planner, judge, failed = RulePlanner(maven()), scorer().judge, {}
    for goal in data["goals"]:
        answer = planner.plan(goal["goal"], book, as_of=datetime(2017, 12, 31, tzinfo=UTC))
        plan = {"outcome": "ask" if isinstance(answer, Question) else "refuse", "steps": []}
        if isinstance(answer, Proposal):
            try:
                steps = check(answer.plan, book).steps
            except PlanInvalid as error:
                failed[goal["id"]] = str(error)
                continue
            plan = {
                "outcome": "plan",
                "gated": [step.tool for step in steps if step.side_effect.value == "execute"],
                "steps": [
                    {"tool": s.tool, "inputs": json.loads(bytes(s.input)), "when": s.when.expr if s.when else None}
                    for s in steps
                ],
            }
        faults, _ = judge(goal, plan, data["always_may"], set(data["tools"]))
        if faults:
            failed[goal["id"]] = "; ".join(faults)
    assert len(failed) <= 3 and failed.keys() - BEYOND <= {"d14"}, failed


@pytest.mark.parametrize(
    ("goal", "tool", "expected"),
    [
        ("move the dambase deal to Prospecting, close date 30 Nov", "update_opportunity", "was"),
        ("Log a call with dambase: talked pricing, they like it", "log_activity", "dambase"),
        ("which of Darcel Schlecht's deals are stale?", "check_stage_hygiene", "Darcel Schlecht"),
        ("review a 15% discount for dambase", "review_quote", "15%"),
        ("Prepare me for the meeting with dambase", "prepare_meeting_brief", "dambase"),
        ("mark the dambase deal as lost", "update_opportunity", "lost"),
    ],
)
def test_what_sellers_say_of_deals_is_planned(goal, tool, expected):
    book = rulebook({contract_of(tool).name: contract_of(tool) for tool in TOOLS})
    answer = RulePlanner(maven()).plan(goal, book, as_of=datetime(2017, 12, 31, tzinfo=UTC))
    assert isinstance(answer, Proposal), answer
    (step,) = answer.plan.steps
    assert step.tool == tool and expected in json.dumps(step.input)


def test_a_change_states_the_values_that_it_replaces_and_no_others():
    book = rulebook({contract_of(tool).name: contract_of(tool) for tool in TOOLS})
    goal = "move the dambase deal to Prospecting, close date 30 Nov"
    answer = RulePlanner(maven()).plan(goal, book, as_of=datetime(2017, 12, 31, tzinfo=UTC))
    assert isinstance(answer, Proposal)
    assert answer.plan.steps[0].input["was"] == {"stage": "Engaging", "closes": ""}


@pytest.mark.parametrize(
    "goal",
    [
        "Send a first email to the buyer of dambase",
        "Send dambase a first email",
        "Send a follow-up email to the buyer of dambase",
        "Please send a short email to the buyer of dambase about pricing",
        "Send a mail to bob@example.com at dambase",
        "Send an intro to the buyer of dambase",
        "Send an email to dambase",
    ],
)
def test_an_order_to_send_sends_and_its_draft_knows_the_account(goal):
    book = rulebook({contract_of(tool).name: contract_of(tool) for tool in TOOLS})
    answer = RulePlanner(maven()).plan(goal, book, as_of=datetime(2017, 12, 31, tzinfo=UTC))
    assert isinstance(answer, Proposal), answer
    steps = {step.tool: step.input for step in answer.plan.steps}
    assert [*steps] == ["draft_outbound_message", "check_outreach_compliance", "send_message"]
    assert steps["draft_outbound_message"]["account"] == "dambase"


def test_several_accounts_are_each_sent_a_message_of_their_own():
    book = rulebook({contract_of(tool).name: contract_of(tool) for tool in TOOLS})
    answer = RulePlanner(maven()).plan(
        "Send an email to Konex and to Treequote", book, as_of=datetime(2017, 12, 31, tzinfo=UTC)
    )
    assert isinstance(answer, Proposal), answer
    drafted = [step.input["account"] for step in answer.plan.steps if step.tool == "draft_outbound_message"]
    assert drafted == ["Konex", "Treequote"]
    checked = check(answer.plan, book).steps
    assert {s.depends_on[0] for s in checked if s.tool == "send_message"} == {"s1", "s4"}


@pytest.mark.parametrize("goal", ["Send dambase our price list", "send the brief on dambase to bob@example.com"])
def test_sending_another_thing_is_no_order_to_invite(goal):
    book = rulebook({contract_of(tool).name: contract_of(tool) for tool in TOOLS})
    answer = RulePlanner(maven()).plan(goal, book)
    planned = {step.tool for step in answer.plan.steps} if isinstance(answer, Proposal) else set()
    assert not planned & {"propose_meeting", "send_meeting_invitation"}
