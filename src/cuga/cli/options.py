"""What every command takes: which house, JSON or words, and how much of a breakdown to show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

EVERYWHERE = Group("Everywhere", sort_key=99)


@Parameter(name="*")
@dataclass(frozen=True)
class Options:
    """The options of every command."""

    house: Annotated[
        Path | None,
        Parameter(
            group=EVERYWHERE,
            help="The house, a directory. Left out: CUGA_HOUSE, the nearest house above here, or the user's own.",
        ),
    ] = None
    database: Annotated[
        str,
        Parameter(
            group=EVERYWHERE,
            help="The Postgres that holds the journal, postgresql://USER@HOST/DATABASE. Left out: CUGA_DATABASE, or "
            "what the house says.",
        ),
    ] = ""
    json: Annotated[bool, Parameter(group=EVERYWHERE, negative="", help="Print the answer as JSON on stdout.")] = False
    debug: Annotated[
        bool, Parameter(group=EVERYWHERE, negative="", help="Show the traceback of an error nobody expected.")
    ] = False


PLAIN = Options()
