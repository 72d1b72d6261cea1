"""Where keys lie: a file of its own, or memory. A key that is taken away is overwritten, and stays away."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import apsw

from cuga.errors import BadInput, JournalFailed
from cuga.sql import named


class Kept(NamedTuple):
    """All that a shelf holds, for moving it."""

    secret: bytes
    keys: tuple[tuple[str, bytes], ...]
    erased: tuple[str, ...]


class Shelf(Protocol):
    """What a ring asks of the place where its keys lie. Each answer is as durable as the place can make it."""

    where: str  # in words
    is_far: bool  # whether asking may take as long as a network does

    @property
    def is_begun(self) -> bool:
        """Whether there may be a key: asking must not make the place."""
        ...

    def secret(self) -> bytes:
        """The house's own secret of 32 bytes, made when there is none."""
        ...

    def keys(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Those of these keys that there are."""
        ...

    def add(self, keys: Iterable[tuple[str, bytes]]) -> None:
        """Keep keys; those that are there stay as they are, and so do ids that were erased. `JournalFailed`."""
        ...

    def erase(self, ids: Iterable[str]) -> int:
        """Destroy keys and remember the ids; how many keys there were. `JournalFailed`."""
        ...

    def erased(self) -> frozenset[str]:
        """The ids that are remembered as erased."""
        ...

    def counts(self) -> tuple[int, int]:
        """Keys there are, and ids remembered as erased."""
        ...

    def all(self) -> Kept:
        """Everything, for moving it elsewhere."""
        ...

    def take(self, kept: Kept) -> None:
        """Hold what another place held, and its secret instead of an own one."""
        ...

    def drop_all(self) -> None:
        """Hold nothing any more: it lies elsewhere now."""
        ...

    def close(self) -> None:
        """Let the place go."""
        ...


class KeyFile:
    """Keys in a SQLite file, which is made when the first key is; with None in memory."""

    is_far = False

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._sql = named("cuga.privacy", "keys.sql")
        self._db: apsw.Connection | None = None
        self.where = str(path) if path is not None else "memory"

    @property
    def is_begun(self) -> bool:
        if self._db is not None or self._path is None:
            return True
        try:
            self._path.stat()
        except FileNotFoundError:
            return False  # any other error is one: keys that cannot be looked at are not keys that are not there
        return True

    def secret(self) -> bytes:
        self._do("set_secret", os.urandom(32))
        return bytes(next(iter(self._do("secret")))[0])

    def keys(self, ids: Sequence[str]) -> dict[str, bytes]:
        return {id: bytes(row[0]) for id in ids for row in self._do("key", id)}

    def add(self, keys: Iterable[tuple[str, bytes]]) -> None:
        try:
            with self._open():
                for one in keys:
                    self._do("add", *one)
        except apsw.Error as error:
            raise JournalFailed(f"a key for personal data could not be kept: {error}") from error

    def erase(self, ids: Iterable[str]) -> int:
        gone = 0
        try:
            with self._open():
                for one in ids:
                    gone += len(self.keys([one]))
                    self._do("drop", one)
                    self._do("erase", one)
        except apsw.Error as error:
            raise JournalFailed(f"a key could not be destroyed: {error}") from error
        return gone

    def erased(self) -> frozenset[str]:
        return frozenset(str(id) for (id,) in self._do("every_erased"))

    def counts(self) -> tuple[int, int]:
        keys, erased = next(iter(self._do("count")))
        return int(keys), int(erased)

    def all(self) -> Kept:
        keys = tuple((str(id), bytes(key)) for id, key in self._do("every_key"))
        return Kept(self.secret(), keys, tuple(sorted(self.erased())))

    def take(self, kept: Kept) -> None:
        with self._open():
            self._do("set_secret_to", kept.secret)
            self.add(kept.keys)
            for id in kept.erased:
                self._do("erase", id)

    def drop_all(self) -> None:
        with self._open():
            for name in ("drop_keys", "drop_erased", "drop_secret"):
                self._do(name)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _do(self, name: str, *values: Any) -> apsw.Cursor:
        return self._open().execute(self._sql[name], values)

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
            db.execute(self._sql["tables"])
        except (OSError, apsw.Error) as error:
            raise BadInput(
                f"the keys of personal data in {self.where} cannot be opened: {error}",
                mend="Put the file back from where you keep it; without it what it sealed cannot be read.",
            ) from error
        self._db = db
        return db
