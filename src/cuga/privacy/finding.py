"""Whom a text is about: by address, phone number and full name of the people that the records know.

A full name has at least two words; a lone first name means nobody by itself, and somebody where they are named anyway.
An address is always somebody's, whether the records know them or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+=?^_`{|}~.-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
PHONE = re.compile(r"(?<![\w.])\+?\(?\d[\d ()./-]{5,18}\d(?![\w.])")
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_DIGITS = re.compile(r"\d[\d ()./-]{5,}\d")
SHORTEST_PHONE = 7  # digits; fewer are as likely an amount or a date
SHORTEST_VALUE = 6  # characters of a value of a record that stands for its person wherever it is a text of its own


class Person(NamedTuple):
    """Somebody the records know. `ref` is what their key is made for, e.g. `contact/c-17`."""

    ref: str
    record_id: str
    name: str
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    values: tuple[str, ...] = ()  # further texts of their record: of them when the text is nobody else's


class Finder:
    """Knows the people of the records. `people` lists them; `stand` is another object when it may answer otherwise."""

    def __init__(self, people: Callable[[], Iterable[Person]], stand: Callable[[], object]) -> None:
        self._people = people
        self._stand = stand
        self._seen: object = None
        self._first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._exact: dict[str, str | None] = {}  # address, digits of a number, a whole value -> who; None: several
        self._knows_any = False
        self._records: dict[str, str] = {}
        self._parts: dict[str, frozenset[str]] = {}  # who -> the words of their name, as they are written

    def find(self, text: str) -> frozenset[str]:
        """Everybody that a text is about. About a microsecond a word."""
        self._look()
        found: set[str] = set()
        if "@" in text:
            for match in EMAIL.finditer(text):
                address = match[0].strip(".").casefold()
                found.add(self._exact.get(address) or f"email/{address}")
        if not self._knows_any:
            return frozenset(found)
        low = text.casefold()
        if (whose := self._exact.get(low.strip())) is not None:
            found.add(whose)
        if _DIGITS.search(text) is not None:
            for match in PHONE.finditer(text):
                digits = digits_of(match[0])
                if len(digits) >= SHORTEST_PHONE and (whose := self._exact.get(digits)) is not None:
                    found.add(whose)
        first = self._first
        words = WORD.findall(low)
        if first.keys().isdisjoint(words):
            return frozenset(found)
        for at, word in enumerate(words):
            for rest, ref in first.get(word, ()):
                if tuple(words[at + 1 : at + 1 + len(rest)]) == rest:
                    found.add(ref)
        return frozenset(found)

    def of_record(self, text: str) -> str:
        """Whose record a text is the id of; empty: nobody's. An id alone says nothing about anybody, and is not
        sealed."""
        self._look()
        return self._records.get(text, "")

    def parts(self, people: Collection[str], most: int) -> dict[str, set[str]]:
        """The words of some people's names, each with those who have it; none for more people than `most`."""
        if not people or len(people) > most:
            return {}
        self._look()
        found: dict[str, set[str]] = {}
        for ref in people:
            for word in self._parts.get(ref, ()):
                found.setdefault(word, set()).add(ref)
        return found

    @staticmethod
    def named(text: str, parts: Mapping[str, set[str]]) -> set[str]:
        """Whoever is named in a text by at least a word of their name, written as names are."""
        words = parts.keys() & WORD.findall(text)
        return set().union(*(parts[word] for word in words)) if words else set()

    def _look(self) -> None:
        stand = self._stand()
        if stand is self._seen:
            return
        self._seen = stand
        self._first, self._exact, self._records, self._parts = {}, {}, {}, {}
        self._knows_any = False
        for person in self._people():
            self._learn(person)
            self._knows_any = True

    def _learn(self, person: Person) -> None:
        ref = person.ref
        if person.record_id:
            self._records[person.record_id] = ref
        words = WORD.findall(person.name)
        if len(words) > 1:
            low = tuple(word.casefold() for word in words)
            for name in {low, (low[-1], *low[:-1])}:
                self._first.setdefault(name[0], []).append((name[1:], ref))
            self._parts[ref] = frozenset(word for word in words if len(word) > 2)
        else:
            self._know(person.name.strip().casefold(), ref)
        for address in person.emails:
            self._know(address.strip().casefold(), ref)
        for phone in person.phones:
            self._know(digits_of(phone), ref)
        for value in person.values:
            if len(value) >= SHORTEST_VALUE:
                self._know(value.strip().casefold(), ref)

    def _know(self, text: str, ref: str) -> None:
        if text:
            self._exact[text] = ref if self._exact.get(text, ref) == ref else None


def digits_of(phone: str) -> str:
    """A phone number as it is compared: its digits."""
    return "".join(letter for letter in phone if letter.isdigit())
