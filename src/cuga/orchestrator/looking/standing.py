"""How adapters and worker pools stand now: what is declared, what can be used, how busy it is, who switched it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cuga.model.value import Value
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.looking.trying import not_set_up
from cuga.policy.binding import PREFERRED
from cuga.policy.routing import DEFAULT


class AdapterLine(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One declared adapter of a capability. `mode` is the capability's; `switched_*` tell of the latest change."""

    capability: str
    adapter: str
    installed: bool
    absent: str  # why it cannot be used here while it is not installed
    enabled: bool
    chosen: bool  # the capability is switched to this one
    mode: str
    can_write: bool
    reason: str  # of the latest change
    switched_by: str
    switched_at: datetime | None


class PoolLine(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One worker pool and what the process that holds the house has seen of it since it began."""

    pool: str
    kind: str
    capabilities: tuple[str, ...]
    tools: tuple[str, ...]
    adapters: tuple[str, ...] | None  # None: any that the profile allows
    concurrency: int
    running: int
    waiting: int  # runs
    calls: int
    failures: int
    latency_us: int


class Workers(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The worker pools of a house and the policy that chooses between them."""

    policy: str
    policies: tuple[str, ...]  # those that could
    pools: tuple[PoolLine, ...]


def adapter_lines(assembly: Assembly) -> list[AdapterLine]:
    """Every declared adapter, by capability."""
    assembly.look_at_adapters()
    return list(_adapter_lines(assembly))


def _adapter_lines(assembly: Assembly) -> Iterator[AdapterLine]:
    state, current = assembly.state, assembly.current
    for capability, declared in assembly.registry.adapters.items():
        for name in declared:
            keys = (name, f"{capability}/{name}")
            is_chosen = state.chosen.get(capability) == name
            own = [f"{capability}/"] if is_chosen or capability in state.modes else []
            known = [state.switched.get(key) for key in (*keys, *own)]
            is_there = name in current.installed_adapters.get(capability, ())
            latest = max((one for one in known if one is not None), key=lambda one: one.at, default=None)
            yield AdapterLine(
                capability=capability,
                adapter=name,
                installed=is_there,
                absent="" if is_there else not_set_up(assembly, name),
                enabled=state.disabled.keys().isdisjoint(keys),
                chosen=is_chosen,
                mode=state.modes.get(capability, PREFERRED),
                can_write=keys[1] not in current.read_only_adapters,
                reason=latest.reason if latest else "",
                switched_by=latest.by if latest else "",
                switched_at=latest.at if latest else None,
            )


def workers_of(assembly: Assembly) -> Workers:
    """The worker pools of the registry in force."""
    live = assembly.driver.pools
    return Workers(
        policy=assembly.current.routing or DEFAULT,
        policies=tuple(live.policies),
        pools=tuple(
            PoolLine(
                pool=pool.name,
                kind=pool.kind,
                capabilities=pool.capabilities,
                tools=pool.tools,
                adapters=pool.adapters,
                concurrency=pool.concurrency,
                running=live.running(pool.name),
                waiting=live.waiting(pool.name),
                calls=live.fared(pool.name).calls,
                failures=live.fared(pool.name).failures,
                latency_us=live.fared(pool.name).latency_us,
            )
            for pool in assembly.current.pools.values()
        ),
    )
