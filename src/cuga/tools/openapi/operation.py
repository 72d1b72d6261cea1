"""One operation of a document: where its arguments go, and what request they make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from cuga.errors import BadInput
from cuga.model.value import Value

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
KEY_HEADER = "idempotency-key"
_HOLE = re.compile(r"\{([^{}]+)\}")


class Parameter(Value, frozen=True, kw_only=True):
    """One argument that goes into the address or a header. `argument` is what it is called here."""

    argument: str
    name: str
    place: str  # path, query, header
    style: str = "form"
    explode: bool = True


class Operation(Value, frozen=True, kw_only=True):
    """What can be asked. `security` are the alternatives, each the names of schemes that are needed together."""

    name: str
    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: str = ""  # the media type of the body; empty: none
    security: tuple[tuple[str, ...], ...] = ()
    takes_key: bool = False

    def request(self, arguments: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
        """Path with query, headers and body of a call. `BadInput` for a value that cannot stand where it goes."""
        filled: dict[str, str] = {}
        query: list[tuple[str, str]] = []
        headers: dict[str, str] = {}
        for parameter in self.parameters:
            if (value := arguments.get(parameter.argument)) is None:
                continue
            if parameter.place == "path":
                filled[parameter.name] = _segment(parameter.name, value)
            elif parameter.place == "query":
                query += _pairs(parameter, value)
            else:
                headers[parameter.name] = _text(value)
        path = _HOLE.sub(lambda hole: _filled(filled, hole[1]), self.path)
        if query:
            path += "?" + urlencode(query)
        return path, *self._with_body(headers, arguments.get("body"))

    def _with_body(self, headers: dict[str, str], body: Any) -> tuple[dict[str, str], bytes]:
        if not self.body or body is None:
            return headers, b""
        if self.body == FORM:
            fields = body if isinstance(body, dict) else {}
            written = urlencode([(name, _text(value)) for name, value in fields.items()]).encode()
        else:
            written = msgspec.json.encode(body)
        return {**headers, "content-type": self.body}, written


def _filled(filled: dict[str, str], name: str) -> str:
    if name not in filled:
        raise BadInput(f"the argument {name!r} is missing, and stands in the address")
    return filled[name]


def _segment(name: str, value: Any) -> str:
    """A piece of a path that stays one piece."""
    said = ",".join(map(_text, value)) if isinstance(value, list) else _text(value)
    if said in ("", ".", ".."):
        raise BadInput(f"the argument {name!r} is {said!r}, which would be another address")
    return quote(said, safe="")


def _pairs(parameter: Parameter, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        if parameter.explode:
            yield from ((parameter.name, _text(one)) for one in value)
        else:
            between = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(parameter.style, ",")
            yield parameter.name, between.join(map(_text, value))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield (f"{parameter.name}[{key}]" if parameter.style == "deepObject" else key), _text(one)
    else:
        yield parameter.name, _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
