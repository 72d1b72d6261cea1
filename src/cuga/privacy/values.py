"""The texts in JSON bytes: where each stands, under which names, inside which objects. The bytes are not rewritten."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

_PART = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?|[{}\[\]]')


class Value(NamedTuple):
    """A text that is a value. `names` are those it stands under, the nearest last, the first empty; `boxes` the objects
    it is in, by number, the nearest last; `depth` is how many of them."""

    start: int
    end: int
    text: str
    names: tuple[str, ...]
    boxes: tuple[int, ...]

    @property
    def depth(self) -> int:
        return len(self.boxes)


def values_of(body: bytes) -> list[Value]:
    """All texts of some JSON, in order, names apart."""
    found: list[Value] = []
    names: list[str] = [""]
    boxes: list[int] = []
    kinds: list[bytes] = []
    count = 0
    for part in _PART.finditer(body):
        mark = body[part.start() : part.start() + 1]
        if mark == b'"':
            if part[1] is not None:
                names[-1] = _text(part[0][: part[0].rindex(b'"') + 1])
            else:
                found.append(Value(part.start(), part.end(), _text(part[0]), tuple(names), tuple(boxes)))
        elif mark in (b"{", b"["):
            kinds.append(mark)
            if mark == b"{":
                count += 1
                boxes.append(count)
                names.append("")
        elif kinds and kinds.pop() == b"{":
            boxes.pop()
            names.pop()
    return found


def _text(raw: bytes) -> str:
    if b"\\" not in raw:
        return raw[1:-1].decode("utf-8", "replace")
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.DecodeError:
        return raw[1:-1].decode("utf-8", "replace")
