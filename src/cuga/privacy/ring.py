"""The keys: one for each person, in a file of their own that neither the journal, a backup nor evidence contains.

The file is made when the first key is needed. A key that is destroyed is overwritten, and its id is remembered as
erased: no key is ever made under that id again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import apsw

from cuga.errors import BadInput, JournalFailed

KEY_BYTES = 64  # AES-256 in the mode SIV takes two keys of 32 bytes
ID_HEX = 24  # 96 bits: two of a billion people share an id once in 10^11 houses
REMEMBERED = 20_000  # keys at hand


class KeyRing:
    """The keys of one house. With None it lives in memory. Safe to use from several threads; another process that has
    the file open sees a key that was destroyed once it looks again (`forget`)."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._sql = _queries()
        self._db: apsw.Connection | None = None
        self._secret = b""
        self._keys: dict[str, bytes | None] = {}
        self._ids: dict[str, str] = {}

    @property
    def path(self) -> Path | None:
        """Where the keys lie; None: in memory."""
        return self._path

    @property
    def exists(self) -> bool:
        """Whether there may be any key."""
        return self._db is not None or self._path is None or self._path.exists()

    def keyed(self, text: str) -> str:
        """A digest of a text that only this house can make: 32 hex digits, the same for the same text."""
        with self._lock:
            if not self._secret:
                self._open()
            return hmac.new(self._secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]

    def id_of(self, ref: str) -> str:
        """The id under which a person's key is kept now. Somebody who was erased and came back has another one."""
        with self._lock:
            found = self._ids.get(ref)
            if found is None:
                time = 0
                while self.is_erased(found := self.keyed(f"subject/{time}/{ref}")[:ID_HEX]):
                    time += 1
                if len(self._ids) > REMEMBERED:
                    self._ids.clear()
                self._ids[ref] = found
            return found

    def ids_of(self, ref: str) -> tuple[str, ...]:
        """Every id that a person has had, the present one last."""
        found, time = [self.keyed(f"subject/0/{ref}")[:ID_HEX]], 0
        while self.is_erased(found[-1]):
            time += 1
            found.append(self.keyed(f"subject/{time}/{ref}")[:ID_HEX])
        return tuple(found)

    def make(self, ids: Iterable[str]) -> None:
        """See to it that these ids have a key, durably: nothing is sealed under a key that could be lost."""
        with self._lock:
            missing = [one for one in dict.fromkeys(ids) if self.key(one) is None and not self.is_erased(one)]
            if not missing:
                return
            db = self._open()
            try:
                with db:
                    for one in missing:
                        self._do("add", one, os.urandom(KEY_BYTES))
            except apsw.Error as error:
                raise JournalFailed(f"a key for personal data could not be kept: {error}") from error
            for one in missing:
                self._keys.pop(one, None)

    def key(self, id: str) -> bytes | None:
        """The key of an id; None when it was destroyed, or never was."""
        with self._lock:
            if id in self._keys:
                return self._keys[id]
            if len(self._keys) > REMEMBERED:
                self._keys.clear()
            found = self._one("key", id) if self.exists else None
            self._keys[id] = key = None if found is None else bytes(found[0])
            return key

    def is_erased(self, id: str) -> bool:
        """Whether somebody's key was destroyed under this id."""
        return self.exists and self._one("is_erased", id) is not None

    def destroy(self, ids: Iterable[str]) -> int:
        """Destroy keys for good, and remember the ids; how many keys there were."""
        gone = 0
        with self._lock:
            db = self._open()
            with db:
                for one in dict.fromkeys(ids):
                    gone += self._one("key", one) is not None
                    self._do("drop", one)
                    self._do("erase", one)
            self.forget()
        return gone

    def remember_erased(self, ids: Iterable[str]) -> None:
        """Note something of an erased person that must be known again, e.g. an address, by its keyed digest."""
        with self._lock, self._open():
            for one in ids:
                self._do("erase", one)

    def forget(self) -> None:
        """Look again: another process may have destroyed a key."""
        with self._lock:
            self._keys.clear()
            self._ids.clear()

    def counts(self) -> tuple[int, int]:
        """Keys there are, and ids that were erased."""
        found = self._one("count") if self.exists else None
        return (0, 0) if found is None else (int(found[0]), int(found[1]))

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None
            self.forget()

    def _open(self) -> apsw.Connection:
        if self._db is not None:
            return self._db
        try:
            if self._path is not None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            db = apsw.Connection(str(self._path) if self._path is not None else ":memory:")
            db.set_busy_timeout(5_000)
            db.pragma("journal_mode", "delete")  # no log beside it in which a destroyed key could stay
            db.pragma("secure_delete", 1)  # what is deleted is overwritten with zeros
            db.pragma("synchronous", "extra")  # and stays so after a power loss
            for statement in self._sql["tables"].split(";"):
                if statement.strip():
                    db.execute(statement)
            self._db = db
            self._do("set_secret", os.urandom(32))
            self._secret = bytes((self._one("secret") or (b"",))[0])
        except (OSError, apsw.Error) as error:
            raise BadInput(
                f"the keys of personal data in {self._path} cannot be opened: {error}",
                mend="Put the file back from where you keep it; without it what it sealed cannot be read.",
            ) from error
        return db

    def _do(self, name: str, *values: Any) -> None:
        self._open().execute(self._sql[name], values)

    def _one(self, name: str, *values: Any) -> tuple[Any, ...] | None:
        with self._lock:
            return next(iter(self._open().execute(self._sql[name], values)), None)


def _queries() -> dict[str, str]:
    text = resources.files(__package__).joinpath("ring.sql").read_text("utf-8")
    found: dict[str, str] = {}
    for part in text.split("-- name: ")[1:]:
        head, _, body = part.partition("\n")
        found[head.split()[0]] = body.strip()
    return found
