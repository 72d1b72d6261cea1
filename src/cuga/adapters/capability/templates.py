"""The words that a house writes with: templates, whose every change makes a version and none is ever changed or lost,
and the letterhead that stands under them."""

from __future__ import annotations

from typing import Literal, Protocol

from cuga.model.correspondence import Letterhead
from cuga.model.value import Value


class TemplateVersion(Value, frozen=True, kw_only=True):
    """One version. `needs` are the variables that must be known for it to be used; `key` is of the call that made it.

    A `retired` version keeps the text of the one before; nobody is offered it any more.
    """

    name: str
    version: int
    channel: str
    subject: str = ""
    body: str
    needs: tuple[str, ...] = ()
    state: Literal["active", "retired"] = "active"
    on: str = ""  # YYYY-MM-DD
    key: str = ""


class Templates(Protocol):
    """The library."""

    def letterhead(self) -> Letterhead:
        """Who the house is when it writes; empty where nobody has said it."""
        ...

    def versions(self, name: str = "") -> tuple[TemplateVersion, ...]:
        """All versions of one template, or of all, by name and number."""
        ...

    def add(self, version: TemplateVersion) -> TemplateVersion:
        """Keep a version. `NotDone` when it is not the next of its name; the same key again gives the first one."""
        ...
