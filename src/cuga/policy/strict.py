"""Strict YAML: text to nodes with their places, and every mistake at once.

Only plain mappings, lists and scalars are let in. Anchors, aliases, tags, merge keys, doubled keys, several documents
and oversize are refused, because each of them lets a file say something else than what a person reads. Read as a stream
of events, so that no bomb is ever expanded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from cuga.model.value import Value

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_NODES = 50_000
MAX_MISTAKES = 100  # more than a person mends in one go

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}")


class Mistake(Value, frozen=True, kw_only=True):
    """One mistake in a text. Lines and columns count from 1; `where` is the path of keys that leads there."""

    line: int
    column: int
    where: str
    what: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}{', ' if self.where else ''}{self.where}: {self.what}"


@dataclass(slots=True)
class Node:
    """A value with its place. `value` is a dict of nodes, a list of nodes, or text, whole number, float, bool, None."""

    value: Any
    line: int
    column: int
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)  # places of a mapping's keys

    @property
    def kind(self) -> str:
        """What a person would call it."""
        names = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false", int: "a whole number"}
        return names.get(type(self.value), "a number" if isinstance(self.value, float) else "nothing")


class Place(Value, frozen=True, kw_only=True):
    """Where something was said."""

    line: int
    column: int
    where: str


def parse(text: str) -> tuple[Node | None, list[Mistake]]:
    """The root node, or None when there is none, and all mistakes of form that were found."""
    if (size := len(text.encode("utf-8", "surrogatepass"))) > MAX_BYTES:
        return None, [_mistake(1, 1, f"{size:,} bytes; at most {MAX_BYTES:,} are read")]
    import yaml  # here, so that starting the house does not wait for it

    reading = _Reading()
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if not reading.take(yaml, event):
                break
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reading.mistakes.append(_mistake(line, column, f"not YAML: {error.problem or error.context}"))
    except (yaml.YAMLError, UnicodeError) as error:
        what = " ".join(str(error).split())[:200]
        reading.mistakes.append(_mistake(1, 1, f"not YAML: {what}"))
    return reading.root, reading.mistakes


class _Reading:
    """Builds nodes from events; `take` answers False when it is no use to read on."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.mistakes: list[Mistake] = []
        self._stack: list[tuple[Node, str | None]] = []  # open collections, with the key that waits for its value
        self._nodes = 0
        self._documents = 0

    def take(self, yaml: Any, event: Any) -> bool:
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._wrong(event, "a second document: one file holds one")
                    return False
            case yaml.AliasEvent():
                self._wrong(event, f"alias *{event.anchor}: write it out")
                self._add(self._node(event, None), event)
            case yaml.ScalarEvent():
                self._check_plain(event)
                self._add(self._node(event, _scalar(event)), event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._check_plain(event)
                node = self._node(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
                self._add(node, event)
                self._stack.append((node, None))
                if len(self._stack) > MAX_DEPTH:
                    self._wrong(event, f"nested deeper than {MAX_DEPTH}")
                    return False
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._stack.pop()
        if self._nodes > MAX_NODES:
            self._wrong(event, f"more than {MAX_NODES:,} values")
            return False
        return len(self.mistakes) < MAX_MISTAKES

    def _node(self, event: Any, value: Any) -> Node:
        self._nodes += 1
        return Node(value, event.start_mark.line + 1, event.start_mark.column + 1)

    def _check_plain(self, event: Any) -> None:
        if event.anchor:
            self._wrong(event, f"anchor &{event.anchor}: write the value out where it is needed")
        if event.tag:
            self._wrong(event, f"tag {event.tag[:60]}: leave it away")

    def _add(self, node: Node, event: Any) -> None:
        if not self._stack:
            self.root = node
            return
        parent, key = self._stack[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif key is None:
            self._stack[-1] = (parent, self._key(parent, node, event))
        else:
            parent.value[key] = node
            self._stack[-1] = (parent, None)

    def _key(self, parent: Node, node: Node, event: Any) -> str:
        name = getattr(event, "value", None)
        if not isinstance(name, str):
            self._wrong(event, "a key must be a plain word")
            return f"\0{node.line}:{node.column}"
        if name == "<<":
            self._wrong(event, "merge key <<: write the keys out")
            return f"\0{node.line}:{node.column}"
        if name in parent.value:
            line, _ = parent.keys[name]
            self._wrong(event, f"{name!r} stands here twice (first in line {line})")
            return f"\0{node.line}:{node.column}"
        parent.keys[name] = (node.line, node.column)
        return name

    def _wrong(self, event: Any, what: str) -> None:
        where = ".".join(key for _, key in self._stack if key is not None and not key.startswith("\0"))
        mark = event.start_mark
        self.mistakes.append(Mistake(line=mark.line + 1, column=mark.column + 1, where=where, what=what))


def _scalar(event: Any) -> str | int | float | bool | None:
    """A plain scalar as YAML 1.2 means it: `yes`, `0x1F`, `1_000` and `12:30` are texts, not surprises."""
    text = str(event.value)
    if not event.implicit[0]:
        return text
    if text in ("true", "false"):
        return text == "true"
    if text in ("", "~", "null"):
        return None
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _mistake(line: int, column: int, what: str) -> Mistake:
    return Mistake(line=line, column=column, where="", what=what)
