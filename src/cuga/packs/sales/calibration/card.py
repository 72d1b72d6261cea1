"""A points card: at most ten yes/no questions, each worth whole points, and the chance that a total stood for.

A question on a value that is not known is not answered with no: it gives nothing and is counted as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from cuga.errors import BadInput
from cuga.packs.sales.importing.values import is_unknown
from cuga.packs.sales.result import Result
from cuga.packs.sales.statistics.logistic import chance

Scalar = str | int | float | bool | None
MOST_FACTORS = 10
MOST_POINTS = 10  # the heaviest factor's points, up or down


class CardFactor(Result, frozen=True, kw_only=True):
    """One question. `at_least` compares numbers, `is` texts without case, `unknown` asks whether nothing is known.

    `points` may be negative.
    """

    field: str
    test: Literal["is", "at_least", "unknown"]
    value: str = ""
    points: int

    @property
    def words(self) -> str:
        """The question as a person reads it."""
        if self.test == "unknown":
            return f"{self.field} is not known"
        return f"{self.field} {'is' if self.test == 'is' else 'at least'} {self.value}"


class PointsCard(Result, frozen=True, kw_only=True):
    """The factors, and how a total turns into a chance: logistic of `constant` + `slope` x total."""

    factors: tuple[CardFactor, ...]
    constant: float
    slope: float
    learned_from: str = ""
    rules: str = "card-1"

    def total(self, fields: Mapping[str, Scalar]) -> int:
        """The points of a record; questions that cannot be answered give none."""
        return sum(factor.points for factor in self.factors if holds(factor, fields.get(factor.field)))

    def chance(self, total: int) -> float:
        """The chance that cases with this total stood for where the card was learned."""
        return chance(self.constant + self.slope * total)

    def checked(self) -> PointsCard:
        """The card itself, or `BadInput` when it cannot be used."""
        if not self.factors or len(self.factors) > MOST_FACTORS:
            raise BadInput(f"a card has 1 to {MOST_FACTORS} factors", mend="hand in what calibrate_icp gave")
        for factor in self.factors:
            if factor.test == "at_least" and number_of(factor.value) is None:
                raise BadInput(f"{factor.value!r} is no number", mend=f"give {factor.field} a limit as a number")
        return self


def plain(value: Scalar) -> str:
    """A value as text, the empty text when nothing is known."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value).strip()
    return "" if is_unknown(text) else text


def number_of(value: Scalar) -> float | None:
    """A value as a finite number; None when it is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if abs(found) < 1e300 else None


def holds(factor: CardFactor, value: Scalar) -> bool | None:
    """The answer to a question; None when it cannot be given."""
    text = plain(value)
    if factor.test == "unknown":
        return not text
    if not text:
        return None
    if factor.test == "is":
        return text.casefold() == factor.value.casefold()
    number, limit = number_of(text), number_of(factor.value)
    return None if number is None or limit is None else number >= limit
