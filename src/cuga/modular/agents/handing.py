"""The workers of a crew as the pools of its house, so that who took a step stands in the run's own record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from cuga.model.event import RouteDecision
from cuga.orchestrator.routing import DecisionKind, PolicyBasedRoutingAuthority, RoutingAuthority, RoutingDecision
from cuga.policy.registry import Registry
from cuga.policy.routing import Candidate, Pool, Ranked

CREW = "crew"  # the routing policy of a crew's house


class ByAuthority:
    """Ranks the workers as the crew's routing authority does; one that is put in its place is asked from then on.

    The house counts the turns and what is under way. An authority of the caller's own is asked each time the house
    considers a step, which may be more often than a step begins.
    """

    name = CREW
    is_patient = True

    def __init__(self, authority: Callable[[], RoutingAuthority]) -> None:
        self._authority = authority

    def rank(self, candidates: Sequence[Candidate]) -> Iterable[Ranked]:
        """The candidates, best first, each with the policy that ranked them in its reason."""
        authority = self._authority()
        if isinstance(authority, PolicyBasedRoutingAuthority):
            policy = authority.worker_policy
            return [replace(one, why=f"{policy.name}: {one.why}") for one in policy.rank(candidates)]
        decision = authority.route_to_worker(candidates)
        known = {one.name for one in candidates}
        names = [name for name in dict.fromkeys((decision.target, *decision.alternatives)) if name in known]
        share = round(decision.confidence * 100)
        rest = (100 - share) // max(len(names) - 1, 1)
        return [
            Ranked(name=name, weight=rest if at else share, why=decision.reasoning) for at, name in enumerate(names)
        ]


def with_workers(rules: Registry, tools: dict[str, tuple[str, ...]]) -> Registry:
    """The rules of a house whose pools are these workers, each with the tools it has."""
    pools = {name: Pool(name=name, capabilities=names, concurrency=0) for name, names in tools.items() if names}
    return replace(rules, workers=pools)


def told(event: RouteDecision) -> RoutingDecision:
    """What the record of a run says of where a step went, as agents speak of it."""
    policy, _, rest = event.reason.partition(": ")
    return RoutingDecision(
        target=event.target,
        reasoning=f"{policy}: {rest.partition(';')[0]}",
        kind=DecisionKind.WORKER,
        alternatives=event.alternatives,
        confidence=event.confidence_percent / 100,
        fallback=event.alternatives[0] if event.alternatives else "",
        policy=policy,
    )
