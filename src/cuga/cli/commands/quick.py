"""Quick actions: goals with blanks, filled on the command line or asked for, then planned and run like any other."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cuga.cli.commands.working import Wait
from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

if TYPE_CHECKING:
    from cuga.cli.home import Visit
    from cuga.planning import Ready


def quick(
    name: Annotated[str, Parameter(name="NAME", help="A quick action. Left out: all of them are listed.")] = "",
    *fields: Annotated[
        str, Parameter(name="FIELD=VALUE", help="What goes into its blanks; what is missing is asked for.")
    ],
    profile: Annotated[str, Parameter(help="The rules it runs under.")] = "",
    as_of: Annotated[
        datetime | None, Parameter(help="The date the tools reason from, e.g. 2026-01-05. Left out: today.")
    ] = None,
    wait: Wait = 0.0,
    options: Options = PLAIN,
) -> int:
    """Run one of the goals that sellers have most, by its name and a few words, or list them.

    It is planned, judged and approved like any goal. A terminal is asked for the fields that are missing.

    Examples:

        cuga quick

        cuga quick score-prospect account="Velkarin Foods"

        cuga quick qualify opportunity=D-1001 framework=MEDDICC
    """
    given = _given(fields)
    date = as_of.replace(tzinfo=UTC) if as_of is not None and as_of.tzinfo is None else as_of

    async def work(visit: Visit) -> int:
        from cuga.cli.driving import drive
        from cuga.cli.screen import say, show, show_json
        from cuga.planning import goal_of

        known = await visit.front.plays()
        if not name:
            if options.json:
                show_json(known)
            else:
                from cuga.cli.render import lists

                show(lists.plays(known))
            return Exit.SUCCESS
        play = _named(name, known)
        goal = goal_of(play, await _completed(play, given, options))
        say(f"> {goal}")
        run_id = await visit.begin(goal, profile=profile or visit.settings.profile, as_of=date)
        return await drive(visit, run_id, options, wait_s=wait)

    return at_house(options, work)


def _given(fields: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    for said in fields:
        field, equals, value = said.partition("=")
        if not equals or not field.strip():
            raise BadInput(f"{said!r} is no FIELD=VALUE", mend='Write it so: account="Velkarin Foods"')
        if field.strip() in given:
            raise BadInput(f"{field.strip()} is given twice")
        given[field.strip()] = value
    return given


def _named(name: str, known: list[Ready]) -> Ready:
    found = next((play for play in known if play.name == name), None)
    if found is None:
        near = difflib.get_close_matches(name, [play.name for play in known], 1)
        raise BadInput(
            f"there is no quick action {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
            mend="`cuga quick` lists them.",
        )
    return found


async def _completed(play: Ready, given: Mapping[str, str], options: Options) -> dict[str, str]:
    """The fields, those that are missing asked for where somebody sits at a terminal."""
    from cuga.cli.screen import asked, is_watched

    found = dict(given)
    if play.missing or options.json or not is_watched():
        return found
    for field, what in play.fields.items():
        if not found.get(field, "").strip():
            found[field] = await asked(f"{what}: ")
    return found
