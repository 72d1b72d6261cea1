"""What a person's remarks on a draft ask for, in the words that the rules know; each becomes an argument, or is named.

The vocabulary is small and written down in `docs/howto/ask-for-changes.md`: length, tone, subject, price, the way
amounts are written, what to leave out, sentences to put in, the recipient. What is none of it is never passed over in
silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cuga.model.tool import Slot
from cuga.planning.lexicon import STOP, set_of

LENGTH, STYLE, SUBJECT, SENDER, MENTIONS, OMITTED, ADDED, NOTATION = (
    "length", "style", "subject", "sender", "mentions", "omissions", "additions", "notation",
)  # fmt: skip
KINDS = frozenset({LENGTH, STYLE, SUBJECT, SENDER, MENTIONS, OMITTED, ADDED, NOTATION})  # of slots
RECIPIENT, OFFER = "recipient", "offer"
MOST = 12  # remarks that are looked at one by one

_LATER = "nothing is sent later by itself: leave the request open and agree to it when the time has come"
_LONGER = 'the rules have no longer text: say what to add, e.g. --feedback "say that we are at the fair in May"'
_LANGUAGE = "the rules write English only; put your own words in with `cuga amend`"
_CURRENCY = "amounts are written as the records have them, nothing is converted"
_KEEP = "the way out and who writes stay in: laws ask for them"
_SENTENCE = 'the rules write no sentence about it by themselves: give it, e.g. --feedback "say that ..."'
_STEPS = "remarks add no step and no further recipient; begin another run for that"

STYLES = (
    ("friendly", re.compile(r"\b(?:friendl(?:y|ier)|warmer|less formal|not so formal|too formal|more casual)\b", re.I)),
    ("formal", re.compile(r"\b(?:more formal(?:ly)?|formal(?:ly)?|less casual|too casual)\b", re.I)),
    ("plain", re.compile(r"\b(?:plain(?:er|ly)?|in plain words|simpler)\b", re.I)),
)
_SHORT = re.compile(
    r"\b(?:short(?:er|en)?|brief(?:er)?|(?:more )?concise|too long|less text|fewer words|cut it)\b", re.I
)
_LONG = re.compile(r"\b(?:long(?:er)?|too short|more (?:detail(?:ed|s)?|text|words))\b", re.I)
_QUOTE = r"[\"“”„«»]"
_TO_BE = r"(?: should (?:be|say|read)| to| as|\s*[:=])"
_SUBJECT = re.compile(
    rf"\bsubject(?: line)?\b(?:(?:{_TO_BE}| is)*\s*{_QUOTE}(?P<quoted>[^\"“”„«»\n]+){_QUOTE}"
    rf"|{_TO_BE}\s+(?P<plain>[^\n;]+))",
    re.I,
)
_VAGUE = set_of("something anything more less be one shorter longer better")  # how no subject begins that is one
_SAID = re.compile(
    rf"\b(?:say|add|write|mention|include|tell (?:her|him|them))(?:(?:\s+that|:)?\s+{_QUOTE}(?P<quoted>[^\"“”„«»\n]+)"
    rf"{_QUOTE}|(?:\s+that|:)\s+(?P<plain>[^\n;]+))",
    re.I,
)
_PRICE = re.compile(r"\b(?:list )?(?:price|pricing|costs?)\b", re.I)
_OUT = re.compile(
    r"^(?:please )?(?:leave out|leave off|drop|remove|delete|skip|without|no|omit|cut(?! it| down)"
    r"|(?:do not|don'?t|never) (?:mention|name|say|include|bring up))\b\s*(?P<what>.*)$"
    r"|^(?:please )?(?:leave|take|keep) (?P<inner>.+?) out\b",
    re.I,
)
_PARTS = {
    "price": set_of("price prices pricing cost costs"),
    "product": set_of("description detail details specs features fact"),
    "size": set_of("size people headcount employees staff number"),
    "industry": set_of("industry branch sector"),
    "history": set_of("history earlier past contact deal owner since before"),
    "name": set_of("name"),
}
_FIXED = set_of("opt-out optout opt unsubscribe address letterhead imprint privacy notice signature")
_WHEN = re.compile(
    r"\b(?:send|mail|go out|deliver|hold|wait)\b.*\b(?:later|tomorrow|tonight|next (?:week|month|year|\w+day)"
    r"|on \w+day|until|till|after|in (?:a|\d+|two|three) (?:days?|weeks?|hours?))\b"
    r"|\bnot (?:before|yet|now)\b|\blater\b",
    re.I,
)
_TONGUE = re.compile(
    r"\b(?:in|into|to) (?:german|french|italian|spanish|dutch|polish|english|deutsch)\b(?! (?:notation|way|style))"
    r"|\btranslat",
    re.I,
)
_NOTATIONS = (
    ("1.234", re.compile(r"\b(?:german|european|continental) (?:notation|numbers|style|way)|\b1\.000(?:,00)?", re.I)),
    ("1 234", re.compile(r"\b(?:french|iso) (?:notation|numbers|style|way)|\b1 000\b", re.I)),
    ("1,234", re.compile(r"\b(?:english|american|us|uk) (?:notation|numbers|style|way)|\b1,000(?:\.00)?", re.I)),
)
_CURRENCIES = re.compile(r"\b(?:in|into|to) (?:eur|euros?|usd|dollars?|gbp|pounds|chf|francs)\b", re.I)
_MORE = re.compile(r"\b(?:send|mail|write)\b.*\b(?:everyone|everybody|all|others|too|as well)\b", re.I)
_OFFERS = re.compile(
    r"\b(?:ask|offer|suggest|propose|invite)\b.*\b(?:demo|call|meeting|appointment|talk|feedback|update)\b", re.I
)


SIGNED = re.compile(r"\bsign(?:ed)?(?: it| them)?(?: as| by| with)? ([A-ZÀ-Þ][\w.'’-]*(?: [A-ZÀ-Þ][\w.'’-]*){0,3})")
_ADDRESSED = re.compile(
    r"^(?:please )?(?:(?:send|write|address|mail|direct|make)\b.*\bto\b|to\b|for\b"
    r"|(?:the )?(?:other |new |right )?recipient\b|(?:use|take|ask|write)\b.*\binstead\b)",
    re.I,
)
_GIVES = re.compile(
    r"\b(?:mention|add|include|give|state|name|say|put|with|quote|tell)\b|^(?:the )?(?:list )?pric", re.I
)
_SENTENCES = re.compile(r"(?<=[.!?])\s+|;\s*|\n+")
_PIECES = re.compile(r",\s*|\s+(?:and|but|then)\s+|^and\s+", re.I)


@dataclass(slots=True)
class Remark:
    """One thing that was said. `kind` is that of the argument that takes it; empty: the rules know none. `why` says why
    it cannot be heeded whatever the tools are."""

    text: str
    kind: str = ""
    value: str = ""
    why: str = ""
    takes_out: bool = False  # it may be about a step that shall be left out
    heeded: str = ""  # by what


@dataclass(slots=True)
class Revision:
    """The remarks on one plan, and which of them it heeds."""

    remarks: tuple[Remark, ...] = ()

    def value_for(self, slot: Slot, many: bool) -> Any:
        """What remarks say of an argument, the last one counting where it takes one; None: nothing."""
        mine = [
            one for one in self.remarks if one.kind == slot.kind and (not slot.choices or one.value in slot.choices)
        ]
        if not mine:
            return None
        for one in mine if many else mine[-1:]:
            one.heeded = f"{slot.name}: {one.value}"
        if not many:
            for one in mine[:-1]:
                one.heeded = "until it was said otherwise"
        return list(dict.fromkeys(one.value for one in mine)) if many else mine[-1].value

    def heed(self, kind: str, by: str) -> None:
        """Say of the remarks of a kind that they are heeded, and by what."""
        for one in self.remarks:
            if one.kind == kind and not one.heeded:
                one.heeded = by

    def is_about_text(self, words: set[str]) -> bool:
        """Whether these are words of a remark on what stands in a text, and so about no step."""
        return any(
            (one.kind == OMITTED or one.why == _KEEP) and words <= {*_words(one.text), "skip"} for one in self.remarks
        )

    @property
    def done(self) -> tuple[str, ...]:
        """What is heeded, in words."""
        return tuple(f'"{one.text}" ({one.heeded})' for one in self.remarks if one.heeded)

    @property
    def left(self) -> tuple[str, ...]:
        """What is not, each with the reason."""
        return tuple(f'"{one.text}" ({_why(one)})' for one in self.remarks if not one.heeded)

    @property
    def line(self) -> str:
        """Both in one line, for whoever decides on what came of it; empty when nothing was said."""
        parts = [f"heeded of the remarks: {', '.join(self.done)}"] if self.done else []
        if self.left:
            parts.append(f"NOT heeded: {', '.join(self.left)}")
        if self.remarks and not self.done:
            parts.insert(0, "it is what it was before")
        return "; ".join(parts)


def _why(one: Remark) -> str:
    if one.why:
        return one.why
    if one.kind == RECIPIENT:
        return "nobody of that name is in the CRM: give an address"
    return "no tool of this plan takes that" if one.kind else "the rules do not know these words; use `cuga amend`"


def revision_of(lines: Iterable[str]) -> Revision:
    """The remarks in what people said, line by line; at most `MOST`, the newest."""
    found = [remark for line in lines for sentence in _SENTENCES.split(line) for remark in _in_sentence(sentence)]
    return Revision(tuple(found[-MOST:]))


def _in_sentence(sentence: str) -> Iterator[Remark]:
    rest = sentence.strip(" \t.!")
    if match := _SUBJECT.search(rest):
        said = (match["quoted"] or match["plain"]).strip(" .\"'“”")
        if said and said.split()[0].casefold() not in _VAGUE:
            yield Remark(_short(match[0]), SUBJECT, said[:150])
            rest = f"{rest[: match.start()]}, {rest[match.end() :]}"
            rest = re.sub(r"\b(?:change|make|set|use|with|have|put)(?: the| as)?\s*,", ",", rest, flags=re.I)
    if match := _SAID.search(rest):
        yield Remark(_short(match[0]), ADDED, _sentence(match["quoted"] or match["plain"]))
        rest = f"{rest[: match.start()]}, {rest[match.end() :] if match['quoted'] else ''}"
    for piece in _PIECES.split(rest):
        piece = (piece or "").strip(" \t,.!:-")
        if any(word not in STOP for word in re.findall(r"\w[\w'-]*", piece.casefold())):
            yield from _of_piece(piece)


def _of_piece(piece: str) -> Iterator[Remark]:
    told = _short(piece)
    for pattern, why in ((_MORE, _STEPS), (_WHEN, _LATER), (_TONGUE, _LANGUAGE)):
        if pattern.search(piece):
            yield Remark(told, why=why)
            return
    if out := _OUT.match(piece):
        yield _left_out(told, (out["what"] or out["inner"] or "").casefold())
        return
    found = [Remark(told, NOTATION, how) for how, pattern in _NOTATIONS if pattern.search(piece)][:1]
    found += [Remark(told, STYLE, style) for style, pattern in STYLES if pattern.search(piece)][:1]
    if signed := SIGNED.search(piece):
        found.append(Remark(told, SENDER, signed[1]))
    if _SHORT.search(piece):
        found.append(Remark(told, LENGTH, "short"))
    elif _LONG.search(piece):
        found.append(Remark(told, why=_LONGER))
    if _PRICE.search(piece) and _GIVES.search(piece):
        found.append(Remark(told, MENTIONS, "price"))
    if _CURRENCIES.search(piece):
        found.append(Remark(told, why=_CURRENCY))
    if _OFFERS.search(piece):
        found.append(Remark(told, OFFER, piece))
    if not found and _ADDRESSED.search(piece):
        found.append(Remark(told, RECIPIENT, piece))
    if not found and re.match(r"(?:please )?(?:mention|add|include|say|write)\b", piece, re.I):
        found.append(Remark(told, why=_SENTENCE))
    yield from found or (Remark(told),)


def _left_out(told: str, what: str) -> Remark:
    words = set(re.findall(r"[a-z-]+", what))
    if words & _FIXED:
        return Remark(told, why=_KEEP)
    part = next((part for part, names in _PARTS.items() if words & names), "")
    return Remark(told, OMITTED if part else "", part, takes_out=True)


def _sentence(said: str) -> str:
    """A person's words as a sentence."""
    plain = " ".join(said.split()).strip(" ,")
    plain = plain[:1].upper() + plain[1:]
    return plain if plain[-1:] in (".", "!", "?") else f"{plain}."


def _words(text: str) -> set[str]:
    return set(re.findall(r"[\w'-]+", text.casefold()))


def _short(text: str) -> str:
    flat = " ".join(text.split()).strip(" ,.")
    return flat if len(flat) <= 80 else f"{flat[:77].rstrip()}..."
