"""A tool's argument schema, asked about a proposed input in which references stand for values not yet known.

A reference is accepted wherever a value may stand; everything written out is held to the schema. Whether the value that
arrives fits is seen again before the call.
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import Any

import msgspec

from cuga.errors import ToolInvalid
from cuga.model.plan import ITEM, REFERENCE
from cuga.model.tool import ToolContract
from cuga.tools.schemas import compiled

_KEYWORDS_OF_MANY = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_KEYWORDS_OF_LIST = ("anyOf", "oneOf", "allOf", "prefixItems")
_KEYWORDS_OF_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "unevaluatedProperties")
_POINTERS = [
    {"type": "object", "properties": {name: {"type": kind}}, "required": [name], "additionalProperties": False}
    for name, kind in ((REFERENCE, "object"), (ITEM, "string"))
]


def is_reference(value: Any) -> bool:
    """Whether a JSON value stands for an earlier output or for the item of a list."""
    return isinstance(value, dict) and len(value) == 1 and (REFERENCE in value or ITEM in value)


class Arguments:
    """What one contract says about its arguments."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.properties: dict[str, Any] = schema.get("properties") or {}
        self.closed = schema.get("additionalProperties") is False
        self.required: tuple[str, ...] = tuple(schema.get("required") or ())
        self._plain = compiled(schema) if schema else None
        self._open = compiled(_opened(schema, top=True)) if schema else None

    def faults(self, value: dict[str, Any]) -> list[str]:
        """All that is wrong with an input, each as "where: what". Empty when nothing is."""
        if self._plain is None or self._open is None or self._open.is_valid(value):
            return []
        found = []
        for name in value:
            if self.closed and name not in self.properties:
                close = difflib.get_close_matches(name, self.properties, 1, 0.6)
                known = ", ".join(self.properties) or "none"
                hint = f"did you mean {close[0]!r}?" if close else f"it takes: {known}"
                found.append(f"unknown argument {name!r}; {hint}")
        found += [f"argument {name!r} is missing" for name in self.required if name not in value]
        for error in self._plain.iter_errors(value):
            path = list(error.instance_path)
            said = error.message
            if not path and (said.endswith("is a required property") or said.startswith("Additional properties")):
                continue
            if not _stands_for(value, path):
                found.append(f"{'/'.join(map(str, path)) or 'input'}: {_short(said)}")
        return found or ["the input does not fit the tool's schema"]

    def schema_of(self, name: str) -> dict[str, Any]:
        """The schema of one argument; empty when it says nothing."""
        found = self.properties.get(name)
        return found if isinstance(found, dict) else {}


@lru_cache(maxsize=2048)
def arguments_of_schema(schema: bytes) -> Arguments:
    """The arguments of a JSON Schema, compiled once. A schema that is none says nothing about its arguments."""
    read = msgspec.json.decode(schema)
    try:
        return Arguments(read if isinstance(read, dict) else {})
    except ToolInvalid:
        return Arguments({})


def arguments_of(contract: ToolContract) -> Arguments:
    """The arguments of a contract."""
    return arguments_of_schema(bytes(contract.input_schema))


def accepts(schema: dict[str, Any], kind: str) -> bool:
    """Whether a schema plainly takes a JSON type: by `type`, or by one member of `anyOf`."""
    stated = schema.get("type")
    if stated == kind or (isinstance(stated, list) and kind in stated):
        return True
    return any(isinstance(part, dict) and accepts(part, kind) for part in schema.get("anyOf") or ())


def _stands_for(value: Any, path: list[Any]) -> bool:
    """Whether the fault lies at, inside or around a reference: what is there is not known yet."""
    for token in path:
        if is_reference(value):
            return True
        try:
            value = value[token]
        except (KeyError, IndexError, TypeError):
            return False
    return _holds_reference(value)


def _holds_reference(value: Any) -> bool:
    if is_reference(value):
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_holds_reference(part) for part in inner)


def _opened(schema: Any, top: bool = False) -> Any:
    if not isinstance(schema, dict):
        return schema
    opened = dict(schema)
    for key in _KEYWORDS_OF_MANY:
        if isinstance(opened.get(key), dict):
            opened[key] = {name: _opened(part) for name, part in opened[key].items()}
    for key in _KEYWORDS_OF_LIST:
        if isinstance(opened.get(key), list):
            opened[key] = [_opened(part) for part in opened[key]]
    for key in _KEYWORDS_OF_ONE:
        if isinstance(opened.get(key), dict):
            opened[key] = _opened(opened[key])
    return opened if top else {"anyOf": [*_POINTERS, opened]}


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:120]} ... {text[-60:]}"
