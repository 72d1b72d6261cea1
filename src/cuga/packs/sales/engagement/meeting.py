"""A meeting proposed and, once people agreed to exactly that, offered: one mail with a calendar file in it.

Times are those that the house's own calendar leaves free and that lie in working hours where the other person works.
Nothing is booked for anybody else: an invitation is a mail that its reader may take up or not.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from cuga.adapters.capability import CrmRead, Mail, Outgoing, Templates, body_hash
from cuga.adapters.capability.calendar import Agenda, Busy, Calendar
from cuga.errors import BadInput, NotDone
from cuga.model.correspondence import Letterhead
from cuga.packs.sales.engagement import calendar_text
from cuga.packs.sales.engagement.message import Message, Unfilled
from cuga.packs.sales.engagement.recipients import ADDRESS, Recipient, recipient_of
from cuga.packs.sales.engagement.sendable import check_law
from cuga.packs.sales.places import Place, place_of, why_closed
from cuga.packs.sales.result import Result, find_account
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

RULES = "meeting-1"
MOST_DAYS, MOST_SLOTS, STEP = 60, 5, timedelta(minutes=30)
SHORTEST, LONGEST = 10, 240  # minutes of a meeting
_ABOUT = re.compile(r"\b(?:about|to discuss|to talk about|on the subject of) (.+)", re.I)
_WISH = re.compile(r"(?:please )?(?:propose|suggest|invite|find|offer|arrange|set up)\b", re.I)
NOTICE = timedelta(hours=2)  # nobody is asked for a time that is almost there


class MeetingTime(Result, frozen=True, kw_only=True):
    """A time that suits: UTC, and what the clock says where the other person works and here."""

    start: str
    there: str
    here: str


class Invitation(Result, frozen=True, kw_only=True):
    """A meeting as it would be offered. `body` and `ics` are what leaves the house, to the letter."""

    kind: Literal["invitation"] = "invitation"
    recipient: str
    recipient_name: str
    account: str
    start: str
    minutes: int
    zone: str
    title: str
    subject: str
    body: str
    body_hash: str
    ics: str
    others: tuple[MeetingTime, ...] = ()
    unfilled: tuple[Unfilled, ...] = ()
    notes: tuple[str, ...] = ()
    as_of: str = ""
    rules: str = RULES


class Invited(Result, frozen=True, kw_only=True):
    """The receipt; `place` is where the mail lies or went."""

    sent: bool
    recipient: str
    start: str
    mail_id: str
    place: str
    body_hash: str


@tool(
    domain="engagement",
    side_effect="propose",
    cost=0.6,
    keywords=(
        "meeting invitation", "propose a meeting", "suggest a meeting", "meeting time", "free slot", "free slots",
        "find a time", "calendar invitation", "invite", "invite to a meeting", "appointment",
    ),
    gives={"invitation": ""},
    uses=("calendar", "crm", "templates"),
    writes=(),
    repeatable="key",  # it changes nothing: made again it gives the same
    key_window_s=0,
    guardrails=("books and sends nothing", "never a time that the calendar does not show as free",
    "never a weekend or holiday where the person works", "never invents a recipient"),
    personal=("/recipient", "/recipient_name"),
)  # fmt: skip
def propose_meeting(
    context: ToolContext,
    contact: Annotated[str, Slot("contact", "who is invited: address, id or name")] = "",
    account: Annotated[str, Slot("account", "name or id of the account")] = "",
    about: Annotated[str, Slot("text", "what the meeting is about")] = "",
    start: Annotated[str, Slot("time", "a wanted time, ISO 8601 with its zone; left out: the first that is free")] = "",
    minutes: Annotated[int, Slot("minutes", "how long, 10 to 240")] = 30,
    days: Annotated[int, Slot("days", "how many days ahead are looked at")] = 14,
    hours: Annotated[tuple[int, int], Slot("hours", "working hours, from and before, here and there")] = (9, 17),
    zone: Annotated[str, Slot("zone", "own time zone, e.g. Europe/Berlin")] = "UTC",
    sender: Annotated[str, Slot("sender", "name under the mail")] = "",
    organizer: Annotated[str, Slot("organizer", "own mail address, to which answers go")] = "",
) -> Invitation:
    """Invitation to a meeting at a time that is free in the calendar.

    The time lies in working hours on both sides. Entries of the calendar that cannot be understood are named. Where the
    person works is taken from their account; when nobody knows it, only the own hours count, and that is said.
    """
    if not SHORTEST <= minutes <= LONGEST or not 1 <= days <= MOST_DAYS:
        raise BadInput(f"a meeting takes {SHORTEST} to {LONGEST} minutes, within {MOST_DAYS} days")
    if not 0 <= hours[0] < hours[1] <= 24:
        raise BadInput("the hours cannot be", mend="hours such as (9, 17)")
    own = _zone(zone)
    crm: CrmRead | None = None if capability_missing(context, "crm") else context.capability("crm")
    today, notes = context.as_of.date(), list[str]()
    to = _recipient(crm, contact, account, today, notes)
    there = place_of(to.country) if to.country else None
    if there is None:
        notes.append("nobody knows where they work: only the own working hours were looked at")
    length = timedelta(minutes=minutes)
    calendar: Calendar = context.capability("calendar")
    agenda = calendar.agenda(context.as_of, context.as_of + timedelta(days=days + 1))
    notes += [f"not understood in the calendar: {entry}" for entry in agenda.unread]
    free = _free(context.as_of, days, length, hours, own, there, agenda)
    if start.strip():
        wanted = _moment(start)
        if _clash(agenda, wanted, length) is not None or wanted < context.as_of + NOTICE:
            raise NotDone(f"{start} is not free", mend="leave the time out, and the first that is free is taken")
        free = [wanted, *(one for one in free if one != wanted)]
    if not free:
        raise NotDone(f"no time of {minutes} minutes is free in the next {days} days", mend="look further ahead")
    first, local = free[0], ZoneInfo(there.zones[0]) if there else own
    letterhead = _letterhead(context)
    name = sender.strip() or letterhead.name
    unfilled = [] if to.address else [Unfilled(field="recipient", why="no address is known", blocking=True)]
    title = _title(about) or f"Meeting with {letterhead.company or name or 'us'}"
    body = _body(to, title, first, minutes, local, name, letterhead)
    return Invitation(
        recipient=to.address,
        recipient_name=to.name,
        account=to.account,
        start=_iso(first),
        minutes=minutes,
        zone=str(local),
        title=title,
        subject=f"Invitation: {title}"[:150],
        body=body,
        body_hash=body_hash(body),
        ics=_ics(to.address, title, first, minutes, organizer.strip(), context.as_of),
        others=tuple(
            MeetingTime(start=_iso(one), there=f"{one.astimezone(local):%a %d %b %H:%M}",
                        here=f"{one.astimezone(own):%a %d %b %H:%M}")
            for one in free[1:MOST_SLOTS]
        ),
        unfilled=tuple(unfilled),
        notes=tuple(notes),
        as_of=today.isoformat(),
    )  # fmt: skip


def look(context: ToolContext, arguments: Any) -> Invited | None:
    """The receipt when this call's mail has gone out already; None: it surely has not."""
    said = arguments["invitation"] if isinstance(arguments, dict) else arguments.invitation
    invitation = said if isinstance(said, Invitation) else msgspec.convert(said, Invitation)
    receipt = context.capability("mail").sent(context.key)
    return None if receipt is None else _invited(invitation, receipt)


