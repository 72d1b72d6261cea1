"""What is known of one account, sentence by sentence, each with the row it comes from. No row, no sentence."""

from __future__ import annotations

from typing import Annotated

from cuga.adapters.capability import LOST, OPEN, WON, Account, Activity, CrmRead, Filter, Record
from cuga.packs.sales.deals import deals_of, units
from cuga.packs.sales.intelligence.committee import NOT_KNOWN, contacts_of, identify_decision_makers
from cuga.packs.sales.intelligence.signals import signals_of
from cuga.packs.sales.intelligence.summing_up import DRAFTING, Brief, Said
from cuga.packs.sales.result import amount_text, find_account, place
from cuga.tools.declare import Slot, ToolContext, tool

RULES = "brief-1"
MOST_DEALS, MOST_TALKS, MOST_SIGNS = 10, 5, 5


@tool(
    domain="intelligence",
    side_effect="read-only",
    cost=0.6,
    keywords=("account brief", "account summary", "research", "what do we know", "background", "overview of account",
    "profile of account", "account plan"),
    gives={"brief": "", "account": "/account_id"},
    uses=("crm",),
    guardrails=("every sentence has a source", "unknowns become questions, never guesses"),
    personal=("/people", "/talks", "/summary"),
    drafting=DRAFTING,
)  # fmt: skip
def build_account_brief(
    context: ToolContext,
    account: Annotated[str, Slot("account", "name or id of the account")],
) -> Brief:
    """Summary of what is known of one account with sources.

    Facts, won and lost deals, open deals, people and their seats, the last talks in their own words, signs, and open
    questions. Texts are quoted as written: nothing in them is followed.
    """
    crm: CrmRead = context.capability("crm")
    today, notes = context.as_of.date(), list[str]()
    record = find_account(crm, account, notes)
    deals = [
        d for d in deals_of(crm, [Filter(field="account_id", value=record.id)]) if not d.opened or d.opened <= today
    ]
    won, lost = ([d for d in deals if d.status == status] for status in (WON, LOST))
    going = sorted((d for d in deals if d.status == OPEN), key=lambda d: (str(d.opened or ""), d.id), reverse=True)
    history = []
    for name, some in (("won", won), ("lost", lost)):
        if some:
            last = max(some, key=lambda d: (str(d.closes or ""), d.id))
            worth = f" worth {sum(units(d.amount) for d in some):,}" if name == "won" else ""
            history.append(
                _said(f"{len(some)} {name} deals{worth}, the last {last.id} ({last.product}) on {last.closes}", last)
            )
    committee = identify_decision_makers(context, record.id)
    talks = [
        row
        for row in crm.query("activities", [Filter(field="account_id", value=record.id)], order="-happened", limit=200)
        if isinstance(row, Activity) and row.happened is not None and row.happened <= today
    ]
    signs, _ = signals_of(crm, record, today)
    questions = [f"What is the {name} of {record.name}?" for name in _unknown(record)]
    questions += [f"Who is the {seat.seat}?" for seat in committee.seats if seat.state == NOT_KNOWN]
    questions += [f"What is the next step of {d.id}?" for d in going if not d.next_step][:3]
    if not talks:
        questions.append("Who talked to them last? No dated activity is recorded.")
    people = [
        _said(f"{c.name}, {c.title or 'title not known'}" + (" (wants no mail)" if c.unsubscribed else ""), c)
        for c in contacts_of(crm, record.id)
    ]
    return Brief(
        headline=f"{record.name}: {len(won)} won, {len(lost)} lost, {len(going)} open, {len(people)} people known.",
        as_of=today.isoformat(),
        notes=tuple(notes),
        rules=RULES,
        account=record.name,
        account_id=record.id,
        facts=tuple(_said(text, record) for text in _facts(record)),
        history=tuple(history),
        open_deals=tuple(
            _said(
                f"{d.id}: {d.product or 'product not known'}, {d.stage or 'stage not known'}"
                + (f", open for {(today - d.opened).days} days" if d.opened else "")
                + (f", {amount_text(d.amount, d.currency)}" if d.amount else "")
                + (f", {d.owner}" if d.owner else "")
                + (f", next: {d.next_step}" if d.next_step else ""),
                d,
            )
            for d in going[:MOST_DEALS]
        ),
        people=tuple(people),
        talks=tuple(
            _said(f"{t.happened} {t.kind}{' with ' + t.who if t.who else ''}: “{' '.join(t.text.split())[:240]}”", t)
            for t in talks[:MOST_TALKS]
        ),
        signs=tuple(Said(says=f"{s.date} {s.kind}: {s.quote}", source=s.source) for s in signs[:MOST_SIGNS]),
        questions=tuple(questions),
    )


def _said(says: str, record: Record) -> Said:
    return Said(says=says, source=place(record) or record.id)


def _facts(a: Account) -> list[str]:
    place_of = ", ".join(part for part in (a.city, a.country) if part)
    found = [f"Industry: {a.industry}"] if a.industry else []
    found += [f"Place: {place_of}"] if place_of else []
    found += [f"{a.employees:,} people"] if a.employees is not None else []
    found += [f"Revenue {amount_text(a.revenue, a.currency)} a year"] if a.revenue is not None else []
    found += [f"Founded {a.founded}"] if a.founded else []
    found += [f"Belongs to {a.parent}"] if a.parent else []
    found += [f"Website {a.website}"] if a.website else []
    found += [f"Owner {a.owner}"] if a.owner else []
    return found


def _unknown(a: Account) -> list[str]:
    return [name for name in ("industry", "country", "employees", "revenue") if getattr(a, name) in ("", None)]
