"""When a schedule is due, on clocks that are moved twice a year, and under which id its run begins."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.errors import BadInput
from cuga.model.house_event import ScheduleAdded
from cuga.orchestrator.calendar.due import due_times, next_due, run_id_of, zone_of

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)  # a Monday
BERLIN = "Europe/Berlin"


def schedule(weekdays=(0,), time="08:00", zone=BERLIN, **others):
    said = {
        "at": AT,
        "schedule_id": "s1",
        "goal": "hygiene",
        "weekdays": weekdays,
        "time": time,
        "zone": zone,
        **others,
    }
    return ScheduleAdded(**said)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_clocks_of_the_zone_count_in_winter_and_in_summer():
    found = due_times(schedule(), utc("2026-03-22"), utc("2026-04-07"))
    assert found == [utc("2026-03-23T07:00"), utc("2026-03-30T06:00"), utc("2026-04-06T06:00")]


def test_an_hour_that_is_skipped_is_due_when_the_clocks_moved_on_and_one_that_comes_twice_once():
    skipped, twice = schedule((6,), "02:30"), schedule((6,), "02:30")
    assert due_times(skipped, utc("2026-03-28"), utc("2026-03-30")) == [utc("2026-03-29T01:30")]
    assert due_times(twice, utc("2026-10-24"), utc("2026-10-26")) == [utc("2026-10-25T00:30")]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue", "UTC", "Asia/Kathmandu"])
def test_midnight_is_found_at_both_ends_of_the_day(zone):
    found = due_times(schedule(tuple(range(7)), "00:00", zone), AT, AT + timedelta(days=3))
    assert len(found) == 3 and all(due.astimezone(zone_of(zone)).hour == 0 for due in found)


def test_the_start_does_not_count_and_the_end_does():
    due = utc("2026-01-12T07:00")
    assert due_times(schedule(), due - timedelta(days=1), due) == [due]
    assert due_times(schedule(), due, due + timedelta(days=6)) == []
    assert next_due(schedule(), due) == due + timedelta(days=7)


def test_a_zone_that_nobody_knows_is_refused():
    for name in ("Europe/Atlantis", "", "../etc/passwd", "/etc/localtime"):
        with pytest.raises(BadInput, match="no time zone"):
            zone_of(name)


days = st.sets(st.integers(0, 6), min_size=1).map(lambda found: tuple(sorted(found)))
hours = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.integers(0, 59))
zones = st.sampled_from([BERLIN, "UTC", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])
spans = st.lists(st.integers(0, 60 * 24 * 30), min_size=1, max_size=6)


@given(days=days, time=hours, zone=zones, spans=spans)
def test_however_often_one_looks_each_time_is_found_once(days, time, zone, spans):
    one, stands = schedule(days, time, zone), AT
    found = []
    for minutes in spans:
        until = stands + timedelta(minutes=minutes)
        found += due_times(one, stands, until)
        stands = until
    assert found == due_times(one, AT, stands) and len({run_id_of(one, due) for due in found}) == len(found)
    assert all(due.astimezone(zone_of(zone)).weekday() in days for due in found)


def test_a_run_id_is_a_ulid_of_the_due_time_and_of_its_schedule():
    due = utc("2026-01-12T07:00")
    assert run_id_of(schedule(), due) == run_id_of(schedule(goal="other"), due)
    assert run_id_of(schedule(schedule_id="s2"), due) != run_id_of(schedule(), due)
    assert len(run_id_of(schedule(), due)) == 26 and run_id_of(schedule(), due) < run_id_of(
        schedule(), due + timedelta(1)
    )
