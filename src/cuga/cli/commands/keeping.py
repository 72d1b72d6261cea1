"""Commands that keep a house in order: its health, backups, stop button, people, rules, adapters, and holding it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput, HouseBusy, HouseNotFound

if TYPE_CHECKING:
    from cuga.cli.home import Visit
    from cuga.orchestrator.health import Finding

Reason = Annotated[str, Parameter(help="Why; it is kept in the record.")]


def doctor(*, options: Options = PLAIN) -> int:
    """Look at everything a house needs, and say how to mend what is missing. Ends with 9 when something is broken.

    Examples:

        cuga doctor
    """

    async def work(visit: Visit) -> int:
        return _show_findings(await visit.front.doctor(), options)

    try:
        return at_house(options, work)
    except HouseNotFound as missing:
        if options.house is not None:
            raise
        return _without_a_house(missing, options)


def _without_a_house(missing: HouseNotFound, options: Options) -> int:
    import asyncio

    from cuga.orchestrator.coordinator import Coordinator
    from cuga.orchestrator.health import Finding

    async def look() -> list[Finding]:
        async with Coordinator() as coordinator:
            return await coordinator.doctor()

    found = [*asyncio.run(look()), Finding(what="house", state="note", found=missing.message, mend=missing.next_step)]
    return _show_findings(found, options)


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

        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        made = await visit.front.backup(str(path.absolute()))
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
    reason: Reason = "",
    options: Options = PLAIN,
) -> int:
    """Put a backup in the place of the journal. Nothing runs until somebody has acknowledged it.

    What was sent after the backup was made is not known any more: look at the outbox before you acknowledge.

    Examples:

        cuga restore backups/monday.db

        cuga restore --acknowledge --reason "nothing was sent since Monday"
    """
    if (path is None) == (not acknowledge):
        raise BadInput("restore takes either PATH or --acknowledge")
    if path is not None:
        return _put_back(path, options)

    async def work(visit: Visit) -> int:
        from cuga.model.house_event import RestoreAcknowledged

        await _change(visit, RestoreAcknowledged(at=_now(), reason=reason))
        return _done("Acknowledged; work goes on.", options)

    return at_house(options, work)


def _put_back(path: Path, options: Options) -> int:
    import asyncio

    from cuga.cli.screen import say, show, show_json
    from cuga.orchestrator.place import find
    from cuga.orchestrator.restoring import put_back
    from cuga.settings import read_settings

    if not path.is_file():
        raise BadInput(f"there is no file {path}", mend="Name a file that `cuga backup` made.")
    settings = read_settings(house=options.house)
    restored = asyncio.run(put_back(find(settings.house), path.absolute(), settings=settings))
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
    *reason: Annotated[str, Parameter(name="REASON", help="Why.")],
    lift: Annotated[bool, Parameter(negative="", help="Let work go on again.")] = False,
    options: Options = PLAIN,
) -> int:
    """Press the stop button: nothing new starts in this house until it is lifted. Calls in flight end.

    Examples:

        cuga halt "wrong price list in the CRM"

        cuga halt --lift "price list corrected"
    """
    said = " ".join(reason).strip()
    if not said and not lift:
        raise BadInput("halt needs a reason", mend='For example: cuga halt "wrong price list in the CRM"')

    async def work(visit: Visit) -> int:
        from cuga.model.house_event import Halted, HaltLifted

        await _change(visit, HaltLifted(at=_now(), reason=said) if lift else Halted(at=_now(), reason=said))
        return _done(
            "Lifted; work goes on." if lift else "Halted; nothing new starts. Lift it: cuga halt --lift", options
        )

    return at_house(options, work)


def users(
    action: Annotated[
        Literal["add", "grant", "revoke"] | None, Parameter(name="ACTION", help="Left out: list them.")
    ] = None,
    user: Annotated[str, Parameter(name="USER", help="The person's name on this machine.")] = "",
    /,
    *,
    role: Annotated[list[str] | None, Parameter(help="viewer, operator, approver or admin.")] = None,
    options: Options = PLAIN,
) -> int:
    """List the people of a house, add one, give or take roles. A second person ends the solo mode.

    Examples:

        cuga users

        cuga users add mara --role approver
    """
    roles = tuple(role or ())
    if action is not None and (not user or not roles):
        raise BadInput(
            f"users {action} needs a person and a role", mend="For example: cuga users add mara --role approver"
        )

    async def work(visit: Visit) -> int:
        from cuga.model import house_event as h

        if action is None:
            return await _show_house(visit, "people", options)
        if action == "add":
            await _change(visit, h.UserAdded(at=_now(), user=user, roles=roles))
        for name in roles if action != "add" else ():
            kind = h.RoleGranted if action == "grant" else h.RoleRevoked
            await _change(visit, kind(at=_now(), user=user, role=name))
        return await _show_house(visit, "people", options)

    return at_house(options, work)


def delegate(
    user: Annotated[str, Parameter(name="USER", help="Who is away.")],
    to: Annotated[str, Parameter(name="TO", help="Who decides for them.")],
    /,
    *,
    days: Annotated[float, Parameter(help="For how long, from now.", show_default=True)] = 7.0,
    options: Options = PLAIN,
) -> int:
    """Let one person decide for another, for a time. Both names are on every such decision.

    Examples:

        cuga delegate mara tom --days 14
    """

    async def work(visit: Visit) -> int:
        from cuga.clock import SystemClock
        from cuga.model.house_event import DelegationGranted

        now = _now()
        name = SystemClock().new_id()
        await _change(
            visit,
            DelegationGranted(
                at=now, delegation_id=name, user=user, delegate=to, starts=now, ends=now + timedelta(days=days)
            ),
        )
        return _done(
            f"{to} decides for {user} until {now + timedelta(days=days):%Y-%m-%d %H:%M} UTC (delegation {name})",
            options,
        )

    return at_house(options, work)


def rules(
    action: Annotated[Literal["add", "revoke"] | None, Parameter(name="ACTION", help="Left out: list them.")] = None,
    name: Annotated[str, Parameter(name="NAME", help="A tool to agree to, or the rule to revoke.")] = "",
    /,
    *,
    match: Annotated[list[str] | None, Parameter(help="/POINTER=TEXT: an argument that must be exactly this.")] = None,
    profile: Annotated[str, Parameter(help="Only for runs under this profile.")] = "",
    uses: Annotated[int, Parameter(help="How many times at most.", show_default=True)] = 10,
    days: Annotated[float, Parameter(help="For how long, from now.", show_default=True)] = 7.0,
    options: Options = PLAIN,
) -> int:
    """List standing rules, add one, or revoke one. They agree in advance, but never to what leaves the house.

    Examples:

        cuga rules add draft_outbound_message --match /account="Velkarin Foods" --uses 5

        cuga rules revoke 01M7Y6DTRAKT1KZG86XXK1AQ19
    """
    if action is not None and not name:
        raise BadInput(f"rules {action} needs a name", mend="`cuga rules --help` shows examples.")

    async def work(visit: Visit) -> int:
        from cuga.clock import SystemClock
        from cuga.model import house_event as h

        now = _now()
        if action == "add":
            matches = dict(_pair(said) for said in match or ())
            await _change(
                visit,
                h.StandingRuleAdded(
                    at=now,
                    rule_id=SystemClock().new_id(),
                    tool=name,
                    matches=matches,
                    profile=profile,
                    expires_at=now + timedelta(days=days),
                    uses=uses,
                ),
            )
        elif action == "revoke":
            await _change(visit, h.StandingRuleRevoked(at=now, rule_id=name))
        return await _show_house(visit, "rules", options)

    return at_house(options, work)


def _pair(said: str) -> tuple[str, str]:
    pointer, equals, value = said.partition("=")
    if not equals or not pointer.startswith("/"):
        raise BadInput(
            f"--match {said!r}: expected /POINTER=TEXT", mend='For example: --match /account="Velkarin Foods"'
        )
    return pointer, value


def adapters(
    action: Annotated[
        Literal["enable", "disable"] | None, Parameter(name="ACTION", help="Left out: list them.")
    ] = None,
    name: Annotated[str, Parameter(name="NAME", help="The adapter.")] = "",
    /,
    *,
    reason: Reason = "",
    options: Options = PLAIN,
) -> int:
    """List which adapters are switched off, or switch one. Requests bound to a disabled one are withdrawn.

    Examples:

        cuga adapters disable smtp --reason "mail server is being moved"
    """
    if action is not None and not name:
        raise BadInput(f"adapters {action} needs a name")

    async def work(visit: Visit) -> int:
        from cuga.model.house_event import AdapterSwitched

        if action is not None:
            await _change(visit, AdapterSwitched(at=_now(), adapter=name, enabled=action == "enable", reason=reason))
        return await _show_house(visit, "adapters", options)

    return at_house(options, work)


async def _show_house(visit: Visit, part: str, options: Options) -> int:
    from cuga.cli.render.house import drawn
    from cuga.cli.screen import show, show_json

    house = await visit.front.house()
    show_json(house) if options.json else show(drawn(house, part))
    return Exit.SUCCESS


async def _change(visit: Visit, event: Any) -> None:
    await visit.front.change(event)


def _done(said: str, options: Options) -> int:
    from cuga.cli.screen import say, show_json

    show_json({"done": said}) if options.json else say(said)
    return Exit.SUCCESS


def _now() -> datetime:
    from cuga.clock import SystemClock

    return SystemClock().now().astimezone(UTC)


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
    from cuga.orchestrator.place import find
    from cuga.orchestrator.restoring import checked_registry
    from cuga.settings import read_settings

    path = file if file is not None else find(read_settings(house=options.house).house).registry
    try:
        body = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
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


def serve(*, options: Options = PLAIN) -> int:
    """Hold the house: go on with every run, wake what is due, answer the other commands. Until Ctrl-C.

    Examples:

        cuga serve
    """

    async def work(visit: Visit) -> int:
        if not visit.is_ours:
            raise HouseBusy(visit.holder, mend="It is held already; the other commands go through that process.")
        from cuga.cli.serving import serve_until_stopped

        return await serve_until_stopped(visit, as_json=options.json)

    return at_house(options, work, drives_all=True)
