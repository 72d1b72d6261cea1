"""A quote against the price list, the discount policy and what like deals were won at. It changes no price and grants
nothing: it says whose word is needed."""

from __future__ import annotations

from typing import Annotated

from cuga.adapters.capability import WON, CrmRead, Filter, Opportunity, Product
from cuga.errors import BadInput
from cuga.model.value import Value
from cuga.packs.sales.importing.values import money
from cuga.packs.sales.qualification.deals import deals_named
from cuga.packs.sales.qualification.history import percentile
from cuga.packs.sales.result import Evidence, Result, amount_text, evidence, sure
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "quote-1"
ENOUGH = 10  # won deals of a product from which its usual price is read
MOST_LINES = 200


class QuoteLine(Value, frozen=True, kw_only=True):
    """One line: `price` for one piece as it is quoted ("4,200 USD"), or `discount` in percent of the list price."""

    product: str
    quantity: int = 1
    price: str = ""
    discount: str = ""


class Limit(Value, frozen=True, kw_only=True):
    """Up to this discount in percent, this role may agree; an empty role: the seller alone."""

    up_to: int
    role: str = ""


POLICY = (Limit(up_to=10), Limit(up_to=20, role="sales manager"), Limit(up_to=100, role="head of sales"))


class Realisation(Result, frozen=True, kw_only=True):
    """Prices that deals with this product were won at, in percent of its list price; None where there are too few."""

    won: int
    lower_quarter: int | None
    median: int | None
    upper_quarter: int | None


class LineReview(Result, frozen=True, kw_only=True):
    """One line. `discount` is percent as text, e.g. "12.5"; empty when the list price is not known."""

    product: str
    quantity: int
    list_price: str
    price: str
    total: str
    discount: str
    needs: str
    against_like_deals: str
    like_deals: Realisation
    evidence: tuple[Evidence, ...]


class QuoteReview(Result, frozen=True, kw_only=True):
    """The whole quote. `verdict`: within policy, needs approval, or cannot tell."""

    subject: str
    verdict: str
    total: str
    list_total: str
    discount: str
    needs: tuple[str, ...]
    lines: tuple[LineReview, ...]
    unknowns: tuple[str, ...]
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="qualification",
    side_effect="read-only",
    cost=0.6,
    keywords=(
        "quote", "discount", "review quote", "review discount", "pricing approval", "price check", "margin",
        "discount policy", "price realization", "percent off",
    ),
    gives={"quote_review": ""},
    uses=("crm",),
    guardrails=("changes no price", "grants no discount", "a list price that is not known is never made up"),
)  # fmt: skip
def review_quote(
    context: ToolContext,
    discount: Annotated[str, Slot("percent", "discount on every line without one of its own, e.g. 15%")] = "",
    opportunity: Annotated[str, Slot("opportunity", "id of the deal")] = "",
    account: Annotated[str, Slot("account", "name or id of the account")] = "",
    product: Annotated[str, Slot("product", "what is quoted; left out: what the deal is about")] = "",
    lines: Annotated[tuple[QuoteLine, ...], Slot("lines", "the lines of the quote")] = (),
    policy: Annotated[tuple[Limit, ...], Slot("policy", "own discount limits, the lowest first")] = (),
) -> QuoteReview:
    """Check a quote or discount against policy and history.

    The discount is the share of the list price that is left out; the highest of any line decides who must agree. Like
    deals are won deals with the same single product whose amount is known, taken as one piece each: an amount for
    several pieces makes them look dearer, which the quarters show.
    """
    crm: CrmRead = context.capability("crm")
    notes: list[str] = []
    limits = policy or POLICY
    if [one.up_to for one in limits] != sorted({one.up_to for one in limits}):
        raise BadInput("the limits of the policy must rise", mend="the lowest discount first, each once")
    assumptions = [] if policy else [
        "No discount policy was given: up to 10 % the seller, up to 20 % the sales manager, above the head of sales."
    ]  # fmt: skip
    asked, subject = _lines(crm, lines, opportunity, account, product, notes, assumptions)
    judged = [_review(crm, line, discount, limits, notes) for line in asked]
    reviews = tuple(review for review, _, _ in judged)
    unknowns = tuple(f"no list price of {one.product} is known" for one in reviews if not one.list_price)
    known = [one for one in reviews if one.discount]
    needs = tuple(dict.fromkeys(one.needs for one in known if one.needs))
    total, whole = sum(price for _, price, _ in judged), sum(listed for _, _, listed in judged)
    currency = next((one.list_price.rpartition(" ")[2] for one in known if one.list_price[-1:].isalpha()), "")
    return QuoteReview(
        subject=subject,
        verdict="cannot tell" if unknowns else "needs approval" if needs else "within policy",
        total=amount_text(total, currency) if not unknowns else "",
        list_total=amount_text(whole, currency) if not unknowns else "",
        discount=_percent(total, whole) if not unknowns else "",
        needs=needs,
        lines=reviews,
        unknowns=unknowns,
        assumptions=tuple(assumptions),
        notes=tuple(notes),
        as_of=context.as_of.date().isoformat(),
    )


