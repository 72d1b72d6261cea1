"""A house whose runs are woken by Restate: where its server is, and what is made of it. Needs the extra `restate`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from cuga.clock import Clock
from cuga.engine.driver import Driver
from cuga.engine.hands import AskModel, MakePlan, Perform
from cuga.errors import BadInput
from cuga.journal.port import Journal
from cuga.orchestrator.house.place import Place
from cuga.policy.registry import Registry
from cuga.settings import Settings

if TYPE_CHECKING:
    from cuga.engine.distributed import Database
    from cuga.engine.restate import Address, RestateEngine

RESTATE = "restate"  # the word in the registry


def is_restate(registry: Registry, place: Place | None) -> bool:
    """Whether the runs of a house are woken by Restate; one in memory wakes them itself."""
    return registry.engine == RESTATE and place is not None


def open_engine(
    driver: Driver,
    clock: Clock,
    perform: Perform,
    make_plan: MakePlan,
    ask_model: AskModel,
    worker: str,
    journal: Journal,
    database: Database | None,
    settings: Settings,
    *,
    house: str,
    serves: bool,
    on_house: Callable[[], Awaitable[None]],
    beside: Callable[[], Awaitable[None]] | None,
) -> RestateEngine:
    """The engine on Restate, for a journal in a file or in a database that others have open too."""
    try:
        from cuga.engine.distributed import Pace
        from cuga.engine.restate import Alone, Among, RestateEngine, RestateQueue
    except ModuleNotFoundError as missing:
        if missing.name not in ("restate", "hypercorn", "psycopg", "procrastinate"):
            raise
        raise BadInput(
            "`engine: restate` needs packages that are not installed", mend="pip install 'cugar[restate]'"
        ) from missing
    if settings.pools:
        raise BadInput(
            "with `engine: restate` no process serves a pool alone",
            mend="Unset CUGA_POOLS, or keep the journal in Postgres with its own engine.",
        )
    if settings.tenant_runs:
        raise BadInput(
            "with `engine: restate` nothing limits the runs of one tenant",
            mend="Unset CUGA_TENANT_RUNS, or keep the journal in Postgres with its own engine.",
        )

    async def naming() -> str:
        first = (await journal.read(house))[0]
        return f"cuga_{first.hash.hex()[:16]}"

    pace = Pace(lease_s=float(settings.lease_s))
    hold = Alone() if database is None else Among(database, pace.lease_s)
    queue = RestateQueue(address_of(settings), naming, journal, clock, pace, hold)
    return RestateEngine(
        driver, clock, perform, make_plan, worker, queue, ask_model=ask_model, serves=serves,
        house="" if database is None else house, on_house=on_house, beside=beside,
    )  # fmt: skip


def address_of(settings: Settings) -> Address:
    """Where Restate and this process find each other."""
    from cuga.engine.restate import Address

    reach = settings.restate_reach or f"http://{settings.restate_listen}"
    return Address(ingress=settings.restate, admin=settings.restate_admin, listen=settings.restate_listen, reach=reach)
