"""Export files as tables of text: CSV, workbooks, JSON. A table is read row by row, as often as it is asked for.

Nothing is changed but white space at the ends of values; whatever is odd is told with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from cuga.model.value import Value
from cuga.packs.sales.importing.report import Problem, Tell, Weight

MAX_FILE = 4 * 1024 * 1024 * 1024  # bytes; beyond that an export belongs into a database


class Row(Value, frozen=True, kw_only=True):
    """One row: the line it begins on and its values by column."""

    line: int
    values: dict[str, str]


class Table:
    """One table of a file. `read` yields its rows anew each time; `rows` and `unread` count those of the last reading.

    A file that cannot be read at all is a table without columns; its reason was told.
    """

    def __init__(
        self,
        file: str,
        columns: tuple[str, ...] = (),
        read: Callable[[Table, Tell], Iterator[Row]] | None = None,
        *,
        title: str = "",
        encoding: str = "",
        delimiter: str = "",
    ) -> None:
        self.file, self.columns, self.encoding, self.delimiter = file, columns, encoding, delimiter
        self.title = title or Path(file).stem  # what the table is called: the file's name or the sheet's
        self.rows = self.unread = 0
        self._read = read

    def read(self, tell: Tell) -> Iterator[Row]:
        """The rows from the first to the last; what is odd about them is told."""
        self.rows = self.unread = 0
        for row in self._read(self, tell) if self._read is not None else ():
            self.rows += 1
            yield row


def in_silence(problem: Problem) -> None:
    """Hears a problem that another reading has told, or will."""


def header(values: list[str], file: str, tell: Tell) -> tuple[str, ...]:
    """The names of the columns; one without a name or with a name twice gets one of its own."""
    names: list[str] = []
    for at, value in enumerate(values, 1):
        name = value or f"column {at}"
        if name in names:
            said = "the later one is kept as text only"
            tell(problem(file, "column_twice", "warning", said, "rename one", 1, name))
            name = f"{name} ({names.count(name) + 1}, column {at})"
        names.append(name)
    return tuple(names)


def fit(values: list[str], columns: tuple[str, ...], file: str, line: int, tell: Tell) -> dict[str, str]:
    """Values by column; a row that is too short or too long is told, and nothing of it is lost."""
    named = dict(zip(columns, values, strict=False))
    if len(values) < len(columns):
        missing = columns[len(values) :]
        said = f"{len(missing)} values are missing at the end; taken as unknown"
        mend = "check the row: a delimiter may be missing"
        tell(problem(file, "row_too_short", "warning", said, mend, line, ", ".join(missing)))
        named |= dict.fromkeys(missing, "")
    elif extra := [value for value in values[len(columns) :] if value]:
        said, mend = (
            "values beyond the last column; kept as text only",
            ("check the row: a value with the delimiter in it needs quotes"),
        )
        tell(problem(file, "row_too_long", "warning", said, mend, line, "", " | ".join(extra)))
        named |= {f"beyond {at}": value for at, value in enumerate(extra, 1)}
    return named


def problem(
    file: str, kind: str, weight: Weight, did: str, mend: str, line: int = 0, column: str = "", value: str = ""
) -> Problem:
    """A problem of a file or of one of its lines."""
    return Problem(kind=kind, weight=weight, file=file, line=line, column=column, value=value, did=did, mend=mend)


def unreadable(path: Path, why: str, mend: str, tell: Tell) -> list[Table]:
    """The one table of a file that cannot be read, its reason told."""
    tell(problem(path.name, "file_unreadable", "not_stored", f"left out: {why}", mend))
    return [Table(path.name)]
