"""A report of figures as a person reads it: the sentence that says it all, then each list as a table, then the notes.

It knows no tool: any output with a headline and a date it was reckoned from is drawn by the shape of its parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table

from cuga.cli.screen import one_line, text

MOST_ROWS = 15  # of one table; `--json` has all of them
MOST_COLUMNS = 10
SHAPE = frozenset({"headline", "as_of", "rules"})
_APART = SHAPE | {"notes", "assumptions"}


def report(output: Mapping[str, Any]) -> RenderableType:
    """Headline, single values, tables, notes."""
    parts: list[RenderableType] = [text(output["headline"], "bold")]
    long = {k: v for k, v in output.items() if k not in _APART and isinstance(v, str) and "\n" in v}
    single = {k: v for k, v in output.items() if k not in _APART | long.keys() and not isinstance(v, (dict, list))}
    said = ", ".join(f"{words(k)} {amount(v)}" for k, v in single.items() if v not in ("", None))
    if said:
        parts.append(Padding(text(said, "dim"), (0, 0, 0, 2), expand=False))
    for name, value in output.items():
        if name not in _APART and isinstance(value, (dict, list)) and value:
            parts += _part(name, value)
    for name, value in long.items():
        parts += [text(f"  {words(name)}", "bold"), Padding(text(value.rstrip()), (0, 0, 0, 4), expand=False)]
    for note in (*output.get("assumptions", ()), *output.get("notes", ())):
        parts.append(Padding(text(note, "dim"), (0, 0, 0, 2), expand=False))
    parts.append(text(f"  as of {output['as_of']}, rules {output['rules']}", "dim"))
    return Group(*parts)


def words(name: str) -> str:
    """A field's name as words."""
    return name.replace("_", " ")


def amount(value: Any) -> str:
    """A value in a cell: thousands apart, yes and no, nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(amount(one) for one in value[:5]) + (" …" if len(value) > 5 else "")
    if isinstance(value, Mapping):
        return ", ".join(f"{words(k)} {amount(v)}" for k, v in value.items() if v not in ("", None))
    return one_line(str(value), 90)


def _part(name: str, value: Any) -> Iterator[RenderableType]:
    yield text(f"  {words(name)}", "bold")
    if isinstance(value, Mapping):
        tables = {k: v for k, v in value.items() if isinstance(v, list) and v and isinstance(v[0], Mapping)}
        plain = {k: v for k, v in value.items() if k not in tables and v not in ("", None)}
        yield Padding(text(", ".join(f"{words(k)} {amount(v)}" for k, v in plain.items())), (0, 0, 0, 4), expand=False)
        for key, rows in tables.items():
            yield from _table(key, rows)
    elif isinstance(value[0], Mapping):
        yield from _table(name, value)
    else:
        for one in value[:MOST_ROWS]:
            said = one if isinstance(one, str) else amount(one)
            yield Padding(text(f"- {said}"), (0, 0, 0, 4), expand=False)
        yield from _more(len(value))


def _table(name: str, rows: list[Mapping[str, Any]]) -> Iterator[RenderableType]:
    names = [
        key
        for key in dict.fromkeys(key for row in rows for key in row)
        if not any(_is_table(row.get(key)) for row in rows) and any(row.get(key) not in ("", None, []) for row in rows)
    ]
    # an id that only repeats the name beside it says nothing
    names = [
        key
        for key in names
        if not (key.endswith("_id") and all(row.get(key) == row.get(key.removesuffix("_id")) for row in rows))
    ][:MOST_COLUMNS]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key in names:
        is_number = all(isinstance(row.get(key), (int, float, type(None))) for row in rows)
        table.add_column(words(key), justify="right" if is_number else "left", overflow="fold")
    for row in rows[:MOST_ROWS]:
        table.add_row(*(text(amount(row.get(key))) for key in names))
    yield Padding(table, (0, 0, 0, 4), expand=False)
    yield from _more(len(rows))


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _more(count: int) -> Iterator[RenderableType]:
    if count > MOST_ROWS:
        yield text(f"    … and {count - MOST_ROWS:,} more; `--json` has all", "dim")
