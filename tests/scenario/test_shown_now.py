"""What is shown of a run that waits is of now: who can decide, and what whoever looks may do about it."""

from __future__ import annotations

import pytest
from tests.scenario.test_privacy import ADDRESS, NAME, furnished, writing_to

from cuga.cli.render.asking import commands_for
from cuga.model.context import Principal
from cuga.model.house_event import RoleRevoked, UserAdded, UserLeft
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make

PIA, SAM, VERA, OLE = (Principal(id=name) for name in ("pia", "sam", "vera", "ole"))


@pytest.fixture
async def team(tmp_path):
    async with Coordinator("smb", house=make(tmp_path / "house").root, user="sam") as front:
        assembly = await furnished(front)
        at = assembly.clock.now()
        for name, role in (("pia", "operator"), ("ben", "approver"), ("vera", "viewer"), ("ole", "operator")):
            await front.change(UserAdded(at=at, user=name, roles=(role,)))
        plan = writing_to(ADDRESS, NAME)
        await front.change(RoleRevoked(at=at, user="sam", role="approver"))
        run_id = await front.start(plan.goal, plan=plan, by=PIA)
        await front.wait(run_id)
        yield front, run_id, at


async def shown(front, run_id):
    """What the command, the list and the page say can be done for a run."""
    (line,) = await front.runs()
    ((found,), _) = await front.find_runs()
    said = (await front.show(run_id)).next
    assert said == line.needs == found.needs
    return said


async def test_who_can_decide_is_said_as_the_house_stands_now(team):
    front, run_id, at = team
    (card,) = await front.inbox()
    command = f"cuga approve {card.approval_id}"
    assert await shown(front, run_id) == (f"{command}    by ben; who asked does not decide",)
    await front.change(UserAdded(at=at, user="ana", roles=("approver",)))
    assert await shown(front, run_id) == (f"{command}    by ana or ben; who asked does not decide",)
    await front.change(UserLeft(at=at, user="ben"))
    assert await shown(front, run_id) == (f"{command}    by ana; who asked does not decide",)
    await front.change(UserLeft(at=at, user="ana"))
    (said,) = await shown(front, run_id)
    assert said.startswith("cuga users add NAME --role approver") and card.approval_id in said


async def test_a_house_that_has_become_one_of_several_no_longer_says_that_it_has_one_person(tmp_path):
    async with Coordinator("smb", house=make(tmp_path / "house").root, user="sam") as front:
        await furnished(front)
        run = await front.execute_plan(writing_to(ADDRESS, NAME))
        (card,) = await front.inbox()
        assert await shown(front, run.run_id) == (f"cuga approve {card.approval_id}",)
        at = (await front.open()).clock.now()
        await front.change(UserAdded(at=at, user="ben", roles=("approver",)))
        assert await shown(front, run.run_id) == (
            f"cuga approve {card.approval_id}    by ben; who asked does not decide",
        )


@pytest.mark.parametrize(("who", "may"), [(PIA, True), (SAM, True), (VERA, False), (OLE, False)])
async def test_taking_a_run_back_is_offered_to_whoever_may(team, who, may):
    front, run_id, _ = team
    (card,) = await front.inbox()
    now = await front.card_now(card.approval_id, by=who)
    assert now.may_cancel is may and not now.may_decide
    offered = [command for command, _ in commands_for(now.card, now)]
    assert (f"cuga cancel {run_id}" in offered) is may
