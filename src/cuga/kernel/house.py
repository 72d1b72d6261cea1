"""The house stream: who may decide, what is agreed in advance, what is switched off; and the rules for changing it.

Pure, like the rest of this room. `current_of` turns the fold (`kernel.house_state`) into the facts that every run is
judged by, whatever it is pinned to.
"""

from __future__ import annotations

from copy import copy

from cuga.errors import BadInput, InvalidTransition, NotAllowed, NotFound
from cuga.kernel import timetable
from cuga.kernel.house_state import HouseState, Switch, apply, fold
from cuga.model import house_event as h
from cuga.model.context import SYSTEM, Principal
from cuga.model.event import Event
from cuga.model.tool import SideEffect, ToolContract
from cuga.policy.access import FOR_PROGRAMS, ROLES, Verb, Whose, may, still_governs
from cuga.policy.binding import HYBRID, LIVE, MODES, OFFLINE, PREFERRED
from cuga.policy.profile import Current
from cuga.policy.routing import Pool

CHANNELS = ("webhook", "slack", "teams", "email")
ABOUT = ("waiting", "expiring", "ended")
_VALUES = {verb.value for verb in Verb}
_FOR_PROGRAMS = [verb.value for verb in Verb if verb in FOR_PROGRAMS]
_ENABLE = "cuga adapters enable"


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
        quarantined_tools=_quarantined(state, contracts),
        tool_digests={name: contract.digest() for name, contract in contracts.items()},
        contracts=contracts,
        standing_rules=tuple(rule for rule in state.standing.values() if still_governs(rule.by, state.roles)),
        delegations=tuple(state.delegations.values()),
        roles=dict(state.roles),
        heirs=dict(state.heirs),
        pools=pools or {},
        routing=state.routing,
        adapter_modes=dict(state.modes),
        chosen_adapters=dict(state.chosen),
    )


def _quarantined(state: HouseState, contracts: dict[str, ToolContract]) -> dict[str, str]:
    """The tools that wait for a person to look at what they have become, and why."""
    if not state.quarantined:
        return {}
    found = {}
    for name in contracts:
        whole = f"{name.partition('/')[0]}/"
        if (why := state.quarantined.get(name) or state.quarantined.get(whole)) is not None:
            found[name] = why
    return found


def check(state: HouseState, event: Event, by: Principal, contracts: dict[str, ToolContract]) -> None:
    """Refuse a change that the house must not take: by somebody without the role, or one that loosens a promise."""
    if state.version == 0:
        if not isinstance(event, h.HouseOpened):
            raise InvalidTransition("the house has not been opened")
        return
    _check_role(state, event, by)
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
        case h.DelegationGranted(delegation_id=name) if name in state.delegations:
            raise BadInput(f"there is a delegation {name} already")  # it may be somebody else's
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
        case h.SuppressionLifted(reason=reason):
            if not reason.strip():
                raise BadInput("taking an address off the list needs a reason", mend='Say --reason "...".')
        case h.PersonErased(reason=reason, subjects=subjects):
            if not reason.strip() or not subjects:
                raise BadInput("erasing somebody needs a reason", mend='Say --reason "...".')
        case h.UserLeft():
            _check_leaving(state, event)
        case h.NoticeAdded(channel=channel, about=about):
            if channel not in CHANNELS or not about or not set(about) <= set(ABOUT):
                raise BadInput(f"a notice goes by {', '.join(CHANNELS)}, about some of {', '.join(ABOUT)}")
        case h.NoticeRemoved(notice_id=name) if name not in state.notices:
            raise NotFound(f"no notice {name}", mend="`cuga notices` lists them.")
        case h.OriginDistrusted(origin=origin) if origin not in state.origins:
            raise NotFound(f"no journal {origin} is witnessed here", mend="`cuga witness` lists them.")
        case h.KeyMade(scopes=scopes, key_id=name):
            if for_people := [scope for scope in scopes if scope in _VALUES and scope not in _FOR_PROGRAMS]:
                why = f"to {', '.join(for_people)} takes a person who is signed in, and no key"
                raise NotAllowed(why, mend=f"A key may be for {', '.join(_FOR_PROGRAMS)}.")
            unknown = [scope for scope in scopes if scope not in _VALUES]
            if unknown or not scopes:
                there = ", ".join(_FOR_PROGRAMS)
                raise BadInput(f"no scope {', '.join(unknown) or 'is named'}", mend=f"There are {there}.")
            if name in state.keys:
                raise BadInput(f"there is a key {name} already")
        case h.ScheduleAdded() | h.ScheduleRemoved() | h.ScheduleMissed():
            timetable.check(state.schedules, state.missed_until, event)
        case h.SchedulePaused() | h.ScheduleResumed():
            timetable.check_pause(state.schedules, state.paused, event)
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


