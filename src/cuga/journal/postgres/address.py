"""Where a database is, and what a connection to it is set to.

The address comes with whatever the user gave, which may hold a password; `shown` is what may be printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, Connection, ConnectionInfo, RawCursor
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cuga.errors import BadInput, JournalFailed

SCHEMA = "cuga"  # of the book; views have their own
SCHEMES = ("postgresql://", "postgres://")
SYNCHRONOUS = {"full": "on", "process": "off"}
_PATIENT = {  # a host that is gone must be noticed in seconds: its locks and places are held until then
    "connect_timeout": "5", "keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Address:
    """A database, and the schema in it that holds the book."""

    conninfo: str = field(repr=False)
    shown: str
    schema: str = SCHEMA

    @classmethod
    def of(cls, text: str, schema: str = SCHEMA) -> Address:
        """The address in a text such as `postgresql://user@host/database`; `BadInput` when it is none."""
        mend = "It looks like postgresql://USER@HOST:PORT/DATABASE; the password may be in PGPASSWORD or ~/.pgpass."
        if not text.startswith(SCHEMES):
            raise BadInput("the address of the database does not begin with postgresql://", mend=mend)
        try:
            parts = conninfo_to_dict(text)
        except psycopg.Error:
            # what the driver says of a broken address may quote it, with its password
            raise BadInput("the address of the database cannot be read", mend=mend) from None
        shown = {name: str(value) for name, value in parts.items() if name != "password"}
        host = shown.pop("host", "")
        user = f"{quote(shown.pop('user'))}@" if "user" in shown else ""
        port = f":{shown.pop('port')}" if "port" in shown else ""
        database = quote(shown.pop("dbname", ""))
        if host.startswith("/"):
            shown["host"], host = host, ""
        options = "&".join(f"{name}={quote(value, safe='/')}" for name, value in sorted(shown.items()))
        return cls(
            conninfo=make_conninfo("", **{**_PATIENT, "application_name": "cuga", **parts}),
            shown=f"postgresql://{user}{host}{port}/{database}" + (f"?{options}" if options else ""),
            schema=schema,
        )

    async def connect(self, **settings: str) -> AsyncConnection:
        """A connection of its own for one loop. Raises what the driver raises."""
        connection = await AsyncConnection.connect(self.conninfo, autocommit=True, cursor_factory=AsyncRawCursor)
        try:
            self._must_take_any_text(connection.info)
            connection.prepare_threshold = 0
            await connection.execute(*self._settings(settings))
        except BaseException:
            await connection.close()
            raise
        return connection

    def connect_now(self, **settings: str) -> Connection:
        """A connection for code that waits for each answer; `JournalFailed` when there is none to be had."""
        try:
            connection = Connection.connect(self.conninfo, autocommit=True, cursor_factory=RawCursor)
            try:
                self._must_take_any_text(connection.info)
                connection.execute(*self._settings(settings))
            except BaseException:
                connection.close()
                raise
        except psycopg.Error as error:
            raise self.failed(error) from error
        return connection

    def _must_take_any_text(self, found: ConnectionInfo) -> None:
        if (encoding := found.parameter_status("server_encoding")) != "UTF8":
            raise JournalFailed(
                f"{self.shown}: the database is in {encoding}, which not every text can be kept in",
                mend="Make one that is in UTF8: create database NAME encoding 'UTF8' template template0.",
            )

    def _settings(self, more: dict[str, str]) -> tuple[str, list[str]]:
        # where we tell the planner how to walk it believes that all is dear, and would compile each query, for 0.4 s
        settings = {"search_path": f'"{self.schema}"', "client_min_messages": "warning", "jit": "off", **more}
        sets = ", ".join(f"set_config(${2 * number + 1}, ${2 * number + 2}, false)" for number in range(len(settings)))
        return f"select {sets}", [word for setting in settings.items() for word in setting]

    def failed(self, error: Exception) -> JournalFailed:
        """What went wrong with this database, in one line."""
        return JournalFailed(f"{self.shown}: {in_words(error)}", mend="`cuga doctor` looks at the database.")


def in_words(error: Exception) -> str:
    """What the driver or the server says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
