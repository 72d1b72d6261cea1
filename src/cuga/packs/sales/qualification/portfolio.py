"""Many deals at once: what is known of each, read from the CRM in a handful of queries instead of some per deal."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date

from cuga.adapters.capability import LOST, OPEN, WON, Activity, Contact, CrmRead, Filter, Opportunity
from cuga.packs.sales.qualification.deals import activities_of, said_of
from cuga.packs.sales.qualification.frameworks import ELEMENTS
from cuga.packs.sales.qualification.history import Past
from cuga.packs.sales.qualification.risk_rules import QUIET_DAYS, Kept, Known
from cuga.packs.sales.qualification.standing import Statement, statements
from cuga.packs.sales.result import place

RECORDED = 0.2  # share of the open deals from which a field counts as one that this house records
_MANY = 20  # deals from which all activities and contacts are read at once
_CHAMPION = (ELEMENTS["champion"],)


class Portfolio:
    """The deals of a house, ready for the rules."""

    def __init__(self, crm: CrmRead, today: date, *, quiet_days: int = QUIET_DAYS) -> None:
        self._crm, self._today, self._quiet = crm, today, quiet_days
        closed = crm.query("opportunities", [Filter(field="status", op="in", value=f"{WON}|{LOST}")], limit=-1)
        self.past = Past((deal for deal in closed if isinstance(deal, Opportunity)), today)
        self.kept = self._kept()

    def _kept(self) -> Kept:
        """What this house records of its open deals: a single entry does not make the others' silence mean anything."""
        is_open = Filter(field="status", value=OPEN)
        least = max(1, math.ceil(RECORDED * self._crm.count("opportunities", [is_open])))
        by_field = {
            field: self._crm.count("opportunities", [is_open, Filter(field=field, op="known")]) >= least
            for field in ("next_step", "closes", "amount")
        }
        told = {deal for deal, _ in self._crm.group("activities", "opportunity_id")}
        spoken = sum(deal.id in told for deal in self._crm.query("opportunities", [is_open], limit=-1)) if told else 0
        return Kept(
            activities=spoken >= least,
            next_steps=by_field["next_step"],
            close_dates=by_field["closes"],
            amounts=by_field["amount"],
        )

    def known(self, deals: list[Opportunity]) -> list[Known]:
        """What is known of each deal, in the same order."""
        if len(deals) < _MANY:
            return [self._known(deal, activities_of(self._crm, deal, self._today), self._contacts(deal),
                                said_of(self._crm, deal, _CHAMPION, self._today)) for deal in deals]  # fmt: skip
        rows: dict[str, list[Activity]] = defaultdict(list)
        for row in self._crm.query("activities", order="-happened", limit=-1):
            if (
                isinstance(row, Activity)
                and row.opportunity_id
                and (row.happened is None or row.happened <= self._today)
            ):
                rows[row.opportunity_id].append(row)
        people: dict[str, list[Contact]] = defaultdict(list)
        for person in self._crm.query("contacts", limit=-1):
            if isinstance(person, Contact) and person.account_id:
                people[person.account_id].append(person)
        return [
            self._known(
                deal, rows[deal.id], people[deal.account_id] if deal.account_id else [], _said(deal, rows[deal.id])
            )
            for deal in deals
        ]

    def _contacts(self, deal: Opportunity) -> list[Contact]:
        if not deal.account_id:
            return []
        found = self._crm.query("contacts", [Filter(field="account_id", value=deal.account_id)], limit=200)
        return [person for person in found if isinstance(person, Contact)]

    def _known(self, deal: Opportunity, rows: list[Activity], people: list[Contact], said: list[Statement]) -> Known:
        return Known(
            deal=deal, activities=tuple(rows), contacts=tuple(people), said=tuple(said), today=self._today,
            past=tuple(self._crm.past("opportunities", deal.id)) if deal.version > 1 else (),
            history=self.past.facts, kept=self.kept, quiet_days=self._quiet,
        )  # fmt: skip


def _said(deal: Opportunity, rows: list[Activity]) -> list[Statement]:
    found: list[Statement] = []
    for row in rows:
        found += statements(row.text, _CHAMPION, who=row.who, on=row.happened, source=place(row) or row.id)
    return found + statements(deal.notes, _CHAMPION, who="", on=None, source=place(deal) or deal.id)
