"""CSV files as they come: any usual encoding and delimiter, quotes, ragged rows. Nothing is changed but white space
at the ends of values; whatever is odd is reported with its line."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

from cuga.model.value import Value
from cuga.packs.sales.importing.report import Problem, Weight

MAX_FILE = 512 * 1024 * 1024  # bytes; beyond that an export belongs into a database
RUNAWAY = 25  # lines in one value from which a quote was probably never closed
_DELIMITERS = (",", ";", "\t", "|")


class Row(Value, frozen=True, kw_only=True):
    """One row: the line it begins on and its values by column."""

    line: int
    values: dict[str, str]


class Table(Value, frozen=True, kw_only=True):
    """One file as text."""

    file: str
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    unread: int = 0  # rows that could not be read and were reported
    encoding: str = ""
    delimiter: str = ""
    problems: tuple[Problem, ...] = ()


def read_table(path: Path) -> Table:
    """Read one file; what cannot be read at all comes back without columns and with the reason as a problem."""
    try:
        if path.stat().st_size > MAX_FILE:
            return _unreadable(path, f"larger than {MAX_FILE // 1024 // 1024} MiB", "split the export")
        text, encoding = _decode(path.read_bytes())
    except OSError as error:
        return _unreadable(path, error.strerror or str(error), "make the file readable")
    if "\x00" in text:
        return _unreadable(path, "it holds binary data", "save it as CSV (UTF-8)")
    if not text.strip():
        return _unreadable(path, "it is empty", "export it again")
    problems: list[Problem] = []
    if encoding == "cp1252":
        problems.append(
            _problem(path, "encoding_guessed", "note", "read as Windows-1252, not being UTF-8", "save it as UTF-8")
        )
    delimiter = _delimiter(text)
    return _parse(path, text, encoding, delimiter, problems)


def _parse(path: Path, text: str, encoding: str, delimiter: str, problems: list[Problem]) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    unread, before = 0, 0
    while True:
        line = before + 1
        try:
            values = [value.strip() for value in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            unread += 1
            problems.append(
                _problem(path, "row_unreadable", "not_stored", f"left out: {error}", "check the quotes", line)
            )
            before = reader.line_num
            continue
        before = reader.line_num
        if not values:
            continue
        if not columns:
            columns = _header(values, path, problems)
            continue
        if not any(values):
            unread += 1
            problems.append(_problem(path, "empty_row", "not_stored", "a row of empty values", "", line))
            continue
        if reader.line_num - line >= RUNAWAY:
            problems.append(
                _problem(path, "quote_not_closed", "warning", f"one row over {reader.line_num - line + 1} lines",
                         "close the quote on this line and import again", line)
            )  # fmt: skip
        rows.append(Row(line=line, values=_fit(values, columns, path, line, problems)))
    return Table(
        file=path.name, columns=columns, rows=tuple(rows), unread=unread, encoding=encoding, delimiter=delimiter,
        problems=tuple(problems),
    )  # fmt: skip


def _fit(values: list[str], columns: tuple[str, ...], path: Path, line: int, problems: list[Problem]) -> dict[str, str]:
    named = dict(zip(columns, values, strict=False))
    if len(values) < len(columns):
        missing = columns[len(values) :]
        problems.append(
            _problem(path, "row_too_short", "warning", f"{len(missing)} values are missing at the end; taken as "
                                                       f"unknown",
                     "check the row: a delimiter may be missing", line, ", ".join(missing))
        )  # fmt: skip
        named |= dict.fromkeys(missing, "")
    elif extra := [value for value in values[len(columns) :] if value]:
        problems.append(
            _problem(path, "row_too_long", "warning", "values beyond the last column; kept as text only",
                     "check the row: a value with the delimiter in it needs quotes", line, "", delimiter_free(extra))
        )  # fmt: skip
        named |= {f"beyond {at}": value for at, value in enumerate(extra, 1)}
    return named


def delimiter_free(values: list[str]) -> str:
    """Values as one text for a report."""
    return " | ".join(values)


def _header(values: list[str], path: Path, problems: list[Problem]) -> tuple[str, ...]:
    names: list[str] = []
    for at, value in enumerate(values, 1):
        name = value or f"column {at}"
        if name in names:
            problems.append(
                _problem(path, "column_twice", "warning", "the later one is kept as text only", "rename one", 1, name)
            )
            name = f"{name} ({names.count(name) + 1}, column {at})"
        names.append(name)
    return tuple(names)


def _decode(body: bytes) -> tuple[str, str]:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace"), "utf-16"
    try:
        return body.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace"), "cp1252"


def _delimiter(text: str) -> str:
    header = next(line for line in text.splitlines() if line.strip())
    unquoted = "".join(part for at, part in enumerate(header.split('"')) if at % 2 == 0)
    return max(_DELIMITERS, key=lambda sign: (unquoted.count(sign), -_DELIMITERS.index(sign)))


def _problem(
    path: Path, kind: str, weight: Weight, did: str, mend: str, line: int = 0, column: str = "", value: str = ""
) -> Problem:

    return Problem(kind=kind, weight=weight, file=path.name, line=line, column=column, value=value, did=did, mend=mend)


def _unreadable(path: Path, why: str, mend: str) -> Table:
    return Table(file=path.name, problems=(_problem(path, "file_unreadable", "not_stored", f"left out: {why}", mend),))
