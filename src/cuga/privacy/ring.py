"""The keys of a house: one for each person, none of them in the journal, a backup or evidence.

Ids are keyed digests, so that the journal and this ring name nobody. An id whose key was destroyed is remembered as
erased, and no key is ever made under it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from cuga.errors import JournalFailed
from cuga.journal.codec import KeysAway
from cuga.privacy.shelf import Shelf

KEY_BYTES = 64  # AES-256 in the mode SIV takes two keys of 32 bytes
ID_HEX = 24  # 96 bits: among a billion people two share an id in one of 10^11 houses
REMEMBERED = 20_000  # keys at hand


class KeyRing:
    """Makes, finds and destroys keys. Safe to use from several threads; that another process has destroyed a key is
    seen after `forget`.

    What is at hand is answered at once. The rest is asked of the place where keys lie; where that is a database, not on
    an event loop: `KeysAway` says what to do in a thread first.
    """

    def __init__(self, shelf: Shelf, mark: Path | None = None) -> None:
        """`mark`: a file in the house that says which keys are its own, so that others are not taken for them."""
        self._shelf = shelf
        self._mark = mark
        self._lock = threading.RLock()  # of the shelf: whoever finds what is at hand waits for nobody
        self._secret = b""
        self._erased: frozenset[str] | None = None
        self._keys: dict[str, bytes | None] = {}
        self._ids: dict[str, str] = {}

    @property
    def where(self) -> str:
        """Where the keys lie, in words."""
        return self._shelf.where

    def _ask(self, shelf: Callable[[], None]) -> None:
        """Do something at the shelf that brings what is missing to hand."""
        if self._shelf.is_far and _is_on_a_loop():
            raise KeysAway(lambda: self._ask(shelf))
        with self._lock:
            shelf()

    def get_ready(self) -> None:
        """Fetch what is asked without a journal around it. Waits for the shelf; what is wrong with it, whoever needs a
        key hears."""
        with suppress(JournalFailed):
            self.keyed("")
            self.is_erased("")

    def copy_to(self, other: Shelf) -> None:
        """Give another place all that this ring holds, if it holds anything."""
        with self._lock:
            if self._shelf.is_begun:
                other.take(self._shelf.all())

    def keyed(self, text: str) -> str:
        """A digest of a text that only this house can make: 32 hex digits, the same for the same text."""
        if not self._secret:
            self._ask(self._own_secret)
        return hmac.new(self._secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]

    def _own_secret(self) -> None:
        """The secret that the house has always had. With another one nobody would know what was done once already, and
        to whom."""
        said = ""
        if self._mark is not None:
            with suppress(FileNotFoundError):
                said = self._mark.read_text("ascii").strip()
        secret = self._shelf.secret() if self._shelf.is_begun or not said else b""
        mark = hmac.new(secret, b"mark", hashlib.sha256).hexdigest()
        if said and not hmac.compare_digest(said, mark):
            raise JournalFailed(
                f"the keys of personal data in {self._shelf.where} are not those of this house",
                mend=f"Put them back from where you keep them. If they are gone for good, remove {self._mark}: names "
                "stay sealed then, and nobody knows any more to whom something was sent already.",
            )
        if self._mark is not None and not said:
            fresh = self._mark.with_name(f"{self._mark.name}.{os.getpid()}")
            fresh.write_text(f"{mark}\n", "ascii")
            fresh.chmod(0o600)
            fresh.replace(self._mark)
        self._secret = secret

    def id_of(self, ref: str) -> str:
        """The id that a person's key has now. Somebody who was erased and came back has another one than before."""
        found = self._ids.get(ref)
        if found is None:
            found = self.ids_of(ref)[-1]
            if len(self._ids) > REMEMBERED:
                self._ids.clear()
            self._ids[ref] = found
        return found

    def ids_of(self, ref: str) -> tuple[str, ...]:
        """Every id that a person has had, the present one last."""
        found = [self.keyed(f"subject/0/{ref}")[:ID_HEX]]
        while self.is_erased(found[-1]):
            found.append(self.keyed(f"subject/{len(found)}/{ref}")[:ID_HEX])
        return tuple(found)

    def make(self, ids: Iterable[str]) -> None:
        """See to it that these ids have a key, durably: nothing is sealed under a key that could be lost."""
        missing = [one for one in dict.fromkeys(ids) if self._keys.get(one) is None and not self.is_erased(one)]
        if missing:
            self._ask(lambda: self._make(missing))

    def _make(self, ids: list[str]) -> None:
        there = self._shelf.keys(ids) if self._shelf.is_begun else {}
        if fresh := [one for one in ids if one not in there]:
            self._shelf.add((one, os.urandom(KEY_BYTES)) for one in fresh)
        self._fetch(ids)  # another process may have been first
        if any(self._keys.get(one) is None for one in ids):
            self._fetch_erased()  # or has erased somebody since we looked: who was, gets no key

    def have(self, ids: Iterable[str]) -> None:
        """See to it that the keys of these ids are at hand, as far as there are any."""
        if missing := [one for one in dict.fromkeys(ids) if one not in self._keys]:
            self._ask(lambda: self._fetch(missing))

    def _fetch(self, ids: list[str]) -> None:
        if len(self._keys) > REMEMBERED:
            self._keys = {}
        known = self._keys  # what is forgotten meanwhile stays forgotten
        found = self._shelf.keys(ids) if self._shelf.is_begun else {}
        known.update((one, found.get(one)) for one in ids)

    def key(self, id: str) -> bytes | None:
        """The key of an id; None when it was destroyed, or never was."""
        while id not in (known := self._keys):
            self.have([id])
        return known[id]

    def is_erased(self, id: str) -> bool:
        """Whether somebody's key was destroyed under this id."""
        while (erased := self._erased) is None:
            self._ask(self._fetch_erased)
        return id in erased

    def _fetch_erased(self) -> None:
        known = self._keys
        erased = self._shelf.erased() if self._shelf.is_begun else frozenset[str]()
        if known is self._keys:  # nobody forgot meanwhile
            self._erased = erased

    def destroy(self, ids: Iterable[str]) -> int:
        """Destroy keys for good, and remember the ids; how many keys there were. Waits for the shelf."""
        with self._lock:
            gone = self._shelf.erase(dict.fromkeys(ids))
            self.forget()
            return gone

    def forget(self) -> None:
        """Look again."""
        self._keys, self._ids, self._erased = {}, {}, None

    def counts(self) -> tuple[int, int]:
        """Keys there are, and ids that were erased. Waits for the shelf."""
        with self._lock:
            return self._shelf.counts() if self._shelf.is_begun else (0, 0)

    def close(self) -> None:
        """Let the place of the keys go."""
        with self._lock:
            self._shelf.close()
            self.forget()


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
