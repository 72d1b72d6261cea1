"""What a checked plan would cost and need, before anything runs: shown by `cuga plan`.

A forecast assumes that every step runs once, a list once for each item that it may take. Retries cost more, skipped
steps less; what happens at a limit is the profile's to say.
"""

from __future__ import annotations

from collections.abc import Mapping

from cuga.kernel.references import ITEMS
from cuga.model.plan import Budget, CheckedPlan, Step
from cuga.model.tool import SideEffect
from cuga.model.value import Value
from cuga.policy.budget import TOKENS, Exceeded, charges, is_warning, limits_of, room_for
from cuga.policy.profile import AtLimit, Consent, Rulebook


class StepForecast(Value, frozen=True, kw_only=True):
    """One step. `cost` is in micro-units, of all its calls; `exceeds` names the limit that could not take them."""

    step: str
    tool: str
    domain: str
    side_effect: SideEffect
    cost: int
    consent: Consent
    simulated: bool = False
    conditional: bool = False
    exceeds: str = ""
    calls: int = 1  # at most, of a list; 1 of a list whose length nobody can know before
    is_open: bool = False  # a list whose length nobody can know before


class ScopeForecast(Value, frozen=True, kw_only=True):
    """One limit. `used` is what the plan draws; `warns` says that the warning threshold is reached."""

    scope: str
    used: int
    limit: int
    warns: bool = False

    @property
    def left(self) -> int:
        """What remains; negative when the plan wants more than there is."""
        return self.limit - self.used


class Forecast(Value, frozen=True, kw_only=True):
    """The whole plan: sums, limits, and the steps that wait for a person, each in the plan's order."""

    calls: int
    cost: int
    calls_per_domain: dict[str, int]
    steps: tuple[StepForecast, ...]
    scopes: tuple[ScopeForecast, ...]
    approvals: tuple[str, ...]
    at_limit: AtLimit

    @property
    def fits(self) -> bool:
        """Whether no limit stands in the way."""
        return not any(step.exceeds for step in self.steps)


def forecast(plan: CheckedPlan, rulebook: Rulebook, *, budget: Budget | None = None) -> Forecast:
    """Forecast a plan against the profile's limits, the plan's own and the caller's, the smallest of each."""
    profile = rulebook.profile
    limits = limits_of(profile.limits, plan.budget, budget)
    used: dict[str, int] = {}
    granted: dict[str, int] = {}
    domains: dict[str, int] = {}
    most: dict[str, int | None] = {}
    steps = []
    for step in plan.steps:
        calls = most[step.step_id] = _most(step, most)
        each = charges(step.tool, step.domain, step.cost)
        wanted = each if calls == 1 else tuple((scope, amount * (calls or 1)) for scope, amount in each)
        found = room_for(wanted, granted, limits, {}, profile.limits.warning_percent)
        exceeds = found.scope if isinstance(found, Exceeded) else ""
        for scope, amount in wanted:
            used[scope] = used.get(scope, 0) + amount
            if not exceeds:
                granted[scope] = granted.get(scope, 0) + amount
        domains[step.domain] = domains.get(step.domain, 0) + (calls or 1)
        steps.append(
            StepForecast(
                step=step.step_id,
                tool=step.tool,
                domain=step.domain,
                side_effect=step.side_effect,
                cost=step.cost * (calls or 1),
                consent=Consent.HUMAN if step.ask_first else profile.approvals.consent_for(step.side_effect),
                simulated=profile.simulates_execute and step.side_effect is SideEffect.EXECUTE,
                conditional=step.when is not None,
                exceeds=exceeds,
                calls=calls or 1,
                is_open=calls is None,
            )
        )
    return Forecast(
        calls=sum(step.calls for step in steps),
        cost=sum(step.cost for step in steps),
        calls_per_domain=domains,
        steps=tuple(steps),
        scopes=tuple(
            ScopeForecast(
                scope=scope,
                used=used.get(scope, 0),
                limit=limit,
                warns=is_warning(used.get(scope, 0), limit, profile.limits.warning_percent),
            )
            for scope, limit in limits.items()
            if scope != TOKENS and (used.get(scope) or not scope.startswith("calls/"))
        ),
        approvals=tuple(step.step for step in steps if step.consent is Consent.HUMAN),
        at_limit=profile.limits.at_limit,
    )


def _most(step: Step, before: Mapping[str, int | None]) -> int | None:
    """How many calls a step makes at most; None when it is a list whose length only its run will show."""
    each = step.for_each
    if each is None:
        return 1
    known = len(each.items)
    if each.over is not None:
        longest = before.get(each.over.step) if each.over.path == ITEMS else None  # the results of a list's calls
        if longest is None:
            return each.first
        known = longest
    return known if each.first is None else min(each.first, known)
