"""Runs that begin by the calendar: each due time begins one run, whoever looks and however often.

The id of the run is made of the schedule and the time, and a journal takes the first event of a stream once: that is
the whole lock. A time that nobody was there for is made up for while it is fresh, the latest one only; others are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cuga.errors import BadInput, CugaError, InvalidTransition, NotAllowed
from cuga.model import house_event as h
from cuga.model.context import SYSTEM
from cuga.model.value import Value
from cuga.orchestrator.calendar.due import due_times, next_due, run_id_of
from cuga.orchestrator.rehearsal.replaying import has_gaps

if TYPE_CHECKING:
    from cuga.orchestrator.coordinator import Coordinator
    from cuga.orchestrator.house.assembly import Assembly

FRESH = timedelta(hours=24)  # how late a run may still begin
LOOK_S = 20.0  # seconds after which a server looks again, for schedules that were added meanwhile


class Begun(Value, frozen=True, kw_only=True):
    """A run that was begun for a due time."""

    schedule_id: str
    goal: str
    due: datetime
    run_id: str
    late_s: int


class Missed(Value, frozen=True, kw_only=True):
    """Times that went by without a run."""

    schedule_id: str
    goal: str
    times: int
    first: datetime
    last: datetime


class Started(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What a look at the timetable came to. `problems` are schedules that could not be begun, and why."""

    begun: tuple[Begun, ...]
    missed: tuple[Missed, ...]
    problems: tuple[str, ...]
    next_due: datetime | None


async def start_due(front: Coordinator) -> Started:
    """Begin what is due now, each due time at most once over all processes and for all time."""
    assembly = await front.open()
    async with assembly.timing:
        return await _start_due(front, assembly)


async def keep_time(front: Coordinator, tell: Callable[[Started], None]) -> None:
    """Begin what is due as it comes, until cancelled; `tell` hears of every look at which something happened."""
    said: tuple[str, ...] = ()
    while True:
        found = await start_due(front)
        if found.begun or found.missed or found.problems != said:
            tell(found)
        said = found.problems
        left = LOOK_S
        if found.next_due is not None:
            now = (await front.open()).clock.now()
            left = min(LOOK_S, max(0.05, (found.next_due - now).total_seconds()))
        await asyncio.sleep(left)


async def _start_due(front: Coordinator, assembly: Assembly) -> Started:
    now = assembly.clock.now()
    begun: list[Begun] = []
    missed: list[Missed] = []
    problems: list[str] = []
    going = [one for name, one in assembly.state.schedules.items() if name not in assembly.state.paused]
    schedules = [] if assembly.current.halted else going
    for schedule in schedules:
        try:
            one, late = await _look(front, assembly, schedule, now)
        except CugaError as error:
            problems.append(f"{schedule.goal}: {error.message}")
            continue
        begun += [one] if one else []
        missed += [late] if late else []
    coming = [next_due(schedule, now) for schedule in going]
    return Started(
        begun=tuple(begun), missed=tuple(missed), problems=tuple(problems), next_due=min(coming, default=None)
    )


async def _look(
    front: Coordinator, assembly: Assembly, schedule: h.ScheduleAdded, now: datetime
) -> tuple[Begun | None, Missed | None]:
    name = schedule.schedule_id
    known = (assembly.state.missed_until, assembly.settled)
    since = max([schedule.at, *(until[name] for until in known if name in until)])
    times = due_times(schedule, since, now)
    if not times:
        return None, None
    open_ = [due for due in times if not await assembly.journal.version(run_id_of(schedule, due))]
    fresh = [due for due in open_[-1:] if due == times[-1] and now - due <= FRESH]
    begun = await _begin(front, assembly, schedule, fresh[0], now) if fresh else None
    late = [due for due in open_ if due not in fresh]
    missed = await _miss(assembly, schedule, late, now) if late else None
    assembly.settled[name] = times[-1]
    return begun, missed


async def _begin(
    front: Coordinator, assembly: Assembly, schedule: h.ScheduleAdded, due: datetime, now: datetime
) -> Begun | None:
    run_id = run_id_of(schedule, due)
    if has_gaps(schedule):
        raise BadInput(f"the words of its goal are gone: `cuga schedule remove {schedule.schedule_id}`")
    who = await front.principal(schedule.by)
    if assembly.current.roles and not who.roles:
        raise NotAllowed(f"{schedule.by}, who added it, has no role any more", mend="Remove it, or add it yourself.")
    try:
        await front.start_scheduled(schedule, run_id, who)
    except InvalidTransition:
        if not await assembly.journal.version(run_id):
            raise
        return None  # another process was there first
    late = int((now - due).total_seconds())
    return Begun(schedule_id=schedule.schedule_id, goal=schedule.goal, due=due, run_id=run_id, late_s=late)


async def _miss(assembly: Assembly, schedule: h.ScheduleAdded, late: list[datetime], now: datetime) -> Missed | None:
    told = Missed(schedule_id=schedule.schedule_id, goal=schedule.goal, times=len(late), first=late[0], last=late[-1])
    event = h.ScheduleMissed(
        at=now, by=SYSTEM.id, schedule_id=told.schedule_id, times=told.times, first=told.first, last=told.last
    )
    try:
        await assembly.change(event, SYSTEM)
    except InvalidTransition:
        return None  # told by another process
    return told
