"""A step's input as it was handed in: is it JSON that can be kept, and which earlier outputs does it refer to?

Found before anything is encoded: a value that cannot be stored must never reach a run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from cuga.model.plan import ITEM, REFERENCE, Reference

MAX_DEPTH = 32
MAX_NODES = 20_000
_WHOLE = 2**63  # JSON numbers beyond this are read differently by different readers
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*\Z")

Resolve = Callable[[str], str]


def bad_pointer(path: str) -> str:
    """What is wrong with a JSON Pointer (RFC 6901); empty when nothing is."""
    if _POINTER.match(path):
        return ""
    return f"{path!r}, which is no JSON Pointer: it is empty or begins with '/', with ~0 for '~' and ~1 for '/'"


class Rewriter:
    """Walks inputs; `resolve` turns a step's id, name or position into its id, or into "!" and what is wrong.

    Only a step with `has_items` may speak of the item that it is called for.
    """

    def __init__(self, resolve: Resolve, *, has_items: bool = False) -> None:
        self._resolve = resolve
        self._has_items = has_items

    def rewritten(self, value: Any) -> tuple[dict[str, Any], tuple[Reference, ...], list[str]]:
        """The input with references by id, those references, and all faults."""
        self._references: dict[Reference, None] = {}
        self._faults: list[str] = []
        self._nodes = 0
        if not isinstance(value, dict):
            return {}, (), [f"the input is {_kind(value)}, not an object of arguments"]
        body = self._object(value, "", 1)
        return body, tuple(self._references), self._faults[:20]

    def _walk(self, value: Any, where: str, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            if self._nodes == MAX_NODES + 1:
                self._faults.append(f"the input has more than {MAX_NODES:,} values")
            return None
        if depth > MAX_DEPTH:
            self._faults.append(f"{where[:80]}: nested deeper than {MAX_DEPTH}")
            return None
        if isinstance(value, dict):
            if REFERENCE in value:
                return self._reference(value, where)
            if ITEM in value:
                return self._item(value, where)
            return self._object(value, where, depth)
        if isinstance(value, (list, tuple)):
            return [self._walk(inner, f"{where}/{at}", depth + 1) for at, inner in enumerate(value)]
        if fault := unstorable(value):
            self._faults.append(f"{where or 'input'}: {fault}")
            return None
        return value

    def _object(self, value: dict[Any, Any], where: str, depth: int) -> dict[str, Any]:
        body = {}
        for key, inner in value.items():
            if not isinstance(key, str) or unstorable(key):
                self._faults.append(f"{where or 'input'}: the name {key!r} is not a text that can be stored")
            else:
                body[key] = self._walk(inner, f"{where}/{key}", depth + 1)
        return body

    def _item(self, value: dict[str, Any], where: str) -> Any:
        path = value[ITEM]
        here = where or "input"
        if not self._has_items:
            self._faults.append(f'{here}: "{ITEM}" stands for an item of a list, and this step has no for_each')
        elif len(value) != 1 or not isinstance(path, str) or unstorable(path):
            self._faults.append(f'{here}: an item is {{"{ITEM}": "/field"}} and nothing beside it')
        elif fault := bad_pointer(path):
            self._faults.append(f"{here}: the item's path is {fault}")
        return {ITEM: path}

    def _reference(self, value: dict[str, Any], where: str) -> Any:
        said = value[REFERENCE]
        form = f'{{"{REFERENCE}": {{"step": "s1", "path": "/field"}}}}'
        shape = f"{where or 'input'}: a reference is {form} and nothing beside it"
        if len(value) != 1 or not isinstance(said, dict) or not {"step"} <= said.keys() <= {"step", "path"}:
            self._faults.append(shape)
            return None
        step, path = said["step"], said.get("path", "")
        if not isinstance(step, (str, int)) or isinstance(step, bool) or not isinstance(path, str):
            self._faults.append(shape)
            return None
        if unstorable(path) or unstorable(step) or (fault := bad_pointer(path)):
            self._faults.append(f"{where or 'input'}: the reference's path is {fault or 'not storable text'}")
            return None
        found = self._resolve(str(step))
        if found.startswith("!"):
            self._faults.append(f"{where or 'input'}: refers to {found[1:]}")
            return None
        self._references[Reference(step=found, path=path)] = None
        return {REFERENCE: {"step": found, "path": path}}


def unstorable(value: Any) -> str:
    """Why a single value cannot be kept as JSON; empty when it can."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return "text with half a character (a lone surrogate)"
        return ""
    if isinstance(value, int):
        return "" if -_WHOLE <= value < 2 * _WHOLE else "a whole number beyond 64 bits; hand it in as text"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "not a finite number"
    return f"{_kind(value)} is no JSON value"


def _kind(value: object) -> str:
    return f"a {type(value).__name__}" if value is not None else "null"
