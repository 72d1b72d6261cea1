"""Conditions of steps, in CEL, behind a small port: compile, names, evaluate.

A condition is true or false; anything else (an unknown name, a missing key, a number where a text is, too many steps)
is an error that is recorded, and never counts as either. Only this module knows which CEL engine is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

from cuga.errors import CugaError

MAX_LENGTH = 4_000  # characters; a condition that a person can no longer read
_UNDECLARED = re.compile(r"<input>:(\d+):(\d+): undeclared reference to '([^']+)'")
_ERROR = re.compile(r"<input>:(\d+):(\d+): ([^\n]*)")


class ConditionError(CugaError):
    """The condition cannot be used."""

    code = "condition_error"
    mend = "Conditions are CEL: compare bound names with ==, <, in, &&, ||; guard a key that may be absent with has()."


class Condition(Protocol):
    """A compiled condition."""

    def evaluate(self, bindings: Mapping[str, Any]) -> bool:
        """True or false for these values; `ConditionError` for anything else."""
        ...


class _Cel:
    """A condition compiled by cel-expr-python (the CEL project's C++ engine: typed, 10,000 steps at most, RE2)."""

    __slots__ = ("_bool", "_expression", "_program")

    def __init__(self, expression: str, program: Any, boolean: Any) -> None:
        self._expression, self._program, self._bool = expression, program, boolean

    def evaluate(self, bindings: Mapping[str, Any]) -> bool:
        try:
            result = self._program.eval(data=dict(bindings))
            kind = result.type()
            value = result.value() if kind == self._bool else str(result.value())
        except (RuntimeError, TypeError, ValueError) as error:
            raise ConditionError(f"{_short(self._expression)}: {_first_line(error)}") from error
        if value is True or value is False:
            return bool(value)
        raise ConditionError(f"{_short(self._expression)}: gives {kind.name()}, {str(value)[:200]}")


def compile_condition(expression: str, names: tuple[str, ...]) -> Condition:
    """Compile a condition over these names. `ConditionError` says what is wrong and in which column.

    Compiled once per expression and set of names; a condition that can only give a text or a number is refused.
    """
    if not expression.strip() or len(expression) > MAX_LENGTH:
        raise ConditionError(f"expected 1 to {MAX_LENGTH:,} characters, got {len(expression):,}")
    if any("\ud800" <= letter <= "\udfff" for letter in expression):
        raise ConditionError("it holds half a surrogate pair, which is no text")
    return _compile(expression, tuple(sorted(names)))


def names_in(expression: str) -> tuple[str, ...]:
    """The names a condition needs bound, in order of appearance. `ConditionError` when it is no condition."""
    found: list[str] = []
    while True:
        try:
            compile_condition(expression, tuple(found))
        except ConditionError as error:
            undeclared = error.facts.get("undeclared")
            missing = [name for name in undeclared if name not in found] if isinstance(undeclared, tuple) else []
            if not missing:
                raise
            found += missing
        else:
            return tuple(found)


def holds(expression: str, bindings: Mapping[str, Any]) -> bool:
    """Compile (once) and evaluate; `ConditionError` for anything but true or false."""
    return compile_condition(expression, tuple(bindings)).evaluate(bindings)


@lru_cache(maxsize=1024)
def _compile(expression: str, names: tuple[str, ...]) -> Condition:
    from cel_expr_python import cel  # here, so that starting the house does not wait for it

    try:
        program = cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN)).compile(expression)
    except (RuntimeError, TypeError, ValueError) as error:
        raise _compile_error(expression, names, str(error)) from error
    if program.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        raise ConditionError(f"{_short(expression)}: gives {program.return_type().name()}, not true or false")
    return _Cel(expression, program, cel.Type.BOOL)


def _compile_error(expression: str, names: tuple[str, ...], text: str) -> ConditionError:
    undeclared = tuple(dict.fromkeys(match[2].split(".", 1)[0] for match in _UNDECLARED.findall(text)))
    if undeclared:
        what = f"{', '.join(undeclared)} {'is' if len(undeclared) == 1 else 'are'} not bound"
        what += f" (bound: {', '.join(names) or 'nothing'})"
    else:
        what = ""
    if place := _ERROR.search(text):
        at = f"column {place[2]}" if place[1] == "1" else f"line {place[1]}, column {place[2]}"
        facts: dict[str, object] = {"line": int(place[1]), "column": int(place[2])}
        return ConditionError(f"{_short(expression)}: {at}: {what or place[3]}", undeclared=undeclared, **facts)
    return ConditionError(f"{_short(expression)}: {_first_line(text)}", undeclared=())


def _first_line(error: object) -> str:
    return str(error).strip().split("\n", 1)[0][:200]


def _short(expression: str) -> str:
    return expression if len(expression) <= 120 else f"{expression[:120]}…"
