"""A file system that fails on demand, under SQLite's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw


class Disk(apsw.VFS):
    """Passes everything on, except what it was told to fail: `fail["sync-wal"] = apsw.IOError` and the like."""

    def __init__(self, name: str) -> None:
        self.fail: dict[str, type[apsw.Error]] = {}
        self.seen: list[str] = []
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        return File(self, name, flags)

    def meet(self, call: str, file: str) -> None:
        self.seen.append(f"{call}-{file}")
        if (error := self.fail.get(f"{call}-{file}")) is not None:
            raise error(f"{call} of the {file} failed on demand")


class File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._kind = "wal" if flags[0] & apsw.SQLITE_OPEN_WAL else "main"
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.meet("write", self._kind)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._disk.meet("sync", self._kind)
        super().xSync(flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._disk.meet("read", self._kind)
        return super().xRead(amount, offset)


@contextmanager
def disk(name: str = "failing") -> Iterator[Disk]:
    made = Disk(name)
    try:
        yield made
    finally:
        made.unregister()
