"""Reading many deals at once, and what all figures about them share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from cuga.adapters.capability import CrmRead, Filter, Opportunity, Record
from cuga.model.value import MICRO

_BATCH = 5_000
OLD_DAYS = 92  # a house whose newest deal moved longer ago than this is looked at from the wrong date


def all_of(crm: CrmRead, kind: str, filters: Sequence[Filter] = ()) -> list[Record]:
    """All records of a kind that meet the filters, in order of id, read in parts."""
    found: list[Record] = []
    while part := crm.query(kind, filters, limit=_BATCH, offset=len(found)):
        found += part
        if len(part) < _BATCH:
            break
    return found


def deals_of(crm: CrmRead, filters: Sequence[Filter] = ()) -> list[Opportunity]:
    """All deals that meet the filters, in order of id."""
    return [deal for deal in all_of(crm, "opportunities", filters) if isinstance(deal, Opportunity)]


def say_when_old(deals: Sequence[Opportunity], today: date, notes: list[str]) -> None:
    """Note it when the data ends long before the date that is reasoned from: every age and period would mislead."""
    days = [day for deal in deals for day in (deal.opened, deal.closes) if day is not None and day <= today]
    if days and (today - max(days)).days > OLD_DAYS:
        notes.append(f"the newest deal is of {max(days)}: to look at the house as of then, give that as the as-of date")


def units(amount: int | None) -> int:
    """Micro-units as whole units of the currency; 0 when not known."""
    return round((amount or 0) / MICRO)


def currency_of(deals: Sequence[Opportunity], notes: list[str]) -> str:
    """The deals' currency; several are noted, for their amounts do not add up."""
    found = sorted({deal.currency for deal in deals if deal.currency})
    if len(found) > 1:
        notes.append(f"amounts in {', '.join(found)} are added as they stand: no rates are known here")
    return found[0] if len(found) == 1 else ""
