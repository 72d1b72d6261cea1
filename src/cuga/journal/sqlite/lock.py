"""One process owns a journal file.

The lock is the operating system's, on a file beside the journal, and ends with the process however that ends. It is
never taken on the database file itself: closing any descriptor of that would drop SQLite's own locks.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cuga.errors import HouseBusy

WIDTH = 20  # bytes, for a process id

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _take(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # beyond the text, so that others can read who holds it
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """The lock of one journal file, held until `release`."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(f"{journal.name}.lock")
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(self._descriptor)
        except OSError as error:
            holder = os.pread(self._descriptor, WIDTH, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            mend = f"Go through that process, or end it (process {holder}) and try again; reading needs no lock."
            raise HouseBusy(f"process {holder} writes {journal}", pid=holder, mend=mend) from error
        os.pwrite(self._descriptor, f"{os.getpid():<{WIDTH}}".encode(), 0)  # over all of the one before

    def release(self) -> None:
        """Let the file go. The lock file stays: removing it would let two processes hold two files of that name."""
        os.close(self._descriptor)
