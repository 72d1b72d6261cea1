"""Fault drills in their short form, and the bugs of the storage that they must notice. The soak has the long form."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

import apsw
import msgspec
import pytest
from tests.contract import test_journal as contract
from tests.contract.journals import AT, claiming, said, sqlite

from cuga.errors import HouseBusy, JournalFailed
from cuga.journal.codec import events_of
from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Index, Unknown
from cuga.journal.sqlite import SqliteJournal, verify_file
from cuga.journal.tombstone import tombstone
from cuga.model.event import Annotation
from cuga.privacy import ERASED, Finder, KeyFile, KeyRing, Person, Sealing
from cuga.projections.projection import Mark
from cuga.projections.views import ViewsFile
from cuga.testing import mutants
from cuga.testing.drills import Tally, anchors, book, cuts, growth, houses, rot, starve
from cuga.testing.drills.disk import disk
from cuga.testing.loop import JumpingLoop

Drill = Callable[[Path, int, int], Tally]
DRILLS: dict[str, tuple[Drill, int, int]] = {  # name -> drill, trials in the suite, trials of the soak
    "a log that is cut or garbled": (cuts.drill, 150, 5_000),
    "a bit that turns over": (rot.drill, 100, 2_000),
    "a disk that fails at any operation": (starve.drill, 70, 3_100),
    "an anchor while the power goes": (anchors.drill, 1, 1),
    "a clock that is set by hours": (houses.clocks, 40, 2_000),
    "a disk that fails under a house at work": (houses.disks, 8, 600),
    "deaths, alone and in pairs": (houses.deaths, 9, 3_000),
    "memory while a journal grows": (growth.drill, 60_000, 1_000_000),
}

LAST_KINDS = frozenset(
    {
        "annotation", "approval_received", "approval_requested", "budget_raised", "budget_warning", "cancel_requested",
        "list_closed", "plan_requested", "run_finished", "run_parked", "step_skipped", "taken_over",
        "tool_call_complete", "tool_call_error", "tool_call_start",
    }
)  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is one: what a drill does to a disk it does to its own."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="drill-", dir="/dev/shm") as made:
        yield Path(made)


@pytest.mark.simulation
@pytest.mark.parametrize("name", DRILLS)
def test_a_drill_finds_no_fault(name: str, base: Path) -> None:
    drill, few, _ = DRILLS[name]
    tally = drill(base, few, 1)
    assert tally.faults == []
    assert tally.trials >= (1 if drill is growth.drill else few)


@pytest.mark.soak
@pytest.mark.parametrize("name", DRILLS)
def test_a_long_drill_finds_no_fault(name: str, base: Path) -> None:
    drill, _, many = DRILLS[name]
    tally = drill(base, many, 2)
    print(tally.words())
    assert tally.faults == []


@pytest.mark.soak
def test_every_kind_that_can_be_the_last_of_an_append_was_the_last_before_a_death() -> None:
    found = houses.sweep_deaths(3_000, 3)
    assert found.tally.faults == []
    assert found.kinds.keys() >= LAST_KINDS


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(12))
def test_no_pair_of_deaths_breaks_a_promise(seed: int) -> None:
    found = houses.all_pairs(seed)
    print(found.tally.words())
    assert found.tally.faults == []


def test_a_drill_says_what_it_did(tmp_path: Path) -> None:
    words = cuts.drill(tmp_path, 3, 7).words()
    assert re.match(r"torn logs: 3 trials in \d+\.\d s, 0 faults; ", words)


# --- what each bug of the storage is noticed by -----------------------------------------------------------------------
def by(drill: Drill, count: int) -> Callable[[Path], bool]:
    """A drill of so many trials finds a fault."""

    def noticed(base: Path) -> bool:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Tally, "MOST", 1)
            return bool(drill(base, count, 1).faults)

    return noticed


def breaks(promise: Callable[[Any], Any]) -> Callable[[Path], bool]:
    """A test of the journal's contract fails."""

    async def hold(base: Path) -> None:
        journal = SqliteJournal(base / "journal.db", prefill=False)
        try:
            await promise(journal)
        finally:
            await journal.close()

    def noticed(base: Path) -> bool:
        try:
            asyncio.run(hold(base))
        except (AssertionError, ValueError):
            return True
        return False

    return noticed


