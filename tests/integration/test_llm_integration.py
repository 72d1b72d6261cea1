"""Planning without a model: the rules plan, say why, and plan the same way every time."""

from __future__ import annotations

import pytest
from tests.integration.checks import TODAY, demo, sample

from cuga.cli.commands.showing import DEMO_GOAL
from cuga.cli.production import model_line
from cuga.errors import CugaError
from cuga.model.event import Status, name_of
from cuga.orchestrator import Coordinator
from cuga.orchestrator.llm.models import ModelNow
from cuga.planning import PlanningAuthority

OFF = ModelNow(is_on=False, line="No model: the profile asks none.")
GOALS = (
    DEMO_GOAL,
    "Score Velkarin Foods",
    "Qualify D-1001 with MEDDICC",
    "Draft a first email to the buyer of Velkarin Foods and send it",
)


@pytest.mark.parametrize(
    ("variables", "now", "line"),
    [
        ({}, OFF, "Offline mode (rule-based)"),
        ({"OPENAI_API_KEY": ""}, OFF, "Offline mode (rule-based)"),
        ({"OPENAI_API_KEY": "sk-1"}, OFF, "Offline mode (rule-based); a key is set. No model: the profile asks none."),
        ({"OPENAI_API_KEY": "sk-1"}, ModelNow(is_on=True, line="Model: m plans."), "Enabled (Model: m plans.)"),
    ],
)
def test_the_line_says_who_plans(variables: dict[str, str], now: ModelNow, line: str) -> None:
    assert model_line(now, variables) == line


async def test_a_key_reaches_no_record_and_a_model_that_cannot_be_asked_leaves_the_plan_to_the_rules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("pydantic_ai", reason="the extra `llm` is not installed")
    goal = "Score Velkarin Foods"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abcdef-secret-0123")
    async with sample("smb") as house:
        result = await house.run(goal, as_of=TODAY)
        plan = (await house.planned(result.run_id)).plan
        stored = repr(await house.events(result.run_id))
    assert result.success and plan is not None and plan.planner == "rules"
    assert any("not by a model" in note and "ALLOW_MODEL_REQUESTS" in note for note in plan.notes)
    assert "sk-abcdef" not in stored


async def test_a_profile_that_asks_no_model_is_planned_by_rules_whatever_key_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-abcdef-secret-0123")
    async with sample("enterprise") as house:
        assert not (await house.model_now()).is_on
        planned = await house.plan("Score Velkarin Foods")
        names = [name_of(event) for event in await house.events(planned.run_id)]
    assert planned.plan is not None and planned.plan.notes == () and not any("model" in name for name in names)


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
