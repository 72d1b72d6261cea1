"""Places that keep the newest checkpoint where the journal is not: a file, the system's log.

A file can be asked later and so guards the start; the system's log can only be read by people and their tools.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from cuga.errors import BadInput


class Anchor(Protocol):
    """One place. `keep` is called in a thread, raises `OSError`, and may be called again with the same note."""

    name: str

    def keep(self, note: bytes) -> None:
        """Keep a note as the newest."""
        ...

    def newest(self) -> bytes:
        """The newest note; empty where there is none, or where it cannot be asked."""
        ...


class FileAnchor:
    """A file, best on another disk or machine. Replaced as a whole, and durable before `keep` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"file:{path}"

    def keep(self, note: bytes) -> None:
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

    def newest(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError:
            return b""  # a place that is away guards nothing now; the next `keep` tells


class SyslogAnchor:
    """The log of the operating system, one line a note, for a collector that nobody in the house can rewrite."""

    name = "syslog"

    def keep(self, note: bytes) -> None:
        import syslog

        syslog.openlog("cuga", 0, syslog.LOG_AUTHPRIV)
        syslog.syslog(syslog.LOG_NOTICE, note.decode().strip().replace("\n", " | "))

    def newest(self) -> bytes:
        return b""


def read_anchors(said: Iterable[str]) -> list[Anchor]:
    """The places of `CUGA_ANCHORS`: `file:PATH` and `syslog`. `BadInput` for another word."""
    found: list[Anchor] = []
    for word in said:
        kind, _, rest = word.partition(":")
        if kind == "file" and rest:
            found.append(FileAnchor(Path(rest).expanduser().absolute()))
        elif word == "syslog" and os.name == "posix":
            found.append(SyslogAnchor())
        else:
            raise BadInput(
                f"CUGA_ANCHORS: no anchor {word!r}", mend="Name them as file:PATH or syslog, with commas between."
            )
    return found
