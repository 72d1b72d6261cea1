"""The joint plan: order and business days kept, the critical path named, and a date that cannot hold is said not to."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuga.errors import BadInput
from cuga.packs.sales.business_days import Calendar
from cuga.packs.sales.qualification.action_plan import USUAL, Need, build_mutual_action_plan, scheduled
from cuga.packs.sales.sample import HERO, HERO_DEAL

START = date(2026, 1, 5)


def test_a_date_with_room_holds_and_every_step_lies_before_it(context):
    plan = build_mutual_action_plan(context, HERO_DEAL, end=date(2026, 2, 27))
    assert (plan.holds, plan.missing_days, plan.earliest_end) == (True, 0, "2026-02-16")
    assert plan.steps[-1].step == "signature" and plan.steps[-1].ends == "2026-02-27"
    assert plan.critical_path[-1] == "signature" and "legal review" in plan.critical_path
    ends = {step.step: step.ends for step in plan.steps}
    assert all(ends[name] < step.starts for step in plan.steps for name in step.after)
    assert "usual ones" in plan.assumptions[0]


def test_a_date_that_cannot_hold_is_said_with_the_days_that_are_missing_and_the_path(context):
    plan = build_mutual_action_plan(context, account=HERO, end=date(2026, 2, 6))
    assert not plan.holds and plan.missing_days == 6 and plan.earliest_end == "2026-02-16"
    assert "cannot hold" in plan.notes[0] and "legal review" in plan.notes[0]
    assert plan.steps[-1].ends == plan.earliest_end and min(step.slack for step in plan.steps) == 0


def test_steps_that_are_done_shorten_the_plan(context):
    done = tuple(need.step for need in USUAL[:3])
    plan = build_mutual_action_plan(context, HERO_DEAL, end=date(2026, 2, 6), done=done)
    assert plan.holds and not {step.step for step in plan.steps} & set(done)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"end": date(2026, 1, 5)}, "does not lie after"),
        ({}, "no close date"),
        ({"end": date(2026, 3, 1), "done": ("tea",)}, "no step 'tea'"),
        ({"end": date(2026, 3, 1), "done": tuple(n.step for n in USUAL)}, "every step is done"),
        ({"end": date(2026, 3, 1), "steps": (Need(step="a", days=1, after=("b",)),)}, "which is no step"),
        ({"end": date(2026, 3, 1), "steps": (Need(step="a", days=1), Need(step="a", days=2))}, "named twice"),
        ({"end": date(2026, 3, 1), "steps": (Need(step="a", days=-1),)}, "takes -1 days"),
        ({"end": date(2026, 3, 1), "steps": (Need(step="a", days=1, after=("b",)),
                                             Need(step="b", days=1, after=("a",)))}, "circle"),
    ],
)  # fmt: skip
def test_what_makes_no_plan_is_refused(context, how, why):
    with pytest.raises(BadInput, match=why):
        build_mutual_action_plan(context, HERO_DEAL, **how)


def test_several_open_deals_are_a_question(context):
    with pytest.raises(BadInput, match="open deals") as caught:
        build_mutual_action_plan(context, account="Tornwick Logistics", end=date(2026, 3, 1))
    assert "D-" in caught.value.next_step


@st.composite
def needs(draw):
    count = draw(st.integers(1, 8))
    made = []
    for number in range(count):
        after = draw(st.lists(st.sampled_from(range(number)), unique=True, max_size=3)) if number else []
        made.append(Need(step=f"s{number}", days=draw(st.integers(0, 12)), after=tuple(f"s{n}" for n in after)))
    return tuple(draw(st.permutations(made)))


@settings(max_examples=60, deadline=None)
@given(needs(), st.dates(date(2026, 1, 6), date(2026, 6, 30)))
def test_any_plan_keeps_its_order_its_days_and_its_word(given_steps, end):
    calendar = Calendar("Germany")
    steps, finish, missing, path = scheduled(given_steps, (), START, end, calendar)
    by_name = {step.step: step for step in steps}
    room = calendar.between(START, calendar.on_or_before(end))
    longest = {}
    for step in steps:  # in order: the plain longest path, as a second opinion
        longest[step.step] = step.days + max((longest[name] for name in step.after), default=0)
    assert missing == max(0, max(longest.values()) - room)
    assert finish == calendar.moved(START, max(longest.values()))
    assert sum(by_name[name].days for name in path) == max(longest.values())
    for step in steps:
        assert step.slack >= 0 and step.earliest_end <= step.ends
        assert all(by_name[name].ends <= step.ends for name in step.after)
        if step.days:
            starts, ends = date.fromisoformat(step.starts), date.fromisoformat(step.ends)
            assert calendar.between(starts, ends) == step.days - 1 and calendar.is_business_day(starts)
    assert {step.step for step in steps if step.slack == min(s.slack for s in steps)} == {
        s.step for s in steps if s.critical
    }
