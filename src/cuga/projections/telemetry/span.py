"""A span: one stretch of a run, with ids that follow from where its first fact stands in the journal.

Whoever makes the same spans again, after a crash or on another machine, makes them with the same ids.
"""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import sha256

from cuga.model.value import Value

Attribute = str | int | bool | tuple[str, ...]
_HEX = re.compile(r"[0-9a-f]{32}")
_NOTHING = "0" * 32  # no trace has this id


class SpanEvent(Value, frozen=True, kw_only=True):
    """A moment within a span."""

    name: str
    at: datetime
    attributes: dict[str, Attribute] = {}


class Span(Value, frozen=True, kw_only=True):
    """One stretch of a run. `error_type` is empty when nothing went wrong."""

    trace_id: str  # 32 hex digits
    span_id: str  # 16 hex digits
    parent_id: str = ""
    name: str
    is_client: bool = False  # it asks something outside the house
    start: datetime
    end: datetime
    attributes: dict[str, Attribute] = {}
    events: tuple[SpanEvent, ...] = ()
    dropped_events: int = 0
    error_type: str = ""


def trace_id_of(trace_id: str) -> str:
    """The 32 hex digits of a run's trace: its own when it has such a one, else a hash of it."""
    if _HEX.fullmatch(trace_id) and trace_id != _NOTHING:
        return trace_id
    return sha256(f"cuga/trace/{trace_id}".encode("utf-8", "backslashreplace")).hexdigest()[:32]


def span_id_of(run_id: str, seq: int) -> str:
    """The id of the span that begins with the fact of this number in the stream of a run."""
    return sha256(f"cuga/span/{run_id}/{seq}".encode()).hexdigest()[:16]
