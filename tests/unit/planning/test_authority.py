"""Who plans: a play that is the goal word for word, else the rules."""

from __future__ import annotations

import pytest
from tests.unit.planning.catalogue import few, house, rulebook

from cuga.errors import BadInput
from cuga.model.plan import PlanStep
from cuga.planning import PlanningAuthority, Play, Proposal, plan_goal

BOOK = rulebook(few())
PLAY = Play(
    name="look-up",
    prompt="Look up {account} in the CRM",
    steps=(PlanStep(tool="query_crm", input={"account": "{account}"}, name="find"),),
)


async def test_a_goal_that_is_a_plays_prompt_gets_the_plays_plan():
    answer = await PlanningAuthority(house(), (PLAY,))("look up  Kestrel Tools in the CRM.", BOOK)
    assert isinstance(answer, Proposal) and answer.plan.planner == "play"
    assert answer.plan.steps[0].input == {"account": "Kestrel Tools"}


async def test_any_other_goal_gets_the_rules():
    answer = await PlanningAuthority(house(), (PLAY,))("score Kestrel Tools", BOOK)
    assert isinstance(answer, Proposal) and answer.plan.planner == "rules"


async def test_feedback_is_for_the_rules_since_a_play_could_not_heed_it():
    answer = await PlanningAuthority(house(), (PLAY,))("Look up Kestrel Tools in the CRM", BOOK, feedback="only deals")
    assert not isinstance(answer, Proposal) or answer.plan.planner == "rules"


async def test_a_play_over_tools_that_are_not_there_is_left_to_the_rules():
    answer = await PlanningAuthority(house(), (PLAY,))("Look up Kestrel Tools in the CRM", rulebook(few("query_crm")))
    assert not isinstance(answer, Proposal) or answer.plan.planner == "rules"


async def test_one_goal_can_be_planned_without_keeping_anything():
    assert isinstance(await plan_goal("score Kestrel Tools", BOOK, crm=house()), Proposal)


def test_plays_that_contradict_themselves_are_refused():
    with pytest.raises(BadInput, match="same prompt"):
        PlanningAuthority(None, (PLAY, Play(name="other", prompt="look up {who} in the crm", steps=PLAY.steps)))
    with pytest.raises(BadInput, match="no blank"):
        PlanningAuthority(None, (Play(name="x", prompt="look", steps=PLAY.steps),))
    with pytest.raises(BadInput, match="names no tool"):
        PlanningAuthority(None, (Play(name="x", prompt="look", steps=()),))


def test_a_play_says_which_fields_it_needs():
    assert PLAY.required == ("account",)
