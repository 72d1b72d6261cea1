"""What customers do not have that others like them do, and what that was worth to those others."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

from cuga.adapters.capability import WON, Account, CrmRead, Filter, Product
from cuga.errors import BadInput
from cuga.packs.sales.calibration.learning import percent
from cuga.packs.sales.deals import all_of, currency_of, deals_of, units
from cuga.packs.sales.industries import industry_of
from cuga.packs.sales.result import Report, Result, find_account, sure
from cuga.packs.sales.statistics.intervals import quantile, wilson
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "whitespace-1"
ENOUGH_PEERS, ENOUGH_BUYERS = 5, 3
MOST_SHOWN = 50


class Gap(Result, frozen=True, kw_only=True):
    """A product that a customer has not bought. Values are quartiles of what peers paid in all; None: too few peers."""

    account: str
    account_id: str
    product: str
    peers: int
    peers_with_it: int
    share: float
    share_low: float
    value_low: int | None
    value_high: int | None
    basis: str


class WhiteSpace(Report, frozen=True, kw_only=True):
    """Gaps in order of the lower end of the peers' share times the lower value; `total` counts all of them."""

    customers: int
    total: int
    gaps: tuple[Gap, ...]
    without_owner: tuple[str, ...]


@tool(
    domain="territory",
    side_effect="read-only",
    cost=0.8,
    keywords=(
        "white space", "whitespace", "cross-sell", "upsell", "unsold", "not buying", "untapped", "never bought",
        "cross sell", "bought", "customers have never bought",
    ),
    gives={"gaps": "/gaps"},
    uses=("crm",),
    guardrails=("too few peers give no number", "a value is a range of what peers paid, never a promise"),
)  # fmt: skip
def identify_white_space(
    context: ToolContext,
    account: Annotated[str, Slot("account", "one customer; left out: all")] = "",
    product: Annotated[str, Slot("product", "one product; left out: all")] = "",
) -> WhiteSpace:
    """Customers and segments with unsold products or no owner and what they may be worth.

    Peers are the other customers of the same industry. The value is the middle half of what peers that have the product
    paid for it in all; it needs five peers, three of them with it. What a customer bought elsewhere is not known.
    """
    crm: CrmRead = context.capability("crm")
    notes: list[str] = []
    today = context.as_of.date()
    won = [
        d
        for d in deals_of(crm, [Filter(field="status", value=WON)])
        if d.account_id and d.product_id and (d.closes is None or d.closes <= today)
    ]
    paid: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for deal in won:
        paid[deal.account_id][deal.product_id] += units(deal.amount)
    accounts = {a.id: a for a in all_of(crm, "accounts") if isinstance(a, Account)}
    customers = {key: accounts[key] for key in sorted(paid) if key in accounts}
    if not customers:
        raise BadInput("no won deal names an account and a product", mend="import won deals with both")
    asked = [find_account(crm, account, notes).id] if account else list(customers)
    if account and asked[0] not in customers:
        raise BadInput(f"{accounts[asked[0]].name} has bought nothing yet", mend="name a customer, or leave it out")
    products = [p.id for p in all_of(crm, "products") if isinstance(p, Product)]
    if product:
        products = [sure(crm.lookup("products", product), "product", notes)]
    groups: dict[str, list[str]] = defaultdict(list)
    for key, one in customers.items():
        groups[_segment(one)].append(key)
    gaps = []
    for key in asked:
        segment = _segment(customers[key])
        peers = [peer for peer in groups[segment] if peer != key] if segment else []
        gaps += [_gap(customers[key], p, segment, peers, paid) for p in products if p not in paid[key]]
    gaps.sort(key=lambda g: (-(g.share_low * (g.value_low or 0)), -g.share, g.account, g.product))
    owned = {deal.account_id for deal in deals_of(crm, [Filter(field="owner", op="known")])}
    bare = sorted(a.name for a in accounts.values() if not a.owner and a.id not in owned)
    said = f"{len(gaps):,} unsold products at {len({g.account_id for g in gaps}):,} of {len(customers):,} customers"
    first = f"; the likeliest is {gaps[0].product} at {gaps[0].account}." if gaps and gaps[0].value_low else "."
    currency_of(won, notes)
    if len(gaps) > MOST_SHOWN:
        notes.append(f"the first {MOST_SHOWN} are shown; name an account or a product for others")
    return WhiteSpace(
        headline=said + first,
        as_of=today.isoformat(),
        notes=tuple(notes),
        assumptions=("Peers are the other customers of the same industry.",),
        rules=RULES,
        customers=len(customers),
        total=len(gaps),
        gaps=tuple(gaps[:MOST_SHOWN]),
        without_owner=tuple(bare[:MOST_SHOWN]),
    )


def _segment(account: Account) -> str:
    return industry_of(account.industry) or account.industry.casefold()


def _gap(account: Account, product: str, segment: str, peers: list[str], paid: dict[str, dict[str, int]]) -> Gap:
    owning = [peer for peer in peers if product in paid[peer]]
    amounts = [float(paid[peer][product]) for peer in owning if paid[peer][product] > 0]
    low, _ = wilson(len(owning), len(peers))
    is_enough = len(peers) >= ENOUGH_PEERS and len(amounts) >= ENOUGH_BUYERS
    basis = f"{len(owning)} of {len(peers)} other customers in {segment}" if segment else "its industry is not known"
    return Gap(
        account=account.name,
        account_id=account.id,
        product=product,
        peers=len(peers),
        peers_with_it=len(owning),
        share=percent(len(owning) / len(peers)) if peers else 0.0,
        share_low=percent(low) if peers else 0.0,
        value_low=round(quantile(amounts, 0.25)) if is_enough else None,
        value_high=round(quantile(amounts, 0.75)) if is_enough else None,
        basis=basis if is_enough else f"{basis}: too few for a value",
    )
