"""What lies in the file, row by row, and what a reader, the check and a copy say of it: a page of the whole."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from tests.contract.journals import AT, card, claiming, closed, row, said
from tests.said import Tell

from cuga.errors import JournalFailed, NotFound
from cuga.journal.checkpoint import Kept
from cuga.journal.codec import PLAIN
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Index, Journal, ReadJournal
from cuga.journal.sqlite import ReadOnly, SqliteJournal, back_up, restore, verify_file
from cuga.journal.sqlite.connect import open_reader, open_writer
from cuga.journal.tombstone import sum_of, tombstone
from cuga.journal.tree import Tree, leaf_of
from cuga.model.context import Principal
from cuga.model.event import RunStarted, Status, ToolCallComplete
from cuga.model.house_event import HouseOpened, RestoredFrom, RunsRetired
from cuga.model.outcome import BlobRef
from cuga.model.value import digest_bytes

LARGE = b'"' + b"x" * 20_000 + b'"'
RULES = b"the rules"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with a row of each kind, closed: one file."""
    path = tmp_path_factory.mktemp("made") / "journal.db"
    asyncio.run(write(path))
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copy(made, tmp_path / "journal.db")


async def write(path: Path) -> None:
    journal = SqliteJournal(path, prefill=False)
    await fill(journal)
    await journal.close()


def later(index: Index, minutes: int) -> Index:
    """The same run, as it stands so many minutes later."""
    assert index.run is not None
    updated = AT + timedelta(minutes=minutes)
    return msgspec.structs.replace(index, run=msgspec.structs.replace(index.run, updated_at=updated))


async def fill(journal: Journal) -> None:
    """Something of each kind."""
    await journal.keep_snapshot(RULES)
    begun = RunStarted(
        at=AT, goal="win", profile="smb", policy_digest=digest_bytes(RULES), tenant="local",
        requester=Principal(id="ada"), trace_id="t",
    )  # fmt: skip
    await journal.append("r1", 0, [begun, *claiming(("day", 2, 9), ("send", 1, 1))], index=row(wakes=5))
    blob = BlobRef(digest=digest_bytes(LARGE), size=len(LARGE))
    done = ToolCallComplete(at=AT, step="s1", attempt=1, result=msgspec.Raw(b"null"), blob=blob)
    await journal.append("r1", 2, [done, *said("b")], blobs=[LARGE], index=later(row(Status.SUCCESS), 1))
    for version, text in enumerate("abc"):
        await journal.append("r2", version, said(text), index=later(row(Status.PARKED, tenant="other"), version))
    await journal.append("r2", 3, claiming(("day", -1, 9)), index=card("a1", "r2"))
    await journal.append("r2", 4, said("d"), index=card("a2", "r2", minutes=3, tenant="other"))
    await journal.append("r2", 5, said("e"), index=closed("a1"))
    await journal.append("r3", 0, said("f"), index=Index())
    await journal.append("house/local", 0, [HouseOpened(at=AT, tenant="local", owner="ada")])
    for number, minutes, wakes in ((4, 3, 6), (5, 1, 5), (6, 1, 5), (7, 2, None)):
        status = Status.PARKED if wakes else Status.RUNNING
        asks = card(f"a{number}", f"r{number}", minutes=9 - number, tenant="other").approvals
        index = row(status, minutes=minutes, tenant="other", wakes=wakes)
        await journal.append(f"r{number}", 0, said("g"), index=msgspec.structs.replace(index, approvals=asks))
    leaves = [leaf_of(*link) for link in await journal.links()]
    for size in (1, 3):
        tree = Tree()
        for leaf in leaves[:size]:
            tree.add(leaf)
        await journal.keep_checkpoint(Kept(size=size, position=size + 1, note=b"a note", peaks=tuple(tree.peaks)))


