"""Counts with their uncertainty: intervals of shares, tests of differences, and the price of looking at many things.

Sources: Wilson 1927 (score interval), Fisher 1934 (exact test), Benjamini and Hochberg 1995 (false discovery rate).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

Z95 = NormalDist().inv_cdf(0.975)


def wilson(yes: int, of: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share, as fractions; (0, 1) when nothing was counted."""
    if of <= 0:
        return 0.0, 1.0
    share, spread = yes / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    # at the ends the formula is exact but for the last bit
    return (0.0 if yes <= 0 else middle - half), (1.0 if yes >= of else middle + half)


def fisher(yes: int, of: int, other_yes: int, other_of: int) -> float:
    """Two-sided chance of a difference at least as unlikely as the one seen, if both shares were one and the same."""
    if min(of, other_of) <= 0:
        return 1.0
    hits, whole = yes + other_yes, of + other_of

    def log_choose(n: int, k: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    base = log_choose(whole, hits)

    def chance(k: int) -> float:
        return math.exp(log_choose(of, k) + log_choose(other_of, hits - k) - base)

    seen = chance(yes) * (1 + 1e-7)
    span = range(max(0, hits - other_of), min(of, hits) + 1)
    return min(1.0, math.fsum(one for k in span if (one := chance(k)) <= seen))


def adjusted(chances: Sequence[float]) -> list[float]:
    """Each p-value corrected for all of them together: at 0.05 at most one finding in twenty is a false one."""
    order = sorted(range(len(chances)), key=lambda at: chances[at])
    found, least = [1.0] * len(chances), 1.0
    for rank in range(len(order), 0, -1):
        at = order[rank - 1]
        least = min(least, chances[at] * len(order) / rank)
        found[at] = least
    return found


def shrunk(yes: int, of: int, mean: float, strength: float) -> float:
    """A share pulled towards the mean as if `strength` more cases of the mean's share had been seen."""
    return (yes + strength * mean) / (of + strength) if of + strength > 0 else mean


def strength_of(groups: Sequence[tuple[int, int]]) -> float:
    """How many cases the groups' common mean is worth, by the method of moments; infinite when they do not differ by
    more than chance does. `groups` are (yes, of)."""
    whole = sum(of for _, of in groups)
    hits = sum(yes for yes, _ in groups)
    if whole == 0 or len(groups) < 2 or hits in (0, whole):
        return math.inf
    mean = hits / whole
    seen = sum(of * (yes / of - mean) ** 2 for yes, of in groups if of) / mean / (1 - mean)
    mean_size = whole - sum(of * of for _, of in groups) / whole
    between = (seen - (len(groups) - 1)) / mean_size if mean_size else 0.0
    return (1 - between) / between if between > 0 else math.inf


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies, drawn straight between neighbours."""
    ranked = sorted(values)
    place = share * (len(ranked) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)
