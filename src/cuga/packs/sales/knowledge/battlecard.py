"""One competitor, from approved material only: what is claimed, by which document, how old it is, and where we lose."""

from __future__ import annotations

import re
from typing import Annotated

from cuga.adapters.capability import squeeze
from cuga.errors import BadInput
from cuga.packs.sales.knowledge.library import Library, Quote, says, words_of
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "battlecard-1"
MOST_CLAIMS = 40
_ASKING_WORDS = "battlecard battle card vs versus against compare competitor compete focus build"
_ASKING = frozenset(_ASKING_WORDS.split())
_SIDES = (  # side, words of a heading that put its claims there; we lose is looked for first, being easily missed
    ("we lose", ("lose", "weakness", "weaknesses", "they win", "their strengths", "behind", "gaps", "risks")),
    ("we win", ("win", "advantage", "advantages", "strengths", "better", "ahead", "why us")),
    ("price", ("price", "pricing", "cost", "costs", "discount")),
    ("ask", ("questions", "ask", "landmines", "trap")),
    ("facts", ()),
)


class Claim(Result, frozen=True, kw_only=True):
    """A sentence of an approved document, as written. `side`: we win, we lose, price, ask or facts."""

    side: str
    text: str
    file: str
    line: int
    heading: str
    date: str
    state: str


class Battlecard(Result, frozen=True, kw_only=True):
    """Claims by side, those on the focus first. `unknowns`: sides on which the material says nothing."""

    competitor: str
    product: str
    focus: str
    claims: tuple[Claim, ...]
    unknowns: tuple[str, ...]
    not_used: tuple[str, ...]
    notes: tuple[str, ...]
    rules: str = RULES
    as_of: str = ""


@tool(
    domain="knowledge",
    side_effect="read-only",
    cost=0.5,
    keywords=(
        "battlecard", "battle card", "competitor", "compete", "head to head", "against competitor", "versus", "vs",
        "compare with competitor", "competition",
    ),
    gives={"battlecard": "", "claims": "/claims"},
    uses=("documents", "crm"),
    optional=("crm",),
    guardrails=("uses approved material only", "shows where we lose too", "flags claims without a date",
                "quotes prices, promises none"),
)  # fmt: skip
def build_battlecard(
    context: ToolContext,
    competitor: Annotated[str, Slot("competitor", "the competitor's name")],
    product: Annotated[str, Slot("product", "our product")] = "",
    focus: Annotated[str, Slot("focus", "what matters in this deal, e.g. price")] = "",
) -> Battlecard:
    """Compare with one competitor from approved material.

    Only documents marked `approved: yes` that are about the competitor or name it are used; others are listed as not
    used. Every claim is quoted with document, line and date. Comparative claims that go out must be verifiable and fair
    (EU Directive 2006/114/EC, article 4; US FTC Act, section 5): a claim that is undated or stale is flagged for that.
    """
    if not words_of(competitor):
        raise BadInput("no competitor was named", mend="name one, e.g. competitor='Harrow Rota'")
    library = Library(context)
    claims: list[Claim] = []
    not_used: list[str] = []
    for path, document in sorted(library.known.items()):
        is_card = squeeze(document.competitor) == squeeze(competitor)
        if not is_card and document.competitor:
            continue  # the card of another competitor, who may be named in it
        mine = [
            quote
            for quote in map(library.quote, library.documents.passages(path))
            if is_card or _names(f"{quote.heading} {quote.text}", competitor)
        ]
        if mine and document.approved != "yes":
            not_used.append(f"{path}: {'not approved' if document.approved == 'no' else 'nobody approved it'}")
            continue
        claims += [claim for quote in mine for claim in _claims(quote) if is_card or _names(claim.text, competitor)]
    named = words_of(product)
    known = {*words_of(competitor), *named, *_ASKING}
    wanted = tuple(word for word in words_of(focus) if word not in known)
    order = [side for side, _ in _SIDES]
    claims.sort(
        key=lambda claim: (
            -len(says(f"{claim.side} {claim.heading} {claim.text}", wanted)),
            order.index(claim.side),
            -len(says(f"{claim.heading} {claim.text}", named)),
        )
    )
    return Battlecard(
        as_of=context.as_of.date().isoformat(),
        competitor=competitor, product=product, focus=" ".join(wanted), claims=tuple(claims[:MOST_CLAIMS]),
        unknowns=tuple(side for side in ("we win", "we lose") if not any(claim.side == side for claim in claims)),
        not_used=tuple(not_used), notes=tuple(_notes(library, claims, competitor, wanted)),
    )  # fmt: skip


def _notes(library: Library, claims: list[Claim], competitor: str, wanted: tuple[str, ...]) -> list[str]:
    said = library.notes()
    if not claims:
        said.insert(0, f"no approved document speaks of {competitor}")
    elif wanted and not any(says(f"{c.side} {c.heading} {c.text}", wanted) for c in claims):
        said.insert(0, f"nothing approved is said about {' '.join(wanted)}")
    if flagged := sum(claim.state != "current" for claim in claims):
        said.append(f"{flagged} of {len(claims)} claims are undated, stale or expired: check them before they go out")
    if claims and not any(claim.side == "we lose" for claim in claims):
        said.append("the material does not say where we lose: that is not known, not nothing")
    return said


def _claims(quote: Quote) -> list[Claim]:
    found = []
    for offset, line in enumerate(quote.text.split("\n")):
        text = re.sub(r"^\s*(?:[-*+]|\d+[.)])\s+", "", line).strip()
        if len(text.split()) < 2:
            continue
        found.append(
            Claim(
                side=_side(quote.heading), text=text, file=quote.file, line=quote.line + offset if quote.line else 0,
                heading=quote.heading, date=quote.date, state=quote.state,
            )
        )  # fmt: skip
    return found


def _side(heading: str) -> str:
    last = heading.split(" > ")[-1].casefold()
    return next((side for side, words in _SIDES if any(re.search(rf"\b{word}\b", last) for word in words)), "facts")


def _names(text: str, competitor: str) -> bool:
    return squeeze(competitor) in squeeze(text)
