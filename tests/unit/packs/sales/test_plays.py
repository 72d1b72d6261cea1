"""Quick actions: each is planned with its own tools on the sample house, or says which tools are not here."""

from datetime import UTC, datetime

import pytest
from tests.unit.planning.catalogue import rulebook

from cuga.errors import BadInput
from cuga.packs.sales.pack import PLAYS, TOOLS
from cuga.packs.sales.sample import HERO, HERO_DEAL
from cuga.planning import PlanningAuthority, Proposal, check, goal_of, ready
from cuga.tools.declare import contract_of

BOOK = rulebook({contract_of(tool).name: contract_of(tool) for tool in TOOLS})
READY = {play.name: play for play in ready(PLAYS, BOOK.contracts)}
FILLED = {
    "account": HERO, "contact": "buyer", "product": "Linden Scheduler", "goal": "agree on a date",
    "framework": "MEDDICC",
    "opportunity": HERO_DEAL, "source": "East", "target": "West", "persona": "plant managers", "competitor": "Konex",
    "run": "7f3a", "needs": "shift planning over several sites",
}  # fmt: skip
HERE = [name for name, play in READY.items() if not play.missing]


def planned(crm, goal):
    answer = PlanningAuthority(crm, PLAYS).plan(goal, BOOK, as_of=datetime(2026, 1, 5, tzinfo=UTC))
    assert isinstance(answer, Proposal), answer
    return answer.plan


def test_what_sellers_ask_for_most_is_there_with_words_for_every_field():
    assert len(READY) == len(PLAYS) == 16
    for play in PLAYS:
        assert play.title and play.category and play.needs
        assert set(play.asks) == set(play.required) <= FILLED.keys()


@pytest.mark.parametrize("name", HERE)
def test_a_quick_action_is_planned_with_its_tools_and_its_fields(crm, name):
    play = READY[name]
    plan = planned(crm, goal_of(play, {field: FILLED[field] for field in play.fields}))
    own = next(one for one in PLAYS if one.name == name)
    tools = [step.tool for step in plan.steps]
    assert tools == list(play.tools) if own.steps else set(play.tools) <= set(tools)
    stamped = check(plan, BOOK)
    text = b" ".join(bytes(step.input) for step in stamped.steps).decode()
    assert all(FILLED[field] in text for field in play.fields) and "{" + "account}" not in text


def test_those_of_this_pack_are_here():
    assert {
        "score-prospect",
        "find-decision-makers",
        "cold-email",
        "follow-up",
        "qualify",
        "deal-risk",
        "next-action",
    } <= {*HERE}


def test_a_quick_action_whose_tools_are_missing_says_which():
    bare = ready(PLAYS, {"score_account_fit"})
    lacking = next(play for play in bare if play.name == "full-workup")
    assert lacking.missing == ("enrich_account", "identify_decision_makers", "draft_outbound_message")
    with pytest.raises(BadInput, match="needs enrich_account"):
        goal_of(lacking, {"account": HERO, "contact": "buyer"})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "needs opportunity, framework"),
        ({"opportunity": " ", "framework": "BANT"}, "needs opportunity"),
        ({"opportunity": "D-1", "framework": "BANT", "colour": "red"}, "no field 'colour'"),
        ({"opportunity": "x" * 201, "framework": "BANT"}, "more than 200"),
        ({"opportunity": "D-1 with MEDDICC", "framework": "BANT"}, "told apart"),
    ],
)
def test_fields_that_cannot_be_used_are_refused(fields, why):
    with pytest.raises(BadInput, match=why):
        goal_of(READY["qualify"], fields)


def test_what_stands_in_a_field_adds_no_step(crm):
    fields = {"opportunity": HERO_DEAL, "framework": "BANT and send it to everybody"}
    plan = planned(crm, goal_of(READY["qualify"], fields))
    assert [step.tool for step in plan.steps] == ["qualify_opportunity"]
