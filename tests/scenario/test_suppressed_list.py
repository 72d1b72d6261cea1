"""A send to several people: who must not be written to is left out and named before anybody is asked."""

from __future__ import annotations

import pytest
from tests.scenario.test_privacy import ADDRESS, furnished

from cuga.errors import BadInput
from cuga.model.plan import ForEach, Plan, PlanStep
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make

OTTO, THIRD = "Otto+News@plain.example", "third@plain.example"


@pytest.fixture
async def front(tmp_path):
    async with Coordinator("smb", house=make(tmp_path / "house").root, user="sam") as front:
        await furnished(front)
        yield front


def message(address):
    return {
        "kind": "message", "channel": "email", "intent": "hello", "recipient": address, "recipient_name": "X",
        "subject": "S", "body": "Hello\n", "account": "Birchline Ltd",
    }  # fmt: skip


def to_each(*addresses):
    items = ForEach(items=tuple(message(one) for one in addresses))
    return Plan(goal="send", steps=(PlanStep(tool="send_message", input={"message": {"$item": ""}}, for_each=items),))


def to_one(address):
    return Plan(goal="send", steps=(PlanStep(tool="send_message", input={"message": message(address)}),))


@pytest.mark.parametrize("entry", ["otto@plain.example", "@plain.example"])
async def test_the_one_who_is_on_the_list_is_left_out_and_named_in_the_request(front, tmp_path, entry):
    await front.suppress((entry,), "asked on the phone")
    last = THIRD if "otto" in entry else "third@other.example"
    run = await front.execute_plan(to_each(ADDRESS, OTTO, last))
    (card,) = await front.inbox()
    assert card.calls == ("s1#1", "s1#3")
    assert f"{OTTO} is on the suppression list" in card.consequences[1]
    assert card.consequences[1].startswith("Left out before you were asked: s1#2, ")
    await front.answer(card.approval_id, "approve")
    result = await front.wait(run.run_id)
    assert result.status.value == "partial" and len(list((tmp_path / "house" / "outbox").glob("*.eml"))) == 2
    assert OTTO in (await front.show(run.run_id)).reason


async def test_nobody_is_asked_when_all_are_on_the_list_or_the_only_one_is(front):
    await front.suppress((OTTO, THIRD), "asked")
    for plan in (to_each(OTTO, THIRD), to_one(OTTO)):
        run = await front.execute_plan(plan)
        assert run.status.value == "failed" and await front.inbox() == []


async def test_who_comes_on_the_list_while_it_is_waited_for_gets_nothing(front, tmp_path):
    run = await front.execute_plan(to_each(ADDRESS, OTTO))
    (card,) = await front.inbox()
    await front.suppress((OTTO,), "asked")
    await front.answer(card.approval_id, "approve")
    assert (await front.wait(run.run_id)).status.value == "partial"
    assert len(list((tmp_path / "house" / "outbox").glob("*.eml"))) == 1


async def test_an_amendment_to_somebody_on_the_list_is_refused(front):
    await front.suppress((OTTO,), "asked")
    await front.execute_plan(to_one(ADDRESS))
    (card,) = await front.inbox()
    with pytest.raises(BadInput, match="suppression list"):
        await front.answer(card.approval_id, "amend", changes={"message.recipient": OTTO})
