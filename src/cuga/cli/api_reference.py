"""The reference page of the Python API, made from the code itself: `python -m cuga.cli.api_reference > PAGE`.

It shows what the packages export, with signatures and docstrings. A test compares the page with what this gives.
"""

from __future__ import annotations

import enum
import functools
import importlib
import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Iterator
from typing import Any

PACKAGES = (
    "cuga.orchestrator",
    "cuga.planning",
    "cuga.tools",
    "cuga.outbound",
    "cuga.modular.agents",
    "cuga.modular.tools",
    "cuga.modular.memory",
    "cuga.adapters.capability",
)
_WIDE = 110  # columns of a signature in one line
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_OPENING = """\
# The Python API

<!-- made by `python -m cuga.cli.api_reference`; a test keeps it equal to the code -->

What the packages export, with what their docstrings say. Everything else may change without notice. Errors are on
[a page of their own](errors.md), and how a tool is declared is told in [tools](tools.md).
"""


class _As:
    """A text that shows itself without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def page() -> str:
    """The whole page."""
    parts = [_OPENING]
    for name in PACKAGES:
        parts += _package(name)
    return "\n".join(parts)


def _package(name: str) -> Iterator[str]:
    module = importlib.import_module(name)
    yield f"## {name}\n\n{_doc(module)}\n"
    shown: dict[int, str] = {}
    for exported in _exports(module):
        thing = getattr(module, exported)
        own = getattr(thing, "__name__", exported)
        if own != exported and hasattr(module, own) and getattr(module, own) is thing:
            yield f"### {exported}\n\nAnother name of `{own}`.\n"
        elif id(thing) in shown and not isinstance(thing, str | int):
            yield f"### {exported}\n\nAnother name of `{shown[id(thing)]}`.\n"
        else:
            shown[id(thing)] = exported
            yield from _thing(exported, thing)


def _exports(module: Any) -> list[str]:
    """What a module offers: its `__all__`, or the public things it defines itself."""
    if (chosen := getattr(module, "__all__", None)) is not None:
        return sorted(chosen, key=str.casefold)
    return sorted(
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", "") == module.__name__ and callable(thing)
    )


def _thing(name: str, thing: Any) -> Iterator[str]:
    yield f"### {name}\n"
    if inspect.isclass(thing):
        yield _code(_signature(name, thing)) if not issubclass(thing, enum.Enum) else _members(thing)
        yield f"{_doc(thing)}\n"
        if methods := "".join(_methods(thing)):
            yield f"{methods}"
    elif callable(thing):
        yield _code(_signature(name, thing))
        yield f"{_doc(thing)}\n"
    else:
        yield f"`{thing!r}`\n"


def _methods(kind: type) -> Iterator[str]:
    """The public methods and properties of a class and of our classes it stands on."""
    for name in sorted(dir(kind)):
        if name.startswith("_"):
            continue
        home = next((base for base in kind.__mro__ if name in vars(base)), None)
        if home is None or not home.__module__.startswith("cuga."):
            continue
        held = vars(home)[name]
        if isinstance(held, property | functools.cached_property):
            body = held.fget if isinstance(held, property) else held.func
            yield f"- `{name}`: {_one(body)}\n"
        elif isinstance(held, classmethod | staticmethod):
            yield f"- `{_flat(name, held.__func__, drop=isinstance(held, classmethod))}`: {_one(held.__func__)}\n"
        elif inspect.isfunction(held):
            yield f"- `{_flat(name, held, drop=True)}`: {_one(held)}\n"


def _members(kind: type[enum.Enum]) -> str:
    return f"One of {', '.join(f'`{member.value}`' for member in kind)}.\n"


def _signature(name: str, thing: Any) -> str:
    if typing.get_origin(thing) is not None:
        return name  # another name of a type; whether it can be called like one is told differently by each Python
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return name
    if getattr(thing, "_is_protocol", False):
        return f"{name}  # a protocol"
    parameters = [_shown(parameter) for parameter in signature.parameters.values()]
    flat = signature.replace(parameters=parameters, return_annotation=_annotation(signature.return_annotation))
    asynchronous = "async " if inspect.iscoroutinefunction(thing) else ""
    one = f"{asynchronous}{name}{flat}"
    if len(one) <= _WIDE:
        return one
    lines, starred = [], False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            lines.append("    *,")
        starred = starred or parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        lines.append(f"    {parameter},")
    back = "" if flat.return_annotation is flat.empty else f" -> {flat.return_annotation!r}"
    return "\n".join([f"{asynchronous}{name}(", *lines, f"){back}"])


def _flat(name: str, function: Any, *, drop: bool) -> str:
    signature = inspect.signature(function)
    parameters = [_shown(parameter) for parameter in signature.parameters.values()][1 if drop else 0 :]
    said = signature.replace(parameters=parameters, return_annotation=_annotation(signature.return_annotation))
    return f"{'async ' if inspect.iscoroutinefunction(function) else ''}{name}{said}"


def _shown(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    if callable(default) and default is not parameter.empty:
        default = _As(getattr(default, "__qualname__", type(default).__name__))
    elif isinstance(default, enum.Enum):
        default = _As(str(default))
    elif default is not parameter.empty:
        default = _As(_ADDRESS.sub("", repr(default)))
    return parameter.replace(annotation=_annotation(parameter.annotation), default=default)


def _annotation(said: Any) -> Any:
    return said if said is inspect.Signature.empty else _As(said) if isinstance(said, str) else _As(_named(said))


def _named(said: Any) -> str:
    return _ADDRESS.sub("", inspect.formatannotation(said))


def _doc(thing: Any) -> str:
    return inspect.getdoc(thing) or ""


def _one(thing: Any) -> str:
    return " ".join(_doc(thing).split("\n\n", 1)[0].split())


def _code(text: str) -> str:
    return f"```python\n{textwrap.dedent(text)}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(page())
