"""Approvals under their older names: really waited for, decided once, open when nobody answers, never by silence."""

import asyncio
import dataclasses
import threading
from datetime import UTC, datetime

import msgspec
import pytest
from tests.hands import World, asked, say, steps, worker

from cuga.errors import (
    ApprovalClosed,
    ApprovalDeniedError,
    ApprovalNotFound,
    ApprovalTimeoutError,
    BadInput,
    NotAllowed,
)
from cuga.model import house_event as h
from cuga.orchestrator import (
    ApprovalEvent,
    ApprovalGate,
    ApprovalManager,
    ApprovalPolicy,
    ApprovalRequest,
    ApprovalResponse,
    ApprovalStatus,
    Coordinator,
    ExecutionContext,
    Plan,
    PlanStep,
)
from cuga.orchestrator.approval import consent
from cuga.orchestrator.home import Home
from cuga.orchestrator.house.place import make
from cuga.orchestrator.library.asking import response_of
from cuga.orchestrator.library.rooms import rules_for_agents

AT = datetime(2026, 1, 5, tzinfo=UTC)
CONTEXT = ExecutionContext(trace_id="t1", profile="enterprise")


@pytest.fixture
def world():
    return World()


@pytest.fixture
def manager():
    return ApprovalManager(ApprovalPolicy(timeout_seconds=20))


# --- the words --------------------------------------------------------------------------------------------------------
def test_a_policy_is_a_rule_over_tool_and_inputs():
    policy = ApprovalPolicy(approval_required=lambda tool, inputs: tool == "post" and inputs.get("to") != "me")
    assert policy.requires_approval("post", {"to": "you"}) and not policy.requires_approval("post", {"to": "me"})
    assert not policy.requires_approval("look", {}) and policy.timeout_seconds == 300.0


@pytest.mark.parametrize("always", [True, False])
def test_a_policy_may_be_always_or_never(always):
    assert ApprovalPolicy(always).requires_approval("anything") is always


def test_a_response_is_a_flag_or_a_status():
    yes = ApprovalResponse(request_id="r", approved=True, reviewer="ann", reasoning="fine")
    no = ApprovalResponse(request_id="r", status="rejected")
    assert (yes.status, yes.approved) == (ApprovalStatus.APPROVED, True) and yes.responded_at.tzinfo is not None
    assert (no.status, no.approved) == (ApprovalStatus.DENIED, False)


@pytest.mark.parametrize("said", [{}, {"approved": True, "status": "denied"}])
def test_a_response_that_says_nothing_or_both_is_refused(said):
    with pytest.raises(BadInput):
        ApprovalResponse(request_id="r", **said)


def test_events_of_approvals_have_canonical_names_and_read_as_objects_and_mappings():
    asked_for = ApprovalEvent.create_requested("t1", "r1", "post")
    answered = ApprovalEvent.create_received("t1", "r1", approved=False, by="ann")
    late = ApprovalEvent.create_timeout("t1", "r1")
    names = [event.name for event in (asked_for, answered, late)]
    assert names == ["approval_requested", "approval_received", "approval_timeout"]
    assert asked_for.tool == asked_for["tool"] == "post" and answered.get("verdict") == "deny"
    assert {event.trace_id for event in (asked_for, answered, late)} == {"t1"}


# --- asking -----------------------------------------------------------------------------------------------------------
async def test_a_yes_comes_back_with_who_said_it(manager):
    context = ExecutionContext(trace_id="t1", profile="demo")
    asking = asyncio.ensure_future(manager.request_approval("wire_money", {"sum": 5}, context))
    await say(manager, reviewer="bob", reasoning="as agreed")
    response = await asking
    assert response.approved and (response.reviewer, response.reasoning) == ("bob", "as agreed")


async def test_a_no_comes_back_as_a_no(manager):
    asking = asyncio.ensure_future(manager.request_approval("wire_money", {}, CONTEXT))
    await say(manager, approved=False, reasoning="too much")
    response = await asking
    assert not response.approved and response.status is ApprovalStatus.DENIED and response.reasoning == "too much"


