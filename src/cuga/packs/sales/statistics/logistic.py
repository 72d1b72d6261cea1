"""Logistic regression on yes/no factors: which few of many tell something (lasso), and how much each weighs (ridge).

Rows with the same answers are counted together, so the work grows with the number of different rows. Deterministic:
coordinate descent and Newton steps from zero, factors in their given order.
Sources: Tibshirani 1996 (lasso), Hoerl and Kennard 1970 (ridge), Friedman, Hastie and Tibshirani 2010 (the path).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STEPS = 40  # of the path, each with nine tenths of the penalty before; the last lets nearly everything in
_NEAR = 1e-6


@dataclass(frozen=True, slots=True)
class Cases:
    """Rows of equal answers: bit k of `bits[i]` is set where factor k holds; `of` rows, `yes` of them with success."""

    bits: tuple[int, ...]
    of: tuple[int, ...]
    yes: tuple[int, ...]

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[int, bool]]) -> Cases:
        """Counted together, in order of their bits."""
        counted: dict[int, list[int]] = {}
        for bits, outcome in rows:
            both = counted.setdefault(bits, [0, 0])
            both[0] += 1
            both[1] += outcome
        ranked = sorted(counted.items())
        return cls(tuple(b for b, _ in ranked), tuple(c[0] for _, c in ranked), tuple(c[1] for _, c in ranked))

    def only(self, factors: Sequence[int]) -> Cases:
        """The same rows seen through some factors alone, numbered anew in the order given."""
        counted: dict[int, list[int]] = {}
        mask = sum(1 << factor for factor in factors)
        for bits, of, yes in zip(self.bits, self.of, self.yes, strict=True):
            both = counted.setdefault(bits & mask, [0, 0])
            both[0] += of
            both[1] += yes
        made = [(sum(1 << to for to, f in enumerate(factors) if bits >> f & 1), *c) for bits, c in counted.items()]
        made.sort()
        return Cases(tuple(m[0] for m in made), tuple(m[1] for m in made), tuple(m[2] for m in made))


def chance(score: float) -> float:
    """The logistic function, safe at both ends."""
    if score >= 0:
        return 1 / (1 + math.exp(-score))
    low = math.exp(score)
    return low / (1 + low)


def ridge(cases: Cases, width: int, penalty: float = 1.0) -> tuple[float, list[float]]:
    """The constant and a weight for each of the first `width` factors; the constant is not held back."""
    weights = [0.0] * (width + 1)  # the constant comes last
    columns = [[at for at in range(width) if bits >> at & 1] + [width] for bits in cases.bits]
    for _ in range(50):
        slope = [-penalty * w for w in weights[:width]] + [0.0]
        curve = [[penalty * (a == b) for b in range(width + 1)] for a in range(width + 1)]
        curve[width][width] = 1e-9
        for held, of, yes in zip(columns, cases.of, cases.yes, strict=True):
            p = chance(math.fsum(weights[at] for at in held))
            left, weight = yes - of * p, of * p * (1 - p)
            for a in held:
                slope[a] += left
                row = curve[a]
                for b in held:
                    row[b] += weight
        step = solved(curve, slope)
        longest = max(map(abs, step), default=0.0)
        scale = min(1.0, 4.0 / longest) if longest else 1.0  # a leap of more than four on the log scale is no step
        weights = [w + scale * s for w, s in zip(weights, step, strict=True)]
        if longest < 1e-8:
            break
    return weights[width], weights[:width]


def solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """The solution of a symmetric positive definite system (Cholesky)."""
    size = len(right)
    low = [[0.0] * size for _ in range(size)]
    for a in range(size):
        for b in range(a + 1):
            left = matrix[a][b] - math.fsum(low[a][k] * low[b][k] for k in range(b))
            low[a][b] = math.sqrt(max(left, 1e-12)) if a == b else left / low[b][b]
    half = [0.0] * size
    for a in range(size):
        half[a] = (right[a] - math.fsum(low[a][k] * half[k] for k in range(a))) / low[a][a]
    found = [0.0] * size
    for a in reversed(range(size)):
        found[a] = (half[a] - math.fsum(low[k][a] * found[k] for k in range(a + 1, size))) / low[a][a]
    return found


def chosen(cases: Cases, width: int, most: int) -> list[int]:
    """At most `most` factors, those that the lasso lets in first as its penalty falls; in their own order."""
    whole, hits = sum(cases.of), sum(cases.yes)
    if hits in (0, whole) or not width:
        return []
    holding = [[at for at, bits in enumerate(cases.bits) if bits >> factor & 1] for factor in range(width)]
    constant = math.log(hits / (whole - hits))
    weights: dict[int, float] = {}
    # on a common scale: a factor that seldom holds is not held back for that
    shares = [sum(cases.of[at] for at in rows) / whole for rows in holding]
    scales = [math.sqrt(max(share * (1 - share), 1e-9)) for share in shares]
    slopes = _slopes(cases, holding, constant, weights)
    penalty = max(abs(slope) / scale for slope, scale in zip(slopes, scales, strict=True))
    best: list[int] = []
    for _ in range(STEPS):
        penalty *= 0.9
        while True:
            outside = [
                f for f in range(width) if f not in weights and abs(slopes[f]) > penalty * scales[f] * (1 + 1e-3)
            ]
            if len(weights) > 3 * most:
                return best
            weights |= dict.fromkeys(sorted(outside, key=lambda f: (-abs(slopes[f]) / scales[f], f))[:5], 0.0)
            constant = _descend(cases, weights, constant, {f: penalty * scales[f] for f in weights})
            slopes = _slopes(cases, holding, constant, weights)
            if not outside:
                break
        held = sorted(f for f, w in weights.items() if w)
        if len(held) > most:
            return best
        best = held
        weights = {f: weights[f] for f in held}
        if penalty < 1.0:
            break
    return best


def _slopes(cases: Cases, holding: list[list[int]], constant: float, weights: dict[int, float]) -> list[float]:
    """What one more unit of each factor would gain at these weights."""
    mask = sum(1 << factor for factor in weights)
    chances: dict[int, float] = {}
    left = []
    for bits, of, yes in zip(cases.bits, cases.of, cases.yes, strict=True):
        seen = bits & mask
        if (p := chances.get(seen)) is None:
            p = chances[seen] = chance(constant + sum(w for f, w in weights.items() if seen >> f & 1))
        left.append(yes - of * p)
    return [sum([left[at] for at in rows]) for rows in holding]


def _descend(cases: Cases, weights: dict[int, float], constant: float, penalties: dict[int, float]) -> float:
    """Bring the weights to their best under the penalties, in place; the constant is given back."""
    factors = list(weights)
    seen = cases.only(factors)
    holding = [[at for at, bits in enumerate(seen.bits) if bits >> k & 1] for k in range(len(factors))]
    for _ in range(25):
        start = constant, dict(weights)
        scores = [constant + sum(weights[f] for k, f in enumerate(factors) if bits >> k & 1) for bits in seen.bits]
        chances = [chance(score) for score in scores]
        curve = [max(of * p * (1 - p), 1e-9) for of, p in zip(seen.of, chances, strict=True)]
        left = [yes - of * p for yes, of, p in zip(seen.yes, seen.of, chances, strict=True)]
        sums = [sum([curve[at] for at in rows]) or 1e-9 for rows in holding]
        total = sum(curve)
        for _ in range(100):
            longest = abs(step := sum(left) / total)
            constant += step
            left = [one - step * weight for one, weight in zip(left, curve, strict=True)]
            for k, factor in enumerate(factors):
                old = weights[factor]
                pull = sum([left[at] for at in holding[k]]) + sums[k] * old
                new = math.copysign(max(abs(pull) - penalties[factor], 0.0), pull) / sums[k]
                if step := new - old:
                    weights[factor] = new
                    for at in holding[k]:
                        left[at] -= step * curve[at]
                    longest = max(longest, abs(step))
            if longest < 1e-5:
                break
        moved = max([abs(weights[f] - start[1][f]) for f in factors] + [abs(constant - start[0])])
        if moved < 1e-4:
            break
    return constant
