"""May this person do that? One table of role, verb and ownership; and an answer that always carries its reasons.

Who asked for a call never decides about it, whoever they stand in for; the one exception is a house with a single user,
and it is named on the record. Roles are read as they stand now: a revoked one no longer counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from cuga.model.context import SYSTEM, Principal
from cuga.model.value import Value
from cuga.policy.profile import Current


class Verb(str, Enum):
    """What somebody may want of a house."""

    LOOK = "look"  # everything that changes nothing
    START = "start_run"  # also a plan alone
    STEER = "steer_run"  # cancel it, go on with it, answer what it asks, ask for another plan
    SETTLE = "settle_doubt"  # say what became of a call; "again" asks for consent anew where the call needs it
    DECIDE = "decide"  # on a request
    TOP_UP = "top_up"
    FEED = "import_data"  # records, replies
    SCHEDULE = "schedule"
    STOP = "stop"  # halt the house, keep an address from being written to
    DELEGATE = "delegate"
    KEYS = "keys"  # make and revoke keys for programs
    GOVERN = "govern"  # people, standing rules, adapters, tools, notices, lifting a halt


class Whose(str, Enum):
    """Whose thing it is, seen from who wants something of it; what belongs to nobody is `OTHERS`."""

    OWN = "own"
    OTHERS = "others"


ROLES = ("viewer", "operator", "approver", "admin")

_OWN = frozenset({Whose.OWN})
_OTHERS = frozenset({Whose.OTHERS})
_ANY = _OWN | _OTHERS
_ALL = dict.fromkeys(ROLES, _ANY)

# What a key may be for. A program never agrees to anything, in nobody's name: a decision, an answer to a doubt, more
# budget and the rules of the house take a person who is signed in.
FOR_PROGRAMS = frozenset({Verb.LOOK, Verb.START, Verb.STEER, Verb.FEED, Verb.SCHEDULE, Verb.STOP})

# The one table: what a role may do, and to whose runs or things. What is not in it is refused.
MAY: Mapping[Verb, Mapping[str, frozenset[Whose]]] = {
    Verb.LOOK: _ALL,
    Verb.START: {"operator": _OWN, "admin": _OWN},  # in one's own name only
    Verb.STEER: {"operator": _OWN, "admin": _ANY},
    Verb.SETTLE: {"operator": _OWN, "approver": _ANY, "admin": _ANY},
    Verb.DECIDE: {"approver": _OTHERS},
    Verb.TOP_UP: {"approver": _OTHERS},
    Verb.FEED: {"operator": _ANY, "admin": _ANY},
    Verb.SCHEDULE: {"operator": _ANY, "admin": _ANY},
    Verb.STOP: _ALL,
    Verb.DELEGATE: {"approver": _OWN, "admin": _ANY},
    Verb.KEYS: {**dict.fromkeys(ROLES, _OWN), "admin": _ANY},
    Verb.GOVERN: {"admin": _ANY},
}


class Access(Value, frozen=True, kw_only=True):
    """Whether a person may decide, why, and for whom when somebody delegated to them."""

    allowed: bool
    reasons: tuple[str, ...]
    on_behalf_of: str = ""
    solo: bool = False


def may_decide(
    by: Principal, *, requesters: tuple[str, ...], roles: tuple[str, ...], current: Current, at: datetime
) -> Access:
    """Whether `by` may decide on what `requesters` asked for and holders of one of `roles` decide, at that time."""
    if by.id == SYSTEM.id:
        return _no("the house itself never decides instead of a person")
    if is_solo(by, current.roles):
        return Access(allowed=True, reasons=("a house with one user: recorded as solo",), solo=True)
    if by.id in requesters:
        return _no(f"{by.id} asked for it, and who asks does not decide")
    if has_asked(by.id, requesters, current):
        return _no(f"{by.id} took over what was asked for, and who asks does not decide")
    wanted = " or ".join(roles) or "nobody"
    if held := [role for role in roles if role in roles_of(by, current)]:
        return Access(allowed=True, reasons=(f"{by.id} is {held[0]}",))
    reasons = [f"{wanted} decides; {by.id} is {', '.join(roles_of(by, current)) or 'without a role'}"]
    for delegation in current.delegations:
        if delegation.delegate != by.id:
            continue
        dates = f"from {_minute(delegation.starts)} to {_minute(delegation.ends)} UTC"
        said = f"{delegation.user} delegated to {by.id} {dates}"
        if not delegation.starts <= at < delegation.ends:
            reasons.append(f"{said}: not now")
        elif delegation.user in requesters:
            reasons.append(f"{said}, but {delegation.user} asked for it")
        elif has_asked(delegation.user, requesters, current):
            reasons.append(f"{said}, but {delegation.user} took over what was asked for")
        elif not set(roles) & set(current.roles.get(delegation.user, ())):
            reasons.append(f"{said}, but {delegation.user} is not {wanted}")
        else:
            return Access(allowed=True, reasons=(said,), on_behalf_of=delegation.user)
    return _no(*reasons)


def may(by: Principal, verb: Verb, current: Current, whose: Whose = Whose.OTHERS) -> Access:
    """Whether `by` may do this now, by the table alone. Decisions on a request ask for more: `may_decide`."""
    if is_solo(by, current.roles):
        return Access(allowed=True, reasons=("a house with one user: recorded as solo",), solo=True)
    held = roles_of(by, current)
    able = [role for role in ROLES if whose in MAY[verb].get(role, frozenset())]
    if found := [role for role in able if role in held]:
        return Access(allowed=True, reasons=(f"{by.id} is {found[0]}",))
    what = verb.value.replace("_", " ")
    if whose is Whose.OTHERS and any(Whose.OWN in MAY[verb].get(role, frozenset()) for role in held):
        return _no(f"{by.id} may {what} only for themselves")
    return _no(
        f"to {what} takes {' or '.join(able) or 'somebody else'}; {by.id} is {', '.join(held) or 'without a role'}"
    )


def whose(by: Principal, requester: str, current: Current) -> Whose:
    """Whose a run is to somebody. The runs of people who left are their heirs' to see through."""
    seen: set[str] = set()
    while requester in current.heirs and requester not in seen:
        seen.add(requester)
        requester = current.heirs[requester]
    return Whose.OWN if requester == by.id else Whose.OTHERS


