"""The queue of many machines by itself: waking, sweeping, places, figures, and the watchdog beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.journals import row, said
from tests.cutting import Cutter
from tests.machines.deeds import tools
from tests.machines.fleet import deeds
from tests.postgres import database, fresh_database, fresh_schema

from cuga.engine.distributed import Pace, Queue, prepare, steps
from cuga.engine.distributed.pace import boot_time
from cuga.engine.distributed.watchdog import Watchdog
from cuga.errors import JournalFailed
from cuga.journal.port import Index
from cuga.journal.postgres import Address, PostgresJournal, migrate
from cuga.model.event import Status
from cuga.orchestrator import Coordinator
from cuga.orchestrator.place import make
from cuga.settings import Settings

WAKES = Index(wakes=("",))


@pytest.fixture
async def address() -> Address:
    made = Address.of(database(), fresh_schema())
    await migrate(made)
    await prepare(made)
    await prepare(made)
    await migrate(made, steps(), kind="engine")
    return made


@pytest.fixture
async def journal(address: Address) -> AsyncIterator[PostgresJournal]:
    opened = PostgresJournal(address)
    yield opened
    await opened.close()


@pytest.fixture
async def queue(address: Address) -> AsyncIterator[Queue]:
    made = Queue(address, Pace(lease_s=2.0, tenant_runs=2))
    yield made
    await made.close()


def jobs(address: Address) -> list[tuple[Any, ...]]:
    with address.connect_now() as connection:
        return connection.execute(
            "select lock, queue_name, status::text, priority from procrastinate_jobs order by priority desc, id"
        ).fetchall()


def run(address: Address, query: str, *values: object) -> list[tuple[Any, ...]]:
    with address.connect_now() as connection:
        cursor = connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []


FETCH = "select id, lock from procrastinate_fetch_job_v2(null, $1)"
WORKER = "insert into procrastinate_workers default values returning id"


async def test_an_append_wakes_once_however_often_it_is_woken(address: Address, journal: PostgresJournal) -> None:
    await journal.append("r1", 0, said("a"), index=WAKES)
    await journal.append("r1", 1, said("b"), index=WAKES)
    await journal.append("r1", 7, said("never"), index=Index(wakes=("front/9",)))
    await journal.append("r2", 0, said("nobody is woken"))
    assert [(lock, name, status) for lock, name, status, _ in jobs(address)] == [("r1", "cuga", "todo")]


async def test_a_run_in_hand_is_queued_once_more_for_what_comes_meanwhile(
    address: Address, journal: PostgresJournal
) -> None:
    await journal.append("r1", 0, said("a"), index=WAKES)
    (worker,) = run(address, WORKER)[0]
    assert run(address, FETCH, worker)[0][1] == "r1"
    await journal.append("r1", 1, said("b"), index=WAKES)
    await journal.append("r1", 2, said("c"), index=WAKES)
    assert sorted(status for _, _, status, _ in jobs(address)) == ["doing", "todo"]
    assert run(address, FETCH, worker)[0][1] is None  # not before the one in hand is through


async def test_a_waiting_job_is_not_begun_before_the_facts_are_there_that_woke_it_again(
    address: Address, journal: PostgresJournal
) -> None:
    """Whoever began it a moment too early would see nothing new, and swallow the wake-up."""
    await journal.append("r1", 0, said("a"), index=WAKES)
    (worker,) = run(address, WORKER)[0]
    held = await address.connect()
    await held.execute(b"begin")
    await held.execute(b"select wake('r1', '')")  # finds the waiting one; its own facts are not committed yet
    assert run(address, FETCH, worker)[0][1] is None
    await held.execute(b"commit")
    assert run(address, FETCH, worker)[0][1] == "r1"
    await held.close()


async def test_what_is_rolled_back_leaves_neither_fact_nor_job(address: Address, journal: PostgresJournal) -> None:
    await journal.open()
    with pytest.raises(JournalFailed):
        await journal.append("r1", 0, said("a"), index=Index(run=row(tenant="nul \x00").run, wakes=("",)))
    assert (await journal.version("r1"), jobs(address)) == (0, [])


async def test_a_tenant_with_few_runs_goes_before_one_with_many(address: Address, journal: PostgresJournal) -> None:
    for tenant, count in (("big", 160), ("small", 8)):
        for number in range(count):
            index = Index(run=row(tenant=tenant).run, wakes=("",))
            await journal.append(f"{tenant}-{number}", 0, said("a"), index=index)
    order = [lock.partition("-")[0] for lock, _, _, _ in jobs(address)]
    assert order.index("small") <= 8 and order[:17].count("small") >= 8


async def test_a_sweep_closes_what_is_stalled_and_wakes_what_is_due(
    address: Address, journal: PostgresJournal, queue: Queue
) -> None:
    await journal.append("stalled", 0, said("a"), index=Index(run=row().run, wakes=("",)))
    (worker,) = run(address, WORKER)[0]
    (job, _) = run(address, FETCH, worker)[0]
    run(address, "update procrastinate_workers set last_heartbeat = now() - interval '1 minute'")
    await journal.append("due", 0, said("a"), index=row(Status.PARKED, wakes=-(10**6)))
    await journal.append("later", 0, said("a"), index=row(Status.PARKED, wakes=10**8))
    await journal.append("left", 0, said("a"), index=row())
    await journal.append("decided", 0, said("a"), index=row(Status.PARKED))
    await journal.append("decided", 1, said("b"))
    await journal.append("ended", 0, said("a"), index=row(Status.SUCCESS))
    run(address, "select wake('due', 'front/77')")
    before = await queue.figures()
    assert (before.waiting, before.running, before.stalled, before.workers) == (1, 1, 1, 0)
    assert before.sweep_lag_s > 60 and before.oldest_s >= 0
    assert await queue.sweep(healing=True) == (1, 1, 2)
    assert {lock: (name, status) for lock, name, status, _ in jobs(address)} == dict.fromkeys(
        ("stalled", "due", "left", "decided"), ("cuga", "todo")
    )
    assert not await queue.holds(job)
    assert await queue.sweep(healing=True) == (0, 0, 0)
    assert await queue.wake_parked("local") == 3
    assert await queue.stands(["stalled", "ended", "never"]) == {"stalled": (1, True), "ended": (1, False)}


async def test_one_process_sweeps_at_a_time(address: Address, queue: Queue) -> None:
    held = await address.connect()
    await held.execute(b"begin")
    await held.execute(b"select pg_advisory_xact_lock(hashtext(current_schema() || ' sweep'))")
    assert await queue.sweep() is None
    await held.execute(b"commit")
    assert await queue.sweep() == (0, 0, 0)
    await held.close()


async def test_the_places_of_a_tenant_are_counted_over_all_processes(address: Address, queue: Queue) -> None:
    other = Queue(address, queue.pace)
    first, second = await queue.take_place("ours"), await other.take_place("ours")
    assert {first, second} == {1, 2}
    assert await queue.take_place("ours") is None and await other.take_place("ours") is None
    assert await queue.take_place("theirs") == 1
    assert second is not None
    await other.close()  # lost with its connection
    async with asyncio.timeout(5):
        while (place := await queue.take_place("ours")) is None:
            await asyncio.sleep(0.02)
    assert place == second
    await queue.leave_place("ours", place)
    assert await queue.take_place("ours") == place


async def test_a_question_is_asked_again_on_a_new_connection(address: Address, queue: Queue) -> None:
    assert await queue.workers() == 0
    run(address, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cuga engine'")
    assert await queue.workers() == 0
    run(address, "drop function sweep(double precision, boolean)")
    with pytest.raises(JournalFailed, match="sweep"):
        await queue.sweep()


async def test_work_goes_on_after_the_database_was_away(tmp_path: Path) -> None:
    async with Cutter() as cutter:
        cutter.database = fresh_database().partition("?")[0].rpartition("/")[2]
        house = make(tmp_path / "house").root
        settings = Settings(database=cutter.address, lease_s=2, seals=tmp_path / "seals")
        ledger = tmp_path / "ledger"
        async with Coordinator("smb", house=house, settings=settings, tools=tools(ledger), drives_all=True) as front:
            await (await front.open()).engine.sweep()
            runs = [await front.start("g", plan=deeds(3, seconds=0.4)) for _ in range(4)]
            await asyncio.sleep(0.5)
            cutter.away()
            await asyncio.sleep(2.0)
            cutter.refuses = False
            async with asyncio.timeout(60):
                for run_id in runs:
                    while not await ended(front, run_id):
                        await asyncio.sleep(0.2)
            assert await front.verify() == []
        keys = {line.split()[3] for line in ledger.read_text().splitlines() if line.startswith("did")}
        assert len(keys) == 12


async def ended(front: Coordinator, run_id: str) -> bool:
    try:
        return (await front.result(run_id)).status is Status.SUCCESS
    except JournalFailed:
        return False


# --- the watchdog ----------------------------------------------------------------------------------------------------
def test_a_pause_longer_than_the_lease_is_noticed_once() -> None:
    now, pauses = [100.0], []
    watchdog = Watchdog(2.0, pauses.append, clock=lambda: now[0])
    assert not watchdog.look()
    now[0] += 1.9
    assert not watchdog.look()
    now[0] += 2.5
    assert watchdog.look() and pauses == [2.5]


def test_the_thread_of_a_watchdog_ends_when_it_is_told() -> None:
    seen: list[float] = []
    watchdog = Watchdog(0.05, seen.append, clock=iter([0.0, 0.0, 9.0]).__next__)
    watchdog.start()
    watchdog._thread.join(5)
    assert seen == [9.0]
    other = Watchdog(60.0, seen.append)
    other.start()
    other.stop()
    other._thread.join(10)
    assert not other._thread.is_alive()


def test_the_pace_follows_from_the_lease() -> None:
    shipped, quick = Pace(), Pace(lease_s=2.0)
    for pace, bound in ((shipped, 12.0), (quick, 4.0)):
        assert pace.lease_s + pace.sweep_s + pace.poll_s <= bound
        assert 4 * pace.heartbeat_s <= pace.lease_s
    assert boot_time() > 0
