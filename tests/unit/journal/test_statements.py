"""The named SQL."""

from __future__ import annotations

import pytest

from cuga.journal.statements import migrations, queries, rows


def test_every_query_is_found_by_its_name_on_one_line() -> None:
    for file in ("read", "write"):
        for name, text in queries(file).items():
            assert name.isidentifier()
            assert text and "\n" not in text and "--" not in text


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [number for number, _, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_row_of_values_is_repeated() -> None:
    assert rows("insert into t values (?, ?) on conflict do nothing", 2) == (
        "insert into t select * from (values (?, ?), (?, ?)) where column1 is not null on conflict do nothing"
    )
    with pytest.raises(ValueError, match="no row of values"):
        rows("select 1", 2)


def test_the_texts_are_read_from_the_package_when_nothing_is_remembered() -> None:
    known = queries("read"), migrations()
    for remembered in (queries, migrations):
        remembered.cache_clear()
    assert (queries("read"), migrations()) == known
