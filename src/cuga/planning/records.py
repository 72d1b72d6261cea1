"""What the planner asks of a CRM: which record a name means, who works there, which deals are open.

Reads only, through the CRM port, and never lets a text inside a record become part of a plan. Without a CRM every
answer is "not known" and the planner goes by the goal's own words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cuga.adapters.capability import (
    OPEN,
    Contact,
    Filter,
    Lookup,
    Opportunity,
    Record,
    fields_of,
    squeeze,
    without_legal_form,
)
from cuga.planning.lexicon import GREETING, STOP, VERBS
from cuga.planning.words import Token, hole_number

LONGEST_NAME = 6  # words
MOST_DEALS = 12  # deals of one account that are listed
MOST_RECORDS = 500  # that one question is answered with
SAMPLED = 500  # records that are looked at for the values of a field
NEAR_AMONG = 5000  # names among which each odd word of a goal is compared
_TELLING = ("country", "city", "industry", "owner", "stage", "title")
SPOTTED = {"accounts": "account", "contacts": "contact", "products": "product", "teams": "rep"}


class CrmLookup(Protocol):
    """The part of `adapters.capability.CrmRead` that planning needs."""

    def get(self, kind: str, record_id: str) -> Record | None:
        """One record by id."""
        ...

    def names(self, kind: str) -> tuple[tuple[str, str], ...]:
        """(id, name) of all records of a kind."""
        ...

    def lookup(self, kind: str, name: str) -> Lookup:
        """What a written name means."""
        ...

    def query(
        self, kind: str, filters: tuple[Filter, ...] = (), *, order: str = "", limit: int = 100, offset: int = 0
    ) -> list[Record]:
        """Records that meet all filters."""
        ...

    def group(self, kind: str, field: str, filters: Sequence[Filter] = ()) -> list[tuple[str, int]]:
        """(value, how many) of a field over the records that meet all filters."""
        ...


class Spot:
    """A name found in a text: where it stands and every record it may mean."""

    __slots__ = ("end", "hits", "kind", "start", "text")

    def __init__(self, kind: str, text: str, start: int, end: int, hits: tuple[tuple[str, str], ...]) -> None:
        self.kind, self.text, self.start, self.end, self.hits = kind, text, start, end, hits


class Records:
    """A CRM as the planner sees it. Keeps an index of names as long as the CRM gives out the same names."""

    def __init__(self, crm: CrmLookup | None) -> None:
        self._crm = crm
        self._known: dict[str, tuple[object, dict[str, tuple[tuple[str, str], ...]]]] = {}

    @property
    def is_known(self) -> bool:
        """Whether there is a CRM to ask."""
        return self._crm is not None

    def spots(self, words: list[Token], text: str) -> list[Spot]:
        """Names of records in a text, the longest first where they overlap."""
        if self._crm is None:
            return []
        found: list[Spot] = []
        for crm_kind, kind in SPOTTED.items():
            index = self._index(crm_kind)
            if not index:
                continue
            for at in range(len(words)):
                for last in range(min(len(words), at + LONGEST_NAME) - 1, at - 1, -1):
                    start, end = words[at].start, words[last].end
                    if "\n" in text[start:end] or any(hole_number(w.text) >= 0 for w in words[at : last + 1]):
                        continue  # a name ends where a quoted text begins
                    hits = index.get(squeeze(text[start:end].removesuffix("'s")))
                    if hits and _is_meant(text[start:end], hits):
                        found.append(Spot(kind, text[start:end].removesuffix("'s"), start, end, hits))
                        break
        found.sort(key=lambda spot: (spot.start - spot.end, spot.start, spot.kind))
        kept: list[Spot] = []
        for spot in found:
            if all(spot.end <= other.start or spot.start >= other.end for other in kept):
                kept.append(spot)
        return sorted(kept, key=lambda spot: spot.start)

    def near(self, kind: str, text: str) -> Lookup:
        """What a name that is not spelled like any record may mean."""
        return self._crm.lookup(kind, text) if self._crm is not None else Lookup(asked=text)

    def begun_by(self, text: str) -> list[tuple[str, str]]:
        """(id, name) of the accounts whose names begin with these words, by name: "Nordwind" of "Nordwind Logistik"."""
        words = text.casefold().split()
        if self._crm is None or not words:
            return []
        found = [pair for pair in self._crm.names("accounts") if pair[1].casefold().split()[: len(words)] == words]
        return sorted(found, key=lambda pair: (pair[1], pair[0]))

    def opportunity(self, record_id: str) -> Opportunity | None:
        """A deal by its id."""
        if self._crm is None:
            return None
        found = self._crm.get("opportunities", record_id) or self._crm.get("opportunities", record_id.upper())
        return found if isinstance(found, Opportunity) else None

    def open_deals(self, account: str) -> list[Opportunity]:
        """The open deals of an account, by id; at most `MOST_RECORDS`."""
        found = self._of_account("opportunities", account, Filter(field="status", value=OPEN))
        return [deal for deal in found if isinstance(deal, Opportunity)]

    def contact(self, record_id: str) -> Contact | None:
        """A person by id."""
        found = self._crm.get("contacts", record_id) if self._crm is not None and record_id else None
        return found if isinstance(found, Contact) else None

    def contacts(self, account: str) -> list[Contact]:
        """The people known at an account, by id; at most `MOST_RECORDS`."""
        return [person for person in self._of_account("contacts", account) if isinstance(person, Contact)]

    def account_name(self, account: str) -> str:
        """The name to call an account by: its own where that is unmistakable, else its id."""
        record = self._crm.get("accounts", account) if self._crm is not None else None
        if record is None or not record.name:
            return account
        same = self._index("accounts").get(squeeze(record.name), ())
        return record.name if len(same) == 1 else record.id

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return len(self._crm.names("accounts")) if self._crm is not None else 0

    def field_with(self, kind: str, text: str) -> str:
        """The field in which some record of a kind has a text: a country, city, industry, owner, stage; else empty."""
        if self._crm is None:
            return ""
        for field in _TELLING:
            if field in fields_of(kind) and self._crm.query(kind, (Filter(field=field, value=text),), limit=1):
                return field
        return ""

    def ids(self, kind: str, conditions: Sequence[Mapping[str, str]]) -> list[str]:
        """The records of a kind that meet all conditions, by id; at most `MOST_RECORDS`."""
        filters = tuple(Filter(**one) for one in conditions)
        found = self._crm.query(kind, filters, limit=MOST_RECORDS) if self._crm is not None else []
        return [record.id for record in found]

    def count(self, kind: str, conditions: Sequence[Mapping[str, str]]) -> int | None:
        """How many meet all conditions, up to `MOST_RECORDS`; None where a condition is a period in words, which is
        reckoned when the plan runs, or where there is no CRM."""
        if self._crm is None or any(one["op"] == "within" for one in conditions):
            return None
        return len(self.ids(kind, conditions))

    def with_deals(self, status: str) -> list[str]:
        """The accounts that have a deal in a state (open, won, lost), by id."""
        if self._crm is None:
            return []
        found = self._crm.group("opportunities", "account_id", (Filter(field="status", value=status),))
        return sorted(value for value, count in found if value and count)

    def has_field(self, kind: str, field: str) -> bool:
        """Whether any record of a kind has a value in a field."""
        return self._crm is not None and bool(self._crm.query(kind, (Filter(field=field, op="known"),), limit=1))

    @property
    def are_names_unique(self) -> bool:
        """Whether no two accounts share a name, so that each can be called by it."""
        names = self._crm.names("accounts") if self._crm is not None else ()
        return len({squeeze(name) for _, name in names}) == len(names) and all(name for _, name in names)

    def values(self, kind: str, fields: tuple[str, ...]) -> dict[str, str]:
        """What stands in some fields of the first records of a kind, folded -> the field; a few are looked at, so that
        a large CRM is answered for as fast as a small one."""
        if self._crm is None or not fields:
            return {}
        found: dict[str, str] = {}
        for record in self._crm.query(kind, limit=SAMPLED):
            for field in fields:
                if said := str(getattr(record, field, "") or "").casefold():
                    found.setdefault(said, field)
        return found

    def can_be_near(self, kind: str) -> bool:
        """Whether near spellings of a kind's names can be looked for in every word of a goal."""
        return self._crm is not None and 0 < len(self._crm.names(kind)) <= NEAR_AMONG

    def _of_account(self, kind: str, account: str, *more: Filter) -> list[Record]:
        if self._crm is None:
            return []
        return self._crm.query(kind, (Filter(field="account_id", value=account), *more), limit=MOST_RECORDS)

    def _index(self, kind: str) -> dict[str, tuple[tuple[str, str], ...]]:
        assert self._crm is not None
        names = self._crm.names(kind)
        known = self._known.get(kind)
        if known is not None and known[0] is names:
            return known[1]
        index: dict[str, tuple[tuple[str, str], ...]] = {}
        for pair in names:
            for spelling in {squeeze(pair[0]), squeeze(pair[1])}:
                if len(spelling) > 1:
                    index[spelling] = (*index.get(spelling, ()), pair)
        for pair in names:  # a shorter spelling only where no full name has it
            shorter = squeeze(without_legal_form(pair[1])) if kind == "accounts" else ""
            if len(shorter) > 2 and pair not in index.get(shorter, (pair,)):
                continue
            if len(shorter) > 2:
                index.setdefault(shorter, (pair,))
        self._known[kind] = (names, index)
        return index


def _is_meant(text: str, hits: tuple[tuple[str, str], ...]) -> bool:
    """Whether a text that is also a plain word of the language is a name here: only in the name's own capitals."""
    low = text.casefold().removesuffix("'s")
    plain = low in STOP or low in VERBS or low in GREETING or (len(low) < 4 and low.isalpha())
    return not plain or any(text.removesuffix("'s") in hit and not text.islower() for hit in hits)