@tool(
    domain="engagement",
    side_effect="execute",
    cost=1.0,
    keywords=("send the invitation", "send an invitation", "invite", "send the meeting invitation"),
    gives={"meeting_receipt": ""},
    uses=("mail", "crm", "calendar"),
    writes=("mail", "calendar"),
    repeatable="probe",
    probe=look,
    once=("meeting", "/invitation/recipient", "/invitation/start"),
    effect_key=("meeting", "/invitation/recipient"),
    guardrails=("sends only what was approved", "never to a person who asked for no mail",
    "one invitation per recipient and time", "only while the time is still free"),
)  # fmt: skip
def send_meeting_invitation(
    context: ToolContext,
    invitation: Annotated[Invitation, Slot("invitation", "the approved invitation, as it was proposed")],
) -> Invited:
    """Send an approved invitation to a meeting.

    It goes out as one mail with a calendar file in it, and the time is kept free in the own calendar. Everything is
    looked at again at this moment: the text, the recipient, the law, and whether the time is still free.
    """
    for item in invitation.unfilled:
        if item.blocking and not invitation.recipient:
            raise NotDone(f"{item.field} is not filled: {item.why}", mend="propose it again with an address")
    if invitation.body_hash and invitation.body_hash != body_hash(invitation.body):
        raise NotDone("the text is not the one that was proposed", mend="have the changed one approved with its hash")
    starts = _moment(invitation.start)
    if invitation.start != _iso(starts):  # one time has one spelling: it is offered to one person once
        raise NotDone(f"{invitation.start} is spelled otherwise than here", mend=f"write it as {_iso(starts)}")
    length = timedelta(minutes=invitation.minutes)
    if calendar_text.times_in(invitation.ics) != (starts, starts + length):
        raise NotDone("the calendar file is for another time than the mail", mend="propose the meeting again")
    mail: Mail = context.capability("mail")
    check_law(context, _as_message(invitation), mail)
    calendar: Calendar = context.capability("calendar")
    calendar.let_go(context.key)  # of an earlier attempt of just this call
    taken = _clash(calendar.agenda(starts, starts + length), starts, length)
    if taken is not None:
        raise NotDone(f"that time is not free any more: {taken.title or 'something'}", mend="propose another time")
    calendar.hold(context.key, Busy(starts=starts, ends=starts + length, title=f"offered: {invitation.title}"))
    try:
        receipt = mail.send(
            Outgoing(
                key=context.key, recipient=invitation.recipient, subject=invitation.subject, body=invitation.body,
                intent=f"meeting {invitation.start}", body_hash=body_hash(invitation.body), invitation=invitation.ics,
            )
        )  # fmt: skip
    except NotDone:
        calendar.let_go(context.key)
        raise
    return _invited(invitation, receipt)


