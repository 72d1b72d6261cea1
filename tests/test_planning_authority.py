"""Planning: plans with budgets and stages, made by the house and checked like any other."""

import asyncio

import msgspec
import pytest
from tests.hands import World

from cuga.errors import BadInput, InvalidTransition, PlanInvalid
from cuga.model.value import MICRO
from cuga.modular.agents import MockLLM, PlannerAgent
from cuga.modular.memory import VectorMemory
from cuga.orchestrator import (
    Coordinator,
    ExecutionContext,
    IntelligentPlanner,
    Plan,
    PlanningAuthority,
    PlanningStage,
    PlanStep,
    ToolBudget,
    ToolBudgetEnforcer,
)
from cuga.orchestrator.library.rooms import rules_for_agents
from cuga.orchestrator.planning import stage_of, within_budget

CONTEXT = ExecutionContext(trace_id="t1", profile="demo")


@pytest.fixture
def world():
    return World()


@pytest.fixture
async def house(world):
    async with Coordinator(tools=world.tools(), registry=rules_for_agents(), profile="smb") as opened:
        yield opened


@pytest.fixture
def authority(house):
    return PlanningAuthority(coordinator=house)


# --- the value --------------------------------------------------------------------------------------------------------
def test_a_plan_is_made_by_its_constructor():
    plan = Plan(
        plan_id="p1",
        goal="g",
        steps=[PlanStep(tool="look", input={"a": 1}, name="n", reason="r", estimated_cost=0.5, index=0, metadata={})],
        stage=PlanningStage.CREATED,
        budget=ToolBudget(cost_ceiling=100.0, call_ceiling=50, token_ceiling=10000),
        trace_id="t1",
    )
    assert (plan.plan_id, plan.steps[0].tool, plan.stage, plan.trace_id) == ("p1", "look", PlanningStage.CREATED, "t1")
    assert (plan.budget.cost_ceiling, plan.budget.call_ceiling, plan.budget.token_ceiling) == (100.0, 50, 10000)


@pytest.mark.parametrize("said", ["CREATED", "created", "Created", PlanningStage.CREATED])
def test_a_stage_may_be_written_in_any_case(said):
    assert Plan(goal="g", stage=said).stage is PlanningStage.CREATED


def test_a_stage_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="halfway"):
        Plan(goal="g", stage="halfway")


def test_the_whole_way_of_a_plan():
    plan = Plan(goal="g")
    for stage in ("ROUTED", "EXECUTING", "COMPLETED"):
        plan = plan.transition_to(stage)
    assert plan.stage.is_end and Plan(goal="g").stage is PlanningStage.CREATED


@pytest.mark.parametrize(
    ("start", "to"),
    [
        ("CREATED", "COMPLETED"),
        ("CREATED", "EXECUTING"),
        ("ROUTED", "COMPLETED"),
        ("ROUTED", "CREATED"),
        ("COMPLETED", "EXECUTING"),
        ("FAILED", "ROUTED"),
        ("CANCELLED", "EXECUTING"),
    ],
)
def test_a_stage_that_does_not_follow_raises(start, to):
    with pytest.raises(InvalidTransition, match=f"{start} cannot become {to}"):
        Plan(goal="g", stage=start).transition_to(to)


@pytest.mark.parametrize("start", ["CREATED", "ROUTED", "EXECUTING"])
@pytest.mark.parametrize("end", ["CANCELLED", "FAILED"])
def test_a_plan_may_fail_or_be_cancelled_from_anywhere(start, end):
    assert Plan(goal="g", stage=start).transition_to(end).stage.value == end


def test_a_plan_can_be_written_down_and_read_again():
    plan = Plan(goal="g", steps=[PlanStep(tool="look")], stage="routed", budget=ToolBudget(total_calls=3))
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


@pytest.mark.parametrize("missing", ["create", "max_cost"])
def test_names_that_never_existed_do_not_exist(missing):
    assert not hasattr(Plan, missing) and not hasattr(PlanStep, "domain") and not hasattr(PlanStep, "tool_name")


