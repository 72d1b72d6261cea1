"""A tool is a function: its signature and docstring are its contract.

`@tool` reads them once into a `ToolContract` and hands the function back unchanged; nothing is registered by
importing a
module. What a call may know about its run arrives in the `ToolContext`; a tool never asks for the time or a database.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec

from cuga.errors import NotDone, ToolInvalid
from cuga.model.tool import EMPTY_OBJECT, KEY_WINDOW_S, Repeatable, SideEffect, Stop, ToolContract
from cuga.model.tool import Slot as ContractSlot
from cuga.model.value import encode, micros

F = TypeVar("F", bound=Callable[..., Any])
Probe = Callable[["ToolContext", Any], Any]
Amended = Callable[["ToolContext", Any, Any], Any]

_CONTRACT = "__tool__"
_PROBE = "__tool_probe__"
_AMENDED = "__tool_amended__"
_ARGUMENTS = "__tool_arguments__"
_DRAFTING = "__tool_drafting__"


@dataclass(frozen=True, slots=True)
class Slot:
    """What an argument means, written beside its type: `Annotated[str, Slot("account", "name or id of the
    account")]`."""

    kind: str
    purpose: str = ""
    choices: tuple[str, ...] = ()


class ToolContext(msgspec.Struct, frozen=True, kw_only=True):
    """What one call may know about its run. `as_of` is the date to reason from; `key` is the effect's idempotency
    key."""

    run_id: str = ""
    trace_id: str = ""
    step_id: str = ""
    step_index: int = 0
    tenant: str = "local"
    profile: str = ""
    key: str = ""
    as_of: datetime
    attempt: int = 1
    capabilities: Mapping[str, object] = msgspec.field(default_factory=dict)

    def capability(self, name: str) -> Any:
        """The adapter bound to a capability of this run; `NotDone` when the profile binds none."""
        if (bound := self.capabilities.get(name)) is None:
            raise NotDone(
                f"nothing is bound to the capability {name!r}",
                mend=f"name an adapter for {name!r} in the profile; `cuga doctor` shows which are installed",
            )
        return bound

    @classmethod
    def for_tests(
        cls, *, capabilities: Mapping[str, object] | None = None, as_of: datetime | None = None, **others: Any
    ) -> ToolContext:
        """A context for calling a tool directly, with ids that never change."""
        base = cls(
            run_id="run-test",
            trace_id="trace-test",
            step_id="s1",
            profile="technical",
            key="key-test",
            as_of=as_of or datetime(2026, 1, 5, 9, 0, tzinfo=UTC),
            capabilities=dict(capabilities or {}),
        )
        return msgspec.structs.replace(base, **others)


def tool(
    *,
    domain: str,
    side_effect: SideEffect | str,
    cost: float = 0.0,
    name: str = "",
    purpose: str = "",
    keywords: tuple[str, ...] = (),
    gives: Mapping[str, str] | None = None,
    uses: tuple[str, ...] = (),
    writes: tuple[str, ...] | None = None,
    optional: tuple[str, ...] = (),
    repeatable: Repeatable | str = Repeatable.NONE,
    key_window_s: int | None = None,
    probe: Probe | None = None,
    amended: Amended | None = None,
    once: tuple[str, ...] = (),
    effect_key: tuple[str, ...] = (),
    seconded: tuple[str, ...] = (),
    stops: tuple[Stop, ...] = (),
    timeout_s: int = 30,
    guardrails: tuple[str, ...] = (),
    personal: tuple[str, ...] = (),
    version: str = "1.0.0",
    input_schema: Mapping[str, Any] | None = None,
    drafting: object = None,
) -> Callable[[F], F]:
    """Declare a function a tool. `cost` is in units; all else is as in `ToolContract`.

    A key counts for `KEY_WINDOW_S` unless `key_window_s` says how long the other side keeps it.
    `drafting` is a `tools.drafting.Drafting` when a language model may write the text of the result.
    `input_schema` is for `(inputs, context)` handlers, whose signature says nothing. Raises `ToolInvalid` when the
    declaration contradicts itself: a probe that is promised and not given, a class that does not exist.
    """

    def attach(function: F) -> F:
        called = name or function.__name__
        try:
            effect, safe = SideEffect(side_effect), Repeatable(repeatable)
        except ValueError as error:
            raise ToolInvalid(f"{called}: {error}") from error
        if (safe is Repeatable.PROBE) != (probe is not None):
            raise ToolInvalid(f"{called}: repeatable='probe' and probe= come together or not at all")
        window_s = key_window_s if key_window_s is not None else KEY_WINDOW_S if safe is Repeatable.KEY else 0
        if window_s < 0 or (window_s and safe is not Repeatable.KEY):
            raise ToolInvalid(
                f"{called}: key_window_s={window_s} with repeatable='{safe.value}'; it is 0 or more, for 'key'"
            )
        hints = _hints(function, called)
        parameters = [] if is_handler(function) else _parameters(function, hints, called)
        arguments = None if is_handler(function) else _arguments(parameters, called)
        contract = ToolContract(
            name=called,
            domain=domain,
            side_effect=effect,
            purpose=purpose or _first_paragraph(function),
            cost=micros(cost),
            version=version,
            module=function.__module__,
            input_schema=_raw(dict(input_schema)) if input_schema else _schema(arguments),
            output_schema=_schema(hints.get("return", Any)),
            slots=_slots(parameters),
            gives=dict(gives or {}),
            keywords=keywords,
            repeatable=safe,
            key_window_s=window_s,
            uses=uses,
            writes=writes,
            optional=optional,
            once=once,
            effect_key=effect_key,
            seconded=seconded,
            stops=stops,
            timeout_s=timeout_s,
            guardrails=guardrails,
            personal=personal,
            drafts=drafting is not None,
        )
        setattr(function, _CONTRACT, contract)
        setattr(function, _PROBE, probe)
        setattr(function, _AMENDED, amended)
        setattr(function, _ARGUMENTS, arguments)
        setattr(function, _DRAFTING, drafting)
        return function

    return attach


def contract_of(function: Callable[..., Any]) -> ToolContract:
    """The contract of a declared tool; `ToolInvalid` for a function that is none."""
    contract = getattr(function, _CONTRACT, None)
    if not isinstance(contract, ToolContract):
        raise ToolInvalid(f"{getattr(function, '__qualname__', function)!s} is not declared with @tool")
    return contract


def probe_of(function: Callable[..., Any]) -> Probe | None:
    """The callable that looks whether an earlier attempt happened: `(context, arguments) -> result, or None`."""
    return typing.cast("Probe | None", getattr(function, _PROBE, None))


def amended_of(function: Callable[..., Any]) -> Amended | None:
    """The callable that looks at amended arguments before people decide on them: `(context, before, after) -> the
    arguments as they stand then`; it raises `NotDone` when the call would surely not be carried out."""
    return typing.cast("Amended | None", getattr(function, _AMENDED, None))


def drafting_of(function: Callable[..., Any]) -> Any:
    """What the tool says about a text that a language model may write, a `tools.drafting.Drafting`; None: nothing."""
    return getattr(function, _DRAFTING, None)


def arguments_of(function: Callable[..., Any]) -> type[msgspec.Struct] | None:
    """The struct that a call's JSON is converted to, its fields named as the parameters; None for a handler."""
    contract_of(function)
    return typing.cast("type[msgspec.Struct] | None", getattr(function, _ARGUMENTS, None))


