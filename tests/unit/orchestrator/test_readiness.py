"""A house says that it can be worked in while something could be appended, and at no other time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.postgres import database, fresh_database

from cuga.errors import JournalFailed
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.place import make
from cuga.orchestrator.operating import readiness
from cuga.orchestrator.operating.readiness import Readiness
from cuga.settings import Settings


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Assembly]:
    monkeypatch.setattr(readiness, "BELIEVED_S", 0.0)
    settings = Settings(database=fresh_database(), seals=tmp_path / "seals")
    async with Coordinator(house=make(tmp_path / "house").root, settings=settings, user="sam") as front:
        yield await front.open()


def sql(address: str, *queries: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        for query in queries:
            connection.execute(query.encode())


async def test_a_database_that_is_away_is_noticed_by_who_writes_nothing_and_so_is_its_end(house: Assembly) -> None:
    assert house.book is not None
    with house.book.address.connect_now() as connection:
        name = connection.info.dbname
    asked = Readiness()
    assert await asked.is_ready(house)
    sql(
        database(),
        f'alter database "{name}" with allow_connections false',
        f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'",
    )
    assert not await asked.is_ready(house)
    house.engine.failure = JournalFailed("what was written in the outage")
    sql(database(), f'alter database "{name}" with allow_connections true')
    assert await asked.is_ready(house), "although nothing was written here since"


async def test_a_book_that_was_moved_into_a_file_is_not_ready(house: Assembly) -> None:
    assert house.book is not None
    asked = Readiness()
    assert await asked.is_ready(house)
    with house.book.address.connect_now() as connection:
        connection.execute("insert into fact (name, value) values ('moved', 1)")
    assert not await asked.is_ready(house)


async def test_many_who_ask_are_answered_by_one_question(house: Assembly, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "BELIEVED_S", 60.0)
    book: Any = house.book
    questions = []

    async def takes() -> bool:
        questions.append(1)
        return True

    monkeypatch.setattr(book, "takes_appends", takes)
    asked = Readiness()
    assert all([await asked.is_ready(house) for _ in range(20)]) and len(questions) == 1


async def test_a_house_that_is_being_closed_is_not_ready(house: Assembly) -> None:
    house.engine.is_closing = True
    assert not await Readiness().is_ready(house)
    house.engine.is_closing = False
