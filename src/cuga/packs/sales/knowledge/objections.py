"""Approved answers to an objection: found, quoted and dated. None is composed here, least of all on price, law or
security."""

from __future__ import annotations

import re
from typing import Annotated

from cuga.errors import BadInput
from cuga.packs.sales.knowledge.library import Library, Quote, says, words_of
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "objections-1"
KINDS = ("objections", "objection", "objection handling", "playbook", "faq")
ENOUGH = 34  # percent of the objection's words that heading or answer must hold
_SUBJECTS = {
    "price": "price expensive cost costs costly budget discount cheaper afford pricing",
    "legal": "legal contract liability gdpr terms clause lawyer compliance dpa",
    "security": "security secure breach encryption audit iso soc penetration hosting certified",
    "timing": "later busy year quarter now priority wait timing",
    "competition": "competitor already vendor supplier happy incumbent",
}
_MARK = re.compile(r"^\s*[-*]?\s*\**(answer|proof|ask|question)\**\s*:\s*\**\s*(.*)$", re.I)


class Answer(Result, frozen=True, kw_only=True):
    """One approved answer, as written: what to say, what proves it, what to ask back."""

    heading: str
    answer: str
    proof: tuple[str, ...]
    question_back: tuple[str, ...]
    file: str
    line: int
    date: str
    state: str
    coverage: int


class Objection(Result, frozen=True, kw_only=True):
    """`subject`: price, legal, security, timing, competition or other. `found`: whether an approved answer fits."""

    objection: str
    subject: str
    found: bool
    answers: tuple[Answer, ...]
    unknowns: tuple[str, ...]
    notes: tuple[str, ...]
    rules: str = RULES
    as_of: str = ""


@tool(
    domain="knowledge",
    side_effect="read-only",
    cost=0.3,
    keywords=(
        "objection", "pushback", "push back", "too expensive", "they say", "answer to", "rebuttal", "how do i answer",
        "concern", "hesitation", "overcome",
    ),
    gives={"answers": "/answers"},
    uses=("documents", "crm"),
    optional=("crm",),
    guardrails=("quotes approved answers only", "composes nothing on price, law or security",
                "says when there is no approved answer"),
)  # fmt: skip
def handle_objection(
    context: ToolContext,
    objection: Annotated[str, Slot("question", "what the buyer says, in their words")],
    product: Annotated[str, Slot("product", "the product it is about")] = "",
    limit: Annotated[int, Slot("", "how many answers to show")] = 3,
) -> Objection:
    """Approved answers to an objection with proof points and a question back.

    Looks only in approved documents of kind objections, playbook or faq, under their headings; lines that begin with
    Proof: and Ask: are shown as such. An answer must share a third of the objection's words, or its subject, to count.
    """
    words = words_of(objection)
    if not words:
        raise BadInput("no objection was given", mend="write what the buyer says")
    if limit < 1:
        raise BadInput("at least one answer must be asked for", mend="leave it out for 3")
    subject = subject_of(objection)
    library = Library(context)
    found: list[tuple[int, Answer]] = []
    held_back = set()
    for path, document in sorted(library.known.items()):
        if document.kind.casefold() not in KINDS:
            continue
        for quote in map(library.quote, library.documents.passages(path)):
            share = _fit(quote, words, subject)
            if share < ENOUGH:
                continue
            if document.approved != "yes":
                held_back.add(path)
                continue
            about = len(says(f"{quote.heading} {quote.text} {document.product}", words_of(product)))
            found.append((about, _answer(quote, share)))
    found.sort(key=lambda row: (-row[1].coverage, -row[0], row[1].file, row[1].line))
    answers = tuple(answer for _, answer in found[:limit])
    notes = library.notes()
    if not answers:
        notes.insert(0, "there is no approved answer to this; ask whoever approves answers, and promise nothing")
    elif subject in ("price", "legal", "security"):
        notes.insert(0, f"a {subject} matter: say it as it is written, and leave anything beyond to whoever decides it")
    notes += [f"{path} has an answer that nobody approved; it is not shown" for path in sorted(held_back)]
    notes += [f"{a.file}:{a.line} is {a.state}: check it first" for a in answers if a.state != "current"]
    unknowns = [] if any(a.proof for a in answers) else ["proof"]
    unknowns += [] if any(a.question_back for a in answers) else ["question back"]
    return Objection(
        as_of=context.as_of.date().isoformat(),
        objection=objection, subject=subject, found=bool(answers), answers=answers, unknowns=tuple(unknowns),
        notes=tuple(notes),
    )  # fmt: skip


def subject_of(text: str) -> str:
    """What an objection is about, by its words; the subject with the most of them, in the order listed above."""
    words = set(re.findall(r"[a-z]+", text.casefold()))
    counts = {subject: len(words & set(known.split())) for subject, known in _SUBJECTS.items()}
    best = max(counts, key=lambda subject: counts[subject])
    return best if counts[best] else "other"


def _fit(quote: Quote, words: tuple[str, ...], subject: str) -> int:
    """How much of the objection a section speaks of, in percent; the same subject in its heading counts as half."""
    heading = quote.heading.split(" > ")[-1]
    if not heading:
        return 0
    share = 100 * len(says(f"{heading} {quote.text}", words)) // len(words)
    same = subject != "other" and subject_of(heading) == subject
    return max(share, 50 + share // 2) if same else share if says(heading, words) else share // 2


def _answer(quote: Quote, share: int) -> Answer:
    parts: dict[str, list[str]] = {"answer": [], "proof": [], "ask": []}
    part = "answer"
    for line in quote.text.split("\n"):
        mark = _MARK.match(line)
        if mark:
            part = "ask" if mark[1].casefold() in ("ask", "question") else mark[1].casefold()
        if text := (mark[2] if mark else line).strip():
            parts[part].append(text)
    return Answer(
        heading=quote.heading, answer=" ".join(parts["answer"]), proof=tuple(parts["proof"]),
        question_back=tuple(parts["ask"]), file=quote.file, line=quote.line, date=quote.date, state=quote.state,
        coverage=share,
    )  # fmt: skip
