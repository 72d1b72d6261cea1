"""Names of people and their addresses stay in the house: a prompt carries placeholders, and the answer gets them back.

It hides what it is told of (people that the records know) and what has the form of a mail address or a telephone
number. A name that stands in no record is not known to be one. Companies and products are no personal data and stay.

A name is known with and without its middle names, turned round, and with an initial. A part of it that is also a word
of the language ("Will", "May", "Art") is one where it is written like a name: beside a title or another name, or with a
capital in the middle of a sentence. Elsewhere it is the word. A whole name as it is known is one in any case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from cuga.planning.lexicon import STOP, VERBS, set_of

_MAIL = re.compile(r"[^\s@<>,;:\"'()\[\]]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}")
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+|00)\d[\d ()/.-]{6,18}\d(?![\w/-])|(?<![\w.,/-])0\d{2,5}[ /-]\d[\d -]{4,12}\d(?!\w)"
)
_PLACE = re.compile(r"\[(?:person|first-name|last-name|address|phone)-\d{1,4}\]")
LEAST, SHORTEST = 3, 2  # letters of a part of a name that is hidden by itself in any case, and with a capital
_MIDDLE = r"(?:\s+[A-ZÀ-ÖØ-Þ][\w'’-]*\.?){0,2}"  # what may stand between a first and a last name
# names that are words as well, beside those that the planner knows as words anyway
_WORDS = (
    STOP
    | VERBS
    | set_of(
        """will may art mark bill grant chase frank rich rob pat sue drew dean miles page rose grace hope faith joy ivy
        iris dawn june april august summer penny ray jack gene guy max lance wade clay heath glen cliff dale brook reed
        ford lane chance case pierce trip skip earnest christian angel young white brown green black gray grey king long
        short price cook baker carter mason miller fisher hunter parker porter turner walker taylor cooper bishop knight
        marshall major sharp small little good best wise strong sterling banks bell bond burns butler church cross day
        field fields flowers fox frost hall hill lake marsh moon moore north south west east park parks pool post power
        rice rivers rock sands shepherd silver snow stone street swan temple tower towers wall waters wells wolf wood
        woods al an as do ed ho le ma my no so to us it in on or at by he me we hi ok am pm ad go be is if of up"""
    )
)
_MONTHS = frozenset({"may", "april", "june", "august"})
_TITLES = set_of(
    """mr mrs ms miss mx dr prof sir madam herr frau monsieur madame mme mlle señor señora signor signora dear hi hello
    hey name named called"""
)
_BEFORE_MONTH = set_of(
    "in by since until till before after of early late mid next last this from through during end begin beginning"
)
_AFTER_WORD = set_of(
    """i you he she it we they there this that these those the a an my your his her its our their be not no never me him
    them us to of in on at by for from with up out off all any some each every what who how why when where"""
)
_WORD_BEFORE = re.compile(r"([\w'’-]+)\.?\s*$")
_WORD_AFTER = re.compile(r"\s*([\w'’-]+)")


class Mask:
    """Placeholders for one prompt, given in the order in which they are needed."""

    def __init__(self, people: Iterable[str] = ()) -> None:
        self._place_of: dict[str, str] = {}  # what is hidden -> its placeholder
        self._value_of: dict[str, str] = {}
        names = [words for name in people if "@" not in name and (words := _words_of(name))]
        names = [form for words in names for form in _normal(words)]
        wholes = dict.fromkeys(form for words in names if len(words) > 1 for form in _wholes(words))
        self._wholes = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(wholes, key=_longest))})(?!\w)") if wholes else None
        self._kind_of: dict[str, str] = {}  # part of a name, folded -> the kind of its placeholder
        forms: set[str] = set()
        for words in names:
            for part, kind in _parts(words):
                self._kind_of.setdefault(_folded(part), kind)
                forms.add(part)
        joined = "|".join(map(re.escape, sorted(forms, key=_longest)))
        self._parts = re.compile(rf"{_PLACE.pattern}|(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE) if forms else None

    @property
    def hidden(self) -> int:
        """How many different things were hidden."""
        return len(self._place_of)

    def hide(self, text: str) -> str:
        """The text with placeholders."""
        text = _MAIL.sub(lambda found: self._place("address", found[0]), text)
        text = _PHONE.sub(lambda found: self._place("phone", found[0]), text)
        if self._wholes is not None:
            text = self._wholes.sub(lambda found: self._place("person", found[0]), text)
        if self._parts is not None:
            text = self._parts.sub(self._part, text)
        return text

    def _part(self, found: re.Match[str]) -> str:
        kind = self._kind_of.get(_folded(found[0]), "")  # none: it is a placeholder already
        return self._place(kind, found[0]) if kind and _is_name(found) else found[0]

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


def _words_of(name: str) -> list[str]:
    return [word for word in name.replace(",", " ").split() if any(letter.isalnum() for letter in word)]


def is_word(part: str) -> bool:
    """Whether a part of a name is a word of the language as well."""
    return _folded(part) in _WORDS


def _normal(words: list[str]) -> list[list[str]]:
    """A name, accents both ways."""
    both = [[unicodedata.normalize(how, word) for word in words] for how in ("NFC", "NFD")]
    return both if both[0] != both[1] else both[:1]


def _wholes(words: list[str]) -> list[str]:
    """Patterns of a name of several words: as it is known, with other middle names or none, turned round, initials."""
    first, last = (_cased(word.strip(".")) for word in (words[0], words[-1]))
    every = "(?i:" + r"\s+".join(map(re.escape, words)) + ")"  # side by side they are no mere words
    found = [every, rf"{first}{_MIDDLE}\s+{last}", rf"{last},?\s+{first}{_MIDDLE}" if len(words) < 3 else every]
    found.append(rf"{last},\s*{first}{_MIDDLE}")
    if len(words) > 2 and words[1][:1].isupper():
        found.append(rf"{first}\s+{_cased(words[1].strip('.'))}")
    if words[0][:1].isalpha():
        found.append(rf"{re.escape(words[0][0].upper())}\.(?:\s?[A-Z]\.)*\s*{last}")
    return found


def _cased(word: str) -> str:
    """A pattern of a word of a name in any case; of one that is a word of the language, as names are written."""
    if _folded(word) not in _WORDS:
        return rf"(?i:{re.escape(word)})"
    return rf"(?:{re.escape(word.capitalize())}|{re.escape(word.upper())})"


def _parts(words: list[str]) -> list[tuple[str, str]]:
    """The words of a name that are hidden by themselves, each with its kind."""
    plain = [word.strip(".,") for word in words]
    if len(plain) == 1:
        return [(plain[0], "person")] if len(plain[0]) >= SHORTEST else []
    found = [(plain[0], "first-name"), (plain[-1], "last-name")]
    found += [(word, "first-name") for word in plain[1:-1] if word[:1].isupper()]
    pieces = [piece for piece in plain[-1].split("-") if len(piece) > LEAST] if "-" in plain[-1] else []
    return [(word, kind) for word, kind in (*found, *((one, "last-name") for one in pieces)) if len(word) >= SHORTEST]


def _is_name(found: re.Match[str]) -> bool:
    """Whether a part of a name stands for somebody where it is found."""
    word, text = found[0], found.string
    low = _folded(word)
    if low not in _WORDS:
        return len(word) >= LEAST or word[:1].isupper()
    if not word[:1].isupper():
        return False
    before, after = text[: found.start()], text[found.end() :]
    previous, following = _WORD_BEFORE.search(before), _WORD_AFTER.match(after)
    said = previous[1].casefold() if previous is not None else ""
    if said in _TITLES or before.rstrip(" ").endswith("]") or after.lstrip(" ").startswith("["):
        return True
    if low in _MONTHS and (said in _BEFORE_MONTH or said.isdigit() or re.match(r"\s*\d", after)):
        return False
    edge = before.rstrip()[-1:]
    if edge and edge not in '.!?:;"“”„»«•*-(' and not before.endswith("\n"):
        return True
    return following is None or following[1].casefold() not in _AFTER_WORD


def _longest(form: str) -> tuple[int, str]:
    return -len(form), form


def _folded(form: str) -> str:
    return unicodedata.normalize("NFC", form).casefold()
