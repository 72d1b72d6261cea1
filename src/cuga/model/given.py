"""What a caller gave for an argument, looked at before it is used: the error says where, what, and what is expected.

For the doors that plain Python calls lead through; inside the house values are typed and nothing is looked at twice.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NoReturn, TypeVar

from cuga.errors import BadInput

M = TypeVar("M", bound=Enum)


def wrong(where: str, value: Any, expected: str, mend: str = "") -> NoReturn:
    """Raise `BadInput`: what was given for an argument, and what is expected instead."""
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    kind = "None" if value is None else f"{shown}, a {type(value).__name__}"
    raise BadInput(f"{where} is {kind}; expected {expected}", mend=mend or f"Give {expected}.")


def number(where: str, value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        wrong(where, value, "a number")
    return value


def whole(where: str, value: Any) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        wrong(where, value, "a whole number")
    return value


def words(where: str, value: Any, mend: str = "") -> str:
    """A text."""
    if not isinstance(value, str):
        wrong(where, value, "a text", mend)
    return value


def place(where: str, value: Any) -> str | os.PathLike[str]:
    """A path."""
    if not isinstance(value, (str, os.PathLike)):
        wrong(where, value, "a path")
    return value


def mapping(where: str, value: Any, of: str = "names and values") -> Mapping[str, Any]:
    """A mapping."""
    if not isinstance(value, Mapping):
        wrong(where, value, f"a mapping of {of}")
    return value


def listed(where: str, value: Any, of: str) -> list[Any]:
    """A list, or anything else that is gone through one by one; a text or a mapping is none."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        wrong(where, value, f"a list of {of}")
    return list(value)


def member(where: str, kind: type[M], value: Any) -> M:
    """A member of an enumeration, or its value."""
    try:
        return kind(value)
    except ValueError:
        wrong(where, value, f"one of {', '.join(str(one.value) for one in kind)}")


def able(where: str, value: Any, *abilities: str, expected: str) -> None:
    """Whether it can what is asked of it, whatever it is."""
    if any(not hasattr(value, name) for name in abilities):
        wrong(where, value, expected)
