"""Which piece to send: ranked by industry, persona, stage and product; kept back where a customer has not agreed."""

from __future__ import annotations

from typing import Annotated

from cuga.adapters.capability import CrmRead, Document
from cuga.errors import BadInput
from cuga.packs.sales.industries import industry_of, sector_of
from cuga.packs.sales.knowledge.library import Library, same_word, words_of
from cuga.packs.sales.result import Result, find_account
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

RULES = "collateral-1"
WEIGHTS = {"industry": 40, "persona": 25, "product": 20, "stage": 15}
INSIDE = {"battlecard", "objections", "playbook", "price list", "internal"}  # kinds that never leave the house


class Piece(Result, frozen=True, kw_only=True):
    """One document. `send`: yes, ask (something must be cleared first) or no; `coverage`: share of the weight known."""

    file: str
    title: str
    kind: str
    score: int
    coverage: int
    reasons: tuple[str, ...]
    unknowns: tuple[str, ...]
    send: str
    why: str
    date: str
    state: str


class Collateral(Result, frozen=True, kw_only=True):
    """Pieces that may be sent first, then those to ask about, then those kept back; each group by points."""

    asked: dict[str, str]
    pieces: tuple[Piece, ...]
    notes: tuple[str, ...]
    rules: str = RULES
    as_of: str = ""


@tool(
    domain="knowledge",
    side_effect="read-only",
    cost=0.3,
    keywords=(
        "collateral", "case study", "case studies", "one pager", "deck", "white paper", "material to send", "reference",
        "customer story", "sheet", "what can i send",
    ),
    gives={"collateral": "/pieces"},
    uses=("documents", "crm"),
    optional=("crm",),
    guardrails=("a named customer who has not agreed is never offered", "an unknown permission is asked for",
                "inside material is never offered"),
)  # fmt: skip
def recommend_collateral(
    context: ToolContext,
    industry: Annotated[str, Slot("segment", "the buyer's industry")] = "",
    persona: Annotated[str, Slot("persona", "the reader's role")] = "",
    stage: Annotated[str, Slot("stage", "where the deal stands")] = "",
    product: Annotated[str, Slot("product", "the product it is about")] = "",
    account: Annotated[str, Slot("account", "an account, for its industry")] = "",
    about: Annotated[str, Slot("text", "the reader in words; an industry in it counts")] = "",
    limit: Annotated[int, Slot("count", "how many pieces to show")] = 10,
) -> Collateral:
    """Case studies and sheets that suit an industry, persona or stage, ranked with reasons.

    Points: industry 40 (half for the same sector), persona 25, product 20, stage 15; what is not asked gives its weight
    to the rest. What a document does not say of itself gives no points and lowers its coverage. A piece that names a
    customer needs `permission: yes` (consent of the named: GDPR article 6 for people, contract for firms).
    """
    notes: list[str] = []
    if account and not industry and not capability_missing(context, "crm"):
        crm: CrmRead = context.capability("crm")
        record = find_account(crm, account, notes)
        industry = record.industry
        notes.append(f"industry of {record.name}: {industry or 'not known'}")
    industry = industry or _industry_in(about)
    said = {"industry": industry, "persona": persona, "stage": stage, "product": product}
    asked = {name: value for name, value in said.items() if value}
    if not asked:
        raise BadInput("nothing was said of the reader", mend="name an industry, persona, stage, product or account")
    if limit < 1:
        raise BadInput("at least one piece must be asked for", mend="leave it out for 10")
    library = Library(context)
    pieces = [_piece(document, asked, library) for document in library.known.values()]
    pieces.sort(key=lambda piece: (("yes", "ask", "no").index(piece.send), -piece.score, -piece.coverage, piece.file))
    pieces = [piece for piece in pieces if piece.score > 0]
    if not any(piece.send == "yes" for piece in pieces):
        notes.append("no piece fits that may be sent as it is")
    return Collateral(
        as_of=context.as_of.date().isoformat(),
        asked=asked,
        pieces=tuple(pieces[:limit]),
        notes=(*notes, *library.notes()),
    )


def _piece(document: Document, asked: dict[str, str], library: Library) -> Piece:
    whole = sum(WEIGHTS[name] for name in asked)
    points, known = 0.0, 0
    reasons, unknowns = [], []
    for name, wanted in asked.items():
        own = getattr(document, name)
        if not own:
            unknowns.append(name)
            continue
        known += WEIGHTS[name]
        share = _likeness(name, wanted, own)
        points += share * WEIGHTS[name]
        if share:
            reasons.append(f"{name}: {own}" if share == 1 else f"{name}: {own}, the same sector")
    send, why = _may_send(document, library.state(document))
    return Piece(
        file=document.path, title=document.name, kind=document.kind, score=int(100 * points / whole),
        coverage=100 * known // whole, reasons=tuple(reasons), unknowns=tuple(unknowns), send=send, why=why,
        date=document.dated.isoformat() if document.dated else "", state=library.state(document),
    )  # fmt: skip


def _likeness(name: str, wanted: str, own: str) -> float:
    """1 for one of the document's own words, a half for an industry of the same sector, else 0."""
    best = 0.0
    for part in (piece.strip() for piece in own.replace(",", "|").split("|")):
        if name == "industry":
            if part.casefold() == wanted.casefold() or (industry_of(part) and industry_of(part) == industry_of(wanted)):
                return 1.0
            if sector_of(part) and sector_of(part) == sector_of(wanted):
                best = 0.5
        elif _covers(part, wanted) or _covers(wanted, part):
            return 1.0
    return best


def _industry_in(text: str) -> str:
    """The first word of a text that names an industry: hospital, banks, retail."""
    forms = ((word, form) for word in words_of(text) for form in (word, f"{word}s", word.removesuffix("s")))
    return next((form for _, form in forms if industry_of(form)), "")


def _covers(text: str, by: str) -> bool:
    """Whether every word of a text is among those of another one."""
    mine, others = words_of(text), words_of(by)
    return bool(mine) and all(any(same_word(word, other) for other in others) for word in mine)


def _may_send(document: Document, state: str) -> tuple[str, str]:
    if document.kind.casefold() in INSIDE:
        return "no", f"a {document.kind} is for inside"
    if document.approved == "no":
        return "no", "it is not approved"
    if document.customer and document.permission == "no":
        return "no", f"{document.customer} has not agreed to be named"
    if state == "expired":
        return "no", f"it was valid until {document.valid_until}"
    if document.customer and document.permission != "yes":
        return "ask", f"it is not known whether {document.customer} agreed to be named"
    if document.approved != "yes":
        return "ask", "nobody approved it"
    if state != "current":
        return "ask", f"it is {state}: check it first"
    return "yes", "approved" + (f", {document.customer} agreed" if document.customer else "")
