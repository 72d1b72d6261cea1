"""A directory of CSV files into the CRM store: `import_directory(path, store) -> ImportReport`.

The way of a file: read, recognized, mapped, built into records, linked to the others, stored. The same directory again
changes nothing. Nothing is dropped in silence: every row is stored or reported with its line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from cuga.adapters.capability import RECORDS, Contact, Crm, Lookup, Record, Source, lookup, squeeze
from cuga.errors import BadInput
from cuga.packs.sales.importing.build import Builder
from cuga.packs.sales.importing.link import examine, link, unique
from cuga.packs.sales.importing.mapping import (
    DOCUMENTATION,
    MAPPING_FILE,
    SUPPRESSION,
    described_units,
    detect,
    overridden,
    read_mapping,
)
from cuga.packs.sales.importing.read import Table, read_table
from cuga.packs.sales.importing.report import Column, FileReport, Group, ImportReport, Problem

ENDINGS = {".csv", ".tsv", ".txt"}
_MEND = "point at a directory with CSV exports of accounts, deals, contacts, products or teams"


def import_directory(
    path: Path | str, store: Crm, *, mapping: Mapping[str, Mapping[str, Any]] | Path | None = None, dry: bool = False
) -> ImportReport:
    """Import every CSV file of a directory.

    `mapping` (or `mapping.json` in the directory) overrides the proposed kinds, columns and units per file. With `dry`
    nothing is stored. `BadInput` for a directory that is missing, empty, or in which no file is recognized.
    """
    directory = Path(path)
    said = _mapping(directory, mapping)
    tables = [read_table(file) for file in _files(directory)]
    problems = [problem for table in tables for problem in table.problems]
    detected = [_detect(table, said) for table in tables]
    units = described_units([t for t, (kind, _) in zip(tables, detected, strict=True) if kind == DOCUMENTATION])
    built: dict[str, list[Record]] = {kind: [] for kind in RECORDS}
    suppressed: list[tuple[str, str, Source]] = []
    for table, (kind, columns) in zip(tables, detected, strict=True):
        if kind == SUPPRESSION:
            suppressed += _suppressed(table, columns, problems)
        elif kind in RECORDS:
            described = {c.column: units.get((squeeze(Path(table.file).stem), squeeze(c.column)), "") for c in columns}
            builder = Builder(kind, table, columns, described)
            built[kind] += builder.records()
            problems += builder.problems
        elif kind != DOCUMENTATION and table.columns:
            problems.append(_not_recognized(table))
    if not any(built.values()) and not suppressed:
        seen = ", ".join(table.file for table in tables)
        why = "; ".join(f"{p.file}: {p.did}" for p in problems[:4])
        raise BadInput(f"no sales data was recognized in {directory} ({seen}): {why}", mend=_MEND)
    across: list[Problem] = []
    tables_of_records = _assemble(built, suppressed, store, across)
    problems += _in_their_columns(across, tables, detected)
    stored = None if dry else store.store(tables_of_records)
    return ImportReport(
        directory=directory.name,
        files=_file_reports(tables, detected, tables_of_records, problems),
        problems=tuple(problems),
        added=stored.added if stored else 0,
        changed=stored.changed if stored else 0,
        unchanged=stored.unchanged if stored else 0,
        crm_version=stored.crm_version if stored else store.crm_version(),
    )


def _files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise BadInput(f"{directory} is not a directory", mend=_MEND)
    files = sorted(file for file in directory.iterdir() if file.suffix.lower() in ENDINGS and file.is_file())
    if not files:
        raise BadInput(f"{directory} holds no CSV files", mend=_MEND)
    return files


def _mapping(
    directory: Path, mapping: Mapping[str, Mapping[str, Any]] | Path | None
) -> Mapping[str, Mapping[str, Any]]:
    if isinstance(mapping, Path):
        return read_mapping(mapping)
    if mapping is None:
        return read_mapping(directory / MAPPING_FILE) if (directory / MAPPING_FILE).is_file() else {}
    return mapping


def _detect(table: Table, said: Mapping[str, Mapping[str, Any]]) -> tuple[str, tuple[Column, ...]]:
    kind, columns = detect(table)
    return overridden(kind, columns, said[table.file], table.file) if table.file in said else (kind, columns)


def _assemble(
    built: dict[str, list[Record]], suppressed: list[tuple[str, str, Source]], store: Crm, problems: list[Problem]
) -> dict[str, list[Record]]:
    whole = {kind: unique(records, problems) for kind, records in built.items()}
    whole["contacts"] = _with_suppressed(whole["contacts"], suppressed, store)
    named = {
        kind: tuple({**dict(store.names(kind)), **{record.id: record.name for record in records}}.items())
        for kind, records in whole.items()
    }

    def find(kind: str, name: str) -> Lookup:
        return lookup(name, named[kind])

    linked = {kind: link(kind, records, find, problems) for kind, records in whole.items()}
    problems += examine(linked)
    return linked


def _in_their_columns(
    problems: list[Problem], tables: list[Table], detected: list[tuple[str, tuple[Column, ...]]]
) -> list[Problem]:
    """Problems that name a field, naming the file's own column instead."""
    own = {
        (table.file, column.field): column.column
        for table, (_, columns) in zip(tables, detected, strict=True)
        for column in columns
        if column.field
    }
    return [msgspec.structs.replace(p, column=own.get((p.file, p.column), p.column)) for p in problems]