def _lines(
    crm: CrmRead, lines: tuple[QuoteLine, ...], opportunity: str, account: str, product: str, notes: list[str],
    assumptions: list[str],
) -> tuple[tuple[QuoteLine, ...], str]:  # fmt: skip
    """The lines that are meant, and what they are for."""
    if len(lines) > MOST_LINES:
        raise BadInput(f"{len(lines)} lines are too many; {MOST_LINES} is the most")
    if lines:
        return lines, opportunity or account
    if product.strip():
        return (QuoteLine(product=product),), opportunity or account or product
    if not (opportunity.strip() or account.strip()):
        raise BadInput("nothing is quoted", mend="name a product, a deal, or give the lines of the quote")
    deals, _ = deals_named(crm, opportunity.strip() or account, notes)
    found = tuple(dict.fromkeys(deal.product for deal in deals if deal.product))
    if not found:
        raise BadInput(f"the deal {deals[0].id} names no product", mend="name the product")
    assumptions.append(f"No lines were given: one piece of {', '.join(found)}, which the open deals are about.")
    return tuple(QuoteLine(product=name) for name in found), opportunity or account


def _review(
    crm: CrmRead, line: QuoteLine, overall: str, limits: tuple[Limit, ...], notes: list[str]
) -> tuple[LineReview, int, int]:
    """A line with its price and its list price, over all pieces, in micro-units."""
    if line.quantity < 1:
        raise BadInput(f"{line.product}: {line.quantity} pieces cannot be quoted")
    found = crm.get("products", sure(crm.lookup("products", line.product), "product", notes))
    assert isinstance(found, Product)
    like = _like(crm, found)
    if found.price is None or found.price <= 0:
        unpriced = LineReview(
            product=found.name, quantity=line.quantity, list_price="", price=line.price, total="", discount="",
            needs="", against_like_deals="the list price is not known", like_deals=like, evidence=(),
        )  # fmt: skip
        return unpriced, 0, 0
    price = _price(line, overall, found.price)
    off = 100 - 100 * price / found.price
    limit = next((one for one in limits if off <= one.up_to), None)
    review = LineReview(
        product=found.name,
        quantity=line.quantity,
        list_price=amount_text(found.price, found.currency),
        price=amount_text(price, found.currency),
        total=amount_text(price * line.quantity, found.currency),
        discount=_percent(price, found.price),
        needs=limit.role if limit else "nobody may agree: it is beyond the policy",
        against_like_deals=_against(100 * price / found.price, like),
        like_deals=like,
        evidence=(evidence(found, "price", value=amount_text(found.price, found.currency)),),
    )
    return review, price * line.quantity, found.price * line.quantity


def _price(line: QuoteLine, overall: str, listed: int) -> int:
    """The price of one piece in micro-units."""
    if line.price.strip():
        said = money(line.price)
        if said is None or said[0] < 0:
            raise BadInput(f"{line.product}: {line.price!r} is no price", mend="write a number, e.g. 4200")
        return said[0]
    text = (line.discount or overall).strip().removesuffix("percent").strip().removesuffix("%").strip() or "0"
    try:
        off = float(text.replace(",", "."))
    except ValueError:
        off = -1.0
    if not 0 <= off <= 100:
        raise BadInput(f"{line.discount or overall!r} is no discount", mend="write percent of the list price, e.g. 15%")
    return round(listed * (100 - off) / 100)


def _like(crm: CrmRead, product: Product) -> Realisation:
    of_it = Filter(field="product_id", value=product.id)
    won = (Filter(field="status", value=WON), Filter(field="amount", op="known"))
    rows = crm.query("opportunities", [of_it, *won], limit=-1)
    listed = product.price or 0
    shares = sorted(
        round(100 * row.amount / listed) for row in rows if isinstance(row, Opportunity) and row.amount and listed
    )
    if len(shares) < ENOUGH:
        return Realisation(won=len(shares), lower_quarter=None, median=None, upper_quarter=None)
    low, mid, high = (percentile(shares, part) for part in (25, 50, 75))
    return Realisation(won=len(shares), lower_quarter=low, median=mid, upper_quarter=high)


def _against(share: float, like: Realisation) -> str:
    if like.median is None or like.lower_quarter is None or like.upper_quarter is None:
        return f"{like.won} won deals are too few to compare with ({ENOUGH})"
    middle = f"half of {like.won:,} won deals lay between {like.lower_quarter} and {like.upper_quarter} % of list"
    where = "below" if share < like.lower_quarter else "above" if share > like.upper_quarter else "within"
    return f"{share:.0f} % of list is {where} the usual: {middle}"


def _percent(price: int, listed: int) -> str:
    return f"{max(0.0, 100 - 100 * price / listed):.1f}" if listed else ""
