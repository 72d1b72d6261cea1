"""What a tool says about the text in its result, so that a language model may write it where a profile lets it.

The tool has done its work by rules before anybody is asked. It says what is to be written and from what, and it alone
takes an answer in or refuses it; whatever goes wrong, its own text stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cuga.model.value import Value
from cuga.tools.declare import ToolContext


class Brief(Value, frozen=True, kw_only=True):
    """What is to be written. `facts` are from records and arguments, `notes` are words of others, `people` are names of
    persons that may stand in any of it."""

    task: str
    facts: tuple[tuple[str, str], ...] = ()
    subject: str = ""
    draft: str = ""  # what the rules have written
    notes: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    about: str = ""  # whose record it is about: an id or an address, for what is remembered of it


class Author(Value, frozen=True, kw_only=True):
    """Who has written a text: a model and where it was asked, and whether it was told notes of others."""

    name: str
    host: str
    was_told_notes: bool = False

    @property
    def line(self) -> str:
        """The mark that a text carries."""
        return f"the model {self.name} at {self.host}" + (", which was told notes" if self.was_told_notes else "")


class Drafting(NamedTuple):
    """`brief(context, arguments, result)` says what to write, or in words why no model writes this one.

    `take(brief, result, said, author)` gives the result with the text; `NotDone` says what is wrong with it. A result
    is JSON bytes; what was said has `subject` and `text`."""

    brief: Callable[[ToolContext, Any, bytes], Brief | str]
    take: Callable[[Brief, bytes, Mapping[str, str], Author], Any]
