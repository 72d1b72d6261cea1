"""A budget for calls that a caller makes beside its runs. Calls of runs are charged with their intent, in the journal.

A `BudgetEnforcer` alone counts in this process and for as long as it lives: it knows of no run, no other process knows
of it, and nothing of it is left after a crash. With a `house` it is a view of the budget of that house's runs.

`record_usage` judges and charges in one step, so that of two callers at once only one gets the last call;
`check_budget` only looks and promises nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from cuga.errors import BadInput, BudgetRefused, InvalidTransition
from cuga.model import given
from cuga.model.plan import Budget
from cuga.model.value import micros, units
from cuga.orchestrator.trace_emitter import TraceEmitter
from cuga.policy.budget import COST, TOKENS, Exceeded, charges, is_warning, limits_of, room_for
from cuga.policy.profile import Limits
from cuga.policy.spelling import tool_budget as ToolBudget
from cuga.projections.budget import utilisation

ToolBudgetEnforcer = ToolBudget  # one budget, two names

_UNBOUND = 2**62  # what a limit that nobody stated comes to: counts in 64 bits never reach it


class BudgetCheck(NamedTuple):
    """Whether a call would fit now, and which scope it would not fit in. Reads as true when it would."""

    allowed: bool
    reason: str

    def __bool__(self) -> bool:
        return self.allowed


class Budgeted(Protocol):
    """A house whose runs have used something, e.g. a `Coordinator`."""

    def get_budget_utilization(self) -> Mapping[str, Any]:
        """What the run that moved last has used."""
        ...


class BudgetEnforcer:
    """A budget and what has been drawn on it. Safe to use from several threads and tasks.

    With a `house` (a `Coordinator`) it counts nothing of its own: it shows what the run that moved last has used in the
    journal, the smaller of the house's limits and of `budget` holds, and `record_usage` is refused, since the calls of
    a run are charged with their intent. Without one it counts here, in memory, for calls that are made beside runs.
    """

    def __init__(
        self,
        budget: Budget,
        trace_emitter: TraceEmitter | None = None,
        *,
        warning_threshold: float = 0.8,
        house: Budgeted | None = None,
    ) -> None:
        if not isinstance(budget, Budget):
            given.wrong("the budget to enforce", budget, "a ToolBudget, e.g. ToolBudget(total_calls=10)")
        if trace_emitter is not None:
            given.able("the trace emitter", trace_emitter, "emit", expected="a TraceEmitter")
        if house is not None:
            given.able("the house of a budget", house, "get_budget_utilization", expected="a Coordinator")
        self._view = RunBudget(budget, house.get_budget_utilization) if house is not None else None
        self.budget = budget
        self._emitter = trace_emitter
        self._percent = round(given.number("the warning threshold", warning_threshold) * 100)
        unbound = Limits(calls=_UNBOUND, cost=_UNBOUND, tokens=_UNBOUND)
        self._limits = {scope: n for scope, n in limits_of(unbound, budget).items() if n < _UNBOUND}
        self._used: dict[str, int] = {}
        self._warned: set[str] = set()
        self._lock = threading.Lock()

    def check_budget(self, tool_name: str, domain: str = "general", cost: float = 0.0, tokens: int = 0) -> BudgetCheck:
        """Whether a call would fit as things stand. Advice: only `record_usage` takes the place."""
        if self._view is not None:
            return self._view.check_budget(tool_name, domain, cost)
        exceeded = self._exceeded(tool_name, domain, cost, tokens)
        return BudgetCheck(exceeded is None, "" if exceeded is None else _words(exceeded))

    def record_usage(self, tool_name: str, domain: str = "general", cost: float = 0.0, tokens: int = 0) -> None:
        """Charge a call, or raise `BudgetRefused` and charge nothing. A call that fails later stays charged."""
        if self._view is not None:
            self._view.record_usage(tool_name, domain, cost)
        with self._lock:
            exceeded = self._exceeded(tool_name, domain, cost, tokens)
            warned = []
            if exceeded is None:
                for scope, amount in _wanted(tool_name, domain, cost, tokens):
                    used = self._used[scope] = self._used.get(scope, 0) + amount
                    limit = self._limits.get(scope, 0)
                    if scope not in self._warned and is_warning(used, limit, self._percent):
                        self._warned.add(scope)
                        warned.append({"scope": scope, "used": used, "limit": limit})
        if self._emitter is not None:
            for one in warned:
                self._emitter.emit("budget_warning", one)
            if exceeded is not None:
                told = {"scope": exceeded.scope, "used": exceeded.used, "limit": exceeded.limit}
                self._emitter.emit("budget_exceeded", {**told, "tool": tool_name})
        if exceeded is not None:
            raise BudgetRefused(_words(exceeded), scope=exceeded.scope)

    def get_utilization(self) -> dict[str, Any]:
        """Used, limit and percentage: total, cost, tokens, by_domain, by_tool. Cost in units."""
        if self._view is not None:
            return self._view.get_utilization()
        with self._lock:
            return utilisation(dict(self._used), self._limits).as_dict()

    def _exceeded(self, tool: str, domain: str, cost: float, tokens: int) -> Exceeded | None:
        return _refusal(_wanted(tool, domain, cost, tokens), self._used, self._limits)


class RunBudget:
    """The budget of a coordinator's runs, read where it is kept. Nothing can be charged here."""

    def __init__(self, budget: Budget, read: Callable[[], Mapping[str, Any]]) -> None:
        self.budget = budget
        self._read = read

    def check_budget(self, tool_name: str, domain: str = "general", cost: float = 0.0) -> BudgetCheck:
        """Whether a call would fit the run that moved last, or a fresh one before the first. Advice only."""
        seen = self._read()
        limits = limits_of(Limits(calls=_UNBOUND, cost=_UNBOUND, tokens=_UNBOUND), self.budget)
        used: dict[str, int] = {}
        for scope, said in _flat(seen):
            in_micros = scope == COST
            used[scope] = micros(said["used"]) if in_micros else said["used"]
            if said["limit"] is not None:
                known = micros(said["limit"]) if in_micros else said["limit"]
                limits[scope] = min(limits.get(scope, known), known)
        exceeded = _refusal(_wanted(tool_name, domain, cost, 0), used, limits)
        return BudgetCheck(exceeded is None, "" if exceeded is None else _words(exceeded))

    def record_usage(self, tool_name: str, domain: str = "general", cost: float = 0.0) -> None:
        """Refused: the calls of a run are charged with their intent, in the same append."""
        raise InvalidTransition(
            "calls of a run are charged when their intent is written",
            mend="Make the call a step of a plan, or keep a BudgetEnforcer of your own for calls beside runs.",
        )

    def get_utilization(self) -> dict[str, Any]:
        """What `Coordinator.get_budget_utilization` answers."""
        return dict(self._read())


