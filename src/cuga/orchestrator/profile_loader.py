"""Profiles as callers ask for them: a reading of the registry, nothing of its own.

An unknown profile raises. An unknown side-effect class is refused, never taken for a harmless one.
"""

from __future__ import annotations

from dataclasses import dataclass

from cuga.errors import BadInput
from cuga.model.plan import Budget
from cuga.model.tool import SideEffect
from cuga.orchestrator.house.place import shipped_registry
from cuga.policy.profile import Consent, Profile
from cuga.policy.registry import Registry, load_registry


@dataclass(frozen=True)
class ProfileConfig:
    """One profile, read."""

    profile: Profile

    @property
    def name(self) -> str:
        """Its name."""
        return self.profile.name

    @property
    def budget(self) -> Budget:
        """What one run may spend."""
        limits = self.profile.limits
        return Budget(
            calls=limits.calls,
            calls_per_domain=limits.calls_per_domain,
            calls_per_tool=limits.calls_per_tool,
            cost=limits.cost,
            tokens=limits.tokens,
        )

    @property
    def warning_threshold(self) -> float:
        """The share of a limit at which there is a warning."""
        return self.profile.limits.warning_percent / 100

    @property
    def allowed_adapters(self) -> tuple[str, ...]:
        """Every adapter that it lets some capability use."""
        named = [name for names in self.profile.adapters.values() for name in names]
        return tuple(dict.fromkeys((*named, *self.profile.any_adapters)))

    def consent_for(self, side_effect: SideEffect | str) -> Consent:
        """Who lets a call of a class go on; `BadInput` for a class that does not exist."""
        try:
            kind = SideEffect(side_effect)
        except ValueError:
            known = ", ".join(one.value for one in SideEffect)
            raise BadInput(f"no side-effect class {side_effect!r}", mend=f"There are {known}.") from None
        return self.profile.approvals.consent_for(kind)

    def requires_approval(self, side_effect: SideEffect | str) -> bool:
        """Whether a person must agree to a call of a class."""
        return self.consent_for(side_effect) is Consent.HUMAN

    def allows_adapter(self, adapter: str) -> bool:
        """Whether any capability may use the adapter."""
        return adapter in self.allowed_adapters


class ProfileLoader:
    """Profiles by name, of a registry or of the shipped one."""

    def __init__(self, registry: Registry | None = None) -> None:
        self._registry = registry or load_registry(shipped_registry(), source="the shipped registry")

    @property
    def names(self) -> tuple[str, ...]:
        """The profiles there are."""
        return tuple(self._registry.profiles)

    def load(self, name: str = "") -> ProfileConfig:
        """A profile by name, or the default one; `ProfileUnknown`."""
        return ProfileConfig(self._registry.profile(name))

    load_profile = load
    get_profile = load