async def test_what_is_asked_is_shown_whole(manager):
    asking = asyncio.ensure_future(
        manager.request_approval("wire_money", {"sum": 5, "to": "x"}, CONTEXT, reasoning="the bill is due")
    )
    (request,) = await asked(manager)
    assert isinstance(request, ApprovalRequest)
    assert (request.tool_name, dict(request.inputs)) == ("wire_money", {"sum": 5, "to": "x"})
    assert request.reasoning == "the bill is due" and request.requested_at.tzinfo is not None
    assert request.context.trace_id == "t1" and request.risk in ("low", "medium", "high") and request.consequences
    await say(manager)
    await asking


async def test_silence_raises_and_leaves_the_request_open():
    manager = ApprovalManager(ApprovalPolicy(timeout_seconds=0.02))
    with pytest.raises(ApprovalTimeoutError, match="still waits"):
        await manager.request_approval("wire_money", {}, CONTEXT)
    (request,) = await manager.pending()
    assert request.status is ApprovalStatus.PENDING
    request_id = await say(manager)
    assert (await manager.get(request_id)).status is ApprovalStatus.APPROVED
    assert (await manager.wait_for(request_id)).approved


async def test_what_the_policy_does_not_ask_about_is_approved_in_its_name():
    manager = ApprovalManager(ApprovalPolicy(False))
    response = await manager.request_approval("look", {}, CONTEXT)
    assert response.approved and response.reviewer == "policy:not-required"
    assert await manager.pending() == []


async def test_many_can_wait_at_once_and_each_gets_its_own_answer(manager):
    asking = [asyncio.ensure_future(manager.request_approval("pay", {"n": n}, CONTEXT)) for n in range(5)]
    for request in await asked(manager, 5):
        odd = request.inputs["n"] % 2 == 1
        await manager.respond(ApprovalResponse(request_id=request.request_id, approved=odd, reviewer="ann"))
    assert [response.approved for response in await asyncio.gather(*asking)] == [False, True, False, True, False]


# --- answering --------------------------------------------------------------------------------------------------------
async def test_the_same_answer_twice_is_one_and_another_is_refused(manager):
    asking = asyncio.ensure_future(manager.request_approval("pay", {}, CONTEXT))
    (request,) = await asked(manager)
    yes = ApprovalResponse(request_id=request.request_id, approved=True, reviewer="ann")
    await manager.respond(yes)
    await manager.respond(yes)
    with pytest.raises(ApprovalClosed):
        await manager.respond(ApprovalResponse(request_id=request.request_id, approved=False, reviewer="bob"))
    assert (await asking).approved


async def test_an_answer_to_nothing_is_an_error(manager):
    with pytest.raises(ApprovalNotFound):
        await manager.respond(ApprovalResponse(request_id="no-such-a1", approved=True))
    with pytest.raises(ApprovalNotFound):
        manager.submit_response(ApprovalResponse(request_id="no-such-a1", approved=True))


async def test_the_house_says_who_may_decide(world):
    async with Coordinator(tools=(*world.tools(), consent), profile="smb", user="ann") as house:
        at = (await house.open()).clock.now()
        await house.change(h.UserAdded(at=at, user="bob", roles=("approver",)))
        manager = ApprovalManager(ApprovalPolicy(timeout_seconds=20), home=Home.of(house))
        asking = asyncio.ensure_future(manager.request_approval("pay", {}))
        (request,) = await asked(manager)
        for nobody in ("ann", "cid"):
            with pytest.raises(NotAllowed):
                await manager.respond(ApprovalResponse(request_id=request.request_id, approved=True, reviewer=nobody))
        await say(manager, reviewer="bob")
        assert (await asking).reviewer == "bob"