def _suppressed(table: Table, columns: tuple[Column, ...], problems: list[Problem]) -> list[tuple[str, str, Source]]:
    by_field = {column.field: column.column for column in columns if column.field}
    found = []
    for row in table.rows:
        address = row.values.get(by_field["email"], "").lower()
        if "@" not in address:
            problems.append(
                Problem(kind="address_not_read", weight="not_stored", file=table.file, line=row.line,
                column=by_field["email"],
                        value=address, did="left out: it is no address", mend="correct the address")
            )  # fmt: skip
            continue
        reason = row.values.get(by_field.get("reason", ""), "")
        found.append((address, reason or "on the imported list", Source(file=table.file, line=row.line)))
    return found


def _with_suppressed(contacts: list[Record], listed: list[tuple[str, str, Source]], store: Crm) -> list[Record]:
    """Contacts with the list applied; an address without a contact becomes one that only says: do not write."""
    known: dict[str, Record] = {}
    for contact_id, _ in store.names("contacts"):
        if listed and (contact := store.get("contacts", contact_id)) is not None:
            known[contact.id] = contact
    known |= {contact.id: contact for contact in contacts}
    wanted = {contact.id for contact in contacts}
    by_address = {c.email: c.id for c in known.values() if isinstance(c, Contact) and c.email}
    for address, reason, source in listed:
        key = by_address.get(address, address)
        old = known.get(key)
        if isinstance(old, Contact):
            known[key] = msgspec.structs.replace(old, unsubscribed=True, notes=old.notes or reason)
        else:
            known[key] = Contact(id=address, email=address, unsubscribed=True, notes=reason, source=source)
        wanted.add(key)
    return [record for key, record in known.items() if key in wanted]


def _not_recognized(table: Table) -> Problem:
    return Problem(
        kind="file_not_recognized", weight="not_stored", file=table.file, value=", ".join(table.columns)[:200],
        did=f"left out with its {len(table.rows)} rows: its columns fit no table",
        mend='say what it is in mapping.json: {"' + table.file + '": {"kind": "opportunities"}}',
    )  # fmt: skip


def _file_reports(
    tables: list[Table],
    detected: list[tuple[str, tuple[Column, ...]]],
    stored: dict[str, list[Record]],
    problems: list[Problem],
) -> tuple[FileReport, ...]:
    lost = Counter(p.file for p in problems if p.weight == "not_stored" and p.line)
    reports = []
    for table, (kind, columns) in zip(tables, detected, strict=True):
        rows = len(table.rows) + table.unread
        missing = rows if not kind else 0 if kind == DOCUMENTATION else lost[table.file]
        reports.append(
            FileReport(
                file=table.file, kind=kind, rows=rows, stored=0 if kind == DOCUMENTATION else rows - missing,
                not_stored=missing,
                encoding=table.encoding, delimiter=table.delimiter, columns=columns,
            )
        )  # fmt: skip
    return tuple(reports)


__all__ = ["Column", "FileReport", "Group", "ImportReport", "Problem", "import_directory"]
