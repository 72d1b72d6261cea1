# ruff: noqa: ASYNC240  (a test may wait for its own files)
"""The file of folded rows may be lost, damaged or somebody else's: it is never anybody's trouble."""

from __future__ import annotations

import os
from pathlib import Path

import apsw
import pytest
from tests.unit.projections.histories import House, sold, varied

from cuga.projections.signals import Signals, SignalsView
from cuga.projections.views import APPLICATION, ViewsFile


@pytest.fixture
async def house() -> House:
    house = House()
    await varied(house)
    return house


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "views.db"


async def read(house: House, path: Path) -> tuple[Signals, str]:
    store = ViewsFile(path)
    found = await SignalsView(house.journal, store).read()
    store.close()
    return found, store.trouble


async def test_a_deleted_file_is_made_again(house: House, path: Path) -> None:
    before = await read(house, path)
    path.unlink()
    assert await read(house, path) == before and before[1] == ""
    assert path.exists()


@pytest.mark.parametrize("damage", ["all", "head", "middle", "cut", "empty"])
async def test_a_damaged_file_is_made_again(house: House, path: Path, damage: str) -> None:
    before = await read(house, path)
    body = bytearray(path.read_bytes())
    match damage:
        case "all":
            body[:] = os.urandom(len(body))
        case "head":
            body[:100] = bytes(100)
        case "middle":
            body[4096:] = b"\xa5" * (len(body) - 4096)
        case "cut":
            del body[len(body) // 2 :]
        case "empty":
            body.clear()
    path.write_bytes(body)
    assert await read(house, path) == before
    assert await read(house, path) == before


async def test_a_file_that_is_damaged_while_it_is_open_is_made_again(house: House, path: Path) -> None:
    store = ViewsFile(path)
    view = SignalsView(house.journal, store)
    before = await view.read()
    store._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
    store._connection.execute("pragma shrink_memory")
    assert await view.read() == before
    assert store.trouble == ""
    assert (await read(house, path))[0] == before


async def test_a_row_that_was_altered_does_not_match_its_checksum(house: House, path: Path) -> None:
    before = await read(house, path)
    connection = apsw.Connection(str(path))
    connection.execute("update row set body = replace(body, '\"events\":1', '\"events\":9')")
    assert connection.total_changes()
    connection.close()
    assert await read(house, path) == before


async def test_a_row_that_is_altered_while_reading_on_is_folded_again(house: House, path: Path) -> None:
    await read(house, path)
    connection = apsw.Connection(str(path))
    connection.execute("update row set crc = crc + 1")
    connection.close()
    await house.cancel("waiting")
    after = await read(house, path)
    path.unlink()
    assert after == await read(house, path)


async def test_a_file_of_another_shape_is_made_again(house: House, path: Path) -> None:
    before = await read(house, path)
    connection = apsw.Connection(str(path))
    connection.execute("pragma user_version = 999; create table later (x)")
    connection.close()
    assert await read(house, path) == before
    connection = apsw.Connection(str(path))
    assert connection.pragma("application_id") == APPLICATION
    assert "later" not in [name for (name,) in connection.execute("select name from sqlite_schema")]
    connection.close()


@pytest.mark.parametrize("mark", ["pragma application_id = 7", "select 1"])
async def test_a_file_of_another_program_is_left_alone(house: House, path: Path, mark: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(f"{mark}; create table precious (x); insert into precious values (1)").fetchall()
    connection.close()
    found, trouble = await read(house, path)
    assert found.tasks == 8 and "kept in memory" in trouble
    connection = apsw.Connection(str(path))
    assert connection.execute("select x from precious").fetchall() == [(1,)]
    connection.close()


async def test_where_no_file_can_be_written_the_rows_stay_in_memory(house: House, tmp_path: Path) -> None:
    found, trouble = await read(house, tmp_path / "no" / "such" / "directory" / "views.db")
    assert found.tasks == 8 and "views.db cannot be used" in trouble


async def test_a_directory_in_its_place_is_left_alone(house: House, path: Path) -> None:
    path.mkdir()
    found, trouble = await read(house, path)
    assert found.tasks == 8 and trouble
    assert path.is_dir()


async def test_damage_that_cannot_be_replaced_leaves_the_rows_in_memory(
    house: House, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"not a database" * 100)

    def refuse(_self: Path, missing_ok: bool = False) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    found, trouble = await read(house, path)
    assert found.tasks == 8 and "read-only file system" in trouble
    assert path.read_bytes().startswith(b"not a database")


async def test_a_full_disk_costs_the_file_but_no_answer(house: House, path: Path) -> None:
    store = ViewsFile(path)
    store._connection.pragma("max_page_count", 3)
    for hour in range(20):
        house.tick(3600)
        await sold(house, f"run {hour}")
    found = await SignalsView(house.journal, store).read()
    assert found == (await read(house, path.with_name("other.db")))[0]
    assert "full" in store.trouble


async def test_two_processes_share_one_file(house: House, path: Path) -> None:
    first, second = (SignalsView(house.journal, ViewsFile(path)) for _ in range(2))
    await first.read()
    await house.cancel("waiting")
    await second.read()
    await house.cancel("asked")
    assert await first.read() == await second.read() == (await read(house, path.with_name("other.db")))[0]
