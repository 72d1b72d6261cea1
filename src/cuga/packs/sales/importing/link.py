"""What only shows when tables are seen together: names that mean records, people without deals, rows twice.

A link is set for a sure name or a near one that stands alone, and a near one is reported. Otherwise the text stays and
the link stays empty: a deal is never given to a company that it may not belong to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from cuga.adapters.capability import (
    OPEN,
    Account,
    Contact,
    Lookup,
    Opportunity,
    Record,
    TeamMember,
    squeeze,
    without_legal_form,
)
from cuga.packs.sales.importing.report import Problem, Weight

R = TypeVar("R", bound=Record)
Find = Callable[[str, str], Lookup]  # (kind, name) -> what it means
_LINKS = {  # kind of record -> its fields that name another record: (text field, id field, kind)
    "accounts": (("parent", "parent_id", "accounts"),),
    "contacts": (("account", "account_id", "accounts"),),
    "opportunities": (("account", "account_id", "accounts"), ("product", "product_id", "products")),
    "activities": (
        ("account", "account_id", "accounts"),
        ("opportunity_id", "opportunity_id", "opportunities"),
        ("contact_id", "contact_id", "contacts"),
    ),
}


def unique(records: Sequence[R], problems: list[Problem]) -> list[R]:
    """Each id once, the first row of it; a repeated row and a second row of the same id are reported as not stored."""
    seen: dict[str, R] = {}
    for record in records:
        first = seen.setdefault(record.id, record)
        if first is record:
            continue
        same = first.raw == record.raw
        problems.append(
            _problem(
                record, "row_repeated" if same else "id_twice", "not_stored", record.id,
                f"left out: {'the same row as' if same else 'the id belongs to'} "
                f"{first.source.file}:{first.source.line}",
                "remove one of them" if same else "give it an id of its own, or merge the two rows",
            )
        )  # fmt: skip
    return list(seen.values())


def link(kind: str, records: Sequence[R], find: Find, problems: list[Problem]) -> list[R]:
    """Records with their links set where a name leaves no doubt."""
    known: dict[tuple[str, str], Lookup] = {}
    linked: list[R] = []
    for record in records:
        changes: dict[str, str] = {}
        for text_field, id_field, target in _LINKS.get(kind, ()):
            if not (text := getattr(record, text_field)):
                continue
            if (target, text) not in known:
                known[target, text] = find(target, text)
            answer = known[target, text]
            if answer.found is None:
                _say_not_found(record, text_field, text, target, answer, problems)
                if text_field == id_field:
                    changes[id_field] = ""
                continue
            changes[id_field] = answer.found.id
            if answer.found.how not in ("id", "exact"):
                problems.append(
                    _problem(record, f"{text_field}_name_differs", "proposal", text,
                             f"linked to {answer.found.name!r} ({answer.found.how})",
                             f"write {answer.found.name!r} in the CRM", text_field)
                )  # fmt: skip
                changes[text_field] = answer.found.id if text_field == id_field else answer.found.name
        linked.append(msgspec.structs.replace(record, **changes) if changes else record)
    return linked


def examine(tables: Mapping[str, Sequence[Record]]) -> list[Problem]:
    """What a seller should know of the tables as a whole."""
    problems: list[Problem] = []
    deals = [record for record in tables.get("opportunities", ()) if isinstance(record, Opportunity)]
    team = [record for record in tables.get("teams", ()) if isinstance(record, TeamMember)]
    for deal in deals:
        _examine_deal(deal, problems)
    _examine_people(deals, team, problems)
    accounts = [record for record in tables.get("accounts", ()) if isinstance(record, Account)]
    _alike(accounts, lambda account: squeeze(without_legal_form(account.name)), "name", problems)
    contacts = [record for record in tables.get("contacts", ()) if isinstance(record, Contact)]
    _alike(contacts, lambda contact: contact.email, "email", problems)
    problems += [
        _problem(person, "contact_unsubscribed", "note", person.email or person.name, "nothing will be sent there")
        for person in contacts
        if person.unsubscribed
    ]
    return problems


def _examine_deal(deal: Opportunity, problems: list[Problem]) -> None:
    if not deal.account:
        state = "open_deal" if deal.status == OPEN else "closed_deal" if deal.status else "deal"
        problems.append(
            _problem(
                deal,
                f"{state}_without_account",
                "warning",
                deal.id,
                "kept without an account",
                "name the account in the CRM",
                "account",
            )
        )
    if deal.opened is None:
        problems.append(
            _problem(
                deal,
                "deal_without_start",
                "note",
                deal.id,
                f"kept; stage {deal.stage!r} has no start date, so no age",
                "",
                "opened",
            )
        )
    if deal.opened and deal.closes and deal.closes < deal.opened:
        problems.append(
            _problem(
                deal,
                "closed_before_opened",
                "warning",
                f"{deal.opened} > {deal.closes}",
                "both dates kept",
                "correct one of the dates",
            )
        )
    if deal.status != OPEN and deal.status and deal.closes is None:
        problems.append(
            _problem(deal, "closed_deal_without_date", "warning", deal.id, "kept", "give it a close date", "closes")
        )


def _examine_people(deals: Sequence[Opportunity], team: Sequence[TeamMember], problems: list[Problem]) -> None:
    if not team or not deals:
        return
    members = {member.name.casefold() for member in team} | {member.id.casefold() for member in team}
    unlisted = [deal for deal in deals if deal.owner and deal.owner.casefold() not in members]
    mend = "add the person to the team list"
    problems += [
        _problem(deal, "owner_without_team", "warning", deal.owner, "kept as written", mend, "owner")
        for deal in unlisted
    ]
    working = {deal.owner.casefold() for deal in deals}
    problems += [
        _problem(member, "team_member_without_deal", "note", member.name, "kept")
        for member in team
        if member.name.casefold() not in working
    ]


def _alike(records: Sequence[R], key: Callable[[R], str], what: str, problems: list[Problem]) -> None:
    counts = Counter(found for record in records if (found := key(record)))
    first: dict[str, R] = {}
    for record in records:
        if counts.get(same := key(record), 0) < 2:
            continue
        if (other := first.setdefault(same, record)) is not record:
            problems.append(
                _problem(record, "possible_duplicate", "warning", record.name,
                         f"both kept; the same {what} as {other.name!r} ({other.source.file}:{other.source.line})",
                         "merge them in the CRM if they are one")
            )  # fmt: skip


def _say_not_found(record: Record, field: str, text: str, target: str, answer: Lookup, problems: list[Problem]) -> None:
    near = ", ".join(repr(candidate.name) for candidate in answer.candidates[:3])
    problems.append(
        _problem(
            record, f"{field}_not_found", "warning", text, f"kept as text, linked to none of the {target}",
            f"did you mean {near}?" if near else f"add it to the {target}, or correct the name", field,
        )
    )  # fmt: skip


def _problem(
    record: Record, kind: str, weight: Weight, value: str, did: str, mend: str = "", column: str = ""
) -> Problem:
    return Problem(
        kind=kind,
        weight=weight,
        file=record.source.file,
        line=record.source.line,
        column=column,
        value=value,
        did=did,
        mend=mend,
    )