# --- budgets ----------------------------------------------------------------------------------------------------------
def test_every_spelling_of_a_budget_is_one_budget():
    assert ToolBudget(total_calls=5) == ToolBudget(call_ceiling=5) == ToolBudgetEnforcer(total_calls=5)
    assert ToolBudget(ceiling=100, policy="warn") == ToolBudget(cost_ceiling=100.0)
    assert ToolBudget(ceiling=100).cost == 100 * MICRO
    budget = ToolBudget(total_calls=5, calls_per_domain={"a": 2}, calls_per_tool={"b": 1}, warning_threshold=0.8)
    assert (budget.total_calls, budget.calls_per_domain, budget.calls_per_tool) == (5, {"a": 2}, {"b": 1})


@pytest.mark.parametrize("wrong", [{"max_cost": 1}, {"max_calls": 1}, {"max_tokens": 1}])
def test_spellings_that_never_existed_are_refused(wrong):
    with pytest.raises(TypeError):
        ToolBudget(**wrong)


@pytest.mark.parametrize("wrong", [{"total_calls": -1}, {"policy": "hope"}, {"warning_threshold": 2.0}])
def test_budgets_that_cannot_be_are_refused(wrong):
    with pytest.raises(BadInput):
        ToolBudget(**wrong)


# --- the authority ----------------------------------------------------------------------------------------------------
async def test_a_plan_has_steps_a_budget_and_its_trace(authority):
    plan = await authority.create_plan("look about Acme", CONTEXT)
    assert [step.tool for step in plan.steps] == ["look"] and plan.stage is PlanningStage.CREATED
    assert plan.budget == ToolBudget(cost_ceiling=100.0) and plan.trace_id == "t1" and plan.plan_id


async def test_the_budget_that_is_given_is_the_plans(authority):
    budget = ToolBudget(total_calls=7)
    assert (await authority.create_plan("look about Acme", CONTEXT, budget)).budget == budget


async def test_a_step_says_what_the_registry_says_of_it(authority):
    (step,) = (await authority.create_plan("look about Acme", CONTEXT)).steps
    assert step.metadata["domain"] == "intelligence" and step.metadata["side_effect_class"] == "read-only"
    assert step.estimated_cost == 0.5 and step.reason


async def test_a_plan_ranks_tools_and_never_names_all(authority, world):
    plan = await authority.create_plan("count the words", CONTEXT)
    assert [step.tool for step in plan.steps] == ["count"] and len(plan.steps) < len(world.tools())


async def test_planning_runs_nothing_and_is_on_record(authority, house, world):
    await authority.create_plan("look about Acme", CONTEXT)
    (run,) = await house.runs()
    assert world.calls == [] and (await house.result(run.run_id)).trace_id == "t1"


async def test_a_goal_that_no_tool_fits_says_what_is_missing(authority):
    with pytest.raises(PlanInvalid, match="tool"):
        await authority.create_plan("sing me a lullaby", CONTEXT)


async def test_plans_made_at_once_keep_their_traces(authority):
    contexts = [ExecutionContext(trace_id=f"t{n}", profile="demo") for n in range(6)]
    plans = await asyncio.gather(*(authority.create_plan("look about Acme", one) for one in contexts))
    assert [plan.trace_id for plan in plans] == [one.trace_id for one in contexts]


async def test_the_same_goal_is_the_same_plan(authority):
    one, other = [await authority.create_plan("look about Acme", CONTEXT) for _ in range(2)]
    assert one == other


async def test_budget_aware_planning_leaves_out_what_does_not_fit(house):
    authority = PlanningAuthority(coordinator=house, mode="budget_aware")
    plan = await authority.create_plan("look about Acme, then count the words", CONTEXT, ToolBudget(total_calls=1))
    assert [step.tool for step in plan.steps] == ["look"] and "count" in plan.notes[-1]


def test_a_budget_that_takes_no_step_has_no_plan():
    plan = Plan(goal="g", steps=[PlanStep(tool="look", estimated_cost=2.0)], budget=ToolBudget(cost_ceiling=1.0))
    with pytest.raises(PlanInvalid, match="look costs 2"):
        within_budget(plan)


