"""The front door, in memory: goals and plans, people who decide, and what a run answers."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cuga.clock import ManualClock
from cuga.errors import (
    ApprovalClosed,
    ApprovalExpired,
    ApprovalTimeoutError,
    BadInput,
    DigestMismatch,
    NotAllowed,
    NotDone,
    PlanInvalid,
)
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.event import RunFinished, Status, ToolCallStart
from cuga.model.tool import SideEffect
from cuga.orchestrator import AGENTSCoordinator, Coordinator, ExecutionContext, Plan, PlanStep, ToolBudget
from cuga.orchestrator.house.place import make, shipped_registry
from cuga.orchestrator.protocol import Plan as PlanByItsOlderPath
from cuga.policy.registry import load_registry
from cuga.settings import Settings
from cuga.tools import ToolContext, tool

ANN = Principal(id="ann")
BOB = Principal(id="bob", roles=("approver",))
CID = Principal(id="cid", roles=("approver",))
AT = datetime(2026, 1, 1, tzinfo=UTC)


class World:
    """What the test's tools do to the outside, counted."""

    def __init__(self) -> None:
        self.effects: list[str] = []
        self.fails = 0

    def tools(self) -> tuple[Any, ...]:
        world = self

        @tool(domain="intelligence", side_effect="read-only", cost=0.1, purpose="reads a number")
        async def read_number(context: ToolContext, number: int = 1) -> dict[str, int]:
            return {"number": number}

        @tool(domain="engagement", side_effect="propose", cost=0.1, purpose="proposes", repeatable="key")
        def propose(context: ToolContext, text: str, guidance: str = "") -> dict[str, str]:
            return {"text": text + guidance}

        @tool(
            domain="engagement",
            side_effect="execute",
            cost=0.1,
            purpose="does something outside",
            effect_key=("post", "/to"),
        )
        async def post(context: ToolContext, to: str, text: str = "") -> dict[str, str]:
            if world.fails:
                world.fails -= 1
                world.effects.append(to)
                raise ConnectionResetError("gone after it was applied")
            if to == "nobody":
                raise NotDone("nobody is there")
            world.effects.append(to)
            return {"to": to}

        @tool(domain="knowledge", side_effect="read-only", cost=0.1, purpose="gives much")
        async def much(context: ToolContext) -> dict[str, Any]:
            return {"inner": {"answer": 42}, "padding": "x" * 20_000}

        return read_number, propose, post, much


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def house(world: World) -> Any:
    async with Coordinator(profile="enterprise", tools=world.tools(), user="ann", clock=ManualClock()) as coordinator:
        yield coordinator


def steps(*given: PlanStep) -> Plan:
    return Plan(goal="do it", steps=given)


async def pending(coordinator: Coordinator, run_id: str) -> list[str]:
    return list((await coordinator.state(run_id)).pending)


async def test_the_usage_example_makes_a_real_draft_once_a_second_person_agrees() -> None:
    coordinator = AGENTSCoordinator(profile="enterprise")
    plan = PlanByItsOlderPath(
        plan_id="demo-001",
        goal="Draft outbound message",
        steps=[  # type: ignore[arg-type]
            PlanStep(
                tool="draft_outbound_message",
                input={"recipient": "alice@example.com"},
                reason="User requested",
                metadata={"domain": "engagement"},
            )
        ],
        stage="CREATED",
        budget=ToolBudget(total_calls=200),
        trace_id=coordinator.trace_emitter.trace_id,
    )
    context = ExecutionContext(user_id="ann")
    waiting = await coordinator.execute_plan(plan, context)
    assert (waiting.status, waiting.results) == (Status.PARKED, {})
    assert waiting.trace_id == coordinator.trace_emitter.trace_id

    (asked,) = [event for event in coordinator.get_trace() if event.name == "approval_requested"]
    await coordinator.answer(asked.approval_id, "approve", by=BOB)
    done = await coordinator.wait(waiting.run_id)
    assert done.success
    assert done.results["s1"]["recipient"] == "alice@example.com"
    assert len(done.results["s1"]["body"].split()) > 20
    signals = coordinator.get_golden_signals()
    assert signals["success_rate"] == 1.0 and signals["latency"]["p50"] > 0
    assert coordinator.get_budget_utilization()["total"] == {"used": 1, "limit": 200, "percentage": 0.5}
    await coordinator.close()


