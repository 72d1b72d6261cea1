"""What is looked at while a fleet works for hours, and what is held to be a fault."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from cuga.model.value import Value

SETTLED_S = 60.0  # before that a process is still filling its caches; a look every ten seconds
GROWN_MB = 128.0  # of a process that was spared: it keeps the latest ten thousand facts in mind, and heads of streams
MOST_FILES = 200  # of one process
LATE_S = 60.0  # a waiting job, something due, or a run that does not end: longer is a fault
PATIENCE_S = 90.0  # what an outage or a kill may cost before it counts


class Process(Value, frozen=True, kw_only=True):
    """One process as the machine sees it."""

    pid: int
    rss_mb: float
    files: int


class Sample(Value, frozen=True, kw_only=True):
    """How everything stood at one moment. Ages are seconds; None: the database was away."""

    at_s: float  # since the beginning
    spared: Process  # a worker that nobody kills
    front: Process  # this process
    wal_mb: float | None = None
    book_mb: float | None = None
    waiting: int | None = None
    running: int | None = None
    stalled: int | None = None
    oldest_s: float | None = None
    sweep_lag_s: float | None = None
    begun: int = 0
    ended: int = 0
    slowest_s: float = 0.0  # since when the oldest run that has not ended and waits for nobody was begun
    effects: int = 0  # lines that the other side has


def process(pid: int) -> Process:
    """How much a process holds; zeros when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return Process(
            pid=pid, rss_mb=pages * os.sysconf("SC_PAGE_SIZE") / 1e6, files=len(os.listdir(f"/proc/{pid}/fd"))
        )
    except (FileNotFoundError, ProcessLookupError):
        return Process(pid=pid, rss_mb=0.0, files=0)


def faults(samples: Sequence[Sample], troubles: Sequence[tuple[float, float]]) -> list[str]:
    """What is wrong by now. `troubles`: from when to when something was broken on purpose."""
    found = []
    now = samples[-1]
    for name in ("spared", "front"):
        of = [getattr(one, name) for one in samples]
        of = [one for one in of if one.pid == of[-1].pid]  # one that had to be started again begins anew
        settled = of[int(SETTLED_S / 10.0) :]
        if len(settled) >= 6:
            early = median(one.rss_mb for one in settled[: max(3, len(settled) // 10)])
            if (late := median(one.rss_mb for one in settled[-3:])) - early > GROWN_MB:
                found.append(f"{name}: {early:.0f} MB early, {late:.0f} MB after {now.at_s:.0f} s")
        if of[-1].files > MOST_FILES:
            found.append(f"{name}: {of[-1].files} open files")
    if now.spared.rss_mb == 0.0:
        found.append("the worker that nobody kills is gone")
    if any(begin - 1.0 <= now.at_s <= end + PATIENCE_S for begin, end in troubles):
        return found
    for what, age in (("a job waits", now.oldest_s), ("something is due", now.sweep_lag_s)):
        if age is not None and age > LATE_S:
            found.append(f"{what} for {age:.0f} s")
    if now.slowest_s > LATE_S + PATIENCE_S:
        found.append(f"a run does not end for {now.slowest_s:.0f} s")
    if now.stalled is None:
        found.append("the database is away, and nobody broke it")
    return found


def table(samples: Sequence[Sample]) -> list[str]:
    """The figures over time, in about twelve lines."""
    head = (
        "    s  worker MB files  front MB files  WAL MB  book MB  waiting running stalled oldest_s lag_s  ended effects"
    )
    step = max(1, len(samples) // 12)
    rows = [*samples[:-1:step], samples[-1]]

    def number(value: float | None, digits: int = 0) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    return [
        head,
        *(
            f"{one.at_s:5.0f}  {one.spared.rss_mb:9.0f} {one.spared.files:5}  {one.front.rss_mb:8.0f} "
            f"{one.front.files:5}  {number(one.wal_mb):>6}  {number(one.book_mb):>7}  {number(one.waiting):>7} "
            f"{number(one.running):>7} {number(one.stalled):>7} {number(one.oldest_s, 1):>8} "
            f"{number(one.sweep_lag_s, 1):>5}  {one.ended:5} {one.effects:7}"
            for one in rows
        ),
    ]
