"""The command for what people taught runs: list it, look at one lesson, have it forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput, NotFound

if TYPE_CHECKING:
    from cuga.cli.home import Visit


def memory(
    action: Annotated[Literal["list", "show", "forget"], Parameter(name="ACTION", help="Left out: list.")] = "list",
    lesson: Annotated[str, Parameter(name="LESSON", help="The id of a lesson, as the list shows it.")] = "",
    /,
    *,
    subject: Annotated[str, Parameter(help="Only what is about this address, name or account.")] = "",
    profile: Annotated[str, Parameter(help="Only what this profile was taught.")] = "",
    reason: Annotated[str, Parameter(help="Why it is forgotten; it is kept in the record.")] = "",
    options: Options = PLAIN,
) -> int:
    """List what people taught runs (what they amended, asked to be changed, denied), show a lesson, or forget.

    Plans and drafts under the same profile heed it and say so. It chooses no recipient and no outside effect, and
    loosens no rule. Only an admin has something forgotten.

    Examples:

        cuga memory list --subject nora@example.com

        cuga memory show 01K9Z2M4Q0-a1

        cuga memory forget 01K9Z2M4Q0-a1 --reason "that was for one customer"

        cuga memory forget --subject nora@example.com
    """
    if action == "show" and not lesson.strip():
        raise BadInput("memory show needs a lesson", mend="`cuga memory list` shows their ids.")

    async def work(visit: Visit) -> int:
        from cuga.cli.render import remembering as drawn
        from cuga.cli.screen import show, show_json

        if action == "forget":
            gone = await visit.front.forget(lesson, subject=subject, reason=reason)
            show_json(gone) if options.json else show(drawn.gone(gone))
            return Exit.SUCCESS
        found = await visit.front.lessons(profile, subject)
        if action == "show":
            one = next((known for known in found if known.id == lesson), None)
            if one is None:
                raise NotFound(f"there is no lesson {lesson}")
            show_json(one) if options.json else show(drawn.whole(one))
            return Exit.SUCCESS
        show_json(found) if options.json else show(drawn.listed(found))
        return Exit.SUCCESS

    return at_house(options, work)