async def test_memory_gives_hints_with_their_runs_and_never_steps(world):
    memory = VectorMemory(profile="smb")
    async with Coordinator(tools=world.tools(), registry=rules_for_agents(), profile="smb", memory=memory) as house:
        authority = PlanningAuthority(coordinator=house, memory=memory, mode="memory_augmented")
        before = await authority.create_plan("look about Acme", ExecutionContext())
        done = await house.execute_plan(before)
        after = await authority.create_plan("look about Acme", ExecutionContext())
    assert any(done.run_id in reason for reason in after.why) and not any(done.run_id in why for why in before.why)
    assert [step.tool for step in after.steps] == [step.tool for step in before.steps]


@pytest.mark.parametrize("mode", ["default", "budget_aware"])
def test_a_memory_counts_only_in_its_mode(mode):
    assert PlanningAuthority(memory=VectorMemory(), mode=mode).heeded is None


def test_an_unknown_mode_is_refused(house):
    with pytest.raises(ValueError, match="psychic"):
        PlanningAuthority(coordinator=house, mode="psychic")


async def test_where_a_plan_stands_is_read_from_its_run(house):
    plan = Plan(goal="g", steps=[PlanStep(tool="post", input={"to": "x"})])
    waiting = await house.execute_plan(plan)
    assert stage_of(await house.state(waiting.run_id)) is PlanningStage.CREATED
    ended = await house.cancel(waiting.run_id)
    assert stage_of(await house.state(ended.run_id)) is PlanningStage.CANCELLED
    done = await house.execute_plan(Plan(goal="g", steps=[PlanStep(tool="look")]))
    assert stage_of(await house.state(done.run_id)) is PlanningStage.COMPLETED


# --- with and without a model -----------------------------------------------------------------------------------------
class Model:
    """A model that answers with what it was told to."""

    def __init__(self, *steps, error=None):
        self.steps, self.error, self.shown = steps, error, []

    def is_available(self):
        return True

    async def decompose_goal(self, goal, tools):
        self.shown = [tool.name for tool in tools]
        if self.error:
            raise self.error
        return self.steps


async def test_without_a_model_the_rules_plan_and_say_so(house):
    planner = IntelligentPlanner(house)
    plan = await planner.create_plan("look about Acme", CONTEXT, use_llm=True)
    assert not planner.is_llm_available() and "offline" in planner.status_line
    assert "no model" in plan.notes[-1] and plan.planner == "rules"


async def test_the_mock_is_no_model():
    assert not MockLLM().is_available() and MockLLM().generate("a\n b") == "[no model] a b"
    assert await MockLLM().decompose_goal("g", ()) == ()
    with pytest.raises(TypeError):
        MockLLM("model-9")


async def test_a_models_plan_is_stamped_from_the_registry(house):
    model = Model({"tool": "post", "input": {"to": "x"}, "reason": "why not", "side_effect": "read-only"})
    plan = await IntelligentPlanner(house, model).create_plan("post a note outside", CONTEXT)
    assert plan.planner == "model" and plan.steps[0].metadata["side_effect_class"] == "execute"


@pytest.mark.parametrize(
    "model", [Model({"tool": "rm_rf"}), Model(), Model({"nothing": 1}), Model(error=RuntimeError("overloaded"))]
)
async def test_a_models_answer_that_cannot_be_used_falls_back_to_the_rules(house, model):
    plan = await IntelligentPlanner(house, model).create_plan("look about Acme", CONTEXT)
    assert plan.planner == "rules" and "cannot be used" in plan.notes[-1]
    assert [step.tool for step in plan.steps] == ["look"]


async def test_a_model_is_not_asked_when_nobody_wants_it(house):
    model = Model({"tool": "look"})
    plan = await IntelligentPlanner(house, model).create_plan("look about Acme", CONTEXT, use_llm=False)
    assert model.shown == [] and plan.planner == "rules"


def test_a_planner_agent_plans_for_plain_functions(world):
    plan = PlannerAgent(registry=world.registry()).plan("look about Acme", {"trace_id": "t1"})
    assert [step.tool for step in plan.steps] == ["look"] and plan.trace_id == "t1"
