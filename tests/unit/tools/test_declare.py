"""A function's signature and docstring are its contract."""

import json
from typing import Annotated, Any

import msgspec
import pytest

from cuga.errors import NotDone, ToolInvalid
from cuga.model.tool import KEY_WINDOW_S, SideEffect
from cuga.tools.declare import (
    Slot,
    ToolContext,
    arguments_of,
    context_parameter,
    contract_of,
    is_handler,
    probe_of,
    tool,
)


@tool(domain="intelligence", side_effect="read-only", cost=0.5, keywords=("fit",), gives={"fit": ""}, uses=("crm",))
def score(
    context: ToolContext, account: Annotated[str, Slot("account", "name or id")], count: int = 3
) -> dict[str, int]:
    """Points of one account.

    Unknown is not zero.
    """
    return {account: count}


def test_the_contract_is_read_from_the_signature_and_the_first_paragraph():
    contract = contract_of(score)
    assert (contract.name, contract.purpose, contract.cost) == ("score", "Points of one account.", 500_000)
    assert contract.side_effect is SideEffect.READ_ONLY
    assert [(slot.name, slot.kind, slot.required) for slot in contract.slots] == [
        ("account", "account", True),
        ("count", "", False),
    ]
    schema = json.loads(bytes(contract.input_schema))
    assert schema["required"] == ["account"] and schema["additionalProperties"] is False
    assert schema["properties"]["account"] == {"type": "string", "description": "name or id"}


def test_the_function_itself_is_unchanged():
    assert score(ToolContext.for_tests(), "Isdom") == {"Isdom": 3}


def test_arguments_are_converted_strictly():
    kind = arguments_of(score)
    assert kind is not None and msgspec.convert({"account": "Isdom"}, kind).count == 3
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"account": "Isdom", "colour": "red"}, kind)


def test_a_handler_takes_its_arguments_as_one_dict():
    @tool(domain="x", side_effect="execute", input_schema={"type": "object", "required": ["to"]})
    async def handler(inputs, context):
        """Do it."""

    assert is_handler(handler) and arguments_of(handler) is None and context_parameter(handler) == "context"
    assert json.loads(bytes(contract_of(handler).input_schema))["required"] == ["to"]


def test_a_declaration_that_contradicts_itself_is_refused():
    with pytest.raises(ToolInvalid, match="probe"):
        tool(domain="x", side_effect="execute", repeatable="probe")(lambda: None)
    with pytest.raises(ToolInvalid, match="nonsense"):
        tool(domain="x", side_effect="nonsense")(lambda: None)
    with pytest.raises(ToolInvalid, match="no type"):
        tool(domain="x", side_effect="read-only", name="f")(lambda a: None)
    with pytest.raises(ToolInvalid, match="name of its own"):

        @tool(domain="x", side_effect="read-only")
        def loose(*everything: int) -> None: ...

    with pytest.raises(ToolInvalid, match="not declared"):
        contract_of(print)


def test_a_key_counts_for_a_day_or_as_long_as_the_author_says():
    def window(**how: Any) -> int:
        def send() -> None:
            """Send it."""

        return contract_of(tool(domain="engagement", side_effect="execute", **how)(send)).key_window_s

    assert window(repeatable="key") == KEY_WINDOW_S
    assert window(repeatable="key", key_window_s=0) == window() == 0
    with pytest.raises(ToolInvalid, match="key_window_s=-1"):
        window(repeatable="key", key_window_s=-1)
    with pytest.raises(ToolInvalid, match="it is 0 or more, for 'key'"):
        window(key_window_s=60)


def test_the_probe_travels_with_the_function():
    def look(context, arguments):
        return None

    declared = tool(domain="x", side_effect="execute", repeatable="probe", probe=look, name="send")(lambda: None)
    assert probe_of(declared) is look and probe_of(score) is None


def test_a_missing_capability_means_that_nothing_was_done():
    with pytest.raises(NotDone, match="crm"):
        ToolContext.for_tests().capability("crm")
    assert ToolContext.for_tests(capabilities={"crm": "here"}).capability("crm") == "here"
