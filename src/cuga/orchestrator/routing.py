"""Who takes a task: an agent, a worker, a tool. A view of `policy.routing`, which judges here as it does in the kernel.

The authority only reads candidates into values and counts turns and outcomes, under one lock; it makes no call.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import msgspec

from cuga.errors import BadInput
from cuga.model import given
from cuga.model.value import Value
from cuga.policy.routing import (
    ANYTHING,
    NAMED,
    WHOLE_DOMAIN,
    Candidate,
    Capability,
    Fared,
    Learned,
    LoadBalanced,
    Manual,
    Policy,
    Priority,
    RoundRobin,
    choose,
)

RoutingPolicy = Policy
RoundRobinPolicy = RoundRobin
CapabilityBasedPolicy = Capability
LoadBalancedPolicy = LoadBalanced
PriorityPolicy = Priority
LearnedPolicy = Learned
ManualPolicy = Manual

_FULL = 1000  # a load of 1.0 in whole numbers


class RoutingStrategy(str, Enum):
    """The ways to route, by name."""

    ROUND_ROBIN = "round_robin"
    CAPABILITY = "capability"
    LOAD_BALANCED = "load_balanced"
    PRIORITY = "priority"
    LEARNED = "learned"
    MANUAL = "manual"


class DecisionKind(str, Enum):
    """What a decision is about; `fallback`: nobody could take it, and the one kept for that does."""

    AGENT = "agent"
    WORKER = "worker"
    TOOL = "tool"
    SUBGRAPH = "subgraph"
    FALLBACK = "fallback"


class RoutingDecision(Value, frozen=True, kw_only=True):
    """Where something goes, why, and who else could have taken it. `confidence` is from 0 to 1."""

    target: str
    reasoning: str
    kind: DecisionKind = DecisionKind.WORKER
    alternatives: tuple[str, ...] = ()  # best first
    confidence: float = 1.0
    fallback: str = ""  # who would be next; never the target
    policy: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= given.number("RoutingDecision.confidence", self.confidence) <= 1.0:
            raise BadInput(f"a confidence of {self.confidence} is not between 0 and 1")
        if self.fallback and self.fallback == self.target:
            raise BadInput(f"{self.target} cannot be its own fallback")

    @property
    def selected(self) -> str:
        """The target."""
        return self.target

    @property
    def reason(self) -> str:
        """The reasoning."""
        return self.reasoning

    @property
    def decision_type(self) -> DecisionKind:
        """The kind."""
        return self.kind


class RoutingAuthority(ABC):
    """Decides who takes a task. `BadInput` when nobody can.

    Candidates are names, mappings with a `name`, objects with one (agents, workers, tool contracts), or `Candidate`
    values. `capabilities` (or a `domain`), `load` from 0 to 1 and `fared` are read where they are there.
    """

    @abstractmethod
    def route(
        self, task: Any, context: Any, candidates: Sequence[Any], *, kind: DecisionKind = DecisionKind.AGENT
    ) -> RoutingDecision:
        """The one of the candidates that takes a task: a text, a step, or a mapping with `tool`, `domain`."""
        ...

    def route_to_agent(self, task: Any, context: Any, available_agents: Sequence[Any]) -> RoutingDecision:
        """The agent for a task."""
        return self.route(task, context, available_agents, kind=DecisionKind.AGENT)

    def route_to_worker(self, candidates: Sequence[Any], context: Any = None, task: Any = None) -> RoutingDecision:
        """The worker among candidates."""
        return self.route(task, context, candidates, kind=DecisionKind.WORKER)

    def route_to_tool(self, task: Any, context: Any, tools: Sequence[Any]) -> RoutingDecision:
        """The tool for a task."""
        return self.route(task, context, tools, kind=DecisionKind.TOOL)


class PolicyBasedRoutingAuthority(RoutingAuthority):
    """Routes by policies that may be swapped at any time; the next decision uses the new one.

    `policy` is for everything that no policy of its own is given for; without it agents and tools are routed by
    capability and workers in turn. `fallback` takes what nobody else can. `on_decision` hears every decision.
    Safe to use from several threads and tasks.
    """

    def __init__(
        self,
        policy: Policy | RoutingStrategy | None = None,
        *,
        agent_policy: Policy | None = None,
        worker_policy: Policy | None = None,
        tool_policy: Policy | None = None,
        fallback: str = "",
        on_decision: Callable[[RoutingDecision], None] | None = None,
    ) -> None:
        whole = policy_for(policy) if isinstance(policy, RoutingStrategy) else policy
        for name, one in (("policy", whole), ("agent_policy", agent_policy), ("worker_policy", worker_policy),
                          ("tool_policy", tool_policy)):  # fmt: skip
            _must_rank(name, one)
        self.agent_policy: Policy = agent_policy or whole or Capability()
        self.worker_policy: Policy = worker_policy or whole or RoundRobin()
        self.tool_policy: Policy = tool_policy or whole or Capability()
        self.fallback = fallback
        self._on_decision = on_decision
        self._turns: dict[tuple[str, ...], dict[str, int]] = {}
        self._fared: dict[str, Fared] = {}
        self._lock = threading.Lock()

    @property
    def policy(self) -> Policy:
        """The policy for workers; setting it sets that for agents and tools too."""
        return self.worker_policy

    @policy.setter
    def policy(self, policy: Policy) -> None:
        _must_rank("policy", policy)
        self.agent_policy = self.worker_policy = self.tool_policy = policy

    def route(
        self, task: Any, context: Any, candidates: Sequence[Any], *, kind: DecisionKind = DecisionKind.AGENT
    ) -> RoutingDecision:
        """See `RoutingAuthority.route`. A `target` in the context is taken when it is a candidate."""
        policy = {DecisionKind.WORKER: self.worker_policy, DecisionKind.TOOL: self.tool_policy}.get(
            kind, self.agent_policy
        )
        if named := _said(context, "target"):
            policy = Manual(str(named))
        needs = _needs(task, context)
        given.listed("the candidates to route to", candidates, "names, agents, workers or tools")
        with self._lock:
            rated = [one for one in (self._rated(each, needs) for each in candidates) if one.fit]
            among = tuple(one.name for one in rated)
            turns = self._turns.setdefault((kind.value, *among), {})
            counted = [msgspec.structs.replace(one, turns=one.turns + turns.get(one.name, 0)) for one in rated]
            choice, _ = choose(policy, counted)
            if choice is not None:
                turns[choice.target] = turns.get(choice.target, 0) + 1
        if choice is not None:
            decision = RoutingDecision(
                target=choice.target,
                reasoning=f"{choice.policy}: {choice.reason}",
                kind=kind,
                alternatives=choice.alternatives,
                confidence=choice.confidence_percent / 100,
                fallback=choice.fallback or (self.fallback if self.fallback != choice.target else ""),
                policy=choice.policy,
            )
        elif self.fallback:
            why = f"nobody else can take it: {_nobody(needs, candidates)}"
            decision = RoutingDecision(
                target=self.fallback, reasoning=why, kind=DecisionKind.FALLBACK, confidence=0.0, policy=policy.name
            )
        else:
            raise BadInput(f"there is nobody to route to: {_nobody(needs, candidates)}")
        self.heard(decision)
        return decision

    def heard(self, decision: RoutingDecision) -> None:
        """Tell of a decision that was made here, or elsewhere by the policies that are here."""
        if self._on_decision is not None:
            self._on_decision(decision)

    def learn(self, target: str, *, succeeded: bool, seconds: float = 0.0) -> None:
        """What became of work that went to a target: what `learned` ranks by."""
        given.number("the seconds that were learned", seconds)
        with self._lock:
            known = self._fared.get(target, Fared())
            spent = known.latency_us * known.calls + round(seconds * 1_000_000)
            self._fared[target] = Fared(
                calls=known.calls + 1,
                failures=known.failures + (not succeeded),
                latency_us=spent // (known.calls + 1),
            )

    def _rated(self, one: Any, needs: frozenset[str]) -> Candidate:
        if isinstance(one, Candidate):
            return one
        name = one if isinstance(one, str) else str(_said(one, "name") or "")
        if not name:
            mend = "Give names, mappings with a `name`, or objects with one."
            raise BadInput(f"a candidate without a name cannot be routed to: {one!r}", mend=mend)
        load = given.number(f"the load of {name}", _said(one, "load") or 0.0)
        if not 0.0 <= load <= 1.0:
            raise BadInput(f"the load of {name} is {load}; it must be from 0 to 1")
        return Candidate(
            name=name,
            fit=_fit(_capabilities(one), needs),
            running=round(load * _FULL),
            limit=_FULL,
            fared=self._fared.get(name, Fared()),
        )


def policy_for(strategy: RoutingStrategy | str, target: str = "") -> Policy:
    """The policy of a strategy; `target` is who `manual` names. ValueError for a strategy that is not known."""
    match RoutingStrategy(strategy):
        case RoutingStrategy.MANUAL:
            return Manual(target)
        case known:
            found: dict[RoutingStrategy, Policy] = {
                RoutingStrategy.ROUND_ROBIN: RoundRobin(),
                RoutingStrategy.CAPABILITY: Capability(),
                RoutingStrategy.LOAD_BALANCED: LoadBalanced(),
                RoutingStrategy.PRIORITY: Priority(),
                RoutingStrategy.LEARNED: Learned(),
            }
            return found[known]


def _must_rank(name: str, policy: Any) -> None:
    if policy is not None:
        expected = "a routing policy, e.g. RoundRobinPolicy() or RoutingStrategy.LOAD_BALANCED"
        given.able(f"the {name}", policy, "rank", "name", "is_patient", expected=expected)


def _said(one: Any, name: str) -> Any:
    """A field of a mapping, an object, or its metadata."""
    if one is None or isinstance(one, str):
        return None
    found = one.get(name) if isinstance(one, Mapping) else getattr(one, name, None)
    if found is None and name != "metadata" and isinstance(more := _said(one, "metadata"), Mapping):
        return more.get(name)
    return found


def _needs(task: Any, context: Any) -> frozenset[str]:
    """What a task asks of whoever takes it: its tool, its domain, capabilities that it or its context requires."""
    found: set[str] = set()
    for one in (task, context):
        found |= {str(said) for name in ("tool", "domain") if (said := _said(one, name))}
        required = _said(one, "required_capabilities") or ()
        asked = [required] if isinstance(required, str) else required
        found |= {str(one) for one in given.listed("required_capabilities", asked, "names")}
    return frozenset(found)


def _capabilities(one: Any) -> frozenset[str]:
    said: Iterable[str] | str = _said(one, "capabilities") or _said(one, "domain") or ()
    own = {said} if isinstance(said, str) else set(said)
    return frozenset(own)


def _fit(capabilities: frozenset[str], needs: frozenset[str]) -> int:
    """How closely somebody fits; who says no capability takes anything, and 0 takes it not at all."""
    if not capabilities or not needs:
        return ANYTHING
    return NAMED if needs <= capabilities else WHOLE_DOMAIN if needs & capabilities else 0


def _nobody(needs: frozenset[str], candidates: Sequence[Any]) -> str:
    if not candidates:
        return "there are no candidates"
    asked = f" can do {', '.join(sorted(needs))}" if needs else " is named"
    return f"none of {len(candidates)}{asked}"
