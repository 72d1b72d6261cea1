"""What is different between the tools that were accepted and the tools as a server has them now, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cuga.model.value import Value
from cuga.tools.mcp.definition import Definition

NEW, CHANGED, GONE = "new", "changed", "gone"
MOST_LINES = 200  # of one tool's difference that are shown


class Difference(Value, frozen=True, kw_only=True):
    """One tool that is not as it was accepted. `lines` are what a person reads: `- was`, `+ is`."""

    tool: str
    kind: str  # new, changed, gone
    lines: tuple[str, ...] = ()


def differences(
    accepted: Mapping[str, Definition], found: Mapping[str, Definition], *, has_moved: bool = False
) -> tuple[Difference, ...]:
    """All tools that differ, in the order of their names. `has_moved`: the server itself is asked at another place."""
    return tuple(_differences(accepted, found, has_moved))


def _differences(
    accepted: Mapping[str, Definition], found: Mapping[str, Definition], has_moved: bool
) -> Iterator[Difference]:
    for name in sorted({*accepted, *found}):
        before, now = accepted.get(name), found.get(name)
        if before is None:
            assert now is not None
            lines = [f"+ {path}: {said}" for path, said in _flat(now).items() if not path.startswith("outputSchema")]
            yield Difference(tool=name, kind=NEW, lines=_cut(lines))
        elif now is None:
            yield Difference(tool=name, kind=GONE)
        elif before.text != now.text:
            yield Difference(tool=name, kind=CHANGED, lines=_cut(list(_changed(_flat(before), _flat(now)))))
        elif has_moved:
            yield Difference(tool=name, kind=CHANGED, lines=("  the same words, from another place",))


def _changed(before: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    for path in {**before, **now}:
        if before.get(path) != now.get(path):
            if path in before:
                yield f"- {path}: {before[path]}"
            if path in now:
                yield f"+ {path}: {now[path]}"


def _flat(definition: Definition) -> dict[str, str]:
    """Every value of a definition by its path, as JSON: line breaks and odd letters show."""
    found: dict[str, str] = {}
    waiting: list[tuple[str, Any]] = [(key, value) for key, value in reversed(definition.fields.items())]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting += [(f"{path}.{key}", one) for key, one in reversed(value.items())]
        elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
            waiting += [(f"{path}[{index}]", one) for index, one in reversed([*enumerate(value)])]
        else:
            found[path] = msgspec.json.encode(value).decode()
    return found


def _cut(lines: list[str]) -> tuple[str, ...]:
    left = len(lines) - MOST_LINES
    return (*lines[:MOST_LINES], f"  and {left:,} more lines") if left > 0 else tuple(lines)
