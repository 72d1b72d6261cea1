"""Which appends share a commit, and on which thread it is made: told by the points that are passed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.contract.journals import card, closed, row, said

from cuga.journal.checkpoint import Kept
from cuga.journal.port import Committed, Conflict
from cuga.journal.sqlite import POINTS, SqliteJournal, binding, commit, writer
from cuga.model.event import Status

LOOP = threading.main_thread().name


class Watched:
    """A journal whose commits take as long as its clock is told, with what was passed and on which thread."""

    def __init__(self, path: Path) -> None:
        self.passed: list[str] = []
        self.threads: list[str] = []
        self.takes = 0.0  # seconds of a commit
        self.time = 0.0
        self.journal = SqliteJournal(path, on_point=self._pass, prefill=False)

    def _pass(self, point: str) -> None:
        self.passed.append(point)
        if point == "commit.begin":
            self.threads.append(threading.current_thread().name)
            self.time += self.takes

    async def turns(self, count: int = 3) -> None:
        """Let the loop come round."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def alone(self, stream: str, count: int) -> None:
        """So many appends, one after the other."""
        for _ in range(count):
            version = await self.journal.version(stream)
            assert await self.journal.append(stream, version, said("a")) == Committed(version=version + 1)
            await self.turns()

    async def together(self, streams: Sequence[str]) -> int:
        """An append to each of these in one turn of the loop, and how many commits that took."""
        before = self.journal.commits
        versions = {stream: await self.journal.version(stream) for stream in streams}
        wishes = []
        for stream in streams:
            wishes.append(self.journal.append(stream, versions[stream], said("a")))
            versions[stream] += 1
        assert all(isinstance(answer, Committed) for answer in await asyncio.gather(*wishes))
        await self.turns()
        return self.journal.commits - before


@pytest.fixture
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    monkeypatch.setattr(writer, "time", SimpleNamespace(perf_counter=lambda: made.time))
    made = Watched(tmp_path / "journal.db")
    yield made
    await made.journal.close()
    assert made.journal.trouble == ""


async def test_an_append_passes_every_point_once_and_in_order(watched: Watched) -> None:
    assert (watched.journal.commits, watched.journal.trouble) == (0, "")
    await watched.alone("r1", 1)
    assert tuple(watched.passed) == POINTS and watched.journal.commits == 1


async def test_appends_of_one_turn_share_a_commit_until_one_has_long_been_alone(watched: Watched) -> None:
    assert await watched.together("ab") == 1
    for before in (6, 7):  # the eighth commit in a row that was alone
        await watched.alone("a", before)
        assert await watched.together("ab") == 1
    for _ in range(9):
        assert await watched.together("ab") == 1, "those in company are not alone"


async def test_who_has_long_been_alone_does_not_wait_for_company_and_still_finds_it(watched: Watched) -> None:
    for _ in range(2):
        await watched.alone("a", 8)
        assert await watched.together("aaaaaaaaaa") == 4 + 1, "four at once, then others get their turn"
        await watched.alone("a", 8)
        assert await watched.together("abcdefghij") == 1 + 1, "the first is alone, the others are a group"


async def test_a_large_group_is_handed_to_the_thread_before_it_is_complete(watched: Watched) -> None:
    for count, commits in ((31, 1), (32, 1), (33, 2), (64, 2)):
        assert await watched.together([f"r{count}-{number}" for number in range(count)]) == commits
    thread = "cuga-journal"
    assert watched.threads == [thread, thread, thread, LOOP, thread, thread], "the one that is left over is alone"
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "cuga-journal"] == [True]


async def test_a_lone_append_goes_to_the_thread_while_the_disk_is_slow_and_comes_back(watched: Watched) -> None:
    def latest() -> str:
        return watched.threads[-1]

    watched.takes = 1e-3
    await watched.alone("r1", 2)
    assert latest() == LOOP, "one slow commit is an accident"
    await watched.alone("r1", 1)
    assert latest() == "cuga-journal"
    watched.takes = 10e-6
    await watched.alone("r1", 2)
    assert latest() == "cuga-journal"
    await watched.alone("r1", 1)
    assert latest() == LOOP
    watched.takes = 0.0
    await watched.journal.append("r2", 0, said("x" * commit.LONE_BYTES))
    assert latest() == "cuga-journal", "a large one would keep the loop"
    assert watched.journal.times.seconds == pytest.approx(3 * 1e-3 + 3 * 10e-6)


async def test_what_lies_beside_the_streams_is_kept_with_all_that_gathers(watched: Watched) -> None:
    journal = watched.journal
    kept = [Kept(size=size, position=size, note=b"n", peaks=(bytes(32),)) for size in (1, 2)]
    digests = await asyncio.gather(*(journal.keep_snapshot(body) for body in (b"one", b"two")))
    await asyncio.gather(*map(journal.keep_checkpoint, kept))
    await asyncio.gather(*(journal.append(f"r{n}", 0, said("a"), blobs=[b"blob %d" % n]) for n in (1, 2)))
    assert journal.commits == 3
    assert [await journal.blob(digest) for digest in digests] == [b"one", b"two"]
    assert [await journal.checkpoint(size) for size in (1, 2)] == kept
    for body in (b"blob 1", b"blob 2"):
        assert await journal.blob(binding.addressed([body]).popitem()[0]) == body


