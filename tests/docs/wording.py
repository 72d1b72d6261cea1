"""How the reference pages call the types of our values, derived from the code they describe."""

from __future__ import annotations

import types
import typing
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

_PLAIN = {str: "text", int: "integer", bool: "flag", datetime: "time", msgspec.Raw: "JSON", Any: "JSON"}


def word_of(kind: Any) -> str:
    """A type as a page writes it; a type of our own becomes a link to its section."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return f"list of {word_of(inner[0])}"
    if origin is dict:
        return f"map of {word_of(inner[1])}"
    if origin in (typing.Union, types.UnionType):
        (one,) = [part for part in inner if part is not type(None)]
        return f"{word_of(one)} or null"
    return f"[{kind.__name__}](#{kind.__name__.lower()})"


def own_types(kind: Any) -> set[type]:
    """The values and enumerations of ours that a type is made of, all the way down."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {kind}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {kind}.union(*(own_types(hint) for hint in hints_of(kind).values()))
    return set().union(*(own_types(part) for part in typing.get_args(kind)))


def hints_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Field to type, in the order of their declaration."""
    hints = typing.get_type_hints(kind)
    return {name: hints[name] for name in kind.__struct_fields__}


def rows_of(kind: type[msgspec.Struct], without: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """Field, type and what holds when it is absent, as a page must say it."""
    return [
        (field.name, word_of(hints_of(kind)[field.name]), _absent(field))
        for field in msgspec.structs.fields(kind)
        if field.name not in without
    ]


def _absent(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{msgspec.json.encode(field.default_factory()).decode()}`"
    if field.default is msgspec.NODEFAULT:
        return "required"
    return f"`{msgspec.json.encode(field.default).decode()}`"
