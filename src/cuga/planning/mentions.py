"""What a goal names: records, people's roles, files, identifiers, numbers, periods, dates and quoted texts.

A mention is a value with its place. What it is for is decided later, by the slots of the tools that are chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from cuga.planning.lexicon import NUMBERS, PERIOD, ROLE, STOP, VERBS
from cuga.planning.records import Records
from cuga.planning.words import Masked, Token, hole_number, stem

_FILE = re.compile(r"(?<![\w/])[\w][\w./-]*\.(?:csv|tsv|xlsx?|json|jsonl|eml|txt|md|pdf|docx?|vcf|ics|ya?ml)\b", re.I)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_MONEY = re.compile(
    r"(?:[$€£]|\b(?:usd|eur|gbp) ?)\d[\d,.]*(?: ?(?:k|m|mio|million|bn))?\b"
    r"|\b\d[\d,.]*(?:[kKmM]\b| ?(?:thousand|million|mio|mn|billion|bn)\b)"
    r"|\b\d[\d,.]* ?(?:usd|eur|gbp|dollars|euros)\b",
    re.I,
)
_PERCENT = re.compile(r"\b\d+(?:\.\d+)? ?(?:%|percent\b)")
_PERIOD = re.compile(rf"\b{PERIOD}\b", re.I)
_ROLE = re.compile(rf"\b{ROLE}\b", re.I)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = re.compile(
    rf"\b(?P<iso>\d{{4}}-\d\d-\d\d)\b|\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\.? (?:of )?{_MONTH}\b(?: (?P<year>\d{{4}}))?"
    rf"|\b{_MONTH.replace('month', 'month2')} (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<year2>\d{{4}}))?"
    r"|\b(?P<weekday>monday|tuesday|wednesday|thursday|friday|saturday|sunday|tomorrow|today)\b",
    re.I,
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_IDENTIFIER = re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*\b")
_NOT_IDENTIFIER = re.compile(
    r"(?:\d+(?:k|m|bn|x|st|nd|rd|th|h|d|am|pm|min|days?)|[qh]\d|fy\d+|b2b|b2c|mp3|\d+-\w+)", re.I
)
_NUMBER = re.compile(r"(?<![\w.-])(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?|" + "|".join(NUMBERS) + r")(?![\w%]|\.\d)", re.I)
_NAME = re.compile(
    r"(?:[A-Z][\w&'+-]*|(?=\d*[A-Z])[A-Z0-9]{2,}\b)(?: (?:[A-Z][\w&+-]*|&|of|\d{2,4}\b(?=[^%]))(?=\W|$))*"
)


NEAR = {"accounts": "account", "products": "product", "teams": "rep"}  # whose names are read with a slip in them


class Mention(NamedTuple):
    """Something named. `value` is what a tool is given, `record` the CRM id, `others` further readings (id, name)."""

    kind: str
    value: str
    start: int
    end: int
    record: str = ""
    others: tuple[tuple[str, str], ...] = ()
    written: str = ""  # how it stands in the goal, where that is only near the record's name


def mentions(
    masked: Masked,
    words: list[Token],
    records: Records,
    as_of: date | None,
    is_word: Callable[[str], bool],
    is_known: Callable[[str], bool],
) -> list[Mention]:
    """All that a goal names, in order, without overlaps: what is told apart more surely goes first.

    `is_word` knows the words of the tools: what they call their own is no name, whatever its capitals. A word that is
    none of the language's nor of the tools' (`is_known`) may be a record's name with a slip in it.
    """
    text = masked.text
    found: list[Mention] = []

    def add(mention: Mention) -> None:
        if all(mention.end <= other.start or mention.start >= other.end for other in found):
            found.append(mention)

    for word in words:
        if (number := hole_number(word.text)) >= 0:
            quoted = masked.quoted[number]
            add(Mention("term" if is_term(quoted) else "quoted", quoted, word.start, word.end))
    for pattern, kind in ((_FILE, "file"), (_MAIL, "address")):
        for match in pattern.finditer(text):
            add(Mention(kind, match.group(), match.start(), match.end()))
    for spot in records.spots(words, text):
        record, name = spot.hits[0]
        value = records.account_name(record) if spot.kind == "account" else name or record
        add(Mention(spot.kind, value, spot.start, spot.end, record, spot.hits if len(spot.hits) > 1 else ()))
    for mention in _misspelled(words, text, records, is_known):
        add(mention)
    for match in _DATE.finditer(text):
        add(Mention("date", resolved_date(match, as_of), match.start(), match.end()))
    for pattern, kind in ((_MONEY, "amount"), (_PERCENT, "percent"), (_PERIOD, "period")):
        for match in pattern.finditer(text):
            add(Mention(kind, match.group(), match.start(), match.end()))
    for match in _IDENTIFIER.finditer(text):
        written = match.group()
        if _NOT_IDENTIFIER.fullmatch(written) or len(written) < 3:
            continue
        if (deal := records.opportunity(written)) is not None:
            add(Mention("opportunity", deal.id, match.start(), match.end(), deal.id))
        elif not (text[: match.start()].rstrip()[-1:].isupper() and written.isdecimal()):
            add(Mention("identifier", written, match.start(), match.end()))
    for match in _ROLE.finditer(text):
        role = _without_tail(match.group(), match.start(), found)
        end = match.start() + len(role)
        while " " in role and any(m.start < end and end - len(role) < m.end for m in found):
            role = role.split(" ", 1)[1]
        role = _without_lead(role)
        add(Mention("role", role, end - len(role), end))
    for match in _NAME.finditer(text):
        named = _named(match, text)
        if named is not None and not all(is_word(stem(word.casefold())) for word in named.value.split()):
            add(named)
    for match in _NUMBER.finditer(text):
        if match.group().casefold() == "one" and _means_a_thing(text, match):
            continue
        add(
            Mention(
                "number",
                str(NUMBERS.get(match.group().casefold(), match.group().replace(",", ""))),
                match.start(),
                match.end(),
            )
        )
    return sorted(found, key=lambda mention: mention.start)


def _misspelled(words: list[Token], text: str, records: Records, is_known: Callable[[str], bool]) -> Iterator[Mention]:
    """Accounts, products and sellers whose names are written with a slip: the one near record, never one of several."""
    if not records.is_known:
        return
    kinds = [(crm_kind, kind) for crm_kind, kind in NEAR.items() if records.can_be_near(crm_kind)]
    odd = {at for at, word in enumerate(words) if word.low.isalpha() and len(word.low) > 4 and not is_known(word.stem)}
    for length in (3, 2, 1):
        for at in range(len(words) - length + 1):
            piece = range(at, at + length)
            written = text[words[at].start : words[at + length - 1].end].removesuffix("'s")
            plain = any(words[i].low in STOP for i in (at, at + length - 1)) or re.search(r"[^\w &'.-]", written)
            if not odd.intersection(piece) or plain:
                continue
            for crm_kind, kind in kinds:
                near = records.near(crm_kind, written)
                if near.found is not None:
                    value = records.account_name(near.found.id) if kind == "account" else near.found.name
                    end = words[at].start + len(written)
                    yield Mention(kind, value, words[at].start, end, near.found.id, (), written)
                    break


def units_of(written: str) -> float | None:
    """An amount in units of its currency: "20k" is 20000, "$1.5 million" 1500000; None for what is none."""
    found = re.search(
        r"(\d[\d,.]*)\s?([a-z]*)", written.casefold().replace("usd", "").replace("eur", "").replace("gbp", "")
    )
    if found is None:
        return None
    times = next((times for names, times in _TIMES if found[2] in names), 1)
    digits = found[1].rstrip(".,")
    digits = digits.replace(",", "") if not re.fullmatch(r"\d{1,3}(?:\.\d{3})+", digits) else digits.replace(".", "")
    return float(digits) * times if digits.count(".") < 2 else None


_TIMES = ((("k", "thousand"), 1e3), (("m", "mio", "mn", "million"), 1e6), (("bn", "billion"), 1e9))


def _means_a_thing(text: str, match: re.Match[str]) -> bool:
    """Whether a "one" stands for a thing: "no one", "this one", "the Orbit one"."""
    before, after = text[: match.start()].casefold(), text[match.end() :].lstrip()
    return before.endswith(("no ", "any", "which ", "this ", "that ", "every ")) or not after[:1].isalpha()


def is_term(quoted: str) -> bool:
    """Whether a quoted text is a word that is spoken of, not a text to work on."""
    return len(quoted.split()) <= 4 and not re.search(r"[.!?,;:\n]", quoted)


def resolved_date(match: re.Match[str], as_of: date | None) -> str:
    """A date as YYYY-MM-DD, the next such day from `as_of` on; as written when it cannot be told."""
    if match["iso"] or as_of is None:
        return match["iso"] or match.group()
    if weekday := (match["weekday"] or "").casefold():
        if weekday in ("today", "tomorrow"):
            return (as_of + timedelta(days=weekday == "tomorrow")).isoformat()
        ahead = (_WEEKDAYS.index(weekday) - as_of.weekday() - 1) % 7 + 1
        return (as_of + timedelta(days=ahead)).isoformat()
    month = _MONTHS.index((match["month"] or match["month2"])[:3].casefold()) + 1
    day, year = int(match["day"] or match["day2"]), match["year"] or match["year2"]
    try:
        found = date(int(year) if year else as_of.year, month, day)
        return (found if year or found >= as_of else found.replace(year=as_of.year + 1)).isoformat()
    except ValueError:
        return match.group()


def _without_tail(role: str, start: int, found: list[Mention]) -> str:
    """A role without what follows it: "head of IT at" -> "head of IT", "director of <an account>" -> "director"."""
    office, of, field = role.partition(" of ")
    if not of:
        return role
    begins = start + len(office) + len(of)
    if any(m.start <= begins < m.end for m in found):
        return office
    first, _, second = field.partition(" ")
    at = begins + len(first) + 1
    low = second.casefold()
    taken = any(m.start <= at < m.end for m in found)
    return role if second and low not in STOP and low not in VERBS and not taken else f"{office} of {first}"


def _without_lead(role: str) -> str:
    """A role without the words before it that belong to the sentence: "to their ops lead" -> "ops lead"."""
    words = role.split()
    while len(words) > 1 and (words[0].casefold() in STOP or words[0].casefold() in VERBS):
        words = words[1:]
    return " ".join(words)


def _named(match: re.Match[str], text: str) -> Mention | None:
    """A capitalised name that no record has; words that only begin a sentence are no names."""
    words, start = match.group().split(), match.start()
    while words and (words[0].casefold().removesuffix("'s") in STOP or words[0].casefold() in VERBS):
        start += len(words[0]) + 1
        words = words[1:]
    while words and words[-1] in ("of", "&"):
        words = words[:-1]
    name = " ".join(words).removesuffix("'s").rstrip("'")
    opens = not text[:start].strip() or text[:start].rstrip()[-1:] in ".!?\n:"
    if not name or (opens and len(words) == 1 and name.istitle() and name.isalpha()):
        return None
    return Mention("name", name, start, start + len(" ".join(words)))
