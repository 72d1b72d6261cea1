"""The named SQL of the journal, read from `schema/*.sql`.

A query is found by its name; a migration is a numbered file. No SQL is put together from values: the only change made
to a text is to repeat the row of a `values` list.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from cuga.sql import named

_ROW = re.compile(r"values (\((?:\?, )*\?\))")


@cache
def queries(file: str) -> dict[str, str]:
    """The queries of one file, by name."""
    return {name: " ".join(text.split()) for name, text in named("cuga.journal", f"schema/{file}.sql").items()}


def rows(query: str, count: int) -> str:
    """The query with its row of values repeated `count` times. A row whose first value is null is left out."""
    row = _ROW.search(query)
    if row is None:
        raise ValueError(f"no row of values in: {query}")
    values = ", ".join([row[1]] * count)
    return f"{query[: row.start()]}select * from (values {values}) where column1 is not null{query[row.end() :]}"


@cache
def migrations(room: str = ".") -> list[tuple[int, str, str]]:
    """Number, name and text of each migration, in order; those of `postgres` lie in a room of their own."""
    names = sorted(one.name for one in resources.files("cuga.journal").joinpath("schema", room).iterdir())
    return [(int(name[:4]), name[5:-4], _text(f"{room}/{name}")) for name in names if name[:4].isdigit()]


def _text(name: str) -> str:
    return resources.files("cuga.journal").joinpath("schema", name).read_bytes().decode()
