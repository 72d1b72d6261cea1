"""What a plan in the making carries: what filling may draw on, and steps with their arguments so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cuga.model.tool import Slot
from cuga.planning.clauses import Reading
from cuga.planning.evidence import Choice
from cuga.planning.mentions import Mention
from cuga.planning.records import Records
from cuga.planning.revising import Revision


@dataclass(slots=True)
class Context:
    """What filling may draw on, and what it has to say to the reader."""

    reading: Reading
    records: Records
    feedback: str = ""
    answers: tuple[Mention, ...] = ()  # what a person's feedback names: goes before the goal's own words
    notes: list[str] = field(default_factory=list)
    questions: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    used: set[Mention] = field(default_factory=set)
    revision: Revision = field(default_factory=Revision)  # what that asks for, remark by remark

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.notes:
            self.notes.append(text)

    def ask(self, text: str, options: tuple[str, ...] = ()) -> None:
        """Ask something once."""
        if (text, options) not in self.questions:
            self.questions.append((text, options))


@dataclass(slots=True)
class Filled:
    """A step in the making: the arguments so far, the account it is about, and the slots still without a value."""

    choice: Choice
    account: Mention | None
    arguments: dict[str, Any] = field(default_factory=dict)
    open: list[Slot] = field(default_factory=list)
    is_of_many: bool = False  # a call of it is about a record that is known only when the plan runs
    each: str | None = None  # the list that it makes a call for each result of
    taken: list[str] = field(default_factory=list)  # what was filled from what, for the step's reason
