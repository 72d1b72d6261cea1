"""Who must not be written to: one CSV file of addresses and `@domain`s, each with its reason, day and source.

Nothing is found by accident to be free: letters' case, a `+tag` and the domains above count, and a list that cannot be
read blocks everybody. The file is replaced whole, so that a reader sees the list before or after a change, never half.

Where the house's book holds the list too, for all its machines, an entry of either blocks, and the file is made a view
of the book: rows from there carry the key of their entry, so that a row by hand is told from one that was lifted.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cuga.adapters.capability import Suppressed
from cuga.errors import BadInput, CugaError, NotDone
from cuga.policy.addresses import names_of, plain

COLUMNS = ("address", "reason", "on", "source")
KEY = "entry"  # the column of keys, where the book has a list
ERASED = "erased:"  # what an entry begins with that is only a keyed digest
HEADINGS = frozenset({"address", "email", "e-mail", "mail", "domain"})


class SuppressionList:
    """The list in one file; a missing file is an empty list. Safe to use from several threads and processes."""

    def __init__(
        self,
        path: Path,
        keyed: Callable[[str], str] | None = None,
        book: Callable[[], Mapping[str, Suppressed]] | None = None,
    ) -> None:
        self._path = path
        self._keyed = keyed  # gives the digest by which somebody erased is still known; without it nobody is
        self._book = book  # the list that the book holds, by such digests
        self._lock = threading.Lock()
        self._kept: tuple[tuple[int, int, int], dict[str, Suppressed], dict[str, str]] | None = None

    def find(self, address: str) -> Suppressed | None:
        """The entry that blocks an address: its own, or that of its domain or one above; `NotDone` when nobody can
        say."""
        listed = self._read()
        found = next((listed[name] for name in names_of(address) if name in listed), None)
        if found is not None or self._keyed is None:
            return found
        book = self._book() if self._book is not None else {}
        if not book and not any(name.startswith(ERASED) for name in listed):
            return None
        try:
            keys = [self._keyed(name) for name in names_of(address)]
        except CugaError as error:
            raise NotDone(f"nobody can say whether {address} asked for no mail: {error}") from error
        return listed.get(f"{ERASED}{keys[0]}") or next((book[key] for key in keys if key in book), None)

    def keys_of(self, addresses: Iterable[str]) -> tuple[str, ...]:
        """The keys under which the book has the entries of some addresses, each once."""
        return tuple(sorted({self.key_of(plain(address)) for address in addresses}))

    @property
    def stand(self) -> object:
        """Another one whenever the file was changed."""
        self._read()
        return self._kept[0] if self._kept is not None else None

    def untold(self, book: Mapping[str, Suppressed], lifted: Collection[str]) -> dict[str, Suppressed]:
        """The entries of the file that the book does not know yet, by their keys. What was taken off the book's list is
        none of them, unless somebody has written it into the file anew."""
        listed, marks = self._read(), self._marks()
        keyed = {self.key_of(name): entry for name, entry in listed.items()}
        lost = {key for name, key in marks.items() if key in lifted and key == self.key_of(name)}
        return {key: entry for key, entry in keyed.items() if key not in book and key not in lost}

    def level(self, book: Mapping[str, Suppressed], lifted: Collection[str]) -> None:
        """Make the file a view of the book's list; what the book does not know yet stays in it."""
        with self._alone():
            listed, marks = self._read(), self._marks()
            untold = self.untold(book, lifted)
            seen = {key: name for name in listed if (key := self.key_of(name)) in book or key in untold}
            order = [*seen, *(key for key in book if key not in seen)]
            fresh = {(book.get(key) or untold[key]).address: key for key in order}
            entries = {name: book.get(key) or untold[key] for name, key in fresh.items()}
            kept = {name: key for name, key in fresh.items() if key in book}
            if entries != listed or kept != marks:
                self._write(entries, kept)

    def key_of(self, name: str) -> str:
        """The key under which the book has an entry."""
        assert self._keyed is not None
        return name.removeprefix(ERASED) if name.startswith(ERASED) else self._keyed(name)

    def _marks(self) -> dict[str, str]:
        return self._kept[2] if self._kept is not None else {}

    def replace_erased(self, addresses: Iterable[str], on: str) -> int:
        """Put keyed digests in the place of the addresses of somebody who is erased: nobody can read whose they are,
        and they are never written to again. How many entries there were under their addresses."""
        assert self._keyed is not None
        names = {plain(address) for address in addresses}
        with self._alone():
            listed = {name: entry for name, entry in self._read().items() if name not in names}
            marks = self._marks()
            gone = len(self._read()) - len(listed)
            for name in names:
                keyed = f"{ERASED}{self._keyed(name)}"
                listed[keyed] = Suppressed(address=keyed, reason="erased at their request", on=on, source="erasure")
            self._write(listed, marks)
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
                self._write({**listed, **fresh}, self._marks())
        return len(fresh)

    def remove(self, address: str) -> Suppressed | None:
        """Take exactly this entry off the list and return it; None when it is not on it."""
        with self._alone():
            listed = dict(self._read())
            gone = listed.pop(plain(address), None)
            if gone is not None:
                self._write(listed, self._marks())
        return gone

    def _read(self) -> dict[str, Suppressed]:
        try:
            found = self._path.stat()
            stand = (found.st_mtime_ns, found.st_size, found.st_ino)
            with self._lock:
                if self._kept is None or self._kept[0] != stand:
                    with self._path.open(encoding="utf-8-sig", newline="") as rows:
                        self._kept = (stand, *_parsed(csv.reader(rows, strict=True)))
                return self._kept[1]
        except (FileNotFoundError, NotADirectoryError):
            self._kept = None
            return {}
        except (OSError, UnicodeError, csv.Error) as error:
            raise NotDone(f"the suppression list {self._path.name} cannot be read: {error}") from error

    def _write(self, listed: dict[str, Suppressed], marks: Mapping[str, str]) -> None:
        text = io.StringIO()
        out = csv.writer(text)
        out.writerow((*COLUMNS, KEY) if marks else COLUMNS)
        for name, entry in listed.items():
            row = (entry.address, entry.reason, entry.on, entry.source)
            out.writerow((*row, marks.get(name, "")) if marks else row)
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


def _parsed(rows: Iterable[list[str]]) -> tuple[dict[str, Suppressed], dict[str, str]]:
    """The entries by what they block, and the keys beside those that have one."""
    listed: dict[str, Suppressed] = {}
    marks: dict[str, str] = {}
    for row in rows:
        address, reason, on, source, key = (*row, "", "", "", "", "")[:5]
        if not address.strip() or address.strip().casefold() in HEADINGS:
            continue
        is_whole = "@" in address or address.startswith(ERASED)
        name = plain(address) if is_whole else plain(f"@{address.strip()}")  # a person may write a domain without it
        entry = Suppressed(address=name, reason=reason or "on the suppression list", on=on, source=source)
        if key and name not in listed:
            marks[name] = key
        listed.setdefault(name, entry)
    return listed, marks


def _under(name: str, entry: Suppressed) -> Suppressed:
    return Suppressed(address=name, reason=entry.reason.strip(), on=entry.on, source=entry.source)
