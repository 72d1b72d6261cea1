"""CSV files as they come: any usual encoding and delimiter, quotes, ragged rows."""

from __future__ import annotations

import codecs
import contextlib
import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

from cuga.packs.sales.importing.read import Row, Table, fit, header, problem, unreadable
from cuga.packs.sales.importing.report import Tell

RUNAWAY = 25  # lines in one value from which a quote was probably never closed
_DELIMITERS = (",", ";", "\t", "|")
_CHUNK = 1 << 20  # bytes


def open_delimited(path: Path, tell: Tell) -> list[Table]:
    """The table of a CSV file; its header is read at once, its rows when they are asked for."""
    encoding, why = _encoding(path)
    if why:
        return unreadable(path, why, "save it as CSV (UTF-8)" if "binary" in why else "export it again", tell)
    if encoding == "cp1252":
        said = "read as Windows-1252, not being UTF-8"
        tell(problem(path.name, "encoding_guessed", "note", said, "save it as UTF-8"))
    with _opened(path, encoding) as file:
        first = next(line for line in file if line.strip())
    delimiter = _delimiter(first)
    with _opened(path, encoding) as file, contextlib.suppress(csv.Error):
        names = next(filter(None, csv.reader(file, delimiter=delimiter, skipinitialspace=True)), [])
        columns = header([name.strip() for name in names], path.name, tell)
        read = partial(_rows, path, encoding, delimiter)
        return [Table(path.name, columns, read, encoding=encoding.removesuffix("-sig"), delimiter=delimiter)]
    return unreadable(path, "its first row cannot be read", "check the quotes", tell)


def _rows(path: Path, encoding: str, delimiter: str, table: Table, tell: Tell) -> Iterator[Row]:
    with _opened(path, encoding) as file:
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
        is_header, before = True, 0
        while True:
            line = before + 1
            try:
                values = [value.strip() for value in next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                table.unread += 1
                tell(problem(path.name, "row_unreadable", "not_stored", f"left out: {error}", "check the quotes", line))
                before = reader.line_num
                continue
            before = reader.line_num
            if not values:
                continue
            if is_header:
                is_header = False
                continue
            if not any(values):
                table.unread += 1
                tell(problem(path.name, "empty_row", "not_stored", "a row of empty values", "", line))
                continue
            if (over := reader.line_num - line) >= RUNAWAY:
                mend = "close the quote on this line and import again"
                tell(problem(path.name, "quote_not_closed", "warning", f"one row over {over + 1} lines", mend, line))
            yield Row(line=line, values=fit(values, table.columns, path.name, line, tell))


def _opened(path: Path, encoding: str) -> TextIO:
    return path.open(encoding=encoding, errors="replace", newline="")


def _encoding(path: Path) -> tuple[str, str]:
    """(encoding, why the file is no text), found by reading all of it once."""
    with path.open("rb") as file:
        start = file.read(4)
        is_utf16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding = "utf-16" if is_utf16 else "utf-8-sig"
        file.seek(0)
        while True:
            decoder = codecs.getincrementaldecoder(encoding)("strict" if encoding == "utf-8-sig" else "replace")
            empty = True
            try:
                while chunk := file.read(_CHUNK):
                    text = decoder.decode(chunk)
                    if "\x00" in text:
                        return "", "it holds binary data"
                    empty = empty and not text.strip()
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                encoding = "cp1252"
                file.seek(0)
                continue
            return (encoding, "") if not empty else ("", "it is empty")


def _delimiter(first: str) -> str:
    unquoted = "".join(part for at, part in enumerate(first.split('"')) if at % 2 == 0)
    return max(_DELIMITERS, key=lambda sign: (unquoted.count(sign), -_DELIMITERS.index(sign)))
