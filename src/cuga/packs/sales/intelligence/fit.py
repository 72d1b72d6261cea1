"""Points of an account against a profile. Unknown is not bad: it gets no points and lowers the coverage, nothing else.

Ranges fade: half of the minimum or twice the maximum is worth nothing, in between it falls evenly on a doubling scale.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import msgspec

from cuga.adapters.capability import WON, Account, CrmRead, Filter
from cuga.errors import BadInput
from cuga.model.value import MICRO
from cuga.packs.sales.calibration.card import PointsCard
from cuga.packs.sales.importing import values
from cuga.packs.sales.industries import country_of, industry_of, sector_of
from cuga.packs.sales.intelligence.icp import SMALLEST, IdealCustomerProfile, derived
from cuga.packs.sales.result import Evidence, Result, amount_text, evidence, find_account
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

RULES = "fit-1"
WEIGHTS = {"revenue": 35, "industry": 35, "employees": 15, "country": 15}
TIERS = ((75, "A"), (50, "B"), (0, "C"))
LEAST_COVERAGE = 50  # below it no tier is given


class Factor(Result, frozen=True, kw_only=True):
    """One factor. `state`: met, near, missed or unknown; `of` is the most it could give."""

    factor: str
    state: str
    points: int
    of: int
    why: str


class FitScore(Result, frozen=True, kw_only=True):
    """`score` 0..100 over all factors asked; `coverage` is the share of the weight that was known, in percent."""

    account: str
    account_id: str
    score: int
    tier: str
    coverage: int
    factors: tuple[Factor, ...]
    unknowns: tuple[str, ...]
    disqualifiers: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    profile: IdealCustomerProfile
    rules: str = RULES
    as_of: str = ""


@tool(
    domain="intelligence",
    side_effect="read-only",
    cost=0.5,
    keywords=(
        "score", "fit", "icp", "ideal customer profile", "rate", "grade", "points", "match", "worth", "good prospect",
        "workup", "evaluate account", "tier", "qualify account",
    ),
    gives={"fit": "", "score": "/score", "account": "/account_id"},
    uses=("crm",),
    optional=("crm",),
    guardrails=("never counts an unknown value as a bad one", "never chooses between accounts of like names"),
)  # fmt: skip
def score_account_fit(
    context: ToolContext,
    account: Annotated[str | dict[str, Any], Slot("account", "name or id of the account, or its fields")],
    profile: Annotated[
        IdealCustomerProfile | None, Slot("icp", "the ideal customer profile; left out: derived")
    ] = None,
    card: Annotated[PointsCard | None, Slot("points_card", "a calibrated card instead of a profile")] = None,
) -> FitScore:
    """Points of one account against the ideal customer profile with reasons and unknowns.

    Without a profile one is read off the house's own customers, and the result says so. Weights: revenue 35, industry
    35,
    employees 15, country 15; a factor that the profile does not ask gives its weight to the others.
    """
    notes: list[str] = []
    day = context.as_of.date().isoformat()
    has_crm = not capability_missing(context, "crm")
    if isinstance(account, dict):
        record = _given(account)
    elif has_crm:
        record = find_account(context.capability("crm"), account, notes)
    else:
        record = Account(id=account, name=account)
        notes.append("there is no CRM to look in: scored on what the goal says")
    assumptions: tuple[str, ...] = ()
    if card is not None:
        from cuga.packs.sales.intelligence.card_score import score_by_card

        if profile is not None:
            raise BadInput("both a profile and a card are given", mend="score by one of them")
        return msgspec.structs.replace(score_by_card(record, card, tuple(notes)), as_of=day)
    if profile is not None:
        wanted = profile.canonical()
    elif not has_crm:
        wanted = SMALLEST
        asked = f"{SMALLEST.min_employees} employees or more"
        assumptions = (f"No profile was given and there is no CRM to read one off: the only thing asked is {asked}.",)
    else:
        crm: CrmRead = context.capability("crm")
        wanted, assumptions = derived(crm)
        won = crm.count(
            "opportunities", [Filter(field="account_id", value=record.id), Filter(field="status", value=WON)]
        )
        if won:
            notes.append(
                f"{record.name} is a customer already ({won} won deal{'s' if won > 1 else ''}), and so one of those "
                f"the profile is read off"
            )
    if record.parent:
        notes.append(f"{record.name} belongs to {record.parent}; its size may be that of the subsidiary alone")
    return msgspec.structs.replace(score(record, wanted, assumptions, tuple(notes)), as_of=day)


def score(
    account: Account, profile: IdealCustomerProfile, assumptions: tuple[str, ...] = (), notes: tuple[str, ...] = ()
) -> FitScore:
    """The rule itself, without a CRM. `BadInput` when the profile asks nothing."""
    asked = {name: weight for name, weight in WEIGHTS.items() if _asks(profile, name)}
    if not asked:
        raise BadInput("the profile asks nothing", mend="give industries, countries, employees or revenue")
    whole = sum(asked.values())
    factors, known = [], 0
    shares = rounded_shares(asked)
    for name, weight in asked.items():
        share, state, why = _judge(account, profile, name)
        known += weight if state != "unknown" else 0
        factors.append(
            Factor(factor=name, state=state, points=math.floor(share * shares[name] + 0.5), of=shares[name], why=why)
        )
    total, coverage = sum(factor.points for factor in factors), round(100 * known / whole)
    against = _against(account, profile)
    return FitScore(
        account=account.name,
        account_id=account.id,
        score=total,
        tier=tier_of(total, coverage, against),
        coverage=coverage,
        factors=tuple(factors),
        unknowns=tuple(factor.factor for factor in factors if factor.state == "unknown"),
        disqualifiers=against,
        evidence=tuple(_evidence(account, factor.factor) for factor in factors if factor.state != "unknown"),
        assumptions=assumptions,
        notes=notes,
        profile=profile,
    )


def in_range(value: int, least: int | None, most: int | None) -> float:
    """1.0 inside; outside it falls on a doubling scale to 0.0 at half the least and at twice the most."""
    if least is not None and value < least:
        return max(0.0, 1.0 - math.log2(least / value)) if value > 0 else 0.0
    if most is not None and value > most:
        return max(0.0, 1.0 - math.log2(value / most)) if most > 0 else 0.0
    return 1.0


def _judge(account: Account, profile: IdealCustomerProfile, name: str) -> tuple[float, str, str]:
    if name == "industry":
        return _judge_industry(account, profile)
    if name == "country":
        if not account.country:
            return 0.0, "unknown", "no country is known"
        allowed = {country_of(country) or country.casefold() for country in profile.countries}
        met = (country_of(account.country) or account.country.casefold()) in allowed
        return (
            (1.0, "met", f"{account.country} is one of yours")
            if met
            else (0.0, "missed", f"{account.country} is not on the list")
        )
    least, most = getattr(profile, f"min_{name}"), getattr(profile, f"max_{name}")
    value = account.employees if name == "employees" else None if account.revenue is None else account.revenue // MICRO
    if value is None:
        return 0.0, "unknown", f"no {name} is known"
    share = in_range(value, least, most)
    limits = f"{least or 0:,} to {most:,}" if most is not None else f"{least or 0:,} or more"
    state = "met" if share == 1.0 else "near" if share > 0 else "missed"
    return share, state, f"{value:,} {'is within' if state == 'met' else 'is outside of'} {limits}"


def _judge_industry(account: Account, profile: IdealCustomerProfile) -> tuple[float, str, str]:
    if not account.industry:
        return 0.0, "unknown", "no industry is known"
    own = industry_of(account.industry)
    listed = {item.casefold() for item in profile.industries}
    if account.industry.casefold() in listed or (own and own in {industry_of(item) for item in profile.industries}):
        return 1.0, "met", f"{account.industry} is one of yours"
    if not own:
        return 0.0, "unknown", f"{account.industry!r} is no industry that is known here"
    if sector_of(own) in {sector_of(item) for item in profile.industries} - {""}:
        return 0.5, "near", f"{account.industry} is in the same sector as one of yours"
    return 0.0, "missed", f"{account.industry} is not one of yours"


def _asks(profile: IdealCustomerProfile, name: str) -> bool:
    if name in ("industry", "country"):
        return bool(profile.industries if name == "industry" else profile.countries)
    return getattr(profile, f"min_{name}") is not None or getattr(profile, f"max_{name}") is not None


def rounded_shares(asked: dict[str, int]) -> dict[str, int]:
    """Whole points that add up to 100: the largest remainders are rounded up, ties in the order of the weights."""
    whole = sum(asked.values())
    shares = {name: 100 * weight // whole for name, weight in asked.items()}
    behind = sorted(asked, key=lambda name: (-(100 * asked[name] % whole), list(asked).index(name)))
    for name in behind[: 100 - sum(shares.values())]:
        shares[name] += 1
    return shares


def _against(account: Account, profile: IdealCustomerProfile) -> tuple[str, ...]:
    found = []
    own = industry_of(account.industry) or account.industry.casefold()
    if own and own in {industry_of(item) or item.casefold() for item in profile.excluded_industries}:
        found.append(f"industry {account.industry} is excluded")
    own = country_of(account.country) or account.country.casefold()
    if own and own in {country_of(item) or item.casefold() for item in profile.excluded_countries}:
        found.append(f"country {account.country} is excluded")
    return tuple(found)


def tier_of(total: int, coverage: int, against: tuple[str, ...] = ()) -> str:
    """The tier of a score; none where too little is known, and none for who is ruled out."""
    if against:
        return "disqualified"
    if coverage < LEAST_COVERAGE:
        return "not enough known"
    return next(name for least, name in TIERS if total >= least)


def _evidence(account: Account, name: str) -> Evidence:
    return evidence(account, name, value=amount_text(account.revenue, account.currency) if name == "revenue" else "")


def _given(fields: dict[str, Any]) -> Account:
    """An account from fields that the caller gives, in present or older names."""
    named = {"industry": "industry sector", "country": "country region hq_country",
    "employees": "employees employee_count",
             "revenue": "revenue annual_revenue"}  # fmt: skip
    found: dict[str, Any] = {"id": str(fields.get("account_id") or fields.get("id") or fields.get("name") or "given")}
    found["name"] = str(fields.get("name") or fields.get("account") or found["id"])
    for name, spellings in named.items():
        value = next((fields[key] for key in spellings.split() if fields.get(key) not in (None, "")), None)
        if value is None:
            continue
        if name == "revenue":
            amount = values.money(str(value))
            if amount is None:
                raise BadInput(f"revenue {value!r} is no amount", mend="write a number, e.g. 1500000 or 1.5M")
            value = amount[0]
        elif name == "employees" and (value := values.whole(str(value))) is None:
            raise BadInput("employees is no whole number", mend="write a whole number")
        found[name] = value
    return msgspec.convert(found, Account)
