"""What a house has come to: the fold of its stream, one small function per fact, in a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from cuga.errors import JournalCorrupt
from cuga.model import house_event as h
from cuga.model.event import Event
from cuga.policy.access import ROLES
from cuga.policy.binding import PREFERRED
from cuga.policy.profile import Delegation, StandingRule

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Switch(msgspec.Struct, frozen=True):
    """Who last switched something, when and why."""

    by: str
    at: datetime
    reason: str


class HouseState:
    """What the house has come to. Changed only by `apply`."""

    def __init__(self) -> None:
        self.version = 0
        self.tenant = ""
        self.owner = ""
        self.restored_from = ""  # set while nobody has acknowledged a restore
        self.halted = ""
        self.roles: dict[str, tuple[str, ...]] = {}
        self.delegations: dict[str, Delegation] = {}
        self.standing: dict[str, StandingRule] = {}
        self.disabled: dict[str, str] = {}  # `adapter` or `capability/adapter` -> reason
        self.chosen: dict[str, str] = {}  # capability -> the only adapter it uses
        self.modes: dict[str, str] = {}  # capability -> mode
        self.switched: dict[str, Switch] = {}  # key of `disabled`, or `capability/` for its choice and mode
        self.routing = ""
        self.forbidden: dict[str, str] = {}
        self.forgotten: set[str] = set()  # requests and runs of which nothing is remembered any more
        self.accepted: dict[str, h.ToolsAccepted] = {}  # server -> what its tools are
        self.quarantined: dict[str, str] = {}  # `server/tool`, or `server/` for all of its tools -> reason
        self.crm_version = ""
        self.erased_at: datetime | None = None  # when somebody was erased last
        self.erasures: list[h.PersonErased] = []  # that every machine cleans up after
        self.blocked: dict[str, h.Blocked] = {}  # key of an entry -> who must not be written to
        self.lifted: set[str] = set()  # keys of entries that were taken off, and did not come back
        self.listings = 0  # changes of the two
        self.schedules: dict[str, h.ScheduleAdded] = {}
        self.paused: dict[str, h.SchedulePaused] = {}  # schedules that begin nothing now
        self.joined: dict[str, int] = {}  # person -> when they came to have a part; absent: since the house was made
        self.reset: dict[str, int] = {}  # person -> when their password was taken away last
        self.former: set[str] = set()  # names that somebody left under
        self.heirs: dict[str, str] = {}  # who left -> who sees their things through
        self.keys: dict[str, h.KeyMade] = {}
        self.notices: dict[str, h.NoticeAdded] = {}
        self.origins: dict[str, tuple[h.OriginTrusted, ...]] = {}  # journals that are witnessed -> keys, oldest first
        self.missed_until: dict[str, datetime] = {}  # schedule -> the last time that was told as missed


def apply(state: HouseState, event: Event) -> HouseState:
    """Change the state by one fact and return it; an event that does not belong here raises."""
    return apply_all(state, (event,))


def apply_all(state: HouseState, events: Sequence[Event]) -> HouseState:
    """Change the state by some facts, or by none of them when one does not belong here."""
    if strange := next((event for event in events if type(event) not in _CHANGES), None):
        raise JournalCorrupt(f"the house stream cannot hold a {type(strange).__name__}")
    for event in events:
        state.version += 1
        _CHANGES[type(event)](state, event)
    return state


def fold(events: Iterable[Event]) -> HouseState:
    """The house after all its events."""
    return apply_all(HouseState(), tuple(events))


def _opened(s: HouseState, event: h.HouseOpened) -> None:
    s.tenant, s.owner = event.tenant, event.owner


def _restored(s: HouseState, event: h.RestoredFrom) -> None:
    s.restored_from = event.backup


def _acknowledged(s: HouseState, _event: h.RestoreAcknowledged) -> None:
    s.restored_from = ""


def _user_added(s: HouseState, event: h.UserAdded) -> None:
    _comes(s, event.user, event.at)
    _end_solo(s, event.user)
    s.heirs.pop(event.user, None)
    s.roles[event.user] = event.roles


def _comes(s: HouseState, user: str, at: datetime) -> None:
    """Whoever has no part in the house gets one, and nothing with it of somebody of that name before."""
    is_alone = not s.roles and user == s.owner
    if user not in s.roles and not is_alone:
        s.joined[user] = _number(at)


def _number(at: datetime) -> int:
    """A time in millionths of a second: exact, and no two people of one name came at the same."""
    return (at - _BEGINNING) // timedelta(microseconds=1)


def _end_solo(s: HouseState, user: str) -> None:
    """A second person ends the solo mode; the first keeps everything."""
    if not s.roles and s.owner and s.owner != user:
        s.roles[s.owner] = ROLES


def _role_granted(s: HouseState, event: h.RoleGranted) -> None:
    _comes(s, event.user, event.at)
    _end_solo(s, event.user)
    held = s.roles.get(event.user, ROLES if not s.roles else ())  # who has the house alone has all of them
    s.roles[event.user] = tuple(dict.fromkeys((*held, event.role)))


def _role_revoked(s: HouseState, event: h.RoleRevoked) -> None:
    if event.user in s.roles:  # to know somebody's name would end the solo mode
        s.roles[event.user] = tuple(role for role in s.roles[event.user] if role != event.role)


def _delegated(s: HouseState, event: h.DelegationGranted) -> None:
    s.delegations[event.delegation_id] = Delegation(
        delegation_id=event.delegation_id,
        user=event.user,
        delegate=event.delegate,
        starts=event.starts,
        ends=event.ends,
    )


def _delegation_revoked(s: HouseState, event: h.DelegationRevoked) -> None:
    s.delegations.pop(event.delegation_id, None)


def _rule_added(s: HouseState, event: h.StandingRuleAdded) -> None:
    s.standing[event.rule_id] = StandingRule(
        rule_id=event.rule_id,
        tool=event.tool,
        matches=event.matches,
        profile=event.profile,
        expires_at=event.expires_at,
        uses=event.uses,
        by=event.by,
    )


def _rule_revoked(s: HouseState, event: h.StandingRuleRevoked) -> None:
    s.standing.pop(event.rule_id, None)


def _adapter_switched(s: HouseState, event: h.AdapterSwitched) -> None:
    key = f"{event.capability}/{event.adapter}" if event.capability else event.adapter
    s.switched[key] = Switch(event.by, event.at, event.reason)
    if not event.enabled:
        s.disabled[key] = event.reason
    elif event.capability:
        s.disabled.pop(key, None)
    else:  # everywhere: also where it was switched off for one capability
        s.disabled = {off: why for off, why in s.disabled.items() if off.rpartition("/")[2] != event.adapter}


def _adapter_chosen(s: HouseState, event: h.AdapterChosen) -> None:
    s.switched[f"{event.capability}/"] = Switch(event.by, event.at, event.reason)
    if event.adapter:
        s.chosen[event.capability] = event.adapter
    else:
        s.chosen.pop(event.capability, None)


def _mode_set(s: HouseState, event: h.AdapterModeSet) -> None:
    s.switched[f"{event.capability}/"] = Switch(event.by, event.at, event.reason)
    if event.mode == PREFERRED:
        s.modes.pop(event.capability, None)
        s.chosen.pop(event.capability, None)
    else:
        s.modes[event.capability] = event.mode


def _routing_set(s: HouseState, event: h.RoutingPolicySet) -> None:
    s.routing = event.policy


def _lessons_forgotten(s: HouseState, event: h.LessonsForgotten) -> None:
    s.forgotten = s.forgotten | set(event.lessons)


def _tool_forbidden(s: HouseState, event: h.ToolForbidden) -> None:
    s.forbidden[event.tool] = event.reason


def _tool_allowed(s: HouseState, event: h.ToolAllowed) -> None:
    s.forbidden.pop(event.tool, None)


def _tools_accepted(s: HouseState, event: h.ToolsAccepted) -> None:
    s.accepted[event.source] = event
    s.quarantined = {name: why for name, why in s.quarantined.items() if name.partition("/")[0] != event.source}


def _tools_quarantined(s: HouseState, event: h.ToolsQuarantined) -> None:
    for tool in event.tools or ("",):
        s.quarantined[f"{event.source}/{tool}"] = event.reason


def _halted(s: HouseState, event: h.Halted) -> None:
    s.halted = event.reason or "halted"


def _halt_lifted(s: HouseState, _event: h.HaltLifted) -> None:
    s.halted = ""


def _imported(s: HouseState, event: h.CrmImported | h.RepliesTaken) -> None:
    s.crm_version = event.crm_version


def _suppressed(s: HouseState, event: h.AddressesSuppressed) -> None:
    for entry in event.entries:
        s.blocked.setdefault(entry.key, entry)  # the first reason stays
        s.lifted.discard(entry.key)
    s.listings += bool(event.entries)


def _lifted(s: HouseState, event: h.SuppressionLifted) -> None:
    if event.key:
        s.blocked.pop(event.key, None)
        s.lifted.add(event.key)
        s.listings += 1


def _retired(_s: HouseState, _event: h.RunsRetired) -> None:
    """What it is about lies elsewhere; the stream says who did it, and why."""


def _person_erased(s: HouseState, event: h.PersonErased) -> None:
    s.erased_at = max(event.at, s.erased_at or event.at)
    if event.everywhere:
        s.erasures.append(event)
    for key in event.addresses:
        on = event.at.date().isoformat()
        s.blocked[key] = h.Blocked(key=key, address="", reason="erased at their request", on=on, source="erasure")
        s.lifted.discard(key)
    s.listings += event.everywhere  # what stood there of them cannot be read any more


def _schedule_added(s: HouseState, event: h.ScheduleAdded) -> None:
    s.schedules[event.schedule_id] = event


def _schedule_removed(s: HouseState, event: h.ScheduleRemoved) -> None:
    s.schedules.pop(event.schedule_id, None)
    s.missed_until.pop(event.schedule_id, None)
    s.paused.pop(event.schedule_id, None)


def _schedule_paused(s: HouseState, event: h.SchedulePaused) -> None:
    s.paused[event.schedule_id] = event


def _schedule_resumed(s: HouseState, event: h.ScheduleResumed) -> None:
    s.paused.pop(event.schedule_id, None)
    s.missed_until[event.schedule_id] = max(event.at, s.missed_until.get(event.schedule_id, event.at))


def _schedule_missed(s: HouseState, event: h.ScheduleMissed) -> None:
    s.missed_until[event.schedule_id] = event.last


def _user_left(s: HouseState, event: h.UserLeft) -> None:
    """Everything that a person decided in advance, or that others decided for them, ends with them."""
    user, heir = event.user, event.hand_over_to
    s.roles.pop(user, None)
    s.former.add(user)
    s.delegations = {name: one for name, one in s.delegations.items() if user not in (one.user, one.delegate)}
    s.standing = {name: one for name, one in s.standing.items() if one.by != user}
    s.keys = {name: one for name, one in s.keys.items() if one.user != user}
    if not heir:
        s.schedules = {name: one for name, one in s.schedules.items() if one.by != user}
        s.paused = {name: one for name, one in s.paused.items() if name in s.schedules}
        return
    s.heirs[user] = heir
    _comes(s, heir, event.at)
    s.roles[heir] = tuple(dict.fromkeys((*s.roles.get(heir, ()), *event.roles)))
    s.schedules = {
        name: msgspec.structs.replace(one, by=heir) if one.by == user else one for name, one in s.schedules.items()
    }


def _invited(s: HouseState, event: h.UserInvited) -> None:
    if event.purpose == "reset":
        s.reset[event.user] = _number(event.at)


def _key_made(s: HouseState, event: h.KeyMade) -> None:
    s.keys[event.key_id] = event


def _key_revoked(s: HouseState, event: h.KeyRevoked) -> None:
    s.keys.pop(event.key_id, None)


def _notice_added(s: HouseState, event: h.NoticeAdded) -> None:
    s.notices[event.notice_id] = event


def _notice_removed(s: HouseState, event: h.NoticeRemoved) -> None:
    s.notices.pop(event.notice_id, None)


def _origin_trusted(s: HouseState, event: h.OriginTrusted) -> None:
    others = (one for one in s.origins.get(event.origin, ()) if one.key != event.key)
    s.origins[event.origin] = (*others, event)


def _origin_distrusted(s: HouseState, event: h.OriginDistrusted) -> None:
    s.origins.pop(event.origin, None)


def _only_told(_s: HouseState, _event: h.LoginsFailed | h.NoticeLost) -> None:
    """Nothing holds otherwise because of it; it is on record."""


_CHANGES: dict[type[Event], Callable[[HouseState, Any], None]] = {
    h.HouseOpened: _opened,
    h.RestoredFrom: _restored,
    h.RestoreAcknowledged: _acknowledged,
    h.UserAdded: _user_added,
    h.RoleGranted: _role_granted,
    h.RoleRevoked: _role_revoked,
    h.DelegationGranted: _delegated,
    h.DelegationRevoked: _delegation_revoked,
    h.StandingRuleAdded: _rule_added,
    h.StandingRuleRevoked: _rule_revoked,
    h.AdapterSwitched: _adapter_switched,
    h.AdapterChosen: _adapter_chosen,
    h.AdapterModeSet: _mode_set,
    h.RoutingPolicySet: _routing_set,
    h.ToolForbidden: _tool_forbidden,
    h.ToolAllowed: _tool_allowed,
    h.ToolsAccepted: _tools_accepted,
    h.ToolsQuarantined: _tools_quarantined,
    h.Halted: _halted,
    h.HaltLifted: _halt_lifted,
    h.LessonsForgotten: _lessons_forgotten,
    h.CrmImported: _imported,
    h.RepliesTaken: _imported,
    h.AddressesSuppressed: _suppressed,
    h.SuppressionLifted: _lifted,
    h.PersonErased: _person_erased,
    h.RunsRetired: _retired,
    h.ScheduleAdded: _schedule_added,
    h.ScheduleRemoved: _schedule_removed,
    h.SchedulePaused: _schedule_paused,
    h.ScheduleResumed: _schedule_resumed,
    h.ScheduleMissed: _schedule_missed,
    h.UserInvited: _invited,
    h.UserLeft: _user_left,
    h.KeyMade: _key_made,
    h.KeyRevoked: _key_revoked,
    h.LoginsFailed: _only_told,
    h.NoticeAdded: _notice_added,
    h.NoticeRemoved: _notice_removed,
    h.NoticeLost: _only_told,
    h.OriginTrusted: _origin_trusted,
    h.OriginDistrusted: _origin_distrusted,
}