def still_governs(name: str, roles: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the word of somebody who made a rule of the house counts now: a role that was taken away does not. Who
    has a house alone needs none."""
    return not roles or may(Principal(id=name), Verb.GOVERN, Current(roles=dict(roles))).allowed


def has_asked(name: str, requesters: tuple[str, ...], current: Current) -> bool:
    """Whether somebody is among those who asked, or has taken over from one who left."""
    somebody = Principal(id=name)
    return name in requesters or any(whose(somebody, asked, current) is Whose.OWN for asked in requesters)


def asks_for_proof(risk: str, by: Principal, current: Current) -> bool:
    """Whether a decision of this risk asks for a fresh proof of who decides; one who is alone in a house has proved it
    by holding the house."""
    return risk == "high" and not is_solo(by, current.roles)


def verbs_of(by: Principal, current: Current) -> tuple[str, ...]:
    """What a person may do now, to whosever things."""
    return tuple(verb.value for verb in Verb if any(may(by, verb, current, whose).allowed for whose in Whose))


def roles_at(
    roles: tuple[str, ...], escalates_to: tuple[str, ...], escalates_at: datetime | None, at: datetime
) -> tuple[str, ...]:
    """Whose holders may decide at a time: those who were asked, and after a while those whom it escalates to."""
    if escalates_at is None or at < escalates_at:
        return roles
    return tuple(dict.fromkeys((*roles, *escalates_to)))


def who_can(*, requesters: tuple[str, ...], roles: tuple[str, ...], current: Current, at: datetime) -> tuple[str, ...]:
    """Everybody known to the house who may decide on what `requesters` asked for, at that time."""
    return tuple(deciders(requesters=requesters, roles=roles, current=current, at=at))


def votes_there_are(*, requesters: tuple[str, ...], roles: tuple[str, ...], current: Current, at: datetime) -> int:
    """How many votes can come together: somebody and who stands in for them have one."""
    able = deciders(requesters=requesters, roles=roles, current=current, at=at)
    return len({principal or name for name, principal in able.items()})


def deciders(*, requesters: tuple[str, ...], roles: tuple[str, ...], current: Current, at: datetime) -> dict[str, str]:
    """Who may decide, and for whom; empty: for themselves."""
    able = {}
    for name in sorted(current.roles.keys() | {delegation.delegate for delegation in current.delegations}):
        access = may_decide(Principal(id=name), requesters=requesters, roles=roles, current=current, at=at)
        if access.allowed:
            able[name] = access.on_behalf_of
    return able


def is_solo(by: Principal, roles: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the person is alone in the house; a second user ends it, whatever the principal says."""
    return by.solo and len(roles) <= 1


def roles_of(by: Principal, current: Current) -> tuple[str, ...]:
    """The roles that count: the house's own list once it has one, else those the principal came with."""
    return current.roles.get(by.id, ()) if current.roles else by.roles


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _no(*reasons: str) -> Access:
    return Access(allowed=False, reasons=reasons)
