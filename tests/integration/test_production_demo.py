"""The production demo from end to end: domains, budgets, approvals, planning without a model, concurrency, contracts.

Plain functions without a framework, so that `run_integration_tests.py` can run them too.
"""

from __future__ import annotations

import asyncio

from tests.integration.checks import TODAY, demo, sample

from cuga.cli.commands.showing import DEMO_GOAL
from cuga.errors import NotAllowed, PlanInvalid
from cuga.model.event import Status
from cuga.model.house_event import UserAdded
from cuga.model.tool import SideEffect
from cuga.model.value import MICRO
from cuga.orchestrator import Plan, PlanStep

COSTS = {
    "score_account_fit": 0.5,
    "draft_outbound_message": 1.0,
    "assess_message_quality": 0.5,
    "qualify_opportunity": 0.7,
}


# --- several domains ------------------------------------------------------------------------------------------------
async def test_four_steps_run_over_three_domains() -> None:
    report = await demo()
    assert report.status is Status.SUCCESS, report.reason
    assert [step.tool for step in report.steps] == list(COSTS)
    assert [step.state for step in report.steps] == ["done"] * 4
    assert [step.domain for step in report.steps] == ["intelligence", "engagement", "engagement", "qualification"]
    assert report.cost_by_tool == COSTS
    assert (report.cost, report.cost_limit, report.faults) == (2.7, 100.0, 0)


async def test_a_step_takes_what_the_step_it_depends_on_gave() -> None:
    async with sample("smb") as house:
        result = await house.run(DEMO_GOAL, as_of=TODAY)
        plan = (await house.planned(result.run_id)).plan
        assert plan is not None
        checking = next(step for step in plan.steps if step.tool == "assess_message_quality")
        drafting = next(step for step in plan.steps if step.tool == "draft_outbound_message")
        assert drafting.step_id in checking.depends_on
        draft, checked = result.results[drafting.step_id], result.results[checking.step_id]
    assert checked["message_id"] == draft["message_id"] != ""


# --- budgets --------------------------------------------------------------------------------------------------------
async def test_the_limits_are_those_of_the_registry() -> None:
    async with sample() as house:
        limits = {}
        for profile in ("enterprise", "smb", "technical"):
            planned = await house.plan("Score Velkarin Foods", profile)
            used = (await house.budget(planned.run_id)).as_dict()
            domains = {name: scope["limit"] for name, scope in used["by_domain"].items() if scope["limit"]}
            limits[profile] = (used["total"]["limit"], used["cost"]["limit"], domains)
    assert limits == {
        "enterprise": (200, 100.0, {"territory": 50, "intelligence": 40, "engagement": 30}),
        "smb": (100, 100.0, {"engagement": 30, "intelligence": 25, "qualification": 20}),
        "technical": (500, 100.0, {}),
    }


async def test_every_step_costs_between_a_tenth_and_two_units_and_is_charged_just_that() -> None:
    async with sample("smb") as house:
        contracts = await house.tools()
        result = await house.run(DEMO_GOAL, as_of=TODAY)
        charged = (await house.budget(result.run_id)).as_dict()["cost"]["used"]
    assert all(0.1 <= contract.cost / MICRO <= 2.0 for contract in contracts)
    assert charged == sum(COSTS.values()) == 2.7


# --- approvals ------------------------------------------------------------------------------------------------------
async def test_a_proposal_waits_for_a_second_person_and_the_first_cannot_agree() -> None:
    async with sample() as house:
        await house.change(UserAdded(at=TODAY, user="bob", roles=("approver",)))
        run_id = await house.start(DEMO_GOAL, as_of=TODAY)
        waiting = await house.wait(run_id)
        (card,) = await house.inbox(run_id)
        assert (waiting.status, card.tool, card.requesters) == (Status.PARKED, "draft_outbound_message", ("ann",))
        assert "s2" not in waiting.results
        refused = ""
        try:
            await house.answer(card.approval_id, "approve", by=await house.principal("ann"))
        except NotAllowed as error:
            refused = error.message
        assert "ann" in refused, refused
        await house.answer(card.approval_id, "approve", digest=card.digest, by=await house.principal("bob"))
        done = await house.wait(run_id)
    assert done.success and "s2" in done.results
    assert (done.approvals_required, done.approvals_received) == (1, 1)


async def test_reading_waits_for_nobody() -> None:
    async with sample() as house:
        result = await house.run("Score Velkarin Foods and qualify the open deal", as_of=TODAY)
        assert result.success and await house.inbox(result.run_id) == []
        effects = {contract.name: contract.side_effect for contract in await house.tools()}
    assert {effects[step.tool] for step in result.partial_results} == {SideEffect.READ_ONLY}
    assert result.approvals_required == 0


# --- planning without a model ---------------------------------------------------------------------------------------
async def test_without_a_model_the_rules_plan_and_the_report_says_so() -> None:
    report = await demo(variables={})
    assert report.model == "Offline mode (rule-based)"
    with_key = await demo(variables={"OPENAI_API_KEY": "sk-never-used-anywhere"})
    assert with_key.model.startswith("Offline mode (rule-based); a key is set")
    assert "sk-never" not in "\n".join(with_key.lines())
    assert [step.tool for step in with_key.steps] == [step.tool for step in report.steps] == list(COSTS)


async def test_the_same_goal_gives_the_same_plan() -> None:
    plans = []
    for _ in range(2):
        async with sample() as house:
            plan = (await house.plan(DEMO_GOAL)).plan
            assert plan is not None and plan.planner == "rules"
            plans.append((plan.steps, plan.why, plan.notes))
    assert plans[0] == plans[1]


# --- many at once ---------------------------------------------------------------------------------------------------
async def test_many_runs_at_once_all_end_and_each_pays_for_itself() -> None:
    async with sample("smb") as house:
        results = await asyncio.gather(*(house.run(DEMO_GOAL, as_of=TODAY) for _ in range(8)))
        costs = [(await house.budget(result.run_id)).as_dict()["cost"]["used"] for result in results]
        assert await house.verify() == []
    assert all(result.success for result in results)
    assert costs == [2.7] * 8


async def test_runs_at_once_keep_their_traces_apart() -> None:
    async with sample("smb") as house:
        results = await asyncio.gather(*(house.run("Score Velkarin Foods", as_of=TODAY) for _ in range(6)))
        traces = [await house.trace(result.run_id) for result in results]
    assert len({result.trace_id for result in results}) == 6
    for result, trace in zip(results, traces, strict=True):
        assert trace.trace_id == result.trace_id
        assert [event.name for event in trace.events].count("plan_created") == 1
        assert [event.name for event in trace.events].count("tool_call_complete") == 1


# --- contracts ------------------------------------------------------------------------------------------------------
async def test_every_tool_has_what_rules_and_people_need() -> None:
    async with sample() as house:
        contracts = await house.tools()
        assert set(COSTS) <= {contract.name for contract in contracts}
        for contract in contracts:
            assert contract.purpose and contract.domain and contract.module and contract.guardrails, contract.name
            assert isinstance(contract.side_effect, SideEffect) and contract.cost > 0, contract.name
            assert bytes(contract.input_schema) != b"{}" and len(contract.digest()) == 64, contract.name
            if contract.side_effect is SideEffect.EXECUTE:
                assert contract.repeatable.value != "none", contract.name
                assert contract.once or contract.effect_key, contract.name
        unknown = Plan(goal="x", steps=(PlanStep(tool="no_such_tool"),))
        refused = ""
        try:
            await house.execute_plan(unknown)
        except PlanInvalid as error:
            refused = error.message
        assert "no_such_tool" in refused