async def test_requests_that_open_and_close_in_one_group_are_each_there(watched: Watched) -> None:
    journal = watched.journal
    await asyncio.gather(*(journal.append(f"r{n}", 0, said("a"), index=card(f"a{n}", f"r{n}")) for n in (1, 2, 3)))
    assert [one.approval_id for one in await journal.open_approvals(tenant="local")] == ["a1", "a2", "a3"]
    await asyncio.gather(*(journal.append(f"r{n}", 1, said("b"), index=closed(f"a{n}")) for n in (1, 2)))
    assert [one.approval_id for one in await journal.open_approvals(tenant="local")] == ["a3"]
    assert journal.commits == 2


@pytest.mark.parametrize(
    "large",
    [
        lambda journal, n: journal.append(f"r{n}", 0, said("x" * 30_000)),
        lambda journal, n: journal.append(f"r{n}", 0, said("a"), blobs=[bytes([n]) * 30_000]),
        lambda journal, n: journal.keep_snapshot(bytes([n]) * 30_000),
    ],
)
async def test_the_door_is_closed_while_what_gathers_is_too_much(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, large: Callable[[SqliteJournal, int], object]
) -> None:
    monkeypatch.setattr(binding, "BATCH_BYTES", 100_000)
    sizes: list[int] = []
    right = watched.journal._writer.write
    monkeypatch.setattr(watched.journal._writer, "write", lambda batch: (sizes.append(batch.size), right(batch))[1])
    await asyncio.gather(*(large(watched.journal, n) for n in range(20)))  # type: ignore[call-overload]
    assert len(sizes) == 5 and all(100_000 < size < 4 * 31_000 for size in sizes)


async def test_no_more_appends_gather_than_a_transaction_is_to_have(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binding, "BATCH_APPENDS", 9)
    monkeypatch.setattr(watched.journal._commit, "_half", 1_000)
    assert await watched.together([f"r{number}" for number in range(40)]) == 4


async def test_while_one_half_is_stored_the_other_half_goes_on(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small group that is written at once would leave the thread, and then the loop, with nothing to do."""
    sizes: list[int] = []
    right = watched.journal._writer.write
    write = lambda batch: (sizes.append(len(batch.waiting)), right(batch))[1]  # noqa: E731
    monkeypatch.setattr(watched.journal._writer, "write", write)

    async def go_on(stream: str) -> None:
        for version in range(12):
            assert await watched.journal.append(stream, version, said("a")) == Committed(version=version + 1)

    await asyncio.gather(*(go_on(f"r{number}") for number in range(200)))
    assert sum(sizes) == 12 * 200 and all(80 <= size <= 120 for size in sizes[4:-3]), sizes


@pytest.mark.parametrize("count", [2, 8, 9, 32, 33, 129, 512, 513, 1_100])
async def test_a_group_of_any_size_is_stored_whole_and_in_order(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(watched.journal._commit, "_half", 10_000)
    names = [f"r{number:04}" for number in range(count)]
    assert await watched.together(names) == 1
    assert [event.stream async for event in watched.journal.feed()] == names
    assert await watched.journal.verify() == []


async def test_a_run_that_leaves_is_remembered_until_nothing_of_it_is_queued(watched: Watched) -> None:
    journal = watched.journal
    parked = row(Status.PARKED, wakes=5)
    for before in (0, 4, 8):
        wishes = [journal.append("r1", before + n, said("a"), index=parked) for n in range(4)]
        assert await asyncio.gather(*wishes) == [Committed(version=before + n) for n in range(1, 5)]
        assert journal._heads == {}
    wishes = [asyncio.create_task(journal.append("r1", 12 + n, said("a"), index=parked)) for n in range(40)]
    await watched.turns(1)  # the first of them are being written, the others wait
    assert await journal.append("r1", 52, said("b"), index=parked) == Committed(version=53)
    assert await asyncio.gather(*wishes) == [Committed(version=n) for n in range(13, 53)]
    assert journal._heads == {} and await journal.append("r1", 0, said("x")) == Conflict(version=53)
    assert await journal.verify() == []


async def test_two_who_need_the_file_for_themselves_come_in_turn_and_appends_after_them(watched: Watched) -> None:
    journal = watched.journal
    await watched.alone("r1", 2)
    await journal.append("r2", 0, said("b"), index=row())
    counting = asyncio.create_task(journal.rebuild_claims())
    retiring = asyncio.create_task(journal.retire({"r2": []}))
    await watched.turns(1)
    answer = await journal.append("r1", 2, said("c"))
    assert counting.done() and retiring.done() and answer == Committed(version=3)
    async with asyncio.timeout(20):
        await watched.alone("r1", 1)
    assert [one.row.goal for one in await journal.runs(tenant="local")] == ["[retained as a tombstone]"]
