"""What tools ask of somebody's calendar: when they are busy, and to keep a time free that was offered."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from cuga.model.value import Value


class Busy(Value, frozen=True, kw_only=True):
    """A time that is taken; both ends are aware, and the end is not part of it."""

    starts: datetime
    ends: datetime
    title: str = ""


class Agenda(Value, frozen=True, kw_only=True):
    """What is taken in a stretch of time. `unread` names entries that could not be understood: they may take more."""

    busy: tuple[Busy, ...] = ()
    unread: tuple[str, ...] = ()


class Calendar(Protocol):
    """A calendar."""

    def agenda(self, starts: datetime, ends: datetime) -> Agenda:
        """What is taken between two times, in order. `NotDone` when nobody can say."""
        ...

    def hold(self, key: str, busy: Busy) -> None:
        """Keep a time for what was offered under a key; again with the same key changes nothing."""
        ...

    def let_go(self, key: str) -> None:
        """Keep it no longer."""
        ...
