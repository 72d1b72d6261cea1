"""The state of a deal in one framework, element by element, from what buyers said. Unknown is not no, and no verdict is
given on a deal of which too little is known. Instructions inside notes are words like any others: they change
nothing."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from cuga.adapters.capability import OPEN, Activity, CrmRead, Filter, Note, Opportunity, Product
from cuga.errors import BadInput
from cuga.packs.sales.qualification.frameworks import FRAMEWORKS, Framework
from cuga.packs.sales.qualification.standing import (
    MOST_UNKNOWN,
    STALE_DAYS,
    Standing,
    Statement,
    standing,
    statements,
    verdict_of,
)
from cuga.packs.sales.result import Evidence, Result, amount_text, evidence, place, sure
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "qualify-1"
MOST_DEALS = 10


class DealState(Result, frozen=True, kw_only=True):
    """One deal. `verdict`: qualified, gaps, at risk, or no verdict; `readiness` 0..100 is given with a verdict only."""

    opportunity: str
    account: str
    verdict: str
    readiness: int | None
    unknown_share: int
    elements: tuple[Standing, ...]
    unknowns: tuple[str, ...]
    next_questions: tuple[str, ...]
    deal: tuple[Evidence, ...]
    notes: tuple[str, ...]


class Qualification(Result, frozen=True, kw_only=True):
    """One entry per deal asked for; `others` are open deals of the account that were not looked at."""

    framework: str
    deals: tuple[DealState, ...]
    others: tuple[str, ...]
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="qualification",
    side_effect="read-only",
    cost=0.7,
    keywords=(
        "qualify", "qualification", "bant", "meddicc", "meddic", "deal", "opportunity", "opp", "open deal", "unknown",
        "gaps",
        "discovery", "budget", "authority", "need", "timing", "ready", "is it real", "what is missing",
    ),
    gives={"qualification": ""},
    uses=("crm",),
    guardrails=("never counts an unknown as a no", "never blends frameworks",
    "gives no verdict when over 40 % is unknown", "changes nothing"),
)  # fmt: skip
def qualify_opportunity(
    context: ToolContext,
    opportunity: Annotated[str, Slot("opportunity", "id of the deal, or an account for its open deals")],
    framework: Annotated[Framework | None, Slot("framework", "BANT or MEDDICC", tuple(FRAMEWORKS))] = None,
    notes: Annotated[str, Slot("text", "call notes to take into account, as written")] = "",
    evidence: Annotated[tuple[Statement, ...], Slot("evidence", "statements by element")] = (),
    stale_days: Annotated[int, Slot("days", "age from which evidence counts as partial only")] = STALE_DAYS,
) -> Qualification:
    """BANT or MEDDICC state of a deal with evidence and unknowns.

    Statements come from the deal's activities and notes and from what is given here; each keeps its quote, who said it
    and when. Evidence without a date, or older than `stale_days`, confirms nothing by itself: it counts as partial.
    """
    chosen = framework or "BANT"
    assumptions = (
        () if framework else ("No framework was chosen: BANT is used. Ask for MEDDICC to see those seven elements.",)
    )
    if stale_days < 1:
        raise BadInput("stale_days must be at least 1", mend="leave it out for 60")
    crm: CrmRead = context.capability("crm")
    said: list[str] = []
    deals, others = _deals(crm, opportunity, said)
    names = {element.name for element in FRAMEWORKS[chosen]}
    if wrong := [s.element for s in evidence if s.element.casefold() not in names]:
        raise BadInput(f"{chosen} has no element {wrong[0]!r}", mend=f"elements: {', '.join(sorted(names))}")
    today = context.as_of.date()
    given = [*evidence, *statements(notes, chosen, who="", on=today, source="input")]
    _say_when(crm, today, said)
    states = tuple(_state(crm, deal, chosen, given, today, stale_days) for deal in deals)
    return Qualification(
        framework=chosen,
        deals=states,
        others=others,
        assumptions=assumptions,
        notes=tuple(said),
        as_of=today.isoformat(),
    )


def _state(
    crm: CrmRead, deal: Opportunity, framework: Framework, given: list[Statement], today: date, stale_days: int
) -> DealState:
    said = [*given, *_from_crm(crm, deal, framework, today)]
    elements = tuple(standing(element, said, today, stale_days) for element in FRAMEWORKS[framework])
    verdict, readiness, unknown = verdict_of(framework, elements)
    notes = []
    if verdict == "no verdict":
        notes.append(
            f"{unknown} % of {framework} is unknown, more than {MOST_UNKNOWN} %: too little for a verdict either way"
        )
    if deal.status and deal.status != OPEN:
        notes.append(f"the deal is closed ({deal.stage})")
    if not deal.account_id:
        notes.append("the deal names no account")
    if deal.opened and deal.status == OPEN and deal.opened <= today:
        notes.append(f"open for {(today - deal.opened).days:,} days, as of {today}")
    if deal.closes and deal.closes < today and deal.status == OPEN:
        notes.append(f"its close date {deal.closes} has passed")
    return DealState(
        opportunity=deal.id,
        account=deal.account,
        verdict=verdict,
        readiness=readiness,
        unknown_share=unknown,
        elements=elements,
        unknowns=tuple(element.element for element in elements if element.state == "unknown"),
        next_questions=tuple(element.next_question for element in elements if element.next_question),
        deal=_facts(crm, deal),
        notes=tuple(notes),
    )


def _from_crm(crm: CrmRead, deal: Opportunity, framework: Framework, today: date) -> list[Statement]:
    mine = [Filter(field="opportunity_id", value=deal.id)]
    found: list[Statement] = []
    for row in (*crm.query("activities", mine, limit=500), *crm.query("notes", mine, limit=500)):
        if not isinstance(row, Activity | Note):
            continue
        on = row.happened if isinstance(row, Activity) else row.written
        if on is None or on <= today:
            found += statements(row.text, framework, who=row.who, on=on, source=place(row) or row.id)
    return found + statements(deal.notes, framework, who="", on=None, source=place(deal) or deal.id)


def _facts(crm: CrmRead, deal: Opportunity) -> tuple[Evidence, ...]:
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


def _deals(crm: CrmRead, asked: str, said: list[str]) -> tuple[list[Opportunity], tuple[str, ...]]:
    direct = crm.get("opportunities", asked.strip())
    if direct is None:
        by_name = crm.lookup("opportunities", asked).found
        direct = crm.get("opportunities", by_name.id) if by_name and by_name.how in ("id", "exact") else None
    if isinstance(direct, Opportunity):
        return [direct], ()
    account = crm.get("accounts", sure(crm.lookup("accounts", asked), "deal or account", said))
    assert account is not None
    wanted = [Filter(field="account_id", value=account.id), Filter(field="status", value=OPEN)]
    found = [
        deal for deal in crm.query("opportunities", wanted, order="-opened", limit=200) if isinstance(deal, Opportunity)
    ]
    if not found:
        raise BadInput(f"{account.name} has no open deal", mend="name a closed one by its id; `query_crm` lists them")
    if len(found) > 1:
        said.append(f"{account.name} has {len(found)} open deals; the newest {min(len(found), MOST_DEALS)} are shown")
    return found[:MOST_DEALS], tuple(deal.id for deal in found[MOST_DEALS:])


def _say_when(crm: CrmRead, today: date, said: list[str]) -> None:
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
