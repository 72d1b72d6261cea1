"""Results as files: JSON, or CSV tables that a spreadsheet opens without running anything in them.

Text that a spreadsheet would take for a formula gets an apostrophe in front. Each table is a plain list of rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from cuga.errors import BadInput
from cuga.model.value import encode, units
from cuga.projections.result import RunResult

FORMATS = ("csv", "json")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Table = list[dict[str, Any]]
Scrub = Callable[[bytes], bytes]


def tables_of(result: RunResult) -> dict[str, Table]:
    """The tables of a result by name: steps, evidence, unknowns, artefacts, and each list of rows that a step gave."""
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
    for step, output in result.outputs.items():
        rows = output.get("rows") if isinstance(output, dict) else output
        if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            found[f"{step}-rows"] = rows
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
            files = {f"{result.run_id}-{name}.csv": to_csv(table).encode() for name, table in tables_of(result).items()}
        case _:
            raise BadInput(f"there is no form {form!r}", mend=f"forms: {', '.join(FORMATS)}")
    return files if scrub is None else {name: scrub(body) for name, body in files.items()}
