"""What an engine of many machines asks of whoever brings it runs: the same of Procrastinate and of Restate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from tests.contract.journals import row, said
from tests.postgres import database, fresh_schema, modest_database
from tests.restate import free_ports, shared_server

from cuga.clock import SystemClock
from cuga.engine.distributed import Attention, Job, Pace, Queue, prepare, steps
from cuga.engine.restate import Address, Alone, Among, RestateQueue
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Index, Journal
from cuga.journal.postgres import Address as Book
from cuga.journal.postgres import PostgresJournal, migrate
from cuga.model.event import Status

PATIENCE_S = 30.0
PACE = Pace(lease_s=5.0)


class Bed:
    """One process that is brought runs, and what it was brought."""

    def __init__(self, brings: Attention, journal: Journal) -> None:
        self.brings = brings
        self.journal = journal
        self.jobs: list[str] = []
        self.ended: list[str] = []
        self.numbers: list[int] = []
        self.held: list[bool] = []
        self.heard = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.on_take: Callable[[Job], asyncio.Future[bool]] | None = None
        brings.heard = self.heard.set

    async def take(self, job: Job) -> bool:
        self.jobs.append(job.run_id)
        self.held.append(await self.brings.holds(job.key))
        is_gone = await self.on_take(job) if self.on_take is not None else False
        await self.gate.wait()
        self.ended.append(job.run_id)
        return is_gone

    async def brought(self, count: int) -> list[str]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.jobs) < count:
                await asyncio.sleep(0.01)
        return self.jobs

    async def at_rest(self, run_id: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while (await self.brings.stands([run_id])).get(run_id, (0, False))[1]:
                await asyncio.sleep(0.01)


async def made(kind: str) -> tuple[Attention, Journal]:
    if "procrastinate" in kind:
        book = Book.of(modest_database() if "oldest" in kind else database(), fresh_schema())
        await migrate(book)
        await prepare(book)
        await migrate(book, steps(), kind="engine")
        return Queue(book, PACE), PostgresJournal(book)
    server, clock = shared_server(), SystemClock()
    listen = f"127.0.0.1:{free_ports(1)[0]}"
    name = f"test_{clock.new_id()}"
    address = Address(ingress=server.ingress, admin=server.admin, listen=listen, reach=f"http://{listen}")

    async def naming() -> str:
        return name

    if kind == "restate on a file":
        journal: Journal = MemoryJournal()
        return RestateQueue(address, naming, journal, clock, PACE, Alone()), journal
    book = Book.of(database(), fresh_schema())
    await migrate(book)
    journal = PostgresJournal(book)
    return RestateQueue(address, naming, journal, clock, PACE, Among(book, PACE.lease_s)), journal


@pytest.fixture(
    params=["procrastinate", "procrastinate on the oldest server", "restate on a file", "restate among processes"]
)
async def bed(request: pytest.FixtureRequest) -> AsyncIterator[Bed]:
    brings, journal = await made(str(request.param))
    one = Bed(brings, journal)
    for run_id in ("r1", "r2"):
        await journal.append(run_id, 0, said("a"), index=row(Status.PARKED))
    ready = asyncio.Event()

    def is_ready(number: int) -> None:
        one.numbers.append(number)
        ready.set()

    serving = asyncio.ensure_future(brings.serve(one.take, ["cuga"], is_ready))
    await asyncio.wait_for(ready.wait(), PATIENCE_S)
    yield one
    one.gate.set()
    brings.stop()
    brings.leave()
    await asyncio.wait_for(serving, PATIENCE_S)
    await brings.close()
    await journal.close()


async def test_what_is_woken_is_brought_and_ours_until_it_rests(bed: Bed) -> None:
    bed.gate.clear()
    assert not await bed.brings.holds("r1")
    await bed.brings.wake("r1")
    assert await bed.brought(1) == ["r1"]
    assert (await bed.brings.stands(["r1"]))["r1"][1] and await bed.brings.holds("r1")
    bed.gate.set()
    await bed.at_rest("r1")
    assert bed.held == [True] and not await bed.brings.holds("r1")
    assert bed.jobs == ["r1"] == bed.ended


async def test_what_is_woken_while_it_is_in_hand_is_brought_once_more_and_not_beside_itself(bed: Bed) -> None:
    bed.gate.clear()
    await bed.brings.wake("r1")
    await bed.brought(1)
    await bed.brings.wake("r1")
    await bed.brings.wake("r2")
    assert await bed.brought(2) == ["r1", "r2"]
    bed.gate.set()
    assert await bed.brought(3) == ["r1", "r2", "r1"]
    await bed.at_rest("r1")


async def test_what_is_let_go_for_another_is_brought_again(bed: Bed) -> None:
    async def once(job: Job) -> bool:
        bed.on_take = None
        await bed.brings.let_go(job.key, again=True)
        return True

    bed.on_take = lambda job: asyncio.ensure_future(once(job))
    await bed.brings.wake("r1")
    assert await bed.brought(2) == ["r1", "r1"]
    await bed.at_rest("r1")


async def test_a_sweep_brings_what_is_due_and_what_nobody_goes_on_with(bed: Bed) -> None:
    await bed.journal.append("due", 0, said("a"), index=row(Status.PARKED, wakes=-(10**6)))
    await bed.journal.append("left", 0, said("a"), index=row())
    await bed.journal.append("later", 0, said("a"), index=row(Status.PARKED, wakes=10**8))
    await bed.journal.append("ended", 0, said("a"), index=row(Status.SUCCESS))
    found = await bed.brings.sweep(healing=True)
    assert found is not None and found[1:] == (1, 1)
    async with asyncio.timeout(PATIENCE_S):
        while not {"due", "left"} <= set(bed.jobs):
            await asyncio.sleep(0.01)
    assert "ended" not in bed.jobs


async def test_a_parked_run_to_which_something_was_appended_is_found(bed: Bed) -> None:
    await bed.journal.append("r1", 1, said("decided"), index=Index())
    await bed.brings.sweep(healing=True)
    async with asyncio.timeout(PATIENCE_S):
        while "r1" not in bed.jobs:
            await asyncio.sleep(0.01)


async def test_every_parked_run_of_a_tenant_is_brought(bed: Bed) -> None:
    await bed.journal.append("theirs", 0, said("a"), index=row(Status.PARKED, tenant="theirs"))
    assert await bed.brings.wake_parked("local") == 2
    assert sorted(await bed.brought(2)) == ["r1", "r2"]


async def test_without_a_limit_there_is_a_place_for_everybody(bed: Bed) -> None:
    assert [await bed.brings.take_place("local") for _ in range(3)] == [0, 0, 0]
    await bed.brings.leave_place("local", 0)
    assert await bed.brings.take_place("local") == 0


async def test_nobody_has_an_errand_in_hand_that_was_not_queued(bed: Bed) -> None:
    """Who takes a run over asks which calls of its pools are in somebody's hands."""
    assert await bed.brings.busy(["r1#door"]) == set()
    assert await bed.brings.in_hand() == set()
    await bed.brings.say_load({})
    assert await bed.brings.load_elsewhere() == {}


async def test_it_is_heard_that_we_live_and_told_how_it_stands(bed: Bed) -> None:
    await asyncio.wait_for(bed.heard.wait(), PATIENCE_S)
    bed.gate.clear()
    await bed.brings.wake("r1")
    await bed.brought(1)
    figures = await bed.brings.figures()
    assert (figures.running, figures.stalled, figures.workers) == (1, 0, 1)
    assert bed.numbers and bed.brings.trouble == "" and bed.brings.pace is PACE


async def test_one_that_is_stopped_takes_nothing_more(bed: Bed) -> None:
    bed.brings.stop()
    await asyncio.sleep(0.2)
    await bed.brings.wake("r1")
    await asyncio.sleep(0.5)
    assert bed.jobs == []
