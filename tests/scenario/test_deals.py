"""Changing deals through the front door: what is approved is what is changed, once, and closing needs two people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cuga.adapters.capability import Opportunity
from cuga.errors import NotAllowed
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.sample import HERO, HERO_DEAL, write_sample

AT = datetime(2026, 1, 5, tzinfo=UTC)
BOB, CID = (Principal(id=name, roles=("approver",)) for name in ("bob", "cid"))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Coordinator]:
    write_sample(tmp_path / "export")
    async with Coordinator("smb", user="ann") as opened:
        import_directory(tmp_path / "export", (await opened.open()).crm)
        yield opened


async def deal(house: Coordinator, name: str = HERO_DEAL) -> Opportunity:
    found = (await house.open()).crm.get("opportunities", name)
    assert isinstance(found, Opportunity)
    return found


async def asked(house: Coordinator, goal: str):
    result = await house.run(goal, as_of=AT)
    assert result.status.value == "parked", result
    (card,) = await house.inbox(result.run_id)
    return result.run_id, card


async def test_the_request_shows_the_old_value_beside_the_new_one_and_nothing_moves_before_it_is_approved(house):
    run_id, card = await asked(house, f"update the {HERO} deal to Negotiation, close date 30 March")
    for line in ("stage: Negotiation", "closes: 2026-03-30", "stage: Proposal", 'closes: ""'):
        assert line in card.readable
    assert card.quorum == 1 and (await deal(house)).stage == "Proposal"
    await house.answer(card.approval_id, "approve", digest=card.digest)
    done = await house.wait(run_id)
    changed = await deal(house)
    assert done.success and (changed.stage, str(changed.closes), changed.version) == ("Negotiation", "2026-03-30", 2)


async def test_a_value_that_moved_while_the_request_waited_is_not_overwritten(house):
    run_id, card = await asked(house, f"update stage of {HERO_DEAL} to Negotiation")
    other_id, other = await asked(house, f"update stage of {HERO_DEAL} to Discovery")
    for one in (card, other):
        await house.answer(one.approval_id, "approve", digest=one.digest)
        await house.wait(one.run_id)
    assert (await house.result(run_id)).success
    late = await house.result(other_id)
    assert not late.success and (await deal(house)).stage == "Negotiation"
    assert any("as it was agreed to" in str(event) for event in await house.events(other_id))


async def test_one_person_alone_never_closes_a_deal(house):
    run_id, card = await asked(house, f"mark {HERO_DEAL} as lost")
    assert card.quorum == 2
    with pytest.raises(NotAllowed, match="2 people must agree"):
        await house.answer(card.approval_id, "approve", digest=card.digest)
    assert (await deal(house)).status == "open"


async def test_two_people_close_a_deal(house):
    for name in ("bob", "cid"):
        await house.change(h.UserAdded(at=AT, user=name, roles=("approver",)))
    run_id, card = await asked(house, f"update stage of {HERO_DEAL} to Won")
    for _ in range(2):
        await house.answer(card.approval_id, "approve", digest=card.digest, by=BOB)
    assert (await deal(house)).status == "open"  # two clicks of one person are one vote
    await house.answer(card.approval_id, "approve", digest=card.digest, by=CID)
    assert (await house.wait(run_id)).success
    assert ((await deal(house)).status, (await deal(house)).stage) == ("won", "Won")


async def test_an_amendment_that_closes_the_deal_needs_two_as_well(house):
    for name in ("bob", "cid"):
        await house.change(h.UserAdded(at=AT, user=name, roles=("approver",)))
    run_id, card = await asked(house, f"update stage of {HERO_DEAL} to Negotiation")
    assert card.quorum == 1
    await house.answer(
        card.approval_id, "amend", digest=card.digest, by=BOB, changes={"outcome": "won", "stage": "Won"}
    )
    (amended,) = await house.inbox(run_id)
    assert amended.quorum == 2


@pytest.mark.parametrize("is_made", [True, False], ids=["made", "not made"])
async def test_a_change_whose_answer_was_lost_is_found_out_and_made_once(house, is_made):
    store = (await house.open()).crm
    edit, tries = store.edit, []

    def lossy(change):
        tries.append(change.key)
        if len(tries) == 1:
            if is_made:
                edit(change)
            raise ConnectionError("the answer was lost")
        return edit(change)

    store.edit = lossy  # type: ignore[method-assign]
    run_id, card = await asked(house, f"update stage of {HERO_DEAL} to Negotiation")
    await house.answer(card.approval_id, "approve", digest=card.digest)
    assert (await house.wait(run_id, 30)).success
    changed = await deal(house)
    assert (changed.stage, changed.version) == ("Negotiation", 2)  # changed exactly once
    assert len(tries) == (1 if is_made else 2) and len(set(tries)) == 1


async def test_a_call_is_recorded_in_the_words_of_the_goal(house):
    run_id, card = await asked(house, f"Log a call with {HERO}: talked about the criteria, they like it")
    await house.answer(card.approval_id, "approve", digest=card.digest)
    assert (await house.wait(run_id)).success
    rows = [row for row in (await house.open()).crm.query("activities", limit=-1) if row.id.startswith("log-")]
    assert [(row.text, row.account, row.opportunity_id) for row in rows] == [
        ("talked about the criteria, they like it", HERO, HERO_DEAL)
    ]


async def test_a_change_whose_old_value_nobody_saw_is_refused_with_what_to_state(house):
    step = PlanStep(tool="update_opportunity", input={"opportunity": HERO_DEAL, "stage": "Negotiation"})
    plan = Plan(goal="by hand", steps=(step,))
    waiting = await house.execute_plan(plan)
    (card,) = await house.inbox(waiting.run_id)
    await house.answer(card.approval_id, "approve", digest=card.digest)
    await house.wait(waiting.run_id)
    assert (await deal(house)).stage == "Proposal"
    assert any("stage='Proposal'" in str(event) for event in await house.events(waiting.run_id))


async def test_the_evidence_of_a_call_flows_into_the_qualification(house):
    goal = (
        f"Notes from my call w/ {HERO} today: criteria are: offline and cheap, nobody could tell me how the committee "
        "decides. fill in MEDDICC and flag the gaps"
    )
    result = await house.run(goal, as_of=AT)
    assert result.success
    qualification = next(output for output in result.results.values() if "deals" in output)
    states = {element["element"]: element["state"] for element in qualification["deals"][0]["elements"]}
    assert states["decision criteria"] == "confirmed" and states["decision process"] == "unknown"
