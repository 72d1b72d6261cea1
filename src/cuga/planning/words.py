"""Text to words: tokens with their places, stems, and quoted text set aside.

Whatever stands in quotes is data: it is kept whole, never read for what to do.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from cuga.planning.lexicon import IRREGULAR

MAX_GOAL = 8 * 1024  # characters read of a goal
_HOLE = 0xE000  # private-use characters stand for quoted text
_TOKEN = re.compile(
    r"[\ue000-\uf8ff]|w/(?:o\b)?|[<>]=?|\d+(?:[.,]\d+)*(?:%|[kKmM]\b)?(?![\w-])|[\w&][\w&'’./@+-]*[\w+]|\w"
)
_SHORT = re.compile(r"[^aeiou][aeiou][^aeiouxwy]")  # "moving" is of "move", "asking" of "ask"
_QUOTED = re.compile(
    r"```(?P<fence>.*?)(?:```|\Z)|“(?P<curly>[^”]*)(?:”|\Z)|«(?P<angled>[^»]*)»|(?<![\w\d])\"(?P<straight>[^\"]*)(?:\"|\Z)"
    r"|(?<!\w)'(?P<single>[^'\n]*\s[^'\n]*)'(?!\w)|(?P<lines>(?:^>[^\n]*(?:\n|\Z))+)",
    re.DOTALL | re.MULTILINE,
)


class Token(NamedTuple):
    """One word: as written, folded, stemmed, and where it stands in the masked text."""

    text: str
    low: str
    stem: str
    start: int
    end: int


class Masked(NamedTuple):
    """A goal without what is quoted in it; each quoted text is one private-use character and `quoted[n]`."""

    text: str
    quoted: tuple[str, ...]

    def shown(self, text: str) -> str:
        """A piece of the masked text with its quotes put back, for people and for free-text arguments."""
        for number, quoted in enumerate(self.quoted):
            text = text.replace(chr(_HOLE + number), f'"{quoted}"')
        return text


def mask(goal: str) -> Masked:
    """Fold a goal's spelling and set its quoted texts aside. A quote that is never closed runs to the end."""
    clean = "".join(c if not 0xD800 <= ord(c) <= 0xF8FF else " " for c in goal[:MAX_GOAL])
    clean = unicodedata.normalize("NFC", clean).replace("’", "'").replace("\r\n", "\n").replace("\t", " ")
    quoted: list[str] = []

    def hole(match: re.Match[str]) -> str:
        inner = next(text for text in match.groups() if text is not None)
        quoted.append(re.sub(r"(?m)^> ?", "", inner).strip())
        return f" {chr(_HOLE + len(quoted) - 1)} "

    return Masked(_QUOTED.sub(hole, clean), tuple(quoted))


def hole_number(text: str) -> int:
    """Which quoted text a token stands for; -1 for a word."""
    return ord(text) - _HOLE if len(text) == 1 and _HOLE <= ord(text) <= 0xF8FF else -1


def hide(masked: Masked, start: int, end: int) -> Masked:
    """Set one more piece of the text aside as data."""
    inner = masked.shown(masked.text[start:end]).strip()
    middle = f" {chr(_HOLE + len(masked.quoted))} \n"
    return Masked(masked.text[:start] + middle + masked.text[end:], (*masked.quoted, inner))


def tokens(text: str) -> list[Token]:
    """The words of a text in order."""
    found = []
    for match in _TOKEN.finditer(text):
        word = match.group().rstrip("./-'")
        low = word.casefold()
        if word:
            found.append(Token(word, low, stem(low), match.start(), match.start() + len(word)))
    return found


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A word without its endings, so that "scoring", "scores" and "score" meet. Light: it never joins far words."""
    if word.endswith("'s"):
        word = word[:-2]
    word = IRREGULAR.get(word, word)
    if len(word) <= 3 or not word.isalpha():
        return word
    for ending, kept in (("isation", "iz"), ("ization", "iz"), ("ications", ""), ("ication", ""), ("ations", "at"),
                         ("ation", "at"), ("ements", ""), ("ement", ""), ("ments", ""), ("ment", ""), ("ising", "iz"),
                         ("ised", "iz"), ("ise", "iz"), ("ness", ""), ("ies", ""), ("ied", "")):  # fmt: skip
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)] + kept
            break
    else:
        word = _inflected(word)
    if word.endswith("e") and len(word) > 4:
        word = word[:-1]
    return word[:-1] if word.endswith("y") and len(word) > 4 else word


def _inflected(word: str) -> str:
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("ings"):
        return word[:-1]  # a thing, no deed: "bookings" are not "to book"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 5 and word.endswith("y") and word[-2] == word[-3]:
        return word[:-2]
    for ending in ("ing", "ed"):
        base = word[: -len(ending)]
        if word.endswith(ending) and len(base) >= 3 and any(v in base for v in "aeiouy"):
            doubled = len(base) > 3 and base[-1] == base[-2] and base[-1] not in "lsz"
            return base[:-1] if doubled else base + "e" if _SHORT.fullmatch(base) else base
    return word
