"""The ideal customer profile: what is asked of an account, said by a person or read off the house's own customers.

A profile that was derived says from what; it describes who has bought, it does not claim to predict who will.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from cuga.adapters.capability import WON, Account, CrmRead, Filter
from cuga.errors import BadInput
from cuga.model.value import MICRO, Value
from cuga.packs.sales.industries import country_of, industry_of

ENOUGH = 10  # customers from which a profile is read off them
_OLDER = {
    "target_industries": "industries",
    "min_employee_count": "min_employees",
    "max_employee_count": "max_employees",
    "min_annual_revenue": "min_revenue",
    "max_annual_revenue": "max_revenue",
    "regions": "countries",
    "target_regions": "countries",
}


class IdealCustomerProfile(Value, frozen=True, kw_only=True):
    """What a fitting account looks like. Revenue is per year in whole units of the CRM's currency.

    A criterion that is left out is not asked. The older names (target_industries, min_employee_count, ...) are
    accepted.
    """

    industries: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    min_employees: int | None = None
    max_employees: int | None = None
    min_revenue: int | None = None
    max_revenue: int | None = None
    excluded_industries: tuple[str, ...] = ()
    excluded_countries: tuple[str, ...] = ()
    target_industries: tuple[str, ...] = ()
    min_employee_count: int | None = None
    max_employee_count: int | None = None
    min_annual_revenue: int | None = None
    max_annual_revenue: int | None = None
    regions: tuple[str, ...] = ()
    target_regions: tuple[str, ...] = ()

    def canonical(self) -> IdealCustomerProfile:
        """The same profile under the present names; `BadInput` when old and new names disagree or a range is empty."""
        changes: dict[str, object] = {}
        for older, name in _OLDER.items():
            value = getattr(self, older)
            if value in (None, ()):
                continue
            if (present := getattr(self, name)) not in (None, (), value) or changes.get(name, value) != value:
                raise BadInput(f"the profile says both {name}={present} and {older}={value}", mend=f"keep {name}")
            changes |= {name: value, older: () if isinstance(value, tuple) else None}
        same = msgspec.structs.replace(self, **changes)
        for low, high in (("min_employees", "max_employees"), ("min_revenue", "max_revenue")):
            least, most = getattr(same, low), getattr(same, high)
            if (least is not None and least < 0) or (least is not None and most is not None and least > most):
                raise BadInput(
                    f"the profile's range {low}={least}, {high}={most} is empty", mend="put the smaller one first"
                )
        return same


SMALLEST = IdealCustomerProfile(min_employees=50)  # what is asked when nothing is known of the house's own customers


def derived(crm: CrmRead) -> tuple[IdealCustomerProfile, tuple[str, ...]]:
    """A profile read off the accounts with a won deal, and the assumptions that it makes."""
    won = {key for key, _ in crm.group("opportunities", "account_id", [Filter(field="status", value=WON)]) if key}
    customers = [a for a in crm.query("accounts", limit=-1) if a.id in won and isinstance(a, Account)]
    if len(customers) < ENOUGH:
        return SMALLEST, (
            f"No profile was given and {len(customers)} customers are too few to read one off (at least {ENOUGH}):"
            f" the only thing asked is {SMALLEST.min_employees} employees or more.",
        )
    industries = Counter(found for a in customers if (found := industry_of(a.industry)))
    countries = Counter(found for a in customers if (found := country_of(a.country) or a.country))
    share = max(2, round(len(customers) * 0.08))
    employees = _range([a.employees for a in customers if a.employees is not None])
    revenue = _range([a.revenue // MICRO for a in customers if a.revenue is not None])
    profile = IdealCustomerProfile(
        industries=tuple(sorted(name for name, count in industries.items() if count >= share)),
        countries=tuple(sorted(name for name, count in countries.items() if count >= share)),
        min_employees=employees[0],
        max_employees=employees[1],
        min_revenue=revenue[0],
        max_revenue=revenue[1],
    )
    return profile, (
        f"No profile was given: it is read off your own {len(customers)} customers (accounts with a won deal): the "
        f"middle"
        f" 80 % by size, industries and countries with at least {share} customers.",
        "It describes who has bought so far; whether it tells who will buy has not been tested.",
    )


def _range(values: list[int]) -> tuple[int | None, int | None]:
    if len(values) < ENOUGH:
        return None, None
    ranked = sorted(values)
    tenth = len(ranked) // 10
    return _round(ranked[tenth]), _round(ranked[-1 - tenth])


def _round(number: int) -> int:
    """Two leading digits: a limit that nobody takes for more exact than it is."""
    scale = int("1" + "0" * max(0, len(str(number)) - 2))
    return round(number / scale) * scale
