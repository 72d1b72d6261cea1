"""When touches go out: a local hour on a business day of whoever receives them, spread so that they do not all come at
once. It proposes times and writes a calendar file; it books and sends nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from cuga.adapters.capability import CrmRead, Mail
from cuga.errors import BadInput
from cuga.packs.sales.engagement import calendar_text
from cuga.packs.sales.engagement.cadence import Cadence
from cuga.packs.sales.engagement.recipients import Recipient, recipient_of
from cuga.packs.sales.engagement.touches import Touch
from cuga.packs.sales.places import Place, business_day, common_hour, place_of
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

RULES = "touchpoint-1"
MOST = 500
MINUTES = 15  # that a touch is given in the calendar
CALLS = (8, 21)  # US: telephone solicitations only from 8 to 21 h local time, 47 CFR 64.1200(c)(1)


class Where(Result, frozen=True, kw_only=True):
    """Where a person works, when the records do not say it or say too little. `region` as in ISO 3166-2."""

    contact: str
    country: str = ""
    region: str = ""
    zone: str = ""


class Moment(Result, frozen=True, kw_only=True):
    """One touch of one person: local and UTC time (ISO 8601), and why it was moved from the day that was wanted."""

    contact: str
    name: str
    number: int
    channel: str
    purpose: str
    local: str
    utc: str
    zone: str
    moved: tuple[str, ...]


class Schedule(Result, frozen=True, kw_only=True):
    """`moments` in the order of time; `unknowns` are people for whom no time can be told. `ics` is a whole file."""

    moments: tuple[Moment, ...]
    unknowns: tuple[str, ...]
    left_out: tuple[str, ...]
    ics: str
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="engagement",
    side_effect="propose",
    cost=0.4,
    keywords=(
        "schedule", "when to send", "send times", "best time", "time zone", "calendar", "ics", "calendar slots",
        "office hours", "local time",
    ),
    gives={"schedule": ""},
    uses=("crm", "mail"),
    writes=(),
    repeatable="key",
    key_window_s=0,
    guardrails=("never a weekend or public holiday where the person works", "never guesses a country or a zone",
    "needs no calendar account: it writes a file", "sends and books nothing"),
)  # fmt: skip
def schedule_engagement_touchpoint(
    context: ToolContext,
    cadence: Annotated[Cadence | None, Slot("cadence", "the plan whose touches get their hours")] = None,
    contacts: Annotated[tuple[str, ...], Slot("addressees", "people, when the plan names none")] = (),
    contact: Annotated[str, Slot("contact", "one person, by address, id or name")] = "",
    start: Annotated[str, Slot("date", "day of a single touch, YYYY-MM-DD; left out: the next business day")] = "",
    places: Annotated[tuple[Where, ...], Slot("places", "country, region or zone of people")] = (),
    window: Annotated[tuple[int, int], Slot("hours", "local hours: from, and before")] = (9, 17),
    every_minutes: Annotated[int, Slot("minutes", "between two touches of the same local day")] = 5,
    channel: Annotated[str, Slot("channel", "of a single touch")] = "email",
) -> Schedule:
    """Hours and dates for touches by time zone and holiday.

    A person's country is that of the account unless `places` says more. In a country with several zones, and no region
    given, the hour lies inside the window in all of them.
    """
    lowest, highest = window
    if not 0 <= lowest < highest <= 24 or not 1 <= every_minutes <= 24 * 60:
        raise BadInput("the window or the distance cannot be", mend="hours such as (9, 17), minutes from 1")
    today = context.as_of.date()
    crm: CrmRead | None = None if capability_missing(context, "crm") else context.capability("crm")
    mail: Mail | None = None if capability_missing(context, "mail") else context.capability("mail")
    single = Touch(
        number=1, channel=channel, purpose="touch", goal="", template="", after_days=0, day=_day(start, today)
    )
    plans = {one.contact: one.touches for one in cadence.people if one.touches} if cadence else {}
    for name in (*contacts, *([contact] if contact else [])):
        plans.setdefault(name, cadence.touches if cadence else (single,))
    if sum(len(touches) for touches in plans.values()) > MOST:
        raise BadInput(f"more than {MOST} touches", mend="schedule them in several calls")
    notes = [] if plans else ["nobody is named, so no hour can be told: name people, or a plan that has some"]
    unknowns, left_out = [], []
    moments: list[Moment] = []
    busy: dict[tuple[str, date], int] = {}
    for name in sorted(plans):
        to = recipient_of(crm, name, (), today)
        if to.opted_out or (mail is not None and "@" in to.address and mail.suppressed(to.address)):
            left_out.append(f"{to.name or to.address}: must not be written to")
            continue
        place = _place(to, name, places)
        if place is None:
            unknowns.append(f"country of {to.name or to.address}")
            continue
        moments += [_moment(to, name, touch, place, today, window, every_minutes, busy) for touch in plans[name]]
        if len(place.zones) > 1:
            notes.append(f"{to.name or name}: {place.country} has several zones and no region is known")
    moments.sort(key=lambda one: (one.utc, one.contact, one.number))
    return Schedule(
        moments=tuple(moments),
        unknowns=tuple(unknowns),
        left_out=tuple(left_out),
        ics=calendar_text.written([_entry(one) for one in moments], at=context.as_of) if moments else "",
        notes=tuple(notes),
        as_of=today.isoformat(),
    )


def _moment(
    to: Recipient, name: str, touch: Touch, place: Place, today: date, window: tuple[int, int], step: int,
    busy: dict[tuple[str, date], int],
) -> Moment:  # fmt: skip
    wanted = max(date.fromisoformat(touch.day) if touch.day else today + timedelta(days=1), today + timedelta(days=1))
    lowest, highest = window
    if touch.channel in ("call", "sms"):
        lowest, highest = max(lowest, CALLS[0]), min(highest, CALLS[1])
    room = max(1, (highest - lowest) * 60 // step)
    day, passed = business_day(place, wanted)
    moved = [*passed, *([f"{wanted:%A}"] if wanted.weekday() > 4 and not passed else [])]
    while (used := busy.get((place.zones[0], day), 0)) >= room:
        day, _ = business_day(place, day + timedelta(days=1))
        moved.append("that day is full")
    busy[(place.zones[0], day)] = used + 1
    hour, minute = divmod(lowest * 60 + used * step, 60)
    local, zone = common_hour(place, day, hour, minute, highest)
    if len(place.zones) > 1 and local.astimezone(ZoneInfo(place.zones[-1])).hour >= highest:
        moved.append("no hour lies inside the window in all zones of the country")
    return Moment(
        contact=to.address or name,
        name=to.name,
        number=touch.number,
        channel=touch.channel,
        purpose=touch.purpose,
        local=local.isoformat(timespec="minutes"),
        utc=local.astimezone(UTC).isoformat(timespec="minutes"),
        zone=zone,
        moved=tuple(dict.fromkeys(moved)),
    )


def _place(to: Recipient, name: str, places: tuple[Where, ...]) -> Place | None:
    said = next((one for one in places if one.contact.casefold() in (name.casefold(), to.address.casefold())), None)
    if said is None:
        return place_of(to.country) if to.country else None
    return place_of(said.country or to.country, said.region, said.zone)


def _day(start: str, today: date) -> str:
    try:
        day = date.fromisoformat(start) if start else today + timedelta(days=1)
    except ValueError as error:
        raise BadInput(f"{start!r} is no date", mend="write it as YYYY-MM-DD") from error
    return max(day, today + timedelta(days=1)).isoformat()


def _entry(moment: Moment) -> calendar_text.Entry:
    return calendar_text.Entry(
        uid=calendar_text.uid_of(moment.contact, str(moment.number), moment.channel, moment.utc[:10]),
        starts=datetime.fromisoformat(moment.utc),
        minutes=MINUTES,
        title=f"{moment.channel}: {moment.name or moment.contact}",
        text=f"{moment.purpose} ({moment.local} there)",
    )
