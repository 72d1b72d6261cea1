"""What the page on many machines has an operator type into the database does what it says there."""

from __future__ import annotations

import re

import psycopg
from tests.contract.journals import row, said
from tests.docs.pages import page
from tests.postgres import fresh_database

from cuga.journal.postgres import Address, PostgresJournal

SQL = re.search(r"```sql\n(.*?)```", page("howto/many-machines.md"), re.DOTALL)


async def test_a_role_for_dashboards_is_made_as_the_page_says():
    assert SQL is not None
    address = fresh_database()
    journal = PostgresJournal(Address.of(address))
    await journal.append("r1", 0, said("a"), index=row())
    await journal.close()
    name = f"dashboards_{psycopg.conninfo.conninfo_to_dict(address)['dbname']}"
    with psycopg.connect(address, autocommit=True) as operator:
        operator.execute(SQL[1].replace("dashboards", name).encode())
    try:
        with psycopg.connect(address, user=name, autocommit=True) as dashboards:
            for table in ("stream", "journal", "runs"):
                assert dashboards.execute(f"select count(*) from cuga.{table}".encode()).fetchone() == (1,), table
    finally:
        with psycopg.connect(address, autocommit=True) as operator:
            operator.execute(f"drop owned by {name}; drop role {name}".encode())
