"""May this person decide? An answer that always carries its reasons.

Who asked for a call never decides about it, whoever they stand in for; the one exception is a house with a single user,
and it is named on the record. Roles are read as they stand now: a revoked one no longer counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cuga.model.context import SYSTEM, Principal
from cuga.model.value import Value
from cuga.policy.profile import Current


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
        elif not set(roles) & set(current.roles.get(delegation.user, ())):
            reasons.append(f"{said}, but {delegation.user} is not {wanted}")
        else:
            return Access(allowed=True, reasons=(said,), on_behalf_of=delegation.user)
    return _no(*reasons)


def who_can(*, requesters: tuple[str, ...], roles: tuple[str, ...], current: Current, at: datetime) -> tuple[str, ...]:
    """Everybody known to the house who may decide on what `requesters` asked for, at that time."""
    known = sorted(current.roles.keys() | {delegation.delegate for delegation in current.delegations})
    return tuple(
        name
        for name in known
        if may_decide(Principal(id=name), requesters=requesters, roles=roles, current=current, at=at).allowed
    )


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
