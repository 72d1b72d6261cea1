"""An import on a screen: how each file and column was read, and every kind of problem with its first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding

from cuga.cli.render.outputs import indented, plain_table
from cuga.cli.screen import text
from cuga.packs.sales.importing.report import counted

if TYPE_CHECKING:
    from cuga.packs.sales.importing.report import FileReport, ImportReport


def whole(report: ImportReport) -> RenderableType:
    """The report, the mapping first."""
    table = plain_table("file", "read as", ">rows", ">stored", "columns")
    for file in report.files:
        table.add_row(
            text(file.file),
            text(file.kind or "not recognized", "" if file.kind else "red"),
            f"{file.rows:,}",
            f"{file.stored:,}",
            _columns(file),
        )
    left_out = any(group.count > len(group.first) for group in report.groups())
    more = text("\nEach remark with its row: `--report FILE` writes them all to a CSV file", "dim")
    change = f"{counted(report.added, 'record')} added, {report.changed:,} changed, {report.unchanged:,} as they were"
    return Group(
        text("How it was read", "bold"),
        Padding(table, (0, 0, 1, 2), expand=False),
        *(_hanging(line) for line in _without_files(report)),
        *([more] if left_out else []),
        text(""),
        text(change, "bold"),
    )


def _without_files(report: ImportReport) -> list[str]:
    """The report's own text; its line per file is in the table already."""
    lines = report.text().splitlines()
    return [lines[0], *lines[1 + len(report.files) :]]


def _hanging(line: str) -> RenderableType:
    """A line of text; where it wraps it keeps its own indent."""
    said = line.lstrip(" ")
    return indented(text(said), len(line) - len(said))


def _columns(file: FileReport) -> RenderableType:
    said = text("")
    for at, column in enumerate(file.columns):
        said.append(", " if at else "")
        if not column.field:
            said.append_text(text(f"{column.column} kept as text", "yellow"))
            continue
        same = column.column == column.field
        said.append_text(text(column.column if same else f"{column.column} as {column.field}"))
        if 0 < column.confidence < 100:
            said.append_text(text(f" ({column.confidence} of 100 alike)", "yellow"))
        if column.unit:
            said.append_text(text(f" in {column.unit}", "dim"))
    return said
