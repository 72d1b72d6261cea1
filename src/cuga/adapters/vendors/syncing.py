"""Reading a vendor's records into the house's own CRM store: page by page, each kind by itself, as often as one likes.

What is equal is left alone, what has changed becomes a new row version, and nothing is removed. A record that cannot be
read, or that would replace one of another vendor, is reported and left out; it stops no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from cuga.adapters.capability import Activity, Contact, Opportunity, Record
from cuga.adapters.offline.crm_store import CrmStore
from cuga.adapters.vendors.catalog import KINDS
from cuga.adapters.vendors.port import Unread, Vendor
from cuga.model.value import Value

BATCH = 5_000  # records that are stored together
MOST_TOLD = 1_000  # records that are told one by one as left out


class LeftOut(Value, frozen=True, kw_only=True):
    """A record that was not taken, and why."""

    kind: str
    record: str
    why: str


class KindSynced(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How the records of one kind fared."""

    kind: str
    read: int
    added: int
    changed: int
    unchanged: int
    left_out: tuple[LeftOut, ...]  # the first thousand
    not_taken: int
    crm_version: str


def sync_kind(vendor: Vendor, store: CrmStore, kind: str, gone: Callable[[str, str], bool] | None = None) -> KindSynced:
    """Read all records of a kind into the store. What was stored before an error stays; the next time goes over it.

    People of whom `gone` says by id and address that they were erased stay out, and are named by their id alone.
    """
    left: list[LeftOut] = []
    counts = dict.fromkeys(("read", "added", "changed", "unchanged", "not_taken"), 0)
    for batch in _batches(vendor.pages(kind)):
        fit: list[Record] = []
        for one in batch:
            counts["read"] += 1
            refused = one if isinstance(one, Unread) else _erased(kind, one, gone) or _foreign(vendor, store, kind, one)
            if refused is None and isinstance(one, Record):
                fit.append(_linked(store, one))
            elif refused is not None:
                counts["not_taken"] += 1
                if len(left) < MOST_TOLD:
                    left.append(LeftOut(kind=kind, record=refused.record, why=refused.why))
        stored = store.store({kind: fit})
        counts["added"] += stored.added
        counts["changed"] += stored.changed
        counts["unchanged"] += stored.unchanged
    return KindSynced(kind=kind, left_out=tuple(left), crm_version=store.crm_version(), **counts)


def _batches(pages: Iterator[list[Record | Unread]]) -> Iterator[list[Record | Unread]]:
    batch: list[Record | Unread] = []
    for page in pages:
        batch += page
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _foreign(vendor: Vendor, store: CrmStore, kind: str, record: Record) -> Unread | None:
    """Why a record must not be taken: its id is that of a record of another vendor. Records of exports are replaced."""
    if not record.id:
        return Unread(kind, "", "it has no id")
    here = store.get(kind, record.id)
    other = here.source.file.partition("/")[0] if here is not None and "/" in here.source.file else vendor.name
    if other == vendor.name or other not in KINDS:
        return None
    return Unread(kind, record.id, f"a record of {other} has this id here")


def _erased(kind: str, record: Record, gone: Callable[[str, str], bool] | None) -> Unread | None:
    """Why a record must not be taken: whose it is was erased here."""
    contact = record.id if isinstance(record, Contact) else record.contact_id if isinstance(record, Activity) else ""
    address = record.email if isinstance(record, Contact) else ""
    if gone is None or not gone(contact, address):
        return None
    return Unread(kind, record.id, "the person was erased here: erase them there too")


def _linked(store: CrmStore, record: Record) -> Record:
    """The record with the name of its account, which vendors give by its id alone."""
    if not isinstance(record, Contact | Opportunity | Activity) or record.account or not record.account_id:
        return record
    found = store.get("accounts", record.account_id)
    return msgspec.structs.replace(record, account=found.name) if found is not None else record
