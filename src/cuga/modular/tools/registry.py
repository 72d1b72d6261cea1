"""Tools declared as values: a `ToolSpec` holds a handler `(inputs, context) -> Any` and what is true of it.

The spec becomes a tool of `cuga.tools` with a contract like any other. A spec without a class is refused, and a handler
that is given by its path is imported from allowed modules only.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cuga.errors import ToolInvalid
from cuga.model.tool import ToolContract
from cuga.policy.registry import is_allowed
from cuga.tools import registry as tools
from cuga.tools.declare import Probe, ToolContext, tool

Handler = Callable[[dict[str, Any], Any], Any]


class HandlerContext(Mapping[str, Any]):
    """The `ToolContext` of a call, readable by attribute and, as older handlers do, by key."""

    __slots__ = ("_context",)

    def __init__(self, context: ToolContext) -> None:
        self._context = context

    def __getitem__(self, name: str) -> Any:
        if name not in ToolContext.__struct_fields__:
            raise KeyError(name)
        return getattr(self._context, name)

    def __iter__(self) -> Iterator[str]:
        return iter(ToolContext.__struct_fields__)

    def __len__(self) -> int:
        return len(ToolContext.__struct_fields__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


@dataclass(frozen=True, kw_only=True)
class ToolSpec:
    """One tool as a value. `side_effect` must be said: `read-only`, `propose` or `execute`.

    `handler` is a function of two arguments, the inputs as a dict and the context, or its path `module:name`.
    `parameters` is the JSON Schema of the inputs, or only its properties; all else is as for `@tool`.
    """

    name: str
    handler: Handler | str
    side_effect: str = ""
    domain: str = "general"
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    cost: float = 0.0
    keywords: tuple[str, ...] = ()
    gives: Mapping[str, str] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    repeatable: str = "none"
    probe: Probe | None = None
    once: tuple[str, ...] = ()
    effect_key: tuple[str, ...] = ()
    timeout_s: int = 30
    guardrails: tuple[str, ...] = ()
    version: str = "1.0.0"

    def function(self, modules: tuple[str, ...] = ()) -> Callable[..., Any]:
        """The spec as a declared tool. `ToolInvalid` without a class, or for a path outside `modules`."""
        if not self.side_effect:
            raise ToolInvalid(
                f"{self.name} has no class",
                mend="Say side_effect='read-only', 'propose' or 'execute'; nothing is assumed.",
            )
        handler = _imported(self.handler, modules) if isinstance(self.handler, str) else self.handler
        declare = tool(
            domain=self.domain,
            side_effect=self.side_effect,
            cost=self.cost,
            name=self.name,
            purpose=self.description or " ".join((inspect.getdoc(handler) or "").split("\n\n", 1)[0].split()),
            keywords=self.keywords,
            gives=self.gives,
            uses=self.uses,
            repeatable=self.repeatable,
            probe=self.probe,
            once=self.once,
            effect_key=self.effect_key,
            timeout_s=self.timeout_s,
            guardrails=self.guardrails,
            version=self.version,
            input_schema=_schema(self.parameters),
        )
        called = _called(handler)
        called.__module__ = getattr(handler, "__module__", "") or ""
        return declare(called)


class ToolRegistry(tools.ToolRegistry):
    """The tools of a process, with `ToolSpec`s taken beside declared functions."""

    __slots__ = ()

    def register(self, function: ToolSpec | Callable[..., Any], contract: ToolContract | None = None) -> ToolContract:
        """Add a tool. `ToolInvalid` for a spec without a class, a name that is taken, a path that is not allowed."""
        if isinstance(function, ToolSpec):
            if contract is not None:
                raise ToolInvalid(f"{function.name}: a ToolSpec is its own contract")
            return super().register(function.function(self.modules))
        return super().register(function, contract)

    def functions(self) -> tuple[Callable[..., Any], ...]:
        """The declared tools, as `Coordinator(tools=...)` takes them."""
        return tuple(kept.function for kept in self._tools.values() if hasattr(kept.function, "__tool__"))


def _called(handler: Handler) -> Callable[..., Any]:
    """The handler under the parameters that the door calls handlers by."""
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__):

        async def wait(inputs: dict[str, Any], context: ToolContext) -> Any:
            return await handler(inputs, HandlerContext(context))

        return wait

    def call(inputs: dict[str, Any], context: ToolContext) -> Any:
        return handler(inputs, HandlerContext(context))

    return call


def _imported(path: str, modules: tuple[str, ...]) -> Handler:
    module, colon, name = path.partition(":")
    if not colon or not name.isidentifier():
        raise ToolInvalid(f"{path!r} is no handler", mend="Write module:function, e.g. my.tools:look_up.")
    if not is_allowed(module, modules):
        raise ToolInvalid(
            f"module {module} is not allowed; allowed: {', '.join(modules) or 'none'}",
            mend="Name it under `modules` in the registry, if you trust what it does when it is imported.",
        )
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ToolInvalid(f"the handler {path} cannot be imported: {error}") from error
    if not callable(found):
        raise ToolInvalid(f"{path} is not callable")
    return found  # type: ignore[no-any-return]


def _schema(parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    if not parameters:
        return None
    if parameters.get("type") == "object" or "$schema" in parameters:
        return dict(parameters)
    return {"type": "object", "properties": dict(parameters), "additionalProperties": False}
