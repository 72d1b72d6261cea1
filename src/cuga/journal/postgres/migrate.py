"""The tables, moved forward in numbered steps that are written down with their checksums.

A step that was changed after it had been made here is refused, and so is a book that a newer version has moved on.
"""

from __future__ import annotations

import psycopg

from cuga.errors import JournalFailed
from cuga.journal.postgres.address import Address
from cuga.journal.statements import migrations
from cuga.model.value import digest_bytes

Step = tuple[int, str, str]  # number, name, text
_LOCK = 0x63756761  # "cuga": only one process at a time moves the tables
_MADE = """create table if not exists migration (
    name text primary key, digest text not null, at timestamptz not null default now()
)"""


async def migrate(address: Address, steps: list[Step] | None = None, *, kind: str = "book") -> list[str]:
    """Make the steps that are missing; returns their names. `JournalFailed` when the tables are not those we know.

    Steps of another `kind` (an engine's) are numbered by themselves.
    """
    steps = migrations("postgres") if steps is None else steps
    made: list[str] = []
    try:
        connection = await address.connect()
        try:
            async with connection.transaction():
                await connection.execute("select pg_advisory_xact_lock($1)", (_LOCK,))
                known = f"{address.schema}.migration"
                if (await (await connection.execute("select to_regclass($1)", (known,))).fetchone()) == (None,):
                    await connection.execute(f'create schema if not exists "{address.schema}"'.encode())
                    await connection.execute(_MADE)
                rows = await (await connection.execute("select name, digest from migration")).fetchall()
                found = {name: digest for name, digest in rows if name.startswith(f"{kind}/")}
                digests = {f"{kind}/{number:04}_{name}": digest_bytes(text.encode()) for number, name, text in steps}
                _check(address, found, digests)
                for (name, digest), (_, _, text) in zip(digests.items(), steps, strict=True):
                    if name not in found:
                        await connection.execute(text.encode(), prepare=False)
                        await connection.execute("insert into migration (name, digest) values ($1, $2)", (name, digest))
                        made.append(name)
        finally:
            await connection.close()
    except psycopg.Error as error:
        raise address.failed(error) from error
    return made


def _check(address: Address, found: dict[str, str], known: dict[str, str]) -> None:
    if newer := sorted(found.keys() - known.keys()):
        raise JournalFailed(
            f"{address.shown} was moved on by a newer version (step {newer[0]})", mend="Install that version of cuga."
        )
    for name, digest in found.items():
        if known[name] != digest:
            raise JournalFailed(f"{address.shown}: the step {name} is not the one that was made there")
