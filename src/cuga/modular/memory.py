"""Memory that can be searched by words and by likeness, each profile for itself.

What is found is a hint with its origin and never a rule: nothing in here decides what a run may do. Two rankings are
fused, words (BM25) and likeness of vectors, so that neither a rare spelling nor a common word rules alone.
"""

from __future__ import annotations

import re
import sys
import threading
from array import array
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from cuga.errors import BadInput, NotFound
from cuga.model import given
from cuga.model.value import Value
from cuga.modular.ngrams import Embedder, NGrams

T = TypeVar("T")
MAX_TEXT = 64 * 1024  # bytes of one note
MAX_METADATA = 64 * 1024
NEAR = 0.15  # likeness from which a note without a common word counts as found
_FUSE = 60  # the usual constant of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009)
_DEPTH = 100  # how far down each ranking counts
_TOKENS = "porter unicode61 remove_diacritics 2"
_WORD = re.compile(r"\w+")


class Found(Value, frozen=True, kw_only=True):
    """A note that was found. `score` only orders the notes of one answer; `likeness` is a cosine from -1 to 1."""

    id: str
    text: str
    metadata: dict[str, Any]
    score: float
    likeness: float
    by_words: bool


class VectorMemory:
    """The notes of one profile, in a file or, with the path `:memory:`, for as long as it lives.

    `under` gives the memory of another profile of the same file. There is no question that spans two of them. Safe to
    use from several threads. `BadInput` for a file that is something else or holds vectors of another embedder.
    """

    def __init__(
        self, profile: str = "default", *, path: Path | str = ":memory:", embedder: Embedder | None = None
    ) -> None:
        self.profile = _named(profile)
        self._embedder: Embedder = embedder or NGrams()
        self._lock = threading.RLock()
        self._db = _opened(path, self._embedder)

    def under(self, profile: str) -> VectorMemory:
        """The memory of another profile, over the same store."""
        other = object.__new__(VectorMemory)
        other.profile = _named(profile)
        other._embedder, other._lock, other._db = self._embedder, self._lock, self._db
        return other

    def add(self, text: str, metadata: Mapping[str, Any] | None = None, *, key: str = "") -> str:
        """Keep a note and return its id. With a `key` it takes the place of the note that had that key before."""
        if not given.words("the note", text).strip():
            raise BadInput("the note is empty")
        given.words("the key of a note", key)
        given.mapping("what a note is marked with", metadata or {})
        try:
            size, body = len(text.encode("utf-8")), msgspec.json.encode(dict(metadata or {})).decode()
        except (UnicodeEncodeError, TypeError, ValueError) as error:
            raise BadInput(f"the note cannot be kept: {error}", mend="Give text and plain JSON values.") from error
        if size > MAX_TEXT or len(body) > MAX_METADATA:
            raise BadInput(f"the note has more than {MAX_TEXT:,} bytes", mend="Keep a summary and where the rest is.")
        vector = _bytes(self._vector(text))

        def keep() -> str:
            profile = self._number(make=True)
            if key and (old := self._one("SELECT number FROM note WHERE profile = ? AND key = ?", profile, key)):
                self._drop(profile, old)
            sql = "UPDATE profile SET given = given + 1 WHERE number = ? RETURNING given"
            number = self._one(sql, profile)
            row = (profile, number, key or None, text, body, vector)
            self._db.execute("INSERT INTO note VALUES (?, ?, ?, ?, ?, ?)", row)
            self._db.execute(f"INSERT INTO words_{profile} (rowid, text) VALUES (?, ?)", (number, text))
            return f"n{number}"

        return self._write(keep)

    def search(self, text: str, top: int = 5) -> list[Found]:
        """The notes that fit a text best, best first, at most `top`; none that neither shares a word nor is near.

        The same notes and the same text always give the same answer.
        """
        with self._lock:
            profile = self._number()
            if not profile or top < 1:
                return []
            said = self._said(profile, text)
            near = self._near(profile, self._vector(text))
            likeness = dict(near)
            scores = {number: 1 / (_FUSE + rank) for rank, number in enumerate(said, 1)}
            for rank, (number, how) in enumerate(near[:_DEPTH], 1):
                if how >= NEAR or number in scores:
                    scores[number] = scores.get(number, 0.0) + 1 / (_FUSE + rank)
            best = sorted(scores, key=lambda number: (-scores[number], number))[:top]
            by_words, found = set(said), []
            for number in best:
                sql = "SELECT text, metadata FROM note WHERE profile = ? AND number = ?"
                note, metadata = next(iter(self._db.execute(sql, (profile, number))))
                found.append(
                    Found(
                        id=f"n{number}",
                        text=note,
                        metadata=msgspec.json.decode(metadata),
                        score=round(scores[number], 6),
                        likeness=round(likeness.get(number, 0.0), 4),
                        by_words=number in by_words,
                    )
                )
            return found

    def forget(self, note: str) -> None:
        """Drop a note by its id for good. `NotFound` when this profile has none of that id."""

        given.words("the id of a note", note)

        def drop() -> None:
            profile = self._number()
            number = int(note[1:]) if re.fullmatch(r"n[0-9]{1,18}", note) else 0
            if not self._one("SELECT 1 FROM note WHERE profile = ? AND number = ?", profile, number):
                raise NotFound(f"there is no note {note!r} in the memory of {self.profile}")
            self._drop(profile, number)

        self._write(drop)

    def __len__(self) -> int:
        """How many notes this profile has."""
        with self._lock:
            return self._one("SELECT count(*) FROM note WHERE profile = ?", self._number())

    def close(self) -> None:
        """Let the file go, for all profiles."""
        with self._lock:
            self._db.close()

    # --- inside ---------------------------------------------------------------------------------------------------
    def _write(self, work: Callable[[], T]) -> T:
        done: list[T] = []
        with self._lock, self._db:  # a transaction
            done.append(work())
        return done[0]

    def _one(self, sql: str, *values: Any) -> int:
        found = next(iter(self._db.execute(sql, values)), None)
        return int(found[0]) if found is not None else 0

    def _number(self, *, make: bool = False) -> int:
        """The number of this profile; 0 when it has never kept a note."""
        number = self._one("SELECT number FROM profile WHERE name = ?", self.profile)
        if not number and make:
            number = self._one("INSERT INTO profile (name) VALUES (?) RETURNING number", self.profile)
            self._db.execute(f"CREATE VIRTUAL TABLE words_{number} USING fts5(text, tokenize = '{_TOKENS}')")
            self._db.execute(f"INSERT INTO words_{number} (words_{number}, rank) VALUES ('secure-delete', 1)")
        return number

    def _drop(self, profile: int, number: int) -> None:
        self._db.execute("DELETE FROM note WHERE profile = ? AND number = ?", (profile, number))
        self._db.execute(f"DELETE FROM words_{profile} WHERE rowid = ?", (number,))

    def _said(self, profile: int, text: str) -> list[int]:
        words = list(dict.fromkeys(_WORD.findall(text.casefold())))[:200]
        if not words:
            return []
        asked = " OR ".join(f'"{word}"' for word in words)  # quoted, so that nothing in it is query syntax
        sql = f"SELECT rowid FROM words_{profile} WHERE words_{profile} MATCH ? ORDER BY round(rank, 9), rowid LIMIT ?"
        return [int(row[0]) for row in self._db.execute(sql, (asked, _DEPTH))]

    def _near(self, profile: int, vector: array[float]) -> list[tuple[int, float]]:
        """Notes with their likeness, nearest first. Only the places where the question says something count."""
        places = [(place, value) for place, value in enumerate(vector) if value]
        found = []
        for number, body in self._db.execute("SELECT number, vector FROM note WHERE profile = ?", (profile,)):
            kept = _floats(body)
            found.append((int(number), round(sum(value * kept[place] for place, value in places), 9)))
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))

    def _vector(self, text: str) -> array[float]:
        vector = array("f", self._embedder.embed(text))
        if len(vector) != self._embedder.size:
            raise BadInput(f"{self._embedder.name} gave {len(vector)} numbers instead of {self._embedder.size}")
        return vector


