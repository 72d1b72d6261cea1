"""How good predictions are: ranking (AUC), chances (Brier), the gain at the top, and predicted beside actual.

Sources: Hanley and McNeil 1982 (AUC and its standard error), Brier 1950.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from cuga.packs.sales.statistics.intervals import Z95, wilson


class Bin(NamedTuple):
    """Cases of like predictions: mean predicted chance, how many, how many came true, and the interval of that."""

    predicted: float
    of: int
    yes: int
    low: float
    high: float


def auc(scores: Sequence[float], outcomes: Sequence[bool]) -> float:
    """Chance that a success scores above a failure, ties counted half; 0.5 when one of them is missing."""
    ranked = sorted(zip(scores, outcomes, strict=True), key=lambda one: one[0])
    hits = sum(outcomes)
    misses = len(ranked) - hits
    if not hits or not misses:
        return 0.5
    below = pairs = at = 0
    while at < len(ranked):
        end, yes = at, 0
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            yes += ranked[end][1]
            end += 1
        no = end - at - yes
        pairs += yes * (2 * below + no)
        below, at = below + no, end
    return pairs / (2 * hits * misses)


def auc_interval(value: float, hits: int, misses: int, z: float = Z95) -> tuple[float, float]:
    """The interval of an AUC from so many successes and failures."""
    if hits < 1 or misses < 1:
        return 0.0, 1.0
    one, two = value / (2 - value), 2 * value * value / (1 + value)
    spread = value * (1 - value) + (hits - 1) * (one - value**2) + (misses - 1) * (two - value**2)
    half = z * math.sqrt(max(spread, 0.0) / (hits * misses))
    return max(0.0, value - half), min(1.0, value + half)


def brier(chances: Sequence[float], outcomes: Sequence[bool]) -> float:
    """Mean squared distance of chances from what happened; 0 is perfect."""
    return math.fsum((p - o) ** 2 for p, o in zip(chances, outcomes, strict=True)) / len(chances) if chances else 0.0


def lift(scores: Sequence[float], outcomes: Sequence[bool], share: float = 0.1) -> float:
    """How many times the base rate the top share holds; cases that tie at its edge count in proportion."""
    hits, whole = sum(outcomes), len(scores)
    if not hits:
        return 0.0
    wanted = max(1.0, share * whole)
    edge = sorted(scores, reverse=True)[math.ceil(wanted) - 1]
    above = [o for s, o in zip(scores, outcomes, strict=True) if s > edge]
    level = [o for s, o in zip(scores, outcomes, strict=True) if s == edge]
    caught = sum(above) + (wanted - len(above)) * sum(level) / len(level)
    return caught / wanted / (hits / whole)


def reliability(chances: Sequence[float], outcomes: Sequence[bool], bins: int = 5) -> list[Bin]:
    """Predicted beside actual in groups of about equal size; equal chances stay in one group."""
    ranked = sorted(zip(chances, outcomes, strict=True), key=lambda one: one[0])
    found: list[Bin] = []
    at, size = 0, len(ranked) / bins
    while at < len(ranked):
        end = min(len(ranked), max(at + 1, round(size * (len(found) + 1))))
        while end < len(ranked) and ranked[end][0] == ranked[end - 1][0]:
            end += 1
        part = ranked[at:end]
        yes = sum(o for _, o in part)
        low, high = wilson(yes, len(part))
        found.append(Bin(math.fsum(p for p, _ in part) / len(part), len(part), yes, low, high))
        at = end
    return found
