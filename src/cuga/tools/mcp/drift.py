"""What is different between the tools that were accepted and the tools as a server has them now, line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cuga.model.value import Value
from cuga.tools.mcp.definition import Definition

NEW, CHANGED, GONE = "new", "changed", "gone"
MOST_LINES = 200  # of one tool's difference that are shown


class Difference(Value, frozen=True, kw_only=True):
    """One tool that is not as it was accepted. `lines` are what a person reads: `- was`, `+ is`, `  stays`."""

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
            yield Difference(tool=name, kind=NEW, lines=tuple(_cut(_lines(now))))
        elif now is None:
            yield Difference(tool=name, kind=GONE)
        elif before.text != now.text:
            compared = difflib.ndiff(_lines(before), _lines(now))
            yield Difference(tool=name, kind=CHANGED, lines=tuple(_cut([x for x in compared if x[:1] != "?"])))
        elif has_moved:
            yield Difference(tool=name, kind=CHANGED, lines=("  the same words, from another place",))


def _lines(definition: Definition) -> list[str]:
    fields: dict[str, Any] = definition.fields
    return msgspec.json.format(msgspec.json.encode(fields), indent=2).decode().splitlines()


def _cut(lines: list[str]) -> list[str]:
    left = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"  and {left:,} more lines"] if left > 0 else lines
