"""What a text says that stands in no record: numbers, names, promises, and ways to be reached.

It compares words and believes nothing. What it lists may well be true; it is for a person to know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

MOST = 20  # that are listed; a reader of so many is warned anyway
_MAIL = re.compile(r"[^\s@<>,;:()]+@[\w-]+(?:\.[\w-]+)*")
_LINK = re.compile(r"(?:https?://|www\.)\S+|\b[\w-]{2,}(?:\.[\w-]{2,})*\.[a-z]{2,12}\b(?:/\S*)?", re.I)
_PHONE = re.compile(r"(?<!\w)\+?\d[\d ()/-]{7,18}\d(?!\w)")
_NUMBER = re.compile(r"(?<![\w.,])[$€£]?\d+(?:[.,:]\d+)*(?:\s?(?:%|percent\b|[kKmM]\b|x\b|million\b|billion\b))?")
_NAME = re.compile(r"\b[A-Z][\w&'’-]*(?: (?:of |& )?[A-Z][\w&'’-]*)*")
_PROMISE = re.compile(
    r"\b(?:guarante\w+|discount\w*|for free|free of charge|refund\w*|certified|award\w*|proven|market[ -]leader\w*"
    r"|number one|double[sd]?|halve[sd]?|save[sd]? you|as (?:agreed|promised|discussed)|our (?:last|recent) call)\b",
    re.I,
)  # fmt: skip
_STARTS = re.compile(r"(?:\A|[.!?:…]['\"”’)]*\s+|\n\s*|[“\"(]\s*)\Z")


_OPENERS = (  # words that open a sentence and are no part of a name
    " a an and as at but by can could dear do does for from hello hi how i if in is it many may more most my no not "
    "now of on one or our please should since so some that the their then there these they this those to today we "
    "what when where which while who why will with would you your "
)


class Claim(NamedTuple):
    """Something that is said and stands nowhere. `reaches`: it is a link, an address or a telephone number."""

    kind: str
    text: str

    @property
    def reaches(self) -> bool:
        """Whether somebody could be led away by it."""
        return self.kind in ("address", "link", "phone")


def unproven(text: str, known: Iterable[str]) -> tuple[Claim, ...]:
    """What a text says that stands in none of the texts that are known, in the order in which it says it."""
    stands = " ".join(" ".join(one.casefold().split()) for one in known)
    found: list[tuple[int, Claim]] = []
    taken: list[tuple[int, int]] = []
    for kind, pattern in (
        ("address", _MAIL), ("link", _LINK), ("phone", _PHONE), ("number", _NUMBER), ("promise", _PROMISE),
        ("name", _NAME),
    ):  # fmt: skip
        for hit in pattern.finditer(text):
            if any(hit.start() < end and hit.end() > start for start, end in taken):
                continue
            said = _without_first(text, hit) if kind == "name" else hit[0].rstrip(".,;:!?)")
            if not said:
                continue
            taken.append(hit.span())
            if not _stands_in(said, stands):
                found.append((hit.start(), Claim(kind, said)))
    ordered = [claim for _, claim in sorted(found, key=lambda one: one[0])]
    return tuple(dict.fromkeys(ordered))[:MOST]


def _without_first(text: str, hit: re.Match[str]) -> str:
    """A name without a word that is only written large because a sentence begins with it; it may leave nothing."""
    words = hit[0].split()
    if _STARTS.search(text, 0, hit.start()) and (len(words) == 1 or f" {words[0].casefold()} " in _OPENERS):
        words = words[1:]
    words = [word for word in words if word not in ("I", "I’m", "I'm", "I'd", "I’d", "I’ll", "I'll")]
    return " ".join(words)


def _stands_in(said: str, stands: str) -> bool:
    low = " ".join(said.casefold().removesuffix("’s").removesuffix("'s").split())
    return re.search(rf"(?<!\w){re.escape(low)}(?!\w)", stands) is not None
