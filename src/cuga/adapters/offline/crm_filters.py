"""Conditions on CRM fields as SQL with bound values; a field or operator that does not exist is refused by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Any

from cuga.adapters.capability import OPERATORS, Filter, fields_of
from cuga.errors import BadInput
from cuga.model.value import MICRO

_MONEY = {"revenue", "price", "amount"}
_WHOLE = {"employees", "founded", "min_employees", "max_employees"}
_DATES = {"opened", "closes", "happened", "written", "dated", "valid_until", "seen"}
_COMPARED = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}
_TRUE = {"1", "true", "yes"}


def where(kind: str, filters: Sequence[Filter]) -> tuple[str, tuple[Any, ...]]:
    """The WHERE clause of filters that must all hold, and its values."""
    parts: list[str] = []
    values: list[Any] = []
    for condition in filters:
        part, given = _one(kind, condition)
        parts.append(part)
        values.extend(given)
    return ("WHERE " + " AND ".join(parts) if parts else ""), tuple(values)


def order_by(kind: str, order: str) -> str:
    """ORDER BY a field (`-field`: falling) and then the id; unknown values come last."""
    field = order.removeprefix("-")
    if not field:
        return "ORDER BY id"
    _check(kind, field)
    falling = "DESC" if order.startswith("-") else ""
    return f"ORDER BY ({field} IS NULL OR {field} = ''), {field} {falling}, id"


def _one(kind: str, condition: Filter) -> tuple[str, tuple[Any, ...]]:
    field, op, text = condition.field, condition.op, condition.value
    _check(kind, field)
    if op not in OPERATORS:
        raise BadInput(f"there is no operator {op!r}", mend=f"operators: {', '.join(OPERATORS)}")
    if op in ("known", "unknown"):
        empty = f"({field} IS NULL OR {field} = '')"
        return (empty if op == "unknown" else f"NOT {empty}"), ()
    if op == "contains":
        safe = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"{field} LIKE ? ESCAPE '\\'", (f"%{safe}%",)
    if op == "in":
        wanted = [_value(field, part.strip()) for part in text.split("|") if part.strip()]
        if not wanted:
            raise BadInput(f"the filter on {field} lists no values", mend="write them parted by |, e.g. Won|Lost")
        return f"{field} COLLATE NOCASE IN ({','.join('?' * len(wanted))})", tuple(wanted)
    if op in _COMPARED:
        return f"({field} IS NOT NULL AND {field} <> '' AND {field} {_COMPARED[op]} ?)", (_value(field, text),)
    if op == "is_not":
        return f"coalesce({field}, '') <> ? COLLATE NOCASE", (_value(field, text),)
    if field == "id" or field.endswith("_id"):
        return f"{field} = ?", (text,)
    return f"{field} = ? COLLATE NOCASE", (_value(field, text),)


def _check(kind: str, field: str) -> None:
    if field not in fields_of(kind):
        raise BadInput(f"{kind} have no field {field!r}", mend=f"fields: {', '.join(fields_of(kind))}")


def _value(field: str, text: str) -> Any:
    try:
        if field in _MONEY or field in _WHOLE:
            number = float(text.replace(",", ""))
            if not math.isfinite(number) or abs(number) > 9e12:
                raise ValueError("out of range")
            return round(number * MICRO) if field in _MONEY else number
        if field in _DATES:
            return date.fromisoformat(text).isoformat()
    except ValueError as error:
        wanted = "a date as YYYY-MM-DD" if field in _DATES else "a number"
        raise BadInput(f"the filter on {field} needs {wanted}, not {text!r}") from error
    return int(text.casefold() in _TRUE) if field == "unsubscribed" else text