def secrets_show(base: Path) -> bool:
    try:
        asyncio.run(contract.test_known_secrets_are_gone_before_anything_is_hashed(sqlite, base))
    except AssertionError:
        return True
    return False


def two_write(base: Path) -> bool:
    first = SqliteJournal(base / "journal.db", prefill=False)
    try:
        asyncio.run(SqliteJournal(base / "journal.db", prefill=False).close())
    except HouseBusy:
        return False
    finally:
        asyncio.run(first.close())
    return True


SECRET = "the heron of pier 7431"


async def retire(base: Path) -> None:
    journal = SqliteJournal(base / "journal.db", prefill=False)
    await journal.append("r1", 0, [book.started("r1"), *said(SECRET * 500)], index=Index(run=book.row("r1")))
    await journal.keep_snapshot(book.RULES)
    stored = await journal.read("r1")
    await journal.retire(
        {"r1": [tombstone(*pair) for pair in zip((s.body for s in stored), events_of(stored), strict=True)]}
    )
    await journal.close()


def words_stay(base: Path) -> bool:
    asyncio.run(retire(base))
    return any(SECRET.encode() in file.read_bytes() for file in base.iterdir())


def nobody_names_a_tombstone(base: Path) -> bool:
    asyncio.run(retire(base))
    return "edited" not in [fault.kind for fault in verify_file(base / "journal.db")]


def claims_differ_unseen(base: Path) -> bool:
    written = book.write(base / "book", 1)
    directory = book.copy_of(written, base / "spoilt", with_log=False)
    connection = starve.SqliteJournal(directory / book.JOURNAL, prefill=False)
    connection._writer._run("update scope set used = used + 1 where name = 'day'")
    asyncio.run(connection.close())
    return book.named_by_the_house(directory) == ""


DANA = Person("contact/P1", "P1", "Dana Reyes", ("dana@acme.example",))


def sealing(shelf: KeyFile) -> Sealing:
    return Sealing(KeyRing(shelf), Finder(lambda: (DANA,), lambda: (DANA,)), frozenset, frozenset)


def a_name_lies_in_clear(base: Path) -> bool:
    async def work() -> None:
        journal = SqliteJournal(base / "journal.db", prefill=False, personal=sealing(KeyFile(None)))
        named = msgspec.structs.replace(book.started("r1"), goal="Win Dana Reyes")
        line = msgspec.structs.replace(book.row("r1"), goal="Win Dana Reyes", reason="Dana Reyes waits")
        await journal.append("r1", 0, [named], index=Index(run=line))
        await journal.close()

    asyncio.run(work())
    return any(b"Dana" in file.read_bytes() for file in base.glob("journal.db*"))


def an_erased_name_is_read(base: Path) -> bool:
    seal = sealing(KeyFile(None))
    journal = MemoryJournal(personal=seal)

    async def work() -> str:
        await journal.append("r1", 0, [Annotation(at=AT, text="Dana Reyes said so")])
        await journal.read("r1")
        seal.ring.destroy([seal.ring.id_of("contact/P1")])
        seal.forget()
        return (await journal.read("r1"))[0].readable.decode()

    return ERASED not in asyncio.run(work())


def a_spoilt_view_is_shown(base: Path) -> bool:
    path, mark = base / "views.db", Mark(position=1, hash=b"h")
    views = ViewsFile(path)
    before = views.begin("fold", 1)
    views.save("fold", before, mark, {"key": b'"a row of this fold"'})
    views.close()
    path.write_bytes(path.read_bytes().replace(b"a row of this fold", b"a row of that fold"))
    views = ViewsFile(path)
    try:
        return views.read("fold", "key") == b'"a row of that fold"'
    except Exception as error:
        return type(error).__name__ != "ViewsLost"
    finally:
        views.close()


