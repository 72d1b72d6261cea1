"""The door for mail that comes in, and the list of those who must not be written to.

Taking mail in can be cut off anywhere and done again: who opted out is suppressed first, then all is stored under the
mail's own digest, and only then is the file put away. What changes the list is in the house stream, by digest.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import date

from msgspec.structs import replace

from cuga.adapters.capability import Inbox, Incoming, Suppressed
from cuga.adapters.imap import ImapInbox
from cuga.errors import BadInput, NotDone
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.value import Value
from cuga.orchestrator.changing.switching import Switching
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.house.gone import gone_by
from cuga.orchestrator.house.one_list import digest_of
from cuga.packs.sales.engagement.intake import Intake, TakenMail
from cuga.policy.addresses import plain

BATCH = 200  # mails that are stored together


class RepliesIn(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What was taken in. `known` mails had been taken in before, and nothing more followed from them."""

    mails: tuple[TakenMail, ...]
    new: int
    known: int
    refused: int
    suppressed: int
    stopped: int
    trouble: tuple[str, ...] = ()  # sources that could not be read to their end; the next taking goes on with them


class Standing(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Whether an address may be written to: the entry that blocks it, and what the CRM says of its owner."""

    address: str
    blocked: bool
    entry: Suppressed | None
    contacts: tuple[str, ...]  # contacts of that address who asked for no mail


class Mailroom(Switching):
    """Mail and the suppression list, at the front door."""

    async def take_replies(self, by: Principal | None = None) -> RepliesIn:
        """Take in what lies in the house's inbox and in its mailbox, each mail once, and say what followed from it."""
        assembly = await self.open()
        if assembly.inbox is None:
            raise BadInput("a house in memory has no inbox", mend="Make one with `cuga init DIR`.")
        who = by or await self.principal()
        taken: list[TakenMail] = []
        trouble: list[str] = []
        async with assembly.taking:
            for inbox in _sources(assembly, trouble):
                waiting = iter(inbox.waiting())
                try:
                    while batch := await asyncio.to_thread(_next, waiting):
                        taken += await self._take(assembly, inbox, batch, who)
                except NotDone as error:
                    trouble.append("; ".join(part for part in (error.detail or error.message, error.next_step) if part))
                finally:
                    await asyncio.to_thread(inbox.close)
        states = Counter(one.state for one in taken)
        return RepliesIn(
            mails=tuple(taken),
            new=states["new"],
            known=states["known"],
            refused=states["refused"],
            suppressed=sum(len(one.suppressed) for one in taken),
            stopped=sum(len(one.stopped) for one in taken),
            trouble=tuple(trouble),
        )

    async def _take(self, assembly: Assembly, inbox: Inbox, batch: list[Incoming], who: Principal) -> list[TakenMail]:
        today = assembly.clock.now().date()
        await assembly.cleaning.must_be_clean()  # who still has a record then was brought back

        def take() -> tuple[Intake, list[TakenMail]]:
            intake = Intake(assembly.crm, assembly.outbox, today, gone_by(assembly.sealing.ring))
            return intake, [intake.take(mail) for mail in batch]

        intake, taken = await asyncio.to_thread(take)
        if assembly.book is not None:
            await assembly.one_list.level(who, "they wrote so, or cannot be reached", "mail that came in")
        new = [one for one in taken if one.state == "new"]
        if new:
            stored = await asyncio.to_thread(assembly.crm.store, intake.records)
            event = h.RepliesTaken(
                at=assembly.clock.now(),
                by=who.id,
                mails=len(new),
                kinds=dict(sorted(Counter(one.kind for one in new).items())),
                suppressed=sum(len(one.suppressed) for one in new),
                stopped=sum(len(one.stopped) for one in new),
                refused=sum(one.state == "refused" for one in taken),
                crm_version=stored.crm_version,
            )
            await assembly.change(event, who)
        for mail, one in zip(batch, taken, strict=True):
            refused = mail.refused or "; ".join(one.notes) if one.state == "refused" else ""
            await asyncio.to_thread(inbox.put_away, replace(mail, refused=refused))
        return taken

    async def suppress(
        self, addresses: tuple[str, ...], reason: str, source: str = "", by: Principal | None = None
    ) -> int:
        """Put addresses or `@domain`s on the suppression list; how many are new there. Everybody may: it only stops."""
        assembly = await self.open()
        if not reason.strip():
            raise BadInput("an address needs a reason to be on the list", mend='Say --reason "...".')
        who = by or await self.principal()
        on = assembly.clock.now().date()
        entries = [Suppressed(address=a, reason=reason, on=on.isoformat(), source=source or who.id) for a in addresses]
        await assembly.one_list.catch_up()
        added = await asyncio.to_thread(assembly.outbox.suppression.add, entries)
        if assembly.book is not None:
            await assembly.one_list.level(who, reason, source)
        elif added:
            digest = digest_of(addresses)
            event = h.AddressesSuppressed(
                at=assembly.clock.now(), by=who.id, addresses=added, digest=digest, reason=reason, source=source
            )
            await assembly.change(event, who)
        return added

    async def lift_suppression(self, address: str, reason: str, by: Principal | None = None) -> Suppressed:
        """Take exactly this entry off the list; an admin, with a reason. It is written down before it is done."""
        assembly = await self.open()
        wanted = plain(address)
        await assembly.one_list.catch_up()
        listed = assembly.outbox.suppression
        if not any(entry.address == wanted for entry in listed.entries()):
            found = await asyncio.to_thread(listed.find, address)
            raise BadInput(
                f"{address} has no entry of its own on the list",
                mend=f"It is blocked by {found.address}." if found else "`cuga suppression` lists what is on it.",
            )
        if assembly.book is not None and await asyncio.to_thread(assembly.one_list.says_so_by_records, wanted):
            raise BadInput(
                f"the records of this machine say as well that {address} asked for no mail",
                mend="Correct them first (`cuga import`, or in the CRM and then `cuga sync`); then lift the entry.",
            )
        who = by or await self.principal()
        key = await asyncio.to_thread(listed.key_of, wanted) if assembly.state.blocked else ""
        digest = digest_of([address])
        event = h.SuppressionLifted(at=assembly.clock.now(), by=who.id, digest=digest, reason=reason, key=key)
        await assembly.change(event, who)
        gone = await asyncio.to_thread(listed.remove, address)
        return gone if gone is not None else Suppressed(address=wanted)

    async def suppressed(self) -> tuple[Suppressed, ...]:
        """Everybody who must not be written to."""
        assembly = await self.open()
        await assembly.one_list.catch_up()
        return assembly.outbox.suppression.entries()

    async def standing(self, address: str) -> Standing:
        """Why an address is blocked, or that it is not."""
        assembly = await self.open()
        await assembly.one_list.catch_up()
        entry = await asyncio.to_thread(assembly.outbox.suppression.find, address)
        people = Intake(assembly.crm, assembly.outbox, date.min).opted_out(address)
        return Standing(address=plain(address), blocked=bool(entry or people), entry=entry, contacts=people)


def _sources(assembly: Assembly, trouble: list[str]) -> Iterator[Inbox]:
    """Where mail comes in: the folder, and the mailbox that the registry names, if its password is at hand."""
    if assembly.inbox is not None:
        yield assembly.inbox
    mailbox, place = assembly.registry.mailbox, assembly.place
    if mailbox is None or place is None:
        return
    password = assembly.settings.variables.get(mailbox.password_env, "")
    if not password:
        trouble.append(f"the mailbox at {mailbox.host} was not read: {mailbox.password_env} is not set")
        return
    yield ImapInbox(mailbox, password, place.inbox / ".mailbox.json")


def _next(waiting: Iterator[Incoming]) -> list[Incoming]:
    return [mail for _, mail in zip(range(BATCH), waiting, strict=False)]
