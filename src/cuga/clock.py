"""Time and chance come in by this door.

A `Clock` gives the time (UTC, aware) and new ids; tests hand in `ManualClock`. Nothing else in the house asks the
system for the time or for randomness.
"""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32, as the ULID text form uses it
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")  # the text form of any

_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # two letters at once: ten bits


def ulid(milliseconds: int, randomness: bytes) -> str:
    """The 26-character ULID of a time (ms since 1970) and 10 bytes of chance (github.com/ulid/spec)."""
    number = (milliseconds << 80) | int.from_bytes(randomness, "big")
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)])


def milliseconds_of(id: str) -> int:
    """The time of a ULID, in ms since 1970."""
    number = 0
    for letter in id[:10]:
        number = number << 5 | _ALPHABET.index(letter)
    return number


class Clock(Protocol):
    """Gives the time and new ids."""

    def now(self) -> datetime:
        """The time, UTC and aware; never earlier than the answer before it."""
        ...

    def new_id(self) -> str:
        """A fresh ULID; ids of one clock sort in the order they were given."""
        ...


class SystemClock:
    """The machine's clock, held from running backwards within one process."""

    def __init__(self) -> None:
        self._last = datetime.fromtimestamp(0, UTC)
        self._last_id = 0

    def now(self) -> datetime:
        now = datetime.now(UTC)
        if now > self._last:
            self._last = now
        return self._last

    def new_id(self) -> str:
        number = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10), "big")
        if number <= self._last_id:
            number = self._last_id + 1
        self._last_id = number
        return ulid(number >> 80, (number & ((1 << 80) - 1)).to_bytes(10, "big"))


class SharedClock(SystemClock):
    """The machine's clock, corrected to one that several machines share. Set back, it stands until it is passed."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = timedelta(0)

    def now(self) -> datetime:
        now = datetime.now(UTC) + self.offset
        if now > self._last:
            self._last = now
        return self._last

    def set_by(self, asked: datetime, said: datetime, heard: datetime) -> None:
        """Correct it by what the shared clock `said`, between two readings of this machine's own clock."""
        self.offset = said - (asked + (heard - asked) / 2)


class ManualClock:
    """A clock that a test moves by hand; its ids count up from one."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._ids = 0

    def now(self) -> datetime:
        return self._now

    def advance(self, step: timedelta) -> datetime:
        """Move the time on and return it; a negative step is a clock set back."""
        self._now += step
        return self._now

    def new_id(self) -> str:
        self._ids += 1
        return ulid(int(self._now.timestamp() * 1000), self._ids.to_bytes(10, "big"))
