"""Results as files: JSON, or tables that a spreadsheet opens without running anything in them, as CSV or one workbook.

In CSV, text that a spreadsheet would take for a formula gets an apostrophe in front; in a workbook it is typed as text
and stays as it is. Each table is a plain list of rows. Workbooks need the extra `xlsx`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from cuga.errors import BadInput
from cuga.model.value import encode, units
from cuga.projections.result import RunResult

FORMATS = ("csv", "json", "xlsx")
MOST_SHEET_ROWS, MOST_CELL = 1_048_576, 32_767  # what a worksheet can hold
MOST_SHEET_NAME, MOST_FILE_NAME = 31, 50  # signs of a name; of a file's beside the run and the ending, 255 bytes in all
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_SHEET = re.compile(r"[\\/*?:\[\]']")
_NO_FILE = re.compile(r"[^\w.#-]")  # a tool names its tables, and not where files go
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Table = list[dict[str, Any]]
Scrub = Callable[[bytes], bytes]


def tables_of(result: RunResult) -> dict[str, Table]:
    """The tables of a result by name: steps, evidence, unknowns, artefacts, and for each step what it gave:
    its lists of objects each as a table, its single values as one row."""
    found: dict[str, Table] = {
        "steps": [
            {
                "step": step.step,
                "tool": step.tool,
                "state": step.state,
                "required": step.required,
                "reason": step.reason,
                "purpose": step.purpose,
                "attempts": step.attempts,
                "cost": units(step.cost),
                "duration_ms": step.duration_us / 1000,
                "approval": step.approval,
                "approved_by": step.approved_by,
                "simulated": step.simulated,
                "note": step.note,
            }
            for step in result.steps
        ],
        "evidence": [msgspec.to_builtins(row) for row in result.evidence],
        "unknowns": [msgspec.to_builtins(row) for row in result.unknowns],
        "artefacts": [msgspec.to_builtins(row) for row in result.artefacts],
    }
    calls = {step.step for step in result.steps if step.list_of}  # what they gave stands with their list
    outputs = {step: output for step, output in result.outputs.items() if step not in calls}
    for step, output in outputs.items():
        parts = output.items() if isinstance(output, dict) else [("rows", output)]
        for name, rows in parts:
            if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
                found[_free(f"{step}-{name}", found)] = rows
        if isinstance(output, dict) and (single := {k: v for k, v in output.items() if not isinstance(v, list | dict)}):
            found[_free(f"{step}-result", found)] = [single]
    return {name: table for name, table in found.items() if table}


def to_csv(table: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV (RFC 4180) under the names of all their fields, in the order in which these first come."""
    names = list(dict.fromkeys(name for row in table for name in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([cell(name) for name in names])
    for row in table:
        writer.writerow([cell(row.get(name)) for name in names])
    return out.getvalue()


def cell(value: Any) -> str | int | float:
    """A value as a spreadsheet may have it: numbers as numbers, text never as a formula, the rest as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return value
    text = value if isinstance(value, str) else encode(value).decode()
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def exported(result: RunResult, form: str, scrub: Scrub | None = None) -> dict[str, bytes]:
    """The files of a result: name -> content. `scrub` takes personal data and secrets out of the encoded bytes."""
    match form:
        case "json":
            files = {f"{result.run_id}.json": result.json() + b"\n"}
        case "csv":
            taken: set[str] = set()
            named = [(_file_name(name, taken), table) for name, table in tables_of(result).items()]
            files = {f"{result.run_id}-{name}.csv": to_csv(table).encode() for name, table in named}
        case "xlsx":
            clean = [(name, _scrubbed(table, scrub)) for name, table in tables_of(result).items()]
            return {f"{result.run_id}.xlsx": to_workbook(dict(clean))}
        case _:
            raise BadInput(f"there is no form {form!r}", mend=f"forms: {', '.join(FORMATS)}")
    return files if scrub is None else {name: scrub(body) for name, body in files.items()}


def to_workbook(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """The tables as one XLSX file, each on a sheet of its own. `BadInput` where the extra is missing."""
    try:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
    except ImportError as error:
        raise BadInput(
            "writing workbooks needs openpyxl, which is not installed",
            mend="Install it (`pip install 'cugar[xlsx]'`), or export as csv.",
        ) from error
    book = Workbook(write_only=True)
    taken: set[str] = set()
    for name, table in tables.items():
        sheet = book.create_sheet(_sheet_name(name, taken))
        names = list(dict.fromkeys(field for row in table for field in row))
        for row in ({field: field for field in names}, *table[: MOST_SHEET_ROWS - 1]):
            cells = []
            for field in names:
                value = _plain(row.get(field))
                made = WriteOnlyCell(sheet, value=value)
                if isinstance(value, str):
                    made.data_type, made.quotePrefix = "s", True  # text, also when somebody edits it
                cells.append(made)
            sheet.append(cells)
    if not tables:
        book.create_sheet("empty")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _plain(value: Any) -> str | int | float | None:
    """A value for a cell: numbers as numbers, anything else as text without signs that XML cannot carry."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = ("yes" if value else "no") if isinstance(value, bool) else value
    text = text if isinstance(text, str) else encode(text).decode()
    return _NOT_XML.sub("", text)[:MOST_CELL]


def _sheet_name(name: str, taken: set[str]) -> str:
    """A name that a workbook allows: 31 signs at most, no brackets, slashes or quotes, each once in whatever case."""
    return _once(_NO_SHEET.sub("-", _NOT_XML.sub("", name)) or "sheet", MOST_SHEET_NAME, " ", taken)


def _file_name(name: str, taken: set[str]) -> str:
    """A name that leads nowhere else: letters, digits, dots and dashes, each once in whatever case."""
    return _once(_NO_FILE.sub("-", name), MOST_FILE_NAME, "-", taken)


def _once(name: str, most: int, joint: str, taken: set[str]) -> str:
    found, number = name[:most], 1
    while found.casefold() in taken:
        number += 1
        found = f"{name[: most - 1 - len(str(number))]}{joint}{number}"
    taken.add(found.casefold())
    return found


def _free(name: str, found: Collection[str]) -> str:
    """The name of one more table; none takes the place of another."""
    number, free = 1, name
    while free in found:
        number += 1
        free = f"{name}-{number}"
    return free


def _scrubbed(table: Table, scrub: Scrub | None) -> Table:
    if scrub is None:
        return table
    return list(msgspec.json.decode(scrub(encode(table))))