async def test_in_a_house_that_is_kept_a_name_is_no_proof(world, tmp_path):
    async with Coordinator(house=make(tmp_path / "h").root, tools=world.tools(), profile="smb", user="bob") as house:
        plan = Plan(goal="g", steps=(PlanStep(tool="post", input={"to": "x"}),))
        waiting = await house.execute_plan(plan)
        (request,) = await house.approval_manager.pending()
        at = (await house.open()).clock.now()
        await house.change(h.UserAdded(at=at, user="bob", roles=("admin",)))
        await house.change(h.UserAdded(at=at, user="ann", roles=("approver",)))
        yes = ApprovalResponse(request_id=request.request_id, approved=True, reviewer="ann")
        with pytest.raises(NotAllowed, match="nobody has made sure that ann"):
            await house.approval_manager.respond(yes)
        with pytest.raises(NotAllowed, match="asked for it"):
            await house.approval_manager.respond(dataclasses.replace(yes, reviewer="bob"))
        with pytest.raises(BadInput, match="cannot answer in the name of ann"):
            await house.approval_manager.respond(yes, by=await house.principal("bob"))
        await house.approval_manager.respond(yes, by=await house.principal("ann"))
        assert (await house.wait(waiting.run_id)).success and world.counts["post"] == 1


def test_a_plain_function_answers_while_another_waits(manager):
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(asyncio.run(manager.request_approval("pay", {}, CONTEXT))), daemon=True
    )
    asking.start()
    while not (found := manager.pending_now()):
        asking.join(0.005)
    manager.submit_response(ApprovalResponse(request_id=found[0].request_id, approved=True, reviewer="ann"))
    asking.join(20)
    assert [answer.approved for answer in answers] == [True]


async def test_a_house_in_the_callers_loop_is_answered_by_awaiting(world):
    async with Coordinator(tools=world.tools(), profile="smb") as house:
        waiting = await house.execute_plan(Plan(goal="g", steps=(PlanStep(tool="post", input={"to": "x"}),)))
        (request,) = await house.approval_manager.pending()
        yes = ApprovalResponse(request_id=request.request_id, approved=True, reviewer="ann")
        with pytest.raises(BadInput, match="owner's loop"):
            house.approval_manager.submit_response(yes)
        await house.approval_manager.respond(yes)
        assert (await house.wait(waiting.run_id)).success and world.counts["post"] == 1


@pytest.mark.parametrize("kept", [False, True])
async def test_every_house_can_ask_and_be_answered_after_it_was_opened_anew(tmp_path, kept):
    place = make(tmp_path / "h").root if kept else None
    async with Coordinator(house=place, profile="smb") as house:
        request = await house.approval_manager.open_request("pay", {"sum": 1})
        if not kept:
            assert (await say(house.approval_manager)) == request.request_id
            assert (await house.approval_manager.wait_for(request.request_id)).approved
    if kept:
        async with Coordinator(house=place, profile="smb") as house:
            await say(house.approval_manager)
            answer = await house.approval_manager.wait_for(request.request_id)
            assert answer.approved and (await house.wait(request.request_id.rpartition("-a")[0])).success


async def test_a_yes_that_was_taken_back_is_no_yes(world):
    async with Coordinator(tools=(*world.tools(), consent), profile="smb", user="ann") as house:
        at = (await house.open()).clock.now()
        gate = ApprovalGate(manager=ApprovalManager(home=Home.of(house)))
        request = await gate.manager.open_request("pay", {})
        await house.change(h.Halted(at=at, reason="stop"))
        await gate.approve(request.request_id, "ann")
        assert (await house.card(request.request_id)).state == "approved"
        await house.revoke(request.request_id, "changed my mind")
        with pytest.raises(ApprovalDeniedError, match="changed my mind"):
            await gate.wait_for_approval(request)


@pytest.mark.parametrize(
    ("state", "approved"),
    [
        ("used", True),
        ("approved", False),  # nobody has taken the yes yet
        *((s, False) for s in ("open", "denied", "amended", "request-changes", "expired", "lapsed", "revoked")),
        ("superseded", False),
    ],
)
async def test_the_state_of_a_request_is_its_answer_whatever_the_votes(world, state, approved):
    async with Coordinator(tools=(*world.tools(), consent), profile="smb", user="ann") as house:
        manager = ApprovalManager(home=Home.of(house))
        request = await manager.open_request("pay", {})
        await say(manager)
        card = msgspec.structs.replace(await house.card(request.request_id), state=state)
        assert card.approvals >= card.quorum and response_of(card).approved is approved