def is_handler(function: Callable[..., Any]) -> bool:
    """Whether it is an `(inputs, context)` handler, which takes the arguments as one dict."""
    return tuple(inspect.signature(function).parameters) == ("inputs", "context")


def context_parameter(function: Callable[..., Any]) -> str:
    """The name of the parameter that takes the `ToolContext`; empty when the function takes none."""
    return _context_among(function, _hints(function, function.__name__))


def _context_among(function: Callable[..., Any], hints: Mapping[str, Any]) -> str:
    for parameter in inspect.signature(function).parameters:
        if parameter in ("context", "ctx") or hints.get(parameter) is ToolContext:
            return parameter
    return ""


def _parameters(
    function: Callable[..., Any], hints: Mapping[str, Any], called: str
) -> list[tuple[inspect.Parameter, Any, Slot]]:
    context, found = _context_among(function, hints), []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == context:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ToolInvalid(f"{called}: argument {parameter.name!r} must have a name of its own")
        if parameter.name not in hints:
            raise ToolInvalid(f"{called}: argument {parameter.name!r} has no type")
        annotation = hints[parameter.name]
        said = [m for m in getattr(annotation, "__metadata__", ()) if isinstance(m, Slot)]
        found.append((parameter, annotation, said[0] if said else Slot("")))
    return found


def _slots(parameters: Sequence[tuple[inspect.Parameter, Any, Slot]]) -> tuple[ContractSlot, ...]:
    return tuple(
        ContractSlot(
            name=parameter.name,
            kind=slot.kind,
            required=parameter.default is parameter.empty,
            choices=slot.choices,
            purpose=slot.purpose,
        )
        for parameter, _, slot in parameters
    )


def _arguments(parameters: Sequence[tuple[inspect.Parameter, Any, Slot]], called: str) -> type[msgspec.Struct]:
    fields: list[Any] = []
    for parameter, annotation, slot in parameters:
        if slot.purpose:
            annotation = Annotated[annotation, msgspec.Meta(description=slot.purpose)]
        if parameter.default is parameter.empty:
            fields.append((parameter.name, annotation))
        else:
            fields.append((parameter.name, annotation, parameter.default))
    try:
        return msgspec.defstruct(f"{called}_arguments", fields, kw_only=True, forbid_unknown_fields=True, frozen=True)
    except TypeError as error:
        raise ToolInvalid(f"{called}: {error}") from error


def _schema(kind: Any) -> msgspec.Raw:
    """JSON Schema 2020-12 of a type, its root inline; `{}` (any JSON) for Any and for types msgspec does not know."""
    if kind is None or kind is Any:
        return EMPTY_OBJECT
    try:
        (root,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    except TypeError:
        return EMPTY_OBJECT
    own = str(root.get("$ref", "")).removeprefix("#/$defs/")
    if own in parts and not any(f'"#/$defs/{own}"' in encode(part).decode() for part in parts.values()):
        root = parts.pop(own)
    return _raw({**root, "$defs": parts} if parts else root)


def _raw(schema: object) -> msgspec.Raw:
    return msgspec.Raw(encode(schema))


def _hints(function: Callable[..., Any], called: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ToolInvalid(f"{called}: its types cannot be read: {error}") from error


def _first_paragraph(function: Callable[..., Any]) -> str:
    return " ".join((inspect.getdoc(function) or "").split("\n\n", 1)[0].split())


def capability_missing(context: ToolContext, name: str) -> bool:
    """Whether the run binds nothing to a capability; for tools that can do part of their work without it."""
    return name not in context.capabilities


__all__ = [
    "Slot",
    "Stop",
    "ToolContext",
    "amended_of",
    "arguments_of",
    "capability_missing",
    "context_parameter",
    "contract_of",
    "drafting_of",
    "is_handler",
    "probe_of",
    "tool",
]
