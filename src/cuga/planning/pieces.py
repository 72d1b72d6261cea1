"""Where a goal is cut: at the ends of sentences and at the words and signs that join requests, never inside a name."""

from __future__ import annotations

import re

from cuga.planning.mentions import Mention

_SPLIT = re.compile(
    r"(?P<end>[.!?;]+(?=\s|$)|\n+)|(?P<colon>:(?=\s|$))|[()]|\s[-–—]+\s|—|,(?!\d{3}\b)|\s\+\s"
    r"|\b(?P<word>and then|after that|then|and|plus|but|also|afterwards|otherwise|else|before|after"
    r"|without|except(?: for)?|apart from|other than|so)\b|\s&\s",
    re.I,
)
_ABBREVIATION = re.compile(r"(?:\b(?:vs|inc|co|corp|ltd|mr|ms|mrs|dr|approx|e\.g|i\.e|etc|nov|dec)|\b[A-Z])$", re.I)


def pieces(text: str, named: list[Mention]) -> list[tuple[str, int, int, int]]:
    """(lead, start, end, sentence) of each piece; names are never cut, nor are abbreviations taken for ends."""
    found, start, lead, sentence = [], 0, "", 0
    for match in _SPLIT.finditer(text):
        if any(m.start < match.end() and match.start() < m.end for m in named if m.kind != "number"):
            continue
        if (match["word"] or "").casefold() in ("before", "after") and any(
            m.start - match.end() in (1, 5) for m in named if m.kind in ("date", "period")
        ):
            continue  # "before 1 March" says when
        if (match["word"] or match.group().strip()).casefold() in ("and", "&", ",", "plus") and _lists(
            match, text, named
        ):
            continue
        if match["end"] and match["end"].startswith(".") and _ABBREVIATION.search(text[: match.start()]):
            continue
        found.append((lead, start, match.start(), sentence))
        start, lead = match.end(), (match["word"] or match["colon"] or match.group().strip() or ".").casefold()
        sentence += bool(match["end"])
    found.append((lead, start, len(text), sentence))
    return [piece for piece in found if text[piece[1] : piece[2]].strip()]


def _lists(match: re.Match[str], text: str, named: list[Mention]) -> bool:
    """Whether a sign or word stands between two records of one kind: "Orbit and Kestrel Tools" is one thing to do."""
    records = [m for m in named if m.kind in ("account", "opportunity", "contact", "product", "rep")]
    before = next((m for m in records if not text[m.end : match.start()].strip(" ,") and m.end <= match.start()), None)
    after = next((m for m in records if not text[match.end() : m.start].strip() and m.start >= match.end()), None)
    return before is not None and after is not None and before.kind == after.kind
