"""The records of a sales house, whatever vendor they come from.

Every record says which row it was read from and keeps that row's text under `raw`, so that a cleaned value can always
be compared with what was written. Money is in micro-units of `currency`; None and an empty text mean "not known".
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from cuga.model.value import MICRO, Value

Kind = Literal[
    "accounts", "contacts", "products", "opportunities", "activities", "teams", "notes", "documents", "territories",
    "enrichments",
]  # fmt: skip


class Source(Value, frozen=True, kw_only=True):
    """The row a record was read from: the file (a workbook's sheet as `book.xlsx#Sheet`) and the line, counted from 1
    with the header as line 1; in a JSON file the number of the record, counted from 1."""

    file: str = ""
    line: int = 0


class Record(Value, frozen=True, kw_only=True):
    """What all records share. `id` is the export's own key: its id column, or the name where the export has no
    other."""

    id: str
    name: str = ""
    source: Source = Source()
    raw: dict[str, str] = {}  # column -> text, as read
    version: int = 1  # counts the changes of this record in this store


class Account(Record, frozen=True, kw_only=True):
    """A company."""

    industry: str = ""
    country: str = ""  # as written, cleaned of spelling slips
    city: str = ""
    employees: int | None = None
    revenue: int | None = None  # per year, micro-units
    currency: str = ""
    founded: int | None = None
    parent: str = ""
    parent_id: str = ""
    website: str = ""
    owner: str = ""
    notes: str = ""


class Contact(Record, frozen=True, kw_only=True):
    """A person at a company. `unsubscribed` wins over everything.

    `opted_in` is yes, no or empty: not known, which is never taken for a yes. `lawful_basis` is on what ground their
    data are kept, as the CRM words it; `consent_on` and `consent_source` are when and where they agreed, or where the
    data are from.
    """

    account: str = ""
    account_id: str = ""
    title: str = ""
    email: str = ""
    phone: str = ""
    linkedin: str = ""
    unsubscribed: bool = False
    notes: str = ""
    opted_in: str = ""
    lawful_basis: str = ""
    consent_on: date | None = None
    consent_source: str = ""


class Product(Record, frozen=True, kw_only=True):
    """Something that is sold. `price` is the list price in micro-units."""

    series: str = ""
    price: int | None = None
    currency: str = ""
    description: str = ""


class Opportunity(Record, frozen=True, kw_only=True):
    """A deal. `status` is open, won or lost; `stage` is the CRM's own word for where it stands."""

    account: str = ""
    account_id: str = ""
    product: str = ""
    product_id: str = ""
    owner: str = ""
    stage: str = ""
    status: str = ""
    amount: int | None = None
    currency: str = ""
    opened: date | None = None
    closes: date | None = None
    next_step: str = ""
    notes: str = ""


class Activity(Record, frozen=True, kw_only=True):
    """Something that happened: a call, mail, meeting or note, with its text as written."""

    kind: str = "note"
    happened: date | None = None
    who: str = ""
    account: str = ""
    account_id: str = ""
    opportunity_id: str = ""
    contact_id: str = ""
    text: str = ""


class TeamMember(Record, frozen=True, kw_only=True):
    """A person who sells."""

    manager: str = ""
    region: str = ""
    email: str = ""


class Note(Record, frozen=True, kw_only=True):
    """What somebody wrote down about an account, a deal or a person; unlike an activity it need not have happened."""

    written: date | None = None
    who: str = ""  # who wrote it
    account: str = ""
    account_id: str = ""
    opportunity_id: str = ""
    contact_id: str = ""
    text: str = ""


class Document(Record, frozen=True, kw_only=True):
    """What is known of a document beside its text: for whom it is, and whether it may be shown.

    `path` is its place in the documents folder. `approved` and `permission` (of a customer whom it names) are yes, no
    or empty: not known, which is never taken for a yes.
    """

    path: str = ""
    kind: str = ""  # case study, datasheet, battlecard, objections, ...
    product: str = ""
    industry: str = ""
    persona: str = ""
    stage: str = ""
    competitor: str = ""
    customer: str = ""  # the customer who is named in it
    permission: str = ""
    approved: str = ""
    dated: date | None = None
    valid_until: date | None = None


class Territory(Record, frozen=True, kw_only=True):
    """A patch: whose it is and what belongs to it. Lists are written with `|` between their parts."""

    owner: str = ""
    manager: str = ""
    region: str = ""
    countries: str = ""
    industries: str = ""
    min_employees: int | None = None
    max_employees: int | None = None
    notes: str = ""


class Enrichment(Record, frozen=True, kw_only=True):
    """What an outside source says of an account, kept apart from the account's own fields: `name` is the field."""

    account: str = ""
    account_id: str = ""
    value: str = ""
    provider: str = ""  # who says so
    seen: date | None = None
    licence: str = ""


RECORDS: dict[str, type[Record]] = {
    "accounts": Account,
    "contacts": Contact,
    "products": Product,
    "opportunities": Opportunity,
    "activities": Activity,
    "teams": TeamMember,
    "notes": Note,
    "documents": Document,
    "territories": Territory,
    "enrichments": Enrichment,
}
OPEN, WON, LOST = "open", "won", "lost"


def fields_of(kind: str) -> tuple[str, ...]:
    """The fields of a kind of record that can be filtered and shown, `source`, `raw` and `version` apart."""
    return tuple(name for name in RECORDS[kind].__struct_fields__ if name not in ("source", "raw", "version"))


def field_text(record: Record, field: str) -> str:
    """A field as a person writes it: an amount in units of its currency, a date as YYYY-MM-DD; empty when not known."""
    value = getattr(record, field)
    if field in ("amount", "price", "revenue") and value is not None:
        whole, part = divmod(value, MICRO)
        return str(whole) if not part else f"{whole}.{part:06d}".rstrip("0")
    return "" if value is None else str(value)


def shown(record: Record) -> dict[str, Any]:
    """A record as plain JSON data with its known fields only, for results: `raw` is left out, `source` kept."""
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(record)
    return {key: value for key, value in plain.items() if key not in ("raw", "version") and value not in ("", None)}
