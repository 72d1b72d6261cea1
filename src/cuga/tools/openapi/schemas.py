"""Schemas of a document as JSON Schema 2020-12: what they refer to travels with them, each part written once.

A document of 3.0 has its own dialect: `nullable`, and limits that are flags. It is turned into the newer words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from cuga.errors import ToolInvalid
from cuga.model.value import encode

_OWN = "#/components/schemas/"
_MOST_PARTS = 400  # schemas that one operation may refer to
_DROPPED = frozenset({"example", "examples", "xml", "externalDocs", "discriminator"})


class Schemas:
    """The schemas of one document, turned when they are first needed."""

    def __init__(self, components: Mapping[str, Any]) -> None:
        self._components = components
        self._turned: dict[str, tuple[msgspec.Raw, frozenset[str]]] = {}

    def turned(self, schema: Any) -> tuple[Any, set[str]]:
        """A schema in the newer words, and the names of the parts that it refers to."""
        named: set[str] = set()
        return _turn(schema, named, 0), named

    def parts(self, named: set[str]) -> dict[str, msgspec.Raw]:
        """All parts that some names lead to, as they go under `$defs`. `ToolInvalid` for one that is not there."""
        found: dict[str, msgspec.Raw] = {}
        open_names = sorted(named)
        while open_names:
            name = open_names.pop()
            if name in found:
                continue
            found[name], further = self._part(name)
            open_names += [one for one in further if one not in found]
            if len(found) > _MOST_PARTS:
                raise ToolInvalid(f"its schema has more than {_MOST_PARTS} parts")
        return dict(sorted(found.items()))

    def _part(self, name: str) -> tuple[msgspec.Raw, frozenset[str]]:
        known = self._turned.get(name)
        if known is None:
            if name not in self._components:
                raise ToolInvalid(f"it refers to a schema {name!r} that is not in the document")
            named: set[str] = set()
            body = encode(_turn(self._components[name], named, 0))
            known = self._turned[name] = (msgspec.Raw(body), frozenset(named))
        return known


def _turn(schema: Any, named: set[str], depth: int) -> Any:
    if depth > 64:
        raise ToolInvalid("its schema is nested too deep")
    if isinstance(schema, list):
        return [_turn(one, named, depth + 1) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(reference := schema.get("$ref"), str):
        if not reference.startswith(_OWN):
            raise ToolInvalid(f"it refers to {reference[:80]!r}; only schemas of the document itself are read")
        name = unquote(reference[len(_OWN) :]).replace("~1", "/").replace("~0", "~")
        named.add(name)
        part = {"$ref": f"#/$defs/{reference[len(_OWN) :]}"}
        return {"anyOf": [part, {"type": "null"}]} if schema.get("nullable") is True else part
    turned: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _DROPPED or key == "nullable":
            continue
        if key in ("properties", "patternProperties", "$defs") and isinstance(value, dict):
            turned[key] = {name: _turn(one, named, depth + 1) for name, one in value.items()}
        elif key in ("enum", "const", "default", "required", "description", "title"):
            turned[key] = value
        else:
            turned[key] = _turn(value, named, depth + 1)
    for limit, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(turned.get(flag), bool) and turned.pop(flag) and limit in turned:
            turned[flag] = turned.pop(limit)
    return _with_null(turned) if schema.get("nullable") is True else turned


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
        schema = {**schema, "enum": [*schema["enum"], None]}
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return schema if "type" in schema or not schema else {"anyOf": [schema, {"type": "null"}]}
