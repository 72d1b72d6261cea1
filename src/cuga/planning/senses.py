"""What a piece of a goal is about, in the concepts of selling: learned from examples, without a model to be loaded.

Naive Bayes over words, neighbouring words and pieces of words, counted once from `phrasings.txt`. A contract comes to
its concepts the same way, by its own name, keywords and purpose; so a goal and a tool meet that share no word.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

from cuga.planning.words import Token, tokens

NOTHING = "none"  # what nobody here does: flights, poems, greetings
SMOOTHING = 0.05  # what is added to every count
OF_PHRASES = 0.6  # what a word or turn of phrase counts beside a whole example
APART = 0.5  # two words with one between them, beside neighbours
PIECE, LETTERS, WHOLE = 0.3, 4, 5  # what a piece of a word counts, its letters, and those of the shortest word cut up
CLEARLY = 1.5  # in natural logarithms: about five times as often as on the whole
_SILENT = frozenset({"a", "an", "the", "please", "pls", "plz"})

Features = dict[str, float]


class Sense(NamedTuple):
    """How sure each concept is, between 0 and 1 and 1 in sum, and the words that say so for the surest one."""

    sure: dict[str, float]
    words: dict[str, float]

    @property
    def best(self) -> str:
        """The surest concept."""
        return max(self.sure, key=lambda concept: (self.sure[concept], concept)) if self.sure else NOTHING


class Senses:
    """Counts of features by concept, as the logarithm of how often each is met."""

    def __init__(self, examples: Iterable[tuple[str, str, float]]) -> None:
        counts: dict[str, Features] = {}
        for concept, text, weight in examples:
            mine = counts.setdefault(concept, {})
            for feature, times in features(tokens(text)).items():
                mine[feature] = mine.get(feature, 0.0) + weight * times
        self.concepts = tuple(sorted(counts))
        known = {feature for mine in counts.values() for feature in mine}
        totals = [sum(counts[concept].values()) + SMOOTHING * len(known) for concept in self.concepts]
        self._unmet = [math.log(SMOOTHING / total) for total in totals]  # of a feature that a concept never met
        self._mean = sum(self._unmet) / max(1, len(self._unmet))
        self._more: dict[str, dict[int, float]] = {}  # feature -> concept -> how much more than that
        for at, concept in enumerate(self.concepts):
            for feature, times in counts[concept].items():
                self._more.setdefault(feature, {})[at] = math.log(times / SMOOTHING + 1)

    def knows(self, stem: str) -> bool:
        """Whether any example has a word."""
        return stem in self._more

    def speaks_for(self, stem: str, concept: str) -> bool:
        """Whether a word is clearly more at home in a concept than elsewhere."""
        if stem not in self._more or concept not in self.concepts:
            return False
        return self._gain(stem, self.concepts.index(concept)) > CLEARLY

    def _gain(self, feature: str, at: int) -> float:
        """How much more often a concept meets a feature than concepts do on the whole, as a logarithm."""
        more = self._more[feature]
        return self._unmet[at] + more.get(at, 0.0) - self._mean - sum(more.values()) / len(self.concepts)

    def of(self, words: Sequence[Token], heat: float = 1.0, weight: dict[str, float] | None = None) -> Sense:
        """The sense of some words. `heat` above 1 spreads it, for texts of many words; `weight` scales some stems."""
        scale = weight or {}
        heard = [(feature, times) for feature, times in features(words, scale).items() if feature in self._more]
        if not heard:
            return Sense({}, {})
        times_in_all = sum(times for _, times in heard)
        sums = [times_in_all * log for log in self._unmet]
        for feature, times in heard:
            for at, more in self._more[feature].items():
                sums[at] += times * more
        top = max(sums)
        raised = [math.exp((one - top) / heat) for one in sums]
        whole = sum(raised)
        best = sums.index(top)
        return Sense(
            {concept: one / whole for concept, one in zip(self.concepts, raised, strict=True) if one > whole / 100},
            self._reasons(heard, best, words),
        )

    def _reasons(self, heard: list[tuple[str, float]], best: int, words: Sequence[Token]) -> dict[str, float]:
        """Which stems speak for a concept more than for the others on the whole, with their share."""
        told: dict[str, float] = {}
        for feature, times in heard:
            if feature[0] == "#":
                continue
            gain = times * self._gain(feature, best)
            parts = feature.replace(" _ ", " ").split(" ")
            for part in parts:
                told[part] = told.get(part, 0.0) + gain / len(parts)
        kept = {word.stem: told[word.stem] for word in words if told.get(word.stem, 0.0) > 0}
        whole = sum(kept.values()) or 1.0
        return {stem: gain / whole for stem, gain in kept.items() if gain / whole >= 0.08}


def features(words: Sequence[Token], weight: dict[str, float] | None = None) -> Features:
    """What is counted of some words."""
    scale = weight or {}
    said = [word.stem for word in words if word.low not in _SILENT]
    found: Features = {}

    def count(feature: str, times: float) -> None:
        found[feature] = found.get(feature, 0.0) + times

    for word in said:
        count(word, scale.get(word, 1.0))
    for first, second in pairwise(said):
        count(f"{first} {second}", min(scale.get(first, 1.0), scale.get(second, 1.0)))
    for first, second in zip(said, said[2:], strict=False):
        count(f"{first} _ {second}", APART * min(scale.get(first, 1.0), scale.get(second, 1.0)))
    for word in dict.fromkeys(said):
        if len(word) >= WHOLE:
            for at in range(len(word) - LETTERS + 1):
                count(f"#{word[at : at + LETTERS]}", PIECE * scale.get(word, 1.0))
    return found


@cache
def senses() -> Senses:
    """The senses learned from the phrasings of this house."""
    return Senses(_examples(files("cuga.planning").joinpath("phrasings.txt").read_text("utf-8")))


@cache
def spellings() -> frozenset[str]:
    """Every word of the phrasings, as it is written."""
    return frozenset(
        token.low
        for _, text, _ in _examples(files("cuga.planning").joinpath("phrasings.txt").read_text("utf-8"))
        for token in tokens(text)
    )


def _examples(text: str) -> Iterator[tuple[str, str, float]]:
    """(concept, what is said, what it counts) of a file of phrasings."""
    concept, listed = "", ""
    for line in [*text.splitlines(), "="]:
        if line.startswith("~ "):
            listed += line[1:]
            continue
        for phrase in filter(None, (part.strip() for part in listed.split(","))):
            yield concept, phrase, OF_PHRASES
        listed = ""
        if line.startswith("="):
            concept = line[1:].strip()
        elif line and not line.startswith("#"):
            yield concept, line, 1.0
