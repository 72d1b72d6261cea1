"""Learning a card from earlier cases and judging it on later ones.

Later cases are never seen while learning: neither their outcomes nor the limits that are asked. Factors are chosen by
the lasso, weighed by ridge regression and rounded to whole points, the heaviest ten.
"""

from __future__ import annotations

from collections.abc import Sequence

from cuga.packs.sales.calibration.card import MOST_FACTORS, MOST_POINTS, CardFactor, PointsCard
from cuga.packs.sales.calibration.columns import Columns, Row, answered
from cuga.packs.sales.result import Result
from cuga.packs.sales.statistics import measures
from cuga.packs.sales.statistics.logistic import Cases, chance, chosen, ridge, solved


class Group(Result, frozen=True, kw_only=True):
    """Later cases of like points: predicted and actual share of success in percent, with the interval of the actual."""

    cases: int
    predicted: float
    actual: float
    low: float
    high: float


class Judged(Result, frozen=True, kw_only=True):
    """How a card learned on the earlier cases did on the later ones. Brier: smaller is better."""

    learned_on: int
    judged_on: int
    base_rate_earlier: float
    base_rate_later: float
    auc: float
    auc_low: float
    auc_high: float
    brier: float
    brier_constant: float  # of giving every later case the earlier base rate
    lift_top_tenth: float
    table: tuple[Group, ...]
    is_better: bool  # ranks better than chance does (95 %), and its chances beat the constant


def learn(rows: Sequence[Row], outcomes: Sequence[bool], names: Sequence[str]) -> tuple[PointsCard | None, Columns]:
    """A card from these cases; None when no factor is worth a point."""
    columns = Columns(rows, outcomes, names)
    seen = [columns.read(row) for row in rows]
    columns.keep_lasting(seen, outcomes)
    asked = columns.factors
    cases = Cases.of_rows(zip(answered(asked, seen), outcomes, strict=True))
    held = chosen(cases, len(asked), MOST_FACTORS)
    if not held:
        return None, columns
    few = cases.only(held)
    _, weights = ridge(few, len(held))
    heaviest = max(map(abs, weights))
    points = [round(MOST_POINTS * weight / heaviest) for weight in weights] if heaviest else []
    factors = [
        CardFactor(field=asked[at].field, test=asked[at].test, value=asked[at].value, points=p)
        for at, p in zip(held, points, strict=False)
        if p
    ]
    if not factors:
        return None, columns
    draft = PointsCard(factors=tuple(factors), constant=0.0, slope=0.0)
    totals = totals_of(draft, seen)
    constant, slope = line(totals, outcomes)
    if slope <= 0:
        return None, columns
    return (
        PointsCard(factors=tuple(factors), constant=round(constant, 4), slope=round(slope, 4)),
        columns,
    )


def line(totals: Sequence[int], outcomes: Sequence[bool]) -> tuple[float, float]:
    """Constant and slope of the logistic line through totals, each total one factor of its own weight."""
    constant = slope = 0.0
    counted: dict[int, list[int]] = {}
    for total, outcome in zip(totals, outcomes, strict=True):
        both = counted.setdefault(total, [0, 0])
        both[0] += 1
        both[1] += outcome
    for _ in range(50):
        slopes, curve = [0.0, -1e-3 * slope], [[1e-9, 0.0], [0.0, 1e-3]]
        for total, (of, yes) in counted.items():
            p = chance(constant + slope * total)
            left, weight = yes - of * p, of * p * (1 - p)
            slopes = [slopes[0] + left, slopes[1] + left * total]
            curve[0][0] += weight
            curve[0][1] += weight * total
            curve[1][1] += weight * total * total
        curve[1][0] = curve[0][1]
        step = solved(curve, slopes)
        longest = max(map(abs, step))
        scale = min(1.0, 2.0 / longest) if longest else 1.0
        constant, slope = constant + scale * step[0], slope + scale * step[1]
        if longest < 1e-9:
            break
    return constant, slope


def judge(rows: Sequence[Row], outcomes: Sequence[bool], names: Sequence[str], split: int) -> Judged:
    """Learn on the cases before `split`, judge on those from there on. Cases are in order of time."""
    return judged(rows[:split], outcomes[:split], rows[split:], outcomes[split:], names)


def judged(
    before: Sequence[Row],
    known: Sequence[bool],
    after: Sequence[Row],
    actual: Sequence[bool],
    names: Sequence[str],
) -> Judged:
    """The same on cases that are parted already."""
    card, columns = learn(before, known, names)
    base = sum(known) / len(known)
    if card is None:
        chances, totals = [base] * len(after), [0] * len(after)
    else:
        totals = totals_of(card, [columns.read(row) for row in after])
        chances = [card.chance(total) for total in totals]
    found = measures.auc([float(total) for total in totals], actual)
    hits = sum(actual)
    low, high = measures.auc_interval(found, hits, len(actual) - hits)
    score, constant = measures.brier(chances, actual), measures.brier([base] * len(actual), actual)
    return Judged(
        learned_on=len(before),
        judged_on=len(after),
        base_rate_earlier=percent(base),
        base_rate_later=percent(hits / len(actual)),
        auc=round(found, 3),
        auc_low=round(low, 3),
        auc_high=round(high, 3),
        brier=round(score, 4),
        brier_constant=round(constant, 4),
        lift_top_tenth=round(measures.lift([float(total) for total in totals], actual), 2),
        table=tuple(
            Group(
                cases=part.of,
                predicted=percent(part.predicted),
                actual=percent(part.yes / part.of),
                low=percent(part.low),
                high=percent(part.high),
            )
            for part in measures.reliability(chances, actual)
        ),
        is_better=card is not None and low > 0.5 and score < constant,
    )


def totals_of(card: PointsCard, rows: Sequence[Row]) -> list[int]:
    """The points of many cases."""
    points = [factor.points for factor in card.factors]
    known: dict[int, int] = {}
    for bits in (found := answered(card.factors, rows)):
        if bits not in known:
            known[bits] = sum(p for at, p in enumerate(points) if bits >> at & 1)
    return [known[bits] for bits in found]


def percent(share: float) -> float:
    """A share in percent with one decimal."""
    return round(100 * share, 1)
