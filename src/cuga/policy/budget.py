"""Budgets of one run: which scopes a call draws on, and whether they can take it.

Pure arithmetic on whole numbers. A call is charged when its intent is written and given back only when it surely did
not happen; the effective limit of a scope is the smallest that anyone stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from cuga.model.plan import Budget
from cuga.model.value import Value, micros, units
from cuga.policy.profile import Limits

CALLS = "calls"
COST = "cost"
TOKENS = "tokens"
MONEY = "money"  # of models, in millionths of a dollar; the cost of tools is in units of its own
_IN_PARTS = frozenset({COST, MONEY})  # kept in millionths of what people count; all else is counted whole


def amount_of(scope: str, said: float) -> int | None:
    """What a person says of a scope (units of cost, dollars, calls, tokens) as it is kept; None for a part of what is
    counted whole."""
    if scope in _IN_PARTS:
        return micros(said)
    return int(said) if said == int(said) else None


def shown(scope: str, amount: int) -> str:
    """An amount of a scope as a person says it."""
    return f"{units(amount):,.6f}".rstrip("0").rstrip(".") if scope in _IN_PARTS else f"{amount:,}"


def domain_scope(domain: str) -> str:
    """The scope that counts the calls of a domain."""
    return f"calls/domain/{domain}"


def tool_scope(tool: str) -> str:
    """The scope that counts the calls of a tool."""
    return f"calls/tool/{tool}"


def tightest(*limits: int | None) -> int | None:
    """The smallest stated limit; None when nobody stated one."""
    stated = [limit for limit in limits if limit is not None]
    return min(stated) if stated else None


class Exceeded(Value, frozen=True, kw_only=True):
    """A scope that cannot take a call."""

    scope: str
    used: int
    limit: int
    wanted: int


def limits_of(profile: Limits, *stated: Budget | None) -> dict[str, int]:
    """Every scope with a limit: the profile's and those of callers and plans, the smallest of each."""
    budgets = [budget for budget in stated if budget is not None]
    found: dict[str, int] = {
        CALLS: tightest(profile.calls, *(b.calls for b in budgets)) or 0,
        COST: tightest(profile.cost, *(b.cost for b in budgets)) or 0,
        TOKENS: tightest(profile.tokens, *(b.tokens for b in budgets)) or 0,
    }
    if profile.money is not None:
        found[MONEY] = profile.money
    for calls in (profile.calls_per_domain, *(b.calls_per_domain for b in budgets)):
        for domain, limit in calls.items():
            scope = domain_scope(domain)
            found[scope] = min(limit, found.get(scope, limit))
    for calls in (profile.calls_per_tool, *(b.calls_per_tool for b in budgets)):
        for tool, limit in calls.items():
            scope = tool_scope(tool)
            found[scope] = min(limit, found.get(scope, limit))
    return found


@lru_cache(maxsize=4096)
def charges(tool: str, domain: str, cost: int) -> tuple[tuple[str, int], ...]:
    """What one call draws, scope by scope. Its tokens are known only later: with 0 it is judged by those before."""
    return ((CALLS, 1), (domain_scope(domain), 1), (tool_scope(tool), 1), (COST, cost), (TOKENS, 0))


@lru_cache(maxsize=4096)
def drawn(tool: str, domain: str, cost: int) -> tuple[tuple[str, int], ...]:
    """What one call really takes of the scopes that it is judged by."""
    return tuple(pair for pair in charges(tool, domain, cost) if pair[1])


def room_for(
    wanted: tuple[tuple[str, int], ...],
    used: Mapping[str, int],
    limits: Mapping[str, int],
    raised: Mapping[str, int],
    percent: int,
) -> Exceeded | tuple[str, ...]:
    """The first scope that cannot take what is wanted; else the scopes that have reached their warning with it."""
    reached: tuple[str, ...] = ()
    for scope, amount in wanted:
        limit = limits.get(scope)
        if limit is None:
            continue
        if raised:
            limit += raised.get(scope, 0)
        spent = used.get(scope, 0) + amount
        if spent > limit:
            return Exceeded(scope=scope, used=spent - amount, limit=limit, wanted=amount)
        if spent * 100 >= limit * percent and is_warning(spent, limit, percent):  # a call of its own only when it is so
            reached += (scope,)
    return reached


def calm_below(
    wanted: tuple[tuple[str, int], ...], limits: Mapping[str, int], percent: int
) -> tuple[tuple[str, int], ...]:
    """Below which use of each scope a call neither exceeds it nor warns of it: `room_for`, answered in advance."""
    found = []
    for scope, amount in wanted:
        limit = limits.get(scope)
        if limit is not None:
            warns_at = -(-limit * percent // 100)
            found.append((scope, (warns_at if limit > 0 and warns_at <= limit else limit + 1) - amount))
    return tuple(found)


def is_warning(used: int, limit: int, percent: int) -> bool:
    """Whether a scope has reached its warning threshold; a limit of 0 never warns, it refuses."""
    return limit > 0 and used * 100 >= limit * percent
