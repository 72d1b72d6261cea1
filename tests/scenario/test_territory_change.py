"""A territory plan through the front door: simulated in one run, applied in another, only as it was agreed to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cuga.errors import BadInput
from cuga.model.plan import REFERENCE
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.sample import HERO, HERO_DEAL, write_sample


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Coordinator]:
    write_sample(tmp_path / "export")
    async with Coordinator("smb", user="ann") as opened:
        import_directory(tmp_path / "export", (await opened.open()).crm)
        yield opened


def step(tool: str, **given: object) -> PlanStep:
    return PlanStep(tool=tool, name=tool, step_id=tool, input=given)


async def owner(house: Coordinator, name: str = HERO) -> str:
    record = (await house.open()).crm.get("accounts", name)
    assert record is not None
    return record.owner  # type: ignore[attr-defined, no-any-return]


async def simulated(house: Coordinator) -> str:
    crm = (await house.open()).crm
    holder = crm.get("opportunities", HERO_DEAL).owner
    team = [name for name, _ in crm.names("teams") if name != holder]
    plan = Plan(goal="see", steps=(step("simulate_territory_change", accounts=[HERO], target=team[0]),))
    done = await house.execute_plan(plan)
    assert done.success, done
    return done.run_id


async def applied(house: Coordinator, run: str):
    plan = Plan(
        goal="apply it",
        steps=(
            step("simulate_territory_change", planned_in=run[-8:]),
            step("apply_territory_change", plan={REFERENCE: {"step": "simulate_territory_change", "path": "/plan"}}),
        ),
    )
    parked = await house.execute_plan(plan)
    (card,) = await house.inbox(parked.run_id)
    return parked.run_id, card


async def test_a_plan_of_an_earlier_run_is_shown_whole_and_written_once_it_is_agreed_to(house):
    was = await owner(house)
    earlier = await simulated(house)
    run_id, card = await applied(house, earlier)
    for said in (HERO, HERO_DEAL, f"opportunity: {HERO_DEAL}", "is_late: true", "plan_hash"):
        assert said in card.readable
    assert await owner(house) == was
    await house.answer(card.approval_id, "approve", digest=card.digest)
    done = await house.wait(run_id)
    assert done.success and await owner(house) != was
    receipt = done.results["apply_territory_change"]
    assert (receipt["written"], receipt["undo_plan"]["moves"][0]["target"]) == (1, was)


async def test_other_moves_than_those_of_the_plan_are_refused_when_they_are_written_down(house):
    run_id, card = await applied(house, await simulated(house))
    with pytest.raises(BadInput, match="somebody has changed them"):
        await house.answer(card.approval_id, "amend", digest=card.digest, changes={"plan.moves": []})
    await house.answer(card.approval_id, "amend", digest=card.digest, changes={"with_deals": True})
    (second,) = await house.inbox(run_id)
    assert second.amends == card.approval_id


async def test_what_moved_while_people_thought_about_it_is_left_alone_and_said(house):
    from cuga.adapters.capability import Edit

    earlier, was = await simulated(house), await owner(house)
    run_id, card = await applied(house, earlier)
    crm = (await house.open()).crm
    crm.edit(Edit(key="other", kind="accounts", record=HERO, was={"owner": was}, becomes={"owner": "Somebody Else"}))
    await house.answer(card.approval_id, "approve", digest=card.digest)
    done = await house.wait(run_id)
    assert done.status.value == "partial" and await owner(house) == "Somebody Else"
    assert any("no row of the plan stands" in str(event) for event in await house.events(run_id))


async def test_a_run_without_a_plan_is_not_taken_for_one(house):
    other = await house.execute_plan(Plan(goal="x", steps=(step("query_crm", kind="accounts"),)))
    plan = Plan(goal="apply", steps=(step("simulate_territory_change", planned_in=other.run_id),))
    done = await house.execute_plan(plan)
    assert not done.success and "gave no territory plan" in str(await house.events(done.run_id))
