"""The plan check: what it stamps, what it refuses, and that it refuses everything at once."""

# ruff: noqa: E501, PT017 (goals and strategies read best on one line)
from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.planning.catalogue import few, rulebook

from cuga.errors import PlanInvalid
from cuga.model.plan import Budget, CheckedPlan, Plan, PlanStep, Reference, When
from cuga.model.tool import SideEffect
from cuga.model.value import encode
from cuga.planning import check
from cuga.planning.stamps import must_be_as_checked

BOOK = rulebook(few())
SCORE = PlanStep(tool="score_account_fit", input={"account": "Orbit"}, name="score")
DRAFT = PlanStep(tool="draft_outbound_message", input={"account": "Orbit"}, name="draft")


def quality_of(step: str, path: str = "", **more: Any) -> PlanStep:
    return PlanStep(
        tool="assess_message_quality",
        input={"message": {"$from": {"step": step, "path": path}}},
        name="quality",
        **more,
    )


def checked(*steps: PlanStep, **more: Any) -> CheckedPlan:
    return check(Plan(goal="g", steps=steps), BOOK, **more)


def problems(*steps: PlanStep, **more: Any) -> str:
    with pytest.raises(PlanInvalid) as refused:
        checked(*steps, **more)
    return "\n".join(refused.value.facts["problems"])  # type: ignore[arg-type]


def test_class_domain_cost_and_digest_come_from_the_rulebook():
    step = checked(SCORE).steps[0]
    contract = BOOK.contracts["score_account_fit"]
    assert (step.domain, step.side_effect, step.cost, step.tool_digest) == (
        "intelligence", SideEffect.READ_ONLY, contract.cost, contract.digest(),
    )  # fmt: skip


def test_steps_are_numbered_and_never_get_an_id_that_was_taken():
    assert [s.step_id for s in checked(SCORE, DRAFT).steps] == ["s1", "s2"]
    assert [s.step_id for s in checked(SCORE, DRAFT, taken={"s1", "s3"}).steps] == ["s2", "s4"]


@pytest.mark.parametrize("named", ["draft", "s2", "1"])
def test_a_step_is_referred_to_by_name_id_or_position(named: str):
    step = checked(SCORE, DRAFT, quality_of(named)).steps[2]
    assert step.references == (Reference(step="s2"),) and step.depends_on == ("s2",)
    assert msgspec.json.decode(step.input) == {"message": {"$from": {"step": "s2", "path": ""}}}


def test_depends_on_is_resolved_like_references():
    assert checked(SCORE, PlanStep(tool="query_crm", depends_on=("score",))).steps[1].depends_on == ("s1",)
    assert checked(SCORE, PlanStep(tool="query_crm", depends_on=("0",))).steps[1].depends_on == ("s1",)


def test_a_condition_is_bound_by_id_and_orders_the_steps():
    held = When(expr="double(fit) >= 70.0", bind={"fit": Reference(step="score", path="/score")})
    step = checked(SCORE, msgspec.structs.replace(DRAFT, when=held)).steps[1]
    assert step.when is not None and step.when.bind == {"fit": Reference(step="s1", path="/score")}
    assert step.depends_on == ("s1",)


def test_everything_wrong_is_said_at_once():
    said = problems(
        PlanStep(tool="score_acount_fit"),
        PlanStep(tool="score_account_fit", input={"acount": "x"}),
        quality_of("nobody"),
        quality_of("draft", "no/pointer"),
        msgspec.structs.replace(DRAFT, when=When(expr="fit >", bind={})),
        PlanStep(tool="query_crm", input={"limit": "many"}),
    )
    for part in (
        "did you mean 'score_account_fit'",
        "unknown argument 'acount'; did you mean 'account'",
        "argument 'account' is missing",
        "'nobody', which is no step of this plan",
        "no JSON Pointer",
        "when:",
        "limit:",
    ):
        assert part in said


def test_a_step_may_not_wait_for_itself_or_use_what_comes_later():
    assert "itself" in problems(quality_of("quality"))
    assert "comes later" in problems(quality_of("draft"), DRAFT)


def test_a_circle_is_named():
    said = problems(
        PlanStep(tool="query_crm", step_id="a", depends_on=("b",)),
        PlanStep(tool="query_crm", step_id="b", depends_on=("a",)),
    )
    assert "in a circle: a, b" in said


def test_a_later_step_may_be_waited_for():
    steps = checked(PlanStep(tool="query_crm", depends_on=("score",)), SCORE).steps
    assert [s.tool for s in steps] == ["score_account_fit", "query_crm"]


def test_a_tool_outside_the_profile_is_refused():
    book = rulebook(few(), tools=("query_crm",))
    with pytest.raises(PlanInvalid, match="does not let 'score_account_fit' be used"):
        check(Plan(goal="g", steps=(SCORE,)), book)


def test_a_negative_budget_is_refused_and_a_larger_one_is_not():
    with pytest.raises(PlanInvalid, match="-1"):
        check(Plan(goal="g", steps=(SCORE,), budget=Budget(calls=-1)), BOOK)
    assert check(Plan(goal="g", steps=(SCORE,), budget=Budget(calls=10_000)), BOOK).budget == Budget(calls=10_000)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "finite"),
        (2**70, "64 bits"),
        ("half \ud800", "surrogate"),
        (object(), "no JSON value"),
        ({1: 2}, "not a text"),
        ("x" * 70_000, "65,536"),
        ({"$from": "s1"}, "a reference is"),
        ({"$from": {"step": "score"}, "and": 1}, "a reference is"),
    ],
)
def test_an_input_that_cannot_be_kept_is_refused(value: Any, said: str):
    assert said in problems(SCORE, PlanStep(tool="score_account_fit", input={"account": value}))


