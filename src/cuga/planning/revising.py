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
from cuga.planning.mentions import Mention

LENGTH, STYLE, SUBJECT, SENDER, MENTIONS, OMITTED, ADDED, NOTATION = (
    "length", "style", "subject", "sender", "mentions", "omissions", "additions", "notation",
)  # fmt: skip
KINDS = frozenset({LENGTH, STYLE, SUBJECT, SENDER, MENTIONS, OMITTED, ADDED, NOTATION})  # of slots
RECIPIENT, OFFER, SPARED = "recipient", "offer", "spared"  # the last: not to write to somebody
MOST = 12  # remarks that are looked at one by one

_LATER = "nothing is sent later by itself: leave the request open and agree to it when the time has come"
_LONGER = 'the rules have no longer text: say what to add, e.g. --feedback "say that we are at the fair in May"'
_LANGUAGE = "the rules write English only; put your own words in with `cuga amend`"
_CURRENCY = "amounts are written as the records have them, nothing is converted"
_KEEP = "the way out and who writes stay in: laws ask for them"
_SENTENCE = 'the rules write no sentence about it by themselves: give it, e.g. --feedback "say that ..."'
AGAINST = "the rules take only what to leave out in such words: say how it shall be instead"
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
_OTHERWISE = "until it was said otherwise"
_TURNED = (  # what is against one thing and surely for another
    (re.compile(r"\b(?:less|not so|too) formal(?:ly)?\b", re.I), "friendlier"),
    (re.compile(r"\b(?:less|too) casual\b", re.I), "more formal"),
    (re.compile(r"\b(?:not so|too) long\b|\bless (?:long|text)\b", re.I), "shorter"),
    (re.compile(r"\b(?:not so|less|too) (?:short|brief|concise)\b", re.I), "longer"),
    (re.compile(r"\b(?:do not|don['’]?t|never) forget to\b|\s(?:instead of|rather than)\b.*$", re.I), ""),
)
_NOT = re.compile(
    r"\b(?:not|cannot|never|nothing|nobody|no(?:ne)?|neither|nor|without|less|stop|avoid|why|wrong|incorrect|mistake"
    r"|too (?!please\b)(?=\w)|don['’]?t|(?:instead of|rather than))\b|n['’]t\b",
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
    r"|(?:(?:you |we |it )?(?:must|should|shall|may|can|do) ?not|(?:mustn|shouldn|can)['’]t|don['’]?t|never)"
    r" (?:mention|name|say|include|bring up)|(?:say|write|mention|tell (?:her|him|them)) nothing (?:about|of|on))\b"
    r"\s*(?P<what>.*)$|^(?:please )?(?:leave|take|keep) (?P<inner>.+?) out\b"
    r"|^(?P<which>.+?) (?:(?:must|should|shall|may|can) ?not|(?:mustn|shouldn|can)['’]t)"
    r" be (?:named|mentioned|said|included|there|in (?:it|there))$",
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
_PART_WORDS = frozenset().union(*_PARTS.values(), _FIXED, set_of("list product company earlier"))
_OBSERVED = re.compile(r"\b(?:is|are|was|were|losing|changing)\b", re.I)  # "no price is given"
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
_SPARES = re.compile(
    r"^(?:please )?(?:(?:(?:you |we )?(?:must|should|shall) ?not|(?:mustn|shouldn)['’]t|do not|don['’]?t|never|not)\s+"
    r"(?:(?:write|send|mail|e-?mail|address|direct)\b.*?\bto\b|(?:write|e-?mail|mail|contact|message)\b)|not to\b)"
    r"\s+(?P<whom>.+)$",
    re.I,
)
_GIVES = re.compile(
    r"\b(?:mention|add|include|give|state|name|say|put|quote|tell)\b|^with\b"
    r"|^(?:the )?(?:list )?(?:price|pricing)(?: (?:too|also|please|as well))*$",
    re.I,
)
_ORDERS = set_of(
    """mention add include give state name say put with quote tell make keep use write send sign leave drop remove
    delete skip omit cut please change set ask offer address take have translate subject"""
)
_SENTENCES = re.compile(r"(?<=[.!?])\s+|;\s*|\n+")
_PIECES = re.compile(r"(,\s*(?:(?:and|but|then)\s+)?|\s+(?:and|but|then|nor)\s+|^and\s+)", re.I)
_AND = re.compile(r",\s+(?:and|but|then)\s+", re.I)


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
    is_against: bool = False  # it says how something shall not be
    is_over: bool = False  # a later one says otherwise
    whom: tuple[Mention, ...] = ()  # who shall not be written to


@dataclass(slots=True)
class Revision:
    """The remarks on one plan, and which of them it heeds."""

    remarks: tuple[Remark, ...] = ()

    def value_for(self, slot: Slot, many: bool) -> Any:
        """What remarks say of an argument, the last one counting where it takes one; None: nothing."""
        mine = [
            one
            for one in self.remarks
            if one.kind == slot.kind and not one.is_over and (not slot.choices or one.value in slot.choices)
        ]
        if not mine:
            return None
        for one in mine if many else mine[-1:]:
            one.heeded = f"{slot.name}: {one.value}"
        if not many:
            for one in mine[:-1]:
                one.heeded = _OTHERWISE
        return list(dict.fromkeys(one.value for one in mine)) if many else mine[-1].value

    def heed(self, kind: str, by: str) -> None:
        """Say of the remarks of a kind that they are heeded, and by what."""
        for one in self.remarks:
            if one.kind == kind and not one.heeded:
                one.heeded = by

    def heed_last(self, used: Remark, by: str) -> None:
        """Say of one remark that it is heeded, and of those of its kind before it that they were until then."""
        for one in self.remarks:
            if one.kind == used.kind:
                one.heeded = by if one is used else _OTHERWISE
            if one is used:
                return

    @property
    def words_against(self) -> frozenset[str]:
        """The words of remarks on how something shall not be: they choose nothing."""
        return frozenset().union(
            *(re.findall(r"[\w-]+", one.text.casefold()) for one in self.remarks if one.is_against)
        )

    def is_about_text(self, words: set[str]) -> bool:
        """Whether these are words of a remark on what stands in a text, and so about no step."""
        about = [_words(one.text) for one in self.remarks if one.kind == OMITTED or one.why == _KEEP]
        return bool(about) and words <= {"skip"}.union(*about)

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
    """The remarks in what people said, line by line; the newest `MOST`, and one that tells how many more there were."""
    found = [remark for line in lines for sentence in _SENTENCES.split(line) for remark in _in_sentence(sentence)]
    kept, more = found[-MOST:], len(found) - MOST
    for at, one in enumerate(kept):
        _settle(kept[:at], one)
    if more > 0:
        text = f"{more} earlier remark{'s' if more > 1 else ''}"
        kept.insert(0, Remark(text, why=f"too many at once: the newest {MOST} are looked at"))
    return Revision(tuple(kept))


def _settle(before: list[Remark], one: Remark) -> None:
    """Take back what earlier remarks said that a later one turns round."""
    opposite = {MENTIONS: OMITTED, OMITTED: MENTIONS}.get(one.kind)
    for other in before:
        if opposite and other.kind == opposite and other.value == one.value:
            other.is_over, other.heeded = True, _OTHERWISE
        if one.why == _LONGER and other.kind == LENGTH and not other.is_over:
            other.is_over, other.heeded = True, _OTHERWISE
            one.why, one.heeded = "", "no longer short"


def _in_sentence(sentence: str) -> Iterator[Remark]:
    rest = sentence.strip(" \t.!")
    if (match := _SUBJECT.search(rest)) and not _is_against(rest[: match.start()]):
        said = (match["quoted"] or match["plain"]).strip(" .\"'“”")
        if said and said.split()[0].casefold() not in _VAGUE:
            yield Remark(_short(match[0]), SUBJECT, said[:150])
            rest = f"{rest[: match.start()]}, {rest[match.end() :]}"
            rest = re.sub(r"\b(?:change|make|set|use|with|have|put)(?: the| as)?\s*,", ",", rest, flags=re.I)
    if match := _SAID.search(rest):
        end = match.end() if match["quoted"] else match.start("plain") + _end(match["plain"])
        told = _short(rest[match.start() : end])
        before = rest[: match.start()]
        if _is_against(before):
            start = max((gap.end() for gap in _PIECES.finditer(before)), default=0)
            yield Remark(_short(rest[start:end]), why=AGAINST, is_against=True, takes_out=True)
            before = before[:start]
        else:
            yield Remark(told, ADDED, _sentence(match["quoted"] or rest[match.start("plain") : end]))
        rest = f"{before}, {rest[end:]}"
    yield from _in_pieces(rest)


def _in_pieces(text: str) -> Iterator[Remark]:
    """The remarks in the parts of a sentence; "leave out this and that" leaves out that as well."""
    last: Remark | None = None
    gap = ""
    for at, piece in enumerate(_PIECES.split(text)):
        if at % 2:
            gap = piece
            continue
        piece = piece.strip(" \t,.!:-")
        words = [word for word in re.findall(r"\w[\w'-]*", piece.casefold()) if word not in STOP]
        if not words:
            continue
        found = list(_of_piece(piece))
        if last is not None and last.is_against and not found[0].is_against and "but" not in gap.casefold():
            is_bare = set(words) <= _PART_WORDS
            if last.why != AGAINST and is_bare:
                found = list(_left_out(_short(piece), piece.casefold()))
            elif last.why == AGAINST and (is_bare or (gap.strip(" ,") and words[0] not in _ORDERS)):
                found = [Remark(_short(piece), why=AGAINST, is_against=True)]
        yield from found
        last = found[-1]


def _end(said: str) -> int:
    """Where a sentence that shall be put in ends: before ", and", if that is not the last of what it counts up."""
    for gap in _AND.finditer(said):
        after = next(iter(_in_pieces(said[gap.end() : gap.end() + 200])), None)
        if "," not in said[: gap.start()] or (after and (after.kind or after.why or after.takes_out)):
            return gap.start()
    return len(said)


def _is_against(before: str) -> bool:
    """Whether the words right before something are against it."""
    return bool(_NOT.search(_PIECES.split(_turned(before))[-1]))


def _turned(text: str) -> str:
    for pattern, plainly in _TURNED:
        text = pattern.sub(plainly, text)
    return text


def _of_piece(piece: str) -> Iterator[Remark]:
    told = _short(piece)
    for pattern, why in ((_MORE, _STEPS), (_WHEN, _LATER), (_TONGUE, _LANGUAGE)):
        if pattern.search(piece):
            yield Remark(told, why=why)
            return
    whole, piece = piece, _turned(piece).strip()
    if (out := _OUT.match(piece)) and not (
        _NOT.search(what := (out["what"] or out["inner"] or out["which"] or "").casefold()) or _OBSERVED.search(what)
    ):
        yield from _left_out(told, what)
        return
    if spared := _SPARES.match(piece):
        yield Remark(told, SPARED, spared["whom"], is_against=True)
        return
    if _NOT.search(piece):
        yield Remark(told, why=AGAINST, is_against=True, takes_out=True)
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
    if not found and _ADDRESSED.search(whole):
        found.append(Remark(told, RECIPIENT, piece))
    if not found and re.match(r"(?:please )?(?:mention|add|include|say|write)\b", piece, re.I):
        found.append(Remark(told, why=_SENTENCE))
    yield from found or (Remark(told),)


def _left_out(told: str, what: str) -> Iterator[Remark]:
    for one in re.split(r"\s+n?or\s+|\s*[/&]\s*", what):
        words = set(re.findall(r"[a-z-]+", one))
        if words & _FIXED:
            yield Remark(told, why=_KEEP, is_against=True)
            continue
        part = next((part for part, names in _PARTS.items() if words & names), "")
        yield Remark(told, OMITTED if part else "", part, takes_out=True, is_against=True)


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
