"""The hash of a state, of a run or a house (or of one fact): the same from the same journal on every version of cuga.

A state is written as JSON in one way: names in order, what is at its default left out (a later version may know more),
times in UTC, sets in order, bytes of calls and answers as they are. What follows from the rest is not in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from hashlib import sha256
from typing import Any

import msgspec

from cuga.kernel.house import HouseState
from cuga.kernel.index import PlanIndex
from cuga.kernel.state import RunState
from cuga.model.event import Event

FORMAT = "cuga.state/1"
# came after the format: what they hold follows from the same facts
_LATER = frozenset({"first_try", "joined", "reset", "former"})
_ORDERED = frozenset({"ready"})  # maps whose order means something


def state_hash(state: RunState | HouseState | Event) -> str:
    """The SHA-256 of a state, as 64 hex digits."""
    return sha256(f"{FORMAT}\n{canonical(state)}".encode()).hexdigest()


def canonical(state: object) -> str:
    """The text that is hashed: JSON in ASCII, so that no letter is written in two ways."""
    return json.dumps(_plain(state), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return value.value
        case str():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case msgspec.Raw() | bytes():
            return bytes(value).decode("utf-8", "surrogateescape")
        case HouseState():
            fresh = vars(HouseState())
            return {name: _plain(one) for name, one in vars(value).items() if name not in _LATER and one != fresh[name]}
        case PlanIndex():
            return {"steps": _plain(value.steps), "in_force": list(value.named)}
        case msgspec.Struct():
            return _fields(value)
        case Mapping():
            return {_key(name): _plain(one) for name, one in value.items()}
        case frozenset() | set():
            return sorted((_plain(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
        case tuple() | list():
            return [_plain(one) for one in value]
    raise TypeError(f"a state does not hold a {type(value).__name__}")


def _fields(value: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = {}
    tag = value.__struct_config__.tag
    if tag is not None:
        found["type"] = tag
    for name, default in _defaults(type(value)):
        held = getattr(value, name)
        if name in _LATER or (default is not msgspec.NODEFAULT and held == default):
            continue
        found[name] = list(held) if name in _ORDERED else _plain(held)
    return found


@cache
def _defaults(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (field.name, field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default)
        for field in msgspec.structs.fields(kind)
    )


def _key(name: Any) -> str:
    return name if type(name) is str else json.dumps(_plain(name), sort_keys=True)
