"""The rules of a house that is made for one caller, in memory: the shipped profiles, and a few names more.

Those are the rooms that tests, demonstrations and developers work in. They have the rules of the default profile; an
unknown name still raises.
"""

from __future__ import annotations

import msgspec

from cuga.orchestrator.house.place import shipped_registry
from cuga.orchestrator.library.retrying import RetryPolicy
from cuga.policy.registry import Registry, load_registry

ROOMS = ("default", "demo", "test", "dev", "prod", "sales_rep", "sales_manager")


def rules_in_memory() -> Registry:
    """The shipped registry with the rooms."""
    shipped = load_registry(shipped_registry(), source="the shipped registry")
    usual = shipped.profile()
    rooms = {name: msgspec.structs.replace(usual, name=name) for name in ROOMS}
    return msgspec.structs.replace(shipped, profiles={**shipped.profiles, **rooms})


def rules_for_agents(retry_policy: RetryPolicy | None = None) -> Registry:
    """The same without packs, since agents bring their tools, and under a retry policy if one is given."""
    rules = rules_in_memory()
    profiles = rules.profiles
    if retry_policy is not None:
        profiles = {name: msgspec.structs.replace(one, retry=retry_policy.rule) for name, one in profiles.items()}
    return msgspec.structs.replace(rules, profiles=profiles, packs=(), mentions=(), source="the rules of agents")