NOTICED: dict[str, Callable[[Path], bool]] = {
    **dict.fromkeys(
        (
            "a_failed_commit_is_called_stored",
            "an_unsure_commit_is_called_failed",
            "answered_before_it_is_committed",
            "blobs_come_after_their_events",
            "claims_come_after_their_events",
            "claims_outlive_a_failure",
            "heads_outlive_a_failure",
            "nothing_is_synced",
            "rows_come_after_their_events",
            "the_log_is_dropped_too_early",
            "what_was_behind_a_failure_is_written",
        ),
        by(starve.drill, 90),
    ),
    **dict.fromkeys(
        (
            "the_chain_forgets_its_stream",
            "the_chain_is_over_values",
            "the_start_asks_no_anchor",
            "the_tree_takes_leaves_for_nodes",
        ),
        by(cuts.drill, 12),
    ),
    **dict.fromkeys(
        (
            "a_blob_is_read_unchecked",
            "a_stream_is_read_unchecked",
            "decided_requests_stay_listed",
            "tables_are_not_looked_at",
        ),
        by(rot.drill, 100),
    ),
    **dict.fromkeys(("an_anchor_is_written_over_itself", "an_anchor_takes_its_place_unsynced"), by(anchors.drill, 1)),
    "a_destroyed_key_is_remembered": an_erased_name_is_read,
    "a_limit_is_not_looked_at": breaks(contract.test_a_claim_that_does_not_fit_is_refused_and_writes_nothing),
    "a_secret_is_hashed_before_it_is_hidden": secrets_show,
    "any_version_will_do": breaks(contract.test_an_append_on_another_version_is_a_conflict_and_writes_nothing),
    "anybody_may_blank_words": nobody_names_a_tombstone,
    "retired_words_stay_in_the_file": words_stay,
    "rows_hold_words_in_clear": a_name_lies_in_clear,
    "stored_views_are_believed": a_spoilt_view_is_shown,
    "taken_amounts_are_not_counted": claims_differ_unseen,
    "two_may_write": two_write,
}


def test_there_is_somebody_to_notice_every_bug() -> None:
    assert NOTICED.keys() == mutants.STORAGE.keys()
    assert len(NOTICED) >= 15


@pytest.mark.simulation
@pytest.mark.parametrize("name", sorted(NOTICED))
def test_a_bug_of_the_storage_is_noticed(name: str, base: Path) -> None:
    with mutants.planted(name):
        assert NOTICED[name](base), mutants.STORAGE[name].__doc__


OWN = {
    name for name, noticed in NOTICED.items() if noticed.__module__ == __name__ and noticed.__qualname__.count(".") == 0
}


@pytest.mark.parametrize("name", sorted(OWN))
def test_without_a_bug_nothing_is_noticed(name: str, base: Path) -> None:
    assert not NOTICED[name](base)


# --- what the drills found ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("seed", "deaths"), [(600_175, [(2, False)]), (600_170, [(5, False), (12, False)])])
def test_a_refused_wish_before_the_sweep_does_not_let_lost_calls_be_made_again(
    seed: int, deaths: list[tuple[int, bool]]
) -> None:
    found, loop = houses.Deaths(), JumpingLoop()
    found.die(loop, seed, deaths)
    loop.close()
    assert found.tally.faults == []


async def test_peaks_in_which_a_bit_has_turned_over_are_made_anew_from_the_record(base: Path) -> None:
    directory = base / "spoilt"

    def spoil() -> None:
        book.copy_of(book.write(base / "book", 1), directory, with_log=False)
        with closing(apsw.Connection(str(directory / book.JOURNAL))) as connection:
            (size, peaks), *_ = connection.execute("select size, peaks from checkpoint order by size desc")
            connection.execute(
                "update checkpoint set peaks = ? where size = ?", (bytes([peaks[0] ^ 4]) + peaks[1:], size)
            )

    await asyncio.to_thread(spoil)
    assert [fault.kind for fault in verify_file(directory / book.JOURNAL)] == ["edited"]
    journal = SqliteJournal(directory / book.JOURNAL, prefill=False)
    sealer = book.sealer_of(journal, directory)
    await sealer.open()
    await journal.append("r9", 0, said("on"))
    await sealer.seal()
    await sealer.settle()
    await journal.close()
    assert book.named_by_the_verifier(directory) == ""


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("delete from migration", "cannot be checked"),
        ("update journal set id = -1 where id = 1", "cannot be checked"),
        ("update stream set name = cast(x'ff' as text) where pk = 1", "cannot be checked"),
    ],
)
def test_the_verifier_stumbles_over_no_value(base: Path, statement: str, named: str) -> None:
    directory = book.copy_of(book.write(base / "book", 1), base / "spoilt", with_log=False)
    with closing(apsw.Connection(str(directory / book.JOURNAL))) as connection:
        connection.execute(statement)
    assert book.named_by_the_verifier(directory) == named
    assert book.named_by_the_house(directory) != ""


