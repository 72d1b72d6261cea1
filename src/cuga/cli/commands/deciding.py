"""Commands of a person who decides: inbox, show, approve, deny, amend, request-changes, revoke.

There is no way to approve without naming the approval, and none to approve all of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, validators

from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.names import LAST, approval_named, is_approval, run_named
from cuga.cli.options import PLAIN, Options
from cuga.errors import ApprovalClosed, BadInput

if TYPE_CHECKING:
    from cuga.cli.home import Visit
    from cuga.orchestrator.dryrun import Unlike
    from cuga.projections.card import Card

Approval = Annotated[str, Parameter(name="ID", help="An approval: its id, the last letters of an open one, or `last`.")]
Digest = Annotated[
    str,
    Parameter(help="The digest you saw (`cuga show ID --json`). Refused when it is not what waits now; asks nothing."),
]
Wait = Annotated[float, Parameter(help="Seconds to stay when the run waits for people again.")]


def inbox(
    *,
    run: Annotated[str, Parameter(help="Only what this run waits for.")] = "",
    limit: Annotated[
        int, Parameter(help="How many to show at most.", show_default=True, validator=validators.Number(gte=1))
    ] = 50,
    options: Options = PLAIN,
) -> int:
    """List what waits for a person's decision, the riskiest first, and the runs that wait for something else.

    Examples:

        cuga inbox
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json

        cards = await visit.front.inbox(await run_named(visit, run) if run else "", limit=limit)
        if options.json:
            show_json(cards)
        else:
            from cuga.cli.render.approval import listed
            from cuga.model.event import Status

            parked = [] if run else await visit.front.runs(status=Status.PARKED, limit=limit)
            show(listed(cards, [line for line in parked if line.run_id not in {card.run_id for card in cards}]))
        return Exit.SUCCESS

    return at_house(options, work)


def show(
    name: Annotated[
        str, Parameter(name="ID", help="An approval or a run. `last`: the newest that waits, else the newest run.")
    ],
    /,
    *,
    options: Options = PLAIN,
) -> int:
    """Show an approval, with exactly what would be done, or a run.

    Examples:

        cuga show last

        cuga show 01M7Y6DTRAKT1KZG86XXK1AQ19-a1 --json
    """

    async def work(visit: Visit) -> int:
        from cuga.cli import screen
        from cuga.cli.driving import asked_of, finish

        waiting = await visit.front.inbox(limit=1) if name.strip().lower() == LAST else ()
        if not is_approval(name) and not waiting:
            result = await visit.front.show(await run_named(visit, name))
            finish(result, options, await asked_of(visit, result, options))
            for one in await visit.front.rehearsed(result.run_id) or ():
                screen.say(f"{one.approval_id}: {_as_rehearsed(one)}")
            return Exit.SUCCESS
        card = await visit.front.card(await approval_named(visit, name))
        rehearsed = await visit.front.rehearsed(card.run_id) or ()
        found = next((one for one in rehearsed if one.approval_id == card.approval_id), None)
        if options.json:
            fields = {name: getattr(card, name) for name in card.__struct_fields__}
            screen.show_json(card if found is None else {**fields, "not_as_rehearsed": found.differs})
        else:
            from cuga.cli.render.approval import whole

            now = await visit.front.card_now(card.approval_id)
            screen.show(whole(card, now=now, rehearsed="" if found is None else _as_rehearsed(found)))
        return Exit.SUCCESS

    return at_house(options, work)


def _as_rehearsed(found: Unlike) -> str:
    """Whether it is what a dry run showed, in words."""
    if not found.differs:
        return "exactly as rehearsed"
    return f"not as rehearsed: {'; '.join(found.differs)}"


def approve(
    approval: Approval,
    /,
    *,
    digest: Digest = "",
    reason: Annotated[str, Parameter(help="Why; it is kept in the record.")] = "",
    wait: Wait = 0.0,
    options: Options = PLAIN,
) -> int:
    """Agree to exactly what is shown, and go on with the run.

    At a terminal it shows what will be done and asks. Without one it agrees to what waits at this moment; give
    `--digest` to agree only to what you have seen. `last` must then be the only one that waits.

    Examples:

        cuga approve last

        cuga approve 01M7Y6DTRAKT1KZG86XXK1AQ19-a1 --digest 5f1e...
    """
    return _decide(approval, "approve", options, digest=digest, reason=reason, asks=True, wait_s=wait)


def deny(
    approval: Approval,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why, needed; the run remembers it and the planner is told.")] = "",
    digest: Digest = "",
    options: Options = PLAIN,
) -> int:
    """Refuse: the step and what needs it end, the rest of the run goes on.

    Examples:

        cuga deny last --reason "not before the contract is signed"
    """
    if not reason.strip():
        raise BadInput(
            "deny needs --reason WHY", mend=f'For example: cuga deny {approval} --reason "not before the contract"'
        )
    return _decide(approval, "deny", options, digest=digest, reason=reason)


