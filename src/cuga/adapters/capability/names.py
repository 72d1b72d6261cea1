"""Which record a written name means.

Exact and respelled names are found; a near name is found only when nothing else comes close, and the answer says that
it was near. Between close candidates it never picks: it lists them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from cuga.model.value import Value

SURE = 86  # token_sort_ratio from which one name alone is taken to be meant (measured: "Betasoloin"/"Betasolin" 95)
CLOSE = 62  # from here on a name is offered as a candidate (unrelated company names lie around 45)
APART = 7  # how far the second must stay behind
_LEGAL = re.compile(
    r"\b(inc|incorporated|corp|corporation|co|company|ltd|limited|llc|plc|gmbh|ag|sa|sas|spa|srl|bv|nv|oy|ab|as|kg"
    r"|group|holding)\b"
)


class Named(Value, frozen=True, kw_only=True):
    """A candidate: `score` 0..100, `how` one of id, exact, respelled, near."""

    id: str
    name: str
    score: int
    how: str


class Lookup(Value, frozen=True, kw_only=True):
    """What a name may mean. `found` is set only when there is no doubt worth a question."""

    asked: str
    found: Named | None = None
    candidates: tuple[Named, ...] = ()


def squeeze(text: str) -> str:
    """Letters and digits only, case and accents folded: "GTX Pro" and "gtxpro" are the same."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def without_legal_form(text: str) -> str:
    """A company's name without "Inc.", "GmbH" and the like; the name itself when nothing else would be left."""
    words = re.sub(r"[^\w\s&-]", " ", text.casefold())
    return " ".join(_LEGAL.sub(" ", words).split()) or text.casefold()


class Index:
    """The (id, name) pairs of a kind, arranged so that asking for many names costs little more than reading them."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self._pairs = sorted({(record, name) for record, name in names})
        self._by: tuple[dict[str, list[tuple[str, str]]], ...] = ({}, {}, {}, {})
        for pair in self._pairs:
            for at, keys in enumerate(_spellings(*pair)):
                for key in keys:
                    self._by[at].setdefault(key, []).append(pair)

    def lookup(self, asked: str) -> Lookup:
        """What a name means. Same input, same answer: ties are kept as candidates."""
        wanted = asked.strip()
        if not wanted:
            return Lookup(asked=asked)
        keys = (wanted, wanted.casefold(), squeeze(wanted), without_legal_form(wanted))
        for how, same, key in zip(("id", "exact", "respelled", "respelled"), self._by, keys, strict=True):
            if hits := tuple(Named(id=record, name=name, score=100, how=how) for record, name in same.get(key, ())):
                return Lookup(asked=asked, found=hits[0] if len(hits) == 1 else None, candidates=hits[:8])
        return _near(asked, self._pairs)


def lookup(asked: str, names: Iterable[tuple[str, str]]) -> Lookup:
    """Find what a name means among (id, name) pairs; who asks for many names keeps an `Index`."""
    return Index(names).lookup(asked)


def _spellings(record: str, name: str) -> tuple[set[str], ...]:
    named = {squeeze(name)} if name else set()
    return {record}, {name.casefold(), record.casefold()}, named, {without_legal_form(name)} if name else set()


def _near(asked: str, pairs: list[tuple[str, str]]) -> Lookup:
    from rapidfuzz import fuzz, process, utils

    choices = [name for _, name in pairs]
    hits = process.extract(
        asked, choices, scorer=fuzz.token_sort_ratio, processor=utils.default_process, limit=8, score_cutoff=CLOSE
    )
    ranked = sorted(
        (Named(id=pairs[at][0], name=name, score=round(score), how="near") for name, score, at in hits),
        key=lambda hit: (-hit.score, hit.name, hit.id),
    )
    best = ranked[0] if ranked else None
    alone = best is not None and (len(ranked) == 1 or best.score - ranked[1].score >= APART)
    return Lookup(
        asked=asked, found=best if best and alone and best.score >= SURE else None, candidates=tuple(ranked[:5])
    )
