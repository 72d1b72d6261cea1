"""Slips of the pen in plain words: "forcast", "qualfy". The one near word that is known here, or the word as written.

Names are not its matter: what a record may be called is looked up in the records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cuga.planning.words import Token, stem

SHORTEST = 5  # letters; shorter words have too many neighbours
LONG = 8  # from so many letters on two slips are forgiven


class Speller:
    """Knows a set of words and finds the one that a word with a slip in it was meant to be."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_first: dict[str, list[str]] = {}
        for word in sorted({word for word in words if word.isalpha() and len(word) >= SHORTEST - 1}):
            self._by_first.setdefault(word[0], []).append(word)
        self._known: dict[str, str] = {}

    def meant(self, word: str) -> str:
        """The known word that is meant; the word itself when none is near, or when two are equally near."""
        if word not in self._known:
            self._known[word] = self._nearest(word)
        return self._known[word]

    def _nearest(self, word: str) -> str:
        if len(word) < SHORTEST or not word.isalpha():
            return word
        from rapidfuzz.distance import OSA

        most = 2 if len(word) >= LONG else 1
        near: dict[int, set[str]] = {}
        for other in self._by_first.get(word[0], ()):
            if abs(len(other) - len(word)) <= most:
                slips = OSA.distance(word, other, score_cutoff=most)
                if slips <= most:
                    near.setdefault(slips, set()).add(other)
        best = near[min(near)] if near else set()
        return min(best) if len({stem(one) for one in best}) == 1 else word


def mended(words: list[Token], speller: Speller, is_known: Callable[[str], bool]) -> list[Token]:
    """The words of a goal with slips mended: `text` and places stay as written."""
    found = []
    for word in words:
        meant = word.low if is_known(word.stem) or word.low != word.text.casefold() else speller.meant(word.low)
        found.append(word if meant == word.low else word._replace(low=meant, stem=stem(meant)))
    return found
