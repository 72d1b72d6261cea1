"""A directory of export files into the CRM store: `import_directory(path, store) -> ImportReport`.

The way of a file: read, recognized, mapped, built into records, linked to the others, stored. The same directory again
changes nothing. Nothing is dropped in silence: every row is stored or reported with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from cuga.adapters.capability import RECORDS, Crm, Index, Loading, Lookup, lookup, squeeze
from cuga.errors import BadInput
from cuga.model.value import encode
from cuga.packs.sales.governance.quality import BEFORE, Kept
from cuga.packs.sales.governance.rules import counts
from cuga.packs.sales.importing.build import Builder
from cuga.packs.sales.importing.columns import DOCUMENTATION
from cuga.packs.sales.importing.delimited import open_delimited
from cuga.packs.sales.importing.gone import Erased, Gone
from cuga.packs.sales.importing.link import Linker, say_repeated
from cuga.packs.sales.importing.mapping import (
    MAPPING_FILE,
    described_units,
    detect,
    overridden,
    read_mapping,
)
from cuga.packs.sales.importing.objects import open_objects
from cuga.packs.sales.importing.read import MAX_FILE, Table, in_silence, unreadable
from cuga.packs.sales.importing.report import Column, FileReport, Group, ImportReport, Problem, Problems, Tell, counted
from cuga.packs.sales.importing.suppression import Detected, suppressed_by
from cuga.packs.sales.importing.vendors import recognized
from cuga.packs.sales.importing.workbook import open_workbook

_OPENERS: dict[str, Callable[[Path, Tell], list[Table]]] = {
    ".csv": open_delimited, ".tsv": open_delimited, ".txt": open_delimited, ".xlsx": open_workbook,
    ".xlsm": open_workbook, ".json": open_objects, ".jsonl": open_objects, ".ndjson": open_objects,
}  # fmt: skip
_ORDER = (  # a record can only be linked to one that is there
    "accounts", "products", "teams", "territories", "contacts", "opportunities", "documents", "enrichments",
    "activities", "notes",
)  # fmt: skip
MOST_AUDITED = 100_000  # records; beyond that the state before an import is not counted
_MEND = "Point at an export (CSV, XLSX or JSON), or a directory of them: accounts, deals, contacts, products or teams"


def import_directory(
    path: Path | str,
    store: Crm,
    *,
    mapping: Mapping[str, Mapping[str, Any]] | Path | None = None,
    dry: bool = False,
    listener: Tell | None = None,
    gone: Gone | None = None,
    bring_back: bool = False,
) -> ImportReport:
    """Import every export file of a directory, or one file; memory does not grow with the rows of deals and activities.

    `mapping` (or `mapping.json` in the directory) overrides the proposed kinds, columns and units per file. With `dry`
    nothing is stored. Rows about people of whom `gone` says that they were erased stay out, unless `bring_back`.
    `listener` hears every problem as it is found; the report keeps the first thousands of a kind.
    `BadInput` for a directory that is missing, empty, or in which no file is recognized.
    """
    files = _files(Path(path))
    directory = files[0].parent
    said = _mapping(directory, mapping)
    problems = Problems(listener)
    tables = [table for file in files for table in _open(file, problems.tell)]
    detected = [(table, *_detect(table, said)) for table in tables]
    units = described_units([table for table, kind, _ in detected if kind == DOCUMENTATION])
    before = store.crm_version()
    audit = _audit(store, directory.name) if before and not dry else ""
    with store.loading(dry=dry) as loading:
        known = _Known(store)
        linker = Linker(known.lookup, _in_their_columns(problems.tell, detected))
        suppressed = suppressed_by(detected, problems.tell)
        erased = Erased(gone, problems.tell, brings_back=bring_back)
        for kind in _ORDER:
            builders = [_builder(part, units, erased.hears(kind)) for part in detected if part[1] == kind]
            for builder in builders:
                builder.survey()
                known.expect(kind, builder.names)
            for builder in builders:
                records = erased.applied(kind, builder.records())
                records = suppressed.applied(records) if kind == "contacts" else records
                loading.add(kind, linker.linked(kind, records), say_repeated(problems.tell))
            if kind == "contacts":
                others = (one for one in suppressed.others(store) if bring_back or not erased.is_about(one))
                loading.add(kind, linker.linked(kind, others))  # who is erased stays blocked without a record
        linker.finish()
        for table, kind, _ in detected:
            if not kind and table.columns:
                problems.tell(_not_recognized(table))
        if not loading.added + loading.changed + loading.unchanged + erased.rows:
            raise _nothing_found(directory, tables, problems)
        if audit and loading.added + loading.changed:
            loading.keep(BEFORE, audit)
    return ImportReport(
        directory=directory.name,
        files=tuple(_file_report(part, problems) for part in detected),
        problems=tuple(problems.kept),
        beyond=dict(problems.beyond),
        erased=erased.rows,
        crm_version=before if dry else store.crm_version(),
        **({} if dry else _counts(loading)),
    )


def _audit(store: Crm, directory: str) -> str:
    """The state of the data that an import is about to change, for the next audit; nothing where it is too much."""
    if sum(store.count(kind) for kind in RECORDS) > MOST_AUDITED:
        return ""
    kept = Kept(crm_version=store.crm_version(), directory=directory, counts=counts(store))
    return encode(kept).decode()


def _counts(loading: Loading) -> dict[str, int]:
    return {"added": loading.added, "changed": loading.changed, "unchanged": loading.unchanged}


def _files(directory: Path) -> list[Path]:
    if directory.is_file() and directory.suffix.lower() in _OPENERS:
        return [directory]
    if not directory.is_dir():
        raise BadInput(f"{directory} is neither a directory nor an export", mend=_MEND)
    files = sorted(file for file in directory.iterdir() if file.suffix.lower() in _OPENERS and file.is_file())
    files = [file for file in files if file.name != MAPPING_FILE and not file.name.startswith(("~$", "."))]
    if not files:
        raise BadInput(f"{directory} holds no CSV, XLSX or JSON files", mend=_MEND)
    return files


def _open(path: Path, tell: Tell) -> list[Table]:
    try:
        if path.stat().st_size > MAX_FILE:
            return unreadable(path, f"larger than {MAX_FILE >> 30} GiB", "split the export", tell)
        return _OPENERS[path.suffix.lower()](path, tell)
    except OSError as error:
        return unreadable(path, error.strerror or str(error), "make the file readable", tell)


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


def _builder(part: Detected, units: dict[tuple[str, str], str], tell: Tell) -> Builder:
    table, kind, columns = part
    described = {c.column: units.get((squeeze(table.title), squeeze(c.column)), "") for c in columns}
    return Builder(kind, table, columns, described, tell)


class _Known:
    """What names mean while records come in: those in the store, and those that this import will still bring."""

    def __init__(self, store: Crm) -> None:
        self._store = store
        self._expected: dict[str, Index] = {}

    def expect(self, kind: str, names: list[tuple[str, str]]) -> None:
        """Names of records that are about to come, so that one can name another that stands below it."""
        if names:
            self._expected[kind] = Index([*self._store.names(kind), *names])

    def lookup(self, kind: str, name: str) -> Lookup:
        """What a name means; an id is asked for first, as that is what exports link by."""
        if (expected := self._expected.get(kind)) is not None:
            return expected.lookup(name)
        if (record := self._store.get(kind, name.strip())) is not None:
            return lookup(record.id, [(record.id, record.name)])
        return self._store.lookup(kind, name)


def _in_their_columns(tell: Tell, detected: list[Detected]) -> Tell:
    """Tell a problem that names a field with the file's own column instead."""
    own = {
        (table.file, column.field): column.column
        for table, _, columns in detected
        for column in columns
        if column.field
    }

    def translated(problem: Problem) -> None:
        tell(msgspec.structs.replace(problem, column=own.get((problem.file, problem.column), problem.column)))

    return translated


