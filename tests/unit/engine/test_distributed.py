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
from cuga.engine.distributed.queue import statements
from cuga.engine.distributed.watchdog import Watchdog
from cuga.errors import JournalFailed
from cuga.journal.port import Index
from cuga.journal.postgres import Address, PostgresJournal, migrate
from cuga.model.event import Status
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import make
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
    assert run(address, FETCH, worker)[0][1] == "stalled"
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
    assert not await queue.holds("stalled")
    assert await queue.sweep(healing=True) == (0, 0, 0)
    assert await queue.wake_parked("local") == 3
    assert await queue.stands(["stalled", "ended", "never"]) == {"stalled": (1, True), "ended": (1, False)}


async def test_what_was_appended_lately_is_searched_and_the_whole_book_once_an_hour(
    address: Address, journal: PostgresJournal, queue: Queue
) -> None:
    async def forgotten(run_id: str) -> None:
        await journal.append(run_id, 0, said("a"), index=row(Status.PARKED))
        await journal.append(run_id, 1, said("decided"))  # and whoever was to look at it was forgotten

    await forgotten("r1")
    assert await queue.sweep(healing=True) == (0, 0, 1)
    await forgotten("r2")
    assert await queue.sweep(healing=True) == (0, 0, 1)
    run(address, "update runs set version = 1")
    run(address, "delete from procrastinate_jobs")
    assert await queue.sweep(healing=True) == (0, 0, 1)  # that of the time before the last, once more
    run(address, "update runs set version = 1")
    run(address, "delete from procrastinate_jobs")
    assert await queue.sweep(healing=True) == (0, 0, 0)  # all of it is older
    run(address, "update searched set all_at = all_at - interval '61 minutes'")
    assert await queue.sweep(healing=True) == (0, 0, 2)


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


async def an_outage(directory: Path, seconds: float) -> None:
    async with Cutter() as cutter:
        cutter.database = fresh_database().partition("?")[0].rpartition("/")[2]
        house = make(directory / "house").root
        settings = Settings(database=cutter.address, lease_s=2, seals=directory / "seals")
        ledger = directory / "ledger"
        async with Coordinator("smb", house=house, settings=settings, tools=tools(ledger), drives_all=True) as front:
            await (await front.open()).engine.sweep()
            runs = [await front.start("g", plan=deeds(3, seconds=0.4)) for _ in range(4)]
            await asyncio.sleep(0.5)
            cutter.away()
            await asyncio.sleep(seconds)
            cutter.refuses = False
            async with asyncio.timeout(60):
                for run_id in runs:
                    while not await ended(front, run_id):
                        await asyncio.sleep(0.2)
            assert await front.verify() == []
        keys = {line.split()[3] for line in ledger.read_text().splitlines() if line.startswith("did")}
        assert len(keys) == 12


async def test_work_goes_on_after_the_database_was_away(tmp_path: Path) -> None:
    await an_outage(tmp_path, 2.0)


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [8.0, 50.0])
async def test_work_goes_on_after_the_database_was_away_for_long(tmp_path: Path, seconds: float) -> None:
    await an_outage(tmp_path, seconds)


async def ended(front: Coordinator, run_id: str) -> bool:
    try:
        return (await front.result(run_id)).status is Status.SUCCESS
    except JournalFailed:
        return False


# --- looking at what others do ---------------------------------------------------------------------------------------
async def test_what_others_append_to_a_run_of_ours_is_seen_and_our_own_appends_need_no_look(tmp_path: Path) -> None:
    settings = Settings(database=fresh_database(), lease_s=9, seals=tmp_path / "seals")
    house = make(tmp_path / "house").root
    async with Coordinator(
        "smb", house=house, settings=settings, tools=tools(tmp_path / "l"), drives_all=True
    ) as front:
        engine: Any = (await front.open()).engine
        await engine.sweep()
        engine._watching.cancel()
        engine.start_watching = lambda: None  # it looks when it is told to
        run_id = await front.start("g", plan=deeds(1, seconds=5.0))
        asked: list[list[str]] = []
        seen: list[int] = []
        stands = engine.queue.stands

        async def noted(names: list[str]) -> Any:
            asked.append(names)
            return await stands(names)

        engine.queue.stands = noted
        engine.moved_outside = lambda live, version: seen.append(version)
        await engine.look()
        assert run_id not in asked[-1]  # it has appended since it was begun
        version = engine._driver.lives.make(run_id).state.version
        other = PostgresJournal(Address.of(settings.database))
        await other.append(run_id, version, said("somebody else"))
        await engine.look()
        assert run_id in asked[-1] and seen == [version + 1]
        await engine.look()
        assert seen == [version + 1]  # told once
        await other.close()
        await engine.close(grace_s=0.1)


