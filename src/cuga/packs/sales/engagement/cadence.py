"""A sequence of touches over channels and business days, kept as a proposal. It sends nothing.

Each touch has a purpose of its own; the plan ends at the first answer, meeting, opt-out or bounce.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta
from typing import Annotated

from cuga.adapters.capability import Activity, Contact, Crm, CrmRead
from cuga.errors import BadInput
from cuga.packs.sales.engagement.message import CHANNELS
from cuga.packs.sales.engagement.recipients import recipient_of
from cuga.packs.sales.engagement.templates import DEFAULT
from cuga.packs.sales.engagement.touches import Kept, Touch, cadences_of, holding, kept_in
from cuga.packs.sales.places import Place, business_day, place_of
from cuga.packs.sales.result import Result
from cuga.tools.declare import Slot, ToolContext, capability_missing, tool

RULES = "cadence-1"
MOST_TOUCHES, MOST_PEOPLE = 12, 50
PER_WEEK = 2  # touches of one person in any seven days, over all cadences
STOPS = ("a reply of any kind", "a meeting that is booked", "an opt-out", "a bounce", "a person's word")
_PURPOSES = (  # purpose, words for the draft
    ("say why we write", "first email"), ("show one thing that fits them", "follow up"),
    ("ask for a short call", "second follow up, ask for a call"), ("offer a demo", "third follow up, offer a demo"),
    ("ask who else it concerns", "fourth follow up, ask for feedback"), ("say goodbye", "last follow up"),
)  # fmt: skip
_WORDS = {"linkedin": "linkedin", "linked in": "linkedin", "email": "email", "e-mail": "email", "mail": "email",
          "sms": "sms", "text": "sms", "call": "call", "phone": "call"}  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


class Person(Result, frozen=True, kw_only=True):
    """The plan for one person. `kept` is the activity that holds it; empty when it was not kept, and `why` says so."""

    contact: str
    name: str
    country: str
    kept: str
    touches: tuple[Touch, ...]
    why: str
    notes: tuple[str, ...]


class Cadence(Result, frozen=True, kw_only=True):
    """`touches` is the plan as such, its days reckoned Monday to Friday; `people` have days of their own."""

    persona: str
    touches: tuple[Touch, ...]
    stop_rules: tuple[str, ...]
    per_week: int
    people: tuple[Person, ...]
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]
    as_of: str
    rules: str = RULES


@tool(
    domain="engagement",
    side_effect="propose",
    cost=0.5,
    keywords=(
        "cadence", "sequence", "touches", "touch sequence", "multi-touch", "drip", "follow-ups", "row of messages",
        "business days apart", "days apart", "spacing", "apart", "over email", "touches by email",
    ),
    gives={"cadence": ""},
    uses=("crm",),
    repeatable="key",
    key_window_s=0,
    guardrails=("sends nothing: every touch is drafted and approved on its own",
    "at most two touches of a person in seven days, over all cadences",
    "never plans for somebody who opted out", "one thread per purpose"),
)  # fmt: skip
def plan_cadence(
    context: ToolContext,
    persona: Annotated[str, Slot("persona", "whom it is for, such as plant managers")] = "",
    touches: Annotated[int, Slot("count", "how many touches")] = 5,
    guidance: Annotated[str, Slot("text", "spacing, channels and start in words: 3-4 business days apart")] = "",
    channels: Annotated[tuple[str, ...], Slot("channels", "in the order in which they take turns", CHANNELS)] = (),
    spacing: Annotated[int, Slot("days", "business days between touches; 0: as the guidance says, else 3")] = 0,
    start: Annotated[str, Slot("date", "first day, YYYY-MM-DD")] = "",
    contact: Annotated[str, Slot("contact", "one person to keep it for, by address, id or name")] = "",
    contacts: Annotated[tuple[str, ...], Slot("addressees", "several of them")] = (),
) -> Cadence:
    """Sequence of touches over channels and days.

    Touches alternate over the channels, each with its own purpose; days are business days where the person works.
    """
    today = context.as_of.date()
    contacts = tuple(name for name in dict.fromkeys((contact, *contacts)) if name.strip())
    if not 1 <= touches <= MOST_TOUCHES:
        raise BadInput(f"{touches} touches", mend=f"plan 1 to {MOST_TOUCHES}; more are not read")
    if len(contacts) > MOST_PEOPLE:
        raise BadInput(f"{len(contacts)} people", mend=f"plan for {MOST_PEOPLE} at a time")
    ways = channels or _channels_in(guidance)
    if wrong := [way for way in ways if way not in CHANNELS]:
        raise BadInput(f"there is no channel {wrong[0]!r}", mend=f"channels: {', '.join(CHANNELS)}")
    assumptions = [] if ways else ["No channel was named: email is used."]
    gaps, fixed = _gaps(spacing, guidance, touches)
    if not fixed:
        assumptions.append("No spacing was named: three business days lie between touches.")
    first, why = _first_day(start, guidance, today)
    assumptions += [why] if why else []
    plan = _days(_outline(ways or ("email",), gaps, touches), first, None, [])
    crm: Crm | None = None if capability_missing(context, "crm") else context.capability("crm")
    people = []
    for name in contacts:
        if crm is None:
            raise BadInput("there is no CRM to keep it in", mend="leave `contacts` out, or bind a CRM to the profile")
        people.append(_for_person(crm, name, plan, first, today, context.key))
    return Cadence(
        persona=persona,
        touches=plan,
        stop_rules=STOPS,
        per_week=PER_WEEK,
        people=tuple(people),
        assumptions=tuple(assumptions),
        notes=() if people else ("nobody is named: it is an outline, and nothing was kept",),
        as_of=today.isoformat(),
    )


def _for_person(crm: Crm, name: str, plan: tuple[Touch, ...], first: date, today: date, key: str) -> Person:
    to = recipient_of(crm, name, (), today)
    contact_id, address = _known(crm, name)
    place = place_of(to.country) if to.country else None
    notes = [] if place else ["the country is not known: Monday to Friday count, holidays do not"]
    mine = "cadence-" + hashlib.sha256(f"{contact_id or address}\n{key}".encode()).hexdigest()[:20]
    others = [one for one in cadences_of(crm, contact_id, address) if one.id != mine]
    plans = [held for one in others if (held := kept_in(one)) is not None and held.state == "active"]
    busy = [date.fromisoformat(touch.day) for held in plans for touch in held.touches if touch.day]
    stop = "opted out: nothing is planned" if to.opted_out else ""
    if not address:
        stop = stop or "nobody of that name with an address is known"
    if not stop and any(held.state == "stopped" and "unsubscribe" in held.why for held in map(kept_in, others) if held):
        stop = "an earlier cadence ended with an opt-out"
    days = () if stop else _days(plan, first, place, busy)
    known = crm.get("activities", mine)
    if isinstance(known, Activity) and (held := kept_in(known)) is not None:
        # this very call has kept it before; whatever became of it since holds
        days, stop = held.touches, f"{held.state}, {held.why}" if held.why else ""
    elif days and [touch.day for touch in days] != [touch.day for touch in _days(plan, first, place)]:
        notes.append(f"moved, so that no seven days hold more than {PER_WEEK} touches")
    if days and known is None:
        activity = Activity(
            id=mine, contact_id=contact_id, who=address, account=to.account, happened=today, name="cadence"
        )
        crm.store({"activities": [holding(activity, Kept(touches=days, address=address))]})
    return Person(
        contact=address or name,
        name=to.name,
        country=to.country,
        kept=mine if days else "",
        touches=days,
        why=stop,
        notes=tuple(notes),
    )


def _outline(ways: tuple[str, ...], gaps: list[int], count: int) -> tuple[Touch, ...]:
    steps = []
    for number in range(1, count + 1):
        way = ways[(number - 1) % len(ways)]
        purpose, goal = _PURPOSES[0] if number == 1 else _PURPOSES[-1] if number == count else _middle(number)
        template = DEFAULT[way] if way != "email" or number == 1 else "follow-up"
        steps.append(
            Touch(
                number=number, channel=way, purpose=purpose, goal=goal, template=template, after_days=gaps[number - 1]
            )
        )
    return tuple(steps)


def _middle(number: int) -> tuple[str, str]:
    between = _PURPOSES[1:-1]
    return between[(number - 2) % len(between)]


def _days(
    plan: tuple[Touch, ...], first: date, place: Place | None, busy: list[date] | None = None
) -> tuple[Touch, ...]:
    """The plan with its days: business days of the place, moved on where a week would hold too many touches together
    with those that are `busy`; without that list no day is moved."""
    taken, found, day = list(busy or ()), [], first
    for touch in plan:
        day, _ = business_day(place, day, touch.after_days)
        while busy is not None and _crowded(day, taken):
            day, _ = business_day(place, day + timedelta(days=1))
        taken.append(day)
        found.append(_on(touch, day))
    return tuple(found)


def _crowded(day: date, taken: list[date]) -> bool:
    """Whether some seven days around a day would hold more touches than a week may."""
    days = sorted([*taken, day])
    return any(
        sum(start <= other < start + timedelta(days=7) for other in days) > PER_WEEK
        for start in days
        if start <= day < start + timedelta(days=7)
    )


def _on(touch: Touch, day: date) -> Touch:
    return Touch(**{name: getattr(touch, name) for name in touch.__struct_fields__} | {"day": day.isoformat()})


def _channels_in(said: str) -> tuple[str, ...]:
    found = [_WORDS[hit.casefold()] for hit in re.findall(rf"\b({'|'.join(_WORDS)})s?\b", said, re.I)]
    return tuple(dict.fromkeys(found))


def _gaps(spacing: int, said: str, count: int) -> tuple[list[int], bool]:
    """Business days before each touch; of "3-4" they take turns."""
    if spacing < 0:
        raise BadInput("spacing must be at least 1", mend="leave it out for 3")
    found = re.search(r"\b(\d{1,2})(?:\s*(?:-|–|to)\s*(\d{1,2}))?\s+(?:business |working |week)?days?\b", said, re.I)
    low = spacing or (int(found[1]) if found else 3)
    high = spacing or (int(found[2]) if found and found[2] else low)
    if not 1 <= low <= high <= 30:
        raise BadInput(f"{low} to {high} days between touches", mend="1 to 30 can be planned")
    return [0, *(low if step % 2 else high for step in range(1, count))], bool(spacing or found)


def _first_day(start: str, said: str, today: date) -> tuple[date, str]:
    if start and start.strip().casefold().removeprefix("next ") not in _WEEKDAYS:
        try:
            day = date.fromisoformat(start)
        except ValueError as error:
            raise BadInput(f"{start!r} is no date", mend="write it as YYYY-MM-DD, or as a day of the week") from error
        if day < today:
            raise BadInput(f"{start} is past", mend=f"begin on {today} or later")
        return day, ""
    days, text = "|".join(_WEEKDAYS), f"on {start}; {said}"
    named = re.search(rf"\b(?:start(?:ing|s)?|from|beginning|on)\s+(?:next\s+)?({days})\b", text, re.I)
    if named:
        ahead = (_WEEKDAYS.index(named[1].casefold()) - today.weekday() - 1) % 7 + 1
        return today + timedelta(days=ahead), f"It begins on {named[1].capitalize()}, {today + timedelta(days=ahead)}."
    return today + timedelta(days=1), "No start was named: it begins on the next business day."


def _known(crm: CrmRead, name: str) -> tuple[str, str]:
    """The contact id and the address of a person; empty texts for what is not known."""
    to = recipient_of(crm, name, (), date.min)
    found = to.evidence[0].record if to.evidence and to.name else ""
    record = crm.get("contacts", found) if found else None
    address = record.email if isinstance(record, Contact) else to.address
    return found, address.casefold() if "@" in address else ""
