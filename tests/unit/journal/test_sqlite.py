"""The journal in a file: one owner, group commits, what is remembered, who may follow."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import apsw
import pytest
from tests.contract.journals import claiming, row, said

from cuga.errors import HouseBusy, JournalFailed
from cuga.journal.port import Committed, Conflict, Refused
from cuga.journal.sqlite import ReadOnly, SqliteJournal, binding, commit
from cuga.journal.sqlite.connect import CHECKPOINT_PAGES, open_reader, open_writer
from cuga.model.event import Claim, Status


def opened(path: Path, **options: object) -> SqliteJournal:
    return SqliteJournal(path / "journal.db", **({"prefill": False} | options))  # type: ignore[arg-type]


# --- one owner -------------------------------------------------------------------------------------------------------
async def test_a_second_owner_is_refused_and_told_who_holds_the_file(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    with pytest.raises(HouseBusy, match=f"process {os.getpid()} writes") as refusal:
        opened(tmp_path)
    assert str(os.getpid()) in refusal.value.next_step
    await journal.close()
    await opened(tmp_path).close()


def test_an_owner_in_another_process_is_named_and_leaves_with_its_death(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "journal.db")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    with pytest.raises(HouseBusy, match=f"process {holder.pid} writes"):
        opened(tmp_path)
    holder.kill()
    holder.communicate()
    asyncio.run(opened(tmp_path).close())


@pytest.mark.parametrize(
    ("text", "told"), [(b"", "process unknown writes"), (b"7\xff".ljust(30, b"8"), f"process 7\ufffd{'8' * 18} writes")]
)
def test_a_lock_that_does_not_say_whose_it_is_holds_all_the_same(tmp_path: Path, text: bytes, told: str) -> None:
    lock = tmp_path / "journal.db.lock"
    with lock.open("wb") as file:
        file.write(text)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(HouseBusy, match=told):
            opened(tmp_path)
    asyncio.run(opened(tmp_path).close())
    assert lock.read_bytes()[:20].split() == [str(os.getpid()).encode()]


def test_nobody_else_may_open_the_lock(tmp_path: Path) -> None:
    asyncio.run(opened(tmp_path).close())
    assert stat.S_IMODE((tmp_path / "journal.db.lock").stat().st_mode) == 0o600


HOLD = """
import sys, time
from cuga.journal.sqlite import SqliteJournal
journal = SqliteJournal(sys.argv[1], prefill=False)
print("held", flush=True)
time.sleep(600)
"""


# --- opening ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("durability", "level"), [("full", 2), ("process", 1)])
async def test_the_level_of_durability_is_what_was_asked_for(tmp_path: Path, durability: str, level: int) -> None:
    journal = SqliteJournal(tmp_path / "journal.db", durability=durability)
    connection = journal._writer._connection
    assert connection.execute("pragma synchronous").fetchall() == [(level,)]
    assert connection.execute("pragma journal_mode").fetchall() == [("wal",)]
    assert (tmp_path / "journal.db-wal").stat().st_size > CHECKPOINT_PAGES * 4096
    assert journal.durability == durability
    await journal.close()
    assert not (tmp_path / "journal.db-wal").exists()


def test_an_unknown_level_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match="full, process"):
        opened(tmp_path, durability="hopeful")
    assert list(tmp_path.iterdir()) == []


def test_a_level_that_the_file_system_does_not_give_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(binding.SYNCHRONOUS, "full", 7)
    with pytest.raises(JournalFailed, match="does not allow it"):
        opened(tmp_path)


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    other = apsw.Connection(str(tmp_path / "journal.db"))
    other.execute("create table theirs (a)")
    other.close()
    with pytest.raises(JournalFailed, match="not a journal of cuga"):
        opened(tmp_path)
    with pytest.raises(JournalFailed, match="not a journal of cuga"):
        ReadOnly(tmp_path / "journal.db")
    (tmp_path / "text.db").write_text("hello " * 1000)
    with pytest.raises(JournalFailed, match="cannot be opened"):
        SqliteJournal(tmp_path / "text.db")
    with pytest.raises(JournalFailed, match="cannot be read"):
        ReadOnly(tmp_path / "text.db")
    with pytest.raises(JournalFailed, match="cannot be opened"):
        open_writer(tmp_path / "none" / "journal.db", "full")
    with pytest.raises(JournalFailed, match="cannot be read"):
        open_reader(tmp_path / "none.db")


async def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    await opened(tmp_path).close()
    newer = apsw.Connection(str(tmp_path / "journal.db"))
    newer.execute("insert into migration values (9999, 'later', '')")
    newer.close()
    with pytest.raises(JournalFailed, match="newer cuga"):
        opened(tmp_path)


async def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    await journal.append("r1", 0, claiming(("day", 2, 3)), index=row())
    await journal.append("r2", 0, said("a"))
    await journal.close()
    journal = opened(tmp_path)
    assert journal.epoch == 1
    assert await journal.append("r1", 0, said("b")) == Conflict(version=1)
    assert isinstance(await journal.append("r1", 1, claiming(("day", 2, 3))), Refused)
    assert await journal.append("r1", 1, claiming(("day", 1, 3))) == Committed(version=2)
    assert await journal.append("r3", 0, said("c")) == Committed(version=1)
    assert [event.position async for event in journal.feed()] == [1, 2, 3, 4]
    assert await journal.verify() == []
    await journal.close()


# --- groups ----------------------------------------------------------------------------------------------------------
async def test_what_gathers_while_a_commit_runs_goes_into_one_transaction(tmp_path: Path) -> None:
    journal = opened(tmp_path)

    async def work(stream: str) -> None:
        for version in range(5):
            await journal.append(stream, version, claiming(("day", 1, 10_000)))

    await asyncio.gather(*(work(f"r{number}") for number in range(200)))
    assert journal.commits <= 10  # 1000 appends in lockstep: five rounds
    assert await journal.used("day") == 1000
    await journal.close()


async def test_a_lone_append_is_written_on_the_loop_while_the_disk_is_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "QUICK_SECONDS", 1e9)
    journal = opened(tmp_path)
    await journal.append("r1", 0, said("a"))
    assert journal._commit._thread is None
    monkeypatch.setattr(commit, "QUICK_SECONDS", 0.0)
    await journal.append("r1", 1, said("b"))
    assert journal._commit._thread is not None
    await journal.close()


async def test_the_log_is_moved_into_the_file_as_it_grows(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for version in range(60):
        await journal.append("r1", version, said("x" * 200_000))
        await asyncio.sleep(0)
    assert (tmp_path / "journal.db-wal").stat().st_size < 9_000_000 and journal.trouble == ""
    await journal.close()


async def test_appends_wait_at_the_door_while_a_batch_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "BATCH_BYTES", 100_000)
    journal = opened(tmp_path)
    largest = 0

    def watch(point: str) -> None:
        nonlocal largest
        if point == "append.admitted":
            largest = max(largest, journal._commit.batch.size)

    journal._point = watch
    answers = await asyncio.gather(*(journal.append(f"r{number}", 0, said("x" * 30_000)) for number in range(50)))
    assert answers == [Committed(version=1)] * 50
    assert largest < 200_000
    await journal.close()


async def test_a_conflict_is_answered_when_the_caller_can_read_what_it_lost_to(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    first = asyncio.create_task(journal.append("r1", 0, said("a", "b")))
    await asyncio.sleep(0)
    answer = await journal.append("r1", 0, said("c"))
    assert answer == Conflict(version=2)
    assert len(await journal.read("r1")) == 2
    await first
    await journal.close()


async def test_a_cancelled_append_is_written_all_the_same(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    append = asyncio.create_task(journal.append("r1", 0, said("a")))
    await asyncio.sleep(0)
    append.cancel()
    with pytest.raises(asyncio.CancelledError):
        await append
    assert await journal.append("r1", 1, said("b")) == Committed(version=2)
    await journal.close()


# --- what is remembered ----------------------------------------------------------------------------------------------
async def test_parked_and_ended_runs_leave_nothing_in_memory(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for status, kept in ((Status.RUNNING, 1), (Status.PARKED, 0), (Status.RUNNING, 1), (Status.SUCCESS, 0)):
        version = await journal.version("r1")
        await journal.append("r1", version, said("a"), index=row(status))
        assert len(journal._heads) == kept
    await journal.close()


async def test_idle_streams_and_scopes_are_forgotten_beyond_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binding, "REMEMBERED", 10)
    journal = opened(tmp_path)
    for number in range(25):
        await journal.append(f"r{number}", 0, claiming((f"send/{number}", 1, 1)))
    assert len(journal._heads) <= 10 and len(journal._ledger) <= 10
    for number in range(25):
        refused = Refused(claim=Claim(scope=f"send/{number}", amount=1, limit=1), used=1)
        assert await journal.append(f"r{number}", 1, claiming((f"send/{number}", 1, 1))) == refused
        assert await journal.append(f"r{number}", 0, said("a")) == Conflict(version=1)
    await journal.close()


def test_a_journal_goes_on_in_the_next_loop_and_gives_up_what_the_last_one_left(tmp_path: Path) -> None:
    journal = opened(tmp_path)

    async def leave(count: int) -> None:
        for number in range(count):
            asyncio.create_task(journal.append(f"left{number}", 0, said("a")))  # noqa: RUF006
        for _ in range(2 if count else 0):
            await asyncio.sleep(0)  # the group is on its way to the thread when the loop ends

    async def go_on(stream: str) -> None:
        version = await journal.version(stream)
        assert await journal.append(stream, version, said("b")) == Committed(version=version + 1)

    for count in (0, 1, 5):
        asyncio.run(leave(count))
        gc.collect()
        asyncio.run(go_on("left0"))
        asyncio.run(go_on("r1"))
    asyncio.run(leave(5))
    asyncio.run(journal.close())
    asyncio.run(opened(tmp_path).close())


def test_what_was_on_its_way_to_the_disk_as_a_loop_ended_is_there_and_what_waited_behind_it_is_not(
    tmp_path: Path,
) -> None:
    on_its_way, may_go_on = threading.Event(), threading.Event()

    def hold(point: str) -> None:
        if point == "commit.begin":
            on_its_way.set()
            assert may_go_on.wait(10)

    journal = opened(tmp_path, on_point=hold)

    async def leave() -> None:
        group = [asyncio.ensure_future(journal.append(f"left{number}", 0, said("a"))) for number in range(5)]
        await asyncio.to_thread(on_its_way.wait)
        group.append(asyncio.ensure_future(journal.append("behind", 0, claiming(("day", 1, 1)))))
        await asyncio.sleep(0)

    async def go_on() -> None:
        assert await journal.append("left0", 0, said("b")) == Conflict(version=1)
        assert await journal.append("left4", 1, said("b")) == Committed(version=2)
        assert (await journal.version("behind"), await journal.used("day")) == (0, 0)
        assert await journal.append("behind", 0, claiming(("day", 1, 1))) == Committed(version=1)
        assert await journal.verify() == []
        await journal.close()

    asyncio.run(leave())
    may_go_on.set()
    asyncio.run(go_on())


# --- followers -------------------------------------------------------------------------------------------------------
async def test_a_follower_sees_appends_of_another_process_soon(tmp_path: Path) -> None:
    await opened(tmp_path).close()
    follower = ReadOnly(tmp_path / "journal.db")
    writer = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", APPEND, str(tmp_path / "journal.db")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    seen = []
    async with asyncio.timeout(120):
        async for event in follower.feed(follow=True):
            seen.append((event.stream, event.seq))
            if len(seen) == 30:
                break
    assert seen == [("r1", number) for number in range(1, 31)]
    writer.wait()
    assert await follower.version("r1") == 30
    await follower.close()


APPEND = """
import asyncio, sys
from cuga.journal.sqlite import SqliteJournal
from tests.contract.journals import said

async def main():
    journal = SqliteJournal(sys.argv[1], prefill=False)
    for version in range(30):
        await journal.append("r1", version, said("a"))
        await asyncio.sleep(0.01)
    await journal.close()

asyncio.run(main())
"""


async def test_a_follower_is_at_most_a_few_polls_behind_and_ends_when_it_is_closed(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    follower = ReadOnly(tmp_path / "journal.db")
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def follow() -> None:
        async for _ in follower.feed(follow=True):
            arrived.put_nowait(time.perf_counter())

    following = asyncio.create_task(follow())
    for version in range(3):
        await asyncio.sleep(0.03)
        written = time.perf_counter()
        await journal.append("r1", version, said("a"))
        assert await arrived.get() - written < 30.0
    await asyncio.sleep(0.03)  # it polls again
    await follower.close()
    await following
    await journal.close()


async def test_a_follower_cannot_write(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    follower = ReadOnly(tmp_path / "journal.db")
    with pytest.raises(apsw.ReadOnlyError):
        follower._reader._connection.execute("insert into blob values ('a', 'b')")
    await follower.close()
    await journal.close()
