"""The state of a deal in one framework, element by element, from what buyers said. Unknown is not no, and no verdict is
given on a deal of which too little is known. Instructions inside notes are words like any others: they change
nothing."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from cuga.adapters.capability import OPEN, CrmRead, Opportunity
from cuga.errors import BadInput
from cuga.packs.sales.qualification.deals import deals_named, facts_of, said_of, say_when
from cuga.packs.sales.qualification.frameworks import ELEMENTS, FRAMEWORKS, Framework
from cuga.packs.sales.qualification.standing import (
    MOST_UNKNOWN,
    STALE_DAYS,
    Standing,
    Statement,
    standing,
    statements,
    verdict_of,
)
from cuga.packs.sales.result import Evidence, Result
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "qualify-1"


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
        "qualify", "qualification", "bant", "meddicc", "meddic", "meddpicc", "deal", "opportunity", "opp", "open deal",
        "unknown", "gaps", "budget", "authority", "need", "timing", "deal ready",
        "is it real", "what is missing",
    ),
    gives={"qualification": ""},
    uses=("crm",),
    guardrails=("never counts an unknown as a no", "never blends frameworks",
    "gives no verdict when over 40 % is unknown", "changes nothing"),
)  # fmt: skip
def qualify_opportunity(
    context: ToolContext,
    opportunity: Annotated[str, Slot("opportunity", "id of the deal, or an account for its open deals")] = "",
    framework: Annotated[Framework | None, Slot("framework", "BANT, MEDDICC or MEDDPICC", tuple(FRAMEWORKS))] = None,
    notes: Annotated[str, Slot("text", "call notes to take into account, as written")] = "",
    evidence: Annotated[tuple[Statement, ...], Slot("evidence", "statements by element")] = (),
    stale_days: Annotated[int, Slot("days", "age from which evidence counts as partial only")] = STALE_DAYS,
    account: Annotated[str, Slot("account", "name or id of an account: its open deals")] = "",
) -> Qualification:
    """BANT MEDDICC or MEDDPICC state of a deal with evidence and unknowns.

    Statements come from the deal's activities and notes and from what is given here; each keeps its quote, who said it
    and when. Evidence without a date, or older than `stale_days`, confirms nothing by itself: it counts as partial.
    """
    chosen = framework or "BANT"
    assumptions = (
        () if framework else ("No framework was chosen: BANT is used. Ask for MEDDICC or MEDDPICC to see more.",)
    )
    if stale_days < 1:
        raise BadInput("stale_days must be at least 1", mend="leave it out for 60")
    crm: CrmRead = context.capability("crm")
    said: list[str] = []
    if not (opportunity.strip() or account.strip()):
        raise BadInput("no deal is named", mend="give its id, or an account for its open deals; `query_crm` lists them")
    deals, others = deals_named(crm, opportunity.strip() or account, said)
    if len(deals) > 1 and (evidence or notes):
        said.append("what was said is counted for each of these deals; name the one that it is about")
    names = {element.name for element in FRAMEWORKS[chosen]}
    if wrong := [s.element for s in evidence if s.element.casefold() not in ELEMENTS]:
        raise BadInput(f"no framework has an element {wrong[0]!r}", mend=f"elements: {', '.join(sorted(names))}")
    if beside := sorted({s.element for s in evidence if s.element.casefold() not in names}):
        said.append(f"not counted, since {chosen} has no such element: {', '.join(beside)}")
    today = context.as_of.date()
    given = [*evidence, *statements(notes, chosen, who="", on=today, source="input")]
    say_when(crm, today, said)
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
    said = [*given, *said_of(crm, deal, framework, today)]
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
        deal=facts_of(crm, deal),
        notes=tuple(notes),
    )
