"""A coordinator from a few words: how to route, how to plan, where to tell what was decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cuga.modular.agents.coordinator import CoordinatorAgent
from cuga.modular.agents.planner import PlannerAgent
from cuga.modular.agents.worker import WorkerAgent
from cuga.orchestrator.audit import AuditTrail, JSONAuditTrail, NoOpAuditTrail, SQLiteAuditTrail
from cuga.orchestrator.planning import PlanningAuthority, PlanningMode
from cuga.orchestrator.routing import (
    CapabilityBasedPolicy,
    LoadBalancedPolicy,
    PolicyBasedRoutingAuthority,
    RoundRobinPolicy,
)
from cuga.planning.memory import Notes

ROUTING: dict[str, Callable[[], Any]] = {
    "round_robin": RoundRobinPolicy,
    "capability": CapabilityBasedPolicy,
    "load_balanced": LoadBalancedPolicy,
}
PLANNING = tuple(mode.value for mode in PlanningMode)
AUDIT: dict[str, Callable[[], AuditTrail]] = {
    "json": JSONAuditTrail,  # one file for each trace under ./audit_logs
    "sqlite": SQLiteAuditTrail,  # ./audit.db
    "none": NoOpAuditTrail,
}


def create_coordinator(
    planner: PlannerAgent,
    workers: Sequence[WorkerAgent],
    memory: Notes | None = None,
    *,
    routing_policy: str = "round_robin",
    planning_mode: str = "default",
    audit_backend: str = "json",
    **more: Any,
) -> CoordinatorAgent:
    """A coordinator. `ValueError`, naming the choices, for a word that is none. `more` goes to `CoordinatorAgent`."""
    _must_be(routing_policy, tuple(ROUTING), "routing policy")
    _must_be(planning_mode, PLANNING, "planning mode")
    _must_be(audit_backend, tuple(AUDIT), "audit backend")
    return CoordinatorAgent(
        planner,
        workers,
        memory,
        routing_authority=PolicyBasedRoutingAuthority(policy=ROUTING[routing_policy]()),
        planning_authority=PlanningAuthority(planner=planner, memory=memory, mode=planning_mode),
        audit_trail=AUDIT[audit_backend](),
        **more,
    )


def _must_be(said: str, choices: tuple[str, ...], what: str) -> None:
    if said not in choices:
        raise ValueError(f"no {what} {said!r}; there are {', '.join(choices)}")