async def test_an_effect_waits_for_somebody_who_did_not_ask_for_it(house: Coordinator, world: World) -> None:
    await house.change(h.UserAdded(at=AT, user="bob", roles=("approver",)))
    result = await house.execute_plan(steps(PlanStep(tool="post", input={"to": "x"})))
    (approval,) = await pending(house, result.run_id)
    with pytest.raises(NotAllowed):
        await house.answer(approval, "approve", by=await house.principal("ann"))
    with pytest.raises(DigestMismatch):
        await house.answer(approval, "approve", digest="0" * 64, by=await house.principal("bob"))
    assert world.effects == []
    await house.answer(approval, "approve", by=await house.principal("bob"))
    assert (await house.wait(result.run_id)).success
    assert world.effects == ["x"]


async def test_the_same_answer_twice_is_one_and_another_answer_is_refused(house: Coordinator, world: World) -> None:
    result = await house.execute_plan(steps(PlanStep(tool="post", input={"to": "x"})), ExecutionContext(user_id="ann"))
    (approval,) = await pending(house, result.run_id)
    for _ in range(3):
        await house.answer(approval, "approve", by=BOB)
    await house.wait(result.run_id)
    with pytest.raises(ApprovalClosed):
        await house.answer(approval, "deny", by=CID)
    assert world.effects == ["x"]


async def test_silence_never_approves_and_late_is_late(house: Coordinator, world: World) -> None:
    result = await house.execute_plan(
        steps(PlanStep(tool="read_number"), PlanStep(tool="post", input={"to": "x"})), ExecutionContext(user_id="ann")
    )
    (approval,) = await pending(house, result.run_id)
    clock = (await house.open()).clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(hours=24))
    with pytest.raises(ApprovalExpired):
        await house.answer(approval, "approve", by=BOB)
    ended = await house.resume(result.run_id)
    assert ended.status is Status.PARTIAL and ended.results == {"s1": {"number": 1}}
    assert world.effects == []


async def test_a_denial_ends_the_step_and_keeps_its_siblings(house: Coordinator, world: World) -> None:
    plan = steps(
        PlanStep(tool="post", input={"to": "x"}, name="first"),
        PlanStep(tool="read_number", depends_on=("first",)),
        PlanStep(tool="read_number", input={"number": 7}),
    )
    result = await house.execute_plan(plan, ExecutionContext(user_id="ann"))
    (approval,) = await pending(house, result.run_id)
    await house.answer(approval, "deny", reason="not now", by=BOB)
    ended = await house.wait(result.run_id)
    assert ended.status is Status.PARTIAL and "not now" in ended.reason
    assert [step.state for step in ended.partial_results] == ["denied", "skipped", "done"]


async def test_an_amended_call_is_another_call_for_another_person(house: Coordinator, world: World) -> None:
    result = await house.execute_plan(
        steps(PlanStep(tool="post", input={"to": "x", "text": "a"})), ExecutionContext(user_id="ann")
    )
    (first,) = await pending(house, result.run_id)
    with pytest.raises(BadInput):
        await house.answer(first, "amend", changes={"nonsense": 1}, by=BOB)
    await house.answer(first, "amend", changes={"to": "y"}, by=BOB)
    (second,) = await pending(house, result.run_id)
    assert second != first and (await house.request(second)).amends == first
    with pytest.raises(NotAllowed):
        await house.answer(second, "approve", by=BOB)
    await house.answer(second, "approve", by=CID)
    assert (await house.wait(result.run_id)).results["s1"] == {"to": "y"}
    assert world.effects == ["y"]


async def test_a_doubt_is_never_tried_again_without_a_word(house: Coordinator, world: World) -> None:
    world.fails = 1
    result = await house.execute_plan(steps(PlanStep(tool="post", input={"to": "x"})), ExecutionContext(user_id="ann"))
    (approval,) = await pending(house, result.run_id)
    await house.answer(approval, "approve", by=BOB)
    doubt = await house.wait(result.run_id)
    assert doubt.status is Status.PARKED and "in doubt" in doubt.reason
    assert doubt.next_steps == (f"cuga resolve {result.run_id} s1 happened|did-not|again",)
    await house.resume(result.run_id)
    assert world.effects == ["x"]

    await house.resolve(result.run_id, "s1", "again", by=BOB)
    (again,) = await pending(house, result.run_id)
    assert again != approval
    await house.answer(again, "approve", by=BOB)
    assert (await house.wait(result.run_id)).success
    assert world.effects == ["x", "x"]


