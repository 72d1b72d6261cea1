"""When a schedule is due, and under which id its run begins. Pure reckoning on the clocks of a zone.

A time that a zone skips in spring is due when its clocks have moved on; one that comes twice in autumn is due the first
time only.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cuga.clock import milliseconds_of, ulid
from cuga.errors import BadInput
from cuga.model.house_event import ScheduleAdded


def zone_of(name: str) -> ZoneInfo:
    """The zone of a name such as Europe/Berlin; `BadInput` when this machine knows none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"there is no time zone {name!r}", mend="Write it as Europe/Berlin or UTC.") from error


def due_times(schedule: ScheduleAdded, after: datetime, until: datetime) -> list[datetime]:
    """The times, UTC and rising, at which a schedule was due after one time and until another, that one included."""
    zone = zone_of(schedule.zone)
    day, last = after.astimezone(zone).date() - timedelta(days=1), until.astimezone(zone).date()
    found = []
    while day <= last:
        if day.weekday() in schedule.weekdays and after < (due := _at(schedule, day, zone)) <= until:
            found.append(due)
        day += timedelta(days=1)
    return found


def next_due(schedule: ScheduleAdded, after: datetime) -> datetime:
    """The first time after another."""
    return due_times(schedule, after, after + timedelta(days=9))[0]


def run_id_of(schedule: ScheduleAdded, due: datetime) -> str:
    """The one run that may begin for a due time: whoever begins it a second time finds the stream there already."""
    said = f"{schedule.schedule_id}\n{due.isoformat()}"
    return ulid(int(due.timestamp() * 1000), hashlib.sha256(said.encode()).digest()[:10])


def is_of(schedule: ScheduleAdded, run_id: str) -> bool:
    """Whether a run of this id would be the one of a schedule, at whatever time."""
    try:
        due = datetime.fromtimestamp(milliseconds_of(run_id) / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # later than any time
        return False
    return run_id_of(schedule, due) == run_id


def _at(schedule: ScheduleAdded, day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(schedule.time), zone).astimezone(UTC)
