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
        known = sorted({feature for mine in counts.values() for feature in mine})
        sums = [sum(counts[concept].values()) + SMOOTHING * len(known) for concept in self.concepts]
        self._logs = {
            feature: tuple(
                math.log((counts[concept].get(feature, 0.0) + SMOOTHING) / total)
                for concept, total in zip(self.concepts, sums, strict=True)
            )
            for feature in known
        }

    def knows(self, stem: str) -> bool:
        """Whether any example has a word."""
        return stem in self._logs

    def speaks_for(self, stem: str, concept: str) -> bool:
        """Whether a word is clearly more at home in a concept than elsewhere."""
        logs = self._logs.get(stem)
        if logs is None or concept not in self.concepts:
            return False
        return logs[self.concepts.index(concept)] - sum(logs) / len(logs) > CLEARLY

    def of(self, words: Sequence[Token], heat: float = 1.0, weight: dict[str, float] | None = None) -> Sense:
        """The sense of some words. `heat` above 1 spreads it, for texts of many words; `weight` scales some stems."""
        scale = weight or {}
        sums = [0.0] * len(self.concepts)
        heard: list[tuple[str, float]] = []
        for feature, times in features(words, scale).items():
            logs = self._logs.get(feature)
            if logs is not None:
                heard.append((feature, times))
                for at, log in enumerate(logs):
                    sums[at] += times * log
        if not heard:
            return Sense({}, {})
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
            logs = self._logs[feature]
            gain = times * (logs[best] - sum(logs) / len(logs))
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
