"""Commands for a house on many machines: move its journal into a database and back, and be one of its workers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

if TYPE_CHECKING:
    from cuga.cli.home import Visit


def migrate(
    address: Annotated[
        str, Parameter(name="ADDRESS", help="An empty database, postgresql://USER@HOST/DATABASE; or CUGA_DATABASE.")
    ] = "",
    /,
    *,
    back: Annotated[bool, Parameter(negative="", help="Move it from the database into a file of the house.")] = False,
    options: Options = PLAIN,
) -> int:
    """Move the journal of a house into Postgres, or back, with every hash intact. Nobody may have the house open.

    What is moved is checked before and after. The file it came from is set aside, not deleted; a database it came from
    takes no more appends. Keep the password out of the command: PGPASSWORD, ~/.pgpass or CUGA_DATABASE carry it.

    Examples:

        cuga migrate postgresql://cuga@db.example/sales

        cuga migrate --back
    """
    import asyncio

    from cuga.cli.screen import say, show, show_json
    from cuga.orchestrator.house.database import move_to_database, move_to_file
    from cuga.orchestrator.house.personal import keys_of
    from cuga.orchestrator.house.place import find
    from cuga.settings import read_settings

    settings = read_settings(house=options.house, database=options.database or None)
    place = find(settings.house)
    target = address or settings.database
    if back and address:
        raise BadInput(
            "--back takes no address", mend="The house knows its database; CUGA_DATABASE may carry a password."
        )
    if not back and not target:
        raise BadInput("which database?", mend="For example: cuga migrate postgresql://cuga@db.example/sales")

    def tell(what: str) -> None:
        say(f"  {what} ...")

    if back:
        moved = asyncio.run(move_to_file(place, settings, tell))
    else:
        moved = asyncio.run(move_to_database(place, target, tell, keys_of(place, settings)))
    if options.json:
        show_json(moved)
    else:
        show(f"Moved {moved.events:,} events of {moved.streams:,} streams and {moved.blobs:,} blobs; every hash holds.")
    return Exit.SUCCESS


def worker(
    *,
    pool: Annotated[
        list[str] | None,
        Parameter(
            negative="", help="Make only the calls that are routed to this pool, of kind process. May be repeated."
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        Parameter(
            name="--metrics",
            help="Answer /healthz, /readyz and /metrics at HOST:PORT, or at a port of this machine; 0: any that is "
            "free. Left out: nothing listens.",
        ),
    ] = None,
    options: Options = PLAIN,
) -> int:
    """Advance the runs of a house whose journal is in Postgres, beside any number of other workers. Until Ctrl-C.

    Start it as often as there are machines or cores; let a supervisor start it again whenever it ends, whatever its
    exit code. When it is stopped it hands over what it was at; when it is killed another one takes over.

    Examples:

        cuga worker --database postgresql://cuga@db.example/sales

        cuga worker --pool engagement

        cuga worker --metrics 127.0.0.1:9464
    """
    from cuga.cli.serving import Asked, read_address, serve_until_stopped

    asked = None if metrics is None else Asked(*read_address(metrics))
    _must_be_in_a_database(options)

    async def work(visit: Visit) -> int:
        assembly = await visit.front.open()
        from cuga.policy.routing import PROCESS

        known = [one.name for one in assembly.registry.workers.values() if one.kind == PROCESS]
        if wrong := sorted(set(assembly.settings.pools) - set(known)):
            raise BadInput(
                f"the registry declares no pool {', '.join(wrong)} of kind process",
                mend=f"Pools with processes of their own are: {', '.join(known) or 'none'}.",
            )
        return await serve_until_stopped(visit, None, as_json=options.json, keeps_time=False, asked=asked)

    with asked or contextlib.nullcontext():
        return at_house(options, work, drives_all=True, pools=tuple(pool or ()))


def _must_be_in_a_database(options: Options) -> None:
    """Asked before the house is opened: whoever holds its file may be at work there."""
    from cuga.orchestrator.house.database import database_of
    from cuga.orchestrator.house.place import find
    from cuga.settings import read_settings

    settings = read_settings(house=options.house, database=options.database or None)
    if not database_of(find(settings.house), settings):
        raise BadInput(
            "the journal of this house is a file, which one process holds: `cuga serve`",
            mend="`cuga migrate` moves it into Postgres; then there may be many workers.",
        )
