"""Conditions in a goal: "only if the fit is 70 or better". What is compared with what.

Which tool gives the value is not its matter; a condition that nothing measures is asked about later, never dropped.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cuga.planning.kinds import KINDS
from cuga.planning.lexicon import ASKING
from cuga.planning.words import stem

_WORD = (
    r"\b(?P<word>(?:but |and )?(?:only |just |even )?(?:if|when|once|provided(?: that)?|as long as"
    r"|in case|assuming)|unless)\s+"
)
_SUBJECT = r"(?P<subject>(?:(?!\b(?:if|unless|when)\b)[^,.;:!?\n]){1,80}?)\s*"
_VERB = (
    r"(?P<verb>\b(?:is|are|was|be|comes? out(?: at)?|scores|gets?|reaches|has|of"
    r"|stays?|goes|lands|hits|turns out)\b)?\s*"
)
_BEFORE = (
    r"(?P<before>at least|at most|no less than|no more than|not (?:below|under|above|over)|(?:more"
    r"|greater|higher|better|bigger) than|(?:less|lower|fewer|worse) than|above|over|below|under|>=|<=|=="
    r"|>|<|=)?\s*"
)
_NUMBER = r"(?P<number>\d+(?:\.\d+)?)\s*(?:%|percent|points?|pts)?\s*(?:/\s*100)?"
_AFTER = (
    r"(?P<after>\s*(?:\+|plus\b|or (?:better|more|higher|above|over|up)|and (?:up|above|over)|or (?:less|lower"
    r"|below|under|worse)|and (?:below|under)))?"
)
# "whichever scores over 65", "those with a fit of at least 70": a condition on each of several
_EACH = re.compile(
    r"\b(?P<word>whichever(?: ones?| of them)?|those|the ones?|any(?:one|body)?(?: of them)?|every(?:one|body)|all)\s+"
    r"(?:(?:that|who|which|whose|with)\s+(?:an?\s+|the\s+|its\s+)?)?(?P<subject>(?:(?!\b(?:if|to)\b)[a-z-]+\s+){0,3}?)"
    r"(?P<verb>(?:is|are|of|scor(?:es?|ed|ing)|gets?|getting|reach(?:es|ing)?|comes? out(?: at)?)\s+)?"
    + _BEFORE
    + _NUMBER
    + _AFTER
    + r"(?![\w.]*\d)",
    re.I,
)
_UNIT = r"(?:\s+(?P<unit>[a-z]+)(?=\s*(?:[,.;:!?\n]|$)))?"  # "above 75 fit, ..."
_NUMERIC = re.compile(_WORD + _SUBJECT + _VERB + _BEFORE + _NUMBER + _AFTER + _UNIT + r"(?![\w.]*\d)", re.I)
_STATE = re.compile(
    _WORD + r"(?P<subject>[^,.;:!?\n]{0,60}?)\s*\b"
    r"(?P<state>(?:is|are|looks?|seems?|comes? out|turns out|was)\s+(?P<not>not |n't )?"
    r"(?P<quality>good|ok|okay|fine|clean|great|strong|high|ready|acceptable|bad|poor|weak|low|blocking"
    r"|spammy)(?: enough)?"
    r"|(?P<passes>pass(?:es|ed)?|succeeds?|holds?|fails?)(?: (?:the|its|all|every)? ?(?:checks?|tests?|review))?)\b",
    re.I,
)
_POLITE = re.compile(
    r"\bif (?:you (?:can|could|would|may|want|like|need|have)|possible|needed|necessary|at all|any|so|not)\b", re.I
)
_OPERATORS = {
    "at least": ">=", "no less than": ">=", "not below": ">=", "not under": ">=", ">=": ">=", "above": ">", "over": ">",
    ">": ">", "at most": "<=", "no more than": "<=", "not above": "<=", "not over": "<=", "<=": "<=", "below": "<",
    "under": "<", "<": "<", "=": "==", "==": "==",
}  # fmt: skip
_OPPOSITE = {">=": "<", ">": "<=", "<=": ">", "<": ">=", "==": "!="}
_GOOD = re.compile(r"good|ok|okay|fine|clean|great|strong|high|ready|acceptable", re.I)


class Condition(NamedTuple):
    """`subject` `operator` `number`, or, without a number, whether the subject is `good`."""

    text: str
    subject: str
    operator: str
    number: str
    good: bool
    start: int
    end: int
    each: bool  # holds for each of several records apart
    opens: bool  # stands at the beginning of a sentence or clause, so it rules what follows


def find_conditions(text: str) -> tuple[str, list[Condition]]:
    """The conditions of a text, and the text with them blanked. A question in disguise ("check if") is none."""
    found: list[Condition] = []
    for pattern in (_NUMERIC, _EACH, _STATE):
        for match in pattern.finditer(text):
            if _POLITE.match(match.group()) or _asks(text, match.start()):
                continue
            if pattern is _EACH and not (match["before"] or match["after"]):
                continue  # "all 85 accounts"
            if re.fullmatch(r"(?:\w+ )?when|once", match["word"], re.I) and pattern is _STATE:
                continue
            if pattern is _EACH and _is_of_records(match, text):
                continue  # "all accounts with more than 500 people" says which, by their records
            unless = match["word"].casefold().endswith("unless")
            counted = pattern is not _STATE
            operator, good = _compared(match, unless) if counted else ("", _is_good(match) != unless)
            number = match["number"] if counted else ""
            unit = (match["unit"] or "") if pattern is _NUMERIC else ""
            subject = " ".join(
                (unit + " " + match["subject"] + " " + ((match["verb"] or "") if counted else "")).split()
            )
            before = text[: match.start()].rstrip()
            opens = not before or before[-1] in ".!?;:\n(-,"
            start, end = match.span()
            if pattern is _EACH and _noun(match):  # "all accounts in Norway over 65": who is meant stays in the goal
                start = match.start("verb") if match["verb"] else match.start("before")
            found.append(
                Condition(
                    " ".join(match.group().split()),
                    subject,
                    operator,
                    number,
                    good,
                    start,
                    end,
                    pattern is _EACH,
                    opens,
                )
            )
            text = text[:start] + "," + " " * (end - start - 2) + "," + text[end:]
    return text, sorted(found, key=lambda condition: condition.start)


def _noun(match: re.Match[str]) -> str:
    """The kind of records that "all accounts in Norway over ..." names; empty: it names none."""
    kinds = (KINDS.get(stem(word), "") for word in match["subject"].casefold().split())
    return next((kind for kind in kinds if kind in ("account", "opportunity", "contact")), "")


def _is_of_records(match: re.Match[str], text: str) -> bool:
    """Whether a number is one that stands in the records named, and no score: people, money, the worth of a deal."""
    kind = _noun(match)
    if not kind or _SCORE.search(match.group()) or _SCORE.match(text[match.end() :]):
        return False
    of_record = kind == "opportunity" or float(match["number"]) > 100  # scores end there
    return of_record or bool(_OF_RECORD.match(text[match.end() :]) or _FIELD.search(match["subject"]))


_SCORE = re.compile(r"\b(?:scor\w+|points?|pts|fit)\b|^\s*(?:points?|pts|percent|%)", re.I)
_FIELD = re.compile(r"\b(?:employees|headcount|staff|revenues?|turnover|sales)\b", re.I)
_OF_RECORD = re.compile(
    r"\s*(?:k|m|mio|mn|bn|thousand|million|billion|usd|eur|gbp|dollars|euros|employees|people|staff|heads|workers"
    r"|seats|in (?:revenue|sales|turnover))\b",
    re.I,
)


def opposite(operator: str) -> str:
    """The comparison that holds exactly when this one does not."""
    return _OPPOSITE[operator]


def _asks(text: str, start: int) -> bool:
    before = [] if text[:start].rstrip().endswith(",") else text[:start].split()
    return bool(before) and before[-1].casefold().strip(",") in ASKING | {"me"}


def _compared(match: re.Match[str], unless: bool) -> tuple[str, bool]:
    said = " ".join((match["before"] or "").casefold().split())
    after = (match["after"] or "").casefold()
    if said in _OPERATORS:
        operator = _OPERATORS[said]
    elif said:
        operator = ">" if said.startswith(("more", "greater", "higher", "better", "bigger")) else "<"
    elif re.search(r"less|lower|below|under|worse", after):
        operator = "<="
    else:
        operator = ">=" if after else "=="
    return (_OPPOSITE[operator] if unless else operator), True


def _is_good(match: re.Match[str]) -> bool:
    if match["passes"]:
        return not match["passes"].casefold().startswith("fail")
    return bool(_GOOD.fullmatch(match["quality"])) != bool(match["not"])
