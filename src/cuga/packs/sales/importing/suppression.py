"""Addresses that nothing may be sent to, as an import brings them, put over the contacts that have them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cuga.adapters.capability import Contact, Crm, Filter, Record, Source
from cuga.packs.sales.importing.columns import SUPPRESSION
from cuga.packs.sales.importing.read import Table
from cuga.packs.sales.importing.report import Column, Problem, Tell

Detected = tuple[Table, str, tuple[Column, ...]]  # a table, the kind of record that it holds, what its columns are


class Suppressed:
    """Addresses that nothing may be sent to, by the lists of this import."""

    def __init__(self) -> None:
        self.listed: dict[str, tuple[str, Source]] = {}
        self._met: set[str] = set()

    def applied(self, contacts: Iterator[Record]) -> Iterator[Record]:
        """Contacts with the list applied."""
        for contact in contacts:
            if isinstance(contact, Contact) and contact.email in self.listed:
                self._met.add(contact.email)
                yield _silenced(contact, self.listed[contact.email][0])
            else:
                yield contact

    def others(self, store: Crm) -> Iterator[Record]:
        """Contacts of the store whose address is listed; an address without one becomes one that says: do not write."""
        for address, (reason, source) in self.listed.items():
            if address in self._met:
                continue
            known = store.query("contacts", [Filter(field="email", value=address)], limit=-1)
            yield from (_silenced(contact, reason) for contact in known if isinstance(contact, Contact))
            if not known:
                yield Contact(id=address, email=address, unsubscribed=True, notes=reason, source=source)


def _silenced(contact: Contact, reason: str) -> Contact:
    return msgspec.structs.replace(contact, unsubscribed=True, notes=contact.notes or reason)


def suppressed_by(detected: list[Detected], tell: Tell) -> Suppressed:
    """The addresses on the lists among some tables."""
    found = Suppressed()
    for table, kind, columns in detected:
        if kind != SUPPRESSION:
            continue
        by_field = {column.field: column.column for column in columns if column.field}
        for row in table.read(tell):
            address = row.values.get(by_field["email"], "").lower()
            if "@" not in address:
                tell(
                    Problem(kind="address_not_read", weight="not_stored", file=table.file, line=row.line,
                    column=by_field["email"],
                            value=address, did="left out: it is no address", mend="correct the address")
                )  # fmt: skip
                continue
            reason = row.values.get(by_field.get("reason", ""), "")
            place = Source(file=table.file, line=row.line)
            found.listed.setdefault(address, (reason or "on the imported list", place))
    return found
