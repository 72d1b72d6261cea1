"""Places that keep the newest checkpoint where the journal is not: what is asked of one, a file, the system's log.

A file can be asked later and so guards the start; the system's log can only be read by people and their tools. Places
over the network lie beside this: `witnessed` for another house, `stored` for an object store.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from cuga.errors import CugaError, EgressRefused

Prove = Callable[[int], Awaitable[list[bytes]]]  # that the note goes on from a tree of so many leaves


def why_not(error: Exception) -> str:
    """What a place, or a library below it, raised, in words; and what to do where the settings forbid it."""
    if isinstance(error, EgressRefused):
        return f"{error.message}. {error.next_step}"
    said = error.message if isinstance(error, CugaError) else getattr(error, "strerror", None) or str(error)
    return str(said) or type(error).__name__


class Anchor(Protocol):
    """One place. What it raises is `OSError` or a `CugaError`; both methods may be called again and again."""

    name: str
    pace_s: float  # at least so long between two notes, except for the last of a house that is closed
    patience_s: float | None  # how long that last one is waited for; None: until it is kept

    async def keep(self, note: bytes, prove: Prove) -> None:
        """Keep a note as the newest, durably. `JournalBehind` where the place knows better."""
        ...

    async def newest(self, origin: str) -> bytes:
        """The newest note of a journal; empty where there is none, or where notes only go in."""
        ...


class FileAnchor:
    """A file, best on another disk or machine. Replaced as a whole, and durable before `keep` returns."""

    pace_s = 0.0
    patience_s: float | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"file:{path}"

    async def keep(self, note: bytes, prove: Prove) -> None:
        await asyncio.to_thread(self.put, note)

    def put(self, note: bytes) -> None:
        """The same, where it stands."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        half = self.path.with_name(f"{self.path.name}.{os.getpid()}.half")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            os.write(descriptor, note)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        half.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    async def newest(self, origin: str) -> bytes:
        try:
            return await asyncio.to_thread(self.path.read_bytes)
        except FileNotFoundError:
            return b""


class SyslogAnchor:
    """The log of the operating system, one line a note, for a collector that nobody in the house can rewrite."""

    name = "syslog"
    pace_s = 0.0
    patience_s: float | None = None

    async def keep(self, note: bytes, prove: Prove) -> None:
        await asyncio.to_thread(self._write, note)

    def _write(self, note: bytes) -> None:
        import syslog

        syslog.openlog("cuga", 0, syslog.LOG_AUTHPRIV)
        syslog.syslog(syslog.LOG_NOTICE, note.decode().strip().replace("\n", " | "))

    async def newest(self, origin: str) -> bytes:
        return b""