@pytest.mark.parametrize(("answer", "status"), [("happened", Status.SUCCESS), ("did-not", Status.FAILED)])
async def test_what_a_person_says_of_a_doubt_stands(
    house: Coordinator, world: World, answer: str, status: Status
) -> None:
    world.fails = 1
    result = await house.execute_plan(steps(PlanStep(tool="post", input={"to": "x"})), ExecutionContext(user_id="ann"))
    (approval,) = await pending(house, result.run_id)
    await house.answer(approval, "approve", by=BOB)
    await house.wait(result.run_id)
    await house.resolve(result.run_id, "s1", answer, by=BOB)
    assert (await house.wait(result.run_id)).status is status
    assert world.effects == ["x"]


async def test_a_used_up_budget_parks_and_a_top_up_goes_on(house: Coordinator) -> None:
    plan = Plan(
        goal="read thrice",
        steps=tuple(PlanStep(tool="read_number", input={"number": n}) for n in range(3)),
        budget=ToolBudget(total_calls=2),
    )
    result = await house.execute_plan(plan)
    assert result.status is Status.PARKED and "budget" in result.reason
    assert len(result.results) == 2
    await house.top_up(result.run_id, amount=1)
    assert (await house.wait(result.run_id)).success


async def test_a_top_up_without_an_amount_is_as_much_as_the_run_had(house: Coordinator) -> None:
    reads = tuple(PlanStep(tool="read_number", input={"number": n}) for n in range(5))
    result = await house.execute_plan(Plan(goal="read", steps=reads, budget=ToolBudget(total_calls=2)))
    await house.top_up(result.run_id)
    assert (await house.wait(result.run_id)).status is Status.PARKED
    assert (await house.budget(result.run_id)).total.limit == 4


async def test_a_rate_that_is_said_twice_is_used_up_once(world: World) -> None:
    text = shipped_registry().replace(
        "rates: [{per: user, calls: 100, every: day, tool: send_message}]",
        "rates: [{per: tenant, calls: 5, every: day}, {per: tenant, calls: 10, every: day}]",
    )
    async with Coordinator("smb", tools=world.tools(), registry=load_registry(text), clock=ManualClock()) as house:
        reads = tuple(PlanStep(tool="read_number", input={"number": n}) for n in range(7))
        result = await house.execute_plan(Plan(goal="read", steps=reads))
        assert result.status is Status.PARKED and "5 calls per 86400 s and tenant are used up" in result.reason
        assert len(result.results) == 5


async def test_a_top_up_only_adds(house: Coordinator) -> None:
    plan = Plan(goal="read", steps=(PlanStep(tool="read_number"),), budget=ToolBudget(total_calls=0))
    result = await house.execute_plan(plan)
    with pytest.raises(BadInput, match="cannot take away"):
        await house.top_up(result.run_id, "calls", -5)
    assert (await house.budget(result.run_id)).total.limit == 0


async def test_a_large_result_lies_out_of_line_and_later_steps_still_reach_into_it(house: Coordinator) -> None:
    plan = steps(
        PlanStep(tool="much", name="much"),
        PlanStep(tool="read_number", input={"number": {"$from": {"step": "much", "path": "/inner/answer"}}}),
    )
    result = await house.execute_plan(plan)
    assert result.success and result.results["s2"] == {"number": 42}
    assert len(result.results["s1"]["padding"]) == 20_000


async def test_a_plan_is_shown_before_anything_runs_and_run_exactly(house: Coordinator, world: World) -> None:
    planned = await house.plan("draft a first email to bob@example.com", profile="enterprise")
    assert planned.plan is not None and planned.forecast is not None
    assert planned.forecast.approvals == tuple(
        step.step_id for step in planned.plan.steps if step.side_effect != "read-only"
    )
    run_id = await house.start("", planned_in=planned.run_id)
    assert (await house.state(run_id)).plan == planned.plan
    with pytest.raises(BadInput):
        await house.start("", planned_in=planned.run_id, profile="smb")


async def test_a_goal_out_of_scope_is_asked_back(house: Coordinator) -> None:
    result = await house.run("hi")
    assert result.status is Status.PARKED and "question" in result.reason
    answered = await house.answer_question(result.run_id, "score Acme")
    assert answered.run_id == result.run_id


async def test_bad_plans_and_goals_are_refused_whole(house: Coordinator) -> None:
    with pytest.raises(PlanInvalid):
        await house.execute_plan(steps(PlanStep(tool="no_such_tool")))
    with pytest.raises(BadInput):
        await house.start("  ")
    with pytest.raises(BadInput):
        await house.start("x" * 9_000)
    assert await house.runs() == []


