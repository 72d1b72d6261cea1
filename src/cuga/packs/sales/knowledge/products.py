"""Products against stated needs. A need is met only where a document or the product's own record says so."""

from __future__ import annotations

import re
from typing import Annotated

from cuga.adapters.capability import CrmRead, Product
from cuga.errors import BadInput
from cuga.model.value import MICRO
from cuga.packs.sales.knowledge.library import Library, listed, says, words_of
from cuga.packs.sales.result import Evidence, Result, amount_text, evidence
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "match-1"
MOST_PRODUCTS = 500
_NEGATION = re.compile(r"\b(?:not|no|never|without|cannot|can't|doesn't|don't|lacks?|unable|excludes?|except)\b", re.I)
_LEAD = re.compile(r"^.*\b(?:needs?|wants?|requires?|looks? for|looking for|has|have)\s+(?:to\s+)?", re.I)
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")


class Need(Result, frozen=True, kw_only=True):
    """One need. `state`: met, unmet (a source says no) or unknown (nobody says); `quote` is the line that says it."""

    need: str
    state: str
    hard: bool
    quote: str = ""
    source: str = ""
    date: str = ""


class Match(Result, frozen=True, kw_only=True):
    """One product. `score` is the share of needs met, `coverage` of needs that any source speaks of, in percent."""

    product: str
    product_id: str
    score: int
    coverage: int
    price: str
    excluded: str
    needs: tuple[Need, ...]
    evidence: tuple[Evidence, ...]


class Matches(Result, frozen=True, kw_only=True):
    """The products that fit first; those that a hard constraint excludes last, with the reason."""

    matches: tuple[Match, ...]
    unknowns: tuple[str, ...]
    notes: tuple[str, ...]
    rules: str = RULES
    as_of: str = ""


@tool(
    domain="knowledge",
    side_effect="read-only",
    cost=0.5,
    keywords=(
        "match products", "which product", "product fit", "suits their needs", "recommend product", "best product",
        "what should we offer", "requirements", "suitable product",
    ),
    gives={"products": "/matches"},
    uses=("crm", "documents"),
    guardrails=("a need nobody writes about is unknown, never met", "list prices are quoted, none is promised"),
)  # fmt: skip
def match_products(
    context: ToolContext,
    needs: Annotated[str, Slot("guidance", "what the buyer needs, one after the other; `must ...` for a hard one")],
    required: Annotated[tuple[str, ...], Slot("", "needs that exclude a product which does not meet them")] = (),
    max_price: Annotated[float | None, Slot("amount", "highest list price, in the CRM's currency")] = None,
) -> Matches:
    """Products that fit stated needs and constraints with met, unmet and unknown needs and the line that says so.

    A need counts as met when one sentence of the product's record or of a document about it holds all of its words
    without a negation, as unmet when every such sentence negates it. A hard need (in `required`, or begun with "must")
    excludes a product that a source says does not meet it; an unknown hard need excludes nothing and is said.
    """
    wanted = [(part.removeprefix("must ").removeprefix("have "), part.startswith("must ")) for part in _asked(needs)]
    wanted = [*((need, hard) for need, hard in wanted if words_of(need)), *((need, True) for need in required)]
    if not wanted:
        raise BadInput("no needs were given", mend="list what the buyer needs, e.g. 'works offline, several sites'")
    if max_price is not None and max_price < 0:
        raise BadInput("the highest price cannot be negative", mend="leave it out when there is none")
    crm: CrmRead = context.capability("crm")
    library = Library(context)
    products = [record for record in crm.query("products", limit=MOST_PRODUCTS) if isinstance(record, Product)]
    names = tuple(product.name for product in products)
    found = [_match(product, wanted, max_price, library, names) for product in products]
    found.sort(key=lambda match: (bool(match.excluded), -match.score, -match.coverage, match.product))
    unknown = tuple(
        need for need, _ in wanted if all(n.state == "unknown" for m in found for n in m.needs if n.need == need)
    )
    said = library.notes()
    if not found:
        said.append("the CRM has no products; import them first")
    if unknown:
        said.append("a need that no source speaks of is neither met nor unmet: ask before you offer")
    return Matches(as_of=context.as_of.date().isoformat(), matches=tuple(found), unknowns=unknown, notes=tuple(said))


def _asked(needs: str) -> list[str]:
    """The needs in a text, without the words that only introduce them ("a buyer who needs to ...")."""
    return [_LEAD.sub("", part) for part in listed(needs)]


def _match(
    product: Product, wanted: list[tuple[str, bool]], most: float | None, library: Library, names: tuple[str, ...]
) -> Match:
    lines = [(text, "", "") for text, _ in _sentences(product.description)]
    for document in library.known.values():
        if document.competitor or document.approved == "no":
            continue  # what is written against others, or was refused, proves nothing of a product
        for passage in library.documents.passages(document.path):
            where = f"{passage.heading} {document.product or document.name}"
            quote = library.quote(passage)
            for sentence, below in _sentences(passage.text):
                if _is_about(sentence, where, product.name, names):
                    line = quote.line + below if quote.line else 0
                    lines.append((sentence, f"{quote.file}:{line}", quote.date))
    needs = tuple(_need(need, hard, lines, product) for need, hard in wanted)
    spoken = [need for need in needs if need.state != "unknown"]
    against = [need.need for need in needs if need.hard and need.state == "unmet"]
    excluded = f"it does not meet: {', '.join(against)}" if against else ""
    if most is not None and product.price is not None and product.price > most * MICRO:
        excluded = f"its list price {amount_text(product.price, product.currency)} is above {most:,.0f}"
    price = amount_text(product.price, product.currency)
    shown = [evidence(product, "price", value=price)] if product.price is not None else []
    return Match(
        product=product.name, product_id=product.id, price=price, excluded=excluded, needs=needs,
        score=100 * sum(need.state == "met" for need in needs) // len(needs), coverage=100 * len(spoken) // len(needs),
        evidence=(*shown, *([evidence(product, "description")] if product.description else [])),
    )  # fmt: skip


def _need(need: str, hard: bool, lines: list[tuple[str, str, str]], product: Product) -> Need:
    words = words_of(need)
    hits = [line for line in lines if len(says(line[0], words)) == len(words)]
    yes = [line for line in hits if not _NEGATION.search(line[0]) or _NEGATION.search(need)]
    if not hits:
        return Need(need=need, state="unknown", hard=hard)
    text, source, dated = (yes or hits)[0]
    own = f"{product.source.file}:{product.source.line}" if product.source.file else product.id
    return Need(
        need=need, state="met" if yes else "unmet", hard=hard, quote=text.strip(), source=source or own, date=dated
    )


def _sentences(text: str) -> list[tuple[str, int]]:
    """The sentences of a text, each with the number of lines above it."""
    found = [(part.group(0).strip(" -*"), text.count("\n", 0, part.start())) for part in _SENTENCE.finditer(text)]
    return [part for part in found if part[0]]


def _is_about(sentence: str, where: str, name: str, names: tuple[str, ...]) -> bool:
    """Whether a sentence is about a product: it names that one and no longer-named sister, or stands under its name."""
    own = _longest_named(sentence, names) or _longest_named(where, names)
    return own == name.casefold()


def _longest_named(text: str, names: tuple[str, ...]) -> str:
    there = [name.casefold() for name in names if name and name.casefold() in text.casefold()]
    return max(there, key=len, default="")
