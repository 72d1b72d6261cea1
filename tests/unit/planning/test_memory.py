"""Memory as a hint: it orders what the words have found, and decides nothing else."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.planning.catalogue import few, house, rulebook

from cuga.model.event import Status
from cuga.model.tool import SideEffect, ToolContract
from cuga.planning import PlanningAuthority, Proposal
from cuga.planning.memory import MOST, PastGoal, favoured, favours, remembered
from cuga.planning.ranking import Match

GOAL = "Ponder Kestrel Tools"


def contract(name: str, side_effect: SideEffect = SideEffect.READ_ONLY) -> ToolContract:
    words = ("ponder", "muse")
    return ToolContract(name=name, domain="knowledge", side_effect=side_effect, purpose="", keywords=words)


TWINS = [contract("glimpse"), contract("zoom")]
BOOK = rulebook({**few(), **{twin.name: twin for twin in TWINS}})


def past(likeness: float = 0.9, run: str = "r1", **tools: str) -> PastGoal:
    return PastGoal(run_id=run, goal=GOAL, status=Status.SUCCESS, tools=tools, likeness=likeness)


class Told:
    """A recall that says what it was given, and remembers who asked."""

    def __init__(self, *goals: PastGoal) -> None:
        self.goals = goals
        self.asked: list[tuple[str, str]] = []

    async def like(self, goal: str, profile: str) -> tuple[PastGoal, ...]:
        self.asked.append((goal, profile))
        return self.goals


async def chosen(*goals: PastGoal, goal: str = GOAL, book=BOOK) -> Proposal:
    answer = await PlanningAuthority(house(), memory=Told(*goals))(goal, book)
    assert isinstance(answer, Proposal), answer
    return answer


async def test_between_equals_the_one_that_served_before_is_chosen_and_the_runs_are_named():
    assert [step.tool for step in (await chosen()).plan.steps] == ["glimpse"]
    answer = await chosen(past(zoom="done"))
    assert [step.tool for step in answer.plan.steps] == ["zoom"]
    assert "zoom: remembered from goals like this: done in r1; a hint for the order, nothing more" in answer.plan.why


async def test_what_failed_or_was_denied_before_goes_behind():
    for ending in ("failed", "denied"):
        answer = await chosen(past(glimpse=ending))
        assert [step.tool for step in answer.plan.steps] == ["zoom"]


async def test_a_tool_that_the_words_do_not_name_is_never_chosen():
    other = msgspec.structs.replace(contract("other"), keywords=("unrelated",))
    book = rulebook({**BOOK.contracts, "other": other})
    answer = await chosen(*(past(1.0, f"r{n}", other="done") for n in range(50)), book=book)
    assert [step.tool for step in answer.plan.steps] == ["glimpse"]


async def test_the_recall_is_asked_with_the_goal_and_the_profile():
    told = Told()
    await PlanningAuthority(house(), memory=told)(GOAL, BOOK)
    assert told.asked == [(GOAL, BOOK.profile.name)]


async def test_memory_changes_no_plan_whose_words_are_clear():
    book = rulebook(few())
    goal = "Score Kestrel Tools, draft a first email to its buyer and check it"
    plain = await chosen(goal=goal, book=book)
    hinted = await chosen(*(past(1.0, f"r{n}", query_crm="done", score_account_fit="failed") for n in range(9)),
                          goal=goal, book=book)  # fmt: skip
    assert hinted.plan.steps == plain.plan.steps
    assert hinted.plan.notes == plain.plan.notes


def test_nothing_speaks_for_an_effect_outside():
    contracts = {c.name: c for c in (contract("post", SideEffect.EXECUTE), contract("look"))}
    found = favours([past(1.0, post="done", look="done", gone="done")], contracts)
    assert found == {"look": MOST}
    assert favours([past(1.0, post="failed")], contracts) == {"post": -MOST}


def test_many_goals_weigh_no_more_than_the_most():
    contracts = {"look": contract("look")}
    assert favours([past(1.0, f"r{n}", look="done") for n in range(99)], contracts) == {"look": MOST}
    assert favours([past(0.5, look="skipped")], contracts) == {}
    assert favours([past(0.5, look="done"), past(0.5, "r2", look="failed")], contracts) == {}


@pytest.mark.parametrize("share", [MOST, -MOST])
def test_an_order_changes_only_among_what_was_enough(share: float):
    matches = [Match("a", 0.52, {}), Match("b", 0.51, {}), Match("c", 0.49, {})]
    found = favoured(matches, {"b": share, "c": MOST, "a": -share}, 0.5)
    assert [match.tool for match in found] == (["b", "a", "c"] if share > 0 else ["a", "b", "c"])
    assert {match.score for match in found} == {0.52, 0.51, 0.49}
    assert favoured(matches, {}, 0.5) is matches


def test_a_reader_is_told_only_of_tools_that_were_met_before():
    assert remembered([past(look="done")], ["other"]) == ()
    (line,) = remembered([past(look="done"), past(run="r2", look="failed")], ["look", "look"])
    assert "done in r1, failed in r2" in line
