"""Commands that say who may do what: users, delegate, rules."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cuga.cli.commands.changing import change, done, now
from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

if TYPE_CHECKING:
    from cuga.cli.home import Visit


def users(
    action: Annotated[
        Literal["add", "grant", "revoke", "invite", "reset", "leave"] | None,
        Parameter(name="ACTION", help="Left out: list them."),
    ] = None,
    user: Annotated[str, Parameter(name="USER", help="The person's name on this machine.")] = "",
    /,
    *,
    role: Annotated[list[str] | None, Parameter(help="viewer, operator, approver or admin.")] = None,
    to: Annotated[str, Parameter(help="Of somebody who leaves: who sees their things through.")] = "",
    mail: Annotated[str, Parameter(help="Of an invitation: the e-mail address that the link is sent to, too.")] = "",
    options: Options = PLAIN,
) -> int:
    """List the people of a house, add one, give or take roles, invite, reset a password, let somebody go.

    A second person ends the solo mode. `invite` and `reset` print a link that sets a password, once.

    Examples:

        cuga users

        cuga users invite mara --role approver

        cuga users leave tom --to mara
    """
    roles = tuple(role or ())
    if action in ("invite", "reset", "leave"):
        return _let_in_or_go(action, user, roles, to, mail, options)
    if action is not None and (not user or not roles):
        raise BadInput(
            f"users {action} needs a person and a role", mend="For example: cuga users add mara --role approver"
        )

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import say
        from cuga.model import house_event as h

        if action is None:
            return await _show_house(visit, "people", options)
        if action == "add":
            await change(visit, h.UserAdded(at=now(), user=user, roles=roles))
            if not options.json:
                say(
                    f"{user} comes in by an account of that name on this machine, by single sign-on, or by a link:",
                    f"cuga users invite {user}",
                )
        for name in roles if action != "add" else ():
            kind = h.RoleGranted if action == "grant" else h.RoleRevoked
            await change(visit, kind(at=now(), user=user, role=name))
        return await _show_house(visit, "people", options)

    return at_house(options, work)


def _let_in_or_go(action: str, user: str, roles: tuple[str, ...], to: str, mail: str, options: Options) -> int:
    if not user:
        raise BadInput(f"users {action} needs a person", mend=f"For example: cuga users {action} mara")

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import say, show, show_json

        if action == "leave":
            left = await visit.front.user_leaves(user, hand_over_to=to)
            if options.json:
                show_json(left)
            else:
                show(f"{user} has left" + (f"; {to} sees their things through" if to else ""))
            return Exit.SUCCESS
        if action == "invite":
            made = await visit.front.invite(user, roles=roles, mail_to=mail)
        else:
            made = await visit.front.reset_password(user)
        if options.json:
            show_json(made)
        else:
            show(made.link)
            say(f"{user} sets a password with it, once, until {made.expires_at:%Y-%m-%d %H:%M} UTC.")
            if mail:
                say(f"Mailed to {made.mailed_to}." if made.mailed_to else f"It was not mailed: {made.not_mailed}.")
            if not made.link.startswith("http"):
                say("The house is not served now: begin `cuga serve`, and put the address it prints before this path.")
        return Exit.SUCCESS

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

        today = now()
        name = SystemClock().new_id()
        await change(
            visit,
            DelegationGranted(
                at=today, delegation_id=name, user=user, delegate=to, starts=today, ends=today + timedelta(days=days)
            ),
        )
        return done(
            f"{to} decides for {user} until {today + timedelta(days=days):%Y-%m-%d %H:%M} UTC (delegation {name})",
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

        today = now()
        if action == "add":
            matches = dict(_pair(said) for said in match or ())
            await change(
                visit,
                h.StandingRuleAdded(
                    at=today,
                    rule_id=SystemClock().new_id(),
                    tool=name,
                    matches=matches,
                    profile=profile,
                    expires_at=today + timedelta(days=days),
                    uses=uses,
                ),
            )
        elif action == "revoke":
            await change(visit, h.StandingRuleRevoked(at=today, rule_id=name))
        return await _show_house(visit, "rules", options)

    return at_house(options, work)


def _pair(said: str) -> tuple[str, str]:
    pointer, equals, value = said.partition("=")
    if not equals or not pointer.startswith("/"):
        raise BadInput(
            f"--match {said!r}: expected /POINTER=TEXT", mend='For example: --match /account="Velkarin Foods"'
        )
    return pointer, value


async def _show_house(visit: Visit, part: str, options: Options) -> int:
    from cuga.cli.render.house import drawn
    from cuga.cli.screen import show, show_json

    house = await visit.front.house()
    show_json(house) if options.json else show(drawn(house, part))
    return Exit.SUCCESS
