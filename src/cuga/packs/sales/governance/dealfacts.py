"""What is known of each deal beyond its own fields: the account's industry, country and size, the seller's team."""

from __future__ import annotations

from cuga.adapters.capability import Account, CrmRead, Opportunity, TeamMember
from cuga.packs.sales.deals import all_of
from cuga.packs.sales.industries import country_of, industry_of
from cuga.packs.sales.statistics.intervals import quantile

UNKNOWN = "not known"


class Facts:
    """Facts by name, read once for many deals."""

    def __init__(self, crm: CrmRead) -> None:
        self.accounts = {a.id: a for a in all_of(crm, "accounts") if isinstance(a, Account)}
        self.team = {m.name: m for m in all_of(crm, "teams") if isinstance(m, TeamMember)}
        sizes = [float(a.employees) for a in self.accounts.values() if a.employees is not None]
        self._cuts = [quantile(sizes, share) for share in (1 / 3, 2 / 3)] if len(sizes) >= 9 else []

    def of(self, deal: Opportunity) -> dict[str, str]:
        """Each fact of a deal; what is not known says so and is a group of its own."""
        account = self.accounts.get(deal.account_id)
        member = self.team.get(deal.owner)
        industry = (industry_of(account.industry) or account.industry) if account else ""
        country = (country_of(account.country) or account.country) if account else ""
        found = {
            "industry": industry,
            "country": country,
            "size": self._size(account),
            "product": deal.product_id or deal.product,
            "owner": deal.owner,
            "manager": member.manager if member else "",
            "region": member.region if member else "",
        }
        return {name: value or UNKNOWN for name, value in found.items()}

    def _size(self, account: Account | None) -> str:
        if account is None or account.employees is None or not self._cuts:
            return ""
        low, high = (round(cut) for cut in self._cuts)
        if account.employees < low:
            return f"under {low:,} people"
        return f"{low:,} to {high:,} people" if account.employees < high else f"over {high:,} people"
