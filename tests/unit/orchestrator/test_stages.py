"""Stages from facts alone: one ROUTE and one EXECUTE for each step, whatever happened in between."""

import pytest

from cuga.kernel.evolve import fold
from cuga.model.event import name_of
from cuga.model.plan import PlanningStage
from cuga.orchestrator.library.stages import Lifelines, proposal_of, stage_of
from cuga.orchestrator.protocol import LifecycleStage as S
from cuga.testing import approve, completes, deny, fails, given, start, tick
from cuga.testing.factories import EXECUTE, READ, plan, rules, step

ONE = plan(step("a", READ))


def drawn(story):
    lines = Lifelines()
    told = [stage for event in story.events for stage in lines.after(event)]
    return [stage for stage, _ in told], lines, told


def test_a_step_that_is_done():
    stages, lines, told = drawn(given().when(start(ONE)).when(completes("a", {"x": 1})))
    assert stages == [S.PLAN, S.ROUTE, S.EXECUTE] and told[-1][1]["result"] == {"x": 1}
    assert not lines.failed and lines.plan.stage is PlanningStage.EXECUTING


def test_a_step_that_is_tried_again_is_told_once():
    story = given().when(start(ONE)).when(fails("a")).after(5).when(tick()).when(completes("a"))
    assert drawn(story)[0] == [S.PLAN, S.ROUTE, S.EXECUTE]


def test_a_step_that_fails_for_good():
    stages, lines, _ = drawn(given().when(start(ONE)).when(fails("a", "policy_security")))
    assert stages == [S.PLAN, S.ROUTE, S.EXECUTE] and lines.failed["failure_mode"] == "policy_security"


def test_a_step_that_is_refused_is_never_routed():
    stages, lines, _ = drawn(given(rules=rules(EXECUTE)).when(start(ONE)))
    assert stages == [S.PLAN, S.EXECUTE] and lines.failed["step"] == "a"


@pytest.mark.parametrize("agrees", [True, False])
def test_a_step_that_people_decide_on(agrees):
    story = given().when(start(plan(step("a", EXECUTE))))
    assert drawn(story)[0] == [S.PLAN]
    story.when(approve("a") if agrees else deny("a", reason="no"))
    stages, lines, _ = drawn(story)
    assert stages == ([S.PLAN, S.ROUTE] if agrees else [S.PLAN, S.EXECUTE])
    assert bool(lines.failed) is not agrees


def test_a_request_that_nobody_answered():
    story = given().when(start(plan(step("a", EXECUTE)))).after(24 * 3600).when(tick())
    assert "approval_timeout" in [name_of(event) for event in story.events]
    _, lines, _ = drawn(story)
    assert lines.failed["error"] == "nobody decided in time"


def test_where_a_plan_stands_between_its_ends():
    story = given().when(start(plan(step("a", EXECUTE))))
    assert stage_of(fold("r1", story.events)) is PlanningStage.CREATED
    story.when(approve("a"))
    assert stage_of(fold("r1", story.events)) is PlanningStage.EXECUTING
    story.when(completes("a"))
    assert stage_of(fold("r1", story.events)) is PlanningStage.COMPLETED


def test_a_checked_plan_in_the_words_of_callers():
    one = proposal_of(plan(step("a", READ), step("b", EXECUTE, {"to": "x"}, depends_on=("a",), ask_first=True)))
    assert [s.index for s in one.steps] == [0, 1] and one.steps[1].depends_on == ("a",) and one.steps[1].ask_first
    assert one.steps[1].metadata == {"domain": "engagement", "side_effect_class": "execute", "depends_on": ["a"]}
