"""A house in a database: sealed there too, its keys in a schema of their own, and nobody left after an erasure."""

from __future__ import annotations

from pathlib import Path

import psycopg
from tests.postgres import fresh_database
from tests.scenario.test_privacy import CANARIES, furnished, hits, sent

from cuga.model.value import encode
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make
from cuga.privacy import ERASED
from cuga.privacy.shelf_postgres import SCHEMA
from cuga.settings import read_settings

TIMES = (1114, 1184)  # the types of timestamps without and with a zone


def found(address: str) -> list[str]:
    """Every row of every table, but for the keys, that holds a canary."""
    hit = []
    with psycopg.connect(address) as connection:
        query = (
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        )
        for schema, table in connection.execute(query).fetchall():
            columns = connection.execute(f'select * from "{schema}"."{table}" limit 0'.encode()).description or ()
            kept = [f'"{one.name}"' for one in columns if one.type_code not in TIMES]  # some are infinite
            for row in connection.execute(f'select {", ".join(kept)} from "{schema}"."{table}"'.encode()).fetchall():
                whole = b" ".join(
                    bytes(one) if isinstance(one, bytes | memoryview) else str(one).encode() for one in row
                )
                hit += [f"{schema}.{table}: {one}" for one in CANARIES if one.encode() in whole]
    return hit


async def test_a_house_in_a_database_names_nobody_and_forgets_whom_it_erases(tmp_path: Path) -> None:
    address, place = fresh_database(), make(tmp_path / "house")
    settings = read_settings(database=address)
    async with Coordinator(house=place.root, settings=settings, user="sam") as front:
        await furnished(front)
        run = await sent(front)
        assert run.status.value == "success"
        assert [one for one in found(address) if not one.startswith("cuga_views")] == []
        await front.signals()
        erased = await front.erase_person("P1", "asked for it")
        assert erased.runs == 1 and erased.keys >= 2 and SCHEMA in (await front.open()).sealing.ring.where
        assert found(address) == [] and hits(place.root) == []
        assert ERASED in encode(await front.events(run.run_id)).decode()
        assert await front.verify() == []