async def test_the_stop_button_holds_everything_until_it_is_lifted(house: Coordinator, world: World) -> None:
    await house.change(h.Halted(at=AT, reason="fire drill"))
    result = await house.execute_plan(steps(PlanStep(tool="read_number")))
    assert result.status is Status.PARKED and "fire drill" in result.reason
    await house.change(h.HaltLifted(at=AT))
    assert (await house.wait(result.run_id)).success


async def test_a_forbidden_tool_is_refused_for_runs_that_began_before(house: Coordinator, world: World) -> None:
    result = await house.execute_plan(steps(PlanStep(tool="post", input={"to": "x"})), ExecutionContext(user_id="ann"))
    (approval,) = await pending(house, result.run_id)
    await house.change(h.ToolForbidden(at=AT, tool="post", reason="audit"))
    await house.answer(approval, "approve", by=BOB)
    ended = await house.wait(result.run_id)
    assert ended.status is Status.FAILED and "audit" in ended.reason
    assert world.effects == []


async def test_a_standing_rule_agrees_to_proposals_for_a_number_of_uses(house: Coordinator) -> None:
    rule = h.StandingRuleAdded(
        at=AT, rule_id="r1", tool="propose", matches={"/text": "hello"}, uses=1, expires_at=AT + timedelta(days=90)
    )
    await house.change(rule)
    plan = steps(PlanStep(tool="propose", input={"text": "hello"}))
    assert (await house.execute_plan(plan)).success
    assert (await house.execute_plan(plan)).status is Status.PARKED
    with pytest.raises(NotAllowed):
        await house.change(h.StandingRuleAdded(at=AT, rule_id="r2", tool="post", uses=9, expires_at=rule.expires_at))


async def test_cancelling_ends_a_run_that_waits(house: Coordinator, world: World) -> None:
    result = await house.execute_plan(steps(PlanStep(tool="post", input={"to": "x"})))
    ended = await house.cancel(result.run_id, "changed my mind")
    assert ended.status is Status.CANCELLED and ended.reason == "changed my mind"
    assert world.effects == []


async def test_giving_up_the_wait_leaves_the_request_open(house: Coordinator) -> None:
    plan = steps(PlanStep(tool="post", input={"to": "x"}))
    with pytest.raises(ApprovalTimeoutError):
        await house.execute_plan(plan, wait_s=0.05, raise_on_timeout=True)
    (run,) = await house.runs()
    assert await pending(house, run.run_id)


async def test_waiting_for_people_ends_when_they_have_decided(house: Coordinator, world: World) -> None:
    plan = steps(PlanStep(tool="post", input={"to": "x"}))
    waiting = asyncio.ensure_future(house.execute_plan(plan, ExecutionContext(user_id="ann"), wait_s=120.0))
    while not (runs := await house.runs()) or not (asked := await pending(house, runs[0].run_id)):
        await asyncio.sleep(0.01)
    await house.answer(asked[0], "approve", by=BOB)
    assert (await waiting).success
    assert world.effects == ["x"]


async def test_following_a_run_gives_each_fact_once_in_order(house: Coordinator) -> None:
    run_id = await house.start("do it", plan=steps(PlanStep(tool="read_number"), PlanStep(tool="read_number")))
    followed = [event async for event in house.follow(run_id)]
    assert followed == await house.events(run_id)


async def test_a_secret_in_a_plan_is_gone_before_anybody_approves_or_runs_it(world: World) -> None:
    secret = "sk-live-4f9Q8zX7w2LmN0pR"
    settings = Settings(variables={"MAIL_API_KEY": secret})
    async with Coordinator(profile="enterprise", tools=world.tools(), user="ann", settings=settings) as house:
        result = await house.execute_plan(
            steps(PlanStep(tool="post", input={"to": f"x {secret}"})), ExecutionContext(user_id="ann")
        )
        (approval,) = await pending(house, result.run_id)
        await house.answer(approval, "approve", by=BOB)
        done = await house.wait(result.run_id)
        assert done.success
        stored = b"".join([one.body for one in await (await house.open()).journal.read(result.run_id)])
    assert secret not in world.effects[0] and secret.encode() not in stored
    assert world.effects == [done.results["s1"]["to"]]


