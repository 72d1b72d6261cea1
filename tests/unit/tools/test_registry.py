"""Tools enter by name, once, with a class, from allowed modules only."""

import sys
import types

import msgspec
import pytest

from cuga.errors import ToolInvalid
from cuga.model.tool import Repeatable, SideEffect, ToolContract
from cuga.tools.declare import contract_of, tool
from cuga.tools.registry import ToolRegistry


def make(name, purpose="Do it.", keywords=(), module="", **options):
    def function(account: str = "") -> None: ...

    function.__module__ = module or __name__
    options = {"domain": "intelligence", "side_effect": "read-only", **options}
    return tool(name=name, purpose=purpose, keywords=keywords, **options)(function)


def own(**changes):
    base = {"name": "own", "domain": "x", "side_effect": SideEffect.READ_ONLY, "purpose": "Do it."}
    return ToolContract(**{**base, **changes})


def handler(inputs, context):
    return inputs


@pytest.fixture
def module():
    made = types.ModuleType("acme_tools")
    made.TOOLS = (make("one", module="acme_tools"), make("two", module="acme_tools"))
    sys.modules["acme_tools"] = made
    yield made
    del sys.modules["acme_tools"]


def test_a_declared_function_is_registered_under_its_contract():
    tools, function = ToolRegistry(), make("score")
    assert tools.register(function) == contract_of(function)
    assert tools.contracts() == {"score": contract_of(function)}
    assert tools.get("score").digest == contract_of(function).digest()
    assert tools.get("other") is None


def test_a_handler_comes_with_its_contract():
    tools = ToolRegistry()
    assert tools.register(handler, own()).module == __name__
    with pytest.raises(ToolInvalid, match="handler"):
        tools.register(make("plain"), own(name="other"))
    with pytest.raises(ToolInvalid, match="not declared"):
        tools.register(handler)


def test_a_name_is_taken_once():
    tools = ToolRegistry()
    tools.register(make("score"))
    with pytest.raises(ToolInvalid, match="taken"):
        tools.register(make("score"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"side_effect": None}, "has no class"),
        ({"side_effect": "execute"}, "has no class"),
        ({"name": ""}, "no name"),
        ({"name": "a b"}, "no name"),
        ({"domain": ""}, "no domain"),
        ({"cost": -1}, "cannot be negative"),
        ({"timeout_s": 0}, "at least 1 s"),
        ({"repeatable": Repeatable.PROBE}, "probe"),
        ({"once": ("send", "message")}, "JSON Pointers"),
        ({"effect_key": ("send", "to")}, "JSON Pointers"),
        ({"seconded": ("to",)}, "JSON Pointers"),
    ],
)
def test_a_contract_that_rules_cannot_be_applied_to_is_refused(changes, why):
    with pytest.raises(ToolInvalid, match=why):
        ToolRegistry().register(handler, own(**changes))


def test_tools_are_loaded_from_allowed_modules_only(module):
    assert {contract.name for contract in ToolRegistry(("acme_tools",)).load("acme_tools")} == {"one", "two"}
    with pytest.raises(ToolInvalid, match="not allowed"):
        ToolRegistry().load("acme_tools")
    with pytest.raises(ToolInvalid, match="allowed: none"):
        ToolRegistry(()).load("acme_tools")


def test_a_module_that_is_not_allowed_is_not_even_imported():
    with pytest.raises(ToolInvalid):
        ToolRegistry().load("antigravity")
    assert "antigravity" not in sys.modules


def test_a_module_must_list_tools_of_allowed_modules(module):
    module.TOOLS = (make("smuggled", module="os"),)
    with pytest.raises(ToolInvalid, match="module os"):
        ToolRegistry(("acme_tools",)).load("acme_tools")
    del module.TOOLS
    with pytest.raises(ToolInvalid, match="lists no TOOLS"):
        ToolRegistry(("acme_tools",)).load("acme_tools")
    with pytest.raises(ToolInvalid, match="cannot be imported"):
        ToolRegistry(("nowhere.*",)).load("nowhere.at_all")


def test_tools_are_held_under_tighter_contracts():
    tools = ToolRegistry()
    tools.register(make("score"))
    tools.register(handler, own())
    dearer = {name: msgspec.structs.replace(held, cost=5) for name, held in tools.contracts().items()}
    tools.hold(dearer)
    assert tools.contracts() == dearer
    assert tools.get("score").digest == dearer["score"].digest()
    assert tools.get("own").fields is None
    with pytest.raises(ToolInvalid, match="no tool missing"):
        tools.hold({"missing": own()})


def test_ranking_finds_tools_by_what_a_person_says_and_never_returns_all():
    tools = ToolRegistry()
    tools.register(make("score_account_fit", "Points of one account against the ideal profile.", ("fit", "icp")))
    tools.register(
        make("draft_outbound_message", "A first message to a buyer.", ("email", "write"), domain="engagement")
    )
    tools.register(make("qualify_opportunity", "Which questions about a deal are open.", ("bant", "meddicc")))
    for number in range(20):
        tools.register(make(f"other_{number}", "An account of something."))

    def names(text, **options):
        return [ranked.contract.name for ranked in tools.rank(text, **options)]

    assert names("scoring the accounts")[0] == "score_account_fit"
    assert names("write an email")[0] == "draft_outbound_message"
    assert names("qualify this deal")[0] == "qualify_opportunity"
    assert names("weather in Rome") == []
    assert names("") == []
    assert len(names("account")) == 8
    assert names("account", top=3) == names("account")[:3]
    assert tools.rank("account") == tools.rank("account")
    assert "scor" in tools.rank("scores")[0].matched
