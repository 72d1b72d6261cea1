"""Deals at hand: which ones a name means, what was said of them, what is written of them, how old the data is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from cuga.adapters.capability import OPEN, Activity, CrmRead, Filter, Note, Opportunity, Product
from cuga.errors import BadInput
from cuga.packs.sales.qualification.frameworks import Element, Framework
from cuga.packs.sales.qualification.standing import Statement, statements
from cuga.packs.sales.result import Evidence, amount_text, evidence, place, sure

MOST_DEALS = 10  # of one account, looked at in one call
MOST_ACTIVITIES = 500


def deal_named(crm: CrmRead, asked: str) -> Opportunity | None:
    """The deal with exactly this id or name; None when there is none."""
    found = crm.get("opportunities", asked.strip())
    if found is None:
        by_name = crm.lookup("opportunities", asked).found
        found = crm.get("opportunities", by_name.id) if by_name and by_name.how in ("id", "exact") else None
    return found if isinstance(found, Opportunity) else None


def deals_named(crm: CrmRead, asked: str, said: list[str]) -> tuple[list[Opportunity], tuple[str, ...]]:
    """The deal that is named, or the newest open deals of the account that is, and the ids of its others.

    `BadInput` when the name is neither, or the account has no open deal.
    """
    if (direct := deal_named(crm, asked)) is not None:
        return [direct], ()
    account = crm.get("accounts", sure(crm.lookup("accounts", asked), "deal or account", said))
    assert account is not None
    found = open_deals_of(crm, account.id)
    if not found:
        raise BadInput(f"{account.name} has no open deal", mend="name a closed one by its id; `query_crm` lists them")
    if len(found) > 1:
        said.append(f"{account.name} has {len(found)} open deals; the newest {min(len(found), MOST_DEALS)} are shown")
    return found[:MOST_DEALS], tuple(deal.id for deal in found[MOST_DEALS:])


def open_deals_of(crm: CrmRead, account_id: str) -> list[Opportunity]:
    """The open deals of an account, the newest first."""
    wanted = [Filter(field="account_id", value=account_id), Filter(field="status", value=OPEN)]
    rows = crm.query("opportunities", wanted, order="-opened", limit=200)
    return [deal for deal in rows if isinstance(deal, Opportunity)]


def one_deal(crm: CrmRead, asked: str, account: str = "") -> Opportunity:
    """The one deal that is meant: by its id, or the only open one of an account. `BadInput` names the candidates."""
    wanted = asked.strip() or account.strip()
    if not wanted:
        raise BadInput("no deal is named", mend="give its id; `query_crm` lists the deals")
    found, others = deals_named(crm, wanted, [])
    if len(found) + len(others) > 1:
        near = ", ".join(f"{deal.id} ({', '.join(filter(None, (deal.product, deal.stage)))})" for deal in found)
        more = f" or one of {len(others)} more" if others else ""
        raise BadInput(f"{wanted} has {len(found) + len(others)} open deals", mend=f"name one of {near}{more}")
    return found[0]


def open_deals(crm: CrmRead, *, owner: str = "") -> list[Opportunity]:
    """All open deals, or those of one seller, in order of id. `BadInput` for a seller who is not known."""
    wanted = [Filter(field="status", value=OPEN)]
    if owner.strip():
        wanted.append(Filter(field="owner", value=owner_named(crm, owner)))
    return [deal for deal in crm.query("opportunities", wanted, limit=-1) if isinstance(deal, Opportunity)]


def owner_named(crm: CrmRead, asked: str) -> str:
    """The seller that a name means, as deals have it."""
    owners = {owner.casefold(): owner for owner, _ in crm.group("opportunities", "owner") if owner}
    if (exact := owners.get(asked.strip().casefold())) is not None:
        return exact
    found = crm.get("teams", sure(crm.lookup("teams", asked), "seller", []))
    assert found is not None
    return owners.get(found.name.casefold(), found.name)


def activities_of(crm: CrmRead, deal: Opportunity, today: date) -> list[Activity]:
    """What happened on a deal until today, the newest first; what has no date stands last."""
    rows = crm.query(
        "activities", [Filter(field="opportunity_id", value=deal.id)], order="-happened", limit=MOST_ACTIVITIES
    )
    return [row for row in rows if isinstance(row, Activity) and (row.happened is None or row.happened <= today)]


def said_of(crm: CrmRead, deal: Opportunity, elements: Framework | Iterable[Element], today: date) -> list[Statement]:
    """What the deal's activities and notes say of the elements."""
    asked = elements if isinstance(elements, str) else tuple(elements)
    found: list[Statement] = []
    for row in activities_of(crm, deal, today):
        found += statements(row.text, asked, who=row.who, on=row.happened, source=place(row) or row.id)
    for note in crm.query("notes", [Filter(field="opportunity_id", value=deal.id)], limit=MOST_ACTIVITIES):
        if isinstance(note, Note) and (note.written is None or note.written <= today):
            found += statements(note.text, asked, who=note.who, on=note.written, source=place(note) or note.id)
    return found + statements(deal.notes, asked, who="", on=None, source=place(deal) or deal.id)


def facts_of(crm: CrmRead, deal: Opportunity) -> tuple[Evidence, ...]:
    """What is written of a deal, field by field, with its row."""
    found = [
        evidence(deal, name)
        for name in ("stage", "owner", "product", "opened", "closes", "next_step")
        if getattr(deal, name)
    ]
    if deal.amount is not None:
        found.append(evidence(deal, "amount", value=amount_text(deal.amount, deal.currency)))
    product = crm.get("products", deal.product_id) if deal.product_id else None
    if deal.amount is None and isinstance(product, Product) and product.price is not None:
        found.append(evidence(product, "price", value=f"list price {amount_text(product.price, product.currency)}"))
    return tuple(found)


def say_when(crm: CrmRead, today: date, said: list[str]) -> None:
    """Note it when the data ends long before the date that is reasoned from: every age would mislead."""
    for kind, field in (("activities", "happened"), ("opportunities", "closes")):
        row = next(iter(crm.query(kind, order=f"-{field}", limit=1)), None)
        newest = getattr(row, field, None)
        if isinstance(newest, date) and (today - newest).days <= 365:
            return
        if isinstance(newest, date):
            said.append(
                f"the newest of the {kind} is of {newest}: to look at the deal as of then, give that date as the "
                f"as-of date"
            )
            return


def named(deal: Opportunity) -> str:
    """A deal as a seller calls it: id, account, product."""
    return f"{deal.id} ({', '.join(filter(None, (deal.account or 'no account', deal.product)))})"
