"""A house moves into a database and back with every hash; its commands work there as they did on a file."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.contract.journals import card, claiming, row, said
from tests.machines.fleet import ROOT
from tests.postgres import database, fresh_database, fresh_schema

from cuga.errors import BadInput, JournalCorrupt, JournalFailed
from cuga.journal.port import Committed, Journal
from cuga.journal.postgres import Address, PostgresJournal, moving
from cuga.journal.postgres.moving import into_database, into_file
from cuga.journal.sqlite import SqliteJournal, verify_file
from cuga.model.event import Status
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.database import _move_keys
from cuga.orchestrator.house.place import make
from cuga.privacy import KeyFile, KeyRing
from cuga.privacy.shelf_postgres import KeyTables
from cuga.settings import Settings


async def filled(journal: Journal) -> None:
    await journal.append("house/local", 0, said("opened"), blobs=[b"large" * 10_000])
    for number in range(30):
        await journal.append(f"r{number}", 0, claiming(("day", 1, 100)), index=row(minutes=number))
        index = row(Status.PARKED, wakes=number, minutes=number)
        await journal.append(f"r{number}", 1, said("a", "nul \x00"), index=index)
    await journal.append("r1", 3, said("asks"), index=card("a1", "r1"))


async def everything(journal: Journal) -> list[object]:
    events = [event async for event in journal.feed()]
    listed = await journal.runs(tenant="local", limit=100)
    approvals = await journal.open_approvals(tenant="local")
    return [events, listed, approvals, await journal.used("day"), await journal.links(), await journal.next_wake()]


async def test_a_book_moves_into_a_database_and_back_with_every_hash(tmp_path: Path) -> None:
    path, address = tmp_path / "journal.db", Address.of(database(), fresh_schema())
    file = SqliteJournal(path, prefill=False)
    await filled(file)
    before = await everything(file)
    await file.close()
    journal = PostgresJournal(address)
    await journal.open()
    said_words: list[str] = []
    moved = into_database(path, address, said_words.append)
    assert (moved.streams, moved.events, moved.blobs, len(said_words)) == (31, 92, 1, 3)
    assert await everything(journal) == before
    assert await journal.append("r1", 4, said("goes on")) == Committed(version=5)
    assert await journal.append("new", 0, said("begins")) == Committed(version=1)
    after = await everything(journal)
    with pytest.raises(BadInput):
        into_database(path, address)
    into_file(address, tmp_path / "copy.db")
    assert await journal.append("r1", 5, said("a copy stops nobody")) == Committed(version=6)
    with pytest.raises(BadInput):
        into_file(address, tmp_path / "copy.db")
    back = SqliteJournal(tmp_path / "copy.db", prefill=False)
    assert await everything(back) == after
    await back.close()
    into_file(address, tmp_path / "moved.db", moving=True)
    with pytest.raises(JournalFailed, match="moved into a file"):
        await journal.append("r1", 6, said("too late"))
    await journal.close()
    assert verify_file(tmp_path / "moved.db") == []


async def test_a_book_of_many_pages_moves_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "PAGE", 7)
    journal = PostgresJournal(Address.of(database(), fresh_schema()))
    await filled(journal)
    before = await everything(journal)
    moved = into_file(journal.address, tmp_path / "journal.db")
    assert (moved.streams, moved.events) == (31, 92)
    await journal.close()
    file = SqliteJournal(tmp_path / "journal.db", prefill=False)
    assert await everything(file) == before
    await file.close()


async def test_a_database_that_cannot_take_a_book_keeps_nothing_of_it(tmp_path: Path) -> None:
    path, address = tmp_path / "journal.db", Address.of(database(), fresh_schema())
    file = SqliteJournal(path, prefill=False)
    await filled(file)
    await file.close()
    journal = PostgresJournal(address)
    await journal.open()
    with address.connect_now() as connection:
        connection.execute("alter table approval rename to approval_gone")
    with pytest.raises(JournalFailed, match="approval"):
        into_database(path, address)
    assert [event async for event in journal.feed()] == []
    with address.connect_now() as connection:
        connection.execute("alter table approval_gone rename to approval")
    assert into_database(path, address).events == 92
    await journal.close()


async def test_what_does_not_hold_is_not_moved(tmp_path: Path) -> None:
    import apsw

    path, address = tmp_path / "journal.db", Address.of(database(), fresh_schema())
    file = SqliteJournal(path, prefill=False)
    await filled(file)
    await file.close()
    connection = apsw.Connection(str(path))
    connection.execute("update journal set events = '[]' where id = 5")
    connection.close()
    journal = PostgresJournal(address)
    await journal.open()
    with pytest.raises(JournalCorrupt):
        into_database(path, address)
    assert [event async for event in journal.feed()] == []
    with address.connect_now() as open_one:
        open_one.execute("alter table fact rename to facts_gone")
    with pytest.raises(JournalFailed):
        into_file(address, tmp_path / "never.db")
    assert [name for name in os.listdir(tmp_path) if "never" in name] == []
    await journal.close()


def cuga(*words: str, house: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    told = {"CUGA_SEALS": str(house.parent / "seals"), "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "cuga.cli", *words, "--house", str(house)],
        env={name: value for name, value in os.environ.items() if not name.startswith("CUGA_")} | told | environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_house_works_on_a_database_as_it_did_on_a_file(tmp_path: Path) -> None:
    house = tmp_path / "house"
    secret = "hunter2secret"
    address = fresh_database().replace("postgres@", f"postgres:{secret}@")
    shown = address.replace(f":{secret}", "")
    for words in (("init", str(house), "--sample"), ("run", "Score Velkarin Foods")):
        done = cuga(*words, house=house)
        assert done.returncode == 0, done.stderr
    refused = cuga("runs", "--database", address, house=house)
    assert refused.returncode != 0 and "cuga migrate" in refused.stderr
    assert cuga("migrate", house=house).returncode == 2
    moved = cuga("migrate", house=house, CUGA_DATABASE=address)
    assert moved.returncode == 0 and "every hash holds" in moved.stdout, moved.stderr
    assert (house / "database").read_text().strip() == shown
    assert cuga("migrate", house=house, CUGA_DATABASE=address).returncode == 2
    ran = cuga("run", "Score Velkarin Foods", house=house)
    assert ran.returncode == 0, ran.stderr
    assert cuga("runs", house=house).stdout.count("Score Velkarin Foods") == 2
    doctor = cuga("doctor", house=house)
    assert shown in doctor.stdout and "queue" in doctor.stdout
    backup = cuga("backup", str(tmp_path / "backup.db"), house=house)
    assert backup.returncode == 0 and verify_file(tmp_path / "backup.db") == [], backup.stderr
    verified = cuga("verify", house=house)
    assert verified.returncode == 0 and "The journal holds" in verified.stdout, verified.stderr
    for words in (("restore", str(tmp_path / "backup.db")), ("restore", "--as-it-is")):
        kept = cuga(*words, house=house)
        assert kept.returncode == 2 and shown in kept.stderr and "cuga migrate --back" in kept.stderr, kept.stderr
        assert not (house / "journal.db").exists()
    back = cuga("migrate", "--back", house=house)
    assert back.returncode == 0 and not (house / "database").exists(), back.stderr
    assert cuga("runs", house=house).stdout.count("Score Velkarin Foods") == 2
    assert cuga("verify", house=house).returncode == 0
    worker = cuga("worker", house=house)
    assert worker.returncode == 2 and "cuga migrate" in worker.stderr
    for kept in house.rglob("*"):
        assert not kept.is_file() or secret.encode() not in kept.read_bytes()
    for done in (refused, moved, ran, doctor, backup, back):
        assert secret not in done.stdout + done.stderr


def test_a_book_that_was_changed_in_the_database_is_named_by_verify(tmp_path: Path) -> None:
    house, text = tmp_path / "house", fresh_database()
    assert cuga("init", str(house), "--sample", "--database", text, house=house).returncode == 0
    assert cuga("run", "Score Velkarin Foods", house=house).returncode == 0
    with Address.of(text).connect_now() as connection:
        connection.execute("update cuga.journal set hash = decode(repeat('ab', 32), 'hex') where expected = 0")
    changed = cuga("verify", house=house)
    assert changed.returncode == 9 and "edited" in changed.stdout, changed.stdout + changed.stderr
    assert not cuga("verify", "--json", house=house).stdout.count('"holds": true')
    away = cuga("verify", house=house, CUGA_DATABASE="postgresql://127.0.0.1:9/none")
    assert away.returncode and "cuga doctor" in away.stderr and "restore" not in away.stderr, away.stderr


def test_a_book_that_was_set_back_is_named_and_taken_as_it_is_by_way_of_a_file(tmp_path: Path) -> None:
    house, text, empty = tmp_path / "house", fresh_database(), fresh_database()
    older = f"{text.partition('?')[0]}_older?{text.partition('?')[2]}"
    assert cuga("init", str(house), "--sample", "--database", text, house=house).returncode == 0
    assert cuga("run", "Score Velkarin Foods", house=house).returncode == 0
    with psycopg.connect(database(), autocommit=True) as connection:
        name = text.partition("?")[0].rpartition("/")[2]
        connection.execute(f'create database "{name}_older" template "{name}"'.encode())
    assert cuga("run", "Score Velkarin Foods", house=house).returncode == 0
    (house / "database").write_text(f"{older}\n")
    assert cuga("runs", house=house).returncode == 9
    named = cuga("verify", house=house)
    assert named.returncode == 9 and "rolled_back" in named.stdout, named.stdout + named.stderr
    for words, code in (
        (("restore", "--as-it-is"), 2),
        (("migrate", "--back"), 0),
        (("restore", "--as-it-is"), 0),
        (("migrate", empty), 0),
        (("run", "Score Velkarin Foods"), 4),
        (("restore", "--acknowledge", "--reason", "looked at the outbox"), 0),
        (("run", "Score Velkarin Foods"), 0),
        (("verify",), 0),
    ):
        done = cuga(*words, house=house)
        assert done.returncode == code, (words, done.stdout, done.stderr)


async def test_a_house_that_somebody_works_on_is_not_moved_back(tmp_path: Path) -> None:
    """What its calls come to could not be written any more."""
    settings = Settings(database=fresh_database(), seals=tmp_path / "seals")
    house = make(tmp_path / "house").root
    async with Coordinator(house=house, settings=settings, user="ann", drives_all=True) as worker:
        await (await worker.open()).engine.sweep()
        refused = await asyncio.to_thread(cuga, "migrate", "--back", house=house)
        assert refused.returncode == 2 and "a process works on this house" in refused.stderr, refused.stderr
        assert "cuga worker" in refused.stderr and not (house / "journal.db").exists()
        assert await (await worker.open()).book.takes_appends()
    back = await asyncio.to_thread(cuga, "migrate", "--back", house=house)
    assert back.returncode == 0 and (house / "journal.db").exists(), back.stderr


def test_no_key_comes_under_an_id_while_it_is_being_erased() -> None:
    address, id = Address.of(database(), fresh_schema()), "c" * 24
    erasing, making = KeyTables(address.connect_now, "here"), KeyTables(address.connect_now, "there")
    erasing.drop_all()
    assert making.counts() == (0, 0)
    maker = threading.Thread(target=lambda: making.add([(id, b"k" * 64)]))

    def one_by_one() -> Iterator[str]:
        yield id
        maker.start()  # while what was erased so far is not committed
        maker.join(1.0)

    erasing.erase(one_by_one())
    maker.join(30)
    assert making.erased() == {id} and making.keys([id]) == {}
    for one in (erasing, making):
        one.close()


def test_the_keys_of_personal_data_move_with_the_book_and_leave_the_old_place(tmp_path: Path) -> None:
    schema = fresh_schema()
    file, tables = KeyFile(tmp_path / "subjects.db"), KeyTables(Address.of(database(), schema).connect_now, "here")
    tables.drop_all()
    ring = KeyRing(file)
    ring.make(["a" * 24, "b" * 24])
    ring.destroy(["b" * 24])
    key, word = ring.key("a" * 24), ring.keyed("somebody")
    _move_keys(file, tables)
    there = KeyRing(tables)
    assert (there.key("a" * 24), there.keyed("somebody"), there.is_erased("b" * 24)) == (key, word, True)
    assert key is not None and key not in (tmp_path / "subjects.db").read_bytes()
    assert there.destroy(["a" * 24]) == 1 and there.key("a" * 24) is None
    _move_keys(tables, file)
    assert KeyRing(file).is_erased("a" * 24) and KeyRing(file).keyed("somebody") == word
