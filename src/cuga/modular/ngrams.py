"""A text as a vector without a model: hashed pieces of its words, so that near spellings lie near each other.

The same text gives the same vector on every machine. It knows letters, not meaning; an `Embedder` of a model may stand
in its place.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Sequence
from typing import Protocol

SIZE = 512
_PIECES = (3, 4, 5)  # letters; a word is padded, so that its ends count as ends


class Embedder(Protocol):
    """Makes vectors of one length. `name` says which vectors can be compared with each other."""

    @property
    def name(self) -> str:
        """What it is and in which version."""
        ...

    @property
    def size(self) -> int:
        """The length of its vectors."""
        ...

    def embed(self, text: str) -> Sequence[float]:
        """The vector of a text, of length 1 or, when the text says nothing, all zero."""
        ...


class NGrams:
    """The `Embedder` that needs nothing: signed hashes of three to five letters, counted."""

    name = f"ngrams-1/{SIZE}"
    size = SIZE

    def embed(self, text: str) -> list[float]:
        """The vector of a text; words count whatever their case and accents."""
        vector = [0.0] * SIZE
        for word in _words(text):
            padded = f" {word} "
            for length in _PIECES:
                for start in range(max(1, len(padded) - length + 1)):
                    number = _hash(padded[start : start + length])
                    vector[number % SIZE] += 1.0 if number & (1 << 40) else -1.0
        whole = math.sqrt(sum(value * value for value in vector))
        return [value / whole for value in vector] if whole else vector


def _words(text: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return "".join(c if c.isalnum() else " " for c in plain).split()


def _hash(piece: str) -> int:
    return int.from_bytes(hashlib.blake2b(piece.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
