"""What changed in the house, in a line that a person reads beside the name of the event.

Digests, keys and snapshots are left to the record: they are for programs, and nobody reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from cuga.model import house_event as h

_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_WEEKS = {frozenset(range(5)): "workdays", frozenset(range(7)): "every day"}
_MODES = {
    "profile": "works as each profile prefers",
    "offline": "works inside the house",
    "live": "works outside",
    "hybrid": "reads outside, writes inside",
}
_PURPOSES = {"invitation": "to come in", "reset": "to set a new password"}


def said_of(event: h.HouseEvent) -> str:
    """A change of the house in words, and why, where somebody said so."""
    what = SAID[type(event)](event)
    return ": ".join(part for part in (what, getattr(event, "reason", "")) if part)


def _fields(form: str) -> Callable[[Any], str]:
    """Words with fields of the event in them: times in full, lists as people write them."""

    def said(event: Any) -> str:
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        return form.format_map(
            {name: _id(one) if name.endswith("_id") else _shown(one) for name, one in fields.items()}
        )

    return said


def _id(name: str) -> str:
    """An id short enough to be told apart by eye, as the page shows those of runs."""
    return f"…{name[-6:]}" if len(name) > 10 else name


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)[:200]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def _switched(event: h.AdapterSwitched) -> str:
    where = f"for {event.capability}" if event.capability else "wherever it is used"
    return f"{event.adapter} is {'on' if event.enabled else 'off'} {where}"


def _chosen(event: h.AdapterChosen) -> str:
    return f"{event.capability} uses {f'{event.adapter} alone' if event.adapter else 'what each profile prefers'}"


def _rule(event: h.StandingRuleAdded) -> str:
    fits = "".join(f", where {name.lstrip('/')} is {value}" for name, value in event.matches.items())
    under = f" under {event.profile}" if event.profile else ""
    often = _count(event.uses, "time")
    return f"{event.tool}{fits}{under}, {often} at most, until {_shown(event.expires_at)} ({_id(event.rule_id)})"


def _replies(event: h.RepliesTaken) -> str:
    counted = (
        (event.suppressed, "address blocked", "addresses blocked"),
        (event.stopped, "run stopped", "runs stopped"),
        (event.refused, "refused", "refused"),
    )
    kinds = ", ".join(f"{number:,} {kind.replace('_', ' ')}" for kind, number in event.kinds.items())
    more = [_count(*one) for one in counted if one[0]]
    return "; ".join([_count(event.mails, "mail") + (f" ({kinds})" if kinds else ""), *more])


def _suppressed(event: h.AddressesSuppressed) -> str:
    return _count(event.addresses, "address", "addresses") + (f" of {event.source}" if event.source else "")


def _erased(event: h.PersonErased) -> str:
    where = ", on every machine of the house" if event.everywhere else ""
    return f"somebody who was in {_count(event.runs, 'run')}{where}"


def _schedule(event: h.ScheduleAdded) -> str:
    days = _WEEKS.get(frozenset(event.weekdays)) or ", ".join(_DAYS[day] for day in event.weekdays)
    under = f" under {event.profile}" if event.profile else ""
    return f"{event.goal[:200]}{under}, {days} at {event.time} ({event.zone}; {_id(event.schedule_id)})"


def _left(event: h.UserLeft) -> str:
    if not event.hand_over_to:
        return f"{event.user}; nobody takes over"
    roles = f" as {_shown(event.roles)}" if event.roles else ""
    return f"{event.user}; {event.hand_over_to} takes over{roles}"


def _quarantined(event: h.ToolsQuarantined) -> str:
    return f"{event.source}, {_shown(event.tools) or 'all of its tools'}"


def _lost(event: h.NoticeLost) -> str:
    tried = _count(event.attempts, "attempt")
    return f"{event.about}, about run {_id(event.run_id)}, to {_id(event.notice_id)}, after {tried}"


SAID: dict[type[h.HouseEvent], Callable[[Any], str]] = {
    h.HouseOpened: _fields("it is {owner}'s"),
    h.RestoredFrom: _fields("from {backup}, up to position {position}"),
    h.RestoreAcknowledged: _fields(""),
    h.UserAdded: _fields("{user} as {roles}"),
    h.RoleGranted: _fields("{user} is {role}"),
    h.RoleRevoked: _fields("{user} is {role} no more"),
    h.DelegationGranted: _fields("{delegate} may decide for {user} from {starts} to {ends} ({delegation_id})"),
    h.DelegationRevoked: _fields("{delegation_id}"),
    h.StandingRuleAdded: _rule,
    h.StandingRuleRevoked: _fields("{rule_id}"),
    h.AdapterSwitched: _switched,
    h.AdapterChosen: _chosen,
    h.AdapterModeSet: lambda event: f"{event.capability} {_MODES.get(event.mode, event.mode)}",
    h.RoutingPolicySet: _fields("{policy}"),
    h.ToolForbidden: _fields("{tool}"),
    h.ToolAllowed: _fields("{tool}"),
    h.ToolsAccepted: lambda event: f"of {event.source}: {', '.join(event.tools)}",
    h.ToolsQuarantined: _quarantined,
    h.Halted: _fields(""),
    h.HaltLifted: _fields(""),
    h.LessonsForgotten: lambda event: f"what was taught by {_count(len(event.lessons), 'decision')}",
    h.CrmImported: lambda event: f"{_count(event.rows, 'row')} of {event.source}, {_count(event.problems, 'remark')}",
    h.RepliesTaken: _replies,
    h.AddressesSuppressed: _suppressed,
    h.SuppressionLifted: _fields("one address"),
    h.PersonErased: _erased,
    h.RunsRetired: lambda event: f"{_count(len(event.runs), 'run')} that had ended by {_shown(event.before)}",
    h.ScheduleAdded: _schedule,
    h.ScheduleRemoved: _fields("{schedule_id}"),
    h.SchedulePaused: _fields("{schedule_id}"),
    h.ScheduleResumed: _fields("{schedule_id}"),
    h.ScheduleMissed: lambda event: (
        f"{_id(event.schedule_id)}, {_count(event.times, 'time')}, from {_shown(event.first)} to {_shown(event.last)}"
    ),
    h.UserInvited: lambda event: f"{event.user}, {_PURPOSES.get(event.purpose, event.purpose)}",
    h.UserLeft: _left,
    h.KeyMade: _fields("{label} of {user}, which may {scopes} until {expires_at} ({key_id})"),
    h.KeyRevoked: _fields("{key_id} of {user}"),
    h.LoginsFailed: lambda event: f"{_count(event.times, 'time')} as {event.user}",
    h.NoticeAdded: _fields("{channel} to {address}, about {about} ({notice_id})"),
    h.NoticeRemoved: _fields("{notice_id}"),
    h.NoticeLost: _lost,
    h.OriginTrusted: lambda event: f"{event.label} ({event.origin})" if event.label else event.origin,
    h.OriginDistrusted: _fields("{origin}"),
}
