"""Names of people and their addresses stay in the house: a prompt carries placeholders, and the answer gets them back.

It hides what it is told of (people that the records know) and what has the form of a mail address or a telephone
number. A name that stands in no record is not known to be one. Companies and products are no personal data and stay.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

_MAIL = re.compile(r"[^\s@<>,;:\"'()\[\]]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}")
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+|00)\d[\d ()/.-]{6,18}\d(?![\w/-])|(?<![\w.,/-])0\d{2,5}[ /-]\d[\d -]{4,12}\d(?!\w)"
)
_PLACE = re.compile(r"\[(?:person|first-name|last-name|address|phone)-\d{1,4}\]")
LEAST = 3  # letters of a part of a name that is hidden by itself


class Mask:
    """Placeholders for one prompt, given in the order in which they are needed."""

    def __init__(self, people: Iterable[str] = ()) -> None:
        self._place_of: dict[str, str] = {}  # what is hidden -> its placeholder
        self._value_of: dict[str, str] = {}
        self._kind_of = _kinds(people)
        forms = sorted(self._kind_of, key=lambda form: (-len(form), form))
        self._kind_of = {_folded(form): kind for form, kind in self._kind_of.items()}
        joined = "|".join(re.escape(form) for form in forms)
        self._people = re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE) if forms else None

    @property
    def hidden(self) -> int:
        """How many different things were hidden."""
        return len(self._place_of)

    def hide(self, text: str) -> str:
        """The text with placeholders."""
        text = _MAIL.sub(lambda found: self._place("address", found[0]), text)
        text = _PHONE.sub(lambda found: self._place("phone", found[0]), text)
        if self._people is not None:
            text = self._people.sub(
                lambda found: self._place(self._kind_of.get(_folded(found[0]), "person"), found[0]), text
            )
        return text

    def show(self, value: Any) -> Any:
        """A value with what the placeholders in its texts stand for."""
        if isinstance(value, str):
            return _PLACE.sub(lambda found: self._value_of.get(found[0], found[0]), value)
        if isinstance(value, dict):
            return {name: self.show(inner) for name, inner in value.items()}
        return [self.show(inner) for inner in value] if isinstance(value, list | tuple) else value

    def _place(self, kind: str, value: str) -> str:
        if value not in self._place_of:
            place = f"[{kind}-{len(self._place_of) + 1}]"
            self._place_of[value], self._value_of[place] = place, value
        return self._place_of[value]


class NoMask(Mask):
    """Hides nothing: for a model in the house."""

    def hide(self, text: str) -> str:
        """The text as it is."""
        return text


def _kinds(people: Iterable[str]) -> dict[str, str]:
    """Every form of a name with the kind of its placeholder; a whole name before its parts, and accents both ways."""
    found: dict[str, str] = {}
    for name in people:
        whole = " ".join(name.split())
        parts = whole.split()
        if len(whole) < LEAST or "@" in whole:
            continue
        found[whole] = "person"
        if len(parts) > 1:
            found.setdefault(parts[0].strip(".,"), "first-name")
            found.setdefault(parts[-1].strip(".,"), "last-name")
    kept = {form: kind for form, kind in found.items() if len(form) >= LEAST}
    return {unicodedata.normalize(how, form): kind for form, kind in kept.items() for how in ("NFC", "NFD")}


def _folded(form: str) -> str:
    return unicodedata.normalize("NFC", form).casefold()