async def test_what_could_not_be_seen_to_is_seen_again(tmp_path: Path) -> None:
    settings = Settings(database=fresh_database(), lease_s=9, seals=tmp_path / "seals")
    house = make(tmp_path / "house").root
    async with Coordinator("smb", house=house, settings=settings, drives_all=True) as front:
        engine: Any = (await front.open()).engine
        await engine.sweep()
        engine._watching.cancel()
        engine.start_watching = lambda: None
        looks, failing = [], iter([True])

        async def on_house() -> None:
            looks.append(1)
            if next(failing, False):
                raise JournalFailed("it is away")

        engine._on_house, engine._house_version = on_house, -1
        engine._stands = {}
        with pytest.raises(JournalFailed):
            await engine.look()
        await engine.look()
        await engine.look()
        assert len(looks) == 2


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


# --- what is taken and let go with an append -------------------------------------------------------------------------
def words(*said: str) -> Index:
    return Index(run=row().run, wakes=said)


async def test_a_run_is_held_from_its_first_append_and_let_rest_with_its_last(
    address: Address, journal: PostgresJournal
) -> None:
    (worker,) = run(address, WORKER)[0]
    await journal.append("r1", 0, said("a"), index=words(f"hold/{worker}"))
    assert [(lock, status) for lock, _, status, _ in jobs(address)] == [("r1", "doing")]
    await journal.append("r1", 1, said("somebody outside"), index=WAKES)
    await journal.append("r1", 2, said("b"), index=words(f"rest/{worker + 1}"))  # not that one's to let go
    assert sorted(status for _, _, status, _ in jobs(address)) == ["doing", "todo"]
    await journal.append("r1", 3, said("c"), index=words(f"rest/{worker}"))
    assert [status for _, _, status, _ in jobs(address)] == ["todo"]  # what came meanwhile is looked at


async def test_what_a_worker_that_is_gone_would_hold_is_queued(address: Address, journal: PostgresJournal) -> None:
    await journal.append("r1", 0, said("a"), index=words("hold/77"))
    assert [(lock, name, status) for lock, name, status, _ in jobs(address)] == [("r1", "cuga", "todo")]


async def test_of_runs_that_begin_together_each_is_held_queued_or_left_as_alone(
    address: Address, journal: PostgresJournal
) -> None:
    (worker,), (other,) = run(address, WORKER)[0], run(address, WORKER)[0]
    await journal.append("r1", 0, said("a"), index=words(f"hold/{other}"))
    said_of = {
        "r1": f"hold/{worker}", "r2": f"hold/{worker}", "r3": "hold/77", "r4": f"hold/{other}",
        "r5": "", "r6": "front/9",
    }  # fmt: skip
    await asyncio.gather(
        *(journal.append(name, int(name == "r1"), said("b"), index=words(word)) for name, word in said_of.items())
    )
    found = run(address, "select lock, queue_name, status::text, worker_id from procrastinate_jobs order by lock, 3")
    assert found == [
        ("r1", "cuga", "doing", other), ("r1", "cuga", "todo", None), ("r2", "cuga", "doing", worker),
        ("r3", "cuga", "todo", None), ("r4", "cuga", "doing", other), ("r5", "cuga", "todo", None),
        ("r6", "front/9", "todo", None),
    ]  # fmt: skip
    both = (words(f"rest/{worker}"), words(f"rest/{other}"), words(f"hold/{worker}"))
    await asyncio.gather(
        journal.append("r2", 1, said("c"), index=both[0]), journal.append("r4", 1, said("c"), index=both[1]),
        journal.append("r7", 0, said("a"), index=both[2]), journal.append("r7", 1, said("b"), index=both[0]),
    )  # fmt: skip
    assert run(address, "select lock from procrastinate_jobs where status = 'doing'") == [("r1",)]


