"""The command that shows the main job in a house of made-up records: demo."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cuga.cli.commands.making import made_in, note, quoted, sampled
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options

if TYPE_CHECKING:
    from cuga.cli.home import Visit
    from cuga.orchestrator.house.place import Place
    from cuga.packs.sales.importing.report import ImportReport

DEMO_GOAL = "Score Velkarin Foods, draft a first email to its buyer, check it, and qualify the open deal"


def demo(
    directory: Annotated[
        Path | None,
        Parameter(name="DIR", help="Where the sample house shall be; left out: demo in the user's data directory."),
    ] = None,
    /,
    *,
    production: Annotated[
        bool, Parameter(negative="", help="Run it under the strict profile, with a second person who must agree.")
    ] = False,
    ask: Annotated[
        bool, Parameter(negative="", help="With --production: you decide for the second person, not a script.")
    ] = False,
    delay: Annotated[float, Parameter(help="With --production: seconds the scripted person takes to agree.")] = 2.0,
    options: Options = PLAIN,
) -> int:
    """Make a sample house, run the main job in it, and show the result. Needs no network, no account and no key.

    Examples:

        cuga demo

        cuga demo --production --ask
    """
    from cuga.cli.screen import say
    from cuga.orchestrator.house.place import demo_house

    place = made_in(directory if directory is not None else demo_house())
    report = sampled(place)
    if production or ask:
        return _produce(place, options, ask=ask, delay=delay)
    say(
        f"A sample house in {place.root}: {report.stored:,} records of a fictitious company. It stays.",
        f'> cuga run "{DEMO_GOAL}" --profile smb',
        "",
    )
    return at_house(
        replace(options, house=place.root),
        lambda visit: _show_off(visit, report, options),
    )


def _produce(place: Place, options: Options, *, ask: bool, delay: float) -> int:
    import asyncio

    from cuga.cli.exits import of_status
    from cuga.cli.production import asking, produce, scripted
    from cuga.cli.screen import say, show, show_json
    from cuga.settings import read_settings

    say(f"A sample house in {place.root}.", f'> "{DEMO_GOAL}", under enterprise, for ann; bob must agree', "")
    decide = asking() if ask else scripted(max(delay, 0.0))
    report = asyncio.run(produce(place, decide, read_settings().variables))
    if options.json:
        show_json(report)
    else:
        show(*report.lines())
    say("", f"Look closer: cuga audit {report.run_id} --house {quoted(place.root)}")
    return of_status(report.status)


async def _show_off(visit: Visit, report: ImportReport, options: Options) -> int:
    from cuga.cli.driving import drive
    from cuga.cli.screen import say

    await note(visit, report)
    run_id = await visit.begin(DEMO_GOAL, profile="smb")
    code = await drive(visit, run_id, options)
    house = visit.place.root
    say(
        "",
        "Try next:",
        *_on_the_path(),
        f"  export CUGA_HOUSE={quoted(house)}",
        '  cuga run "Draft a first email to the buyer of Velkarin Foods and send it" --profile enterprise',
        "  cuga inbox",
        "  cuga approve last",
        "  cuga trace last",
        "  cuga verify",
        "Your own data: cuga init sales/ --from DIR_OF_CSV",
    )
    return code


def _on_the_path() -> list[str]:
    """The line that makes the shell find `cuga`, when it does not."""
    import sys

    if shutil.which("cuga") is not None:
        return []
    folder = Path(sys.executable).absolute().parent
    if not (folder / "cuga").exists():
        return []
    here = Path.cwd()
    shown = f"$PWD/{folder.relative_to(here)}" if folder.is_relative_to(here) else str(folder)
    return [f'  export PATH="{shown}:$PATH"']
