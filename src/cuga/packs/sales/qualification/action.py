"""One next action for a deal: the one that removes its largest risk or fills its largest gap, with its reason and date.

Candidates are weighed by a table that anybody can read; nothing is sent, booked or changed from here.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from cuga.adapters.capability import Account, CrmRead, Opportunity
from cuga.packs.sales.business_days import Calendar
from cuga.packs.sales.qualification.asked import asked_about, check_top
from cuga.packs.sales.qualification.deals import facts_of, said_of
from cuga.packs.sales.qualification.frameworks import FRAMEWORKS, Element, Framework
from cuga.packs.sales.qualification.portfolio import Portfolio
from cuga.packs.sales.qualification.risk import DealRisk, judged, worst_first
from cuga.packs.sales.qualification.risk_rules import Known
from cuga.packs.sales.qualification.standing import STALE_DAYS, Standing, standing, statements
from cuga.packs.sales.result import Evidence, Result
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "action-1"
SHOWN, MOST_SHOWN = 5, 25
# How much it counts that an element stands so: a plain no to something vital outweighs every single risk.
GAPS = {("denied", True): 22, ("denied", False): 9, ("unknown", True): 12, ("unknown", False): 6,
        ("partial", True): 5, ("partial", False): 2}  # fmt: skip
SOON = ((15, 1), (10, 3), (0, 5))  # weight from which, business days until it should be done


class Action(Result, frozen=True, kw_only=True):
    """One thing to do. `weight` ranks it among the deal's other candidates; `ask` is a question to begin with."""

    action: str
    reason: str
    ask: str
    weight: int
    due: str
    evidence: tuple[Evidence, ...]


class NextAction(Result, frozen=True, kw_only=True):
    """One deal: what to do, what else would be worth doing, and what stands in the CRM."""

    opportunity: str
    account: str
    owner: str
    stage: str
    level: str
    action: Action
    alternatives: tuple[Action, ...]
    deal: tuple[Evidence, ...]
    notes: tuple[str, ...]


class NextActions(Result, frozen=True, kw_only=True):
    """One entry per deal, the deal most at risk first."""

    framework: str
    actions: tuple[NextAction, ...]
    looked_at: int
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="qualification",
    side_effect="read-only",
    cost=0.8,
    keywords=(
        "next action", "next best action", "next step", "what should i do", "what to do next", "what to do", "what now",
        "advise", "recommend", "get it going again", "unstick", "best move", "plan the next step",
    ),
    gives={"next_action": ""},
    uses=("crm",),
    guardrails=("one action per deal, with its reason", "does nothing by itself"),
)  # fmt: skip
def recommend_next_action(
    context: ToolContext,
    opportunity: Annotated[str, Slot("opportunity", "id of a deal; left out: the open deals most at risk")] = "",
    account: Annotated[str, Slot("account", "name or id of an account: its open deals")] = "",
    situation: Annotated[str, Slot("situation", "what else is known of it, in words")] = "",
    owner: Annotated[str, Slot("rep", "a seller: their open deals")] = "",
    framework: Annotated[Framework | None, Slot("framework", "whose gaps count", tuple(FRAMEWORKS))] = None,
    top: Annotated[int, Slot("count", "for how many of the worst deals")] = SHOWN,
    assessed: Annotated[tuple[DealRisk, ...], Slot("risks", "deals whose risk was assessed: the worst of these")] = (),
) -> NextActions:
    """Next best action for a deal with reasons.

    The largest counts: a no to something vital (22), each risk by its points (up to 20), a vital gap (12), a lesser gap
    (6), a stale yes (5 or 2). Due within 1, 3 or 5 business days of the account's country. `situation` is searched for
    evidence like a note of today; it is somebody's word.
    """
    check_top(top, MOST_SHOWN)
    chosen: Framework = framework or "MEDDICC"
    earlier = _again(context.capability("crm"), assessed)
    asked = asked_about(context, opportunity.strip() or account, owner, earlier=earlier)
    without = [] if framework else [f"No framework was chosen: gaps are those of {chosen}."]
    house = Portfolio(asked.crm, asked.today)
    ranked = sorted(((judged(known), known) for known in house.known(asked.deals)), key=worst_first)
    return NextActions(
        framework=chosen,
        actions=tuple(_for(asked.crm, risk, known, chosen, situation) for risk, known in ranked[:top]),
        looked_at=len(ranked),
        assumptions=(*without, *asked.assumptions),
        notes=tuple(asked.notes),
        as_of=asked.today.isoformat(),
    )


def _again(crm: CrmRead, assessed: tuple[DealRisk, ...]) -> list[Opportunity]:
    """The deals that were assessed before, as they are now."""
    found = [crm.get("opportunities", one.opportunity) for one in assessed]
    return [deal for deal in found if isinstance(deal, Opportunity)]


def _for(crm: CrmRead, risk: DealRisk, known: Known, framework: Framework, situation: str) -> NextAction:
    deal, today = known.deal, known.today
    account = crm.get("accounts", deal.account_id) if deal.account_id else None
    calendar = Calendar(account.country if isinstance(account, Account) else "")
    said = said_of(crm, deal, framework, today) + statements(situation, framework, who="", on=today, source="input")
    states = [(element, standing(element, said, today, STALE_DAYS)) for element in FRAMEWORKS[framework]]
    ranked = candidates(risk, states, calendar, today)
    notes = [calendar.note] if calendar.note else []
    if deal.status != "open":
        notes.append(f"the deal is {deal.status or 'neither open nor closed'}")
    return NextAction(
        opportunity=deal.id,
        account=deal.account,
        owner=deal.owner,
        stage=deal.stage,
        level=risk.level,
        action=ranked[0],
        alternatives=tuple(ranked[1:3]),
        deal=facts_of(crm, deal),
        notes=tuple(notes),
    )


def candidates(risk: DealRisk, states: list[tuple[Element, Standing]], calendar: Calendar, today: date) -> list[Action]:
    """All that could be done for a deal, the weightiest first; equals in the order of their words. Never empty."""
    found = [
        _action(one.fix, f"{one.risk}: {one.why}", "", one.points, calendar, today, one.evidence) for one in risk.risks
    ]
    for element, state in states:
        weight = GAPS.get((state.state, element.vital), 0)
        if not weight:
            continue
        what = {
            "denied": f"Take up the no on {element.name}, or let the deal go",
            "unknown": f"Find out: {element.name}",
            "partial": f"Make sure of {element.name}",
        }[state.state]
        said = state.statement
        seen = () if said is None else (
            Evidence(record=risk.opportunity, field=element.name, value=said.quote, date=said.date, source=said.source),
        )  # fmt: skip
        reason = (
            f"{element.name} is {state.state}: {state.why}"
            if state.state != "unknown"
            else (f"{element.name} is unknown; it counts when it is {element.means}")
        )
        found.append(_action(what, reason, element.question, weight, calendar, today, seen))
    if not found:
        what, reason = "Agree on the date of signature", "no risk was found and nothing asked for is open"
        found.append(_action(what, reason, "What has to happen before you can sign?", 1, calendar, today, ()))
    return sorted(found, key=lambda one: (-one.weight, one.action))


def _action(
    what: str, reason: str, ask: str, weight: int, calendar: Calendar, today: date, seen: tuple[Evidence, ...]
) -> Action:
    days = next(days for least, days in SOON if weight >= least)
    due = calendar.moved(today, days).isoformat()
    return Action(action=what, reason=reason, ask=ask, weight=weight, due=due, evidence=seen)
