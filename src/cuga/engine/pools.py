"""The live side of routing: which places of the worker pools are taken, who waits for one, how the pools fared.

Counts of this process, with what it last heard of others that work on the same house. A decision sees them as a value
(`look`), its places are taken in the same breath (`took`) and become calls when it is durable (`stands`), or are given
back. Nothing here decides; who waits is woken in the order of coming.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile

from cuga.kernel.decide import Decision
from cuga.kernel.state import RunState
from cuga.model.event import Event, ToolCallComplete, ToolCallError, ToolCallStart
from cuga.policy.profile import Current
from cuga.policy.routing import (
    DEFAULT,
    POLICIES,
    PROCESS,
    Candidate,
    Fared,
    Policy,
    Pool,
    Ranked,
    Traffic,
    check_ranked,
)

_KEPT, _NEW = 7, 1  # how a latency enters the running mean


class Unknown:
    """Stands for a policy that this process does not have: it gives nothing to anybody, and says its name."""

    is_patient = False

    def __init__(self, name: str) -> None:
        self.name = name

    def rank(self, candidates: Sequence[Candidate]) -> tuple[Ranked, ...]:
        """Nobody."""
        return ()


class Guarded:
    """A caller's own policy, whose mistakes stop no run: what it breaks on goes to nobody, with its name and why.

    `mistake` is that of its latest ranking; the loop's exception handler is told of it too, with the traceback.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.mistake = ""
        self.name = policy.name
        self.is_patient = policy.is_patient

    def rank(self, candidates: Sequence[Candidate]) -> tuple[Ranked, ...]:
        """What the policy says, when it can be used."""
        self.mistake = ""
        try:
            ranked = tuple(self._policy.rank(candidates))
            check_ranked(self.name, ranked, candidates)
        except Exception as error:
            self.mistake = f"{type(error).__name__}: {error}"
            context = {"message": f"the routing policy {self.name} broke", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            return ()
        return ranked


class Pools:
    """The places of a house's pools. `wake` is called with a run that may find one; `own` are policies beside ours."""

    def __init__(self, own: Sequence[Policy] = ()) -> None:
        self.policies: dict[str, Policy] = {**POLICIES, **{policy.name: Guarded(policy) for policy in own}}
        self.wake: Callable[[str], None] = lambda _run: None
        self.declared: Mapping[str, Pool] = {}
        self._running: dict[str, int] = {}  # pool -> places taken
        self.waits_for_processes = False  # pools that have processes of their own are served by those alone
        self._elsewhere: dict[str, int] = {}  # pool -> places that other processes have taken, as last heard
        self._held: dict[str, dict[str, str]] = {}  # run -> step in flight -> pool
        self._promised: dict[str, tuple[Decision, int, frozenset[str]]] = {}  # not durable yet; its place before it
        self._tickets: dict[str, int] = {}  # run that waits -> its place in the order of coming
        self._groups: dict[frozenset[str], dict[str, None]] = {}  # pools that are waited for -> runs, in that order
        self._wants: dict[str, frozenset[str]] = {}  # run that waits -> pools
        self._woken: set[str] = set()
        self._came = 0
        self._turns: dict[tuple[str, ...], dict[str, int]] = {}
        self._fared: dict[str, Fared] = {}

    def renew(self, pools: Mapping[str, Pool]) -> None:
        """The registry's pools, or the policy, may be others from now on."""
        self.declared = pools
        self.stir()

    def is_waiting(self, run_id: str) -> bool:
        """Whether a run waits for a place and is woken from here."""
        return run_id in self._tickets

    def hear(self, elsewhere: dict[str, int]) -> None:
        """How many places of each pool other processes have taken by now."""
        if elsewhere != self._elsewhere:
            self._elsewhere = elsewhere
            self.stir()

    def running(self, pool: str) -> int:
        """Calls of a pool that are in flight or about to be, in all processes."""
        return self._taken(pool)

    def running_here(self) -> dict[str, int]:
        """Those of the runs that this process advances."""
        return dict(self._running)

    def waiting(self, pool: str) -> int:
        """Runs that wait for a place in a pool."""
        return sum(len(runs) for wants, runs in self._groups.items() if pool in wants)

    def fared(self, pool: str) -> Fared:
        """How a pool fared in this process."""
        return self._fared.get(pool, Fared())

    # --- around one decision --------------------------------------------------------------------------------------
    def look(self, run_id: str, current: Current) -> Traffic | None:
        """What the decision on a run may know of the pools; None, at no cost, where there are none.

        It is decided on before anything else happens here, so the counts themselves serve as the value.
        """
        if not current.pools and run_id not in self._held and run_id not in self._tickets:
            return None
        self._woken.discard(run_id)
        own = list(self._held.get(run_id, {}).values())
        name = current.routing or DEFAULT
        return Traffic(
            policy=self.policies.get(name) or Unknown(name),
            others={pool: self._taken(pool) - own.count(pool) for pool in current.pools},
            ahead=self._ahead_of(run_id) if self._groups else {},
            fared=self._fared,
            turns=self._turns,
        )

    def took(self, run_id: str, decision: Decision) -> None:
        """Take the places of a decision before anything else is decided; whoever found none waits, in order."""
        waited = self._tickets.get(run_id, 0), self._wants.get(run_id, frozenset())
        self._promised[run_id] = (decision, *waited)
        self._count(decision, 1)
        self._line_up(run_id, frozenset(name for names in decision.queued.values() for name in names))

    def gave_back(self, run_id: str) -> None:
        """The decision did not become durable: its places and turns are free again, and the run waits where it waited
        before, not to be woken until it has `slept`. Harmless when there is none."""
        if (promised := self._promised.pop(run_id, None)) is None:
            return
        decision, ticket, wants = promised
        self._count(decision, -1)
        self._line_up(run_id, wants, ticket)
        if wants:
            self._woken.add(run_id)
        if decision.routed:
            self.stir()

    def stands(self, run_id: str, state: RunState, events: Sequence[Event]) -> None:
        """The decision is durable: what it began is in flight, what ended has left its place."""
        decision, *_ = self._promised.pop(run_id)
        before = self._held.pop(run_id, {})
        for start in decision.events:
            if isinstance(start, ToolCallStart) and start.pool:
                before = {**before, start.step: start.pool}
        now = {step: start.pool for step, start in state.calling.items() if start.pool}
        for pool in before.values():
            self._running[pool] -= 1
        for pool in now.values():
            self._running[pool] = self._running.get(pool, 0) + 1
        if now:
            self._held[run_id] = now
        for event in events:
            if isinstance(event, (ToolCallComplete, ToolCallError)) and event.step in before:
                self._learn(before[event.step], event)
        if decision.routed or before != now or run_id not in self._tickets:
            self.stir()

    def leave(self, run_id: str, ended: Iterable[str] = ()) -> None:
        """Nothing is decided on a run here until somebody looks. Its calls that have `ended` leave their places,
        although that is not written yet; those still in flight keep theirs."""
        self.gave_back(run_id)
        held = self._held.pop(run_id, {})
        for step in set(ended) & set(held):
            self._running[held.pop(step)] -= 1
        if held:
            self._held[run_id] = held
        self._line_up(run_id, frozenset())
        self.stir()

    def slept(self, run_id: str) -> None:
        """A run that was woken could not look; it keeps its place and is woken again."""
        self._woken.discard(run_id)
        self.stir()

    def stir(self) -> None:
        """Wake the first of those who wait for a pool that has a free place, or that is not there any more."""
        if not self._groups:
            return
        for wants, runs in list(self._groups.items()):
            if any(pool not in self.declared or self._has_room(pool) for pool in wants):
                first = next(iter(runs))
                if first not in self._woken:
                    self._woken.add(first)
                    self.wake(first)

    # --- inside ---------------------------------------------------------------------------------------------------
    def _has_room(self, pool: str) -> bool:
        return self._taken(pool) < self.declared[pool].concurrency

    def _taken(self, pool: str) -> int:
        if self.waits_for_processes and pool not in self._elsewhere and pool in self.declared:
            declared = self.declared[pool]
            if declared.kind == PROCESS:
                return declared.concurrency  # none of its own processes was heard of: it has no place
        return self._running.get(pool, 0) + self._elsewhere.get(pool, 0)

    def _count(self, decision: Decision, by: int) -> None:
        for among, target in decision.routed:
            self._running[target] = self._running.get(target, 0) + by
            turns = self._turns.setdefault(among, {})
            turns[target] = turns.get(target, 0) + by

    def _line_up(self, run_id: str, wants: frozenset[str], ticket: int = 0) -> None:
        """A run that still waits keeps its place in the order, whatever it waits for by now; `ticket` is its earlier
        place."""
        before = self._wants.get(run_id)
        if before == wants or (before is None and not wants):
            return
        if before is not None:
            runs = self._groups[before]
            del runs[run_id], self._wants[run_id]
            if not runs:
                del self._groups[before]
        if not wants:
            del self._tickets[run_id]
            return
        is_last = run_id not in self._tickets and not ticket
        if is_last:
            self._came += 1
        self._tickets[run_id] = ticket or self._tickets.get(run_id) or self._came
        self._wants[run_id] = wants
        runs = self._groups.setdefault(wants, {})
        runs[run_id] = None
        if not is_last:
            self._groups[wants] = dict(sorted(runs.items(), key=lambda item: self._tickets[item[0]]))

    def _ahead_of(self, run_id: str) -> dict[str, int]:
        """How many runs that came earlier wait for each pool."""
        own = self._tickets.get(run_id)
        found: dict[str, int] = {}
        for wants, runs in self._groups.items():
            earlier = len(runs)
            if own is not None:
                earlier = sum(1 for _ in takewhile(lambda run: self._tickets[run] < own, runs))
            for pool in wants if earlier else ():
                found[pool] = found.get(pool, 0) + earlier
        return found

    def _learn(self, pool: str, event: ToolCallComplete | ToolCallError) -> None:
        known = self._fared.get(pool, Fared())
        mean = event.duration_us
        if known.calls:
            mean = (_KEPT * known.latency_us + _NEW * event.duration_us) // (_KEPT + _NEW)
        self._fared[pool] = Fared(
            calls=known.calls + 1, failures=known.failures + isinstance(event, ToolCallError), latency_us=mean
        )
