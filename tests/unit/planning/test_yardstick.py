"""Goals in many voices: how many get the plan they want, and what none of them may ever get."""

from __future__ import annotations

import time

import pytest
from tests.unit.planning.catalogue import maven
from tests.unit.planning.yardstick import NOW, books, judged, wanted

from cuga.kernel.consent import effect_of
from cuga.model.tool import SideEffect
from cuga.planning import Proposal, RulePlanner, check

# What the planner reaches (docs/explanation/goals.md) less a little: a change that loses more than that is a step back.
LEAST = {
    ("tuned", "shipped"): 0.87,
    ("tuned", "catalogue"): 0.84,
    ("tuned", "bare"): 0.80,
    ("held_out", "shipped"): 0.81,
    ("held_out", "catalogue"): 0.79,
    ("held_out", "bare"): 0.74,
}


@pytest.fixture(scope="module")
def planner() -> RulePlanner:
    return RulePlanner(maven())


@pytest.mark.parametrize(("name", "book"), LEAST)
def test_as_many_goals_get_the_tools_they_want_as_the_docs_say(planner: RulePlanner, name: str, book: str):
    goals = wanted(name)
    tools = sum(not judged(want, planner, books()[book])[0] for want in goals)
    assert tools / len(goals) >= LEAST[name, book]


def test_there_are_hundreds_of_goals_and_none_is_both_tuned_and_held_out():
    tuned, held = ({want.goal for want in wanted(name)} for name in ("tuned", "held_out"))
    assert len(tuned) >= 200 and len(held) >= 150 and not tuned & held


@pytest.mark.parametrize("name", ["tuned", "held_out"])
def test_no_goal_gets_an_effect_that_it_forbids_or_that_is_not_gated(planner: RulePlanner, name: str):
    book = books()["shipped"]
    for want in wanted(name):
        answer = planner.plan(want.goal, book, as_of=NOW)
        for step in check(answer.plan, book).steps if isinstance(answer, Proposal) else ():
            if step.side_effect is SideEffect.EXECUTE:
                assert step.tool not in want.never, want.goal
                assert effect_of(book.contracts[step.tool], step.input)


def test_a_plan_takes_milliseconds(planner: RulePlanner):
    book, goals = books()["shipped"], wanted("held_out")
    planner.plan("score dambase", book, as_of=NOW)
    start = time.process_time()
    for want in goals:
        planner.plan(want.goal, book, as_of=NOW)
    assert (time.process_time() - start) / len(goals) < 0.05  # measured: 5 ms