# --- the gate ---------------------------------------------------------------------------------------------------------
async def test_a_yes_while_the_house_is_halted_lets_nobody_go_on_before_that_is_lifted():
    async with Coordinator(profile="enterprise", user="ann") as house:
        gate = ApprovalGate(manager=ApprovalManager(home=Home.of(house)))
        first, second = [await gate.manager.open_request("wire_money", {"to": to}) for to in ("x", "y")]
        await house.change(h.Halted(at=AT, reason="stop"))
        for request in (first, second):
            await gate.approve(request.request_id, "bob")
            with pytest.raises(ApprovalTimeoutError):
                await gate.wait_for_approval(request, timeout_s=0.1)
            assert (await gate.manager.get(request.request_id)).status is ApprovalStatus.PENDING
        await house.revoke(second.request_id, "not any more")
        with pytest.raises(ApprovalDeniedError):
            await gate.wait_for_approval(second, timeout_s=1)
        await house.change(h.HaltLifted(at=AT))
        assert (await gate.wait_for_approval(first, timeout_s=20)).approved
        assert (await gate.manager.get(first.request_id)).status is ApprovalStatus.APPROVED


async def test_a_yes_whose_run_ended_without_it_is_no_yes():
    async with Coordinator(profile="enterprise", user="ann") as house:
        manager = ApprovalManager(home=Home.of(house))
        request = await manager.open_request("wire_money", {"to": "x"})
        await house.change(h.Halted(at=AT, reason="stop"))
        await house.answer(request.request_id, "approve")
        await house.cancel((await house.card(request.request_id)).run_id)
        assert not (await manager.wait_for(request.request_id, 1)).approved
        assert (await manager.get(request.request_id)).status is ApprovalStatus.CLOSED


async def test_the_gate_gives_a_yes():
    gate = ApprovalGate(ApprovalPolicy(timeout_seconds=20))
    request = gate.create_request("pay", {"sum": 1}, CONTEXT, reasoning="due")
    assert request.status is ApprovalStatus.PENDING and request.request_id
    await gate.approve(request.request_id, "ann", "fine")
    assert (await gate.wait_for_approval(request)).reasoning == "fine"


async def test_the_gate_turns_a_no_into_an_exception():
    gate = ApprovalGate(ApprovalPolicy(timeout_seconds=20))
    request = gate.create_request("pay", {}, CONTEXT)
    await gate.deny(request.request_id, "ann", "not now")
    with pytest.raises(ApprovalDeniedError, match="not now"):
        await gate.wait_for_approval(request)


async def test_the_gate_turns_silence_into_an_exception():
    gate = ApprovalGate(ApprovalPolicy())
    request = gate.create_request("pay", {}, CONTEXT)
    with pytest.raises(ApprovalTimeoutError):
        await gate.wait_for_approval(request, timeout_s=0.01)
    assert (await gate.manager.get(request.request_id)).status is ApprovalStatus.PENDING


# --- in a worker ------------------------------------------------------------------------------------------------------
async def test_a_worker_waits_before_it_touches_the_tool(world, manager):
    agent = worker(world, approval_manager=manager)
    doing = asyncio.ensure_future(agent.execute_with_retry(steps("look", to="x")))
    await asked(manager)
    assert world.calls == [] and not doing.done()
    await say(manager)
    assert (await doing).output == {"fact": "nothing"} and world.counts == {"look": 1}


async def test_a_no_to_a_worker_raises_and_keeps_what_was_done(world):
    manager = ApprovalManager(ApprovalPolicy(lambda tool, _: tool == "count", timeout_seconds=20))
    doing = asyncio.ensure_future(worker(world, approval_manager=manager).execute_with_retry(steps("look", "count")))
    await say(manager, approved=False, reviewer="bob", reasoning="not like this")
    with pytest.raises(ApprovalDeniedError, match="denied by bob: not like this") as caught:
        await doing
    assert caught.value.facts["partial_result"].completed_steps == ("s1",) and world.counts == {"look": 1}


