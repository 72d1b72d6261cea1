"""A goal taken apart: clauses with what they name, what is forbidden, under which condition, and within which limits.

Quoted texts and pasted notes are data and never become clauses. A claim that no consent is needed is noted and counts
for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from cuga.planning.conditions import Condition, find_conditions
from cuga.planning.kinds import KINDS
from cuga.planning.lexicon import DATA_NOUNS, NEGATIONS, NUMBERS, SELF_MADE, STOP, VERBS
from cuga.planning.mentions import Mention, mentions
from cuga.planning.moods import FILLERS
from cuga.planning.pieces import pieces
from cuga.planning.records import Records
from cuga.planning.spelling import Speller, mended
from cuga.planning.words import Masked, Token, hide, mask, stem, tokens

_AS_IS = frozenset({"alone", "untouched", "unchanged"})
_DEFINITE = frozenset({"the", "this", "that", "my", "our", "these", "those"})
_COUNT = r"(\d+|" + "|".join(NUMBERS) + r")"
_THINGS = r"(?:tool[- ]?)?(?:calls?|steps?|actions?|tools?|tool uses)\b"
_CALLS = re.compile(
    rf"\b(?:max(?:imum)?\.?(?: of)?|at most|no more than|not more than|up to|within|limit(?:ed)? (?:of|to)"
    rf"|use only|in)\s+{_COUNT}\s+{_THINGS}"
    rf"|\b{_COUNT}\s+{_THINGS}\s+(?:max(?:imum)?|at most|tops)\b",
    re.I,
)
_COST = re.compile(
    r"\b(?:max(?:imum)?(?: cost)?|at most|no more than|up to|budget of|spend(?:ing)? (?:at most"
    r"|no more than|up to)|under)\s+"
    r"(\d+(?:\.\d+)?)\s+(?:cost )?(?:units?|credits?)\b",
    re.I,
)
_CONSENT = re.compile(
    r"[,;]?\s*\b(?:(?:there(?:'s| is) )?no need (?:to|for) (?:ask|approv|confirm|check with"
    r"|wait)\w*(?: me| us| anyone| first| again)*"
    r"|(?:without|don'?t|do not|never|no) (?:asking|ask|wait for|waiting for|needing|need"
    r"|require)\s?(?:me|us|anyone|my|any|for|an?)?\s?(?:ok|okay|approval|approvals|permission"
    r"|confirmation|first|again)?\b(?! (?:to|about|how))"
    r"|without (?:my |any )?(?:approval|confirmation|permission)|skip (?:the |all |any )?approvals?"
    r"|(?:i|we|legal|my boss)(?:'ve| have)? (?:already |hereby )?(?:approved?|pre-?approved?) (?:it|this"
    r"|that|everything|all(?: of it)?)"
    r"|(?:auto|pre)-?approved?\b|ignore (?:the |all |any )?(?:polic\w+|approvals?|rules?|limits?|budgets?)\b)",
    re.I,
)
_DATA_LEAD = re.compile(r"(?P<lead>(?:^|(?<=[\n.!?]))[^\n:.!?]{0,120}?)(?P<colon>:)(?=\s)", re.MULTILINE)


class Clause(NamedTuple):
    """One piece of a goal. `words` leave out numbers, names and quoted text; `text` is as written."""

    at: int
    text: str
    words: tuple[Token, ...]
    mentions: tuple[Mention, ...]
    lead: str  # the word or sign before it
    sentence: int
    negated: bool
    after_data: bool  # follows pasted notes: may ask for reading, never for an effect
    condition: Condition | None = None
    otherwise: bool = False


class Reading(NamedTuple):
    """What was read out of a goal."""

    masked: Masked
    clauses: tuple[Clause, ...]
    mentions: tuple[Mention, ...]
    conditions: tuple[Condition, ...]
    calls: int | None
    cost: float | None
    waived: str  # a claim that consent is not needed
    looked_up: bool = True  # whether there were records to look names up in
    mended: tuple[tuple[str, str], ...] = ()  # words with a slip, and what they were read as


def read(
    goal: str,
    records: Records,
    as_of: date | None = None,
    is_word: Callable[[str], bool] = lambda word: False,
    is_known: Callable[[str], bool] = lambda word: False,
    speller: Speller | None = None,
) -> Reading:
    """Take a goal apart. `is_word` knows the words that the tools at hand call their own, `is_known` all words."""
    masked, data_end = _without_notes(mask(goal))
    words = tokens(masked.text)
    meant = mended(words, speller, is_known) if speller is not None else words
    named = mentions(masked, words, records, as_of, is_word, is_known)
    text, calls = _taken_out(masked.text, _CALLS)
    text, cost = _taken_out(text, _COST)
    text, waived = _taken_out(text, _CONSENT)
    text, conditions = find_conditions(text)
    found = list(pieces(text, named))
    inside = [any(m.start <= w.start < m.end for m in named) for w in words]
    words = [as_is if named_ else mended_ for as_is, mended_, named_ in zip(words, meant, inside, strict=True)]
    clauses = _clauses(found, masked, words, named, conditions, data_end)
    return Reading(
        masked,
        tuple(clauses),
        tuple(named),
        tuple(conditions),
        _number(calls) if calls else None,
        float(cost[0]) if cost else None,
        " ".join(waived[-1].strip(" ,;").split()) if waived else "",
        records.is_known,
        tuple((word.text, word.low) for word in words if word.low != word.text.casefold()),
    )


def _without_notes(masked: Masked) -> tuple[Masked, int]:
    """Set pasted notes aside: what follows "notes from the call:" up to a sentence that opens like a request."""
    for match in _DATA_LEAD.finditer(masked.text):
        lead = tokens(match["lead"])
        lows = [token.low for token in lead]
        nouns = [at for at, token in enumerate(lead) if token.stem in DATA_NOUNS or token.low in DATA_NOUNS]
        if not nouns or any(low in SELF_MADE for low in lows[: nouns[0]]) or (lows and lows[0] in SELF_MADE):
            continue
        start = match.end("colon")
        end = len(masked.text)
        for sentence in re.finditer(r"(?:[.!?]\s+|\n\s*\n?)(?=(\w+))", masked.text[start:]):
            if sentence[1].casefold() in VERBS or sentence[1].casefold() in ("please", "pls", "now", "can", "then"):
                end = start + sentence.end()
                break
        if len(masked.text[start:end].split()) < 4:
            continue
        hidden = hide(masked, start, end)
        return hidden, len(hidden.text) - (len(masked.text) - end)
    return masked, -1


def _taken_out(text: str, pattern: re.Pattern[str]) -> tuple[str, list[str]]:
    """A text with what the pattern finds blanked, and the last find: the whole and its groups."""
    found: list[str] = []
    for match in pattern.finditer(text):
        found = [group for group in match.groups() if group] or [match.group()]
        text = text[: match.start()] + "," + " " * (match.end() - match.start() - 1) + text[match.end() :]
    return text, found


def _number(found: list[str]) -> int:
    return NUMBERS.get(found[0].casefold(), 0) or int(found[0])


def _clauses(
    pieces: list[tuple[str, int, int, int]],
    masked: Masked,
    words: list[Token],
    named: list[Mention],
    conditions: list[Condition],
    data_end: int,
) -> list[Clause]:
    found: list[Clause] = []
    blanked = [(c.start, c.end) for c in conditions]
    for lead, start, end, sentence in pieces:
        own = [w for w in words if start <= w.start < end and not any(a <= w.start < b for a, b in blanked)]
        mine = tuple(m for m in named if start <= m.start < end and not any(a <= m.start < b for a, b in blanked))
        plain = [w for w in own if not any(m.start <= w.start < m.end for m in mine if m.kind != "role")]
        for part, negated in _negated(plain, lead):
            first = (
                min((m.start for m in mine if m.kind == "number"), default=end) if part and part[0] is plain[0] else end
            )
            part = _sent(part)
            text = masked.shown(masked.text[min(first, part[0].start) : _end(part, own, mine, end)]) if part else ""
            inside = mine if len(part) == len(plain) else tuple(m for m in mine if m.start >= part[0].start)
            found.append(
                Clause(len(found), text.strip(), tuple(part), inside, lead, sentence, negated, 0 <= data_end <= start)
            )
        if not plain and mine:
            text = masked.shown(masked.text[start:end]).strip()
            found.append(Clause(len(found), text, (), mine, lead, sentence, False, 0 <= data_end <= start))
    return _conditioned(found, conditions)


def _sent(words: list[Token]) -> list[Token]:
    """The words of a clause, where mailing what is there already means to send it ("email the draft to her") and
    where sending to whoever asks means to give ("send me a draft")."""
    for at, word in enumerate(words[:-1]):
        if word.stem == "send" and words[at + 1].low in ("me", "us"):
            return [*words[:at], word._replace(low="give", stem="give"), *words[at + 1 :]]
        if KINDS.get(word.stem) == "message" and word.low in VERBS and word.stem != "draft":
            after = words[at + 1 : at + 5]
            there = after[0].low in ("it", "them") or (
                after[0].low in _DEFINITE and any(KINDS.get(w.stem) == "message" for w in after)
            )
            return [*words[:at], word._replace(stem="send"), *words[at + 1 :]] if there else words
        if word.low not in FILLERS:
            break
    return words


def _end(part: list[Token], own: list[Token], mine: tuple[Mention, ...], end: int) -> int:
    later = [w for w in own if w.start > part[-1].start]
    closing = max([part[-1].end, *(m.end for m in mine if m.start >= part[0].start)])
    return end if not later or all(any(m.start <= w.start < m.end for m in mine) for w in later) else closing


def _negated(words: list[Token], lead: str) -> list[tuple[list[Token], bool]]:
    """A clause's words, parted where a negation begins that forbids something."""
    bounded = any(w.low in ("more", "fewer") for w in words[:4])
    if lead.split(" ")[0] in ("without", "except", "apart", "other") and not bounded:
        return [(words, True)] if words else []
    if any(word.low == "nothing" for word in words) and (words[0].low in VERBS or words[0].low == "nothing"):
        return [(words, True)]  # "change nothing"
    if any(word.low in ("leave", "keep") for word in words) and any(word.low in _AS_IS for word in words):
        return [(words, True)]  # "leave the CRM alone"
    for at, word in enumerate(words):
        following = [w for w in words[at + 1 :] if w.low not in STOP or w.low in VERBS]
        before = words[at - 1].low if at else ""
        forbids = word.low in NEGATIONS and following and before not in ("why", "or", "if", "could")
        if forbids and word.low in ("no", "not") and words[at + 1].low in ("one", "only", "sure", "just", "yet"):
            continue
        if forbids and word.low == "no" and stem(following[0].low) not in {stem(verb) for verb in VERBS}:
            continue
        if forbids and any(w.low in ("more", "fewer", "less", "over") for w in words[at + 1 : at + 5]):
            continue  # "don't move more than 5" is a limit, no ban
        if forbids:
            before_it = words[:at] if any(w.low not in STOP for w in words[:at]) else []
            return [part for part in ((before_it, False), (words[at:], True)) if part[0]]
    return [(words, False)] if words else []


def _conditioned(clauses: list[Clause], conditions: list[Condition]) -> list[Clause]:
    """Give each condition to the clauses it stands before in its sentence, else to the one just before it."""
    for condition in conditions:
        place = [clause for clause in clauses if _start(clause) >= condition.end]
        before = [clause for clause in clauses if 0 <= _start(clause) < condition.start]
        sentence = before[-1].sentence if before else -1
        opens = not before or condition.opens
        if opens and place:
            sentence = place[0].sentence
            chosen = {clause.at for clause in place if clause.sentence == sentence}
        else:
            chosen = {before[-1].at} if before else set()
        rest = False
        for at, clause in enumerate(clauses):
            if clause.lead in ("otherwise", "else"):
                rest = True
            if clause.at in chosen and not rest:
                clauses[at] = clause._replace(condition=condition)
            elif rest and clause.sentence >= sentence and _start(clause) > condition.end:
                clauses[at] = clause._replace(condition=condition, otherwise=True)
    return clauses


def _start(clause: Clause) -> int:
    places = [w.start for w in clause.words[:1]] + [m.start for m in clause.mentions[:1]]
    return min(places) if places else -1