_BY_ITSELF = (h.ScheduleMissed, h.LoginsFailed, h.NoticeLost)  # what only the house says of itself
_BY_WHOEVER_HOLDS_THE_FILES = (h.RestoredFrom,)
_ALSO_BY_ITSELF = (h.ToolsQuarantined, h.AddressesSuppressed)  # what the house notices, and anybody may report
_VERBS: dict[type[Event], Verb] = {
    h.Halted: Verb.STOP,
    h.AddressesSuppressed: Verb.STOP,
    h.CrmImported: Verb.FEED,
    h.RepliesTaken: Verb.STOP,  # mail can only make us write less
    h.ToolsQuarantined: Verb.STOP,
    h.ScheduleAdded: Verb.SCHEDULE,
    h.ScheduleRemoved: Verb.SCHEDULE,
    h.SchedulePaused: Verb.SCHEDULE,
    h.ScheduleResumed: Verb.SCHEDULE,
    h.DelegationGranted: Verb.DELEGATE,
    h.DelegationRevoked: Verb.DELEGATE,
    h.KeyMade: Verb.KEYS,
    h.KeyRevoked: Verb.KEYS,
}  # any other change of the house is governing it


def _check_role(state: HouseState, event: Event, by: Principal) -> None:
    """Who may change the house in this way, by the table of `policy.access`."""
    if isinstance(event, _BY_ITSELF):
        if by.id != SYSTEM.id:
            raise NotAllowed("only the house itself says so")
        return
    if isinstance(event, _BY_WHOEVER_HOLDS_THE_FILES) or (by.id == SYSTEM.id and isinstance(event, _ALSO_BY_ITSELF)):
        return
    whose = Whose.OWN if _owner(state, event) == by.id else Whose.OTHERS
    access = may(by, _VERBS.get(type(event), Verb.GOVERN), Current(roles=state.roles), whose)
    if not access.allowed:
        raise NotAllowed("; ".join(access.reasons))


def _owner(state: HouseState, event: Event) -> str:
    """Whose thing a change is about; empty when nobody's."""
    match event:
        case h.DelegationGranted(user=user) | h.KeyMade(user=user) | h.KeyRevoked(user=user):
            return user
        case h.DelegationRevoked(delegation_id=name) if name in state.delegations:
            return state.delegations[name].user
    return ""


def _check_leaving(state: HouseState, event: h.UserLeft) -> None:
    if event.user not in state.roles:
        raise NotFound(f"{event.user} is nobody of this house")
    if event.hand_over_to and (event.hand_over_to not in state.roles or event.hand_over_to == event.user):
        raise BadInput(f"{event.hand_over_to} cannot take over", mend="Name somebody else of this house.")
    if not set(event.roles) <= set(state.roles[event.user]):
        raise BadInput(f"{event.user} can hand over only what they have: {', '.join(state.roles[event.user])}")
    _check_that_somebody_rules(state, event)


def _check_roles(roles: tuple[str, ...]) -> None:
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        raise BadInput(f"no role {', '.join(unknown)}; there are {', '.join(ROLES)}")


def _check_that_somebody_rules(state: HouseState, event: Event) -> None:
    after = HouseState()
    vars(after).update({name: copy(value) for name, value in vars(state).items()})  # it is tried, and may be refused
    apply(after, event)
    if not any("admin" in roles for roles in after.roles.values()):
        raise NotAllowed("nobody would be admin of this house any more", mend="Make somebody else admin first.")


__all__ = ["ROLES", "HouseState", "Switch", "apply", "check", "current_of", "fold"]
