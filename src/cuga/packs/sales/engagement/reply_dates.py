"""Dates in a reply: the day somebody is back, or wants to be asked again. Between two readings none is taken."""

from __future__ import annotations

import re
from datetime import date, timedelta

from cuga.packs.sales.engagement.reply_words import MONTHS, WEEKDAYS

FAR = timedelta(days=550)  # a later day is no answer to a mail
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_DOTTED = re.compile(r"\b(\d{1,2})\.\s?(\d{1,2})\.(?:\s?(\d{4}|\d{2}))?(?!\d)")
_SLASHED = re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b")
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th|\.|er)?\s+(?:of\s+)?({_MONTH})\b\.?,?(?:\s+(\d{{4}}))?", re.I)
_MONTH_DAY = re.compile(rf"\b({_MONTH})\b\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)(?:,?\s+(\d{{4}}))?", re.I)
_WEEKDAY = re.compile(rf"\b(?:on|until|till|next|ab|am|bis)\s+({'|'.join(WEEKDAYS)})\b", re.I)
_IN = re.compile(r"\bin (?:about )?(\d{1,2}|an?|one|two|three|four|six) (day|week|month)s?\b", re.I)
_NEXT = re.compile(r"\bnext (week|month|quarter|year)\b|\bnächste[sn]? (woche|monat|quartal|jahr)\b", re.I)
_IN_MONTH = re.compile(rf"\b(?:in|until|from|im|ab)\s+({_MONTH})\b(?!\s*\d)", re.I)
_RETURN = re.compile(
    r"\b(?:back|return\w*|again|available from|until|till|through|bis|wieder|zurück|retour|jusqu'au)\b", re.I
)
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "six": 6}
_GERMAN = {"woche": "week", "monat": "month", "quartal": "quarter", "jahr": "year"}


def return_day(text: str, today: date) -> tuple[date | None, str]:
    """The day somebody is back and the words that say so; the last day of an absence counts as the day of return."""
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-ZÄÖÜ])|\n{2,}", text):
        if _RETURN.search(sentence):
            days = _days(sentence, today)
            if days:
                return max(days), " ".join(sentence.split())[:200]
    return None, ""


def later_day(text: str, today: date) -> tuple[date | None, str]:
    """The day to ask again, when exactly one is named or a span of time is."""
    days = set(_days(text, today))
    if len(days) == 1:
        return days.pop(), ""
    if days:
        return None, "more than one day is named: " + ", ".join(day.isoformat() for day in sorted(days))
    return _span(text, today), ""


def _days(text: str, today: date) -> list[date]:
    found: list[date] = []
    for match in _ISO.finditer(text):
        found += _made(int(match[1]), int(match[2]), int(match[3]))
    for match in _DOTTED.finditer(text):
        found += _dated(int(match[1]), int(match[2]), match[3], today)
    for match in _SLASHED.finditer(text):
        first, second = int(match[1]), int(match[2])
        if first == second or first > 12 or second > 12:  # 3/4 may be March or April: nothing is taken
            day, month = (first, second) if first > 12 or first == second else (second, first)
            found += _dated(day, month, match[3], today)
    for match in _DAY_MONTH.finditer(text):
        found += _dated(int(match[1]), MONTHS[match[2].casefold()], match[3], today)
    for match in _MONTH_DAY.finditer(text):
        found += _dated(int(match[2]), MONTHS[match[1].casefold()], match[3], today)
    if not found and (named := _WEEKDAY.search(text)):
        ahead = (WEEKDAYS[named[1].casefold()] - today.weekday() - 1) % 7 + 1
        found.append(today + timedelta(days=ahead))
    return [day for day in found if today <= day <= today + FAR]


def _dated(day: int, month: int, year: str | None, today: date) -> list[date]:
    if year:
        return _made(int(year) + (2000 if len(year) == 2 else 0), month, day)
    this = _made(today.year, month, day)
    return this if this and this[0] >= today else _made(today.year + 1, month, day)


def _made(year: int, month: int, day: int) -> list[date]:
    try:
        return [date(year, month, day)]
    except ValueError:
        return []


def _span(text: str, today: date) -> date | None:
    if said := _IN.search(text):
        number = _NUMBERS.get(said[1].casefold()) or int(said[1])
        return today + timedelta(days=number * {"day": 1, "week": 7, "month": 30}[said[2].casefold()])
    if said := _NEXT.search(text):
        return _first_of(_GERMAN.get((said[1] or said[2]).casefold(), (said[1] or said[2]).casefold()), today)
    if said := _IN_MONTH.search(text):
        month = MONTHS[said[1].casefold()]
        return date(today.year + (month <= today.month), month, 1)
    return None


def _first_of(unit: str, today: date) -> date:
    if unit == "week":
        return today + timedelta(days=7 - today.weekday())
    if unit == "year":
        return date(today.year + 1, 1, 1)
    month = today.month + 1 if unit == "month" else (today.month - 1) // 3 * 3 + 4
    return date(today.year + (month > 12), (month - 1) % 12 + 1, 1)