# --- plans that were checked before -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "forged",
    [{"cost": 0}, {"domain": "nowhere"}, {"side_effect": SideEffect.READ_ONLY}, {"tool_digest": "f" * 64}],
)
async def test_a_checked_plan_whose_stamps_are_not_those_of_the_contracts_is_refused(forged, world: World) -> None:
    async with Coordinator(tools=world.tools()) as house:
        checked = await house.checked(Plan(goal="g", steps=(PlanStep(tool="post", input={"to": "x"}),)), "smb")
        other = msgspec.structs.replace(checked.steps[0], **forged)
        with pytest.raises(PlanInvalid, match=next(iter(forged))):
            await house.start("g", plan=msgspec.structs.replace(checked, steps=(other,)), profile="smb")
        assert await house.runs() == [] and not world.effects


async def test_a_checked_plan_that_is_still_right_runs_as_it_is(world: World) -> None:
    async with Coordinator(tools=world.tools()) as house:
        steps = (
            PlanStep(tool="read_number", step_id="n", input={"number": 3}),
            PlanStep(tool="read_number", input={"number": {"$from": {"step": "n", "path": "/number"}}}),
        )
        checked = await house.checked(Plan(goal="g", steps=steps), "smb")
        assert (await house.run("g", plan=checked, profile="smb")).success


async def test_a_plan_made_before_a_tool_was_raised_is_refused(tmp_path: Any, world: World) -> None:
    make(tmp_path)
    async with Coordinator(house=str(tmp_path), tools=world.tools(), user="ann") as house:
        plan = Plan(goal="g", steps=(PlanStep(tool="propose", input={"text": "x"}),))
        planned = await house.start("g", plan=plan, profile="smb", plan_only=True)
        await house.wait(planned)
    registry = tmp_path / "registry.yaml"
    registry.write_text(registry.read_text() + "\ntools:\n  propose: {side_effect: execute, cost: 50.0}\n")
    async with Coordinator(house=str(tmp_path), tools=world.tools(), user="ann") as house:
        with pytest.raises(PlanInvalid, match="side_effect is propose, and propose has execute"):
            await house.start("", planned_in=planned)


@pytest.mark.parametrize("profile", ["smb", "technical"])
async def test_a_tool_raised_while_a_run_waited_is_judged_by_its_new_class(
    tmp_path: Any, profile: str, world: World
) -> None:
    make(tmp_path)
    async with Coordinator(house=str(tmp_path), tools=world.tools(), user="ann") as house:
        await house.change(h.Halted(at=AT, reason="a drill"))
        plan = Plan(goal="g", steps=(PlanStep(tool="propose", input={"text": "x"}),))
        run = await house.start("g", plan=plan, profile=profile)
        await house.wait(run)
    registry = tmp_path / "registry.yaml"
    registry.write_text(registry.read_text() + "\ntools:\n  propose: {side_effect: execute}\n")
    async with Coordinator(house=str(tmp_path), tools=world.tools(), user="ann") as house:
        await house.change(h.UserAdded(at=AT, user="bob", roles=("approver",)))
        await house.change(h.HaltLifted(at=AT))
        await house.resume(run)
        await house.answer_question(run, "yes", by=BOB)  # to take a changed tool is to agree to what it does
        assert (await house.wait(run)).reason == "waits for an approval"
        asked = (await pending(house, run))[0]
        await house.answer(asked, "approve", by=BOB)
        await house.wait(run)
        (call,) = [event for event in await house.events(run) if isinstance(event, ToolCallStart)]
        assert (call.side_effect, call.approval) == (SideEffect.EXECUTE, asked)
        assert call.simulated is (profile == "technical")


async def test_the_late_answer_of_a_call_in_a_thread_resolves_its_doubt() -> None:
    made: list[str] = []

    @tool(domain="engagement", side_effect="propose", cost=0.1, purpose="is slow", timeout_s=1)
    def slow(context: ToolContext, text: str) -> dict[str, str]:
        time.sleep(1.6)
        made.append(text)
        return {"text": text}

    async with Coordinator(profile="smb", tools=(slow,), user="ann") as house:
        ended = asyncio.Event()
        (await house.open()).engine.listen(
            "", lambda _run, events: ended.set() if isinstance(events[-1], RunFinished) else None
        )
        doubt = await house.execute_plan(steps(PlanStep(tool="slow", input={"text": "x"})))
        assert doubt.status is Status.PARKED and "in doubt" in doubt.reason
        await asyncio.wait_for(ended.wait(), 60)
        done = await house.result(doubt.run_id)
        assert done.success and done.results["s1"] == {"text": "x"}
        assert made == ["x"]
