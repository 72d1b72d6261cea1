"""BANT, MEDDICC and MEDDPICC as data: the elements, what in a buyer's words confirms or denies them, what to ask.

They are never blended. A pattern only finds a sentence; the sentence is the evidence.
"""

from __future__ import annotations

import re
from typing import Literal

from cuga.model.value import Value

Framework = Literal["BANT", "MEDDICC", "MEDDPICC"]
State = Literal["confirmed", "denied", "partial", "unknown"]
_AMOUNT = r"(?:[$€£]\s?\d|\d[\d.,]*\s?(?:k|m|usd|eur|gbp|dollars|euros)\b)"
_SIGNER = r"(?:ceo|cfo|coo|cio|cto|owner|founder|president|managing director|general manager|finance director|board)"
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december|q[1-4])"


class Element(Value, frozen=True, kw_only=True):
    """One element. Patterns are tried on each sentence in the order denies, unclear, confirms, touches."""

    name: str
    means: str  # what confirms it
    question: str
    denies: str = r"(?!)"
    unclear: str = r"(?!)"  # somebody said that it is not known
    confirms: str = r"(?!)"
    touches: str = r"(?!)"
    vital: bool = False  # a denial of it is a reason not to go on


_BUDGET = Element(
    name="budget",
    means="an amount or its source, from the buyer",
    question="What amount is set aside for this, and whose budget does it come from?",
    denies=r"\bno (?:budget|money)\b|\bbudget (?:was |is |has been |got )?(?:cut|frozen|rejected|withdrawn|gone)"
           r"|cannot afford|can't afford|not budgeted",
    unclear=r"budget .{0,30}(?:unclear|unknown|not (?:known|clear|sure))|(?:not sure|don't know|do not know)"
            r" .{0,30}budget",
    confirms=rf"\bbudget\b.{{0,40}}(?:approved|released|signed off|confirmed|secured|allocated|set aside|{_AMOUNT})"
             rf"|(?:set aside|earmarked|approved)\b.{{0,25}}{_AMOUNT}|{_AMOUNT}.{{0,25}}\b(?:approved|set aside"
             rf"|budgeted)",
    touches=r"\bbudget|\bprice range|\bwhat (?:does|would) it cost",
    vital=True,
)  # fmt: skip
_AUTHORITY = Element(
    name="authority",
    means="the person who can say yes is named",
    question="Who signs for this, and have we met them?",
    denies=r"(?:cannot|can't|can not|may not|not allowed to) (?:sign|decide|approve)|not (?:my|his|her|their) (?:call"
           r"|decision)|(?:somebody|someone) else decides|no authority",
    unclear=r"(?:nobody|no one|don't|do not|not) .{0,30}(?:know|tell|clear|sure).{0,30}(?:who|decid|sign)|who"
            r" (?:decides|signs) is (?:unclear|open|not known)",
    confirms=rf"\b(?:signs off|sign off|signs (?:it|this|the)|has the (?:final|last) (?:say|word)|decision maker"
             rf"|decides alone|i decide|my decision|can approve|will approve|approves (?:it|this|the))\b"
             rf"|\b{_SIGNER}\b.{{0,30}}(?:signs|decides|approves|releases)",
    touches=rf"\b(?:boss|committee|approval)\b|\b{_SIGNER}\b",
)  # fmt: skip
_NEED = Element(
    name="need",
    means="a problem that the buyer names and wants gone",
    question="What happens if nothing changes, and what does that cost?",
    denies=r"\bno (?:real |urgent |current )?need\b|not a priority|(?:happy|fine|satisfied) with (?:what|the|our)"
           r"|works fine|do not need|don't need",
    confirms=r"\bneeds? (?:to|a|an|it|more|this)\b|\bproblem|\bpain\b|costs? us|\blosing\b|\bwe must\b|\bhas to be"
             r" (?:fixed|replaced)|breaks? down|downtime|\btoo slow\b|manual work",
    touches=r"interested|curious|would be nice|nice to have|looking at",
    vital=True,
)  # fmt: skip
_TIMING = Element(
    name="timing",
    means="a date and what forces it",
    question="By when does it have to work, and what happens on that date?",
    denies=r"\bno (?:hurry|rush|timeline|deadline)\b|on hold|postponed|not this year|next year at the earliest|put"
           r" (?:it )?off",
    unclear=r"(?:timing|date|deadline|timeline) .{0,20}(?:unclear|open|unknown|not (?:set|known|clear))",
    confirms=rf"\b(?:by|before|until|in|live in|start in|from) (?:the end of |end of |early |mid |late )?{_MONTH}\b"
             rf"|\bby (?:\d|the end)|deadline|contract (?:ends|expires|runs out)|go[- ]live|goes live",
    touches=r"\bsoon\b|this (?:year|quarter|month)|next (?:year|quarter|month)|\blater\b",
)  # fmt: skip
_METRICS = Element(
    name="metrics",
    means="a number that the buyer stated",
    question="Which number should be better afterwards, from what to what?",
    unclear=r"(?:numbers?|figures?|savings) .{0,25}(?:unclear|unknown|not (?:known|measured))",
    confirms=rf"(?:save|saves|saving|cut|cuts|reduce|reduces|increase|raise|grow|lose|losing|costs? us|from"
             rf" \d).{{0,50}}(?:\d+(?:[.,]\d+)?\s?(?:%|percent|hours|days|weeks|people)|{_AMOUNT})"
             rf"|(?:\d+(?:[.,]\d+)?\s?(?:%|percent|hours|days)).{{0,40}}(?:less|more|faster|saved|fewer|lost)",
    touches=r"\bsave (?:time|money)\b|\bfaster\b|\breturn on\b|\broi\b|more efficient",
)  # fmt: skip
_ECONOMIC = Element(
    name="economic buyer",
    means="named, met, and able to release the money",
    question="Who can release the money, and when do we speak with them?",
    denies=r"no access to|(?:have not|haven't|never) (?:met|spoken|talked)|refuses? to meet",
    unclear=r"(?:nobody|no one|don't|do not) .{0,30}(?:know|tell).{0,30}(?:who (?:signs|pays|decides))",
    confirms=rf"\b{_SIGNER}\b.{{0,40}}(?:signs off|signs|approves|approved|releases|released|decides|agreed"
             rf"|confirmed)|(?:met|spoke|talked|call) with .{{0,40}}\b{_SIGNER}\b",
    touches=rf"\b{_SIGNER}\b|economic buyer",
    vital=True,
)  # fmt: skip
_CRITERIA = Element(
    name="decision criteria",
    means="written or listed by the buyer",
    question="What must a solution do to be chosen, and is that written down?",
    unclear=r"(?:criteria|requirements) .{0,25}(?:unclear|unknown|not (?:known|clear|set|written))",
    confirms=r"\bcriteria (?:are|is|:)|\brequirements? (?:are|list|document|:)|must[- ]haves? (?:are|:)|\bscorecard\b"
             r"|\brfp\b|they (?:sent|gave) us .{0,20}(?:list|requirements)",
    touches=r"\bcriteri|\brequirement|\bmust[- ]have|important to (?:us|them)",
)  # fmt: skip
_PROCESS = Element(
    name="decision process",
    means="steps and dates to a signature",
    question="Which steps lie between now and a signature, with which dates?",
    unclear=r"(?:nobody|no one|don't|do not|could not|couldn't|can't) .{0,40}(?:tell|know|say).{0,40}(?:how|decid"
            r"|process|committee)|process .{0,20}(?:unclear|unknown|not (?:known|clear))",
    confirms=rf"(?:committee|board) (?:meets|decides|votes)|legal review|procurement (?:review|step|takes)|then"
             rf" (?:legal|procurement|the board)|sign(?:ature|ed)? (?:by|on|in) (?:the )?(?:end of )?(?:\d|{_MONTH})"
             rf"|steps? (?:are|to signature)",
    touches=r"\bcommittee\b|\bprocurement\b|\blegal\b|\bprocess\b",
)  # fmt: skip
_PAPER = Element(
    name="paper process",
    means="who reads and signs which papers, in which order, how long each takes",
    question="Which papers have to be signed, who reads them, and how long does each take?",
    denies=r"(?:refuses?|will not|won't) (?:sign|accept) (?:our|the|your) (?:terms|contract|paper|agreement)",
    unclear=r"(?:contract|legal|procurement|paperwork) .{0,30}(?:unclear|unknown|not (?:known|clear))",
    confirms=r"(?:legal|security|procurement|data protection|contract) (?:review|check|sign-?off) (?:takes|needs"
             r"|is done)|(?:our|their|your) (?:paper|terms|template|msa)\b.{0,40}(?:signed|used|agreed|accepted)"
             r"|redlines? (?:are|were|is) (?:back|done|agreed)|(?:msa|nda|dpa|order form)"
             r" (?:is |was )?(?:signed|agreed)",
    touches=r"\bcontract\b|\blegal\b|\bredlines?\b|\bterms\b|\bnda\b|\bmsa\b|paperwork",
)  # fmt: skip
_PAIN = Element(
    name="identify pain",
    means="who has it, what it costs, what happens if nothing is done",
    question="Who suffers from this, and what does it cost them per month?",
    denies=r"\bno (?:real )?(?:pain|problem)\b|works fine|(?:happy|fine|satisfied) with (?:what|the|our)",
    confirms=r"\bproblem|\bpain\b|costs? us|\blosing\b|downtime|\bstruggl|breaks? down|\bcomplain|too slow|manual"
             r" work|waste",
    touches=r"would be nice|\bannoy|interested in",
    vital=True,
)  # fmt: skip
_CHAMPION = Element(
    name="champion",
    means="has influence, sells inside, was tested",
    question="Who speaks for us when we are not in the room, and what have they done so far?",
    denies=r"champion (?:has )?(?:left|gone|quit)|left the company|no champion|no longer (?:with|at)",
    unclear=r"(?:no one|nobody) .{0,20}(?:pushes|supports)",
    confirms=r"(?:presented|defended|pushed|brought|sold) (?:it|this|us|our).{0,30}(?:internally|inside|to (?:the"
             r"|their|her|his))|is (?:our|a) champion|introduced us to|arranged (?:a|the) meeting with",
    touches=r"\bchampion|\bsponsor|\bsupports? us|on our side|likes? (?:it|us)",
)  # fmt: skip
_COMPETITION = Element(
    name="competition",
    means="named, with doing nothing and doing it in-house counted",
    question="What else are you looking at, including leaving it as it is?",
    unclear=r"(?:do not|don't|not) (?:know|sure).{0,30}(?:competit|else)",
    confirms=r"also (?:looking|talking|speaking|testing) (?:at|to|with)|compar(?:e|es|ing|ed) (?:us|it|this)?"
             r" ?(?:with|to|against)|competitor|incumbent|in-house|build it (?:them|our)selves|do nothing|no (?:other"
             r"|competing) (?:vendor|offer|supplier)",
    touches=r"\bcompetit|\balternative|other (?:vendors|offers|suppliers)",
)  # fmt: skip

FRAMEWORKS: dict[str, tuple[Element, ...]] = {
    "BANT": (_BUDGET, _AUTHORITY, _NEED, _TIMING),
    "MEDDICC": (_METRICS, _ECONOMIC, _CRITERIA, _PROCESS, _PAIN, _CHAMPION, _COMPETITION),
    "MEDDPICC": (_METRICS, _ECONOMIC, _CRITERIA, _PROCESS, _PAPER, _PAIN, _CHAMPION, _COMPETITION),
}
ELEMENTS = {element.name: element for elements in FRAMEWORKS.values() for element in elements}


def state_of(element: Element, sentence: str) -> State | None:
    """What one sentence says of an element: denied, unknown (said to be), confirmed, partial, or None for nothing."""
    rules: tuple[tuple[str, State], ...] = (
        (element.denies, "denied"),
        (element.unclear, "unknown"),
        (element.confirms, "confirmed"),
        (element.touches, "partial"),
    )
    for pattern, state in rules:
        if re.search(pattern, sentence, re.I):
            return "partial" if state == "confirmed" and sentence.rstrip().endswith("?") else state
    return None
