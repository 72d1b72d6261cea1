"""Passages of the house's documents that answer a question, by BM25. "Not in the documents" is an answer too."""

from __future__ import annotations

from typing import Annotated

from cuga.adapters.capability import squeeze
from cuga.errors import BadInput
from cuga.packs.sales.knowledge.library import Library, Quote, says, words_of
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "passages-1"
MOST, DEFAULT = 20, 5
ENOUGH = 50  # percent of the question's words that one passage, with its title, must hold to count as an answer


class Passages(Result, frozen=True, kw_only=True):
    """`found`: whether a passage holds enough of the question. `missing`: words that no document says at all."""

    question: str
    found: bool
    passages: tuple[Quote, ...]
    missing: tuple[str, ...]
    coverage: int
    notes: tuple[str, ...]
    documents_version: str
    rules: str = RULES
    as_of: str = ""


@tool(
    domain="knowledge",
    side_effect="read-only",
    cost=0.3,
    keywords=(
        "what does it do", "what does", "product question", "spec", "specs", "documentation", "documents", "one page",
        "datasheet", "capabilities", "features", "how does it work", "look it up", "knowledge", "manual", "integrate",
        "support", "product knowledge", "passages", "one page i can read", "before the call", "read up on",
    ),
    gives={"passages": "/passages"},
    uses=("documents", "crm"),
    optional=("crm",),
    guardrails=("quotes, never composes", "says when the documents have no answer", "marks what is out of date",
                "gives no price or legal promise of its own"),
)  # fmt: skip
def retrieve_product_knowledge(
    context: ToolContext,
    question: Annotated[str, Slot("question", "what to look for, in words")] = "",
    product: Annotated[str, Slot("product", "the product it is about")] = "",
    segment: Annotated[str, Slot("segment", "the industry or kind of customer it is for")] = "",
    limit: Annotated[int, Slot("", "how many passages to show")] = DEFAULT,
) -> Passages:
    """Passages of product documents that answer a question with sources.

    Ranking is BM25 (Robertson and Zaragoza 2009) over title, heading and text; the same documents and words always give
    the same order. A passage counts as an answer when it holds half of the question's words or more; below that the
    nearest passages are shown and `found` is false. Documents older than a year or past their date are marked.
    """
    words = words_of(f"{question} {product} {segment}")
    if not words:
        raise BadInput("there is nothing to look for", mend="ask in words that a document would use, or name a product")
    if limit < 1:
        raise BadInput("at least one passage must be asked for", mend=f"leave it out for {DEFAULT}")
    library = Library(context)
    named = words_of(product)
    hits = library.documents.search(words, limit=4 * MOST)
    ranked = []
    for place, hit in enumerate(hits):
        held = says(f"{hit.title} {hit.heading} {hit.text}", words)
        own = library.known[hit.path].product
        is_of = squeeze(own) == squeeze(product) if own and named else len(named) == len(says(hit.title, named))
        share = 100 * len(held) // len(words)
        ranked.append((not is_of, share < ENOUGH, place, share, held, hit))
    ranked.sort(key=lambda row: row[:3])
    chosen = ranked[: min(limit, MOST)]
    quotes = [library.quote(hit) for *_, hit in chosen]
    said = library.notes()
    anywhere = {word for *_, held, _ in ranked for word in held}
    missing = tuple(word for word in words if word not in anywhere)
    best = max((share for is_other, _, _, share, _, _ in chosen if not is_other), default=0)
    if best < ENOUGH:
        near = "; the nearest passages follow" if quotes else ""
        said.insert(0, f"this is not in the documents{near}")
    if missing:
        said.append(f"no document says: {', '.join(missing)}")
    said += _out_of_date(quotes)
    return Passages(
        as_of=context.as_of.date().isoformat(),
        question=" ".join(part for part in (question, product, segment) if part), found=best >= ENOUGH,
        passages=tuple(quotes), missing=missing, coverage=best, notes=tuple(said),
        documents_version=library.documents.documents_version(),
    )  # fmt: skip


def _out_of_date(quotes: list[Quote]) -> list[str]:
    old = {quote.file: quote.state for quote in quotes if quote.state != "current"}
    return [f"{file} is {state}: check before relying on it" for file, state in old.items()]
