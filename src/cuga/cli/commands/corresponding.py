"""Commands for mail that comes in and for those who must not be written to: replies, suppression."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cuga.cli.commands.changing import done
from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

if TYPE_CHECKING:
    from cuga.cli.home import Visit


def replies(*, options: Options = PLAIN) -> int:
    """Take in the mails of the house's inbox (.eml files) and of its mailbox, each once, and say what followed.

    Each becomes an activity in the CRM, with what it means. Who opted out and what bounced goes on
    the suppression list, cadences to whoever answered stop. Nothing else follows from a mail by itself.

    Examples:

        cuga replies

        cuga replies --json
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json

        taken = await visit.front.take_replies()
        if options.json:
            show_json(taken)
        else:
            from cuga.cli.render.mailroom import whole

            show(whole(taken, visit.place.inbox))
        return Exit.PARTIAL if taken.trouble else Exit.SUCCESS

    return at_house(options, work)


def suppression(
    action: Annotated[
        Literal["add", "import", "remove", "why"] | None, Parameter(name="ACTION", help="Left out: list it.")
    ] = None,
    what: Annotated[
        str, Parameter(name="WHAT", help="An address, @domain for all of a domain, or a CSV file to import.")
    ] = "",
    /,
    *,
    reason: Annotated[str, Parameter(help="Why; it is kept in the record.")] = "",
    options: Options = PLAIN,
) -> int:
    """List who must not be written to, add or import addresses, take one off, or ask why one is blocked.

    It wins over every approval. Everybody may add to it; only an admin takes an entry off, with a reason.

    Examples:

        cuga suppression add nora@example.com --reason "asked on the phone"

        cuga suppression import opt-outs.csv --reason "list of the old system"

        cuga suppression why nora@example.com

        cuga suppression remove nora@example.com --reason "she signed up again on 3 March"
    """
    if action is not None and not what.strip():
        raise BadInput(f"suppression {action} needs an address or a file")

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json

        match action:
            case "add":
                added = await visit.front.suppress([what], reason)
                return done(f"{what} is on the list{'' if added else ' already'}", options)
            case "import":
                addresses = _addresses_in(Path(what))
                added = await visit.front.suppress(addresses, reason or f"imported from {Path(what).name}", what)
                return done(f"{added:,} of {len(addresses):,} addresses are new on the list", options)
            case "remove":
                gone = await visit.front.lift_suppression(what, reason)
                return done(f"{gone.address} is off the list; it was on it because: {gone.reason or '-'}", options)
            case "why":
                found = await visit.front.standing(what)
                from cuga.cli.render.mailroom import standing

                show_json(found) if options.json else show(standing(found))
            case _:
                listed = await visit.front.suppressed()
                from cuga.cli.render.mailroom import suppressed

                show_json(listed) if options.json else show(suppressed(listed))
        return Exit.SUCCESS

    return at_house(options, work)


def _addresses_in(path: Path) -> list[str]:
    """The addresses of a CSV file: those of its column named like one, or of its first column."""
    import csv

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read: {error}", mend="Save it as CSV in UTF-8.") from error
    head = [cell.strip().casefold() for cell in rows[0]] if rows else []
    column = next((at for at, name in enumerate(head) if "mail" in name or name in ("address", "domain")), 0)
    found = [row[column].strip() for row in rows if len(row) > column and "@" in row[column]]
    if not found:
        raise BadInput(f"{path} holds no addresses", mend="It needs a column `email` with one address in each row.")
    return found
