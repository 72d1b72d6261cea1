"""What may stall or lose deals, measured against the team's own won history. Risk points rank; they are no chance, and
a chance is given only where it was right in the past."""

from __future__ import annotations

from typing import Annotated

from msgspec.structs import replace

from cuga.adapters.capability import OPEN
from cuga.errors import BadInput
from cuga.packs.sales.qualification.asked import asked_about, check_top
from cuga.packs.sales.qualification.history import Chance, History, Past
from cuga.packs.sales.qualification.portfolio import Portfolio
from cuga.packs.sales.qualification.risk_rules import QUIET_DAYS, Known, Risk, found
from cuga.packs.sales.result import Result, amount_text
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "risk-1"
SHOWN, MOST_SHOWN = 10, 100
LEVELS = ("high", "medium", "unclear", "low")  # in the order in which a seller wants to see them
ENOUGH_KNOWN = 50  # percent of the points that must have been judged before "low" is said


class DealRisk(Result, frozen=True, kw_only=True):
    """One deal. `level`: high, medium, low, or unclear; `coverage`: percent of the points that could be judged."""

    opportunity: str
    account: str
    owner: str
    stage: str
    amount: str
    level: str
    points: int
    coverage: int
    risks: tuple[Risk, ...]
    unknowns: tuple[str, ...]
    chance: Chance | None
    chance_says: str


class DealRisks(Result, frozen=True, kw_only=True):
    """The deals that were looked at, the worst first, as many as were asked for; `levels` counts all of them."""

    deals: tuple[DealRisk, ...]
    looked_at: int
    levels: dict[str, int]
    history: History
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="qualification",
    side_effect="read-only",
    cost=0.8,
    keywords=(
        "risk", "risks", "at risk", "slip", "stall", "stalled", "danger", "lose this deal", "red flags", "unhealthy",
        "healthy", "deal health", "in trouble", "deal risk", "what could go wrong",
    ),
    gives={"risks": "/deals"},
    uses=("crm",),
    guardrails=("never counts what is not known as a risk", "never gives a chance that was not tested on past deals",
    "changes nothing"),
)  # fmt: skip
def assess_deal_risk(
    context: ToolContext,
    opportunity: Annotated[str, Slot("opportunity", "id of a deal; left out: all open deals")] = "",
    account: Annotated[str, Slot("account", "name or id of an account: its open deals")] = "",
    owner: Annotated[str, Slot("rep", "a seller: their open deals")] = "",
    top: Annotated[int, Slot("count", "how many of the worst to show")] = SHOWN,
    quiet_days: Annotated[int, Slot("days", "days without activity that count as quiet")] = QUIET_DAYS,
) -> DealRisks:
    """What may stall or lose a deal and how badly.

    Ages are compared with the 90th percentile of the team's own won deals. Points add up to 100 over eight rules and
    rank deals; they say nothing of the chance. The chance is the share of closed deals of that age that were won, and
    is given only when it held on the latest closed deals.
    """
    check_top(top, MOST_SHOWN)
    if quiet_days < 1:
        raise BadInput("quiet_days must be at least 1", mend=f"leave it out for {QUIET_DAYS}")
    asked = asked_about(context, opportunity.strip() or account, owner)
    house = Portfolio(asked.crm, asked.today, quiet_days=quiet_days)
    ranked = sorted(((judged(known), known) for known in house.known(asked.deals)), key=worst_first)
    levels = {level: sum(one.level == level for one, _ in ranked) for level in LEVELS}
    return DealRisks(
        deals=tuple(with_chance(one, known, house.past) for one, known in ranked[:top]),
        looked_at=len(ranked),
        levels={level: count for level, count in levels.items() if count},
        history=house.past.facts,
        assumptions=tuple(asked.assumptions),
        notes=tuple(asked.notes),
        as_of=asked.today.isoformat(),
    )


def judged(known: Known) -> DealRisk:
    """The rule itself: one deal's risks, level and points, without a chance."""
    deal = known.deal
    risks, unknowns, coverage = found(known)
    worst = {risk.severity for risk in risks}
    level = "high" if "high" in worst else "medium" if worst else "low" if coverage >= ENOUGH_KNOWN else "unclear"
    return DealRisk(
        opportunity=deal.id,
        account=deal.account,
        owner=deal.owner,
        stage=deal.stage,
        amount=amount_text(deal.amount, deal.currency),
        level=level,
        points=sum(risk.points for risk in risks),
        coverage=coverage,
        risks=risks,
        unknowns=unknowns,
        chance=None,
        chance_says="",
    )


def with_chance(one: DealRisk, known: Known, past: Past) -> DealRisk:
    """The same with the share of like deals that were won, or why there is none."""
    if known.deal.status != OPEN:
        return replace(one, chance_says=f"the deal is {known.deal.status or 'neither open nor closed'}")
    if known.deal.opened is None or known.deal.opened > known.today:
        return replace(one, chance_says="not calibrated: since when it is open is not known")
    chance, why = past.chance((known.today - known.deal.opened).days)
    return replace(one, chance=chance, chance_says=why)


def worst_first(pair: tuple[DealRisk, Known]) -> tuple[int, int, str, str]:
    """The order of deals: by level, then points, then age."""
    one, known = pair  # among equals the oldest
    opened = known.deal.opened.isoformat() if known.deal.opened else "9"
    return LEVELS.index(one.level), -one.points, opened, one.opportunity
