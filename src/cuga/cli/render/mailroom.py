"""Mails that were taken in, and the suppression list, as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding

from cuga.cli.render.outputs import plain_table
from cuga.cli.screen import one_line, text

if TYPE_CHECKING:
    from cuga.adapters.capability import Suppressed
    from cuga.orchestrator.changing.mailroom import RepliesIn, Standing
    from cuga.packs.sales.engagement.intake import TakenMail

MOST_LISTED = 100
_COLOURS = {"interest": "green", "unsubscribe": "red", "bounce": "red", "not_now": "yellow", "objection": "yellow"}


def whole(taken: RepliesIn, inbox: Path) -> RenderableType:
    """What was taken in, mail by mail."""
    trouble = [text(said, "red") for said in taken.trouble]
    if not taken.mails:
        nothing = f"No mail waits in {inbox}. Put replies there as .eml files, or name a mailbox in the registry."
        return Group(*trouble) if trouble else text(nothing)
    head = text(f"{taken.new} new", "bold")
    head.append_text(text(f", {taken.known} known already" if taken.known else ""))
    head.append_text(text(f", {taken.refused} could not be read" if taken.refused else ""))
    return Group(head, *(_mail(mail) for mail in taken.mails if mail.state != "known"), *trouble)


def _mail(mail: TakenMail) -> RenderableType:
    line = text("  ").append_text(text(mail.kind.replace("_", " ") or mail.state, _COLOURS.get(mail.kind, "bold")))
    who = f"{mail.who} <{mail.sender}>" if mail.who else mail.sender
    line.append_text(text(f"  {who}{f', {mail.account}' if mail.account else ''}  {mail.place}"))
    parts: list[RenderableType] = [line]
    if mail.quote:
        parts.append(text(f"    “{one_line(mail.quote, 90)}”", "dim"))
    parts += [Padding(text(f"- {said}"), (0, 0, 0, 4), expand=False) for said in mail.did]
    parts += [Padding(text(said, "dim"), (0, 0, 0, 4), expand=False) for said in mail.notes]
    return Group(*parts)


def suppressed(listed: Sequence[Suppressed]) -> RenderableType:
    """The list, the newest entries last."""
    if not listed:
        return text("Nobody is on the suppression list.")
    table = plain_table("address", "since", "why", "from")
    for entry in listed[-MOST_LISTED:]:
        table.add_row(*(text(one_line(said, 60)) for said in (entry.address, entry.on, entry.reason, entry.source)))
    more = len(listed) - MOST_LISTED
    return Group(*([text(f"{more:,} older ones are left out; --json has all.", "dim")] if more > 0 else []), table)


def standing(found: Standing) -> RenderableType:
    """Why an address is blocked."""
    if not found.blocked:
        return text(f"{found.address} is not blocked: it is on no list, and no contact of it asked for no mail.")
    parts: list[RenderableType] = [text(f"{found.address} is blocked", "bold red")]
    if (entry := found.entry) is not None:
        since = "".join((f" since {entry.on}" if entry.on else "", f", from {entry.source}" if entry.source else ""))
        parts.append(text(f"  {entry.address} is on the suppression list{since}: {entry.reason}"))
    parts += [text(f"  {name} asked for no mail, says the CRM") for name in found.contacts]
    return Group(*parts)
