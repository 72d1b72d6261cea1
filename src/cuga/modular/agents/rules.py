"""The rules of a house that agents make for themselves: the shipped profiles, and names for the rooms that tests,
demonstrations and developers work in. Those have the rules of the default profile; an unknown name still raises.
"""

from __future__ import annotations

import msgspec

from cuga.orchestrator.failures import RetryPolicy
from cuga.orchestrator.place import shipped_registry
from cuga.policy.registry import Registry, load_registry

ROOMS = ("default", "demo", "test", "dev", "prod", "sales_rep", "sales_manager")


def rules_for_agents(retry_policy: RetryPolicy | None = None) -> Registry:
    """The shipped registry without its packs (agents bring their tools), under a retry policy if one is given."""
    shipped = load_registry(shipped_registry(), source="the shipped registry")
    usual = shipped.profile()
    profiles = {**shipped.profiles, **{name: msgspec.structs.replace(usual, name=name) for name in ROOMS}}
    if retry_policy is not None:
        profiles = {
            name: msgspec.structs.replace(profile, retry=retry_policy.rule) for name, profile in profiles.items()
        }
    return msgspec.structs.replace(shipped, profiles=profiles, packs=(), mentions=(), source="the rules of agents")
