"""How fast the journal alone is: appends of three events, one writer and many, with the disk measured beside it.

`python bench/journal.py [--durability full|process] [--writers 1,20,200] [--appends 20000] [--directory DIR]` prints
one JSON line a load. Figures of two machines are compared by `waits_x_sync`, not by appends a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from cuga.journal.memory import MemoryJournal
from cuga.journal.port import Committed, Journal
from cuga.journal.sqlite import SqliteJournal
from cuga.model.event import Claim, RouteDecision, ToolCallComplete, ToolCallStart
from cuga.model.tool import SideEffect

STEPS = 10  # appends a run; then the writer begins the next run
AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
EVENTS = (
    ToolCallComplete(at=AT, step="s1", attempt=1, result=msgspec.Raw(b'{"score":87,"reason":"' + b"r" * 70 + b'"}')),
    RouteDecision(
        at=AT, step="s2", target="score_account_fit", reason="no other gives a fit", adapters={"crm": "offline"}
    ),
    ToolCallStart(
        at=AT, step="s2", attempt=1, tool="score_account_fit", tool_digest="d" * 16, side_effect=SideEffect.READ_ONLY,
        arguments=msgspec.Raw(b'{"account":"dambase"}'), domain="intelligence", cost=500_000, key="k" * 32,
        deadline=AT, timeout_s=30, claims=(Claim(scope="tenant/local/day/2026-01-05", amount=1, limit=1 << 40),),
    ),
)  # fmt: skip


def sync_seconds(directory: Path) -> float:
    """The median time of an overwrite of 4 KiB with fdatasync: what one durable wait costs at least."""
    path = directory / "probe"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    os.pwrite(descriptor, os.urandom(1 << 20), 0)
    os.fsync(descriptor)
    times = []
    for turn in range(400):
        start = time.perf_counter()
        os.pwrite(descriptor, os.urandom(4096), (turn % 200) * 4096)
        getattr(os, "fdatasync", os.fsync)(descriptor)
        times.append(time.perf_counter() - start)
    os.close(descriptor)
    path.unlink()
    return statistics.median(times)


async def writer(journal: Journal, name: str, appends: int, waits: list[float]) -> None:
    for turn in range(appends):
        run, step = divmod(turn, STEPS)
        start = time.perf_counter()
        if not isinstance(await journal.append(f"{name}-{run}", step * len(EVENTS), EVENTS), Committed):
            raise SystemExit("an append was not committed")
        waits.append(time.perf_counter() - start)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def load(journal: Journal, name: str, writers: int, appends: int) -> dict[str, float]:
    each = appends // writers
    waits: list[float] = []
    start, cpu = time.perf_counter(), cpu_seconds()
    await asyncio.gather(*(writer(journal, f"{name}-{number}", each, waits) for number in range(writers)))
    wall, cpu = time.perf_counter() - start, cpu_seconds() - cpu
    waits.sort()
    return {
        "writers": writers,
        "appends": each * writers,
        "appends_per_s": round(each * writers / wall),
        "cpu_us_per_append": round(cpu / (each * writers) * 1e6, 1),
        "p50_us": round(waits[len(waits) // 2] * 1e6),
        "p99_us": round(waits[len(waits) * 99 // 100] * 1e6),
    }


async def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=options.directory) as place:
        directory = Path(place)
        for writers in options.writers:
            probe = sync_seconds(directory)
            path = directory / f"journal-{writers}.db"
            in_memory = options.durability == "memory"
            journal = MemoryJournal() if in_memory else SqliteJournal(path, durability=options.durability)
            appends = options.appends if writers > 1 else options.appends // 10
            await load(journal, "warm", writers, max(writers, appends // 10))
            figures: dict[str, object] = {
                "bench": "journal", "durability": journal.durability, "sync_us": round(probe * 1e6, 1),
            }  # fmt: skip
            commits = getattr(journal, "commits", 0)
            measured = await load(journal, "run", writers, appends)
            figures["commits"] = getattr(journal, "commits", 0) - commits
            figures |= measured
            figures["waits_x_sync"] = round(measured["appends_per_s"] * probe, 2)
            figures["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(json.dumps(figures), flush=True)
            await journal.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--durability", default="full", choices=["full", "process", "memory"])
    parser.add_argument("--writers", default=[1, 20, 200], type=lambda text: [int(one) for one in text.split(",")])
    parser.add_argument("--appends", default=40_000, type=int)
    parser.add_argument("--directory", default=None, help="where the files are made: the disk that is measured")
    sys.setswitchinterval(0.0005)  # as the house runs
    asyncio.run(main(parser.parse_args()))