def amend(
    approval: Approval,
    /,
    *,
    set: Annotated[
        list[str] | None,
        Parameter(
            help="NAME=VALUE: an argument and its new value, as text or JSON. NAME may go deeper: message.subject. "
            "Of a list it begins with the number of the call: 2.message.subject."
        ),
    ] = None,
    drop: Annotated[
        list[int] | None, Parameter(help="The number of a call to take off a list; may be repeated.")
    ] = None,
    reason: Annotated[str, Parameter(help="Why; it is kept in the record.")] = "",
    digest: Digest = "",
    options: Options = PLAIN,
) -> int:
    """Change what would be done. The changed request waits for a decision of its own.

    Examples:

        cuga amend last --set message.subject="A question about your shifts"

        cuga amend last --drop 3 --set 1.message.subject="A question about your shifts"
    """
    changes = dict(_assignment(said) for said in set or ())
    return _decide(approval, "amend", options, digest=digest, reason=reason, changes=changes, without=tuple(drop or ()))


def request_changes(
    approval: Approval,
    /,
    *,
    feedback: Annotated[str, Parameter(help="What should be different; the planner plans again with it.")],
    digest: Digest = "",
    options: Options = PLAIN,
) -> int:
    """Send it back: the planner makes another plan from your feedback.

    Examples:

        cuga request-changes last --feedback "write to the operations director instead"
    """
    return _decide(approval, "request-changes", options, digest=digest, reason=feedback)


def revoke(
    approval: Annotated[str, Parameter(name="ID", help="An approval that was given; `cuga audit RUN` names them.")],
    /,
    *,
    reason: Annotated[str, Parameter(help="Why; it is kept in the record.")] = "",
    options: Options = PLAIN,
) -> int:
    """Take back an approval that has not been used yet.

    Examples:

        cuga revoke 01M7Y6DTRAKT1KZG86XXK1AQ19-a1 --reason "the offer has changed"
    """

    if approval.strip().lower() == LAST:  # the newest that waits is none that was given
        raise BadInput("what is taken back is named by its id", mend="`cuga audit RUN` names the approvals of a run.")

    async def work(visit: Visit) -> int:
        from cuga.cli.driving import drive

        card = await visit.front.card(await approval_named(visit, approval))
        before = len(await visit.front.events(card.run_id))
        await visit.front.revoke(card.approval_id, reason)
        return await drive(visit, card.run_id, options, seen=before)

    return at_house(options, work)


def _assignment(said: str) -> tuple[str, Any]:
    name, equals, value = said.partition("=")
    if not equals or not name.strip():
        raise BadInput(f"--set {said!r}: expected NAME=VALUE", mend='For example: --set message.subject="Hello"')
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value


def _decide(
    approval: str,
    verdict: str,
    options: Options,
    *,
    digest: str,
    reason: str,
    changes: dict[str, Any] | None = None,
    without: tuple[int, ...] = (),
    asks: bool = False,
    wait_s: float = 0.0,
) -> int:
    async def work(visit: Visit) -> int:
        import asyncio

        from cuga.cli.driving import drive, let_go
        from cuga.cli.screen import is_watched

        is_seen = is_watched() and not options.json
        card: Card = await visit.front.card(await approval_named(visit, approval, is_seen=is_seen))
        if not card.is_open:
            raise ApprovalClosed(_how_closed(card))
        if asks and not digest and not options.json:
            try:
                is_meant = await _is_meant(card)
            except asyncio.CancelledError:
                return let_go("\nNot agreed; it still waits.")
            if not is_meant:
                return Exit.PARKED
        before = len(await visit.front.events(card.run_id))
        await visit.front.answer(
            card.approval_id, verdict, digest=digest or card.digest, reason=reason, changes=changes, without=without
        )
        if not options.json:
            from cuga.cli.screen import say

            say(f"{_SAID[verdict]} {card.approval_id}, {card.tool}, digest {digest or card.digest}")
        return await drive(visit, card.run_id, options, wait_s=wait_s, seen=before)

    return at_house(options, work)


_SAID = {"approve": "approved", "deny": "denied", "amend": "amended", "request-changes": "sent back"}


def _how_closed(card: Card) -> str:
    by = f" by {card.closed_by}" if card.closed_by else ""
    at = f" at {card.closed_at:%Y-%m-%d %H:%M} UTC" if card.closed_at else ""
    return f"{card.approval_id} is {card.state}{by}{at}"


async def _is_meant(card: Card) -> bool:
    """Show what will be done and ask; without a terminal there is nobody to ask."""
    from cuga.cli.render.approval import whole
    from cuga.cli.screen import asked, is_watched, say

    if not is_watched():
        return True
    say(whole(card, commands=False))
    if (await asked("Agree to exactly this? [y/N] ")).lower() in ("y", "yes"):
        return True
    say("Not agreed; it still waits.")
    return False
