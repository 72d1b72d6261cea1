"""The command about being a witness of other houses."""

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
    from cuga.orchestrator.keeping.witnessing import Witnessed


def witness(
    action: Annotated[
        Literal["trust", "distrust", "note"] | None,
        Parameter(name="ACTION", help="Left out: show what was seen, and this house's own key as a witness."),
    ] = None,
    what: Annotated[
        str, Parameter(name="WHAT", help="To trust: the word that `cuga seal` shows there; else a journal's name.")
    ] = "",
    /,
    *,
    label: Annotated[str, Parameter(help="Whose house it is, for people.")] = "",
    epoch: Annotated[int, Parameter(help="Of a note: from before a restore; left out: the newest.")] = 0,
    options: Options = PLAIN,
) -> int:
    """Be a witness of other houses: keep their signed checkpoints, so that nobody there can take one back.

    `cuga serve` takes them, from those whom an admin trusts. The other house names this one in CUGA_ANCHORS.

    Examples:

        cuga witness trust cuga/5b1f07c3aa94d2e8+4f2a91c0+AVp0... --label "Birch Ltd"

        cuga witness

        cuga witness note cuga/5b1f07c3aa94d2e8 > anchor.note
    """
    if action is not None and not what:
        raise BadInput(f"witness {action} needs more", mend="`cuga witness --help` shows examples.")

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json

        if action == "trust":
            origin = await visit.front.trust_origin(what, label)
            return done(f"Checkpoints of {origin} are kept from now on, while this house is served.", options)
        if action == "distrust":
            await visit.front.distrust_origin(what)
            return done(f"No further checkpoint of {what} is taken. What was seen stays.", options)
        if action == "note":
            print(await visit.front.witnessed_note(what, epoch), end="")
            return Exit.SUCCESS
        found, key = await visit.front.witnessed(), await visit.front.witness_key()
        if options.json:
            show_json({"key": key, "journals": found})
        else:
            show(f"key         {key}", *(line for one in found for line in _lines(one)))
            if not found:
                show("no other house is known here; `cuga witness trust WORD` makes this one its witness")
        return Exit.SUCCESS

    return at_house(options, work)


def _lines(one: Witnessed) -> list[str]:
    state = "" if one.keys else "  not trusted any more"
    lines = [f"{one.origin}  {one.label}{state}".rstrip()]
    if not one.epochs:
        lines.append("  nothing was seen yet")
    for number, epoch in enumerate(one.epochs):
        what = f"{epoch.size} appends, {epoch.position} events, last {epoch.at:%Y-%m-%d %H:%M} UTC"
        began = f"; it was restored before {epoch.since:%Y-%m-%d %H:%M} UTC" if number or epoch.epoch > 1 else ""
        lines.append(f"  epoch {epoch.epoch}: {what}{began}")
    return lines
