"""Where work goes: which of several candidates takes it, how sure that is, and why.

Pure. What is known of a candidate (what it can do, what it is busy with, how its calls went) comes in as a value; a
policy ranks, `choose` picks and explains. The kernel routes steps to worker pools with it, the front door routes agents
and tools with it; a caller's own `Policy` does as well as one of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import msgspec

from cuga.errors import BadInput
from cuga.model.value import Value

NAMED, WHOLE_DOMAIN, ANYTHING = 3, 2, 1  # how closely a candidate fits: it names the tool, its domain, or nothing
AT_ONCE = 4  # calls of a pool that says no number
_WARM_MS = 100  # added to every latency, so that one quick call does not outweigh a hundred good ones


IN_PROCESS = "in-process"  # its calls are made by whoever advances the run
PROCESS = "process"  # they are made by processes of its own, which a house with one process does not have


class Pool(Value, frozen=True, kw_only=True):
    """A named pool of workers, as the registry declares it.

    `capabilities` are domains and tools it takes; `tools`, when given, narrows them. `adapters` None: any that the
    profile allows.
    """

    name: str
    capabilities: tuple[str, ...]
    tools: tuple[str, ...] = ()
    concurrency: int = AT_ONCE  # calls at the same time, over all runs
    adapters: tuple[str, ...] | None = None
    kind: str = IN_PROCESS

    def fit(self, tool: str, domain: str) -> int:
        """How closely the pool fits a tool: `NAMED`, `WHOLE_DOMAIN`, or 0: it does not take it."""
        if self.tools and tool not in self.tools:
            return 0
        if tool in self.capabilities:
            return NAMED
        return WHOLE_DOMAIN if domain in self.capabilities else 0


class Fared(Value, frozen=True, kw_only=True):
    """What is known of how a candidate fared. `latency_us` is a running mean that favours the recent."""

    calls: int = 0  # calls that have ended
    failures: int = 0
    latency_us: int = 0


class Candidate(Value, frozen=True, kw_only=True):
    """One that could take the work. `limit` 0: it takes any number at once; `turns`: how often it was chosen before."""

    name: str
    fit: int = ANYTHING
    running: int = 0
    ahead: int = 0  # how many wait for it and came earlier
    limit: int = 0
    turns: int = 0
    fared: Fared = Fared()

    @property
    def has_room(self) -> bool:
        """Whether it could begin at once."""
        return not self.limit or self.running + self.ahead < self.limit

    @property
    def busy(self) -> int:
        """How busy it is, in thousandths of what it can do at once; beyond 1000 others wait already."""
        return 1000 * (self.running + self.ahead) // max(self.limit, 1)


class Ranked(Value, frozen=True, kw_only=True):
    """A candidate in its place. `weight` says how much speaks for it beside the others, in any unit."""

    name: str
    weight: int
    why: str


class Choice(Value, frozen=True, kw_only=True):
    """Who takes the work. `confidence_percent` is the target's share of all weight: 100 when there is nobody else."""

    target: str
    reason: str
    policy: str
    alternatives: tuple[str, ...] = ()  # best first
    confidence_percent: int = 100

    @property
    def fallback(self) -> str:
        """Who would be next; never the target, empty when there is nobody else."""
        return self.alternatives[0] if self.alternatives else ""


@runtime_checkable
class Policy(Protocol):
    """What ranks candidates. `is_patient`: its first choice is waited for though another has room."""

    @property
    def name(self) -> str: ...

    @property
    def is_patient(self) -> bool: ...

    def rank(self, candidates: Sequence[Candidate]) -> Iterable[Ranked]:
        """The candidates, best first; one that is left out is never chosen."""
        ...


class RoundRobin:
    """In turn. Whoever was chosen least often is next, so that decisions over equal candidates differ by one at most.

    It waits for the one whose turn it is: going past a busy one would make the turns unequal.
    """

    name: ClassVar[str] = "round_robin"
    is_patient: ClassVar[bool] = True

    def rank(self, candidates: Sequence[Candidate]) -> list[Ranked]:
        """The least often chosen first; among equals the one that is named first."""
        order = sorted(candidates, key=lambda one: one.turns)
        return [Ranked(name=one.name, weight=1, why=f"its turn, {one.turns} before") for one in order]


class Capability:
    """The closest fit: one that names the tool before one that takes the whole domain; among equals the less busy."""

    name: ClassVar[str] = "capability"
    is_patient: ClassVar[bool] = False

    def rank(self, candidates: Sequence[Candidate]) -> list[Ranked]:
        """The closest fit first."""
        why = {NAMED: "it names the tool", WHOLE_DOMAIN: "it takes the whole domain"}
        order = sorted(candidates, key=lambda one: (-one.fit, one.busy))
        return [Ranked(name=one.name, weight=one.fit, why=why.get(one.fit, "it takes anything")) for one in order]


class LoadBalanced:
    """The least busy for its size; among equals the quicker."""

    name: ClassVar[str] = "load_balanced"
    is_patient: ClassVar[bool] = False

    def rank(self, candidates: Sequence[Candidate]) -> list[Ranked]:
        """The least busy first."""
        order = sorted(candidates, key=lambda one: (one.busy, one.fared.latency_us))
        return [Ranked(name=one.name, weight=max(1, 1000 - one.busy), why=_busy(one)) for one in order]


