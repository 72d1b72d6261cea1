"""References into earlier outputs: JSON Pointers (RFC 6901) and the `$from` form inside a step's input."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from cuga.model.plan import ITEM, REFERENCE, Reference
from cuga.model.value import encode

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")  # RFC 6901: ascii digits, no leading zero; no list here is longer
NO_ITEM = object()  # an item may be anything JSON has, null included
ITEMS = "/items"  # where the output of a list holds the results of its calls
MAX_ARGUMENTS = 64 * 1024  # bytes of one call's arguments


class Unresolved(Exception):
    """A reference points at nothing; the message says which and why. Never leaves the kernel."""


def pointed(document: Any, path: str) -> Any:
    """The value at a JSON Pointer; the empty pointer is the whole document. Raises Unresolved."""
    value = document
    if path == "":
        return value
    for token in path[1:].split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and _INDEX.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            raise Unresolved(f"nothing at {path[:200]!r}")
    return value


def extracted(document: msgspec.Raw, paths: list[str]) -> dict[str, msgspec.Raw]:
    """The values at some pointers, each as JSON; pointers at nothing are left out."""
    found: dict[str, msgspec.Raw] = {}
    value = msgspec.json.decode(document)
    for path in dict.fromkeys(paths):
        try:
            found[path] = msgspec.Raw(encode(pointed(value, path)))
        except Unresolved:
            continue
    return found


def filled(body: msgspec.Raw, look_up: Callable[[Reference], Any], item: Any = NO_ITEM) -> msgspec.Raw:
    """An input with every reference replaced by the value it points at, as final bytes. Raises Unresolved.

    Values put in are not looked through again: what a tool answered stands for nothing but itself.
    """

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            if len(value) == 1 and REFERENCE in value:
                return look_up(msgspec.convert(value[REFERENCE], Reference))
            if item is not NO_ITEM and len(value) == 1 and ITEM in value:
                return pointed(item, value[ITEM])
            return {key: walk(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        return value

    final = encode(walk(msgspec.json.decode(body)))
    if len(final) > MAX_ARGUMENTS:
        raise Unresolved(f"the arguments would be {len(final):,} bytes; {MAX_ARGUMENTS:,} is the most")
    return msgspec.Raw(final)


def inside_of(path: str) -> tuple[int, str] | None:
    """The place and the rest of a pointer into one result of a list; None for any other pointer."""
    head, _, rest = path.removeprefix(ITEMS + "/").partition("/")
    if not path.startswith(ITEMS + "/") or not (head.isascii() and head.isdecimal() and len(head) < 4):
        return None
    return int(head), f"/{rest}" if len(path) > len(ITEMS) + 1 + len(head) else ""


def within_calls(pointers: list[str]) -> list[str]:
    """What of each call's result later steps refer to, given what they refer to of the whole list."""
    return [inside[1] if (inside := inside_of(path)) is not None else "" for path in pointers]
