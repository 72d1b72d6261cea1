"""Values out of text: money, whole numbers, dates, yes and no. A text that says nothing certain gives None.

Amounts are micro-units. No value is ever rounded into another one or completed from a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

MICRO = 1_000_000
LARGEST = 9 * 10**18  # micro-units that fit a 64-bit integer
_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_CODES = ("USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD", "SEK", "NOK", "DKK", "PLN", "INR", "BRL")
_SCALES = {
    "k": 3, "tsd": 3, "thousand": 3, "thousands": 3, "m": 6, "mm": 6, "mn": 6, "mio": 6, "million": 6, "millions": 6,
    "b": 9, "bn": 9, "mrd": 9, "billion": 9, "billions": 9,
}  # fmt: skip
_MONTHS = {
    "jan": 1, "january": 1, "feb": 2, "february": 2, "mar": 3, "march": 3, "apr": 4, "april": 4, "may": 5, "jun": 6,
    "june": 6,
    "jul": 7, "july": 7, "aug": 8, "august": 8, "sep": 9, "sept": 9, "september": 9, "oct": 10, "october": 10,
    "nov": 11,
    "november": 11, "dec": 12, "december": 12,
}  # fmt: skip
_UNKNOWN = {"", "-", "--", "n/a", "na", "null", "none", "unknown", "?", "#n/a", "nan", "tbd"}
_YES, _NO = {"1", "true", "yes", "y", "x", "ja"}, {"0", "false", "no", "n", "nein", ""}


def is_unknown(text: str) -> bool:
    """Whether a text only says that nothing is known."""
    return text.strip().casefold() in _UNKNOWN


def scale_and_currency(unit: str) -> tuple[int, str]:
    """The power of ten and the currency of a unit: "in millions of USD" -> (6, "USD"), "$k" -> (3, "USD")."""
    words = re.findall(r"[A-Za-z]+|[$€£¥]", unit)
    scale = next((_SCALES[word.casefold()] for word in words if word.casefold() in _SCALES), 0)
    currency = next(
        (_SIGNS.get(word) or word.upper() for word in words if word in _SIGNS or word.upper() in _CODES), ""
    )
    return scale, currency


def money(text: str, unit: str = "") -> tuple[int, str] | None:
    """Micro-units and currency ("" when unknown): "$1.5M", "EUR 2 bn", "1.234,50", "(300)"; None when it is no
    amount."""
    own_scale, own_currency = scale_and_currency(text)
    scale, currency = scale_and_currency(unit)
    bare = re.sub(r"[A-Za-z$€£¥\s]", "", text)
    negative = bare.startswith("(") and bare.endswith(")")
    number = _number(bare.strip("()"))
    letters = re.findall(r"[A-Za-z]+", text)
    if number is None or any(
        w.casefold() not in _SCALES and w.upper() not in _CODES and w.casefold() != "of" for w in letters
    ):
        return None
    micro = number * (-1 if negative else 1) * 10 ** (own_scale or scale) * MICRO
    return (int(micro), own_currency or currency) if abs(micro) < LARGEST else None


def whole(text: str) -> int | None:
    """A whole number: "1,016", "2 500"; None for anything else."""
    number = _number(re.sub(r"\s", "", text))
    return int(number) if number is not None and number == number.to_integral_value() and abs(number) < 10**15 else None


def lower_end(text: str) -> int | None:
    """The lower end of a range: "51-200", "500+", "201 to 500"; None when it is no range."""
    found = re.fullmatch(r"\s*([\d.,\s]+?)\s*(?:(?:-|–|to)\s*[\d.,\s]+|\+)\s*", text)
    return whole(found.group(1)) if found else None


def _number(bare: str) -> Decimal | None:
    if not re.fullmatch(r"[-+]?[\d.,']*\d[\d.,']*", bare) or len(bare) > 40:
        return None
    bare = bare.replace("'", "")
    dot, comma = bare.rfind("."), bare.rfind(",")
    if dot >= 0 and comma >= 0:
        thousands = "," if dot > comma else "."
        bare = bare.replace(thousands, "").replace(",", ".")
    elif comma >= 0:
        grouped = re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+", bare)
        bare = bare.replace(",", "") if grouped else bare.replace(",", ".")
    elif bare.count(".") > 1:
        bare = bare.replace(".", "")
    try:
        return Decimal(bare)
    except InvalidOperation:
        return None


def day_first(texts: Iterable[str]) -> bool | None:
    """Whether a column of dates like 13/02/2024 names the day first; None when no value tells."""
    for text in texts:
        if found := re.match(r"\s*(\d{1,2})[/.-](\d{1,2})[/.-](\d{2,4})\b", text):
            first, second = int(found.group(1)), int(found.group(2))
            if first > 12 or "." in found.group(0):
                return True
            if second > 12:
                return False
    return None


def day(text: str, *, days_first: bool = False) -> date | None:
    """A date: 2024-02-13, 2024/02/13, 13.02.2024, 02/13/2024, 13 Feb 2024, Feb 13, 2024, with or without a time."""
    text = text.strip()
    if found := re.match(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?:[T ].*)?$", text):
        return _date(*found.groups())
    if found := re.match(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?:[T ].*)?$", text):
        first, second, year = found.groups()
        year = year if len(year) == 4 else f"20{year}"
        return _date(year, second, first) if days_first or "." in text[:4] else _date(year, first, second)
    if found := re.match(r"(\d{1,2})\.?[ -]([A-Za-z]{3,9})\.?,?[ -](\d{4})$", text):
        number, month, year = found.groups()
        return _date(year, str(_MONTHS.get(month.casefold(), 0)), number)
    if found := re.match(r"([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$", text):
        month, number, year = found.groups()
        return _date(year, str(_MONTHS.get(month.casefold(), 0)), number)
    if re.fullmatch(r"[1-6]\d{4}", text):  # days since 1899-12-30, as spreadsheets store dates
        return date(1899, 12, 30) + timedelta(days=int(text))
    return None


def _date(year: str, month: str, number: str) -> date | None:
    try:
        found = date(int(year), int(month), int(number))
    except ValueError:
        return None
    return found if 1900 <= found.year <= 2200 else None


def yes(text: str) -> bool | None:
    """Yes or no; None when it is neither."""
    plain = text.strip().casefold()
    return True if plain in _YES else False if plain in _NO else None
