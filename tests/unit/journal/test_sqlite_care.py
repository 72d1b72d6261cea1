"""Is the file whole, copies of it, and claims counted again."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import apsw
import msgspec
import pytest
from tests.contract.journals import AT, claiming, row, said

from cuga.errors import BadInput, HouseBusy, JournalCorrupt, JournalFailed
from cuga.journal.codec import events_of
from cuga.journal.port import Committed
from cuga.journal.seal import Fault
from cuga.journal.sqlite import SqliteJournal, back_up, care, connect, restore, verify_file
from cuga.journal.sqlite.writer import Written
from cuga.journal.statements import migrations
from cuga.model.context import Principal
from cuga.model.event import Event, RunStarted, ToolCallComplete
from cuga.model.house_event import HouseOpened, RestoredFrom
from cuga.model.outcome import BlobRef
from cuga.model.value import digest_bytes

LARGE = b'"' + b"x" * 20_000 + b'"'
RULES = b"the rules"


def started() -> Event:
    return RunStarted(
        at=AT, goal="win", profile="smb", policy_digest=digest_bytes(RULES), tenant="local",
        requester=Principal(id="ada"), trace_id="t",
    )  # fmt: skip


def completed() -> Event:
    blob = BlobRef(digest=digest_bytes(LARGE), size=len(LARGE))
    return ToolCallComplete(at=AT, step="s1", attempt=1, result=msgspec.Raw(b"null"), blob=blob)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small journal with everything in it, closed."""
    path = tmp_path / "journal.db"

    async def write() -> None:
        journal = SqliteJournal(path, prefill=False)
        await journal.keep_snapshot(RULES)
        await journal.append("r1", 0, [started(), *claiming(("day", 2, 9))], index=row())
        await journal.append("r1", 2, [completed(), *said("b")], blobs=[LARGE], index=row())
        for version, text in enumerate("abc"):
            await journal.append("r2", version, said(text))
        await journal.append("r2", 3, claiming(("day", 1, 9), ("send", 1, 1)))
        assert await journal.verify() == []
        await journal.close()

    asyncio.run(write())
    return path


def spoil(path: Path, *statements: str) -> None:
    connection = apsw.Connection(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "kind", "where"),
    [
        ("update journal set events = cast(replace(events, 'b', 'c') as blob) where id = 6", "edited", "r2 #2"),
        ("update journal set events = replace(events, 'b', 'c') where id = 6", "edited", "r2 #2"),
        ("update journal set hash = 'text' where id = 6", "edited", "r2 #2"),
        ("update journal set events = cast('[ ' || substr(events, 2) as blob) where id = 6", "edited", "r2 #2"),
        ("update journal set version = 9 where id = 6", "edited", "r2 #2-9"),
        ("update journal set version = 'x' where id = 6", "edited", "r2 #2"),
        ("update journal set expected = 'x' where id = 6", "missing", "r2 #2"),
        ("update journal set hash = zeroblob(32) where id = 4", "edited", "r1 #3-4"),
        ("update journal set hash = zeroblob(32) where id = 6", "edited", "r2 #2"),
        ("delete from journal where id = 6", "missing", "r2 #2"),
        ("update journal set id = id + 100 where id = 6", "reordered", "r2 #2"),
        ("delete from journal where id = 4", "truncated", "r1 #3"),
        ("delete from stream where name = 'r2'", "missing", "position 5"),
        ("update stream set name = 'r3' where name = 'r2'", "edited", "r3 #1"),
        ("delete from blob where length(body) > 10000", "blob_missing", digest_bytes(LARGE)),
        ("delete from blob where length(body) < 10000", "snapshot_missing", digest_bytes(RULES)),
        ("update blob set body = zeroblob(20002) where length(body) > 10000", "blob_altered", digest_bytes(LARGE)),
        ("update scope set used = 7 where name = 'day'", "claims_differ", "day"),
        ("delete from scope where name = 'send'", "claims_differ", "send"),
        ("update journal set events = cast('[{\"claims\":1}]' as blob) where id = 8", "edited", "r2 #4"),
    ],
)
def test_the_first_fault_is_named_with_its_place(path: Path, statement: str, kind: str, where: str) -> None:
    spoil(path, statement)
    first = verify_file(path)[0]
    assert (first.kind, first.where) == (kind, where)
    assert first.detail


