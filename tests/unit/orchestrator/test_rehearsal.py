"""Rules that are tried: cases as data, other rules over what was done, and rules in the shadow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs.pages import DOCS

from cuga.errors import BadInput, NotFound, ProfileUnknown, RegistryInvalid
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make, shipped_registry
from cuga.orchestrator.rehearsal import Stage, read_cases, rehearse

PAGE = (DOCS / "howto/try-rules.md").read_text("utf-8")
CASES = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)[0]


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(shipped_registry(), "shipped")


def test_the_cases_of_the_page_hold(stage: Stage) -> None:
    outcomes = rehearse(stage, read_cases(CASES, "page"))
    assert [one.wrong for one in outcomes] == [()] * len(outcomes)
    assert len(outcomes) == 4


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        ("{tool: send_message, profile: enterprise, expect: allowed}", "expected allowed, it is asks"),
        ("{tool: send_message, profile: enterprise, expect: asks, because: the moon}", "no reason says 'the moon'"),
        ("{tool: send_message, profile: enterprise, expect: asks, quorum: 9}", "expected 9 to agree"),
        ("{tool: send_message, profile: enterprise, expect: asks, roles: [admin]}", "expected admin to decide"),
        ("{tool: no_such_tool, profile: smb, expect: allowed}", "expected allowed, it is refused"),
        ("{tool: send_message, profile: nobody, expect: asks}", "expected asks, it is refused"),
    ],
)
def test_a_case_that_does_not_hold_says_how(stage: Stage, case: str, wrong: str) -> None:
    (outcome,) = rehearse(stage, read_cases(f"cases:\n  - {case}\n", "file"))
    assert wrong in "; ".join(outcome.wrong)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cases: []",
        "other: 1",
        "cases:\n  - {tool: x}",
        "cases:\n  - {tool: x, expect: maybe}",
        "cases:\n  - {tool: x, expect: asks, nonsense: 1}",
        "cases:\n  - text",
        "cases: &a\n  - {tool: x, expect: asks}",
    ],
)
def test_a_file_that_holds_no_cases_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(BadInput) as error:
        read_cases(text, "cases.yaml")
    assert "expect is allowed, asks or refused" in error.value.next_step


def test_a_registry_with_mistakes_is_no_stage(tmp_path: Path) -> None:
    with pytest.raises(RegistryInvalid):
        Stage("version: 1\nnonsense: 2\n", "wrong")
    with pytest.raises(RegistryInvalid):
        Stage.of(tmp_path / "none.yaml")


def test_an_unknown_profile_is_named(stage: Stage) -> None:
    with pytest.raises(ProfileUnknown):
        stage.rules("nobody")


async def work(cuga: Coordinator) -> str:
    steps = tuple(PlanStep(tool="query_crm", input={"kind": kind}) for kind in ("accounts", "contacts"))
    return (await cuga.execute_plan(Plan(goal="look twice", steps=steps))).run_id


async def test_the_same_rules_change_nothing_and_stricter_ones_name_whom_they_would_stop(tmp_path: Path) -> None:
    place = make(tmp_path / "house")
    async with Coordinator("smb", house=place.root, user="ann") as cuga:
        run_id = await work(cuga)
        same = await cuga.backtest(shipped_registry())
        assert (same.runs, same.steps, same.changes, same.stopped) == (1, 2, (), {})
        forbidding = shipped_registry() + "\ntools:\n  query_crm: {side_effect: execute}\n"
        found = await cuga.backtest(forbidding)
        assert found.count("allowed", "asks") == 2
        assert {change.requester for change in found.changes} == {"ann"}
        assert {change.run_id for change in found.changes} == {run_id}


async def test_the_same_rules_change_nothing_of_what_no_registry_decided(tmp_path: Path) -> None:
    place = make(tmp_path / "house")
    few, found_in = re.subn(r"(smb:\n(?:.*\n)*?\s+calls: )\d+", r"\g<1>1", shipped_registry(), count=1)
    few, parks = re.subn("at_limit: stop", "at_limit: park", few)
    assert found_in == 1 and parks
    place.registry.write_text(few)
    message = {"channel": "linkedin", "recipient": "x", "subject": "", "body": "Hello", "intent": "i"}
    async with Coordinator("smb", house=place.root, user="ann") as cuga:
        stopped = PlanStep(tool="send_message", input={"message": message})
        refused = await cuga.execute_plan(Plan(goal="send", steps=(stopped,)))
        assert refused.next_steps, refused.reason
        waits = await work(cuga)
        await cuga.top_up(waits, "calls", 5)
        asked = PlanStep(tool="draft_outbound_message", input={"account": "x"}, ask_first=True)
        await cuga.execute_plan(Plan(goal="draft", steps=(asked,)))
        found = await cuga.backtest(few)
        assert (found.runs, found.changes) == (3, ())
        forbidding = few.replace("  smb:\n", "  smb:\n    forbidden_tools: [draft_outbound_message]\n")
        assert (await cuga.backtest(forbidding)).count("asks", "refused") == 1


async def test_a_smaller_budget_stops_the_step_that_goes_beyond_it(tmp_path: Path) -> None:
    place = make(tmp_path / "house")
    smaller, found_in = re.subn(r"(smb:\n(?:.*\n)*?\s+calls: )\d+", r"\g<1>1", shipped_registry(), count=1)
    assert found_in == 1
    async with Coordinator("smb", house=place.root, user="ann") as cuga:
        await work(cuga)
        found = await cuga.backtest(smaller)
    assert [(change.before, change.after) for change in found.changes] == [("allowed", "refused")]
    assert "ends at 1" in found.changes[0].reason
    assert found.stopped == {"ann": 1}


async def test_rules_in_the_shadow_decide_nothing_and_are_told_of_what_came_since(tmp_path: Path) -> None:
    place = make(tmp_path / "house")
    stricter = shipped_registry() + "\ntools:\n  query_crm: {side_effect: execute}\n"
    async with Coordinator("smb", house=place.root, user="ann") as cuga:
        with pytest.raises(NotFound, match="shadow"):
            await cuga.shadow()
        await work(cuga)
        with pytest.raises(RegistryInvalid):
            await cuga.shadow("nonsense: 1")
        assert (await cuga.shadow(stricter)).runs == 0
        result = await cuga.result(await work(cuga))
        assert result.success
        assert (await cuga.shadow()).count("allowed", "asks") == 2
        assert (await cuga.shadow(end=True)).runs == 1
        with pytest.raises(NotFound):
            await cuga.shadow()
    async with Coordinator() as memory:
        with pytest.raises(BadInput, match="memory"):
            await memory.shadow(stricter)
