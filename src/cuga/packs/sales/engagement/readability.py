"""Counting words, sentences and syllables: enough for Flesch reading ease, in plain text and without any word list.

Flesch (1948): 206.835 - 1.015 x words per sentence - 84.6 x syllables per word. Syllables are groups of vowels, less a
silent final e: right for most English words, and the same on every machine.
"""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d[\d.,]*", re.UNICODE)
_SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)|\n{2,}")
_VOWELS = re.compile(r"[aeiouyàáâäæèéêëìíîïòóôöøùúûü]+")


def words(text: str) -> list[str]:
    """The words and numbers of a text."""
    return WORD.findall(text)


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of every sentence that holds a word; an empty line ends one too."""
    found, start = [], 0
    for end in [*(m.end() for m in _SENTENCE_END.finditer(text)), len(text)]:
        part = text[start:end]
        if WORD.search(part):
            lead = len(part) - len(part.lstrip())
            found.append((start + lead, start + len(part.rstrip())))
            start = end
    return found


def syllables(word: str) -> int:
    """Syllables of one word, at least one."""
    plain = word.casefold()
    groups = len(_VOWELS.findall(plain))
    if plain.endswith("e") and not plain.endswith(("le", "ee", "ie", "oe", "ye")) and groups > 1:
        groups -= 1
    if plain.endswith("ed") and len(plain) > 3 and plain[-3] not in "dt" and groups > 1:
        groups -= 1
    return max(1, groups)


def flesch(text: str) -> int | None:
    """Reading ease, rounded; the higher the easier, 60 is plain English. None without a sentence."""
    said, parts = words(text), sentences(text)
    if not said or not parts:
        return None
    per_word = sum(syllables(word) for word in said) / len(said)
    return round(206.835 - 1.015 * len(said) / len(parts) - 84.6 * per_word)
