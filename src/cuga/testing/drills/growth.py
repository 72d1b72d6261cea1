"""Memory while a journal grows: what a process holds after a million events is what it held after the first tenth.

Runs begin, work and end, a few hundred at a time, as they do in a house that is never closed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from cuga.journal.port import Committed, Index
from cuga.journal.sqlite import SqliteJournal
from cuga.model.event import Claim, Event, Status
from cuga.testing.drills import book
from cuga.testing.drills.tally import Tally

AT_ONCE = 200  # runs
LENGTH = 10  # appends of a run, of five events each
ALLOWED_MB = 24.0  # of growth behind the first tenth: caches that fill, and no line for each run


def held_mb() -> float:
    """Megabytes of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def _run(journal: SqliteJournal, run: str) -> None:
    version = 0
    for turn in range(LENGTH):
        claims = (Claim(scope="day", amount=1, limit=book.LIMIT), Claim(scope=f"run/{run}", amount=1, limit=99))
        events: list[Event] = [
            book.claiming(f"{run} {turn}", claims),
            *(book.completed(f"{turn} {n}") for n in range(4)),
        ]
        status = Status.SUCCESS if turn == LENGTH - 1 else Status.RUNNING
        index = Index(run=book.row(run, status)) if turn in (0, LENGTH - 1) else None
        answer = await journal.append(run, version, events, index=index)
        if not isinstance(answer, Committed):
            raise AssertionError(f"{run} was not taken: {answer}")
        version = answer.version


async def _grow(path: Path, count: int) -> tuple[float, float]:
    journal = SqliteJournal(path, durability="process")
    done, early = 0, 0.0
    while done < count:
        await asyncio.gather(*(_run(journal, f"r{done}-{number}") for number in range(AT_ONCE)))
        done += AT_ONCE * LENGTH * 5
        if not early and done >= count // 10:
            early = held_mb()
    late = held_mb()
    await journal.close()
    return early, late


def drill(base: Path, count: int, seed: int = 0) -> Tally:
    """That many events, in rounds of ten thousand. `seed` is as everywhere, and changes nothing."""
    tally = Tally("growth")
    base.mkdir(parents=True, exist_ok=True)
    early, late = asyncio.run(_grow(base / book.JOURNAL, count))
    size = (base / book.JOURNAL).stat().st_size / 1e6
    shutil.rmtree(base, ignore_errors=True)
    if late - early > ALLOWED_MB:
        tally.fault(f"{early:.0f} MB after a tenth of {count:,} events, {late:.0f} MB after all of them")
    else:
        grown = f"{early:.0f} MB after a tenth of {count:,} events and {late:.0f} MB after all"
        tally.note(f"with {grown}; a file of {size:.0f} MB")
    return tally
