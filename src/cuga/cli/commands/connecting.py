"""Commands that connect a house to somebody else's systems: setting an adapter up, trying it, reading from it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput, CugaError

if TYPE_CHECKING:
    from cuga.adapters.vendors import Kind, KindSynced
    from cuga.cli.home import Visit

Adapter = Annotated[str, Parameter(name="NAME", help="hubspot, salesforce, pipedrive, tryton or smtp.")]


def setup(
    name: Adapter,
    /,
    *,
    keyring: Annotated[
        bool, Parameter(negative="", help="Keep what is secret in the system's keyring, not in the house's file.")
    ] = False,
    untried: Annotated[bool, Parameter(negative="", help="Keep it without connecting first.")] = False,
    options: Options = PLAIN,
) -> int:
    """Say what an adapter needs and where to find it, try it, and keep it for this house.

    At a terminal each thing is asked for; else lines of NAME=VALUE are read from standard input. What is in the
    environment already is used and not kept. Secrets go into the house's .env or the keyring, never into the registry.

    Examples:

        cuga adapters setup hubspot

        cuga adapters setup smtp --keyring

        cuga adapters setup pipedrive < pipedrive.env
    """
    from cuga.cli.screen import is_watched, say
    from cuga.orchestrator.house.place import find
    from cuga.orchestrator.house.secrets import with_own_variables
    from cuga.orchestrator.house.vendors import kind_named, set_up, try_out
    from cuga.settings import read_settings

    kind = kind_named(name)
    environment = read_settings(house=options.house)
    place = find(environment.house)
    settings = with_own_variables(environment, place)
    say(f"{kind.title} needs:")
    for need in kind.needs:
        more = f" (left out: {need.default})" if need.default else " (may be left out)" if need.is_optional else ""
        say(f"  {need.variable}: {need.what}{more}", *([f"    {need.where}"] if need.where else []))
    say(f"  It must be allowed: {kind.scopes}.", "")
    said = _asked(kind, settings.variables) if is_watched() else _read(kind)
    if not untried:
        try:
            say(f"Connected: {try_out(kind, said, settings, place)}.")
        except CugaError as error:
            say(f"Nothing is kept: {error.message}", *([error.next_step] if error.next_step else []))
            return Exit.DAMAGED
    say(f"Kept in {set_up(kind, said, place, in_keyring=keyring)}." if said else "Nothing new is kept.")
    say(_next(kind))
    return Exit.SUCCESS


def try_(name: Adapter, /, *, options: Options = PLAIN) -> int:
    """Whether an adapter answers now, and as whom we are known there; it is only read from.

    Examples:

        cuga adapters test hubspot
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import say, show_json

        found = await visit.front.try_adapter(name)
        if options.json:
            show_json(found)
        else:
            for one in found:
                word = "works" if one.works else "does not work"
                say(f"{one.adapter} for {one.capability} {word}: {one.said} ({one.took_us // 1000} ms)")
        return Exit.SUCCESS if all(one.works for one in found) else Exit.DAMAGED

    return at_house(options, work)


def sync(
    name: Annotated[str, Parameter(name="NAME", help="The CRM: hubspot, salesforce, pipedrive or tryton.")],
    /,
    *,
    only: Annotated[
        tuple[str, ...], Parameter(help="teams, accounts, contacts, opportunities or activities; may be given again.")
    ] = (),
    options: Options = PLAIN,
) -> int:
    """Read the records of a CRM into this house. As often as you like: what is equal is left alone, nothing is removed.

    Each kind is taken over by itself, so that it may be interrupted; what cannot be taken is listed, record by record.

    Examples:

        cuga sync hubspot

        cuga sync salesforce --only opportunities
    """

    async def work(visit: Visit) -> int:
        from cuga.adapters.vendors.port import KINDS
        from cuga.cli.screen import say, show_json

        if unknown := [kind for kind in only if kind not in KINDS]:
            raise BadInput(f"{unknown[0]} are not read from a CRM", mend=f"There are {', '.join(KINDS)}.")
        found: list[KindSynced] = []
        for kind in (kind for kind in KINDS if not only or kind in only):
            found.append(await visit.front.sync(name, kind))
            if not options.json:
                say(*_told(found[-1]))
        if options.json:
            show_json(found)
        return Exit.PARTIAL if any(one.not_taken for one in found) else Exit.SUCCESS

    return at_house(options, work)


def _told(one: KindSynced) -> list[str]:
    line = f"{one.kind}: {one.read:,} read, {one.added:,} new, {one.changed:,} changed, {one.unchanged:,} as they were"
    if one.not_taken:
        line += f", {one.not_taken:,} not taken"
    rows = [f"  {left.record or '(no id)'}: {left.why}" for left in one.left_out[:20]]
    return [line, *rows, *(["  and more; --json lists them"] if one.not_taken > len(rows) else [])]


def _asked(kind: Kind, known: object) -> dict[str, str]:
    from getpass import getpass

    said: dict[str, str] = {}
    for need in kind.needs:
        is_known = isinstance(known, dict) and bool(known.get(need.variable))
        prompt = f"{need.variable}{' (Enter: as it is)' if is_known else ''}: "
        if need.is_secret:
            said[need.variable] = getpass(prompt, stream=sys.stderr).strip()
        else:
            print(prompt, end="", file=sys.stderr, flush=True)
            said[need.variable] = sys.stdin.readline().strip()
    return {name: value for name, value in said.items() if value}


def _read(kind: Kind) -> dict[str, str]:
    said: dict[str, str] = {}
    known = [need.variable for need in kind.needs]
    for number, line in enumerate(sys.stdin if not sys.stdin.isatty() else (), start=1):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not line.strip() or line.startswith("#"):
            continue
        if not equals or name.strip() not in known:
            raise BadInput(
                f"line {number} of the input is none of {', '.join(known)}", mend="Write NAME=VALUE, one a line."
            )
        said[name.strip()] = value.strip().strip("\"'")
    return {name: value for name, value in said.items() if value}


def _next(kind: Kind) -> str:
    if kind.capability == "mail":
        return f"A profile has to allow it: add {kind.name} to its adapters in the registry, before offline."
    return f"Next: cuga sync {kind.name}. A process that holds the house open has to be started anew."
