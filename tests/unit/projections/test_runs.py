"""The list of runs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.unit.projections.histories import House, plan, sold, step, varied

from cuga.errors import JournalCorrupt, RunNotFound
from cuga.model.command import RecordPlan
from cuga.model.event import Status, Verdict
from cuga.model.house_event import HouseOpened
from cuga.projections.runs import count_runs, line_of, list_runs, state_of


@pytest.fixture
async def house() -> House:
    house = House()
    await varied(house)
    return house


async def test_each_run_says_how_far_it_is_and_what_it_used() -> None:
    house = House()
    await sold(house)
    (line,) = await list_runs(house.journal)
    assert (line.status, line.done, line.steps, line.cost, line.calls) == (Status.SUCCESS, 3, 3, 3_500_000, 3)
    assert (line.goal, line.profile, line.requester, line.trace_id) == ("win Acme", "smb", "ada", "t-r1")
    assert line.reason == "every required step is done" and line.waits_for == "" and line.needs == ()
    assert line.ended_at is not None and line.duration(house.tick(500)) == timedelta(seconds=93)
    assert line.version == house.states["r1"].version


async def test_a_parked_run_says_what_it_waits_for_and_what_helps(house: House) -> None:
    lines = {line.run_id: line for line in await list_runs(house.journal)}
    assert lines["waiting"].waits_for == "waits for an approval"
    assert lines["waiting"].needs == ("cuga approve waiting-a1    by somebody who is approver and did not ask for it",)
    assert lines["waiting"].wake_at is not None
    assert lines["thirsty"].needs == ("cuga top-up thirsty --scope cost",)
    assert lines["doubtful"].needs[0].startswith("cuga resolve doubtful s1")
    assert lines["denied"].needs == ("cuga trace shows each step's end; start again with `cuga run`",)
    assert lines["changed"].reason == "" and lines["changed"].needs == ()


async def test_steps_of_a_newer_plan_count_with_what_was_done_before_it() -> None:
    house = House()
    await house.start("r1", plan(step("s1", "look"), step("s2", "send")))
    await house.done("r1", "s1", {})
    await house.decide("r1", Verdict.REQUEST_CHANGES, reason="shorter")
    attempt = house.states["r1"].plan_attempt
    await house.do(
        "r1",
        RecordPlan(at=house.clock.now(), attempt=attempt, plan=plan(step("s3", "draft"), number=2), source="rules"),
    )
    line = line_of(house.states["r1"])
    assert (line.done, line.steps) == (1, 2)


async def test_a_damaged_run_says_so_and_hides_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = house.journal.read

    async def read(stream, after=0):
        if stream == "waiting":
            raise JournalCorrupt("its third record was edited")
        found = await whole(stream, after)
        return found[1:] if stream == "thirsty" else found

    before = {line.run_id: line for line in await list_runs(house.journal)}
    monkeypatch.setattr(house.journal, "read", read)
    lines = {line.run_id: line for line in await list_runs(house.journal)}
    for run_id in ("waiting", "thirsty"):
        assert "damaged" in lines[run_id].reason and lines[run_id].needs == ("cuga verify",)
        assert (lines[run_id].goal, lines[run_id].status) == (before[run_id].goal, before[run_id].status)
        del lines[run_id], before[run_id]
    assert lines == before


async def test_a_running_run_has_lasted_until_now(house: House) -> None:
    line = line_of(house.states["changed"])
    assert line.duration(line.started_at + timedelta(seconds=7)) == timedelta(seconds=7)
    assert line.duration(line.started_at - timedelta(seconds=7)) == timedelta(0)


async def test_runs_come_newest_first_by_status_and_page(house: House) -> None:
    everything = await list_runs(house.journal)
    assert [line.run_id for line in everything[:2]] == ["waiting", "thirsty"]
    assert [line.run_id for line in await list_runs(house.journal, before="thirsty", limit=2)] == ["asked", "unplanned"]
    parked = await list_runs(house.journal, status=Status.PARKED)
    assert parked and all(line.status is Status.PARKED for line in parked)
    assert await list_runs(house.journal, tenant="elsewhere") == []
    counts = await count_runs(house.journal)
    assert counts[Status.PARKED] == len(parked) and sum(counts.values()) == len(everything)


async def test_a_run_that_is_not_there_is_named(house: House) -> None:
    with pytest.raises(RunNotFound):
        await state_of(house.journal, "nobody")
    await house.journal.append("house", 0, [HouseOpened(at=house.clock.now(), tenant="local", owner="ada")])
    with pytest.raises(RunNotFound):
        await state_of(house.journal, "house")
    assert (await state_of(house.journal, "sold")).version == house.states["sold"].version
