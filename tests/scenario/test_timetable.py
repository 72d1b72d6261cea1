"""Runs by the calendar: one for each due time, whoever looks, however often, and whatever dies between."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from cuga.clock import ManualClock
from cuga.errors import BadInput, InvalidTransition, NotAllowed
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.orchestrator import Coordinator
from cuga.orchestrator.calendar.due import run_id_of
from cuga.orchestrator.calendar.timetable import Started, keep_time
from cuga.orchestrator.house.place import make

MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
WEEK = timedelta(days=7)


def planned(**changed):
    said = {"at": MONDAY, "schedule_id": "n1", "goal": "Find all accounts", "weekdays": (0,), "time": "08:00"}
    return h.ScheduleAdded(**{**said, "zone": "UTC", **changed})


@pytest.fixture
def clock():
    return ManualClock(MONDAY)


@pytest.fixture
def place(tmp_path):
    return make(tmp_path / "house")


def opened(place, clock, **others):
    return Coordinator(house=place.root, clock=clock, user="sam", **others)


async def goals(front):
    return [line.goal for line in await front.runs()]


async def test_a_due_time_begins_one_run_however_often_one_looks(place, clock):
    async with opened(place, clock) as front:
        await front.change(planned())
        assert (await front.start_due()).begun == () and await goals(front) == []
        clock.advance(WEEK)
        (begun,) = (await front.start_due()).begun
        assert begun.due == MONDAY + WEEK - timedelta(hours=1) and begun.late_s == 3600
        assert (await front.wait(begun.run_id)).status.value == "success"
        again = await front.start_due()
        assert again == Started(begun=(), missed=(), problems=(), next_due=begun.due + WEEK)
        assert len(await goals(front)) == 1


async def test_who_looks_at_the_same_moment_begins_nothing_twice(place, clock):
    async with opened(place, clock) as front:
        await front.change(planned())
        clock.advance(WEEK)
        looks = await asyncio.gather(*(front.start_due() for _ in range(8)))
        assert sum(len(look.begun) for look in looks) == 1 and len(await goals(front)) == 1


async def test_a_process_that_died_after_it_began_the_run_leaves_nothing_to_begin(place, clock):
    async with opened(place, clock) as front:
        await front.change(planned())
        clock.advance(WEEK)
        await front.start_due()
    async with opened(place, clock) as after:
        assert (await after.start_due()).begun == () and len(await goals(after)) == 1


async def test_times_that_nobody_was_there_for_are_told_once_and_only_the_fresh_one_is_made_up_for(place, clock):
    async with opened(place, clock) as front:
        await front.change(planned())
    clock.advance(WEEK * 5)
    async with opened(place, clock) as front:
        found = await front.start_due()
        (missed,), (begun,) = found.missed, found.begun
        assert missed.times == 4 and begun.due - missed.last == WEEK
    clock.advance(timedelta(days=1))
    async with opened(place, clock) as front:
        assert await front.start_due() == Started(begun=(), missed=(), problems=(), next_due=begun.due + WEEK)
        assert len(await goals(front)) == 1
    clock.advance(WEEK + timedelta(hours=3))
    async with opened(place, clock) as front:
        found = await front.start_due()
        assert found.begun == () and [one.times for one in found.missed] == [1]


async def test_what_is_removed_or_halted_begins_nothing(place, clock):
    async with opened(place, clock) as front:
        await front.change(planned())
        await front.change(planned(schedule_id="n2"))
        await front.change(h.ScheduleRemoved(at=MONDAY, schedule_id="n2"))
        await front.change(h.Halted(at=MONDAY, reason="fire"))
        clock.advance(WEEK)
        assert (await front.start_due()).begun == ()
        await front.change(h.HaltLifted(at=MONDAY))
        assert len((await front.start_due()).begun) == 1


async def test_a_schedule_that_cannot_be_begun_is_told_and_keeps_no_other_back(place, clock):
    async with opened(place, clock) as front:
        await front.change(planned(schedule_id="n1", profile="none-such"))
        await front.change(planned(schedule_id="n2"))
        clock.advance(WEEK)
        found = await front.start_due()
        assert len(found.problems) == 1 and "none-such" in found.problems[0] and len(found.begun) == 1


async def test_the_run_is_asked_for_by_who_added_it_and_only_while_they_have_a_role(place, clock):
    async with opened(place, clock) as front:
        await front.change(planned())
        await front.change(h.UserAdded(at=MONDAY, user="olga", roles=("operator",)))
        await front.change(planned(schedule_id="n2"), by=Principal(id="olga", roles=("operator",)))
        await front.change(h.RoleRevoked(at=MONDAY, user="olga", role="operator"))
        clock.advance(WEEK)
        found = await front.start_due()
        assert "olga, who added it, has no role" in found.problems[0]
        state = await front.state(found.begun[0].run_id)
        assert state.started.requester.id == "sam" and state.started.requester.roles


async def test_a_run_id_of_ones_own_begins_one_run(place, clock):
    async with opened(place, clock) as front:
        mine = run_id_of(planned(), MONDAY)
        assert await front.start("Find all accounts", run_id=mine) == mine
        with pytest.raises(InvalidTransition, match="there is a run"):
            await front.start("Find all accounts", run_id=mine)
        for wrong in ("x", "../etc", mine.lower(), mine + "0"):
            with pytest.raises(BadInput, match="no run id"):
                await front.start("Find all accounts", run_id=wrong)


async def test_nobody_begins_a_run_in_place_of_a_schedules_and_its_due_time_is_still_kept(place, clock):
    async with opened(place, clock) as front:
        await front.change(planned())
        (added,) = (await front.house()).schedules
        with pytest.raises(NotAllowed, match="run of a schedule"):
            await front.start("Find all accounts", run_id=run_id_of(added, MONDAY + WEEK - timedelta(hours=1)))
        far = "7ZZZZZZZZZ" + "0" * 16
        assert await front.start("Find all accounts", run_id=far) == far  # no time, and nobody's
        clock.advance(WEEK)
        (begun,) = (await front.start_due()).begun
        assert (await front.state(begun.run_id)).started.goal == added.goal


async def test_a_zone_that_is_none_never_gets_into_the_house(place, clock):
    async with opened(place, clock) as front:
        with pytest.raises(BadInput, match="no time zone"):
            await front.change(planned(zone="Moon/Base"))


async def test_a_server_keeps_the_time_and_tells_what_it_did(place, clock):
    async with opened(place, clock) as front:
        await front.change(planned())
        clock.advance(WEEK)
        heard: asyncio.Queue[Started] = asyncio.Queue()
        keeping = asyncio.ensure_future(keep_time(front, heard.put_nowait))
        found = await asyncio.wait_for(heard.get(), 10)
        keeping.cancel()
        assert len(found.begun) == 1 and heard.empty()


async def test_a_paused_schedule_begins_nothing_and_makes_up_for_nothing_when_it_is_resumed(place, clock):
    async with opened(place, clock) as front:
        await front.change(planned())
        await front.change(h.SchedulePaused(at=clock.now(), schedule_id="n1", reason="holiday"))
        with pytest.raises(InvalidTransition):
            await front.change(h.SchedulePaused(at=clock.now(), schedule_id="n1"))
        clock.advance(WEEK)
        assert await front.start_due() == Started(begun=(), missed=(), problems=(), next_due=None)
        assert (await front.house()).paused_schedules == ("n1",)
        await front.change(h.ScheduleResumed(at=clock.now(), schedule_id="n1"))
        with pytest.raises(InvalidTransition):
            await front.change(h.ScheduleResumed(at=clock.now(), schedule_id="n1"))
        again = await front.start_due()
        assert again.begun == () == again.missed and again.next_due == MONDAY + 2 * WEEK - timedelta(hours=1)
    async with opened(place, clock) as front:  # and so it is for another process
        clock.advance(WEEK)
        (begun,) = (await front.start_due()).begun
        assert begun.due == MONDAY + 2 * WEEK - timedelta(hours=1)
        assert (await front.start_due()).missed == ()


async def test_a_paused_schedule_that_is_removed_is_gone(place, clock):
    async with opened(place, clock) as front:
        await front.change(planned())
        await front.change(h.SchedulePaused(at=clock.now(), schedule_id="n1"))
        await front.change(h.ScheduleRemoved(at=clock.now(), schedule_id="n1"))
        assert (await front.house()).paused_schedules == ()
        with pytest.raises(BadInput):
            await front.change(h.ScheduleResumed(at=clock.now(), schedule_id="n1"))
