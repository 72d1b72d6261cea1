"""A brief for a meeting out of what is recorded: every line names its row, and what is not known is asked."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from cuga.adapters.capability import WON, Account, Activity, CrmRead, Filter, Opportunity
from cuga.errors import BadInput
from cuga.packs.sales.intelligence.committee import Committee, Person, committee_of
from cuga.packs.sales.qualification.deals import activities_of, deal_named, facts_of, open_deals_of, said_of, say_when
from cuga.packs.sales.qualification.frameworks import FRAMEWORKS, Framework
from cuga.packs.sales.qualification.portfolio import Portfolio
from cuga.packs.sales.qualification.risk import judged
from cuga.packs.sales.qualification.standing import STALE_DAYS, Standing, standing
from cuga.packs.sales.result import Evidence, Result, amount_text, evidence, find_account, place
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "brief-1"
QUESTIONS, MOMENTS, MOST_DEALS = 3, 8, 5
_WEIGHT = {("denied", True): 0, ("unknown", True): 1, ("denied", False): 2, ("unknown", False): 3, ("partial", True): 4,
           ("partial", False): 5}  # fmt: skip


class Moment(Result, frozen=True, kw_only=True):
    """Something that happened, as it was written down."""

    date: str
    kind: str
    who: str
    text: str
    source: str


class Objection(Result, frozen=True, kw_only=True):
    """What may be held against us, because it was said before."""

    about: str
    quote: str
    who: str
    date: str
    source: str


class DealInBrief(Result, frozen=True, kw_only=True):
    """An open deal: its facts, what is confirmed, what is open, what may go wrong."""

    opportunity: str
    facts: tuple[Evidence, ...]
    confirmed: tuple[str, ...]
    open_elements: tuple[str, ...]
    risks: tuple[str, ...]


class MeetingBrief(Result, frozen=True, kw_only=True):
    """One meeting. `questions` are the three that tell most; `gaps` are seats of the committee nobody is known for."""

    account: str
    when: str
    facts: tuple[Evidence, ...]
    people: tuple[Person, ...]
    gaps: tuple[str, ...]
    deals: tuple[DealInBrief, ...]
    bought: str
    history: tuple[Moment, ...]
    objections: tuple[Objection, ...]
    questions: tuple[str, ...]
    framework: str
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="qualification",
    side_effect="read-only",
    cost=0.8,
    keywords=(
        "meeting brief", "prep", "prepare for meeting", "meeting", "meeting prep", "talking points",
        "before the meeting", "brief me", "call prep", "before the call", "agenda", "call plan",
    ),
    gives={"meeting_brief": ""},
    uses=("crm",),
    guardrails=("no line without its row", "what is not known is asked, not filled in"),
    personal=("/people", "/history", "/objections"),
)  # fmt: skip
def prepare_meeting_brief(
    context: ToolContext,
    account: Annotated[str, Slot("account", "name or id of the account")] = "",
    opportunity: Annotated[str, Slot("opportunity", "id of the deal it is about")] = "",
    when: Annotated[str, Slot("date", "when it is")] = "",
    framework: Annotated[
        Framework | None, Slot("framework", "whose open elements are asked", tuple(FRAMEWORKS))
    ] = None,
) -> MeetingBrief:
    """Brief for a meeting with context questions and objections.

    Objections are sentences that were said before and speak against, or name somebody else; none are imagined.
    """
    crm: CrmRead = context.capability("crm")
    today = context.as_of.date()
    notes: list[str] = []
    chosen: Framework = framework or "MEDDICC"
    deal = deal_named(crm, opportunity) if opportunity.strip() else None
    if opportunity.strip() and deal is None and not account.strip():
        account = opportunity
    record = _account(crm, account, deal, notes)
    deals = [deal] if deal is not None else open_deals_of(crm, record.id)
    if len(deals) > MOST_DEALS:
        notes.append(f"{len(deals)} deals are open; the newest {MOST_DEALS} are shown")
        deals = deals[:MOST_DEALS]
    say_when(crm, today, notes)
    committee: Committee = committee_of(crm, record)
    states = {one.id: _standings(crm, one, chosen, today) for one in deals}
    if not deals:
        notes.append("no deal is open there")
    risks = {known.deal.id: judged(known) for known in Portfolio(crm, today).known(deals)}
    return MeetingBrief(
        account=record.name,
        when=when,
        facts=_facts(record),
        people=(*(person for seat in committee.seats for person in seat.people), *committee.others),
        gaps=_gaps(committee, states),
        deals=tuple(
            DealInBrief(
                opportunity=one.id,
                facts=facts_of(crm, one),
                confirmed=tuple(state.element for state in states[one.id] if state.state == "confirmed"),
                open_elements=tuple(f"{s.element}: {s.state}" for s in states[one.id] if s.state != "confirmed"),
                risks=tuple(f"{risk.risk}: {risk.why}" for risk in risks[one.id].risks),
            )
            for one in deals
        ),
        bought=_bought(crm, record),
        history=_history(crm, record, deals, today),
        objections=_objections(states),
        questions=_questions(states, chosen, committee),
        framework=chosen,
        assumptions=() if framework else (f"No framework was chosen: open elements are those of {chosen}.",),
        notes=(*notes, *committee.notes),
        as_of=today.isoformat(),
    )


def _gaps(committee: Committee, states: dict[str, list[Standing]]) -> tuple[str, ...]:
    """Empty seats; a champion is known by what they did in a deal, never by a title."""
    met = any(state.element == "champion" and state.state == "confirmed" for each in states.values() for state in each)
    return tuple(seat for seat in committee.gaps if not (met and seat == "champion"))


def _account(crm: CrmRead, asked: str, deal: Opportunity | None, notes: list[str]) -> Account:
    if deal is not None and deal.account_id:
        found = crm.get("accounts", deal.account_id)
        assert isinstance(found, Account)
        return found
    if not asked.strip():
        raise BadInput("nobody to meet is named", mend="name the account, or a deal that has one")
    return find_account(crm, asked, notes)


def _facts(record: Account) -> tuple[Evidence, ...]:
    names = ("industry", "country", "city", "employees", "founded", "parent", "website", "owner")
    found = [evidence(record, name) for name in names if getattr(record, name) not in ("", None)]
    if record.revenue is not None:
        found.append(evidence(record, "revenue", value=amount_text(record.revenue, record.currency)))
    return tuple(found)


def _standings(crm: CrmRead, deal: Opportunity, framework: Framework, today: date) -> list[Standing]:
    said = said_of(crm, deal, framework, today)
    return [standing(element, said, today, STALE_DAYS) for element in FRAMEWORKS[framework]]


def _bought(crm: CrmRead, record: Account) -> str:
    wanted = [Filter(field="account_id", value=record.id), Filter(field="status", value=WON)]
    rows = crm.query("opportunities", wanted, order="-closes", limit=-1)
    won = [row for row in rows if isinstance(row, Opportunity)]
    if not won:
        return "nothing so far, as far as the CRM knows"
    known = [row.amount for row in won if row.amount is not None]
    currency = next((row.currency for row in won if row.currency), "")
    worth = f" worth {amount_text(sum(known), currency)}" if known else ""
    last = f", the last on {won[0].closes} ({won[0].product})" if won[0].closes else ""
    return f"{len(won)} won deal{'s' if len(won) > 1 else ''}{worth}{last}"


def _history(crm: CrmRead, record: Account, deals: list[Opportunity], today: date) -> tuple[Moment, ...]:
    rows = {row.id: row for deal in deals for row in activities_of(crm, deal, today)}
    for row in crm.query("activities", [Filter(field="account_id", value=record.id)], order="-happened", limit=50):
        if isinstance(row, Activity) and (row.happened is None or row.happened <= today):
            rows[row.id] = row
    newest = sorted(rows.values(), key=lambda row: (row.happened or date.min, row.id), reverse=True)[:MOMENTS]
    return tuple(
        Moment(
            date=row.happened.isoformat() if row.happened else "", kind=row.kind, who=row.who, text=row.text,
            source=place(row),
        )
        for row in newest
    )  # fmt: skip


def _objections(states: dict[str, list[Standing]]) -> tuple[Objection, ...]:
    found: dict[tuple[str, str], Objection] = {}
    for each in states.values():
        for state in each:
            said = [state.statement, *state.contradictions]
            for one in said:
                if one is not None and (one.state == "denied" or (state.element == "competition" and one.quote)):
                    found.setdefault(
                        (state.element, one.quote),
                        Objection(about=state.element, quote=one.quote, who=one.who, date=one.date, source=one.source),
                    )
    return tuple(sorted(found.values(), key=lambda one: (one.date, one.about), reverse=True))


def _questions(states: dict[str, list[Standing]], framework: Framework, committee: Committee) -> tuple[str, ...]:
    """The questions that tell most: over vital gaps first, each once; then over empty seats."""
    vital = {element.name: element.vital for element in FRAMEWORKS[framework]}
    gaps = sorted(
        (_WEIGHT[state.state, vital[state.element]], at, state.next_question)
        for each in states.values()
        for at, state in enumerate(each)
        if state.next_question
    )
    asked = [question for _, _, question in gaps]
    asked += [] if states else [element.question for element in FRAMEWORKS[framework] if element.vital]
    asked += [f"Whom should we meet for {seat}?" for seat in _gaps(committee, states)]
    return tuple(dict.fromkeys(asked))[:QUESTIONS]