async def test_a_worker_that_nobody_answers_raises_and_does_nothing(world):
    manager = ApprovalManager(ApprovalPolicy(True, timeout_seconds=0.02))
    with pytest.raises(ApprovalTimeoutError):
        await worker(world, approval_manager=manager).execute_with_retry(steps("look"))
    assert world.calls == [] and len(await manager.pending()) == 1


async def test_a_late_yes_still_counts_though_nobody_waits(world):
    manager = ApprovalManager(ApprovalPolicy(True, timeout_seconds=0.02))
    agent = worker(world, approval_manager=manager)
    with pytest.raises(ApprovalTimeoutError) as caught:
        await agent.execute_with_retry(steps("look"))
    await say(manager)
    result = await agent.home.do(agent.home.coordinator.wait(caught.value.facts["run_id"]))
    assert result.success and world.counts == {"look": 1}


async def test_no_policy_of_a_caller_takes_away_what_the_profile_asks_for(world):
    manager = ApprovalManager(ApprovalPolicy(False, timeout_seconds=0.02))
    with pytest.raises(ApprovalTimeoutError):
        await worker(world, approval_manager=manager).execute_with_retry(steps("post", to="x"))
    assert world.calls == []


async def test_a_worker_without_a_manager_does_not_wait_for_nobody(world):
    with pytest.raises(ApprovalTimeoutError, match="after 0 s"):
        await worker(world).execute_with_retry(steps("post", to="x"))
    assert world.calls == []


async def test_one_manager_answers_for_several_workers(world, manager):
    agents = [worker(world, name, approval_manager=manager) for name in ("one", "two")]
    doing = [asyncio.ensure_future(agent.execute_with_retry(steps("look"))) for agent in agents]
    for request in await asked(manager, 2):
        await manager.respond(ApprovalResponse(request_id=request.request_id, approved=True, reviewer="ann"))
    assert len(await asyncio.gather(*doing)) == 2 and world.counts == {"look": 2}


# --- by the profile ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("profile", "tool", "asks"),
    [
        ("enterprise", "look", False),
        ("enterprise", "draft", True),
        ("enterprise", "post", True),
        ("smb", "draft", False),
        ("smb", "post", True),
        ("technical", "post", False),
    ],
)
async def test_who_is_asked_follows_from_the_profile(world, profile, tool, asks):
    async with Coordinator(tools=world.tools(), profile=profile) as house:
        result = await house.execute_plan(Plan(goal="g", steps=(PlanStep(tool=tool, input={"to": "x"}),)))
        assert (result.status.value == "parked") is asks and bool(await house.inbox()) is asks
        expected = 0 if asks or profile == "technical" else 1
        assert world.counts[tool] == expected


async def test_what_a_rule_agrees_to_is_recorded_like_a_decision(world):
    async with Coordinator(tools=world.tools(), profile="smb") as house:
        await house.execute_plan(Plan(goal="g", steps=(PlanStep(tool="draft", input={"to": "x"}),)))
        (received,) = [event for event in house.get_trace() if event.name == "approval_received"]
        assert received.rule == "profile:smb/propose-stays-inside" and received.by == ""


async def test_a_plan_may_ask_for_a_person_where_no_rule_does(world):
    async with Coordinator(tools=world.tools(), registry=rules_for_agents(), profile="smb") as house:
        step = PlanStep(tool="draft", input={"to": "x"}, ask_first=True)
        waiting = await house.execute_plan(Plan(goal="g", steps=(step,)))
        assert waiting.status.value == "parked" and world.calls == []
        (card,) = await house.inbox()
        await house.answer(card.approval_id, "approve")
        assert (await house.wait(waiting.run_id)).success and world.counts == {"draft": 1}


async def test_a_request_outlives_the_process_that_asked(world, tmp_path):
    make(tmp_path)
    async with Coordinator(house=tmp_path, tools=world.tools(), profile="enterprise", user="ann") as house:
        run_id = (await house.execute_plan(Plan(goal="g", steps=(PlanStep(tool="post", input={"to": "x"}),)))).run_id
    async with Coordinator(house=tmp_path, tools=world.tools(), profile="enterprise", user="ann") as house:
        await say(house.approval_manager)
        assert (await house.wait(run_id)).success
    assert world.counts == {"post": 1}
