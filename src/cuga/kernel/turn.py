"""One decision in the making: the draft it works on, the facts so far, and what was known when it began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from cuga.kernel.asked import Asked
from cuga.kernel.evolve import apply
from cuga.kernel.state import Phase, RunState
from cuga.model.event import Claim, Event, StepInDoubt, StepSkipped
from cuga.model.plan import Budget
from cuga.policy.budget import limits_of
from cuga.policy.judge import Rules
from cuga.policy.profile import Current
from cuga.policy.routing import QUIET, Traffic


@lru_cache(maxsize=256)
def _span(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


class Turn(msgspec.Struct, eq=False):
    """Collects facts; each is applied to the draft at once, so that the next judgement sees it.

    `now` is the time of every fact of this turn. `refused` holds what scopes were found to hold when an append with
    claims was turned down: a fact like any other. `holds` says why ready steps do not start.
    """

    state: RunState
    now: datetime
    rules: Rules
    current: Current
    refused: Mapping[str, int]
    may_start: bool = True
    traffic: Traffic = QUIET
    asked: dict[str, list[Asked]] = {}  # list -> calls of it that need a person and came up in this turn
    is_asking: bool = False  # calls are looked at to be asked for: none of them starts
    has_opened: bool = False  # a list has been opened: its calls have not been looked at
    queued: dict[str, tuple[str, ...]] = {}  # step -> pools that it waits for a place in
    routed: list[tuple[tuple[str, ...], str]] = []  # pools to choose from, and the one that was chosen
    events: list[Event] = []
    holds: dict[str, str] = {}  # kind of hold -> what a person reads
    wakes: list[datetime] = []
    short: set[str] = set()  # budget scopes that a ready step waits for
    taken: dict[str, int] = {}  # what facts of this turn claim of each scope
    _limits: dict[str, int] | None = None
    _planned: tuple[Budget, ...] = ()  # the plans' budgets that the limits were made of

    def emit(self, event: Event) -> None:
        """Make a fact true."""
        self.events.append(event)
        apply(self.state, event)

    def held(self, scope: str) -> int:
        """What a scope is known to hold, with what this turn has claimed of it."""
        return self.refused.get(scope, 0) + self.taken.get(scope, 0)

    def take(self, claims: Iterable[Claim]) -> None:
        """Remember claims of this turn, so that the next step of it does not count on the same share."""
        for claim in claims:
            self.taken[claim.scope] = self.taken.get(claim.scope, 0) + claim.amount

    def in_seconds(self, seconds: float) -> datetime:
        """A time from now."""
        return self.now + _span(seconds)

    @property
    def limits(self) -> dict[str, int]:
        """The run's limits: the profile's, the caller's and those of all its plans, the smallest of each scope."""
        start, planned = self.state.start, self.state.budgets
        if self._limits is None or self._planned is not planned:
            own = start.budget if start is not None else None
            self._planned = planned
            if own is None and not planned:
                self._limits = self.rules.limits
            else:
                self._limits = limits_of(self.rules.profile.limits, own, *planned)
        return self._limits

    def doubt(self, step: str, why: str) -> bool:
        """Put a step in doubt that cannot go on while an earlier attempt may have happened; False: none may have."""
        start = self.state.unsure.get(step)
        if start is None:
            return False
        reason = f"{why}; attempt {start.attempt} may have happened"
        self.emit(StepInDoubt(at=self.now, step=step, attempt=start.attempt, reason=reason))
        return True

    def skip_dependants(self, step: str) -> None:
        """Leave out what cannot be done any more because `step` was not done."""
        s = self.state
        if s.phase[step] is Phase.LISTED:
            return  # it is not over while calls of it are
        waiting = [step]
        while waiting:
            ended = waiting.pop()
            by_condition = s.phase[ended] is Phase.SKIPPED and ended not in s.reasons and ended in s.index.named
            for dependant in s.index.dependants.get(ended, ()):
                if s.phase.get(dependant) is Phase.PENDING:
                    reason = (
                        f"its condition does not hold for {ended}"
                        if by_condition
                        else f"it needs {ended}, which was not done"
                    )
                    self.emit(StepSkipped(at=self.now, step=dependant, reason=reason, by_condition=by_condition))
                    waiting.append(dependant)
