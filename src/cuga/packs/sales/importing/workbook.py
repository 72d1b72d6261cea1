"""Workbooks (XLSX), each sheet a table. Read only and row by row: formulas are never computed, macros never run.

Needs the extra `xlsx`; without it a workbook is named as unreadable with the way out, and all else is imported.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

from cuga.packs.sales.importing.read import Row, Table, fit, header, problem, unreadable
from cuga.packs.sales.importing.report import Tell

MAX_UNPACKED = 2 * 1024 * 1024 * 1024  # bytes of all parts together, before any is unpacked
MEND = "install it (`pip install 'cugar[xlsx]'`), or save each sheet as CSV (UTF-8)"


def open_workbook(path: Path, tell: Tell) -> list[Table]:
    """A table for each sheet that holds anything; its rows are read when they are asked for."""
    try:
        import openpyxl
    except ImportError:
        return unreadable(path, "reading workbooks needs openpyxl, which is not installed", MEND, tell)
    try:
        with zipfile.ZipFile(path) as parts:
            if sum(part.file_size for part in parts.infolist()) > MAX_UNPACKED:
                return unreadable(path, "unpacked it is larger than 2 GiB", "split the export", tell)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        titles = [sheet.title for sheet in book.worksheets]
        book.close()
        tables = [_table(path, title, len(titles) > 1, tell) for title in titles]
    except Exception as error:  # a broken workbook fails in many ways, deep inside the reader
        return unreadable(path, f"it is no workbook that can be read ({error})", "save it again as XLSX or CSV", tell)
    found = [table for table in tables if table.columns]
    return found or unreadable(path, "it is empty", "export it again", tell)


def _table(path: Path, title: str, is_one_of_many: bool, tell: Tell) -> Table:
    file = f"{path.name}#{title}" if is_one_of_many else path.name
    first = next(_lines(path, title), (0, []))[1]
    while first and not first[-1]:
        first.pop()
    columns = header(first, file, tell) if first else ()
    name = f"{path.stem} {title}" if is_one_of_many else path.stem
    return Table(file, columns, partial(_rows, path, title), title=name, encoding="xlsx")


def _rows(path: Path, title: str, table: Table, tell: Tell) -> Iterator[Row]:
    lines = _lines(path, title)
    next(lines, None)
    for line, values in _as_far_as_it_goes(lines, table, tell):
        while len(values) > len(table.columns) and not values[-1]:
            values.pop()
        values += [""] * (len(table.columns) - len(values))  # a sheet leaves out empty cells at the end
        if any(values):
            yield Row(line=line, values=fit(values, table.columns, table.file, line, tell))
        elif line:
            table.unread += 1
            tell(problem(table.file, "empty_row", "not_stored", "a row of empty values", "", line))


def _as_far_as_it_goes(
    lines: Iterator[tuple[int, list[str]]], table: Table, tell: Tell
) -> Iterator[tuple[int, list[str]]]:
    line = 1
    try:
        for line, values in lines:
            yield line, values
    except (ValueError, TypeError, LookupError, ArithmeticError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        table.unread += 1  # what the reader raises deep inside a sheet that is broken in the middle
        said = f"the rest of the sheet is left out: {error}"
        tell(problem(table.file, "row_unreadable", "not_stored", said, "save it again as XLSX or CSV", line + 1))


def _lines(path: Path, title: str) -> Iterator[tuple[int, list[str]]]:
    """(line, values) from the first row with a value to the last one; empty rows after it are no rows."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        empty: list[int] = []
        width = 0
        for line, cells in enumerate(book[title].iter_rows(values_only=True), 1):
            values = [_text(cell) for cell in cells]
            if not any(values):
                empty += [line] if width else []
                continue
            width = width or len(values)
            yield from ((at, []) for at in empty)
            empty.clear()
            yield line, values
    finally:
        book.close()


def _text(cell: Any) -> str:
    """A cell as the text that a CSV export would have."""
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case float():
            return str(int(cell)) if cell.is_integer() else repr(cell)
        case datetime():
            return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ", timespec="seconds")
        case date():
            return cell.isoformat()
        case _:
            return str(cell).strip()
