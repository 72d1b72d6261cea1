"""Which changes of the timetable a house takes. When a schedule is due is reckoned outside: zones are files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cuga.errors import BadInput, InvalidTransition
from cuga.model.house_event import ScheduleAdded, ScheduleMissed, SchedulePaused, ScheduleRemoved, ScheduleResumed

MOST = 200  # schedules of one house


def check(
    schedules: Mapping[str, ScheduleAdded],
    missed_until: Mapping[str, datetime],
    event: ScheduleAdded | ScheduleRemoved | ScheduleMissed,
) -> None:
    """Refuse a schedule that could never be due, one that is not there, and times that were told already."""
    name = event.schedule_id
    if isinstance(event, ScheduleAdded):
        if name in schedules or len(schedules) >= MOST:
            raise BadInput(f"there is a schedule {name} already, or {MOST} in all")
        if not event.goal.strip():
            raise BadInput("a schedule needs a goal")
        if not event.weekdays or not set(event.weekdays) <= set(range(7)):
            raise BadInput("a schedule needs days of the week", mend="They are numbers, 0 for Monday to 6 for Sunday.")
        if not is_time(event.time):
            raise BadInput(f"{event.time!r} is no time of day", mend="Write it as HH:MM, e.g. 08:00.")
        return
    _must_be_there(schedules, name)
    if isinstance(event, ScheduleMissed) and name in missed_until and event.last <= missed_until[name]:
        raise InvalidTransition(f"those times of {name} have been told already")


def check_pause(
    schedules: Mapping[str, ScheduleAdded],
    paused: Mapping[str, SchedulePaused],
    event: SchedulePaused | ScheduleResumed,
) -> None:
    """Refuse to pause what is paused, and to resume what is not."""
    _must_be_there(schedules, event.schedule_id)
    if (event.schedule_id in paused) == isinstance(event, SchedulePaused):
        raise InvalidTransition(f"{event.schedule_id} is {'paused' if event.schedule_id in paused else 'not paused'}")


def _must_be_there(schedules: Mapping[str, ScheduleAdded], name: str) -> None:
    if name not in schedules:
        raise BadInput(f"there is no schedule {name}", mend="`cuga schedule` lists them.")


def is_time(said: str) -> bool:
    """Whether a text is a time of day as HH:MM."""
    hour, _, minute = said.partition(":")
    is_plain = len(hour) == len(minute) == 2 and said.isascii() and f"{hour}{minute}".isdecimal()
    return is_plain and int(hour) < 24 and int(minute) < 60
