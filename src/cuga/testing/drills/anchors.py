"""Anchors under power cuts: the file that keeps the newest note holds the one before or the new one, at any moment.

The operating system is replaced by one that counts its calls and forgets what was not synced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cuga.orchestrator.keeping.sealing import anchors
from cuga.testing.drills.tally import Tally


class PowerCut(BaseException):
    """Nothing after this happens."""


class System:
    """The calls of `os` that an anchor makes; the power goes before or after the one with a number."""

    def __init__(self, at: int) -> None:
        self._at = at
        self.calls = 0
        self._open: dict[int, Path] = {}
        self.unsynced: set[int] = set()  # inodes whose bytes are not on the disk

    def _pass(self) -> None:
        self.calls += 1
        if self.calls == self._at:
            raise PowerCut

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        self._pass()
        descriptor = os.open(path, flags, mode)
        self._open[descriptor] = Path(path)
        if flags & os.O_TRUNC:
            self.unsynced.add(os.fstat(descriptor).st_ino)
        return descriptor

    def write(self, descriptor: int, body: bytes) -> int:
        self._pass()
        self.unsynced.add(os.fstat(descriptor).st_ino)
        return os.write(descriptor, body)

    def fsync(self, descriptor: int) -> None:
        self._pass()
        os.fsync(descriptor)
        self.unsynced.discard(os.fstat(descriptor).st_ino)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)  # frees the descriptor whatever happens
        self._pass()

    def after_the_cut(self, path: Path) -> bytes:
        """What the file holds once the power is back: nothing of what was not synced."""
        try:
            return b"" if path.stat().st_ino in self.unsynced else path.read_bytes()
        except FileNotFoundError:
            return b""


@contextmanager
def _instead(system: System) -> Iterator[None]:
    before = vars(anchors)["os"]
    stand_in = SimpleNamespace(**{name: getattr(os, name) for name in dir(os) if not name.startswith("__")})
    for name in ("open", "write", "fsync", "close"):
        setattr(stand_in, name, getattr(system, name))
    vars(anchors)["os"] = stand_in
    try:
        yield
    finally:
        vars(anchors)["os"] = before


def drill(base: Path, count: int = 0, seed: int = 0) -> Tally:
    """Every call at which the power can go. `count` and `seed` are as everywhere, and change nothing."""
    tally = Tally("anchors")
    old, new = b"the note before\n", b"the new note\n"
    base.mkdir(parents=True, exist_ok=True)
    for at in range(1, 40):
        path = base / f"{at}.note"
        anchors.FileAnchor(path).put(old)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        system = System(at)
        try:
            with _instead(system):
                anchors.FileAnchor(path).put(new)
        except PowerCut:
            held = system.after_the_cut(path)
            if held not in (old, new):
                tally.fault(f"the power went at call {at}: the anchor holds {held!r}")
            else:
                tally.note("the new note" if held == new else "the note before")
            continue
        if system.after_the_cut(path) != new:
            tally.fault("the note is answered as kept and is not on the disk")
        return tally
    tally.fault("an anchor makes more calls than anybody would wait for")
    return tally
