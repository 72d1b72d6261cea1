"""JSON files: a list of objects, an object of lists, JSON lines, and the lists that CRMs answer under `results`.

An object inside a row becomes columns with a dot in their name. The line of a row is its number, counted from 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from cuga.packs.sales.importing.read import Row, Table, problem, unreadable
from cuga.packs.sales.importing.report import Tell

MAX_WHOLE = 256 * 1024 * 1024  # bytes of a file that must be held as a whole; JSON lines have no such bound
SURVEYED = 200  # rows whose columns are taken together; a column that comes later is kept as text
DEEPEST = 3
_WRAPS = ("results", "records", "data", "items", "rows", "value")


def open_objects(path: Path, tell: Tell) -> list[Table]:
    """The tables of a JSON file: one for a list, one for each list of an object."""
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return [_table(path.name, path.stem, partial(_json_lines, path), tell)]
    if path.stat().st_size > MAX_WHOLE:
        return unreadable(path, f"larger than {MAX_WHOLE >> 20} MiB", "export it as JSON lines (.jsonl) or CSV", tell)
    try:
        said = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return unreadable(path, f"it is no JSON ({error})", "export it again", tell)
    parts = _lists(said)
    if not parts:
        return unreadable(path, "it holds no list of objects", "export it as a list of objects", tell)
    tables = []
    for name, rows in parts.items():
        file = f"{path.name}#{name}" if len(parts) > 1 else path.name
        title = f"{path.stem} {name}".strip()
        tables.append(_table(file, title, partial(_listed, rows), tell))
    return tables


def _lists(said: Any) -> dict[str, list[Any]]:
    if isinstance(said, list):
        return {"": said} if any(isinstance(row, dict) for row in said) else {}
    if not isinstance(said, dict):
        return {}
    found = {_plain(name): rows for name, rows in said.items() if isinstance(rows, list) and any(map(_is_object, rows))}
    return {"": next(iter(found.values()))} if len(found) == 1 and next(iter(found)) in _WRAPS else found


def _is_object(row: Any) -> bool:
    return isinstance(row, dict)


def _listed(rows: Iterable[Any], table: Table, tell: Tell) -> Iterator[tuple[int, Any]]:
    yield from enumerate(rows, 1)


def _json_lines(path: Path, table: Table, tell: Tell) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                yield line, json.loads(text)
            except (ValueError, RecursionError) as error:
                table.unread += 1
                tell(problem(table.file, "row_unreadable", "not_stored", f"left out: {error}", "check the line", line))


def _table(file: str, title: str, source: Any, tell: Tell) -> Table:
    names: dict[str, None] = {}
    bare = Table(file)
    for at, (_, row) in enumerate(source(bare, _unheard)):
        if at >= SURVEYED:
            break
        if isinstance(row, dict):
            names |= dict.fromkeys(_flat(row))
    return Table(file, tuple(names), partial(_rows, source), title=title, encoding="json")


def _unheard(problem: Any) -> None:
    """The survey tells nothing: the reading of the rows does."""


def _rows(source: Any, table: Table, tell: Tell) -> Iterator[Row]:
    for line, row in source(table, tell):
        if not isinstance(row, dict):
            table.unread += 1
            tell(problem(table.file, "row_unreadable", "not_stored", "left out: it is no object", "", line))
            continue
        values = dict.fromkeys(table.columns, "") | _flat(row)
        if any(values.values()):
            yield Row(line=line, values=values)
        else:
            table.unread += 1
            tell(problem(table.file, "empty_row", "not_stored", "an object of empty values", "", line))


def _flat(row: dict[str, Any], before: str = "", depth: int = 1) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in row.items():
        if name == "attributes" and isinstance(value, dict) and "type" in value:
            continue  # what Salesforce says about the row, not in it
        inside = "" if name == "properties" and not before else f"{before}{name}."
        if isinstance(value, dict) and depth < DEEPEST:
            found |= _flat(value, inside, depth + 1)
        else:
            found[_plain(before + name)] = _text(value)
    return found


def _plain(text: str) -> str:
    """A text that can be stored: half a surrogate pair is written in JSON as easily as a letter."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case str():
            return _plain(value).strip()
        case list() if all(isinstance(part, str) for part in value):
            return " | ".join(map(_text, value))
        case _:
            return _plain(json.dumps(value, ensure_ascii=False))
