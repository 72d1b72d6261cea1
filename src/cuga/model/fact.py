"""What every fact of a stream is made of, and the shares of scarce things that facts carry.

An event is named in the past tense of what happened, carries the time it happened and who caused it, and is never
edited. The wire form is one JSON object with the name under `type`; `v` is left out while it is 1.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import Enum

from cuga.model.value import Value


def _wire_name(class_name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()


class Event(Value, frozen=True, kw_only=True, tag_field="type", tag=_wire_name):
    """A fact. `at` is when it became one (UTC), `by` who caused it (empty: the house itself)."""

    at: datetime
    by: str = ""
    v: int = 1


class Claim(Value, frozen=True, kw_only=True):
    """A share of something scarce that crosses runs: taken with the events or refused with them.

    After the append `used + amount <= limit` holds for the scope, or nothing was appended. Below zero it gives back;
    with zero it takes nothing, and only holds when no more than the limit is used.
    """

    scope: str
    amount: int
    limit: int


class Status(str, Enum):
    """Where a run stands, as lists show it."""

    RUNNING = "running"
    PARKED = "parked"
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        return self not in (Status.RUNNING, Status.PARKED)


def name_of(event: Event | type[Event]) -> str:
    """The wire name of an event, or of a kind of events."""
    return str(event.__struct_config__.tag)
