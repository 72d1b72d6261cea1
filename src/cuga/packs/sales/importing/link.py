"""What only shows when tables are seen together: names that mean records, people without deals, rows twice.

A link is set for a sure name or a near one that stands alone, and a near one is reported. Otherwise the text stays and
the link stays empty: a deal is never given to a company that it may not belong to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TypeVar

import msgspec

from cuga.adapters.capability import (
    OPEN,
    Account,
    Contact,
    Lookup,
    Opportunity,
    Record,
    Source,
    TeamMember,
    squeeze,
    without_legal_form,
)
from cuga.packs.sales.importing.report import Problem, Tell, Weight

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
    "notes": (
        ("account", "account_id", "accounts"),
        ("opportunity_id", "opportunity_id", "opportunities"),
        ("contact_id", "contact_id", "contacts"),
    ),
    "enrichments": (("account", "account_id", "accounts"),),
}
_REMEMBERED = 100_000  # names whose meaning is not asked for again


def say_repeated(tell: Tell) -> Callable[[Record, Source, bool], None]:
    """What a store is told to do with a second row of an id: it is not stored, and said so."""

    def say(record: Record, first: Source, same: bool) -> None:
        did = f"left out: {'the same row as' if same else 'the id belongs to'} {first.file}:{first.line}"
        mend = "remove one of them" if same else "give it an id of its own, or merge the two rows"
        tell(_problem(record, "row_repeated" if same else "id_twice", "not_stored", record.id, did, mend))

    return say


class Linker:
    """Sets the links of records where a name leaves no doubt, and looks at each record as a seller would."""

    def __init__(self, find: Find, tell: Tell) -> None:
        self._find = lru_cache(maxsize=_REMEMBERED)(find)
        self._tell = tell
        self._members: dict[str, str] = {}  # id or name, case folded -> name
        self._team: list[TeamMember] = []
        self._working: set[str] = set()
        self._alike: dict[tuple[str, str], tuple[str, str, Source]] = {}

    def linked(self, kind: str, records: Iterable[R]) -> Iterator[R]:
        """The records with their links, one by one."""
        for record in records:
            whole = self._with_links(kind, record)
            self._examine(whole)
            yield whole

    def finish(self) -> None:
        """Tell what only shows when all deals were seen."""
        for member in self._team if self._working else ():
            if not {member.name.casefold(), member.id.casefold()} & self._working:
                self._tell(_problem(member, "team_member_without_deal", "note", member.name, "kept"))

    def _with_links(self, kind: str, record: R) -> R:
        changes: dict[str, str] = {}
        for text_field, id_field, target in _LINKS.get(kind, ()):
            if not (text := getattr(record, text_field)):
                continue
            answer = self._find(target, text)
            if answer.found is None:
                _say_not_found(record, text_field, text, target, answer, self._tell)
                if text_field == id_field:
                    changes[id_field] = ""
                continue
            changes[id_field] = answer.found.id
            if answer.found.how == "id" and text_field != id_field:
                changes[text_field] = answer.found.name or text
            elif answer.found.how not in ("id", "exact"):
                said = f"linked to {answer.found.name!r} ({answer.found.how})"
                mend = f"write {answer.found.name!r} in the CRM"
                self._tell(_problem(record, f"{text_field}_name_differs", "proposal", text, said, mend, text_field))
                changes[text_field] = answer.found.id if text_field == id_field else answer.found.name
        if owner := self._members.get(getattr(record, "owner", "").casefold()):
            changes["owner"] = owner  # a user's id means the user
        return msgspec.structs.replace(record, **changes) if changes else record

    def _examine(self, record: Record) -> None:
        match record:
            case Opportunity():
                _examine_deal(record, self._tell)
                self._examine_owner(record)
            case TeamMember():
                self._team.append(record)
                self._members |= {record.id.casefold(): record.name, record.name.casefold(): record.name}
            case Account():
                self._examine_likeness(record, "name", squeeze(without_legal_form(record.name)))
            case Contact():
                self._examine_likeness(record, "email", record.email)
                if record.unsubscribed:
                    who = record.email or record.name
                    self._tell(_problem(record, "contact_unsubscribed", "note", who, "nothing will be sent there"))

    def _examine_owner(self, deal: Opportunity) -> None:
        owner = deal.owner.casefold()
        self._working.add(owner)
        if owner and self._members and owner not in self._members:
            mend = "add the person to the team list"
            self._tell(_problem(deal, "owner_without_team", "warning", deal.owner, "kept as written", mend, "owner"))

    def _examine_likeness(self, record: Record, what: str, key: str) -> None:
        if not key:
            return
        key_of_first, name, source = self._alike.setdefault((what, key), (record.id, record.name, record.source))
        if key_of_first != record.id:
            said = f"both kept; the same {what} as {name!r} ({source.file}:{source.line})"
            mend = "merge them in the CRM if they are one"
            self._tell(_problem(record, "possible_duplicate", "warning", record.name, said, mend))


def _examine_deal(deal: Opportunity, tell: Tell) -> None:
    if not deal.account:
        state = "open_deal" if deal.status == OPEN else "closed_deal" if deal.status else "deal"
        tell(
            _problem(
                deal,
                f"{state}_without_account",
                "warning",
                deal.id,
                "kept without an account",
                "name the account in the CRM",
            )
        )
    if deal.opened is None:
        tell(
            _problem(
                deal,
                "deal_without_start",
                "note",
                deal.id,
                f"kept; stage {deal.stage!r} has no start date, so no age",
            )
        )
    if deal.opened and deal.closes and deal.closes < deal.opened:
        tell(
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
        tell(_problem(deal, "closed_deal_without_date", "warning", deal.id, "kept", "give it a close date"))


def _say_not_found(record: Record, field: str, text: str, target: str, answer: Lookup, tell: Tell) -> None:
    near = ", ".join(repr(candidate.name) for candidate in answer.candidates[:3])
    tell(
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