def test_events_in_another_order_and_unreadable_ones_are_told_apart(path: Path) -> None:
    spoil(
        path,
        "update journal set id = 1000 where id = 6",
        "update journal set id = 6 where id = 7",
        "update journal set id = 7 where id = 1000",
        "update journal set events = cast('[{\"claims\":1}]' as blob) where id = 8",
        "delete from journal where run = 1",
    )
    kinds = [fault.kind for fault in verify_file(path)]
    assert kinds == ["reordered", "unreadable", "truncated", "claims_differ", "claims_differ"]


async def test_a_copy_from_before_there_were_checkpoints_holds_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    with monkeypatch.context() as patch:
        patch.setattr(connect, "migrations", lambda: migrations()[:1])
        journal = SqliteJournal(path, prefill=False)
        await journal.append("r1", 0, claiming(("day", 1, 9)))
        await journal.close()
    assert verify_file(path) == []
    spoil(path, "update scope set used = 7 where name = 'day'")
    assert [fault.kind for fault in verify_file(path)] == ["claims_differ"]


def test_a_damaged_file_is_told_as_such(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[4096 * 2 :] = bytes(len(body) - 4096 * 2)
    path.write_bytes(body)
    assert [fault.kind for fault in verify_file(path)] == ["file_damaged"]


def test_no_flipped_bit_of_an_event_goes_unseen(path: Path) -> None:
    chance = random.Random(3)
    connection = apsw.Connection(str(path))
    rows = connection.execute("select id, events, hash from journal").fetchall()
    for _ in range(200):
        position, events, hash = chance.choice(rows)
        column, value = chance.choice([("events", events), ("hash", hash)])
        flipped = bytearray(value)
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        connection.execute(f"update journal set {column} = ? where id = ?", (bytes(flipped), position))
        faults = verify_file(path)
        assert any(fault.kind == "edited" for fault in faults)
        connection.execute(f"update journal set {column} = ? where id = ?", (value, position))
    assert verify_file(path) == []
    connection.close()


async def test_reading_a_spoilt_stream_raises_and_names_the_fault(path: Path) -> None:
    spoil(path, "update journal set events = cast('x' as blob) where id = 6")
    journal = SqliteJournal(path, prefill=False)
    with pytest.raises(JournalCorrupt, match="r2 #2: edited") as error:
        await journal.read("r2")
    assert isinstance(error.value.facts["fault"], Fault)
    assert len(await journal.read("r1")) == 4
    await journal.close()


# --- claims ----------------------------------------------------------------------------------------------------------
async def test_claims_counted_again_equal_what_was_kept(path: Path) -> None:
    journal = SqliteJournal(path, prefill=False)
    assert await journal.rebuild_claims() == {}
    assert (await journal.used("day"), await journal.used("send")) == (3, 1)
    await journal.close()


async def test_a_spoilt_ledger_is_put_right_from_the_events_while_appends_wait(path: Path) -> None:
    spoil(
        path,
        "update scope set used = 7 where name = 'day'",
        "insert into scope values ('ghost', 4)",
        "delete from scope where name = 'send'",
    )
    journal = SqliteJournal(path, prefill=False)
    queued = asyncio.gather(*(journal.append(stream, 0, claiming(("other", 1, 9))) for stream in ("r3", "r5")))
    await asyncio.sleep(0)
    counting = asyncio.create_task(journal.rebuild_claims())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(journal.append("r4", 0, claiming(("day", 6, 9))))
    assert await counting == {"day": (7, 3), "ghost": (4, 0), "send": (0, 1)}
    assert [*await queued, await waiting] == [Committed(version=1)] * 3
    assert (await journal.used("day"), await journal.used("other"), await journal.used("ghost")) == (9, 2, 0)
    assert await journal.verify() == []
    await journal.close()


async def test_a_count_that_cannot_be_made_leaves_the_ledger_as_it_was(path: Path) -> None:
    spoil(path, "update journal set events = cast('[{\"claims\":1}]' as blob) where id = 8")
    journal = SqliteJournal(path, prefill=False)
    with pytest.raises(Exception, match="cannot be read by this version"):
        await journal.rebuild_claims()
    assert await journal.used("day") == 3
    assert await journal.append("r3", 0, claiming(("day", 1, 9))) == Committed(version=1)
    await journal.close()


async def test_a_count_that_nobody_waits_for_any_more_ends_quietly(path: Path) -> None:
    journal = SqliteJournal(path, prefill=False)
    counting = asyncio.create_task(journal.rebuild_claims())
    await asyncio.sleep(0)
    counting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await counting
    assert await journal.append("r3", 0, claiming(("day", 1, 9))) == Committed(version=1)
    assert await journal.used("day") == 4
    await journal.close()


# --- copies ----------------------------------------------------------------------------------------------------------
async def test_a_copy_made_while_work_goes_on_is_one_moment_of_the_journal(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db", prefill=False)
    going, done = True, asyncio.Semaphore(0)

    async def work(stream: str) -> None:
        version = 0
        while going:
            answer = await journal.append(stream, version, claiming(("day", 1, 1 << 40)))
            version += 1
            assert answer == Committed(version=version)
            done.release()

    async def some_more() -> None:
        for _ in range(20):
            await done.acquire()

    workers = [asyncio.create_task(work(f"r{number}")) for number in range(5)]
    await some_more()
    copy = await journal.backup(tmp_path / "copy.db")
    while not done.locked():  # what was appended before the copy was complete
        await done.acquire()
    await some_more()
    going = False
    await asyncio.gather(*workers)
    assert verify_file(tmp_path / "copy.db") == []
    events = [event async for event in journal.feed()]
    assert 0 < copy.position < len(events)
    assert events[copy.position - 1].hash.hex() == copy.hash
    assert sorted(name for name in os.listdir(tmp_path) if name.startswith("copy")) == ["copy.db"]
    await journal.close()


def test_a_copy_of_an_empty_journal_can_be_made(tmp_path: Path) -> None:
    asyncio.run(SqliteJournal(tmp_path / "journal.db", prefill=False).close())
    copied = back_up(tmp_path / "journal.db", tmp_path / "copy.db")
    assert (copied.position, copied.hash) == (0, "0" * 64)


def test_a_copy_never_replaces_a_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(BadInput, match="exists"):
        back_up(path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"


def test_a_copy_that_fails_leaves_nothing_behind(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(care, "queries", lambda _file: {"last_append": "select nonsense"})
    with pytest.raises(JournalFailed, match="could not be made"):
        back_up(path, tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy*"))
    monkeypatch.undo()
    with pytest.raises(JournalFailed, match=r"could not be made: .*unable to open"):
        back_up(path, tmp_path / "no such place" / "copy.db")


def test_a_restored_journal_is_the_copy_in_a_new_epoch_and_the_old_file_is_kept(path: Path, tmp_path: Path) -> None:
    copy = back_up(path, tmp_path / "copy.db")

    async def go_on() -> None:
        journal = SqliteJournal(path, prefill=False)
        await journal.append("r9", 0, said("lost by the restore"))
        await journal.close()

    asyncio.run(go_on())
    first = restore(tmp_path / "copy.db", path)
    assert (first.position, first.epoch) == (copy.position, 2)
    assert verify_file(path) == []
    assert len(_events(path)) == copy.position
    assert len(_events(Path(first.aside))) == copy.position + 1
    second = restore(tmp_path / "copy.db", path)
    assert second.epoch == 3
    assert second.aside != first.aside


def _events(path: Path) -> list[object]:
    async def read() -> list[object]:
        journal = SqliteJournal(path, prefill=False)
        found: list[object] = [event async for event in journal.feed()]
        await journal.close()
        return found

    return asyncio.run(read())


def test_a_log_left_by_a_crash_goes_aside_with_its_file(path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    crashed = SqliteJournal(path, prefill=False)
    asyncio.run(crashed.append("r9", 0, said("only in the log")))
    kept = {name: (tmp_path / name).read_bytes() for name in ("journal.db", "journal.db-wal")}
    asyncio.run(crashed.close())
    for name, body in kept.items():
        (tmp_path / name).write_bytes(body)
    aside = Path(restore(tmp_path / "copy.db", path).aside)
    assert verify_file(path) == []
    assert len(_events(path)) == 8
    assert len(_events(aside)) == 9


def test_a_journal_that_cannot_be_opened_any_more_goes_aside_as_it_is(path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    path.write_bytes(b"rubbish" * 1000)
    (tmp_path / "journal.db-wal").write_bytes(b"log")
    restored = restore(tmp_path / "copy.db", path)
    assert (verify_file(path), restored.epoch) == ([], 2)
    assert Path(restored.aside).read_bytes() == b"rubbish" * 1000
    assert Path(f"{restored.aside}-wal").read_bytes() == b"log"


def test_a_copy_can_be_restored_where_no_journal_is(path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "journal.db.restoring").write_text("left by an interrupted restore")
    assert restore(tmp_path / "copy.db", tmp_path / "new" / "journal.db").aside == ""
    assert verify_file(tmp_path / "new" / "journal.db") == []


def test_a_damaged_copy_is_refused_and_an_open_journal_is_left_alone(path: Path, tmp_path: Path) -> None:
    back_up(path, tmp_path / "copy.db")
    journal = SqliteJournal(path, prefill=False)
    with pytest.raises(HouseBusy):
        restore(tmp_path / "copy.db", path)
    asyncio.run(journal.close())
    spoil(tmp_path / "copy.db", "delete from journal where id = 6")
    with pytest.raises(JournalCorrupt, match="missing at r2 #2"):
        restore(tmp_path / "copy.db", path)
    assert verify_file(path) == []


def test_a_copy_says_what_it_is_before_it_takes_the_place_of_the_journal(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def open_house() -> None:
        journal = SqliteJournal(path, prefill=False)
        await journal.append("house/local", 0, [HouseOpened(at=AT, tenant="local", owner="ada")])
        await journal.close()

    asyncio.run(open_house())
    copy = back_up(path, tmp_path / "copy.db")
    mark = RestoredFrom(at=AT, backup="copy.db", position=copy.position)

    def die(_path: Path) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(care, "_set_aside", die)
    with pytest.raises(KeyboardInterrupt):
        restore(tmp_path / "copy.db", path, lambda copied: ("house/local", mark))
    half = path.with_name("journal.db.restoring")
    assert verify_file(half) == []

    async def house() -> tuple[Event, ...]:
        journal = SqliteJournal(half, prefill=False)
        found = events_of(await journal.read("house/local"))
        await journal.close()
        return tuple(found)

    assert asyncio.run(house())[-1] == mark
    monkeypatch.undo()
    restored = restore(tmp_path / "copy.db", path, lambda copied: ("house/local", mark))
    assert verify_file(path) == []
    assert restored.position == copy.position and len(_events(path)) == copy.position + 1


def test_a_copy_that_cannot_be_marked_is_not_put_back(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def open_house() -> None:
        journal = SqliteJournal(path, prefill=False)
        await journal.append("house/local", 0, [HouseOpened(at=AT, tenant="local", owner="ada")])
        await journal.close()

    asyncio.run(open_house())
    copy = back_up(path, tmp_path / "copy.db")
    mark = RestoredFrom(at=AT, backup="copy.db", position=copy.position)
    monkeypatch.setattr(care.Writer, "write", lambda _self, _batch: Written("failed", 0.0, OSError("no room")))
    with pytest.raises(JournalFailed, match="could not be marked"):
        restore(tmp_path / "copy.db", path, lambda copied: ("house/local", mark))
    assert len(_events(path)) == copy.position, "the journal in its place is the one from before"


def test_a_stream_that_the_copy_does_not_have_stays_away(path: Path, tmp_path: Path) -> None:
    copy = back_up(path, tmp_path / "copy.db")
    mark = RestoredFrom(at=AT, backup="copy.db", position=copy.position)
    restore(tmp_path / "copy.db", path, lambda copied: ("house/local", mark))
    assert verify_file(path) == [] and len(_events(path)) == copy.position
