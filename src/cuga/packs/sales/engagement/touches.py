"""A cadence as it lies in the CRM: one activity of the kind `cadence` for each person, with what is planned and whether
it still goes on.

Plans are kept, not sent: each touch is drafted, checked and approved like any other message.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from cuga.adapters.capability import Activity, CrmRead, Filter
from cuga.model.value import encode
from cuga.packs.sales.result import Result

KIND = "cadence"
Going = Literal["active", "stopped"]


class Touch(Result, frozen=True, kw_only=True):
    """One planned touch. `day` is YYYY-MM-DD, a business day of whom it goes to, empty while nobody is named."""

    number: int
    channel: str
    purpose: str
    goal: str
    template: str
    after_days: int  # business days after the touch before it; 0: the first
    day: str = ""


class Kept(Result, frozen=True, kw_only=True):
    """What the `raw` of such an activity says."""

    state: Going = "active"
    why: str = ""
    not_before: str = ""  # YYYY-MM-DD; until then nothing goes out
    address: str = ""
    touches: tuple[Touch, ...] = ()


def kept_in(activity: Activity) -> Kept | None:
    """The cadence that an activity holds; None when it holds none that can be read."""
    if activity.kind != KIND:
        return None
    try:
        return msgspec.json.decode(activity.raw.get(KIND, ""), type=Kept)
    except msgspec.MsgspecError:
        return None


def holding(activity: Activity, kept: Kept) -> Activity:
    """The activity with what it holds now, said in words too."""
    days = ", ".join(f"{touch.day or '-'} {touch.channel}" for touch in kept.touches)
    said = f"{len(kept.touches)} touches ({days}): {kept.state}" + (f", {kept.why}" if kept.why else "")
    return msgspec.structs.replace(activity, kind=KIND, text=said, raw={KIND: encode(kept).decode()})


def cadences_of(crm: CrmRead, contact_id: str, address: str = "") -> list[Activity]:
    """The cadences of one person, by contact or by address, stopped ones too, in order of their id."""
    wanted = [[Filter(field="contact_id", value=contact_id)]] if contact_id else []
    if address:
        wanted.append([Filter(field="who", value=address)])
    found: dict[str, Activity] = {}
    for filters in wanted:
        rows = crm.query("activities", [Filter(field="kind", value=KIND), *filters], limit=200)
        found |= {row.id: row for row in rows if isinstance(row, Activity)}
    return [found[key] for key in sorted(found)]
