"""Commands that only look: runs, result, trace, audit, signals, tools, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators

from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.names import run_named
from cuga.cli.options import PLAIN, Options

if TYPE_CHECKING:
    from cuga.cli.home import Visit

Run = Annotated[str, Parameter(name="RUN", help="A run: its id, the last letters of it, or `last`.")]
Statuses = Literal["running", "parked", "success", "partial", "failed", "cancelled"]


def runs(
    *,
    status: Annotated[Statuses | None, Parameter(help="Only runs that stand there.")] = None,
    limit: Annotated[
        int, Parameter(help="How many to show at most.", show_default=True, validator=validators.Number(gte=1))
    ] = 20,
    options: Options = PLAIN,
) -> int:
    """List runs, newest first.

    Examples:

        cuga runs --status parked
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import say, show, show_json
        from cuga.model.event import Status

        lines = await visit.front.runs(status=Status(status) if status else None, limit=limit)
        if options.json:
            show_json(lines)
        else:
            from cuga.cli.render.lists import runs as drawn

            show(drawn(lines, status or ""))
            left = [line.run_id for line in lines if line.status is Status.RUNNING]
            if left and visit.is_ours and not visit.place.database.exists():
                say("", "Nobody is at work in this house now: what is running was interrupted, and goes on with")
                say(f"  cuga resume {left[0]}", "  cuga serve    goes on with all of them")
        return Exit.SUCCESS

    return at_house(options, work)


def result(run: Run, /, *, options: Options = PLAIN) -> int:
    """Show what came of a run. Ends with the exit code of the run.

    Examples:

        cuga result last

        cuga result last --json
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.driving import asked_of, finish

        found = await visit.front.show(await run_named(visit, run))
        return finish(found, options, await asked_of(visit, found, options))

    return at_house(options, work)


def replay(
    run: Run,
    /,
    *,
    hash: Annotated[
        bool, Parameter(negative="", help="The hash of the run's state after each event, and nothing else.")
    ] = False,
    options: Options = PLAIN,
) -> int:
    """Fold a run from its journal and decide it again: does every decision come out as it was recorded?

    What tools answered and people said is taken as recorded. Ends with 5 when something comes out otherwise, and with 9
    when the record itself is damaged.

    Examples:

        cuga replay last

        cuga replay last --hash
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.render.trying import hashes, replayed
        from cuga.cli.screen import show, show_json

        found = await visit.front.replay(await run_named(visit, run), hash)
        if options.json:
            show_json(found)
        else:
            show(hashes(found) if hash else replayed(found))
        if found.broken or found.lost:
            return Exit.DAMAGED
        return Exit.FAILED if found.verdict == "different" else Exit.SUCCESS

    return at_house(options, work)


def trace(
    run: Run,
    /,
    *,
    follow: Annotated[bool, Parameter(negative="", help="Go on showing what happens until the run has ended.")] = False,
    all: Annotated[bool, Parameter(negative="", help="Every event, not only the ten of the trace.")] = False,
    options: Options = PLAIN,
) -> int:
    """Show what happened in a run, event by event. With `--json --follow`: one JSON object a line.

    Examples:

        cuga trace last

        cuga trace last --all --follow
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.following import follow_trace, show_trace

        run_id = await run_named(visit, run)
        if follow:
            return await follow_trace(visit, run_id, everything=all, as_json=options.json)
        show_trace(await visit.front.trace(run_id, everything=all), as_json=options.json)
        return Exit.SUCCESS

    return at_house(options, work)


def audit(run: Run, /, *, options: Options = PLAIN) -> int:
    """Show the audit record of a run: who wanted what, who agreed to what and why, what was called, what came of it.

    Examples:

        cuga audit last > audit.txt
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json
        from cuga.projections.audit_text import audit_text

        record = await visit.front.audit(await run_named(visit, run))
        if options.json:
            show_json(record)
        else:
            show(audit_text(record).rstrip("\n"))
        return Exit.SUCCESS

    return at_house(options, work)


def signals(
    *,
    profile: Annotated[str, Parameter(help="Only runs under this profile.")] = "",
    run: Annotated[str, Parameter(help="The budgets of one run instead.")] = "",
    options: Options = PLAIN,
) -> int:
    """Show the golden signals: how runs end, how long tools take and how often they fail, how long people take.

    Examples:

        cuga signals --profile smb
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.render import lists
        from cuga.cli.screen import show, show_json

        if run:
            budget = await visit.front.budget(await run_named(visit, run))
            show_json(budget.as_dict()) if options.json else show(lists.budget(budget))
            return Exit.SUCCESS
        found = await visit.front.signals(profile=profile)
        show_json(found.as_dict()) if options.json else show(lists.signals(found))
        return Exit.SUCCESS

    return at_house(options, work)


def tools(
    *words: Annotated[str, Parameter(name="WORDS", help="What you want to do, or the name of one tool.")],
    options: Options = PLAIN,
) -> int:
    """List the tools of the house: what each does, its class, its cost. With words: the ones that fit, best first.

    Examples:

        cuga tools

        cuga tools draft a mail

        cuga tools send_message
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.render import lists
        from cuga.cli.screen import show, show_json

        said = " ".join(words)
        found = await visit.front.tools()
        exact = [contract for contract in found if contract.name == said]
        found = exact or (await visit.front.tools(said) if said else found)
        if options.json:
            show_json(found)
        else:
            show(lists.tool(exact[0]) if exact else lists.tools(found))
        return Exit.SUCCESS

    return at_house(options, work)


def export(
    run: Run,
    /,
    *,
    format: Annotated[
        Literal["csv", "json", "xlsx"],
        Parameter(help="csv: one table a file; xlsx: one workbook; json: the whole result."),
    ] = "csv",
    out: Annotated[Path, Parameter(help="The directory to write to; made when it is not there.")] = Path("."),
    options: Options = PLAIN,
) -> int:
    """Write the result of a run to files that a spreadsheet or a program reads.

    Examples:

        cuga export last --format csv --out results/
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json
        from cuga.errors import BadInput
        from cuga.projections.export import exported
        from cuga.redact import Redactor

        result = await visit.front.show(await run_named(visit, run))
        scrub = Redactor.from_environment(visit.settings.variables).scrub
        files = exported(result, format, scrub)
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name, body in files.items():
                (out / name).write_bytes(body)
        except OSError as error:
            raise BadInput(f"{out} cannot be written: {error.strerror or error}") from error
        paths = [str(out / name) for name in files]
        show_json(paths) if options.json else show(*paths)
        return Exit.SUCCESS

    return at_house(options, work)
