"""What is left of a run: the steps that are not done, with what they need from done ones put in."""

import pytest
from msgspec.structs import replace

from cuga.errors import BadInput, InvalidTransition, NotDone
from cuga.model.event import DoubtAnswer
from cuga.model.failure import FailureMode
from cuga.model.plan import Plan, PlanStep, Reference, When
from cuga.orchestrator import Coordinator, PartialResult, ToolBudget
from cuga.orchestrator.library.remainder import rest_of
from cuga.orchestrator.library.resuming import what_is_left
from cuga.tools import tool


def from_(step, path=""):
    return {"$from": {"step": step, "path": path}}


def planned(*steps):
    return Plan(goal="g", steps=steps)


@pytest.fixture
async def house():
    @tool(domain="knowledge", side_effect="propose", purpose="may have happened")
    async def hang(inputs, context):
        if "now_or_never" in inputs:
            raise NotDone("not today", mode=FailureMode.USER_INVALID_INPUT)
        if inputs.get("fail"):
            raise ConnectionResetError("gone after it was applied")
        return inputs

    async with Coordinator(tools=(hang,), profile="smb") as opened:
        yield opened


async def test_what_a_run_left_is_a_plan_of_its_own(house):
    plan = planned(
        PlanStep(tool="hang", input={"a": [1, 2]}),
        PlanStep(tool="hang", input={"got": from_("s1", "/a/1"), "now_or_never": 1}),
        PlanStep(tool="hang", input={"then": from_("s2")}),
    )
    result = await house.execute_plan(Plan(goal="g", steps=plan.steps, budget=ToolBudget(total_calls=9)))
    left = (await what_is_left(house, PartialResult.of_run(result))).plan
    assert left.budget.calls == 8  # a call that surely did nothing is given back
    assert [(step.step_id, step.input, step.depends_on) for step in left.steps] == [
        ("s2", {"got": 2, "now_or_never": 1}, ()),
        ("s3", {"then": from_("s2") | {"$from": {"step": "s2"}}}, ("s2",)),
    ]
    again = [replace(step, input={"got": 2} if step.step_id == "s2" else step.input) for step in left.steps]
    assert (await house.execute_plan(Plan(goal="g", steps=again))).results["s3"] == {"then": {"got": 2}}


async def test_nothing_is_left_of_what_is_done_or_was_never_planned(house):
    done = await house.execute_plan(planned(PlanStep(tool="hang")))
    assert (await what_is_left(house, PartialResult.of_run(done))).plan is None
    asked = await house.run("hi")
    assert (await what_is_left(house, PartialResult.of_run(asked))).plan is None


async def test_nothing_goes_on_while_a_step_is_in_doubt(house):
    doubt = await house.execute_plan(planned(PlanStep(tool="hang", input={"fail": True}), PlanStep(tool="hang")))
    with pytest.raises(InvalidTransition, match="nobody knows whether s1") as caught:
        await what_is_left(house, PartialResult.of_run(doubt))
    assert "cuga resolve" in caught.value.next_step
    await house.resolve(doubt.run_id, "s1", DoubtAnswer.DID_NOT)
    ended = await house.wait(doubt.run_id)
    assert [step.step_id for step in (await what_is_left(house, PartialResult.of_run(ended))).plan.steps] == ["s1"]


def test_a_condition_over_what_is_left_stays():
    when = When(expr="x > 1", bind={"x": Reference(step="b")})
    plan = planned(
        PlanStep(tool="t", step_id="a"), PlanStep(tool="t", step_id="b"), PlanStep(tool="t", step_id="c", when=when)
    )
    assert rest_of(plan, {"a": 1}).steps[1].when == when


def test_a_condition_over_both_is_refused():
    when = When(expr="x > y", bind={"x": Reference(step="a"), "y": Reference(step="b")})
    plan = planned(
        PlanStep(tool="t", step_id="a"), PlanStep(tool="t", step_id="b"), PlanStep(tool="t", step_id="c", when=when)
    )
    with pytest.raises(BadInput, match="mixes"):
        rest_of(plan, {"a": 1})


@pytest.mark.parametrize(
    ("expr", "path", "why"), [("x > 'a'", "", "cannot be evaluated"), ("x", "/nowhere", "nothing at '/nowhere'")]
)
def test_a_condition_that_cannot_be_settled_is_refused(expr, path, why):
    when = When(expr=expr, bind={"x": Reference(step="a", path=path)})
    plan = planned(PlanStep(tool="t", step_id="a"), PlanStep(tool="t", step_id="b", when=when))
    with pytest.raises(BadInput, match=why):
        rest_of(plan, {"a": 1})


@pytest.mark.parametrize(
    ("reference", "why"), [(from_("a", "/no"), "nothing at"), (from_("zz"), "no output of step zz")]
)
def test_a_reference_to_nothing_is_refused(reference, why):
    plan = planned(PlanStep(tool="t", step_id="a"), PlanStep(tool="t", step_id="b", input={"x": [reference]}))
    with pytest.raises(BadInput, match=why):
        rest_of(plan, {"a": {"yes": 1}})


def test_arguments_that_grow_too_large_are_refused():
    plan = planned(PlanStep(tool="t", step_id="a"), PlanStep(tool="t", step_id="b", input={"x": from_("a")}))
    with pytest.raises(BadInput, match="cannot go on"):
        rest_of(plan, {"a": "x" * 100_000})
