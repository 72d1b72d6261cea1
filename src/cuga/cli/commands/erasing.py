"""Commands for personal data and how long a record is kept: erase, retain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

if TYPE_CHECKING:
    from cuga.cli.home import Visit
    from cuga.orchestrator.keeping.erasing import Held

_MACHINES = (
    "Other machines of this house clean their own places by themselves: at once where a process runs, else at its next "
    "start. `cuga doctor` there says what is left, and why."
)
_COPIES = (
    "What was copied out of the house is not reached: backups hold it sealed, under keys that are gone now; evidence, "
    "exports and printed pages may hold it in clear. Find and destroy those yourself."
)


def erase(
    who: Annotated[str, Parameter(name="WHO", help="A contact's id, their address, or their full name.")],
    /,
    *,
    reason: Annotated[str, Parameter(help="Why; it is written down. Do not name them in it.")] = "",
    dry_run: Annotated[bool, Parameter(negative="", help="Show where their data are, and erase nothing.")] = False,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask again.")] = False,
    options: Options = PLAIN,
) -> int:
    """Erase a person: destroy the keys that their data are sealed with, and clean every other place in the house.

    An admin, with a reason. The record stays whole and names nobody; they are never written to again. It cannot be
    taken back, so it asks first.

    Examples:

        cuga erase dana@example.com --dry-run

        cuga erase dana@example.com --reason "asked for by letter of 3 May"
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import asked, is_watched, say, show, show_json

        held = await visit.front.person_data(who)
        if dry_run:
            show_json(held) if options.json else show(*_lines(held))
            return Exit.SUCCESS
        if not reason.strip():
            raise BadInput("erasing somebody needs a reason", mend='Say --reason "asked for by letter of 3 May".')
        if not yes and not is_watched():
            raise BadInput(
                "erasing cannot be taken back, and nobody sits at a terminal to be asked",
                mend="--yes answers for them; --dry-run shows what would be erased.",
            )
        if not yes:
            say(*_lines(held))
            if await asked("This cannot be taken back. Type erase to go on: ") != "erase":
                raise BadInput("nothing was erased", mend="Type erase when asked, or say --yes.")
        done = await visit.front.erase_person(who, reason)
        if options.json:
            show_json(done)
            return Exit.SUCCESS
        show(
            f"Erased. {_count(done.keys, 'key')} destroyed, {_count(done.runs, 'run')} held something of them.",
            *(f"  {place}: {count}" for place, count in done.cleaned.items()),
            *([f"Cancelled: {', '.join(done.cancelled)}."] if done.cancelled else []),
            *([f"Ended, since they named them: {', '.join(done.ended)}."] if done.ended else []),
            *(f"Still names them, and is yours to mend: {one}" for one in done.left),
            *(
                [f"{_count(done.clear_events, 'event')} of before personal data were sealed still hold them in clear."]
                if done.clear_events
                else []
            ),
            *([_MACHINES] if done.is_shared else []),
            _COPIES,
        )
        return Exit.SUCCESS

    return at_house(options, work)


def _lines(held: Held) -> list[str]:
    known = ", ".join((*held.contacts, *held.addresses)) or "no record"
    found = [
        f"{held.who}: {known}",
        f"In {_count(len(held.runs), 'run')}, sealed; the keys are in {held.keys}.",
        *(f"  {run_id}" for run_id in held.runs),
        *([f"Would be cancelled: {', '.join(held.unfinished)}"] if held.unfinished else []),
        *([f"Schedules, standing rules, notices that would end: {', '.join(held.ending)}"] if held.ending else []),
        *(f"Names them, and is not ours to change: {one}" for one in held.documents),
    ]
    if held.clear_events:
        found.append(f"{_count(held.clear_events, 'event')} of before personal data were sealed hold them in clear.")
    return found


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def retain(
    *,
    older_than: Annotated[
        str, Parameter(help="Runs that ended longer ago: 18mo, 2y, 400d. Left out: `retention` of the registry.")
    ] = "",
    reason: Annotated[str, Parameter(help="Why, for the record.")] = "",
    dry_run: Annotated[bool, Parameter(negative="", help="Count, and change nothing.")] = False,
    options: Options = PLAIN,
) -> int:
    """Reduce runs that ended long ago to tombstones: who, when, which step and tool, how it ended. Their words go.

    An admin. Chain, seal, `cuga verify` and evidence still hold and say how many runs are tombstones. No run is reduced
    before six months, nor before what the registry says. It cannot be taken back.

    Examples:

        cuga retain --older-than 18mo --dry-run

        cuga retain --older-than 18mo
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json

        done = await visit.front.retain(older_than, reason, dry_run)
        if options.json:
            show_json(done)
            return Exit.SUCCESS
        what = f"{_count(len(done.runs), 'run')} that ended before {done.before:%Y-%m-%d}"
        counted = f"{_count(done.events, 'event')}, {_count(done.blobs, 'large result')}"
        show(
            f"{what} would become tombstones: {counted}."
            if dry_run
            else f"{what} are tombstones now: {counted}. The record is complete, {done.retired} runs are tombstones.",
            *([] if dry_run or not done.runs else ["Backups and evidence of before still hold what they said."]),
        )
        return Exit.SUCCESS

    return at_house(options, work)
