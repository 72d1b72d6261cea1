"""Commands that keep a house in order: its health, backups, the stop button, its registry, and holding it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cuga.cli.commands.changing import change, done, now
from cuga.cli.exits import Exit
from cuga.cli.given import must_be_readable
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput, CugaError, HouseBusy, HouseNotFound, InvalidTransition

if TYPE_CHECKING:
    from cuga.cli.home import Visit
    from cuga.orchestrator.operating.machine import Finding

LIFT = "cuga halt --lift"
Reason = Annotated[str, Parameter(help="Why; it is kept in the record.")]


def doctor(*, options: Options = PLAIN) -> int:
    """Look at everything a house needs, and say how to mend what is missing. Ends with 9 when something is broken.

    A house that cannot be opened is looked at from outside, and why it cannot be opened is one of the findings.

    Examples:

        cuga doctor

        cuga doctor --json | jq '.[] | select(.state == "broken")'
    """

    async def work(visit: Visit) -> int:
        return _show_findings(await visit.front.doctor(), options)

    try:
        return at_house(options, work)
    except HouseNotFound as missing:
        if options.house is not None:
            raise
        return _without_a_house(missing, options)
    except CugaError as error:
        return _unopened(error, options)


def _without_a_house(missing: HouseNotFound, options: Options) -> int:
    import asyncio

    from cuga.orchestrator.coordinator import Coordinator
    from cuga.orchestrator.operating.machine import Finding

    async def look() -> list[Finding]:
        async with Coordinator() as coordinator:
            return await coordinator.doctor()

    house = Finding(what="house", state="note", found=missing.message, mend=missing.next_step)
    found = [house if one.what == house.what else one for one in asyncio.run(look())]  # it was looked at in memory
    return _show_findings(found, options)


def _unopened(error: CugaError, options: Options) -> int:
    """Say what can be said of a house that cannot be opened."""
    from cuga.orchestrator.house.place import find
    from cuga.orchestrator.operating.machine import unopened
    from cuga.settings import read_settings

    settings = read_settings(house=options.house, database=options.database or None)
    return _show_findings(unopened(find(settings.house), settings, error), options)


def _show_findings(found: list[Finding], options: Options) -> int:
    from cuga.cli.render.lists import findings
    from cuga.cli.screen import show, show_json

    show_json(found) if options.json else show(findings(found))
    return Exit.DAMAGED if any(finding.state == "broken" for finding in found) else Exit.SUCCESS


def backup(
    path: Annotated[Path, Parameter(name="PATH", help="The file to write; it must not be there yet.")],
    /,
    *,
    options: Options = PLAIN,
) -> int:
    """Copy the journal, with all runs, approvals and results, while work goes on.

    CRM records are not in it: they come from your exports again. Keep the position and the hash it prints elsewhere:
    they show when the end of a journal was cut off.

    Examples:

        cuga backup backups/monday.db
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json

        whole = path.resolve()
        whole.parent.mkdir(parents=True, exist_ok=True)
        made = await visit.front.backup(str(whole))
        if options.json:
            show_json(made)
        else:
            show(f"{made.path}", f"position {made.position}", f"hash {made.hash}")
        return Exit.SUCCESS

    return at_house(options, work)


def restore(
    path: Annotated[Path | None, Parameter(name="PATH", help="A file that `cuga backup` made.")] = None,
    /,
    *,
    acknowledge: Annotated[
        bool, Parameter(negative="", help="Accept that what came after the backup is gone, and let work go on.")
    ] = False,
    as_it_is: Annotated[
        bool, Parameter(negative="", help="Take the journal as it lies there, though it is behind its seal.")
    ] = False,
    reason: Reason = "",
    options: Options = PLAIN,
) -> int:
    """Put a backup in the place of the journal. Nothing runs until somebody has acknowledged it.

    What was sent after the backup was made is not known any more: look at the outbox before you acknowledge.

    Examples:

        cuga restore backups/monday.db

        cuga restore --acknowledge --reason "nothing was sent since Monday"

        cuga restore --as-it-is
    """
    if (path is not None) + acknowledge + as_it_is != 1:
        raise BadInput(
            "restore takes one of PATH, --acknowledge and --as-it-is",
            mend="For example: cuga restore backups/monday.db",
        )
    if path is not None or as_it_is:
        return _put_back(path, options)

    async def work(visit: Visit) -> int:
        from cuga.model.house_event import RestoreAcknowledged

        before = await visit.front.house()
        if not before.halted or before.halt_ends_with == LIFT:
            return done("No restore waits to be acknowledged; nothing was changed.", options)
        await change(visit, RestoreAcknowledged(at=now(), reason=reason))
        house = await visit.front.house()
        still = f"Acknowledged; the house is still halted: {house.halted}. `{house.halt_ends_with}` ends that."
        return done(still if house.halted else "Acknowledged; work goes on.", options)

    return at_house(options, work)


def _put_back(path: Path | None, options: Options) -> int:
    import asyncio

    from cuga.cli.screen import say, show, show_json
    from cuga.orchestrator.house.place import find
    from cuga.orchestrator.keeping.restoring import put_back
    from cuga.settings import read_settings

    if path is not None:
        must_be_readable(path, "Name a file that `cuga backup` made.", is_file=True)
    settings = read_settings(house=options.house, database=options.database or None)
    restored = asyncio.run(put_back(find(settings.house), path and path.absolute(), settings=settings))
    if options.json:
        show_json(restored)
    else:
        show(
            f"Put back: position {restored.position}.",
            *([f"The journal before it is kept as {restored.aside}"] if restored.aside else []),
        )
        say("Nothing runs until somebody says: cuga restore --acknowledge")
    return Exit.SUCCESS


