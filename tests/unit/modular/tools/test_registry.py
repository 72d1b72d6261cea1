"""Tools as values: what a `ToolSpec` becomes, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cuga.errors import PlanInvalid, ToolInvalid
from cuga.model.tool import Repeatable, SideEffect
from cuga.modular.tools import HandlerContext, ToolRegistry, ToolSpec
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.tools import ToolContext, tool


def add_one(inputs: dict[str, Any], context: Any) -> dict[str, Any]:
    """Add one to a number.

    More for the reader of the code.
    """
    return {"number": inputs["number"] + 1, "trace": context["trace_id"], "at": context.get("step_index")}


NUMBER = {"number": {"type": "integer"}}


def spec(**changes: Any) -> ToolSpec:
    said: dict[str, Any] = {"name": "add_one", "handler": add_one, "side_effect": "read-only", "parameters": NUMBER}
    return ToolSpec(**{**said, **changes})


def test_a_spec_becomes_a_tool_with_a_contract_like_any_other():
    contract = ToolRegistry().register(spec(domain="knowledge", cost=0.5, keywords=("increment",)))
    assert (contract.name, contract.side_effect, contract.cost) == ("add_one", SideEffect.READ_ONLY, 500_000)
    assert (contract.purpose, contract.module) == ("Add one to a number.", __name__)


@pytest.mark.parametrize("said", ["", "read", "safe", "EXECUTE"])
def test_a_spec_without_a_class_is_refused(said: str):
    with pytest.raises(ToolInvalid, match=r"no class|not a valid"):
        ToolRegistry().register(spec(side_effect=said))


def test_a_name_is_taken_once():
    registry = ToolRegistry()
    registry.register(spec())
    with pytest.raises(ToolInvalid, match="taken"):
        registry.register(spec())


async def test_a_handler_runs_in_a_real_run_and_reads_its_context_by_key():
    registry = ToolRegistry()
    registry.register(spec())

    async def wait(inputs: dict[str, Any], context: Any) -> str:
        await asyncio.sleep(0)
        return f"{inputs['word']} {context.step_id}"

    registry.register(ToolSpec(name="wait", handler=wait, side_effect="read-only"))
    async with Coordinator("smb", tools=registry.functions()) as house:
        steps = (PlanStep(tool="add_one", input={"number": 1}), PlanStep(tool="wait", input={"word": "hello"}))
        result = await house.execute_plan(Plan(goal="count", steps=steps))
    assert result.results == {"s1": {"number": 2, "trace": result.trace_id, "at": 0}, "s2": "hello s2"}


async def test_arguments_are_checked_against_the_parameters():
    calls: list[dict[str, Any]] = []
    registry = ToolRegistry()
    registry.register(spec(handler=lambda inputs, context: calls.append(inputs)))
    async with Coordinator("smb", tools=registry.functions()) as house:
        for wrong in ({"number": "one"}, {"other": 1}):
            with pytest.raises(PlanInvalid):
                await house.execute_plan(Plan(goal="count", steps=(PlanStep(tool="add_one", input=wrong),)))
    assert calls == []


def test_a_whole_schema_is_taken_as_it_is():
    whole = {"type": "object", "properties": NUMBER, "required": ["number"]}
    contract = ToolRegistry().register(spec(parameters=whole))
    assert b'"required":["number"]' in bytes(contract.input_schema)


def test_a_handler_can_be_named_by_its_path_in_an_allowed_module():
    registry = ToolRegistry(modules=("tests.unit.modular.*", "cuga.modular.tools.*"))
    registry.register(spec(handler=f"{__name__}:add_one"))
    found = registry.get("add_one")
    assert found is not None
    assert found.function(inputs={"number": 4}, context=ToolContext.for_tests())["number"] == 5


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("os:system", "not allowed"),
        ("cuga.modular.tools_evil:run", "not allowed"),
        ("cuga.modular.tools.nothing:run", "cannot be imported"),
        ("cuga.modular.tools.registry:nothing", "cannot be imported"),
        ("cuga.modular.tools.research:__doc__", "not callable"),
        ("cuga.modular.tools.registry", "no handler"),
        ("cuga.modular.tools.registry:a.b", "no handler"),
    ],
)
def test_a_path_leads_only_to_functions_of_allowed_modules(path: str, said: str):
    with pytest.raises(ToolInvalid, match=said):
        ToolRegistry().register(spec(handler=path))


def test_declared_functions_stand_beside_specs():
    @tool(domain="knowledge", side_effect="read-only")
    def two() -> int:
        """Give two."""
        return 2

    registry = ToolRegistry()
    registry.register(two)
    registry.register(spec())
    assert [function.__tool__.name for function in registry.functions()] == ["two", "add_one"]  # type: ignore[attr-defined]
    with pytest.raises(ToolInvalid, match="its own contract"):
        registry.register(spec(name="other"), two.__tool__)


def test_the_folders_load_under_the_rule_for_modules():
    registry = ToolRegistry()
    for folder in ("research", "analytics", "engagement"):
        registry.load(f"cuga.modular.tools.{folder}")
    assert {name: c.side_effect.value for name, c in registry.contracts().items()} == {
        "web_search": "read-only",
        "summarise_pipeline": "read-only",
        "invite_to_touchpoint": "execute",
    }
    assert registry.contracts()["invite_to_touchpoint"].repeatable is Repeatable.PROBE


def test_the_context_is_a_mapping_of_what_it_holds():
    context = HandlerContext(ToolContext.for_tests())
    assert dict(context)["run_id"] == context.run_id == context["run_id"]
    assert len(context) == len(list(context))
    assert context.get("nothing") is None
    with pytest.raises(KeyError):
        context["capability"]
