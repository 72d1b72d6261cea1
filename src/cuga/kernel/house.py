"""The house stream: who may decide, what is agreed in advance, what is switched off. A fold, and rules for changing it.

Pure, like the rest of this room. `current_of` turns the fold into the facts that every run is judged by, whatever it is
pinned to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from datetime import datetime
from typing import Any

import msgspec

from cuga.errors import BadInput, InvalidTransition, JournalCorrupt, NotAllowed
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.event import Event
from cuga.model.tool import SideEffect, ToolContract
from cuga.policy.access import is_solo
from cuga.policy.binding import HYBRID, LIVE, MODES, OFFLINE, PREFERRED
from cuga.policy.profile import Current, Delegation, StandingRule
from cuga.policy.routing import Pool

_ENABLE = "cuga adapters enable"
ROLES = ("viewer", "operator", "approver", "admin")


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
        self.crm_version = ""


def apply(state: HouseState, event: Event) -> HouseState:
    """Change the state by one fact and return it; an event that does not belong here raises."""
    try:
        change = _CHANGES[type(event)]
    except KeyError:
        raise JournalCorrupt(f"the house stream cannot hold a {type(event).__name__}") from None
    state.version += 1
    change(state, event)
    return state


def fold(events: Iterable[Event]) -> HouseState:
    """The house after all its events."""
    state = HouseState()
    for event in events:
        apply(state, event)
    return state


def current_of(
    state: HouseState,
    contracts: dict[str, ToolContract],
    installed_adapters: dict[str, tuple[str, ...]],
    pools: dict[str, Pool] | None = None,
) -> Current:
    """What holds now, with what this process has installed and the worker pools that it has."""
    halted, way_out = state.halted, "cuga halt --lift"
    if state.restored_from:
        halted, way_out = f"restored from {state.restored_from}", "cuga restore --acknowledge"
    return Current(
        halted=halted,
        halt_ends_with=way_out,
        disabled_adapters=tuple(state.disabled),
        installed_adapters=installed_adapters,
        forbidden_tools=dict(state.forbidden),
        tool_digests={name: contract.digest() for name, contract in contracts.items()},
        contracts=contracts,
        standing_rules=tuple(state.standing.values()),
        delegations=tuple(state.delegations.values()),
        roles=dict(state.roles),
        pools=pools or {},
        routing=state.routing,
        adapter_modes=dict(state.modes),
        chosen_adapters=dict(state.chosen),
    )


def check(state: HouseState, event: Event, by: Principal, contracts: dict[str, ToolContract]) -> None:
    """Refuse a change that the house must not take: by somebody without the role, or one that loosens a promise."""
    if state.version == 0:
        if not isinstance(event, h.HouseOpened):
            raise InvalidTransition("the house has not been opened")
        return
    alone = is_solo(by, state.roles)
    if (
        not isinstance(event, (h.Halted, h.CrmImported, h.RestoredFrom))
        and not alone
        and "admin" not in state.roles.get(by.id, ())
    ):
        raise NotAllowed(f"{by.id} is not an admin of this house")
    match event:
        case h.HouseOpened():
            raise InvalidTransition("the house is open already")
        case h.UserAdded(roles=roles):
            _check_roles(roles)
            _check_that_somebody_rules(state, event)
        case h.RoleGranted(role=role):
            _check_roles((role,))
            _check_that_somebody_rules(state, event)
        case h.RoleRevoked(user=user, role=role):
            if role not in state.roles.get(user, ()):
                raise BadInput(f"{user} has no role {role!r} to take away")
            _check_that_somebody_rules(state, event)
        case h.StandingRuleAdded() as rule:
            contract = contracts.get(rule.tool)
            if contract is None:
                raise BadInput(f"no tool {rule.tool!r}")
            if contract.side_effect is not SideEffect.PROPOSE:
                raise NotAllowed(
                    f"{rule.tool} is {contract.side_effect.value}: "
                    "a standing rule only ever covers what stays inside the house"
                )
            if rule.uses < 1 or rule.expires_at <= rule.at:
                raise BadInput("a standing rule needs at least one use and an end in the future")
        case h.DelegationGranted() as delegation:
            if delegation.ends <= delegation.starts:
                raise BadInput("a delegation must end after it starts")
            if delegation.user == delegation.delegate:
                raise BadInput("nobody can stand in for themselves")
        case h.AdapterSwitched(adapter=adapter, enabled=True, capability=capability) if capability:
            if adapter in state.disabled:
                raise BadInput(
                    f"{adapter} is switched off wherever it is used", mend=f"Enable it everywhere: {_ENABLE} {adapter}"
                )
        case h.AdapterChosen(capability=capability, adapter=adapter):
            _check_mode(capability, adapter, state.modes.get(capability, PREFERRED))
        case h.AdapterModeSet(capability=capability, mode=mode):
            if mode not in MODES:
                raise BadInput(f"no mode {mode!r}; there are {', '.join(MODES)}")
            if mode != PREFERRED:  # that one lets the choice go too
                _check_mode(capability, state.chosen.get(capability, ""), mode)
        case _:
            pass


def _check_mode(capability: str, chosen: str, mode: str) -> None:
    """A choice and a mode that could never meet would leave the capability without an adapter."""
    is_inside = chosen == OFFLINE
    if chosen and ((mode == OFFLINE and not is_inside) or (mode in (LIVE, HYBRID) and is_inside)):
        raise BadInput(
            f"{capability} cannot be switched to {chosen} in mode {mode}",
            mend=f"Let both go first: cuga adapters mode {PREFERRED} --for {capability}",
        )


def _check_roles(roles: tuple[str, ...]) -> None:
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        raise BadInput(f"no role {', '.join(unknown)}; there are {', '.join(ROLES)}")


def _check_that_somebody_rules(state: HouseState, event: Event) -> None:
    after = copy(state)
    after.roles = dict(state.roles)
    apply(after, event)
    if not any("admin" in roles for roles in after.roles.values()):
        raise NotAllowed("nobody would be admin of this house any more", mend="Make somebody else admin first.")


def _opened(s: HouseState, event: h.HouseOpened) -> None:
    s.tenant, s.owner = event.tenant, event.owner


def _restored(s: HouseState, event: h.RestoredFrom) -> None:
    s.restored_from = event.backup


def _acknowledged(s: HouseState, _event: h.RestoreAcknowledged) -> None:
    s.restored_from = ""


def _user_added(s: HouseState, event: h.UserAdded) -> None:
    _end_solo(s, event.user)
    s.roles[event.user] = event.roles


def _end_solo(s: HouseState, user: str) -> None:
    """A second person ends the solo mode; the first keeps everything."""
    if not s.roles and s.owner and s.owner != user:
        s.roles[s.owner] = ROLES


def _role_granted(s: HouseState, event: h.RoleGranted) -> None:
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


def _tool_forbidden(s: HouseState, event: h.ToolForbidden) -> None:
    s.forbidden[event.tool] = event.reason


def _tool_allowed(s: HouseState, event: h.ToolAllowed) -> None:
    s.forbidden.pop(event.tool, None)


def _halted(s: HouseState, event: h.Halted) -> None:
    s.halted = event.reason or "halted"


def _halt_lifted(s: HouseState, _event: h.HaltLifted) -> None:
    s.halted = ""


def _imported(s: HouseState, event: h.CrmImported) -> None:
    s.crm_version = event.crm_version


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
    h.Halted: _halted,
    h.HaltLifted: _halt_lifted,
    h.CrmImported: _imported,
}
