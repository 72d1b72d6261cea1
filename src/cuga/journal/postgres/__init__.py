"""The journal in Postgres, through psycopg 3: needs the extra `postgres`, see `docs/howto/many-machines.md`."""

from cuga.journal.postgres.address import SCHEMA, Address
from cuga.journal.postgres.binding import PostgresJournal
from cuga.journal.postgres.migrate import migrate
from cuga.journal.postgres.writer import POINTS

__all__ = ["POINTS", "SCHEMA", "Address", "PostgresJournal", "migrate"]
