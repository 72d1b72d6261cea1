"""A disk that fails: what is answered, and what goes on afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest
from tests.contract.journals import AT, claiming, said

from cuga.errors import JournalCorrupt, JournalFailed
from cuga.journal.port import Committed, Unknown
from cuga.journal.sqlite import SqliteJournal, ballast, verify_file
from cuga.journal.tombstone import tombstone
from cuga.model.event import PlanRequested, RunParked
from cuga.testing.drills.disk import Disk, disk

NEW_WORK = [PlanRequested(at=AT, planner="rules", attempt=1)]
PARK = [RunParked(at=AT, reason="the disk is full")]


@pytest.fixture
def broken() -> Iterator[Disk]:
    with disk() as made:
        yield made


def on(path: Path, **options: object) -> SqliteJournal:
    return SqliteJournal(path / "journal.db", vfs="failing", prefill=False, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("call", ["write-wal", "sync-wal"])
@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
async def test_after_one_failed_commit_nothing_was_written_and_the_next_append_works(
    tmp_path: Path, broken: Disk, call: str, error: type[apsw.Error]
) -> None:
    journal = on(tmp_path)
    await journal.append("r1", 0, claiming(("day", 1, 9)))

    def heals(name: str) -> None:
        if name == "commit.begin":
            broken.fail = {call: error}

    journal._writer._point = heals
    original = journal._writer._after

    def after(*given: object) -> str:
        broken.fail = {}
        return original(*given)  # type: ignore[arg-type]

    journal._writer._after = after  # type: ignore[method-assign,assignment]
    with pytest.raises(JournalFailed, match=r"on demand|full|I/O"):
        await journal.append("r1", 1, claiming(("day", 1, 9)))
    journal._writer._point = lambda _: None
    assert journal.trouble
    assert (await journal.version("r1"), await journal.used("day")) == (1, 1)
    assert await journal.append("r1", 1, claiming(("day", 1, 9))) == Committed(version=2)
    assert journal.trouble == ""
    await journal.close()
    assert verify_file(tmp_path / "journal.db") == []


async def test_a_failed_commit_takes_with_it_all_that_was_queued_behind_it(tmp_path: Path, broken: Disk) -> None:
    journal = on(tmp_path)
    await journal.append("r1", 0, said("a"))
    first = [asyncio.create_task(journal.append(f"r{number}", 0, claiming(("day", 1, 5)))) for number in (2, 3, 6)]
    gone = first.pop()
    queued: list[asyncio.Task[object]] = []
    loop = asyncio.get_running_loop()

    def breaks(point: str) -> None:
        if point == "commit.begin":
            broken.fail = {"sync-wal": apsw.IOError}
            loop.call_soon_threadsafe(gone.cancel)
            asyncio.run_coroutine_threadsafe(add(), loop).result()

    async def add() -> None:
        queued.append(asyncio.create_task(journal.append("r4", 0, claiming(("day", 1, 5)))))
        queued.append(asyncio.create_task(journal.append("r5", 0, said("leaves"))))
        await asyncio.sleep(0)
        queued[1].cancel()

    journal._writer._point = breaks
    answers = await asyncio.gather(*first, return_exceptions=True)
    journal._writer._point = lambda _: None
    broken.fail = {}
    assert all(isinstance(answer, Unknown) for answer in answers)
    with pytest.raises(JournalFailed, match="queued behind"):
        await queued[0]
    assert await journal.used("day") == 0
    assert await journal.append("r4", 0, claiming(("day", 5, 5))) == Committed(version=1)
    await journal.close()


async def test_a_commit_that_nobody_can_know_is_answered_so(tmp_path: Path, broken: Disk) -> None:
    journal = on(tmp_path)
    await journal.append("r1", 0, said("a"))
    broken.fail = {"sync-wal": apsw.IOError}
    answer = await journal.append("r1", 1, said("b"))
    assert isinstance(answer, Unknown) and answer.reason
    with pytest.raises(JournalFailed):
        await journal.keep_snapshot(b"rules")
    broken.fail = {}
    version = await journal.version("r1")
    assert await journal.append("r1", version, said("c")) == Committed(version=version + 1)
    await journal.close()


async def test_a_commit_that_was_stored_after_all_is_committed(tmp_path: Path) -> None:
    fails = ["commit.done"]

    def late(point: str) -> None:
        if point in fails:
            fails.remove(point)
            raise OSError("the answer was lost")

    journal = SqliteJournal(tmp_path / "journal.db", on_point=late, prefill=False)
    assert await journal.append("r1", 0, said("a")) == Committed(version=1)
    assert await journal.append("r1", 1, said("b")) == Committed(version=2)
    await journal.close()


@pytest.mark.parametrize("point", ["commit.begin", "commit.written"])
async def test_a_transaction_that_never_committed_was_surely_not_written(tmp_path: Path, point: str) -> None:
    fails = [point]

    def early(passed: str) -> None:
        if passed in fails:
            fails.remove(passed)
            raise OSError("stopped")

    journal = SqliteJournal(tmp_path / "journal.db", on_point=early, prefill=False)
    with pytest.raises(JournalFailed, match="stopped"):
        await journal.append("r1", 0, said("a"))
    assert await journal.version("r1") == 0
    assert await journal.append("r1", 0, said("b")) == Committed(version=1)
    await journal.close()


@pytest.mark.parametrize("point", ["commit.begin", "commit.written"])
async def test_what_was_never_committed_was_surely_not_written_on_a_broken_disk_either(
    tmp_path: Path, broken: Disk, point: str
) -> None:
    def breaks(passed: str) -> None:
        if passed == point:
            broken.fail = {"write-wal": apsw.IOError, "sync-wal": apsw.IOError}
            raise OSError("stopped")

    journal = on(tmp_path)
    await journal.append("r1", 0, said("a"))
    journal._writer._point = breaks
    for number in (1, 2):
        with pytest.raises(JournalFailed, match="stopped"):
            await journal.append("r1", 1, said("x" * 10_000 * number))
    broken.fail = {}
    journal._writer._point = lambda _: None
    assert await journal.append("r1", 1, said("b")) == Committed(version=2)
    await journal.close()
    assert verify_file(tmp_path / "journal.db") == []


async def test_a_log_that_cannot_be_moved_at_the_end_is_told_and_everything_is_there(
    tmp_path: Path, broken: Disk
) -> None:
    journal = on(tmp_path)
    await journal.append("r1", 0, said("a"))
    broken.fail = {"write-main": apsw.IOError}
    await journal.close()
    assert journal.trouble.startswith("the log could not be moved into the file: ")
    broken.fail = {}
    journal = on(tmp_path)
    assert await journal.append("r1", 1, said("b")) == Committed(version=2)
    await journal.close()
    assert journal.trouble == ""


async def test_on_a_full_disk_runs_can_be_parked_and_nothing_starts_until_there_is_room(
    tmp_path: Path, broken: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 8 * ballast.SIZE  # not yet ample
    monkeypatch.setattr(ballast.shutil, "disk_usage", lambda _path: SimpleNamespace(free=room))
    journal = on(tmp_path)
    reserve = tmp_path / "journal.db.ballast"
    assert reserve.stat().st_size == ballast.SIZE
    await journal.append("r1", 0, NEW_WORK)
    broken.fail = {"write-wal": apsw.FullError}
    with pytest.raises(JournalFailed):
        await journal.append("r1", 1, NEW_WORK)
    assert not reserve.exists()
    broken.fail = {}  # the reserve's room
    with pytest.raises(JournalFailed, match="disk is full"):
        await journal.append("r1", 1, NEW_WORK)
    assert await journal.append("r1", 1, PARK) == Committed(version=2)
    with pytest.raises(JournalFailed, match="disk is full"):
        await journal.append("r1", 2, NEW_WORK)
    room += 1
    assert await journal.append("r1", 2, NEW_WORK) == Committed(version=3)
    assert reserve.exists()
    await journal.close()


async def test_without_room_for_a_reserve_the_journal_still_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(ballast.os, "fsync", refuse)
    journal = SqliteJournal(tmp_path / "journal.db", prefill=False)
    assert not (tmp_path / "journal.db.ballast").exists()
    assert await journal.append("r1", 0, NEW_WORK) == Committed(version=1)
    await journal.close()


async def test_a_log_that_cannot_be_moved_into_the_file_stops_nothing(tmp_path: Path, broken: Disk) -> None:
    journal = on(tmp_path)
    broken.fail = {"write-main": apsw.IOError}
    version = 0
    while not journal.trouble:
        answer = await journal.append("r1", version, said("x" * 30_000))
        assert answer == Committed(version=version + 1)
        version += 1
        await asyncio.sleep(0)
    assert "could not be moved" in journal.trouble
    broken.fail = {}
    assert await journal.append("r1", version, said("y")) == Committed(version=version + 1)
    await journal.close()
    assert verify_file(tmp_path / "journal.db") == []


async def test_a_file_that_cannot_be_read_is_told_as_such(tmp_path: Path, broken: Disk) -> None:
    journal = on(tmp_path)
    await journal.append("r1", 0, said(*["x" * 9_000] * 900))
    await journal.close()
    journal = on(tmp_path)
    broken.fail = {"read-main": apsw.IOError}
    with pytest.raises(JournalFailed, match="cannot be read"):
        await journal.read("r1")
    broken.fail = {"read-main": apsw.CorruptError}
    with pytest.raises(JournalCorrupt, match="damaged"):
        await journal.read("r1")
    broken.fail = {}
    assert len(await journal.read("r1")) == 900
    await journal.close()


async def test_a_disk_that_fails_at_opening_leaves_no_lock_behind(tmp_path: Path, broken: Disk) -> None:
    broken.fail = {"write-main": apsw.IOError}
    with pytest.raises(JournalFailed, match="cannot be opened: write of the main failed on demand"):
        on(tmp_path)
    broken.fail = {}
    journal = on(tmp_path)
    assert await journal.append("r1", 0, said("a")) == Committed(version=1)
    await journal.close()


def test_a_reserve_is_given_up_and_taken_back_as_often_as_it_must(tmp_path: Path) -> None:
    reserve = ballast.Ballast(tmp_path / "journal.db")
    assert reserve.path.stat().st_size == ballast.SIZE and not reserve.spent and reserve.admits([plan_requested()])
    before = reserve.path.read_bytes()
    assert ballast.Ballast(tmp_path / "journal.db").path.read_bytes() == before  # one that is there is kept
    for _ in range(2):
        reserve.release()
        reserve.release()
        assert reserve.spent and not reserve.path.exists()
        assert not reserve.admits([*said("a"), plan_requested()]) and reserve.admits(said("a"))
        reserve.recover()
        assert not reserve.spent and reserve.path.stat().st_size == ballast.SIZE
    reserve.path.write_bytes(b"short")
    assert ballast.Ballast(tmp_path / "journal.db").path.stat().st_size == ballast.SIZE


def plan_requested() -> PlanRequested:
    return PlanRequested(at=AT, planner="rules", attempt=1)


async def test_tombstones_that_cannot_be_written_leave_every_word_where_it_was(tmp_path: Path, broken: Disk) -> None:
    journal = on(tmp_path)
    await journal.append("r1", 0, said("a"))
    (before,) = await journal.read("r1")
    stones = {"r1": [tombstone(before.body, said("a")[0])]}
    broken.fail = {"write-wal": apsw.IOError}
    with pytest.raises(JournalFailed, match="the tombstones could not be written"):
        await journal.retire(stones)
    broken.fail = {}
    assert await journal.read("r1") == [before]
    assert await journal.append("r1", 1, said("b")) == Committed(version=2)
    await journal.retire(stones)
    assert [one.body for one in await journal.read("r1")][:1] == stones["r1"]
    await journal.close()
