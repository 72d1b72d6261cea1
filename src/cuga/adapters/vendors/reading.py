"""Values as vendors write them, as ours. What cannot be read is `ValueError`, never a guess."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from cuga.adapters.capability import Record
from cuga.adapters.vendors.port import Unread
from cuga.model.value import MICRO

_TAG = re.compile(r"<[^>]{0,2000}>")
_BREAK = re.compile(r"(?i)<(?:br|/p|/div|/li)[^>]{0,200}>")
_LARGEST = 10**15  # of an amount, in units


def text(value: Any) -> str:
    """A text on one or more lines; empty for nothing."""
    return "" if value is None else str(value).strip()


def micros(value: Any) -> int | None:
    """An amount in units as micro-units; None for nothing."""
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is no amount") from error
    if not found.is_finite() or abs(found) > _LARGEST:
        raise ValueError(f"{value!r} is no amount")
    return int(found * MICRO)


def units(value: str | int | None) -> str:
    """Micro-units as the decimal that vendors take; empty for nothing."""
    if value in (None, ""):
        return ""
    found = Decimal(int(str(value))) / MICRO
    return format(found.normalize() if found != found.to_integral() else found.quantize(Decimal(1)), "f")


def whole(value: Any) -> int | None:
    """A whole number; None for nothing."""
    found = micros(value)
    return None if found is None else found // MICRO


def day(value: Any) -> date | None:
    """A date of `YYYY-MM-DD`, with or without a time behind it, or of milliseconds since 1970; None for nothing."""
    said = text(value)
    if not said:
        return None
    if said.isdigit() and len(said) > 8:
        return datetime.fromtimestamp(int(said) / 1000, tz=UTC).date()
    return date.fromisoformat(said[:10])


def plain(value: Any) -> str:
    """The words of an HTML text."""
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", text(value)))).strip()


def read(
    kind: str, rows: Iterable[dict[str, Any]], one: Callable[[dict[str, Any]], Record]
) -> Iterator[Record | Unread]:
    """Rows of a vendor as records, each by itself: one that cannot be read stops no other."""
    for row in rows:
        name = str(row.get("id") or row.get("Id") or "")
        try:
            yield one(row)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            yield Unread(kind, name, f"{type(error).__name__}: {error}"[:200])