async def test_an_errand_is_in_hand_beside_its_run_and_known_to_be_begun_when_it_was_lost(
    address: Address, journal: PostgresJournal, queue: Queue
) -> None:
    (worker,) = run(address, WORKER)[0]
    await journal.append("r1", 0, said("a"), index=words(f"hold/{worker}", "pool/door"))
    fetch = statements()["fetch"]
    assert run(address, fetch, ["cuga"], worker, 5) == []
    ((_, key, run_id, _, again),) = run(address, fetch, ["pool/door"], worker, 5)
    assert (key, run_id, again) == ("r1#door", "r1", False)
    assert await queue.busy(["r1#door", "r1#desk"]) == {"r1#door"}
    run(address, "update procrastinate_workers set last_heartbeat = now() - interval '1 minute'")
    assert await queue.sweep() == (2, 0, 0)
    ((_, key, _, _, again),) = run(address, fetch, ["pool/door"], worker, 5)
    assert (key, again) == ("r1#door", True)
    run(address, statements()["let_go"], key, worker, True, False)  # what was not begun is another's
    ((_, key, _, _, again),) = run(address, fetch, ["pool/door"], worker, 5)
    assert (key, again) == ("r1#door", False)


async def test_loads_are_heard_of_by_all_and_forgotten_with_their_process(address: Address, queue: Queue) -> None:
    first, second = (run(address, WORKER)[0][0] for _ in range(2))
    run(address, statements()["load_said"], first, ["door", "desk"], [0, 3])
    run(address, statements()["load_said"], second, ["desk"], [4])
    assert await queue.load_elsewhere() == {"door": (0, 1), "desk": (7, 2)}
    rows = run(address, statements()["load_elsewhere"], second, 2.0)
    assert {pool: (running, serving) for pool, running, serving in rows} == {"door": (0, 1), "desk": (3, 2)}
    run(address, "update pool_load set at = now() - interval '1 minute'")
    assert await queue.load_elsewhere() == {}


async def test_what_the_database_believes_to_be_in_our_hands_and_is_not_goes_to_whoever_lives(tmp_path: Path) -> None:
    settings = Settings(database=fresh_database(), lease_s=2, seals=tmp_path / "seals")
    house = make(tmp_path / "house").root
    async with Coordinator(
        "smb", house=house, settings=settings, tools=tools(tmp_path / "l"), drives_all=True
    ) as front:
        engine: Any = (await front.open()).engine
        await engine.sweep()
        run_id = await front.start("g", plan=deeds(1))
        assert (await front.wait(run_id, 30)).status is Status.SUCCESS
        worker = engine.queue.worker_id
        address = Address.of(settings.database)
        run(address, "select wake($1, 'hold/' || $2::text)", run_id, worker)  # as an append of which nobody heard
        assert await engine.queue.in_hand() == {run_id}
        await engine._let_strays_go()
        assert await engine.queue.in_hand() == {run_id}  # it may just be on its way
        await engine._let_strays_go()
        async with asyncio.timeout(20):
            while await engine.queue.in_hand() or jobs(address):
                await asyncio.sleep(0.05)


async def test_under_another_number_no_run_is_ours_any_more(tmp_path: Path) -> None:
    settings = Settings(database=fresh_database(), lease_s=2, seals=tmp_path / "seals")
    house = make(tmp_path / "house").root
    ledger = tmp_path / "l"
    async with Coordinator("smb", house=house, settings=settings, tools=tools(ledger), drives_all=True) as front:
        engine: Any = (await front.open()).engine
        await engine.sweep()
        run_id = await front.start("g", plan=deeds(2, seconds=0.5))
        assert engine.holds(run_id)
        engine._is_known_as(10**6)
        assert not engine.holds(run_id)
        assert (await front.wait(run_id, 60)).status is Status.SUCCESS
        assert await front.verify() == []
