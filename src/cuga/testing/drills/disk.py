"""A file system under SQLite's own that fails on demand, and that forgets what was not synced when the power goes.

Writes, syncs and truncations are counted over all files; the one with a chosen number meets the trouble.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import apsw

SECTOR = 512  # bytes that a disk writes whole or not at all
MANNERS = ("full", "error", "read-only", "short", "power")
_ERRORS: dict[str, type[apsw.Error]] = {"full": apsw.FullError, "read-only": apsw.ReadOnlyError}


class Disk(apsw.VFS):
    """Passes everything on, except what it was told to fail.

    `fail["sync-wal"] = apsw.IOError` fails each call of that kind on that file; `plan(at, manner, lasting)` fails
    operation number `at`, once or from there on. `seen` lists every call.
    """

    def __init__(self, name: str) -> None:
        self.fail: dict[str, type[apsw.Error]] = {}
        self.seen: list[str] = []
        self.operations = 0
        self.is_dark = False  # the power is gone
        self._at, self._manner, self._lasting = 0, "", False
        self._synced: dict[str, bytes] = {}  # file -> its bytes when it was last synced
        self._watches = False
        self._turn = threading.Lock()
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        return File(self, name, flags)

    def plan(self, at: int, manner: str, *, lasting: bool = False) -> None:
        """Meet trouble at an operation: a word of `MANNERS`."""
        self._at, self._manner, self._lasting = at, manner, lasting

    def watch(self) -> None:
        """Remember from here on what each file held when it was synced."""
        self._watches = True

    def heal(self) -> None:
        """Whatever was wrong is right from here on."""
        self._at = 0
        self.fail = {}

    def meet(self, call: str, file: str) -> str:
        """A call is made: raise what was asked for, or answer how it goes wrong half way, or nothing."""
        with self._turn:
            self.seen.append(f"{call}-{file}")
            if (error := self.fail.get(f"{call}-{file}")) is not None:
                raise error(f"{call} of the {file} failed on demand")
            if call == "read":
                return ""
            self.operations += 1
            if self.is_dark:
                raise apsw.IOError("the power is gone")
            if not self._at or self.operations < self._at or (self.operations > self._at and not self._lasting):
                return ""
            return self._trouble(call, file)

    def _trouble(self, call: str, file: str) -> str:
        if self._manner == "power":
            self.is_dark = True
        elif self._manner == "short" and call == "write":
            return "short"
        if self._manner == "full" and call == "sync":  # SQLite knows a failed sync only as an I/O error
            raise apsw.IOError("sync failed on demand, the disk is full")
        raise _ERRORS.get(self._manner, apsw.IOError)(f"{call} of the {file} failed on demand")

    def opened(self, path: str) -> None:
        """A file was opened: what it holds then is on the disk."""
        if self._watches and path and path not in self._synced:
            self._synced[path] = Path(path).read_bytes()

    def synced(self, path: str) -> None:
        """A file was synced."""
        if self._watches and path:
            self._synced[path] = Path(path).read_bytes()

    def cut_the_power(self, random: Random) -> None:
        """Put every file back to what was synced, with any of the sectors written since."""
        for path, kept in self._synced.items():
            file = Path(path)
            if not file.exists():
                continue
            now = file.read_bytes()
            share = random.choice((0.0, 0.5, 1.0))
            size = max(len(kept), len(now)) if share else len(kept)
            after = bytearray(kept.ljust(size, b"\0"))
            for at in range(0, len(now), SECTOR):
                if now[at : at + SECTOR] != kept[at : at + SECTOR] and random.random() < share:
                    after[at : at + SECTOR] = now[at : at + SECTOR]
            file.write_bytes(after)


class File(apsw.VFSFile):
    """One open file."""

    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._kind = "wal" if flags[0] & apsw.SQLITE_OPEN_WAL else "main"
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name or "")
        super().__init__("", name, flags)
        disk.opened(self._path)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._disk.meet("write", self._kind) == "short":
            super().xWrite(data[: len(data) // 2], offset)
            raise apsw.IOError("half of it was written")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._disk.meet("sync", self._kind)
        super().xSync(flags)
        self._disk.synced(self._path)

    def xTruncate(self, size: int) -> None:
        self._disk.meet("truncate", self._kind)
        super().xTruncate(size)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._disk.meet("read", self._kind)
        return super().xRead(amount, offset)


@contextmanager
def disk(name: str = "failing") -> Iterator[Disk]:
    """A disk of that name, for the length of a block."""
    made = Disk(name)
    try:
        yield made
    finally:
        made.unregister()