def test_an_input_nested_too_deep_is_refused():
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    assert "deeper than 32" in problems(PlanStep(tool="score_account_fit", input={"account": deep}))


def test_a_plan_without_steps_or_with_too_many_is_refused():
    assert "no steps" in problems()
    assert "200 is the most" in problems(*[SCORE] * 201)


def test_a_step_that_an_earlier_plan_has_keeps_its_id_and_others_get_new_ones():
    first = checked(SCORE, DRAFT, quality_of("draft"))
    again = checked(
        SCORE,
        msgspec.structs.replace(DRAFT, input={"account": "Orbit", "goal": "shorter"}),
        quality_of("draft"),
        number=2,
        taken={"s1", "s2", "s3"},
        earlier=first.steps,
    )
    assert [s.step_id for s in again.steps] == ["s1", "s4", "s5"] or [s.step_id for s in again.steps] == [
        "s1",
        "s5",
        "s6",
    ]
    assert again.steps[2].depends_on == (again.steps[1].step_id,)
    same = checked(SCORE, DRAFT, quality_of("draft"), number=2, taken={"s1", "s2", "s3"}, earlier=first.steps)
    assert same.steps == first.steps


def test_an_earlier_output_may_be_used():
    step = checked(quality_of("s2"), taken={"s1", "s2"}).steps[0]
    assert step.references == (Reference(step="s2"),) and step.step_id == "s3"


def test_an_id_of_an_earlier_plan_is_not_given_to_another_step():
    assert "earlier plan" in problems(msgspec.structs.replace(SCORE, step_id="s1"), taken={"s1"})


def test_the_same_plan_gets_the_same_id():
    assert checked(SCORE).plan_id == checked(SCORE).plan_id != checked(DRAFT).plan_id


@pytest.mark.parametrize(
    "step", [msgspec.structs.replace(SCORE, name="\ud800"), msgspec.structs.replace(SCORE, reason="\ud800")]
)
def test_a_text_that_cannot_be_stored_is_refused(step: PlanStep):
    assert "cannot be stored" in problems(step)


def test_a_limit_beyond_64_bits_is_refused():
    with pytest.raises(PlanInvalid, match="cannot be stored"):
        check(Plan(goal="g", steps=(SCORE,), budget=Budget(calls_per_tool={"x": 2**80})), BOOK)


def test_ten_steps_take_no_noticeable_time():
    steps = (SCORE, DRAFT, *[msgspec.structs.replace(quality_of("draft"), name=f"q{n}") for n in range(8)])
    checked(*steps)
    took = []
    for _ in range(20):
        start = time.perf_counter()
        checked(*steps)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.3  # measured: 0.5 ms; others may keep the machine busy


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["$from", "step", "path", "a", ""]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
NAMES = st.sampled_from(["", "s1", "s2", "a", "b", "0", "7", "\ud800"])
STEPS = st.builds(
    PlanStep,
    tool=st.sampled_from([*BOOK.contracts, "", "nothing"]),
    input=st.dictionaries(st.sampled_from(["account", "message", "limit", "x"]), VALUES, max_size=3),
    step_id=NAMES,
    name=NAMES,
    depends_on=st.lists(NAMES, max_size=3).map(tuple),
    when=st.none() | st.builds(When, expr=st.sampled_from(["a", "a > 1", "", "1 +", "true"]), bind=st.dictionaries(st.sampled_from(["a", "1"]), st.builds(Reference, step=NAMES, path=st.sampled_from(["", "/x", "x"])), max_size=2)),
)  # fmt: skip


@given(st.lists(STEPS, max_size=5), st.sets(NAMES, max_size=2))
@settings(max_examples=300, deadline=None)
def test_an_odd_plan_is_either_refused_with_reasons_or_can_be_stored(steps: list[PlanStep], taken: set[str]):
    try:
        plan = check(Plan(goal="g", steps=tuple(steps)), BOOK, taken=taken)
    except PlanInvalid as refused:
        assert refused.facts["problems"] and str(refused)
        return
    assert {s.tool for s in plan.steps} <= set(BOOK.contracts)
    assert msgspec.json.decode(encode(plan), type=CheckedPlan) == plan
    seen: set[str] = set(taken)
    for step in plan.steps:
        assert set(step.depends_on) <= seen and {r.step for r in step.references} <= set(step.depends_on)
        seen.add(step.step_id)


def test_a_stored_plan_is_what_a_check_makes_of_it_however_its_input_was_written():
    message, clearance = ({"$from": {"step": name}} for name in ("draft", "score"))
    for body in ({"message": message, "clearance": clearance}, {"clearance": clearance, "message": message}):
        made = checked(SCORE, DRAFT, PlanStep(tool="send_message", input=body))
        assert [reference.step for reference in made.steps[2].references] == ["s1", "s2"]
        must_be_as_checked(made, BOOK)
