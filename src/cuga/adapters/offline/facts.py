"""Facts on companies out of files: `.csv` and `.json` in a directory, that somebody bought or was given.

A row names a company by its domain or its name and says one fact. A file that cannot be read stops the question, so
that nobody takes "unknown" for an answer of it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from cuga.adapters.capability import squeeze, without_legal_form
from cuga.adapters.capability.enrichment import Asked, Told
from cuga.errors import NotDone

MAX_BYTES = 64 << 20
COMPANY, NEEDED = ("domain", "account"), ("field", "value")


class FactsFolder:
    """An `Enricher` on a directory; None: one that knows nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def facts(self, asked: Asked) -> tuple[Told, ...]:
        """The rows that name the company by its domain, or by its name when they have no domain."""
        found: list[Told] = []
        for path in self._files():
            try:
                if path.stat().st_size > MAX_BYTES:
                    raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
                for line, row in _rows(path):
                    if _is_of(row, asked) and (told := _told(row, path, line)) is not None:
                        found.append(told)
            except (OSError, ValueError, csv.Error) as error:
                raise NotDone(
                    f"the facts in {path.name} cannot be read: {error}", mend="save it again, or take it away"
                ) from error
        return tuple(found)

    def _files(self) -> list[Path]:
        if self._directory is None or not self._directory.is_dir():
            return []
        return sorted(path for path in self._directory.iterdir() if path.suffix.lower() in (".csv", ".json"))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line or place, row) of a file, names of fields in lower case."""
    if path.suffix.lower() == ".json":
        said = json.loads(path.read_text("utf-8-sig"))
        if not isinstance(said, list):
            raise ValueError("it is no list of objects")
        for number, one in enumerate(said, 1):
            if not isinstance(one, dict):
                raise ValueError(f"its entry {number} is no object")
            yield number, {str(name).casefold(): _plain(value) for name, value in one.items()}
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names = {str(name).strip().casefold() for name in reader.fieldnames or ()}
        if not names >= {*NEEDED} or not names & {*COMPANY}:
            raise ValueError("it needs the columns field, value, and domain or account")
        for row in reader:
            yield reader.line_num, {str(name).strip().casefold(): (value or "").strip() for name, value in row.items()}


def _plain(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _is_of(row: dict[str, str], asked: Asked) -> bool:
    if domain := row.get("domain", "").casefold().removeprefix("www."):
        return bool(asked.domain) and domain == asked.domain.casefold().removeprefix("www.")
    name = row.get("account", "")
    return bool(name) and squeeze(without_legal_form(name)) == squeeze(without_legal_form(asked.name))


def _told(row: dict[str, str], path: Path, line: int) -> Told | None:
    if not row.get("field") or not row.get("value"):
        return None
    seen = row.get("seen", "")
    return Told(
        field=row["field"],
        value=row["value"],
        provider=row.get("provider", "") or path.stem,
        seen=date.fromisoformat(seen) if seen else None,
        licence=row.get("licence", ""),
        source=f"{path.name}:{line}",
    )
