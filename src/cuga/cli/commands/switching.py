"""Commands that switch things while runs go on: adapters and the routing of steps to worker pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

if TYPE_CHECKING:
    from cuga.cli.home import Visit

Reason = Annotated[str, Parameter(help="Why; it is kept in the record.")]


def adapters(
    action: Annotated[
        Literal["enable", "disable", "switch", "mode"] | None, Parameter(name="ACTION", help="Left out: list them.")
    ] = None,
    name: Annotated[str, Parameter(name="NAME", help="The adapter; for mode: offline, live, hybrid or profile.")] = "",
    /,
    *,
    for_: Annotated[
        str, Parameter(name="--for", help="The capability that is meant, e.g. crm. Left out: every one it fits.")
    ] = "",
    reason: Reason = "",
    options: Options = PLAIN,
) -> int:
    """List the adapters of a house, or switch them while runs go on.

    disable and enable take one out of use and back. switch lets a capability use one adapter and no other. mode says
    where a capability reads and writes: inside the house (offline), outside (live), reads outside and writes inside
    (hybrid), or as each profile prefers (profile, which also lets a switch go). A call in flight keeps its adapter;
    open requests that are bound to another one are withdrawn and asked anew.

    Examples:

        cuga adapters

        cuga adapters disable smtp --reason "mail server is being moved"

        cuga adapters switch folder

        cuga adapters mode hybrid --for crm
    """
    if action is not None and not name:
        raise BadInput(f"adapters {action} needs a name", mend="`cuga adapters --help` shows examples.")
    if action == "mode" and not for_:
        raise BadInput("adapters mode needs a capability", mend=f"For example: cuga adapters mode {name} --for crm")

    async def work(visit: Visit) -> int:
        front = visit.front
        if action == "enable":
            await front.enable_adapter(name, for_, reason)
        elif action == "disable":
            await front.disable_adapter(name, for_, reason)
        elif action == "switch":
            await front.switch_adapter(name, for_, reason)
        elif action == "mode":
            await front.set_adapter_mode(for_, name, reason)
        from cuga.cli.render.house import drawn_adapters
        from cuga.cli.screen import show, show_json

        lines = await front.adapters()
        show_json(lines) if options.json else show(drawn_adapters(lines, await front.house()))
        return Exit.SUCCESS

    return at_house(options, work)


def workers(
    *,
    policy: Annotated[
        str,
        Parameter(help="From the next step on: round_robin, capability, load_balanced, priority or learned."),
    ] = "",
    reason: Reason = "",
    options: Options = PLAIN,
) -> int:
    """List the worker pools of a house with what they are busy with, or route steps by another policy.

    The numbers are those of the process that holds the house, since it began.

    Examples:

        cuga workers

        cuga workers --policy load_balanced
    """

    async def work(visit: Visit) -> int:
        if policy:
            await visit.front.set_routing_policy(policy, reason)
        from cuga.cli.render.house import drawn_workers
        from cuga.cli.screen import show, show_json

        found = await visit.front.workers()
        show_json(found) if options.json else show(drawn_workers(found))
        return Exit.SUCCESS

    return at_house(options, work)