def tables(path: Path, tell: Tell) -> None:
    """Every row of every table."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    for (name,) in connection.execute("select name from sqlite_schema where type = 'table' order by name").fetchall():
        tell(f"> {name}")
        for values in connection.execute(f"select * from {name}"):
            tell(" | ".join(map(shown, values)))
    for pragma in ("application_id", "journal_mode"):
        tell(f"{pragma}: {connection.execute(f'pragma {pragma}').fetchall()[0][0]}")
    connection.close()


def shown(value: Any) -> str:
    if not isinstance(value, bytes):
        return repr(value)
    return value.hex() if len(value) == 32 else value.decode("utf-8", "replace")


def test_what_lies_in_the_file_row_by_row(path: Path, tell: Tell) -> None:
    tables(path, tell)


async def answers(book: ReadJournal) -> AsyncIterator[tuple[str, Any]]:
    """Everything that a book of `fill` can be asked, and what it says."""
    for stream in ("r1", "r2", "r3", "none"):
        yield f"{stream}, version {await book.version(stream)}", [one.seq for one in await book.read(stream)]
    for after in (0, 1, 2, 5, 6, 9):
        found = await book.read("r2", after=after)
        yield f"r2 after {after}", " ".join(f"{one.position}:{one.seq}:{one.hash.hex()[:8]}" for one in found)
    for after in (0, 1, 3, 4, 11, 12):
        yield f"feed after {after}", [one.position async for one in book.feed(after)]
        yield f"links after {after}", " ".join(f"{at}:{link.hex()[:8]}" for at, link in await book.links(after))
        yield "two of them", [at for at, _ in await book.links(after, 2)]
    for tenant in ("local", "other"):
        yield f"runs of {tenant}", await book.runs(tenant=tenant)
        yield "approvals", await book.open_approvals(tenant=tenant)
    for status in Status:
        yield f"{status.value}", [one.run_id for one in await book.runs(tenant="other", status=status)]
    yield "before r5", [one.run_id for one in await book.runs(tenant="other", before="r5")]
    yield "before none", [one.run_id for one in await book.runs(tenant="other", before="none", limit=2)]
    yield "unfinished", [await book.unfinished(), await book.unfinished(1)]
    yield "due", [[await book.due(AT + timedelta(minutes=at)), await book.due(AT + timedelta(minutes=at), 1)]
                  for at in (4, 5, 6, 9)]  # fmt: skip
    yield "next", [await book.next_wake()]
    after_a2 = await book.open_approvals(tenant="other", after="a2")
    yield (
        "cards after a2",
        [[one.approval_id for one in after_a2], len(await book.open_approvals(tenant="other", limit=1))],
    )
    yield "used", [await book.used(scope) for scope in ("day", "send", "none")]
    yield "found", [await book.find_approval("a1"), await book.find_trace("t", tenant="local"),
                    await book.find_trace("t", tenant="other")]  # fmt: skip
    yield "blobs", [len(await book.blob(digest_bytes(body))) for body in (RULES, LARGE)]
    yield "checkpoints", [await book.checkpoint(), *[await book.checkpoint(size) for size in (0, 1, 2, 3)]]


async def test_what_a_book_says_of_itself_wherever_it_lies(path: Path, tell: Tell) -> None:
    book, memory = ReadOnly(path), MemoryJournal()
    await fill(memory)
    said_by_memory = [one async for one in answers(memory)]
    said_by_file = [one async for one in answers(book)]
    assert said_by_file == said_by_memory
    for about, value in said_by_file:
        tell(value, about)
    tell(f"epoch {book.epoch}")
    for of in (book, memory):
        for wish in (of.blob("0" * 64), of.find_approval("a9"), of.find_trace("u", tenant="local")):
            with pytest.raises(NotFound):
                await wish
    await book.close()


def test_a_copy_that_is_put_back_says_so_and_is_whole(path: Path, tell: Tell) -> None:
    copy = path.with_name("copy.db")
    backed = back_up(path, copy)
    tell([backed.position, backed.hash, Path(backed.path).name], "copied")
    restored = restore(
        copy,
        path,
        lambda copied: ("house/local", RestoredFrom(at=AT, backup=copied.hash, position=copied.position)),
    )
    tell([restored.position, restored.epoch, Path(restored.aside).name], "restored")
    tables(path, tell)
    assert verify_file(path) == verify_file(copy) == []
    tell(restore(None, path, None).epoch, "epoch")
    assert sorted(one.name for one in path.parent.iterdir()) == [
        "copy.db", "journal.db", "journal.db.before-restore-1", "journal.db.before-restore-2",
        "journal.db.lock",
    ]  # fmt: skip


SPOILT = {
    "an event of r2": "update journal set events = cast(replace(events, 'b', 'c') as blob) where id = 6",
    "bytes that are text": "update journal set events = 'text' where id = 6",
    "a hash": "update journal set hash = zeroblob(32) where id = 4",
    "a version": "update journal set version = 9 where id = 6",
    "an expected version": "update journal set expected = 7 where id = 6",
    "a row": "delete from journal where id = 6",
    "the last row of r1": "delete from journal where id = 4",
    "all rows of r2": "delete from journal where run = 2",
    "all rows of a stream without a name": "delete from journal where run = 2; delete from stream where name = 'r2'",
    "an event that is none": "update journal set events = cast('[{\"claims\":1}]' as blob) where id = 8",
    "a stream": "delete from stream where name = 'r2'",
    "a scope": "update scope set used = 7 where name = 'day'",
    "a scope more": "insert into scope values ('ghost', 4)",
    "scopes": "delete from scope",
    "a blob": "update blob set body = cast('y' as blob) where length(body) > 100",
    "blobs": "delete from blob",
    "two rows": "update journal set id = 100 where id = 5",
    "a table": "create table more (x)",
    "a migration": "update migration set digest = 'x' where number = 1",
    "migrations": "delete from migration where number > 1",
    "peaks": "update checkpoint set peaks = zeroblob(64) where size = 3",
    "a checkpoint": "insert into checkpoint values (4, 6, 'note', zeroblob(32))",
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_spoilt_is_named(path: Path, tell: Tell, what: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(SPOILT[what])
    connection.close()
    faults = verify_file(path)
    assert faults
    for fault in faults:
        tell(f"{fault.kind} at {fault.where}: {fault.detail}")


async def test_words_that_were_blanked_are_a_fault_unless_the_house_says_so(path: Path, tell: Tell) -> None:
    journal = SqliteJournal(path, prefill=False)
    bodies = {
        run: [tombstone(one.body, PLAIN.decode(one.body)) for one in await journal.read(run)] for run in ("r1", "r2")
    }
    await journal.append("r2", 6, said("since then"))
    await journal.retire(bodies, [digest_bytes(LARGE)])
    for fault in await journal.verify():
        tell(f"{fault.kind} at {fault.where}: {fault.detail}")
    for before, (run, left) in enumerate(bodies.items(), 1):
        await journal.append("house/local", before, [RunsRetired(at=AT, before=AT, runs={run: sum_of(left)})])
    assert await journal.verify() == []
    assert [one.body for one in await journal.read("r2")] == [*bodies["r2"], *map(PLAIN.encode, said("since then"))]
    listed = [one.row for tenant in ("local", "other") for one in await journal.runs(tenant=tenant)]
    tell([[one.goal, one.reason] for one in listed], "runs")
    await journal.close()


PRAGMAS = (
    "application_id", "journal_mode", "synchronous", "wal_autocheckpoint", "fullfsync", "checkpoint_fullfsync",
    "cache_size", "temp_store", "query_only", "busy_timeout",
)  # fmt: skip


def test_what_each_connection_is_set_to(tmp_path: Path, tell: Tell) -> None:
    for name, connection in {
        "full": open_writer(tmp_path / "a.db", "full"),
        "process": open_writer(tmp_path / "b.db", "process"),
        "filled": open_writer(tmp_path / "c.db", "full", prefill=True),
        "reader": open_reader(tmp_path / "a.db"),
    }.items():
        tell({pragma: connection.execute(f"pragma {pragma}").fetchall()[0][0] for pragma in PRAGMAS}, name)
        if name != "reader":
            tell(connection.execute("select name, value from fact order by name").fetchall(), "facts")
            log = Path(f"{connection.filename}-wal")
            tell(log.stat().st_size > 1_000 * 4_096, "the log is grown")
        connection.close()
    with pytest.raises(apsw.ReadOnlyError):
        open_reader(tmp_path / "a.db").execute("delete from fact")
    other = apsw.Connection(str(tmp_path / "other.db"))
    other.execute("create table x (y)")
    other.close()
    newer = apsw.Connection(str(tmp_path / "b.db"))
    newer.execute("insert into migration values (9, 'later', 'd')")
    newer.close()
    for opening in (
        lambda: open_writer(tmp_path / "other.db", "full"),
        lambda: open_writer(tmp_path / "b.db", "full"),
        lambda: open_writer(tmp_path / "no" / "a.db", "full"),
        lambda: open_reader(tmp_path / "other.db"),
        lambda: open_reader(tmp_path / "none.db"),
    ):
        with pytest.raises(JournalFailed):
            opening()
    with pytest.raises(JournalFailed):
        SqliteJournal(tmp_path / "a.db", durability="hopeful")


async def test_many_rows_of_one_commit_are_all_there_and_each_once(tmp_path: Path) -> None:
    """More than any one statement stores at once, and a rest for each of the smaller ones."""
    journal = SqliteJournal(tmp_path / "journal.db", prefill=False)
    count = 500 + 120 + 30 + 9 + 3 + 2
    taken = [claiming((f"s{n}", n + 1, 9_999)) for n in range(count)]
    await asyncio.gather(*(journal.append(f"r{n}", 0, taken[n], index=row()) for n in range(count)))
    assert journal.commits < 60 and journal.times.appends == count and journal.trouble == ""
    assert 0 < journal.times.seconds < 60
    assert [await journal.used(f"s{n}") for n in range(count)] == list(range(1, count + 1))
    assert [one.position for n in range(count) for one in await journal.read(f"r{n}")] == list(range(1, count + 1))
    assert await journal.verify() == []
    assert [len(await journal.runs(tenant="local", **some)) for some in ({"limit": 2_000}, {}, {"limit": 3})] == [
        count, 50, 3,
    ]  # fmt: skip
    await journal.close()
    await journal.close()
    for wish in (journal.append("r1", 1, said("x")), journal.keep_snapshot(b"x")):
        with pytest.raises(JournalFailed):
            await wish
