"""Planning with and without a model: this version has none, says so, and plans the same way every time."""

from __future__ import annotations

import pytest
from tests.integration.checks import TODAY, demo, sample

from cuga.cli.commands.making import DEMO_GOAL
from cuga.cli.production import model_line
from cuga.errors import CugaError
from cuga.model.event import Status
from cuga.orchestrator import Coordinator
from cuga.planning import PlanningAuthority

GOALS = (
    DEMO_GOAL,
    "Score Velkarin Foods",
    "Qualify D-1001 with MEDDICC",
    "Draft a first email to the buyer of Velkarin Foods and send it",
)


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({}, "Offline mode (rule-based)"),
        ({"OPENAI_API_KEY": ""}, "Offline mode (rule-based)"),
        (
            {"OPENAI_API_KEY": "sk-1"},
            "Offline mode (rule-based); a key is set, and this version has no model to use it",
        ),
    ],
)
def test_the_line_says_who_plans(variables: dict[str, str], line: str) -> None:
    assert model_line(variables) == line


async def test_a_key_in_the_environment_changes_no_plan_and_reaches_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abcdef-secret-0123")
    async with sample("smb") as house:
        result = await house.run(DEMO_GOAL, as_of=TODAY)
        plan = (await house.planned(result.run_id)).plan
        stored = repr(await house.events(result.run_id))
    assert result.success and plan is not None and plan.planner == "rules"
    assert "sk-abcdef" not in stored


@pytest.mark.parametrize("goal", GOALS)
async def test_a_goal_is_planned_the_same_in_every_house(goal: str) -> None:
    plans = []
    for _ in range(2):
        async with sample() as house:
            plans.append((await house.plan(goal)).plan)
    assert plans[0] is not None and plans[1] is not None
    assert plans[0].steps == plans[1].steps and plans[0].why == plans[1].why


async def test_a_planner_that_breaks_fails_the_run_with_its_reason_and_runs_nothing() -> None:
    async def broken(*_: object, **__: object) -> object:
        raise CugaError("the model answered with prose")

    async with Coordinator("smb", planner=broken) as house:
        result = await house.run("Score Acme")
    assert result.status is Status.FAILED and "the model answered with prose" in result.reason
    assert result.results == {}


async def test_a_planner_of_ones_own_may_fall_back_to_the_rules_and_its_plan_is_checked_like_any() -> None:
    rules = PlanningAuthority()
    asked = []

    async def model_or_rules(goal: str, rulebook: object, **how: object) -> object:
        asked.append(goal)
        try:
            raise TimeoutError("the model is silent")
        except TimeoutError:
            return await rules(goal, rulebook, **how)  # type: ignore[arg-type]

    async with Coordinator("technical", planner=model_or_rules) as house:
        planned = await house.plan("Draft an email to ann@kestrel.example about shift planning")
    assert asked and planned.plan is not None
    (step,) = planned.plan.steps
    assert (step.tool, step.cost, planned.plan.planner) == ("draft_outbound_message", 1_000_000, "rules")


async def test_the_demo_prints_the_line() -> None:
    assert (await demo()).lines()[0] == "LLM: Offline mode (rule-based)"