def _nothing_found(directory: Path, tables: list[Table], problems: Problems) -> BadInput:
    seen = ", ".join(table.file for table in tables)
    why = "; ".join(f"{p.file}: {p.did}" for p in problems.kept[:4])
    return BadInput(f"no sales data was recognized in {directory} ({seen}): {why}", mend=_MEND)


def _not_recognized(table: Table) -> Problem:
    rows = sum(1 for _ in table.read(in_silence))
    return Problem(
        kind="file_not_recognized", weight="not_stored", file=table.file, value=", ".join(table.columns)[:200],
        did=f"left out with its {counted(rows, 'row')}: its columns fit no table",
        mend='say what it is in mapping.json: {"' + table.file + '": {"kind": "opportunities"}}',
    )  # fmt: skip


def _file_report(part: Detected, problems: Problems) -> FileReport:
    table, kind, columns = part
    rows = table.rows + table.unread
    missing = rows if not kind else 0 if kind == DOCUMENTATION else problems.not_stored[table.file]
    return FileReport(
        file=table.file, kind=kind, rows=rows, stored=0 if kind == DOCUMENTATION else rows - missing,
        not_stored=missing, encoding=table.encoding, delimiter=table.delimiter, columns=columns,
        vendor=recognized(kind, table.columns)[0] if kind in RECORDS else "",
    )  # fmt: skip


__all__ = ["Column", "FileReport", "Gone", "Group", "ImportReport", "Problem", "import_directory"]