def _opened(path: Path | str, embedder: Embedder) -> apsw.Connection:
    try:
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(5_000)
        connection.pragma("secure_delete", 1)  # what is forgotten does not stay in the file
        connection.execute(resources.files(__package__).joinpath("schema/memory.sql").read_text("utf-8"))
    except apsw.Error as error:
        raise BadInput(f"{path} cannot be opened as a memory: {error}") from error
    said = f"{embedder.name} {embedder.size}"
    connection.execute("INSERT OR IGNORE INTO fact VALUES ('embedder', ?)", (said,))
    kept = next(iter(connection.execute("SELECT value FROM fact WHERE name = 'embedder'")))[0]
    if kept != said:
        connection.close()
        raise BadInput(
            f"{path} holds vectors of {kept}, which cannot be compared with those of {said}",
            mend="Open it with the embedder it was made with, or begin another file.",
        )
    return connection


def _named(profile: str) -> str:
    mend = "Name one, e.g. VectorMemory('smb')."
    if not given.words("the profile of a memory", profile, mend).strip():
        raise BadInput("a memory belongs to a profile", mend=mend)
    return profile


def _bytes(vector: array[float]) -> bytes:
    little = array("f", vector)
    if sys.byteorder == "big":
        little.byteswap()
    return little.tobytes()


def _floats(body: bytes) -> array[float]:
    kept = array("f")
    kept.frombytes(body)
    if sys.byteorder == "big":
        kept.byteswap()
    return kept
