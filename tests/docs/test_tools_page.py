"""The page of tools: its tables say what `@tool`, the context, the outcomes and the retry rules do."""

import errno
import inspect

import pytest
from tests.docs.pages import codes, page, rows, sections

from cuga.errors import BadInput, NotDone, NotFound
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty
from cuga.model.tool import Repeatable, SideEffect
from cuga.policy.profile import Retry
from cuga.policy.retry import Again, InDoubt, next_try
from cuga.tools import ToolContext, tool
from cuga.tools.failing import certainty_of, mode_of

PARTS = sections(page("reference/tools.md"), 2)
AGAIN = {(row[0], tuple(codes(row[1]))): row[2] for row in rows(PARTS["When a call is tried again"])}


def shown(default: object) -> str:
    """A default as the page writes it."""
    if default is inspect.Parameter.empty:
        return "required"
    text = default.value if isinstance(default, Repeatable) else default
    return f'"{text}"' if isinstance(text, str) else str(text)


def test_every_argument_of_tool_is_described_with_its_default():
    said = {codes(name)[0]: (codes(default) or [default])[0] for name, default, _ in rows(PARTS["`@tool`"])}
    parameters = inspect.signature(tool).parameters.values()
    assert said == {parameter.name: shown(parameter.default) for parameter in parameters}


def test_every_field_of_the_context_is_described():
    assert [codes(row[0])[0] for row in rows(PARTS["`ToolContext`"])] == list(ToolContext.__struct_fields__)


RAISED = {
    "`NotDone`": NotDone("no"),
    "`BadInput`, `NotFound`": BadInput("no"),
    "`TimeoutError`": TimeoutError(),
    "`PermissionError`": PermissionError(),
    "`OSError` of a full or broken disk": OSError(errno.ENOSPC, "full"),
    "any other `OSError`": ConnectionResetError(),
    "`MemoryError`": MemoryError(),
    "anything else": ValueError("no"),
}


def test_the_modes_of_exceptions_are_those_of_the_code():
    text = PARTS["What became of a call"].split("The failure mode of an exception:")[1]
    said = {row[0]: codes(row[1])[-1] for row in rows(text)}
    assert said == {name: mode_of(error).value for name, error in RAISED.items()}
    assert mode_of(NotFound("no")) is mode_of(BadInput("no"))


@pytest.mark.parametrize("side_effect", SideEffect)
@pytest.mark.parametrize(
    "error", [NotDone("no"), BadInput("no"), ValueError("no")], ids=lambda error: type(error).__name__
)
def test_what_an_exception_says_of_the_effect_is_as_the_table_has_it(error, side_effect):
    name = f"`{type(error).__name__}`"
    raised = name if isinstance(error, NotDone | BadInput) else "anything else"
    (said,) = [
        outcome
        for what, kind, outcome in rows(PARTS["What became of a call"])
        if what == f"raises {raised}" and (kind == "any" or side_effect.value in codes(kind))
    ]
    is_sure = certainty_of(error, side_effect) is Certainty.NOT_DONE
    assert said.startswith("Surely not done" if is_sure else "Unknown")


def follows(certainty: Certainty, side_effect: SideEffect, repeatable: Repeatable, mode: FailureMode) -> object:
    return next_try(Retry(), mode=mode, certainty=certainty, side_effect=side_effect, repeatable=repeatable, attempt=1)


@pytest.mark.parametrize("repeatable", Repeatable)
def test_an_unknown_outcome_is_tried_again_as_the_table_says(repeatable):
    said = AGAIN["unknown", (repeatable.value,)]
    for mode in FailureMode:
        found = follows(Certainty.UNKNOWN, SideEffect.EXECUTE, repeatable, mode)
        assert isinstance(found, Again if said.startswith("always") else InDoubt)


def test_what_surely_did_not_happen_is_tried_again_as_the_table_says():
    safe = AGAIN["surely not done", ("read-only", "key", "probe")]
    ours = {FailureMode(name) for name in codes(AGAIN["surely not done", ()])}
    besides = ours | {FailureMode(name) for name in codes(safe)}
    for mode in FailureMode:
        plain = follows(Certainty.NOT_DONE, SideEffect.EXECUTE, Repeatable.NONE, mode)
        assert isinstance(plain, Again) == (mode.is_retryable or mode in ours)
        for repeatable in (Repeatable.KEY, Repeatable.PROBE):
            again = follows(Certainty.NOT_DONE, SideEffect.EXECUTE, repeatable, mode)
            assert isinstance(again, Again) == (mode.is_retryable or mode in besides)
        read = follows(Certainty.NOT_DONE, SideEffect.READ_ONLY, Repeatable.NONE, mode)
        assert isinstance(read, Again) == (mode.is_retryable or mode in besides)
