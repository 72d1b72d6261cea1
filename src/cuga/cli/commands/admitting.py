"""Commands about programs and messages: keys, notices, link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cuga.cli.commands.changing import done
from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

if TYPE_CHECKING:
    from cuga.cli.home import Visit


def keys(
    action: Annotated[Literal["make", "revoke"] | None, Parameter(name="ACTION", help="Left out: list them.")] = None,
    name: Annotated[str, Parameter(name="NAME", help="What a new key is for, or the id of one to revoke.")] = "",
    /,
    *,
    scope: Annotated[list[str] | None, Parameter(help="What it may do: look, start_run, steer_run, ...")] = None,
    days: Annotated[float, Parameter(help="How long it lasts.", show_default=True)] = 90.0,
    options: Options = PLAIN,
) -> int:
    """List keys for programs, make one for yourself, or revoke one. A new key is shown once.

    Examples:

        cuga keys make "nightly report" --scope look

        cuga keys revoke 01M7Y6DTRAKT1KZG86XXK1AQ19
    """
    if action == "make" and not scope:
        raise BadInput("keys make needs a --scope", mend='For example: cuga keys make "nightly report" --scope look')
    if action == "revoke" and not name:
        raise BadInput("keys revoke needs an id", mend="`cuga keys` lists them.")

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import say, show, show_json

        if action == "make":
            made = await visit.front.make_key(tuple(scope or ()), label=name, days=days)
            if options.json:
                show_json(made)
            else:
                show(made.text)
                say(f"Key {made.key.key_id}, until {made.key.expires_at:%Y-%m-%d}. It is shown now and never again.")
            return Exit.SUCCESS
        if action == "revoke":
            await visit.front.revoke_key(name)
            return done(f"{name} lets nobody in any more", options)
        found = await visit.front.keys()
        if options.json:
            show_json(found)
        else:
            lines = [f"{one.key_id}  {one.user}  {' '.join(one.scopes)}  {one.label}".rstrip() for one in found]
            show(*(lines or ["no keys"]))
        return Exit.SUCCESS

    return at_house(options, work)


def notices(
    action: Annotated[
        Literal["add", "test", "remove"] | None, Parameter(name="ACTION", help="Left out: list them.")
    ] = None,
    channel: Annotated[
        str, Parameter(name="CHANNEL", help="webhook, slack, teams or email; to test or remove one: its id.")
    ] = "",
    address: Annotated[str, Parameter(name="ADDRESS", help="The address of the webhook, or of the person.")] = "",
    /,
    *,
    about: Annotated[list[str] | None, Parameter(help="waiting, expiring, ended; left out: all.")] = None,
    options: Options = PLAIN,
) -> int:
    """Tell people outside the page that they are waited for: list whom, add, try or remove one.

    `cuga serve` delivers, again and again for a day. A message links to what waits; it never decides.

    Examples:

        cuga notices add slack https://hooks.slack.com/services/T0/B0/x --about waiting

        cuga notices add email mara@example.com

        cuga notices test 01M7Y6DTRAKT1KZG86XXK1AQ19
    """
    if action is not None and (not channel or (action == "add" and not address)):
        raise BadInput(f"notices {action} needs more", mend="`cuga notices --help` shows examples.")

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import say, show, show_json

        if action == "add":
            made = await visit.front.add_notice(channel, address, **({"about": tuple(about)} if about else {}))
            if options.json:
                show_json(made)
            else:
                show(made.notice_id)
                if made.secret:
                    say(f"Messages are signed with {made.secret}; it is shown now and never again.")
            return Exit.SUCCESS
        if action == "test":
            await visit.front.test_notice(channel)
            return done("It arrived.", options)
        if action == "remove":
            await visit.front.remove_notice(channel)
            return done("Nobody is told there any more.", options)
        found = await visit.front.notices()
        if options.json:
            show_json(found)
        else:
            lines = [f"{one.notice_id}  {one.channel}  {one.address}  {' '.join(one.about)}" for one in found]
            show(*(lines or ["nobody is told outside the page"]))
        return Exit.SUCCESS

    return at_house(options, work)


def link(*, options: Options = PLAIN) -> int:
    """Print a new link that signs you in at the page, once. The house must be served.

    Examples:

        cuga link
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json

        made = await visit.front.login_link()
        if not made.startswith("http"):
            raise BadInput("the house is not served over HTTP now", mend="`cuga serve` opens its door and prints one.")
        show_json({"link": made}) if options.json else show(made)
        return Exit.SUCCESS

    return at_house(options, work)
