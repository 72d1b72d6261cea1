"""Rows about people who were erased: they are told by file and line alone, and stay out unless somebody asks for them.

Whose data were erased is known to the house only by keyed digests, so it is asked of each row's id and addresses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from cuga.adapters.capability import Activity, Contact, Note, Record
from cuga.packs.sales.importing.report import Problem, Tell

R = TypeVar("R", bound=Record)
Gone = Callable[[str, str], bool]  # (id of a contact, address), either may be empty -> whether they were erased
KINDS = frozenset({"contacts", "activities", "notes"})
KEPT_OUT, BROUGHT_BACK = "person_erased", "person_brought_back"
_ADDRESS = re.compile(r"[^\s@<>,;:\"'()]+@[\w-]+(?:\.[\w-]+)+")


class Erased:
    """Looks at the rows of one import; `rows` counts those that are about somebody erased."""

    def __init__(self, is_gone: Gone | None, tell: Tell, *, brings_back: bool) -> None:
        self._is_gone, self._tell, self._brings_back = is_gone, tell, brings_back
        self._held: list[Problem] = []
        self.rows = 0

    def hears(self, kind: str) -> Tell:
        """What the reading of a kind of rows tells its doubts to: those about a row that stays out quote nothing."""
        return self._tell if self._is_gone is None or kind not in KINDS else self._held.append

    def applied(self, kind: str, records: Iterator[R]) -> Iterator[R]:
        """The records without those of people who were erased."""
        if self._is_gone is None or kind not in KINDS:
            yield from records
            return
        for record in records:
            is_gone = self.is_about(record)
            place = record.source.file, record.source.line
            for problem in self._held:
                if not is_gone or (problem.file, problem.line) != place:
                    self._tell(problem)
            self._held.clear()
            if is_gone:
                self._say(kind, *place)
            if not is_gone or self._brings_back:
                yield record
        for problem in self._held:
            self._tell(problem)
        self._held.clear()

    def is_about(self, record: Record) -> bool:
        """Whether a record is one of somebody erased, or says something of them that names their id or address."""
        if self._is_gone is None:
            return False
        match record:
            case Contact():
                return self._is_gone(record.id, record.email)
            case Activity() | Note():
                texts = (record.who, record.contact_id, record.text, *map(str, record.raw.values()))
                addresses = {found for text in texts for found in _ADDRESS.findall(text)}
                return self._is_gone(record.contact_id, "") or any(self._is_gone("", one) for one in addresses)
            case _:
                return False

    def _say(self, kind: str, file: str, line: int) -> None:
        self.rows += 1
        one = "this person was" if kind == "contacts" else "it is about a person who was"
        if self._brings_back:
            did, mend = f"brought back, as asked, though {one} erased", "no message goes to them all the same"
            self._tell(Problem(kind=BROUGHT_BACK, weight="warning", file=file, line=line, did=did, mend=mend))
            return
        mend = "take the row out of the export; `--bring-back-erased` stores it all the same"
        self._tell(
            Problem(
                kind=KEPT_OUT, weight="not_stored", file=file, line=line, did=f"left out: {one} erased here", mend=mend
            )
        )
