"""What a CRM of somebody else has to be able to do, in the house's own words. A vendor is one file that does it.

A vendor turns its records into ours and back and asks its API; it keeps no notes, compares nothing and repeats nothing.
That is done once for all of them, in `writer` and `syncing`. What it raises says what became of a call: `NotDone` (with
`Rejected`, `Unreachable`) for surely nothing, `Unanswered` or anything else for nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from cuga.adapters.capability import Record

KINDS = ("teams", "accounts", "contacts", "opportunities", "activities")  # in the order in which they are read
Changes = Mapping[str, frozenset[str]]  # kind -> our fields that can be changed there
Values = Mapping[str, str | int | None]  # by our field; dates YYYY-MM-DD, amounts micro-units


@dataclass(frozen=True, slots=True)
class Live:
    """A record as the vendor has it now. `stamp` is whatever it takes to write only while it is still so."""

    record: Record
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that could not be read."""

    kind: str
    record: str
    why: str


class Vendor(Protocol):
    """A CRM of somebody else. All methods block."""

    name: str
    title: str  # as people write it
    changes: Changes
    adds: frozenset[str]  # kinds of which records can be added there

    def look(self) -> str:
        """Who we are there, in words; raises when we are nobody."""
        ...

    def pages(self, kind: str) -> Iterator[list[Record | Unread]]:
        """All records of one of `KINDS`, a page at a time; empty for a kind that it does not have."""
        ...

    def live(self, kind: str, record_id: str) -> Live | None:
        """One record now; None when it is gone."""
        ...

    def change(self, kind: str, live: Live, becomes: Values) -> None:
        """Set these fields of a record, in one request, only while its stamp holds where that can be said there."""
        ...

    def add(self, kind: str, becomes: Values, mark: str) -> str:
        """Add a record that carries `mark` in its text; its id."""
        ...

    def find(self, kind: str, becomes: Values, mark: str) -> str | None:
        """The id of the record that was added with these values and this mark; None: there is none."""
        ...