class Priority:
    """In the order they are named: the first that has room."""

    name: ClassVar[str] = "priority"
    is_patient: ClassVar[bool] = False

    def rank(self, candidates: Sequence[Candidate]) -> list[Ranked]:
        """As they come."""
        count = len(candidates)
        return [
            Ranked(name=one.name, weight=count - at, why=f"number {at + 1} in order")
            for at, one in enumerate(candidates)
        ]


class Learned:
    """By what was seen: the share of calls that went well, then how quick they were. One never seen gets a chance."""

    name: ClassVar[str] = "learned"
    is_patient: ClassVar[bool] = False

    def rank(self, candidates: Sequence[Candidate]) -> list[Ranked]:
        """The one that fared best first."""
        order = sorted(candidates, key=lambda one: -_worth(one.fared))
        return [Ranked(name=one.name, weight=_worth(one.fared), why=_fared(one.fared)) for one in order]


class Manual:
    """The one that the caller names, and nobody else."""

    name: ClassVar[str] = "manual"
    is_patient: ClassVar[bool] = True

    def __init__(self, target: str) -> None:
        self.target = target

    def rank(self, candidates: Sequence[Candidate]) -> list[Ranked]:
        """The named one; the others follow for the record."""
        order = sorted(candidates, key=lambda one: one.name != self.target)
        if not order or order[0].name != self.target:
            return []
        return [Ranked(name=one.name, weight=int(one.name == self.target), why="named by the caller") for one in order]


POLICIES: Mapping[str, Policy] = {
    policy.name: policy for policy in (RoundRobin(), Capability(), LoadBalanced(), Priority(), Learned())
}
DEFAULT = RoundRobin.name  # of workers


class Traffic(msgspec.Struct, frozen=True):
    """What the pools are busy with, as one decision sees it.

    `others` counts the calls of other runs in each pool, `ahead` the runs that have waited longer for it, `turns` how
    often each of a set of candidates was chosen. All are values: whoever keeps the live counts takes them before a
    decision and notes what it led to after it.
    """

    policy: Policy = POLICIES[DEFAULT]
    others: Mapping[str, int] = {}
    ahead: Mapping[str, int] = {}
    fared: Mapping[str, Fared] = {}
    turns: Mapping[tuple[str, ...], Mapping[str, int]] = {}


QUIET = Traffic()


def choose(
    policy: Policy, candidates: Sequence[Candidate], *, can_wait: bool = False
) -> tuple[Choice | None, tuple[Ranked, ...]]:
    """Who takes the work, and the whole ranking. None: nobody may, or with `can_wait` nobody has room just now.

    `BadInput` when a policy names somebody who is no candidate, or somebody twice.
    """
    ranked = tuple(policy.rank(candidates))
    check_ranked(policy.name, ranked, candidates)
    by_name = {one.name: one for one in candidates}
    names = [one.name for one in ranked]
    able = ranked[:1] if policy.is_patient else ranked
    first = next((one for one in able if not can_wait or by_name[one.name].has_room), None)
    if first is None:
        return None, ranked
    whole = sum(max(one.weight, 0) for one in ranked)
    choice = Choice(
        target=first.name,
        reason=first.why,
        policy=policy.name,
        alternatives=tuple(name for name in names if name != first.name),
        confidence_percent=(200 * max(first.weight, 0) + whole) // (2 * whole) if whole else 0,
    )
    return choice, ranked


def check_ranked(policy: str, ranked: Sequence[Ranked], candidates: Sequence[Candidate]) -> None:
    """`BadInput` when a policy names somebody who is no candidate, or somebody twice."""
    names = [one.name for one in ranked]
    known = [one.name for one in candidates]
    if len(set(names)) < len(names) or not set(known) >= set(names):
        raise BadInput(
            f"the policy {policy} ranked {', '.join(names)}; the candidates are {', '.join(known) or 'none'}",
            mend="A policy's `rank` gives each candidate at most once, and nobody else.",
        )


def policy_named(name: str, own: Mapping[str, Policy] | None = None) -> Policy:
    """A policy by name, the caller's own first; `BadInput` with the names there are."""
    known = {**POLICIES, **(own or {})}
    try:
        return known[name or DEFAULT]
    except KeyError:
        raise BadInput(f"no routing policy {name!r}", mend=f"There are {', '.join(known)}.") from None


def pools_that_take(pools: Iterable[Pool], tool: str, domain: str) -> tuple[Pool, ...]:
    """The pools whose capabilities cover a tool, in the order they are declared."""
    return tuple(pool for pool in pools if pool.fit(tool, domain))


def _busy(one: Candidate) -> str:
    waiting = f", {one.ahead} waiting" if one.ahead else ""
    return f"{one.running} of {one.limit or 'any number'} busy{waiting}"


def _worth(fared: Fared) -> int:
    """Expected share of good calls (Laplace's rule of succession) in millionths, over the time of one."""
    good = 1_000_000 * (fared.calls - fared.failures + 1) // (fared.calls + 2)
    return max(1, good // (_WARM_MS + fared.latency_us // 1000))


def _fared(fared: Fared) -> str:
    if not fared.calls:
        return "not seen yet"
    good = 100 * (fared.calls - fared.failures) // fared.calls
    return f"{good} % of {fared.calls} calls went well, {fared.latency_us // 1000} ms each"
