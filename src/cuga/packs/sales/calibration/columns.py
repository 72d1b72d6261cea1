"""The columns of a table of cases: what they hold, which of them could not be known in time, and what to ask of them.

A column that tells the outcome after the fact makes every figure look good and no forecast better: it is left out and
named.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from cuga.packs.sales.calibration.card import CardFactor, Scalar, holds, number_of, plain
from cuga.packs.sales.result import Result
from cuga.packs.sales.statistics.intervals import quantile
from cuga.packs.sales.statistics.measures import auc

Row = Mapping[str, Scalar]
TELLS_ALL = 0.95  # AUC of a single column from which it is taken for the outcome in other words
STRETCHES = 4
LEAST_IN_STRETCH = 8
WINDOWS = 40
TELLS_TIME = 0.3
RETURNED, SEEN_ONCE = "returned", "it tells the time, and has not come back"
_CUTS = 8
_LEAST_ROWS, _LEAST_SHARE = 20, 0.005
_MOST_VALUES = 40
# known only once the deal or the call is over, or while it runs
_LATE_WORDS = {
    "duration", "closed", "close", "closes", "closing", "won", "lost", "loss", "win", "outcome", "result", "reason",
    "status", "stage", "probability", "forecast", "disposition", "converted", "signed", "invoice", "invoiced",
    "paid", "cycle", "amount", "revenue_booked", "contract", "churn", "churned", "next",
}  # fmt: skip
_EARLIER = {"previous", "prev", "prior", "last", "past", "earlier", "p", "before"}


class Left(Result, frozen=True, kw_only=True):
    """A column that was not used, and why."""

    field: str
    why: str


class Columns:
    """The usable columns of training cases and the questions that can be asked of them."""

    def __init__(self, rows: Sequence[Row], outcomes: Sequence[bool], names: Iterable[str]) -> None:
        self.left: list[Left] = []
        self.notes: list[str] = []
        self.sentinels: dict[str, str] = {}
        self.factors: list[CardFactor] = []
        for name in names:
            self._take(name, [plain(row.get(name)) for row in rows], outcomes)

    def read(self, row: Row) -> Row:
        """A case as the questions see it: a number that stands for "never" is not known."""
        never: dict[str, Scalar] = {f: None for f, v in self.sentinels.items() if plain(row.get(f)) == v}
        return {**row, **never} if never else row

    def keep_lasting(self, rows: Sequence[Row], outcomes: Sequence[bool]) -> None:
        """Keep the questions that promise to tell the same tomorrow. Cases are in order of time.

        Left out: what turned round between stretches of the past; numbers that only tell the time (the state of the
        market leaves every range it was seen in); words that only tell the time (a month) where others of their column
        have come back and they have not.
        """
        judged: list[tuple[CardFactor, str]] = []
        bits = answered(self.factors, rows)
        for at, factor in enumerate(self.factors):
            held = [bool(one >> at & 1) for one in bits]
            effects = [_effect(held[a:b], outcomes[a:b]) for a, b in stretches(len(rows), STRETCHES)]
            judged.append((factor, _standing(factor, held, effects)))
        returned = {factor.field for factor, standing in judged if standing == RETURNED}
        self.factors = []
        for factor, standing in judged:
            if standing == SEEN_ONCE and factor.field not in returned:
                self._say(f"{factor.field} tells the time as well, and none of its values has come back yet")
            elif standing not in ("", RETURNED):
                self._say(f"{factor.field}: some of it is left out, {standing}")
                continue
            self.factors.append(factor)

    def _say(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _take(self, name: str, texts: list[str], outcomes: Sequence[bool]) -> None:
        known = [text for text in texts if text]
        if not known:
            return self._leave(name, "no value is known")
        if why := late(name):
            return self._leave(name, why)
        counted = Counter(known)
        if (nines := _nines(counted, len(texts))) is not None:
            self.sentinels[name] = nines
            self.notes.append(f"{nines} in {name} is read as not known: it stands apart from all other values")
            texts = ["" if text == nines else text for text in texts]
            known = [text for text in texts if text]
            counted = Counter(known)
        numbers = [number_of(text) for text in known]
        is_number = all(number is not None for number in numbers) and len(counted) > 2
        if tells_all(texts, outcomes, is_number):
            return self._leave(name, "it tells the outcome almost by itself: it is known only afterwards")
        if not is_number and len(counted) > max(_MOST_VALUES, len(known) // 5):
            return self._leave(name, "nearly every case has a value of its own")
        if len(counted) == 1 and len(known) == len(texts):
            return self._leave(name, "all cases have the same value")
        least = max(_LEAST_ROWS, round(_LEAST_SHARE * len(texts)))
        if least <= len(texts) - len(known) <= len(texts) - least:
            self.factors.append(CardFactor(field=name, test="unknown", points=0))
        if is_number:
            self._ask_limits(name, sorted(n for n in numbers if n is not None), least)
        else:
            frequent = sorted(
                (v for v, n in counted.items() if least <= n <= len(texts) - least), key=lambda v: (-counted[v], v)
            )
            self.factors += [CardFactor(field=name, test="is", value=v, points=0) for v in frequent[:_MOST_VALUES]]
        return None

    def _ask_limits(self, name: str, numbers: list[float], least: int) -> None:
        distinct = sorted(set(numbers))
        cuts = distinct[1:] if len(distinct) <= _CUTS else [quantile(numbers, k / (_CUTS + 1)) for k in range(1, 9)]
        for cut in dict.fromkeys(_short(cut) for cut in cuts):
            above = sum(number >= float(cut) for number in numbers)
            if least <= above <= len(numbers) - least:
                self.factors.append(CardFactor(field=name, test="at_least", value=cut, points=0))

    def _leave(self, name: str, why: str) -> None:
        self.left.append(Left(field=name, why=why))


def _standing(factor: CardFactor, held: Sequence[bool], effects: Sequence[tuple[float, float] | None]) -> str:
    known = [one for one in effects if one is not None]
    whole = math.fsum(effect / error**2 for effect, error in known)
    tells_time = time_share(held) > TELLS_TIME
    if tells_time and factor.test == "at_least":
        return "it tells the time and not the case"
    if any(effect * whole < 0 and abs(effect) > error for effect, error in known):
        return "it turned round over time"
    if not tells_time:
        return ""
    seen = [at for at, (a, b) in enumerate(stretches(len(held), STRETCHES)) if sum(held[a:b]) >= LEAST_IN_STRETCH]
    return RETURNED if any(after - at > 1 for at, after in pairwise(seen)) else SEEN_ONCE


def answered(factors: Sequence[CardFactor], rows: Iterable[Row]) -> list[int]:
    """The questions that each case answers with yes, as bits; equal values are asked once."""
    by_field: dict[str, list[tuple[int, CardFactor]]] = {}
    for at, factor in enumerate(factors):
        by_field.setdefault(factor.field, []).append((1 << at, factor))
    known: dict[tuple[str, type, Scalar], int] = {}
    found = []
    for row in rows:
        bits = 0
        for field, asked in by_field.items():
            value = row.get(field)
            key = (field, type(value), value)
            if (mine := known.get(key)) is None:
                mine = known[key] = sum(bit for bit, factor in asked if holds(factor, value))
            bits |= mine
        found.append(bits)
    return found


def stretches(size: int, number: int) -> list[tuple[int, int]]:
    """So many stretches of about equal length, as (first, behind the last)."""
    return [(size * at // number, size * (at + 1) // number) for at in range(number)]


def time_share(held: Sequence[bool]) -> float:
    """How much of a question's variation lies between short stretches of time, 0 to 1, beyond what chance puts there.

    Near 1: whoever knows the day knows the answer.
    """
    size, hits = len(held), sum(held)
    if hits in (0, size):
        return 1.0
    parts = [held[a:b] for a, b in stretches(size, min(WINDOWS, max(2, size // 10)))]
    mean = hits / size
    between = math.fsum(len(part) * (sum(part) / len(part) - mean) ** 2 for part in parts)
    by_chance = (len(parts) - 1) / (size - 1)
    return max(0.0, (between / (size * mean * (1 - mean)) - by_chance) / (1 - by_chance))


def _effect(held: Sequence[bool], outcomes: Sequence[bool]) -> tuple[float, float] | None:
    """Log odds ratio of a question in some cases, and its standard error; None when either side has too few."""
    counts = [[0, 0], [0, 0]]
    for answer, outcome in zip(held, outcomes, strict=True):
        counts[answer][outcome] += 1
    if min(sum(counts[0]), sum(counts[1])) < LEAST_IN_STRETCH:
        return None
    (a, b), (c, d) = ((one + 0.5, other + 0.5) for one, other in counts)
    return math.log(d / c * a / b), math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)


def late(name: str) -> str:
    """Why a column's name says that it is known too late; empty when it does not."""
    words = [word for word in re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).casefold()) if word]
    if _EARLIER & set(words):
        return ""
    found = next((word for word in words if word in _LATE_WORDS), "")
    return f"its name says {found!r}: that is known only during or after the contact" if found else ""


