"""How much of its budgets a run has used, scope by scope: the kernel's own count against the limits that hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cuga.kernel.state import RunState
from cuga.model.value import Value, units
from cuga.policy.budget import CALLS, COST, MONEY, TOKENS, limits_of
from cuga.policy.profile import Limits

_DOMAIN = "calls/domain/"
_TOOL = "calls/tool/"


class Usage(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One scope: calls and tokens are counted, `cost` is in micro-units, `money` in millionths of a dollar. No limit:
    only the total bounds it."""

    scope: str
    used: int
    limit: int | None = None
    raised: int = 0  # by people, included in the limit

    @property
    def percentage(self) -> float:
        """How much of the limit is used, in percent; of a limit of 0, or of none, 0."""
        return round(100 * self.used / self.limit, 2) if self.limit else 0.0

    @property
    def left(self) -> int | None:
        """What the scope still takes; None without a limit."""
        return None if self.limit is None else max(self.limit - self.used, 0)

    def as_dict(self) -> dict[str, Any]:
        """The shape for callers: used, limit and percentage; cost in units, money in dollars."""
        in_units = self.scope in (COST, MONEY)
        used = units(self.used) if in_units else self.used
        limit = units(self.limit) if in_units and self.limit is not None else self.limit
        return {"used": used, "limit": limit, "percentage": self.percentage}


class Utilisation(Value, frozen=True, kw_only=True, omit_defaults=False):
    """All scopes of a run, or of many together."""

    total: Usage  # calls
    cost: Usage
    tokens: Usage
    by_domain: dict[str, Usage] = {}
    by_tool: dict[str, Usage] = {}
    money: Usage | None = None  # of models; None: none was spent and none is limited

    @property
    def scopes(self) -> tuple[Usage, ...]:
        """Every scope in one row: totals first."""
        money = () if self.money is None else (self.money,)
        return (self.total, self.cost, self.tokens, *money, *self.by_domain.values(), *self.by_tool.values())

    def as_dict(self) -> dict[str, Any]:
        """The nested shape: total, cost, tokens, by_domain, by_tool; and money where there is any."""
        money = {} if self.money is None else {"money": self.money.as_dict()}
        return {
            **money,
            "total": self.total.as_dict(),
            "cost": self.cost.as_dict(),
            "tokens": self.tokens.as_dict(),
            "by_domain": {name: usage.as_dict() for name, usage in self.by_domain.items()},
            "by_tool": {name: usage.as_dict() for name, usage in self.by_tool.items()},
        }


NO_RAISE: Mapping[str, int] = {}


def utilisation(
    used: Mapping[str, int], limits: Mapping[str, int], raised: Mapping[str, int] = NO_RAISE
) -> Utilisation:
    """Counts of scopes against their limits; scopes that are bounded only by the total are shown without a limit."""
    found = {
        scope: Usage(
            scope=scope,
            used=used.get(scope, 0),
            limit=limits[scope] + raised.get(scope, 0) if scope in limits else None,
            raised=raised.get(scope, 0),
        )
        for scope in sorted({*used, *limits, CALLS, COST, TOKENS})
    }
    return Utilisation(
        total=found[CALLS],
        cost=found[COST],
        tokens=found[TOKENS],
        by_domain={scope[len(_DOMAIN) :]: usage for scope, usage in found.items() if scope.startswith(_DOMAIN)},
        money=found.get(MONEY),
        by_tool={scope[len(_TOOL) :]: usage for scope, usage in found.items() if scope.startswith(_TOOL)},
    )


def utilisation_of(state: RunState, limits: Limits) -> Utilisation:
    """The budgets of one run: the smallest of the limits of profile, caller and all plans, with what people raised."""
    own = state.start.budget if state.start is not None else None
    return utilisation(state.used, limits_of(limits, own, *state.budgets), state.raised)
