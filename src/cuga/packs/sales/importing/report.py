"""What an import found: every file, every column, every problem with its row, what was done about it and how to mend
it.

Grouped by kind for reading. Rows read are rows stored plus rows reported as not stored. All problems go to whoever
listens while the import runs; the report itself keeps the first thousands of a kind and the number of the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal

from cuga.model.value import Value

Weight = Literal["note", "proposal", "warning", "not_stored"]
_ORDER: tuple[Weight, ...] = ("not_stored", "warning", "proposal", "note")
_HEADINGS: dict[Weight, str] = {
    "not_stored": "Not stored",
    "warning": "Look at these",
    "proposal": "Cleaned by a proposal (the text as written is kept)",
    "note": "Good to know",
}


class Problem(Value, frozen=True, kw_only=True):
    """One thing found in one place. `line` counts from 1 with the header as line 1; 0: the whole file."""

    kind: str
    weight: Weight
    file: str
    line: int = 0
    column: str = ""
    value: str = ""
    did: str
    mend: str = ""


Tell = Callable[[Problem], None]
MOST_OF_A_KIND, MOST_KEPT = 5_000, 50_000


class Problems:
    """Hears the problems of an import. Counts all, keeps the first of each kind, hands each on to `listener`."""

    def __init__(self, listener: Tell | None = None) -> None:
        self.kept: list[Problem] = []
        self.beyond: Counter[str] = Counter()
        self.not_stored: Counter[str] = Counter()  # by file
        self._counts: Counter[str] = Counter()
        self._listener = listener

    def tell(self, problem: Problem) -> None:
        """Hear one problem."""
        if self._listener is not None:
            self._listener(problem)
        if problem.weight == "not_stored" and problem.line:
            self.not_stored[problem.file] += 1
        key = kind_in_file(problem)
        self._counts[key] += 1
        if self._counts[key] <= MOST_OF_A_KIND and len(self.kept) < MOST_KEPT:
            self.kept.append(problem)
        else:
            self.beyond[key] += 1


def kind_in_file(problem: Problem) -> str:
    """What problems are counted by when they are too many to be kept."""
    return f"{problem.weight}/{problem.kind}/{problem.file}"


class Column(Value, frozen=True, kw_only=True):
    """How a column was read. `field` is empty for one that no field fits: its text is kept in the record's `raw`."""

    column: str
    field: str = ""
    confidence: int = 0  # 100: a known name; below: by likeness
    unit: str = ""


class FileReport(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One file. `kind` is empty when it was not recognized, `documentation` when it only describes the others."""

    file: str
    kind: str = ""
    vendor: str = ""  # whose export its columns are: salesforce, hubspot, pipedrive, or nobody's that is known
    rows: int = 0
    stored: int = 0
    not_stored: int = 0
    encoding: str = ""
    delimiter: str = ""
    columns: tuple[Column, ...] = ()


class Group(Value, frozen=True, kw_only=True):
    """Problems of one kind and one answer."""

    kind: str
    weight: Weight
    count: int
    did: str
    mend: str
    first: tuple[Problem, ...]


class ImportReport(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The whole import. `added`, `changed` and `unchanged` count records against what the store held before.

    `beyond` counts the problems that `problems` has no room for, by weight/kind/file; `erased` the rows about people
    who were erased here.
    """

    directory: str
    files: tuple[FileReport, ...]
    problems: tuple[Problem, ...]
    beyond: dict[str, int] = {}
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    erased: int = 0
    crm_version: str = ""

    @property
    def rows(self) -> int:
        """Rows read, over all files but documentation."""
        return sum(file.rows for file in self.files if file.kind != "documentation")

    @property
    def stored(self) -> int:
        """Rows that are in the store."""
        return sum(file.stored for file in self.files)

    @property
    def not_stored(self) -> int:
        """Rows that are not; each of them is a problem with its line."""
        return sum(file.not_stored for file in self.files)

    @property
    def remarks(self) -> int:
        """How many problems there are, those beyond the kept ones among them."""
        return len(self.problems) + sum(self.beyond.values())

    def groups(self, first: int = 3) -> tuple[Group, ...]:
        """Problems by kind and file, the gravest first, the most frequent first; with the first few rows of each."""
        found: dict[tuple[str, str, str, str], list[Problem]] = {}
        for problem in self.problems:
            answer = problem.did if problem.weight == "proposal" else ""  # each proposal is judged by itself
            found.setdefault((problem.weight, problem.kind, problem.file, answer), []).append(problem)
        groups = [
            Group(
                kind=k,
                weight=rows[0].weight,
                count=len(rows) + self._beyond(rows),
                did=rows[0].did,
                mend=rows[0].mend,
                first=tuple(rows[:first]),
            )
            for (_, k, _, _), rows in found.items()
        ]
        return tuple(sorted(groups, key=lambda group: (_ORDER.index(group.weight), -group.count, group.kind)))

    def _beyond(self, rows: list[Problem]) -> int:
        """The problems without room that belong to a group; of several groups of a kind the first has them."""
        key = kind_in_file(rows[0])
        is_first = next(p for p in self.problems if kind_in_file(p) == key) is rows[0] if key in self.beyond else False
        return self.beyond[key] if is_first else 0

    def mapping(self) -> dict[str, dict[str, object]]:
        """The mapping that was used, in the form in which it can be changed and given back."""
        return {
            file.file: {
                "kind": file.kind,
                "columns": {column.column: column.field for column in file.columns},
                "units": {column.column: column.unit for column in file.columns if column.unit},
            }
            for file in self.files
            if file.kind and file.kind != "documentation"
        }

    def text(self, first: int = 3) -> str:
        """The report as a person reads it."""
        lines = [
            f"{counted(self.rows, 'row')} read: {self.stored:,} stored, {self.not_stored:,} not stored; "
            f"{counted(self.remarks, 'remark')}"
        ]
        lines += [f"  {file.file}: {_what(file)}" for file in self.files]
        weight = ""
        for group in self.groups(first):
            if group.weight != weight:
                weight = group.weight
                lines.append(f"{_HEADINGS[group.weight]}:")
            lines.append(f"  {group.count:,} x {group.kind.replace('_', ' ')}: {group.did}")
            places = ", ".join(_place(problem) for problem in group.first)
            lines.append(f"      {places}{', ...' if group.count > len(group.first) else ''}")
            if group.mend:
                lines.append(f"      {group.mend}")
        return "\n".join(lines)


def counted(count: int, word: str) -> str:
    """A count with its word: 1 row, 1,200 rows."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _what(file: FileReport) -> str:
    if file.kind == "documentation":
        return f"describes the other files ({counted(file.rows, 'line')}); read for units, not stored"
    if not file.kind:
        return f"not recognized ({counted(file.rows, 'row')})"
    ignored = [column.column for column in file.columns if not column.field]
    whose = f" (an export of {file.vendor})" if file.vendor else ""
    text = f"{file.kind}{whose}, {counted(file.rows, 'row')}, {file.stored:,} stored"
    if near := [
        f"{c.column!r} as {c.field} ({c.confidence} of 100 alike)" for c in file.columns if 0 < c.confidence < 100
    ]:
        text += f"; read {', '.join(near)}"
    return text + (f"; kept as text only: {', '.join(ignored)}" if ignored else "")


def _place(problem: Problem) -> str:
    where = f"{problem.file}:{problem.line}" if problem.line else problem.file
    value = problem.value if len(problem.value) <= 40 else problem.value[:37] + "..."
    return f"{where} {problem.column + ' ' if problem.column else ''}{value!r}" if value else where