def _wanted(tool: str, domain: str, cost: float, tokens: int) -> tuple[tuple[str, int], ...]:
    given.words("the tool to charge", tool)
    given.words("the domain to charge", domain)
    given.whole("the tokens to charge", tokens)
    drawn = charges(tool, domain, micros(given.number("the cost to charge", cost)))
    if cost < 0 or tokens < 0:
        raise BadInput("a call takes from a budget and gives nothing back to it", mend="Charge 0 or more.")
    return tuple((scope, tokens if scope == TOKENS else amount) for scope, amount in drawn)


def _refusal(
    wanted: tuple[tuple[str, int], ...], used: Mapping[str, int], limits: Mapping[str, int]
) -> Exceeded | None:
    found = room_for(wanted, used, limits, {}, 100)
    return found if isinstance(found, Exceeded) else None


def _words(exceeded: Exceeded) -> str:
    used, limit, wanted = exceeded.used, exceeded.limit, exceeded.wanted
    if exceeded.scope == COST:
        return f"{exceeded.scope}: {units(used)} of {units(limit)} are used, {units(wanted)} more do not fit"
    return f"{exceeded.scope}: {used} of {limit} are used, {wanted} more do not fit"


def _flat(seen: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The scopes of a nested utilisation under the names that the rules know them by."""
    if not seen:
        return []
    found = [("calls", seen["total"]), (COST, seen["cost"]), (TOKENS, seen["tokens"])]
    found += [(f"calls/domain/{name}", said) for name, said in seen["by_domain"].items()]
    return found + [(f"calls/tool/{name}", said) for name, said in seen["by_tool"].items()]


__all__ = ["BudgetCheck", "BudgetEnforcer", "RunBudget", "ToolBudget", "ToolBudgetEnforcer"]
