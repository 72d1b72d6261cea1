"""Which table a file is and which field a column is: proposed from names, overridden by a mapping.

A column that no field fits is kept as text and said to be so. A file that fits no table is not guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cuga.adapters.capability import RECORDS, fields_of, squeeze
from cuga.errors import BadInput
from cuga.packs.sales.importing.columns import DOCUMENTATION, FILE_WORDS, NAMES, NEEDS, OWN, PLAIN
from cuga.packs.sales.importing.read import Table, in_silence
from cuga.packs.sales.importing.report import Column
from cuga.packs.sales.importing.vendors import recognized

MAPPING_FILE = "mapping.json"
_NEAR = 84  # likeness from which a column name is taken for a known one

_UNIT = re.compile(
    r"\b(in\s+)?(thousands?|millions?|billions?|k|m|mm|bn|mio|mrd)?\s*(of\s+)?(usd|eur|gbp|chf|jpy|cad|aud)\b|[$€£]",
    re.I,
)


def detect(table: Table) -> tuple[str, tuple[Column, ...]]:
    """The kind of a table and what its columns are; the empty text when nothing fits.

    Kinds that are rarer in exports (notes, documents, ...) are taken only by the file's name or by several columns of
    their own.
    """
    squeezed = {squeeze(column) for column in table.columns}
    if {"field", "description"} <= squeezed:
        return DOCUMENTATION, ()
    best, found, points = "", tuple(Column(column=column) for column in table.columns), 0.0
    for kind in NAMES:
        columns = propose(kind, table.columns)
        fields = {column.field for column in columns if column.field}
        if not fields & NEEDS[kind]:
            continue
        named = any(word in squeeze(table.title) for word in FILE_WORDS[kind])
        own = len(fields & OWN[kind])
        known = recognized(kind, table.columns)[1] if kind in RECORDS else {}
        score = (2.5 if named else 0.0) + own + len(fields) / max(1, len(table.columns)) + len(known) / 2
        if (named or known or own >= (1 if kind in PLAIN else 3)) and score > points:
            best, found, points = kind, columns, score
    return (best, found) if points >= 1.5 else ("", found)


def propose(kind: str, columns: tuple[str, ...]) -> tuple[Column, ...]:
    """The best field for every column, each field once: a vendor's own names, then known names, then likeness."""
    from rapidfuzz import fuzz

    taken: dict[str, str] = {}
    answers: dict[str, Column] = {}
    for column, field in recognized(kind, columns)[1].items() if kind in RECORDS else ():
        taken[field] = column
        answers[column] = Column(column=column, field=field, confidence=100, unit=_unit_in(column))
    for field, words in NAMES[kind].items():
        for word in words.split():
            hit = next((c for c in columns if c not in answers and squeeze(_bare(c)) == squeeze(word)), None)
            if hit is not None and field not in taken:
                taken[field] = hit
                answers[hit] = Column(column=hit, field=field, confidence=100, unit=_unit_in(hit))
    for column in columns:
        if column in answers or len(column) < 4:
            continue
        likeness = [
            (round(fuzz.ratio(squeeze(_bare(column)), squeeze(word))), field)
            for field, words in NAMES[kind].items()
            if field not in taken
            for word in words.split()
            if len(word) > 3
        ]
        score, field = max(likeness, default=(0, ""))
        if score >= _NEAR:
            taken[field] = column
            answers[column] = Column(column=column, field=field, confidence=score, unit=_unit_in(column))
    return tuple(answers.get(column, Column(column=column)) for column in columns)


def described_units(tables: list[Table]) -> dict[tuple[str, str], str]:
    """(file stem, column) -> unit, from a file that describes the others ("Annual revenue (in millions of USD)")."""
    units: dict[tuple[str, str], str] = {}
    for table in tables:
        names = {squeeze(column): column for column in table.columns}
        for row in table.read(in_silence):
            owner = row.values.get(names.get("table", ""), "")
            if unit := _unit_in(row.values[names["description"]]):
                units[(squeeze(owner), squeeze(row.values[names["field"]]))] = unit
    return units


def overridden(
    kind: str, columns: tuple[Column, ...], said: Mapping[str, Any], file: str
) -> tuple[str, tuple[Column, ...]]:
    """A proposal with what a person said put over it: `{"kind": ..., "columns": {column: field}, "units": {column:
    unit}}`."""
    if unknown := set(said) - {"kind", "columns", "units"}:
        raise BadInput(
            f"the mapping of {file} has unknown keys: {', '.join(sorted(unknown))}", mend="kind, columns, units"
        )
    wanted = str(said.get("kind", kind))
    if wanted not in NAMES:
        raise BadInput(f"the mapping of {file} names no kind of record: {wanted!r}", mend=f"kinds: {', '.join(NAMES)}")
    names = tuple(column.column for column in columns)
    answers = {column.column: column for column in (propose(wanted, names) if wanted != kind else columns)}
    extra = {"is_won", "is_closed"} if wanted == "opportunities" else set()
    allowed = {*NAMES[wanted], *(fields_of(wanted) if wanted in RECORDS else ()), *extra}
    for part in ("columns", "units"):
        for column, value in dict(said.get(part, {})).items():
            if column not in answers:
                raise BadInput(f"{file} has no column {column!r}", mend=f"columns: {', '.join(names)}")
            if part == "columns" and value and value not in allowed:
                raise BadInput(f"{wanted} have no field {value!r}", mend=f"fields: {', '.join(sorted(allowed))}")
            old = answers[column]
            answers[column] = (
                Column(column=column, field=value, confidence=100, unit=old.unit)
                if part == "columns"
                else Column(column=column, field=old.field, confidence=old.confidence, unit=value)
            )
    return wanted, tuple(answers[name] for name in names)


def read_mapping(path: Path) -> dict[str, Any]:
    """A mapping file (JSON: file name -> kind, columns, units); `BadInput` says where it is wrong."""
    try:
        said = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise BadInput(f"the mapping {path.name} cannot be read: {error}") from error
    if not isinstance(said, dict) or not all(isinstance(value, dict) for value in said.values()):
        raise BadInput(
            f"the mapping {path.name} must be an object of file names",
            mend='e.g. {"deals.csv": {"kind": "opportunities"}}',
        )
    return said


def _bare(column: str) -> str:
    return re.sub(r"[(\[][^()\[\]]*[)\]]", " ", column)


def _unit_in(text: str) -> str:
    found = _UNIT.search(text.replace("_", " "))
    return found.group(0) if found else ""
