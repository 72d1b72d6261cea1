"""What is held to be a fault while a fleet works for hours; and the fleet itself, for some minutes."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from tests.machines.endure import Endurance
from tests.machines.vitals import Process, Sample, faults, process, table

WELL = Sample(
    at_s=0.0, spared=Process(pid=1, rss_mb=80.0, files=15), front=Process(pid=2, rss_mb=85.0, files=18), wal_mb=17.0,
    book_mb=9.0, waiting=0, running=3, stalled=0, oldest_s=0.0, sweep_lag_s=0.0,
)  # fmt: skip


def over(count: int = 30, **last: object) -> list[Sample]:
    """So many looks at a fleet that is well, and the last of them."""
    samples = [msgspec.structs.replace(WELL, at_s=10.0 * number) for number in range(count)]
    return [*samples[:-1], msgspec.structs.replace(samples[-1], **last)]


def test_a_fleet_that_is_well_has_no_fault() -> None:
    assert faults(over(), []) == []
    assert faults(over(1), []) == []


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ({"oldest_s": 61.0}, "a job waits"),
        ({"sweep_lag_s": 61.0}, "something is due"),
        ({"slowest_s": 151.0}, "a run does not end"),
        ({"stalled": None}, "the database is away"),
        ({"front": Process(pid=2, rss_mb=85.0, files=201)}, "201 open files"),
        ({"spared": Process(pid=1, rss_mb=0.0, files=0)}, "is gone"),
    ],
)
def test_what_is_late_or_gone_is_a_fault_unless_it_was_broken_on_purpose(last: dict[str, object], said: str) -> None:
    found = faults(over(**last), [])
    assert len(found) == 1 and said in found[0]
    of_ours = faults(over(**last), [(200.0, 210.0)])  # at 290 s
    assert of_ours == ([] if {"oldest_s", "sweep_lag_s", "slowest_s", "stalled"} & last.keys() else found)
    assert faults(over(**last), [(100.0, 110.0)]) == found


def test_memory_that_grows_is_a_fault_and_a_process_that_began_anew_begins_anew() -> None:
    grown = Process(pid=1, rss_mb=230.0, files=15)
    samples = [*over(60), *(msgspec.structs.replace(WELL, at_s=600.0 + n, spared=grown) for n in range(3))]
    assert faults(samples, []) == ["spared: 80 MB early, 230 MB after 602 s"]
    other = Process(pid=9, rss_mb=230.0, files=15)
    assert faults([*over(60), *(msgspec.structs.replace(WELL, spared=other) for _ in range(20))], []) == []


def test_the_figures_are_shown_in_few_lines_with_the_last_of_them() -> None:
    lines = table(over(500, at_s=9999.0, waiting=None))
    assert len(lines) <= 16 and lines[-1].startswith(" 9999") and " - " in lines[-1]
    here = process(os.getpid())
    assert here.rss_mb > 10 and here.files > 2
    assert process(2**22 + 1).rss_mb == 0.0


@pytest.mark.kills
@pytest.mark.soak
async def test_a_fleet_works_for_long(tmp_path: Path) -> None:
    minutes = float(os.environ.get("CUGA_ENDURE_MINUTES", "20"))
    one = Endurance(tmp_path, minutes, seed=2, log=tmp_path / "samples.jsonl")
    try:
        assert await one.go() == []
    finally:
        one.fleet.stop()
        one.server.stop("fast")
    print("\n".join([*table(one.samples), str(dict(one.did))]))