def halt(
    *words: Annotated[str, Parameter(name="REASON", help="Why.")],
    reason: Annotated[str, Parameter(help="Why, said as an option.")] = "",
    lift: Annotated[bool, Parameter(negative="", help="Let work go on again.")] = False,
    options: Options = PLAIN,
) -> int:
    """Press the stop button: nothing new starts in this house until it is lifted. Calls in flight end.

    Examples:

        cuga halt "wrong price list in the CRM"

        cuga halt --lift "price list corrected"
    """
    said = " ".join((*words, reason)).strip()
    if not said and not lift:
        raise BadInput("halt needs a reason", mend='For example: cuga halt "wrong price list in the CRM"')

    async def work(visit: Visit) -> int:
        from cuga.model.house_event import Halted, HaltLifted
        from cuga.orchestrator.house.assembly import MENDING

        if lift:
            house = await visit.front.house()
            if not house.halted:
                return done("Nothing is halted; work goes on as it is.", options)
            if house.halt_ends_with == MENDING:
                raise InvalidTransition(
                    f"the house is halted because {house.halted}; lifting does not end that",
                    mend=f"`{MENDING}` shows every mistake; work goes on when they are mended.",
                )
            if house.halt_ends_with != LIFT:
                raise InvalidTransition(
                    f"the house was {house.halted}; lifting does not end that",
                    mend=f"Look at the outbox first; then `{house.halt_ends_with} --reason WHY` lets work go on.",
                )
        await change(visit, HaltLifted(at=now(), reason=said) if lift else Halted(at=now(), reason=said))
        lifted = "Lifted; work goes on. `cuga serve` takes up what waited for it, `cuga resume RUN` one run."
        return done(lifted if lift else f"Halted; nothing new starts. Lift it: {LIFT}", options)

    return at_house(options, work)


def check(
    file: Annotated[Path | None, Parameter(name="FILE", help="A registry; left out: that of the house.")] = None,
    /,
    *,
    options: Options = PLAIN,
) -> int:
    """Check a registry and name every mistake at once, each with its line. Ends with 2 when there is one.

    Examples:

        cuga policy check registry.yaml
    """
    from cuga.cli.screen import show, show_json
    from cuga.orchestrator.house.place import find
    from cuga.orchestrator.keeping.restoring import checked_registry
    from cuga.settings import read_settings

    path = file if file is not None else find(read_settings(house=options.house).house).registry
    try:
        body = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}",
            mend="Name a registry.yaml; left out, that of the house is checked.",
        ) from error
    registry = checked_registry(body, str(path))
    if options.json:
        show_json(
            {
                "file": str(path),
                "profiles": sorted(registry.profiles),
                "default_profile": registry.default_profile,
                "digest": registry.digest(),
            }
        )
    else:
        show(
            f"{path} holds.",
            f"profiles {', '.join(sorted(registry.profiles))}; default {registry.default_profile}",
            f"digest {registry.digest()}",
        )
    return Exit.SUCCESS


def _group(said: str) -> int:
    """The number of a group of the system, by its name or number."""
    import grp

    try:
        return grp.getgrnam(said).gr_gid
    except KeyError:
        if said.isdecimal():
            return int(said)
        raise BadInput(f"there is no group {said!r} on this machine", mend="`getent group` lists them") from None


def serve(
    *,
    host: Annotated[str, Parameter(help="The address to listen at.", show_default=True)] = "127.0.0.1",
    port: Annotated[int | None, Parameter(help="The port; 0: any that is free. Left out: 8080 if it is free.")] = None,
    public_url: Annotated[str, Parameter(help="Behind a proxy with TLS: what people type, https://NAME.")] = "",
    open: Annotated[bool, Parameter(negative="--no-open", help="Open the page in a browser; left out: at a terminal.")]
    | None = None,
    no_page: Annotated[bool, Parameter(negative="", help="Only hold the house; no HTTP.")] = False,
    group: Annotated[
        str, Parameter(help="Let the people of this group of the system in, each as themselves and with a role here.")
    ] = "",
    replies: Annotated[int, Parameter(help="Take replies in every so many minutes; 0: only by `cuga replies`.")] = 0,
    options: Options = PLAIN,
) -> int:
    """Hold the house: go on with every run, wake what is due, answer the other commands, and serve page and API.

    It prints one link that signs you in once. Until Ctrl-C. No telemetry: nothing is sent anywhere by itself.

    Examples:

        cuga serve

        cuga serve --port 0 --no-open

        cuga serve --public-url https://cuga.example.com

        cuga serve --group sales --replies 5
    """
    if replies < 0:
        raise BadInput("--replies takes minutes from 0")

    async def work(visit: Visit) -> int:
        if not visit.is_ours:
            raise HouseBusy(
                visit.holder,
                mend="It is held already; the other commands go through that process; `cuga link` leads to its page.",
            )
        from cuga.cli.serving import Wanted, serve_until_stopped

        if group:
            await visit.let_in(_group(group))
        wanted = None if no_page else Wanted(host=host, port=port, public_url=public_url, opens=open)
        return await serve_until_stopped(visit, wanted, as_json=options.json, replies_s=60 * replies)

    return at_house(options, work, drives_all=True)