def test_a_table_that_is_not_as_it_was_made_is_named(base: Path) -> None:
    directory = book.copy_of(book.write(base / "book", 1), base / "spoilt", with_log=False)
    path = directory / book.JOURNAL
    path.write_bytes(
        path.read_bytes().replace(b"name text primary key,\n    used", b"name tezt primary key,\n    used")
    )
    (fault,) = verify_file(path)
    assert (fault.kind, fault.detail) == ("file_damaged", "not as it was made: scope")


async def test_a_file_that_cannot_be_closed_well_is_let_go_and_keeps_its_log(tmp_path: Path) -> None:
    with disk("closing") as bad:
        journal = SqliteJournal(tmp_path / "journal.db", vfs="closing", prefill=False)
        await journal.append("r1", 0, said("a"))
        bad.plan(bad.operations + 1, "error", lasting=True)
        await journal.close()
        assert "could not be moved" in journal.trouble
    journal = SqliteJournal(tmp_path / "journal.db", prefill=False)
    assert await journal.version("r1") == 1
    await journal.close()


WRITER = """
import asyncio, sys
from cuga.journal.sqlite import SqliteJournal
from tests.contract.journals import said

async def main():
    journal = SqliteJournal(sys.argv[1], prefill=False)
    for version in range(100_000):
        await journal.append("r1", version, said("a"))
        print(version + 1, flush=True)

asyncio.run(main())
"""


@pytest.mark.kills
def test_a_stopped_process_keeps_its_house_goes_on_when_it_may_and_leaves_it_when_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    paths = os.pathsep.join(one for one in sys.path if one)
    command = [sys.executable, "-c", WRITER, str(path)]
    writer = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    told = int(writer.stdout.readline())
    writer.send_signal(signal.SIGSTOP)
    with pytest.raises(HouseBusy, match=f"process {writer.pid} writes"):
        SqliteJournal(path, prefill=False)  # nobody takes over from who may go on any moment
    writer.send_signal(signal.SIGCONT)
    told = max(told, *(int(writer.stdout.readline()) for _ in range(50)))
    writer.send_signal(signal.SIGSTOP)
    writer.kill()
    told = max([told, *(int(line) for line in writer.communicate()[0].splitlines() if line)])
    journal = SqliteJournal(path, prefill=False)
    assert asyncio.run(journal.version("r1")) >= told
    asyncio.run(journal.close())
    assert verify_file(path) == []


# --- the instruments themselves ---------------------------------------------------------------------------------------
def test_the_power_takes_what_was_not_synced_and_nothing_else(tmp_path: Path) -> None:
    async def story(path: Path) -> None:
        journal = SqliteJournal(path, vfs="dark", prefill=False)
        for version in range(4):
            await journal.append("r1", version, claiming(("day", 1, 9)))
        bad.plan(bad.operations + 2, "power")
        with suppress(JournalFailed):
            assert isinstance(await journal.append("r1", 4, claiming(("day", 1, 9))), Unknown)
        await journal.close()

    with disk("dark") as bad:
        bad.watch()
        asyncio.run(story(tmp_path / "journal.db"))
        assert bad.is_dark
        bad.cut_the_power(Random(3))
    journal = SqliteJournal(tmp_path / "journal.db", prefill=False)
    assert asyncio.run(journal.version("r1")) == 4
    assert asyncio.run(journal.used("day")) == 4
    asyncio.run(journal.close())
