"""The numbered steps of the tables in Postgres: a step only adds, so that processes of the version before go on."""

from __future__ import annotations

import re

import pytest
from tests.contract.journals import claiming, said
from tests.postgres import database, fresh_schema

from cuga.engine.distributed import prepare, steps
from cuga.journal.port import Committed, Conflict, Refused
from cuga.journal.postgres import Address, PostgresJournal, migrate
from cuga.journal.statements import migrations
from cuga.model.event import Claim

BOOK = migrations("postgres")
_TAKES_AWAY = re.compile(
    r"\bdrop (table|column|function|index|constraint|type|schema|trigger)\b|\brename\b|\bset not null\b|"
    r"\balter column \w+ type\b|\btruncate\b",
    re.IGNORECASE,
)
_FUNCTION = re.compile(r"create (?:or replace )?function (\w+)\((.*?)\)\s*(?:returns|language)", re.DOTALL)


def words(text: str) -> str:
    return " ".join(re.sub(r"--[^\n]*", "", text).split())


def functions(text: str) -> dict[str, str]:
    return {name: words(parameters) for name, parameters in _FUNCTION.findall(text)}


@pytest.mark.parametrize("made", [BOOK, steps()], ids=["book", "engine"])
def test_a_step_takes_nothing_away_that_the_version_before_may_use(made: list[tuple[int, str, str]]) -> None:
    assert [number for number, _, _ in made] == list(range(1, len(made) + 1))
    known: dict[str, str] = {}
    for _, name, text in made:
        assert _TAKES_AWAY.search(words(text)) is None, name
        fresh = functions(text)
        for function in fresh.keys() & known.keys():
            assert fresh[function] == known[function], f"{name} changes the parameters of {function}"
        known |= fresh
    assert len(known) >= 3


@pytest.mark.parametrize(
    "text",
    ["alter table a drop column b", "drop function wake(text, text)", "alter table a rename to b", "truncate a"],
)
def test_a_step_that_takes_away_is_seen(text: str) -> None:
    assert _TAKES_AWAY.search(words(text))


async def test_a_process_of_the_version_before_goes_on_while_the_tables_are_moved() -> None:
    """Its connection is open, its statements are prepared, and what it asks is answered as before."""
    address = Address.of(database(), fresh_schema())
    await migrate(address, BOOK[:1])
    await prepare(address)
    await migrate(address, steps()[:1], kind="engine")
    older = PostgresJournal(address)
    older._is_open = True  # it was opened before there were further steps
    assert await older.append("r1", 0, claiming(("day", 2, 5))) == Committed(version=1)
    assert await migrate(address) == [f"book/{number:04}_{name}" for number, name, _ in BOOK[1:]]
    assert len(await migrate(address, steps(), kind="engine")) == len(steps()) - 1
    assert await older.append("r1", 1, claiming(("day", 2, 5))) == Committed(version=2)
    assert await older.append("r1", 2, claiming(("day", 2, 5))) == Refused(
        claim=Claim(scope="day", amount=2, limit=5), used=4
    )
    newer = PostgresJournal(address)
    assert await newer.append("r1", 2, said("b")) == Committed(version=3)
    assert await older.append("r1", 2, said("c")) == Conflict(version=3)
    assert await newer.verify() == []
    await older.close()
    await newer.close()
