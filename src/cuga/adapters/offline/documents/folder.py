"""A folder of documents with an index beside them. A file is read again only when it has changed.

The index (`.index.db` in the folder, SQLite FTS5) holds nothing that the files do not; it may be deleted at any time.
Hidden files and links are left alone. Safe to use from several threads.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import apsw
import msgspec

from cuga.adapters.capability import Document, Passage, Unread
from cuga.adapters.offline.documents.forms import FORMS, Read, Unreadable, read
from cuga.model.value import encode

MAX_FILES = 5_000
INDEX, VERSION = ".index.db", "1"
_OWN_WORDS = {
    "type": "kind",
    "audience": "persona",
    "sector": "industry",
    "published": "date",
    "expires": "valid_until",
}
_YES, _NO = {"yes", "true", "1", "y"}, {"no", "false", "0", "n"}


class DocumentFolder:
    """`Documents` of a folder; None: there are none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._db: apsw.Connection | None = None

    def close(self) -> None:
        """Let the index go."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    def documents_version(self) -> str:
        """A digest of the paths and contents of all files, read or not."""
        total = hashlib.sha256()
        for path, digest in self._rows("SELECT path, digest FROM files ORDER BY path"):
            total.update(f"{path}\0{digest}\n".encode("utf-8", "surrogatepass"))
        return total.hexdigest()

    def listed(self) -> tuple[Document, ...]:
        """Every document that was read, in order of path."""
        rows = self._rows("SELECT head FROM files WHERE why = '' ORDER BY path")
        return tuple(msgspec.json.decode(str(head), type=Document) for (head,) in rows)

    def unread(self) -> tuple[Unread, ...]:
        """Every file that was not read, with the reason."""
        rows = self._rows("SELECT path, why, mend FROM files WHERE why <> '' ORDER BY path")
        return tuple(Unread(path=str(path), why=str(why), mend=str(mend)) for path, why, mend in rows)

    def search(self, words: tuple[str, ...], *, limit: int = 20) -> tuple[Passage, ...]:
        """Passages with any of the words, the best first; words in titles and headings count more."""
        asked = tuple(dict.fromkeys(word for word in (_bare(word) for word in words) if word))
        if not asked:
            return ()
        wanted = " OR ".join(f'"{word}"' for word in asked)
        rows = self._rows(
            "SELECT path, title, heading, text, line, round(-1000 * bm25(passages, 0, 3, 2, 1)) AS points"
            " FROM passages WHERE passages MATCH ? ORDER BY points DESC, path, rowid LIMIT ?",
            wanted, limit,
        )  # fmt: skip
        holding = {word: self._holding(word) for word in asked}
        return tuple(
            Passage(
                path=str(path), title=str(title), heading=str(heading), text=str(text), line=int(line),
                score=int(points), matched=tuple(word for word in asked if (path, line, text) in holding[word]),
            )
            for path, title, heading, text, line, points in rows
        )  # fmt: skip

    def passages(self, path: str) -> tuple[Passage, ...]:
        """All passages of a document in its own order; none for a document that is not there."""
        rows = self._rows("SELECT path, title, heading, text, line FROM passages WHERE path = ? ORDER BY rowid", path)
        return tuple(
            Passage(path=str(p), title=str(t), heading=str(h), text=str(text), line=int(line))
            for p, t, h, text, line in rows
        )

    def _holding(self, word: str) -> set[tuple[Any, ...]]:
        return set(self._rows("SELECT path, line, text FROM passages WHERE passages MATCH ?", f'"{word}"'))

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self._lock:
            if self._folder is None:
                return []
            db = self._fresh(self._folder)
            return list(db.execute(sql, values))

    def _fresh(self, folder: Path) -> apsw.Connection:
        """The index after every file that is new or changed was read."""
        db = self._db = self._db or _opened(folder)
        known = {
            str(path): (int(at), int(size)) for path, at, size in db.execute("SELECT path, changed, size FROM files")
        }
        there = dict(_files(folder))
        stale = [path for path in known if path not in there]
        fresh = [path for path, stand in there.items() if known.get(path) != stand]
        if stale or fresh:
            with db:
                for path in (*stale, *fresh):
                    db.execute("DELETE FROM passages WHERE path = ?", (path,))
                    db.execute("DELETE FROM files WHERE path = ?", (path,))
                for path in fresh:
                    _take_in(db, folder, path, there[path])
        return db


def _opened(folder: Path) -> apsw.Connection:
    """The index of a folder; in memory where none can be written, and made anew where there is an older one."""
    schema = resources.files("cuga.adapters.offline").joinpath("schema/documents.sql").read_text("utf-8")
    try:
        os.close(os.open(folder / INDEX, os.O_WRONLY | os.O_CREAT, 0o600))
        db = apsw.Connection(str(folder / INDEX))
        db.set_busy_timeout(5_000)
        found = str(db.pragma("user_version"))
        if found not in ("0", VERSION):
            db.execute("DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS passages")
        db.execute(schema)
        db.pragma("user_version", int(VERSION))
    except (OSError, apsw.Error):
        db = apsw.Connection(":memory:")
        db.execute(schema)
    return db


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """(path in the folder, (when it was changed, its size)) of every file of a known form."""
    number = 0
    for root, directories, names in os.walk(folder, followlinks=False):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        for name in sorted(names):
            path = Path(root) / name
            if name.startswith(".") or path.suffix.lower() not in FORMS or path.is_symlink():
                continue
            number += 1
            if number > MAX_FILES:
                return
            found = path.stat()
            yield path.relative_to(folder).as_posix(), (found.st_mtime_ns, found.st_size)


def _take_in(db: apsw.Connection, folder: Path, path: str, stand: tuple[int, int]) -> None:
    why, mend, found, content = "", "", Read(), b""
    try:
        content = hashlib.sha256((folder / path).read_bytes()).digest()
        found = read(folder / path)
    except Unreadable as error:
        why, mend = str(error), error.mend
    except OSError as error:
        why, mend = error.strerror or "it cannot be read", "make the file readable"
    document = _described(path, found.head)
    row = (path, *stand, content.hex(), encode(document).decode(), why, mend)
    db.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    db.executemany(
        "INSERT INTO passages (path, title, heading, text, line) VALUES (?, ?, ?, ?, ?)",
        [(path, document.name, part.heading, part.text, part.line) for part in found.parts],
    )


def _described(path: str, head: dict[str, str]) -> Document:
    """What a document says of itself; an own word for a field counts where the field is not named."""
    said = {_OWN_WORDS.get(name, name): value for name, value in head.items()} | head
    names = ("product", "industry", "persona", "stage", "competitor", "customer")
    texts: dict[str, Any] = {name: said.get(name, "") for name in names}
    dated = said.get("date", "") or next(iter(re.findall(r"\d{4}-\d{2}-\d{2}", Path(path).name)), "")
    return Document(
        id=path, path=path, name=said.get("title", "") or Path(path).stem, kind=said.get("kind", ""), **texts,
        permission=_yes_or_no(said.get("permission", "")), approved=_yes_or_no(said.get("approved", "")),
        dated=_day(dated), valid_until=_day(said.get("valid_until", "")),
    )  # fmt: skip


def _yes_or_no(text: str) -> str:
    plain = text.casefold()
    return "yes" if plain in _YES else "no" if plain in _NO else ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _bare(word: str) -> str:
    return " ".join(re.findall(r"\w+", word))
