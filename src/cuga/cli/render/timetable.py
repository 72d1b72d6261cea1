"""Goals that are run by the calendar, and what a look at the clock came to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import RenderableType

from cuga.cli.render.outputs import plain_table
from cuga.cli.screen import one_line, text

if TYPE_CHECKING:
    from cuga.model.house_event import ScheduleAdded
    from cuga.orchestrator.calendar.timetable import Started

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def listed(schedules: Sequence[ScheduleAdded], now: datetime, paused: Sequence[str] = ()) -> RenderableType:
    """All schedules with their next time; paused ones have none."""
    from cuga.orchestrator.calendar.due import next_due

    if not schedules:
        return text(
            "Nothing is run by the calendar. `cuga schedule add GOAL --every monday --at 08:00` adds something."
        )
    table = plain_table("schedule", "goal", "when", "next (UTC)", "profile", "by")
    for one in schedules:
        days = "every day" if len(one.weekdays) == 7 else " ".join(_DAYS[day] for day in one.weekdays)
        table.add_row(
            text(one.schedule_id),
            text(one_line(one.goal, 60)),
            text(f"{days} {one.time} {one.zone}"),
            "paused" if one.schedule_id in paused else f"{next_due(one, now):%Y-%m-%d %H:%M}",
            text(one.profile or "default"),
            text(one.by),
        )
    return table


def told(started: Started) -> list[str]:
    """What happened, line by line."""
    lines = []
    for begun in started.begun:
        late = f", {begun.late_s // 60} minutes late" if begun.late_s >= 120 else ""
        lines.append(f"due {begun.due:%Y-%m-%d %H:%M} UTC{late}: {begun.goal} ({begun.run_id})")
    for missed in started.missed:
        span = f"{missed.first:%Y-%m-%d %H:%M}" + (f" to {missed.last:%Y-%m-%d %H:%M}" if missed.times > 1 else "")
        lines.append(
            f"missed {missed.times} time{'s' * (missed.times > 1)} ({span} UTC), not made up for: {missed.goal}"
        )
    lines += [f"could not begin {problem}" for problem in started.problems]
    if not lines:
        coming = f"; next at {started.next_due:%Y-%m-%d %H:%M} UTC" if started.next_due else ""
        lines.append(f"nothing is due{coming}")
    return lines
