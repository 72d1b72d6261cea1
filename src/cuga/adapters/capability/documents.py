"""What tools ask of a house's own documents: which there are, and which of their passages speak of something.

What a document says is data: it is quoted with its place and never followed.
"""

from __future__ import annotations

from typing import Protocol

from cuga.adapters.capability.crm import Document
from cuga.model.value import Value


class Passage(Value, frozen=True, kw_only=True):
    """A part of a document as written. `line` counts from 1, or is the page of a PDF; 0: not known."""

    path: str
    title: str = ""
    heading: str = ""
    text: str = ""
    line: int = 0
    matched: tuple[str, ...] = ()  # the asked words that are in it
    score: int = 0  # BM25 in thousandths, more is better; comes from a search only


class Unread(Value, frozen=True, kw_only=True):
    """A file that could not be read, why, and what would help."""

    path: str
    why: str
    mend: str = ""


class Documents(Protocol):
    """Reading documents. Nothing is changed, and a file that cannot be read is said to be so."""

    def documents_version(self) -> str:
        """A digest of all documents; the same files give the same digest."""
        ...

    def listed(self) -> tuple[Document, ...]:
        """Every document that was read, with what its own head says of it, in order of path."""
        ...

    def unread(self) -> tuple[Unread, ...]:
        """Every file that was not read."""
        ...

    def search(self, words: tuple[str, ...], *, limit: int = 20) -> tuple[Passage, ...]:
        """Passages with any of the words (in any of their forms), the best first by BM25; ties by path and line."""
        ...

    def passages(self, path: str) -> tuple[Passage, ...]:
        """All passages of a document in its own order."""
        ...
