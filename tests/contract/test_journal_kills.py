"""What a process was told is committed is there after any end of that process."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.contract.journals import claiming

from cuga.journal.seal import verify
from cuga.journal.sqlite import POINTS, SqliteJournal, verify_file

KILLS = int(os.environ.get("CUGA_JOURNAL_KILLS", "24"))

WRITER = """
import asyncio, os, sys
from pathlib import Path
from cuga.journal.port import Committed
from cuga.journal.sqlite import SqliteJournal
from tests.contract.journals import claiming

directory, workers, die_at, die_after = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
told = os.open(directory / "told", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
passed = 0

def on_point(point):
    global passed
    if point == die_at:
        passed += 1
        if passed >= die_after:
            os.kill(os.getpid(), 9)

journal = SqliteJournal(directory / "journal.db", on_point=on_point, prefill=False)

async def work(name):
    version = await journal.version(name)
    while True:
        events = claiming(("day", 1, 1 << 40)) * 2
        assert await journal.append(name, version, events) == Committed(version=version + 2)
        version += 2
        os.write(told, f"{name} {version}\\n".encode())

async def main():
    await asyncio.gather(*(work(f"r{number}") for number in range(workers)))

asyncio.run(main())
"""


def start(directory: Path, workers: int, die_at: str = "", die_after: int = 0) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-c", WRITER, str(directory), str(workers), die_at, str(die_after)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, stderr=subprocess.PIPE)


def told(directory: Path) -> dict[str, int]:
    """The newest version of each stream that the writer was told is committed."""
    lines = (directory / "told").read_text().splitlines() if (directory / "told").exists() else []
    return {name: int(version) for name, version in (line.split() for line in lines)}


async def nothing_is_lost(directory: Path) -> int:
    """Hold the file against what was told; the number of events in it."""
    assert verify_file(directory / "journal.db") == []
    journal = SqliteJournal(directory / "journal.db", prefill=False)
    for name, version in told(directory).items():
        stored = await journal.read(name)
        assert len(stored) >= version and len(stored) % 2 == 0
        assert verify(name, stored) is None
    events = [event async for event in journal.feed()]
    assert await journal.used("day") == len(events)
    await journal.close()
    return len(events)


@pytest.mark.kills
def test_a_writer_killed_at_any_moment_loses_nothing_it_was_told(tmp_path: Path) -> None:
    chance = random.Random(7)
    before = 0
    for kill in range(KILLS):
        writer = start(tmp_path, workers=(1, 5, 50)[kill % 3])
        grown = (tmp_path / "told").stat().st_size if (tmp_path / "told").exists() else 0
        while not (tmp_path / "told").exists() or (tmp_path / "told").stat().st_size == grown:
            assert writer.poll() is None, writer.communicate()[1].decode()
        try:
            writer.wait(chance.random() * 0.1)
        except subprocess.TimeoutExpired:
            writer.send_signal(signal.SIGKILL)
        writer.communicate()
        events = asyncio.run(nothing_is_lost(tmp_path))
        assert events > before
        before = events


@pytest.mark.kills
@pytest.mark.parametrize("workers", [1, 20])
@pytest.mark.parametrize("point", POINTS)
def test_a_writer_dying_at_a_named_point_loses_nothing_it_was_told(tmp_path: Path, point: str, workers: int) -> None:
    for after in (1, 2, 7):
        writer = start(tmp_path, workers, point, after)
        errors = writer.communicate(timeout=180)[1].decode()
        assert writer.returncode == -signal.SIGKILL, errors
        asyncio.run(nothing_is_lost(tmp_path))


def test_a_log_cut_anywhere_gives_an_exact_prefix(tmp_path: Path) -> None:
    async def write() -> None:
        journal = SqliteJournal(tmp_path / "journal.db", prefill=False)
        for version in range(40):
            await journal.append(f"r{version % 3}", version // 3, claiming(("day", 1, 100)))
        for name in ("journal.db", "journal.db-wal"):
            (tmp_path / f"kept-{name}").write_bytes((tmp_path / name).read_bytes())
        await journal.close()

    async def count(directory: Path) -> int:
        journal = SqliteJournal(directory / "journal.db", prefill=False)
        fed = [(event.stream, event.seq) async for event in journal.feed()]
        assert fed == [(f"r{turn % 3}", turn // 3 + 1) for turn in range(len(fed))]
        assert await journal.used("day") == len(fed)
        await journal.close()
        assert verify_file(directory / "journal.db") == []
        return len(fed)

    asyncio.run(write())
    log = (tmp_path / "kept-journal.db-wal").read_bytes()
    chance = random.Random(11)
    counts = []
    for turn, cut in enumerate(sorted([*(chance.randrange(len(log)) for _ in range(60)), len(log)])):
        directory = tmp_path / str(turn)
        directory.mkdir()
        (directory / "journal.db").write_bytes((tmp_path / "kept-journal.db").read_bytes())
        (directory / "journal.db-wal").write_bytes(log[:cut])
        counts.append(asyncio.run(count(directory)))
    assert counts == sorted(counts)
    assert counts[-1] == 40
    assert len(set(counts)) > 10
