"""The command for runs that begin by the calendar: schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cuga.cli.commands.changing import change, done, now
from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

if TYPE_CHECKING:
    from cuga.cli.home import Visit

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPANS = {"day": tuple(range(7)), "workday": tuple(range(5))}


def schedule(
    action: Annotated[
        Literal["add", "pause", "resume", "remove", "run"] | None, Parameter(name="ACTION", help="Left out: list.")
    ] = None,
    *what: Annotated[str, Parameter(name="WHAT", help="The goal to add; else the id of one, or its end.")],
    every: Annotated[
        list[str] | None, Parameter(help="monday ... sunday, workday or day; more than one may be given.")
    ] = None,
    at: Annotated[str, Parameter(help="Time of day, HH:MM.")] = "",
    zone: Annotated[str, Parameter(help="Whose clocks, e.g. Europe/Berlin.", show_default=True)] = "UTC",
    profile: Annotated[str, Parameter(help="The rules the runs are made under.")] = "",
    reason: Annotated[str, Parameter(help="Why; it is kept in the record.")] = "",
    options: Options = PLAIN,
) -> int:
    """List goals that are run again and again, add one, pause, resume or remove one, or run what is due now.

    `cuga serve` begins them by itself; without it a clock of your own (cron) calls `cuga schedule run`.
    Each due time begins one run, however many look. Times that nobody was there for are told: only the
    latest is made up for, within a day.

    Examples:

        cuga schedule add "Which deals are at risk?" --every monday --at 08:00 --zone Europe/Berlin

        cuga schedule run

        cuga schedule pause 4Q0D --reason "we are on holiday"

        cuga schedule remove 4Q0D --reason "nobody reads it"
    """  # fmt: skip
    said = " ".join(what).strip()
    if action in ("add", "pause", "resume", "remove") and not said:
        raise BadInput(f"schedule {action} needs {'a goal' if action == 'add' else 'the id of one'}")
    days = _days(every or []) if action == "add" else ()
    if action == "add" and not at:
        raise BadInput("schedule add needs a time", mend='For example: --every monday --at "08:00"')

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json
        from cuga.model import house_event as h

        match action:
            case "add":
                from cuga.clock import SystemClock

                name = SystemClock().new_id()
                added = h.ScheduleAdded(
                    at=now(), schedule_id=name, goal=said, profile=profile, weekdays=days, time=at, zone=zone
                )
                await change(visit, added)
                from cuga.orchestrator.calendar.due import next_due

                return done(f"{name}: first at {next_due(added, now()):%Y-%m-%d %H:%M} UTC", options)
            case "remove":
                name = await _named(visit, said)
                await change(visit, h.ScheduleRemoved(at=now(), schedule_id=name, reason=reason))
                return done(f"{name} is removed; runs that it began go on", options)
            case "pause":
                name = await _named(visit, said)
                await change(visit, h.SchedulePaused(at=now(), schedule_id=name, reason=reason))
                return done(f"{name} begins nothing until: cuga schedule resume {name}", options)
            case "resume":
                name = await _named(visit, said)
                await change(visit, h.ScheduleResumed(at=now(), schedule_id=name))
                return done(f"{name} begins runs again from its next time on", options)
            case "run":
                return await _run_due(visit, options)
            case _:
                house = await visit.front.house()
                from cuga.cli.render.timetable import listed

                show_json(house.schedules) if options.json else show(
                    listed(house.schedules, now(), house.paused_schedules)
                )
        return Exit.SUCCESS

    return at_house(options, work)


async def _run_due(visit: Visit, options: Options) -> int:
    """Begin what is due and follow each run to its end or park; the gravest of their exit codes."""
    from cuga.cli.driving import drive
    from cuga.cli.render.timetable import told
    from cuga.cli.screen import say, show_json

    started = await visit.front.start_due()
    if options.json:
        show_json(started, line=True)
    else:
        say(*told(started))
    codes = [await drive(visit, begun.run_id, options) for begun in started.begun]
    return max([*codes, Exit.FAILED if started.problems else Exit.SUCCESS])


def _days(every: list[str]) -> tuple[int, ...]:
    found: set[int] = set()
    for said in (word.strip().casefold() for part in every for word in part.split(",")):
        if said in _SPANS:
            found.update(_SPANS[said])
        elif said in DAYS:
            found.add(DAYS.index(said))
        else:
            raise BadInput(f"--every {said!r}: not known", mend=f"There are {', '.join((*DAYS, *_SPANS))}.")
    if not found:
        raise BadInput("schedule add needs --every", mend="For example: --every monday --every thursday")
    return tuple(sorted(found))


async def _named(visit: Visit, said: str) -> str:
    """The schedule that is meant, by its id or the last letters of it."""
    names: list[str] = [one.schedule_id for one in (await visit.front.house()).schedules]
    fitting = [name for name in names if name == said.upper() or (len(said) >= 4 and name.endswith(said.upper()))]
    if len(fitting) != 1:
        raise BadInput(f"{said!r} fits {len(fitting)} schedules", mend="`cuga schedule` lists them.")
    return fitting[0]
