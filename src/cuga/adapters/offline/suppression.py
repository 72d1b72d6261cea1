"""Who must not be written to: one CSV file of addresses and `@domain`s, each with its reason, day and source.

Nothing is found by accident to be free: letters' case, a `+tag` and the domains above count, and a list that cannot be
read blocks everybody. The file is replaced whole, so that a reader sees the list before or after a change, never half.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cuga.adapters.capability import Suppressed
from cuga.errors import BadInput, NotDone

COLUMNS = ("address", "reason", "on", "source")
ERASED = "erased:"  # what an entry begins with that is only a keyed digest
HEADINGS = frozenset({"address", "email", "e-mail", "mail", "domain"})


class SuppressionList:
    """The list in one file; a missing file is an empty list. Safe to use from several threads and processes."""

    def __init__(self, path: Path, keyed: Callable[[str], str] | None = None) -> None:
        self._path = path
        self._keyed = keyed  # gives the digest by which somebody erased is still known; without it nobody is
        self._lock = threading.Lock()
        self._kept: tuple[tuple[int, int, int], dict[str, Suppressed]] | None = None

    def find(self, address: str) -> Suppressed | None:
        """The entry that blocks an address: its own, or that of its domain or one above; `NotDone` when unreadable."""
        listed = self._read()
        found = next((listed[name] for name in _names(address) if name in listed), None)
        if found is None and self._keyed is not None and any(name.startswith(ERASED) for name in listed):
            found = listed.get(f"{ERASED}{self._keyed(plain(address))}")
        return found

    def replace_erased(self, addresses: Iterable[str], on: str) -> int:
        """Put keyed digests in the place of the addresses of somebody who is erased: nobody can read whose they are,
        and they are never written to again. How many entries there were under their addresses."""
        assert self._keyed is not None
        names = {plain(address) for address in addresses}
        with self._alone():
            listed = {name: entry for name, entry in self._read().items() if name not in names}
            gone = len(self._read()) - len(listed)
            for name in names:
                keyed = f"{ERASED}{self._keyed(name)}"
                listed[keyed] = Suppressed(address=keyed, reason="erased at their request", on=on, source="erasure")
            self._write(listed)
        return gone

    def entries(self) -> tuple[Suppressed, ...]:
        """All entries, in the order of the file."""
        return tuple(self._read().values())

    def add(self, entries: Iterable[Suppressed]) -> int:
        """Put entries on the list and return how many are new; known ones keep their first reason. `BadInput` for
        something that is neither an address nor a domain, and then nothing is added."""
        wanted: dict[str, Suppressed] = {}
        for entry in entries:
            name = plain(entry.address)
            if name.count("@") != 1 or name.endswith("@") or any(letter.isspace() for letter in name):
                raise BadInput(f"{entry.address!r} is no address", mend="write nora@example.com or @example.com")
            wanted.setdefault(name, entry)
        with self._alone():
            listed = dict(self._read())
            fresh = {name: _under(name, entry) for name, entry in wanted.items() if name not in listed}
            if fresh:
                self._write({**listed, **fresh})
        return len(fresh)

    def remove(self, address: str) -> Suppressed | None:
        """Take exactly this entry off the list and return it; None when it is not on it."""
        with self._alone():
            listed = dict(self._read())
            gone = listed.pop(plain(address), None)
            if gone is not None:
                self._write(listed)
        return gone

    def _read(self) -> dict[str, Suppressed]:
        try:
            found = self._path.stat()
            stand = (found.st_mtime_ns, found.st_size, found.st_ino)
            with self._lock:
                if self._kept is None or self._kept[0] != stand:
                    with self._path.open(encoding="utf-8-sig", newline="") as rows:
                        self._kept = (stand, _parsed(csv.reader(rows, strict=True)))
                return self._kept[1]
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, UnicodeError, csv.Error) as error:
            raise NotDone(f"the suppression list {self._path.name} cannot be read: {error}") from error

    def _write(self, listed: dict[str, Suppressed]) -> None:
        text = io.StringIO()
        out = csv.writer(text)
        out.writerow(COLUMNS)
        out.writerows((entry.address, entry.reason, entry.on, entry.source) for entry in listed.values())
        part = self._path.with_suffix(f".{os.getpid()}.part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text.getvalue().encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)  # between the reading and the replacing nobody else writes
            yield
            os.fsync(directory)
        finally:
            os.close(directory)


def plain(address: str) -> str:
    """An address as it is compared: without case, outer blanks and `+tag`."""
    local, at, domain = unicodedata.normalize("NFKC", address).strip().strip("<>").casefold().rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain.rstrip('.')}"


def _names(address: str) -> Iterator[str]:
    name = plain(address)
    yield name
    labels = name.rpartition("@")[2].split(".")
    for at in range(len(labels)):
        yield "@" + ".".join(labels[at:])


def _parsed(rows: Iterable[list[str]]) -> dict[str, Suppressed]:
    listed: dict[str, Suppressed] = {}
    for row in rows:
        address, reason, on, source = (*row, "", "", "", "")[:4]
        if not address.strip() or address.strip().casefold() in HEADINGS:
            continue
        is_whole = "@" in address or address.startswith(ERASED)
        name = plain(address) if is_whole else plain(f"@{address.strip()}")  # a person may write a domain without it
        entry = Suppressed(address=name, reason=reason or "on the suppression list", on=on, source=source)
        listed.setdefault(name, entry)
    return listed


def _under(name: str, entry: Suppressed) -> Suppressed:
    return Suppressed(address=name, reason=entry.reason.strip(), on=entry.on, source=entry.source)