def tells_all(texts: Sequence[str], outcomes: Sequence[bool], is_number: bool) -> bool:
    """Whether a column alone nearly separates the outcomes, by its values, or by what of it is known."""
    if not any(outcomes) or all(outcomes):
        return False
    presence = auc([1.0 if text else 0.0 for text in texts], outcomes)
    if max(presence, 1 - presence) >= TELLS_ALL:
        return True
    if is_number:
        pairs = [(float(text), outcome) for text, outcome in zip(texts, outcomes, strict=True) if text]
        known = auc([value for value, _ in pairs], [outcome for _, outcome in pairs])
        if max(known, 1 - known) >= TELLS_ALL:
            return True
    of, yes = Counter(texts), Counter(t for t, o in zip(texts, outcomes, strict=True) if o)
    if max(of.values()) < _LEAST_ROWS:
        return False  # rare values fit any outcome
    rates = {text: (yes[text] + 0.5) / (count + 1) if count >= _LEAST_ROWS else 0.5 for text, count in of.items()}
    return auc([rates[text] for text in texts], outcomes) >= TELLS_ALL


def _nines(counted: Counter[str], whole: int) -> str | None:
    """A value of nines alone (999) that is frequent and far above all others: a stand-in for "never"."""
    nines = next((text for text in counted if re.fullmatch(r"9{2,}(\.0)?", text)), None)
    if nines is None or counted[nines] < max(_LEAST_ROWS, whole // 20):
        return None
    others = [number_of(text) for text in counted if text != nines]
    is_apart = all(number is not None and number < float(nines) / 2 for number in others)
    return nines if others and is_apart else None


def _short(number: float) -> str:
    """A limit as a person writes it, in at most five digits."""
    return f"{number:.5g}" if abs(number) < 1e5 else f"{float(f'{number:.3g}'):.0f}"
