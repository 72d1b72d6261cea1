"""Reducing old runs, cut off in the middle: whoever does it again takes away all that was to go, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cuga import verify as verifier
from cuga.clock import ManualClock
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import Place, make
from cuga.tools.declare import tool

AT = datetime(2024, 1, 8, 9, tzinfo=UTC)


@tool(domain="intelligence", side_effect="read-only")
def read_long(about: str) -> str:
    """A text that is too long to be kept in line."""
    return f"{about} " * 4_000


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make(tmp_path / "house")


def opened(place: Place, days: int = 0) -> Coordinator:
    return Coordinator("smb", house=place.root, clock=ManualClock(AT + timedelta(days=days)), tools=[read_long])


async def read(front: Coordinator, *about: str) -> str:
    steps = tuple(PlanStep(tool="read_long", input={"about": one}) for one in about)
    result = await front.execute_plan(Plan(goal="read", steps=steps))
    assert result.status.value == "success"
    return result.run_id


def blobs(place: Place) -> list[str]:
    """How the results that are kept out of line begin."""
    with closing(sqlite3.connect(place.journal)) as db:
        kept = [bytes(body) for (body,) in db.execute("select body from blob")]
    return sorted(body[1:7].decode() for body in kept if body.endswith(b' "'))


async def cut(front: Coordinator, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Reduce what is old, and be gone before the file is touched for the `at`-th time."""
    journal = (await front.open()).journal
    right, calls = journal.retire, 0

    async def retire(*given, **named):
        nonlocal calls
        calls += 1
        if calls == at:
            raise RuntimeError("the power is gone")
        await right(*given, **named)

    monkeypatch.setattr(journal, "retire", retire)
    with pytest.raises(RuntimeError, match="power"):
        await front.retain("18mo")


@pytest.mark.parametrize("at", [1, 2])
async def test_who_was_cut_off_leaves_no_large_result_behind_once_it_is_done_again(place, monkeypatch, at):
    async with opened(place) as front:
        await read(front, "oldone", "shared")
    async with opened(place, days=600) as front:
        young = await read(front, "shared", "recent")
        with monkeypatch.context() as patch:
            await cut(front, patch, at)
        assert blobs(place) == ["oldone", "recent", "shared"]
        would = await front.retain("18mo", dry_run=True)
        assert would.blobs == 1 and blobs(place) == ["oldone", "recent", "shared"]
    async with opened(place, days=600) as front:
        done = await front.retain("18mo")
        assert (done.blobs, done.retired) == (1, 1)
        assert blobs(place) == ["recent", "shared"], "what a living run refers to stays"
        assert (await front.retain("18mo")).blobs == 0
        assert "shared" in str((await front.show(young)).outputs) and await front.verify() == []
    assert b"oldone" not in place.journal.read_bytes() and verifier.main([str(place.journal)]) == 0


async def test_a_result_that_comes_again_while_its_first_run_is_reduced_is_kept(place, monkeypatch):
    async with opened(place) as front:
        await read(front, "often")
    async with opened(place, days=800) as front:
        journal = (await front.open()).journal
        right, again = journal.retire, []

        async def retire(runs, taken=(), **named):
            if taken:  # nobody needed it when it was looked, and now somebody does
                again.append(await read(front, "often"))
            await right(runs, taken, **named)

        monkeypatch.setattr(journal, "retire", retire)
        await front.retain("18mo")
        (run_id,) = again
        (step,) = (await front.show(run_id)).steps
        assert str(step.value).startswith("often often") and await front.verify() == []
    assert blobs(place) == ["often "]
