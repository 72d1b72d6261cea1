"""The checks of a message, each with the place in the text that it is about. They judge and never rewrite.

`Text` is what all of them look at. The limits are those of sales practice for a first cold mail; they stand in
`check_words` and can be set by who asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from cuga.model.value import Value
from cuga.packs.sales.engagement import readability
from cuga.packs.sales.engagement.check_words import (
    CALL_WORDS,
    FILLERS,
    LIMITS,
    NOTE_LENGTH,
    SMS_PLAIN,
    SPAM,
    sms_length,
)
from cuga.packs.sales.result import Result

Weight = Literal["blocking", "warning", "note"]


class Issue(Result, frozen=True, kw_only=True):
    """Something found. `part` is subject or body; `start` and `end` are characters in it (0 and 0: all of it)."""

    check: str
    weight: Weight
    part: str
    start: int
    end: int
    text: str
    says: str


class Text(Value, frozen=True, kw_only=True):
    """What is judged, and what is known of the person it goes to."""

    body: str
    subject: str = ""
    channel: str = "email"
    recipient_name: str = ""
    account: str = ""
    facts: tuple[str, ...] = ()
    first_contact: bool = True
    names: tuple[str, ...] = ()  # names of other accounts and people, which must not stand here
    limits: dict[str, int] = msgspec.field(default_factory=LIMITS.copy)


_UNFILLED = re.compile(
    r"\{\{.*?\}\}|\{[A-Za-z_ ]+\}|\[[A-Z][A-Za-z_ ]{2,}\]|<[A-Z_ ]{3,}>|%[A-Z_]{3,}%|\bnull\b|\bundefined\b|\bNone\b"
    r"|\bN/A\b"
)
_LINK = re.compile(r"https?://\S+|\bwww\.\S+", re.I)
_IMAGE = re.compile(r"<img\b[^>]*>|!\[[^\]]*\]\([^)]*\)", re.I)
_CLAIM = re.compile(  # from the beginning of a sentence only: from each of its letters it would be read once each
    r"(?<![^.!?\n])[^.!?\n]*(?:\b\d+(?:\.\d+)?\s?(?:%|percent|x\b)|\b"
    r"(?:proven|studies show|research shows|guarantee[sd]?|the"
    r" (?:leading|best|only) \w+|"
    r"number one|#1)\b)[^.!?\n]*", re.I)  # fmt: skip
_PRESSURE = re.compile(
    r"\b(?:last chance|only (?:today|\d+ (?:left|spots|seats))|expires? (?:today|tonight|soon)|before it'?s too late"
    r"|final notice|"
    r"offer ends|time is running out)\b", re.I)  # fmt: skip
_ASK = re.compile(r"\b(?:let me know|reply (?:to|with)|book a|call me|please (?:confirm|send|tell))\b", re.I)
_GREETING = re.compile(
    r"\A\s*(?:hi|hello|hey|dear|good (?:day|morning|afternoon))\s+(?!there|all|team|everyone|friend)([^\s,!.:]+(?:["
    r" \t]+[A-Z][^\s,!.:]+)?)",
    re.I,
)


def of(text: Text) -> Iterator[Issue]:
    """All issues, in the order of the checks."""
    for check in (_unfilled, _length, _subject, _ease, _ask, _you, _links, _shouting, _spam, _filler, _names, _claims,
                  _pressure, _personal):  # fmt: skip
        yield from check(text)


CHECKS = ("unfilled", "length", "subject", "ease", "ask", "you", "links", "shouting", "spam", "filler", "names",
"claims",
          "pressure", "personal")  # fmt: skip


def _unfilled(text: Text) -> Iterator[Issue]:
    for part in ("subject", "body"):
        for found in _UNFILLED.finditer(getattr(text, part)):
            yield _at("unfilled", "blocking", part, found, "a variable was not filled")
    for found in re.finditer(r"(?m)^(?:hi|hello|dear)\s*,\s*,|\b(?:at|for|about|with)\s+(?=[.,?!])", text.body, re.I):
        yield _at("unfilled", "blocking", "body", found, "a word seems to be missing here")


def _length(text: Text) -> Iterator[Issue]:
    count, signs = len(readability.words(text.body)), len(text.body)
    if not count:
        yield _whole("length", "blocking", "the message says nothing")
    elif text.channel == "linkedin":
        if signs > NOTE_LENGTH:
            yield _whole("length", "blocking", f"{signs} characters; an invitation takes {NOTE_LENGTH}")
        elif signs > 200:
            yield _whole("length", "note", f"{signs} characters; without a paid seat an invitation takes 200")
    elif text.channel == "sms":
        used, most = sms_length(text.body)
        if used > most:
            odd = " because of its letters" if most < SMS_PLAIN else ""
            yield _whole("length", "blocking", f"{used} characters; one text message takes {most}{odd}")
    elif text.channel == "call":
        if count > CALL_WORDS:
            yield _whole(
                "length", "warning", f"{count} words take more than 30 seconds; keep an opening under {CALL_WORDS}"
            )
    elif count > text.limits["block"]:
        yield _whole("length", "blocking", f"{count} words; over {text.limits['block']} a first mail is not read")
    elif count > text.limits["most"]:
        yield _whole(
            "length", "warning", f"{count} words; {text.limits['fewest']} to {text.limits['most']} are read best"
        )
    elif count < text.limits["fewest"]:
        yield _whole(
            "length", "warning", f"{count} words; under {text.limits['fewest']} it hardly gives a reason to answer"
        )


def _subject(text: Text) -> Iterator[Issue]:
    if text.channel != "email":
        return
    line = text.subject.strip()
    if not line:
        yield _whole("subject", "blocking", "an email needs a subject", "subject")
        return
    count = len(readability.words(line))
    if not 2 <= count <= 8:
        yield _whole("subject", "warning", f"{count} words; 2 to 8 are read best", "subject")
    if len(line) >= 60:
        yield _whole("subject", "warning", f"{len(line)} characters; phones cut it off at 60", "subject")
    if text.first_contact and (found := re.match(r"\s*(?:re|fwd?|aw)\s*:", line, re.I)):
        yield _at("subject", "blocking", "subject", found, "it claims an earlier exchange that there was not")
    if text.body.lstrip().casefold().startswith(line.casefold()):
        yield _whole("subject", "note", "the body begins with the subject line", "subject")


def _ease(text: Text) -> Iterator[Issue]:
    ease, spans = readability.flesch(text.body), readability.sentences(text.body)
    if ease is not None and ease < text.limits["ease"]:
        yield _whole(
            "ease",
            "warning",
            f"reading ease {ease}; {text.limits['ease']} is plain English: use shorter words and sentences",
        )
    if spans:
        mean = len(readability.words(text.body)) / len(spans)
        if mean >= text.limits["sentence"]:
            yield _whole(
                "ease", "warning", f"{mean:.0f} words per sentence on average; keep it under {text.limits['sentence']}"
            )
    for start, end in spans:
        if (count := len(readability.words(text.body[start:end]))) > 30:
            yield _span("ease", "note", "body", start, end, text.body[start:end], f"a sentence of {count} words")


def _ask(text: Text) -> Iterator[Issue]:
    asks = list(re.finditer(r"(?<![^.!?\n])[^.!?\n]*\?", text.body)) or list(_ASK.finditer(text.body))
    if not asks:
        yield _whole("ask", "warning", "it asks nothing, so there is nothing to answer")
    for extra in asks[1:]:
        yield _at("ask", "warning", "body", extra, "one question is answered more often than several")


def _you(text: Text) -> Iterator[Issue]:
    said = [word.casefold() for word in readability.words(text.body)]
    you = sum(word.split("'")[0].split("’")[0] in ("you", "your", "yours") for word in said)
    we = sum(word.split("'")[0].split("’")[0] in ("we", "our", "ours", "us", "i", "my", "me", "mine") for word in said)
    if text.channel == "email" and we > 0 and you < we:
        yield _whole("you", "warning", f"{we} x we and I, {you} x you: write about the reader")


def _links(text: Text) -> Iterator[Issue]:
    found = list(_LINK.finditer(text.body))
    for extra in found[1:]:
        yield _at("links", "warning", "body", extra, "more than one link")
    for image in _IMAGE.finditer(text.body):
        yield _at(
            "links",
            "blocking" if text.first_contact else "warning",
            "body",
            image,
            "an image, which may be a tracking pixel",
        )
    if text.first_contact and (attached := re.search(r"\b(?:attached|attachment|enclosed)\b", text.body, re.I)):
        yield _at("links", "warning", "body", attached, "no attachment in a first mail")


def _shouting(text: Text) -> Iterator[Issue]:
    for part in ("subject", "body"):
        for found in re.finditer(r"!{2,}|[!?]*!\?[!?]*", getattr(text, part)):
            yield _at("shouting", "warning", part, found, "more than one exclamation mark")
        for found in re.finditer(r"\b[A-Z]{4,}(?:\s+[A-Z]{4,})+\b", getattr(text, part)):
            yield _at("shouting", "warning", part, found, "words in capitals")


def _spam(text: Text) -> Iterator[Issue]:
    hits = [
        (weight, part, found)
        for part in ("subject", "body")
        for term, weight in SPAM.items()
        for found in re.finditer(rf"(?<!\w){re.escape(term)}(?!\w)", getattr(text, part), re.I)
    ]
    grave = sum(weight for weight, _, _ in hits) >= 3
    for _, part, found in hits:
        yield _at("spam", "warning" if grave else "note", part, found, "a word that mail filters and readers distrust")


def _filler(text: Text) -> Iterator[Issue]:
    plain = text.body.casefold().replace("’", "'")
    for phrase in FILLERS:
        if (at := plain.find(phrase)) >= 0:
            yield _span(
                "filler",
                "warning",
                "body",
                at,
                at + len(phrase),
                text.body[at : at + len(phrase)],
                "an opening that says nothing",
            )


def _names(text: Text) -> Iterator[Issue]:
    from rapidfuzz import fuzz

    if (found := _GREETING.search(text.body)) and text.recipient_name:
        said, known = found.group(1), text.recipient_name
        best = max((fuzz.ratio(said.casefold(), part.casefold()) for part in [known, *known.split()]), default=0)
        if best < 100:
            near = "spelled wrong" if best >= 70 else "somebody else's"
            yield _span(
                "names",
                "blocking",
                "body",
                found.start(1),
                found.end(1),
                said,
                f"the name is {near}: the record says {known!r}",
            )
    for other in text.names:
        if other and other.casefold() not in (text.account.casefold(), text.recipient_name.casefold()):
            for hit in re.finditer(rf"(?<!\w){re.escape(other)}(?!\w)", text.body):
                yield _at("names", "blocking", "body", hit, f"names {other!r}, which is not whom this goes to")


def _claims(text: Text) -> Iterator[Issue]:
    for found in _CLAIM.finditer(text.body):
        if not any(fact and fact.casefold() in found.group(0).casefold() for fact in text.facts if len(fact) > 3):
            yield _at("claims", "warning", "body", found, "a claim without a source")


def _pressure(text: Text) -> Iterator[Issue]:
    for part in ("subject", "body"):
        for found in _PRESSURE.finditer(getattr(text, part)):
            yield _at("pressure", "warning", part, found, "pressure by a deadline; keep it only if it is real")


def _personal(text: Text) -> Iterator[Issue]:
    whole = f"{text.subject}\n{text.body}".casefold()
    known = [fact for fact in (text.recipient_name.split(" ")[0], text.account, *text.facts) if len(fact) > 2]
    if not any(re.search(rf"(?<!\w){re.escape(fact.casefold())}(?!\w)", whole) for fact in known):
        says = (
            "nothing in it is about this reader" if known else "nothing is known of the reader that it could speak of"
        )
        yield _whole("personal", "warning", says)


def _at(check: str, weight: Weight, part: str, found: re.Match[str], says: str) -> Issue:
    lead = len(found.group(0)) - len(found.group(0).lstrip())
    return _span(check, weight, part, found.start() + lead, found.end(), found.group(0).strip(), says)


def _span(check: str, weight: Weight, part: str, start: int, end: int, text: str, says: str) -> Issue:
    return Issue(check=check, weight=weight, part=part, start=start, end=end, text=text, says=says)


def _whole(check: str, weight: Weight, says: str, part: str = "body") -> Issue:
    return _span(check, weight, part, 0, 0, "", says)
