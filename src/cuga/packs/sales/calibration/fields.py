"""The fields of accounts and deals that a card may ask, as they are known before a deal is worked."""

from __future__ import annotations

from cuga.adapters.capability import Account, Opportunity
from cuga.model.value import MICRO
from cuga.packs.sales.calibration.card import Scalar
from cuga.packs.sales.industries import country_of, industry_of


def account_fields(account: Account) -> dict[str, Scalar]:
    """Industry and country by their usual names, sizes as whole numbers; None where nothing is known."""
    return {
        "industry": industry_of(account.industry) or account.industry.casefold() or None,
        "country": country_of(account.country) or account.country or None,
        "employees": account.employees,
        "revenue": None if account.revenue is None else account.revenue // MICRO,
        "founded": account.founded,
    }


def deal_fields(deal: Opportunity) -> dict[str, Scalar]:
    """What a deal says from its first day on; amount and close date are left out, for they are written at its end."""
    return {"owner": deal.owner or None, "product": deal.product_id or deal.product or None}
