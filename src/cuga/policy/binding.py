"""Which adapter stands behind a capability: what the profile allows, of what is here, as it is switched now.

A switch or a mode chooses among what is allowed and never adds to it. Nothing is replaced in silence: when what was
chosen cannot be used, nothing is bound, and the words say why.
"""

from __future__ import annotations

from collections.abc import Mapping

from cuga.model.value import Value
from cuga.policy.profile import Current, Profile
from cuga.policy.routing import Pool

OFFLINE = "offline"  # the name of every capability's own adapter inside the house
BOTH = "+"  # joins reader and writer of a hybrid: `folder+offline`
PREFERRED, LIVE, HYBRID = "profile", "live", "hybrid"
MODES = (PREFERRED, OFFLINE, LIVE, HYBRID)


class Bound(Value, frozen=True, kw_only=True):
    """The adapters of a capability, the one that is used first; or none, and why."""

    names: tuple[str, ...] = ()
    why: str = ""


def bound(capability: str, profile: Profile, current: Current, *, reads: bool, pool: Pool | None = None) -> Bound:
    """What a call of a profile gets for a capability now. `reads`: the call only reads."""
    allowed = profile.adapters_for(capability)
    where = f"profile {profile.name}"
    if pool is not None and pool.adapters is not None:
        allowed = tuple(name for name in allowed if name in pool.adapters)
        where += f" and pool {pool.name}"
    usable = usable_adapters(allowed, capability, current)
    mode = current.adapter_modes.get(capability, PREFERRED)
    chosen = current.chosen_adapters.get(capability, "")
    names = _by_mode(mode, [name for name in usable if name == chosen] if chosen else usable, usable, reads)
    if not reads and (unfit := [name for name in names if f"{capability}/{name}" in current.read_only_adapters]):
        names = [name for name in names if name not in unfit]
        where = f"{', '.join(unfit)} can only be read; {where}"
    if names:
        return Bound(names=tuple(names))
    wanted = f"; it is switched to {chosen}" if chosen else ""
    if mode != PREFERRED:
        wanted += f"; its mode is {mode}"
    return Bound(why=f"{where} allows {', '.join(allowed) or 'none'}, none of them usable now{wanted}")


def reduced_words(lacking: Mapping[str, str]) -> str:
    """What a step went without (capability -> why), in words."""
    return "reduced: " + "; ".join(f"{use} unavailable ({why})" for use, why in lacking.items())


def usable_adapters(allowed: tuple[str, ...], capability: str, current: Current) -> list[str]:
    """The adapters a capability may use now, preferred first: allowed, installed and not disabled."""
    installed, off = current.installed_adapters.get(capability, ()), current.disabled_adapters
    return [name for name in allowed if name in installed and name not in off and f"{capability}/{name}" not in off]


def _by_mode(mode: str, wanted: list[str], usable: list[str], reads: bool) -> list[str]:
    """Live ones read, and write too unless the mode is hybrid: then the house's own adapter is written to."""
    if mode == PREFERRED:
        return wanted
    if mode == OFFLINE:
        return [name for name in wanted if name == OFFLINE]
    live = [name for name in wanted if name != OFFLINE]
    if mode == LIVE or reads:
        return live
    return [f"{name}{BOTH}{OFFLINE}" for name in live] if OFFLINE in usable else []