def _invited(invitation: Invitation, receipt: Any) -> Invited:
    return Invited(
        sent=True, recipient=receipt.recipient, start=invitation.start, mail_id=receipt.message_id,
        place=receipt.place, body_hash=receipt.body_hash,
    )  # fmt: skip


class _To(Recipient, frozen=True, kw_only=True):
    account: str = ""


def _title(about: str) -> str:
    """What a meeting is about, of words that may be those of the whole wish: what stands behind "about"."""
    plain = " ".join(about.split())
    found = _ABOUT.search(plain)
    return (found[1] if found else "" if _WISH.match(plain) else plain)[:120].rstrip(".")


def _recipient(crm: CrmRead | None, contact: str, account: str, today: date, notes: list[str]) -> _To:
    found = recipient_of(crm, contact, (), today) if contact.strip() else Recipient(address="")
    address = found.address if ADDRESS.fullmatch(found.address) else ""
    country, company = found.country, ""
    if account.strip() and crm is not None:
        record = find_account(crm, account, notes)
        country, company = country or record.country, record.name
    return _To(address=address, name=found.name, country=country, opted_out=found.opted_out, account=company)


def _free(
    now: datetime, days: int, length: timedelta, hours: tuple[int, int], own: ZoneInfo, there: Place | None,
    agenda: Agenda,
) -> list[datetime]:  # fmt: skip
    """Beginnings, on the half hour, at which everything fits; at most as many as are offered."""
    zones = [own, *(ZoneInfo(name) for name in (there.zones if there else ()))]
    moment = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + NOTICE
    end, found = now + timedelta(days=days), list[datetime]()
    while moment < end and len(found) < MOST_SLOTS:
        moment += STEP
        if not all(_works(moment, length, zone, hours) for zone in zones):
            continue
        day = moment.astimezone(zones[-1]).date()
        if why_closed(there, day) if there else "weekend" if day.weekday() > 4 else "":
            continue
        if _clash(agenda, moment, length) is None:
            found.append(moment)
    return found


def _works(moment: datetime, length: timedelta, zone: ZoneInfo, hours: tuple[int, int]) -> bool:
    local, over = moment.astimezone(zone), (moment + length).astimezone(zone)
    begins, ends = local.hour * 60 + local.minute, over.hour * 60 + over.minute
    return local.date() == over.date() and hours[0] * 60 <= begins and ends <= hours[1] * 60 and local.weekday() < 5


def _clash(agenda: Agenda, starts: datetime, length: timedelta) -> Busy | None:
    return next((one for one in agenda.busy if one.starts < starts + length and one.ends > starts), None)


def _body(
    to: Recipient, title: str, first: datetime, minutes: int, local: ZoneInfo, sender: str, letterhead: Letterhead
) -> str:
    when = first.astimezone(local)
    greeting = f"Hello {to.name.split(maxsplit=1)[0]}," if to.name.strip() else "Hello,"
    ask = f"Would {when:%A, %d %B %Y} at {when:%H:%M} ({local}) suit you for {minutes} minutes?"
    close = "\n".join(part for part in ("Best regards", sender, letterhead.line) if part)
    other = "If it does not, just tell me which time does. If you would rather not hear from me again, tell me so."
    return "\n\n".join((greeting, f"{ask} It is about: {title}.", f"The invitation is in this mail. {other}", close))


def _ics(address: str, title: str, first: datetime, minutes: int, organizer: str, at: datetime) -> str:
    entry = calendar_text.Entry(
        uid=calendar_text.uid_of("meeting", address, _iso(first)), starts=first, minutes=minutes, title=title
    )
    return calendar_text.invitation(entry, attendee=address, organizer=organizer, at=at)


def _letterhead(context: ToolContext) -> Letterhead:
    if capability_missing(context, "templates"):
        return Letterhead()
    shelf: Templates = context.capability("templates")
    return shelf.letterhead()


def _as_message(invitation: Invitation) -> Message:
    return Message(
        channel="email", recipient=invitation.recipient, recipient_name=invitation.recipient_name,
        subject=invitation.subject, body=invitation.body, first_contact=False,
    )  # fmt: skip


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput(f"{text!r} is no time", mend="write it as 2026-03-02T10:00+01:00") from error
    if moment.tzinfo is None:
        raise BadInput(f"{text!r} has no zone", mend="write it as 2026-03-02T10:00+01:00")
    return moment.astimezone(UTC)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="minutes")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name.strip() or "UTC")
    except (ValueError, OSError, KeyError) as error:
        raise BadInput(f"there is no time zone {name!r}", mend="write it as Europe/Berlin") from error
