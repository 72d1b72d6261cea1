"""Plans: what a planner or a caller proposes, and what a run holds after the check.

`Plan` and `PlanStep` are proposals and decide nothing. `planning.check` stamps them from the registry into a
`CheckedPlan` of `Step`s; only that enters a run.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cuga.model.tool import SideEffect
from cuga.model.value import Value

REFERENCE = "$from"  # the one key of an object that stands for an earlier output: {"$from": {"step": "s1"}}


class Reference(Value, frozen=True, kw_only=True):
    """A value inside an earlier step's output: the step's id and a JSON Pointer (RFC 6901)."""

    step: str
    path: str = ""


class When(Value, frozen=True, kw_only=True):
    """A CEL condition over values of earlier outputs, named one by one."""

    expr: str
    bind: dict[str, Reference] = {}


class Budget(Value, frozen=True, kw_only=True):
    """Limits of one plan or profile. Calls are counted, cost is in micro-units; None: not stated, 0: none allowed."""

    calls: int | None = None
    calls_per_domain: dict[str, int] = {}
    calls_per_tool: dict[str, int] = {}
    cost: int | None = None
    tokens: int | None = None


class PlanStep(Value, frozen=True, kw_only=True):
    """One proposed use of a tool. `input` may hold references to outputs of the steps it depends on."""

    tool: str
    input: dict[str, Any] = {}
    step_id: str = ""  # given by the check when empty: s1, s2, ...
    name: str = ""
    reason: str = ""
    depends_on: tuple[str, ...] = ()
    when: When | None = None
    required: bool = True
    estimated_cost: float = 0.0  # the proposer's guess, in units; what counts is the registry's
    index: int = 0
    metadata: dict[str, Any] = {}  # remarks of the proposer; only `depends_on` is read, everything else decides nothing


class Plan(Value, frozen=True, kw_only=True):
    """A proposed plan, with the reasons a person can read."""

    goal: str
    steps: tuple[PlanStep, ...] = ()
    plan_id: str = ""
    planner: str = "caller"  # rules, play, model, caller
    why: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # what the reader must know: unknown buyer, reduced scope, ...
    budget: Budget | None = None
    stage: str = "CREATED"
    trace_id: str = ""


class Step(Value, frozen=True, kw_only=True):
    """One step that a run holds: everything but id, input and wiring comes from the registry."""

    step_id: str
    tool: str
    tool_digest: str
    domain: str
    side_effect: SideEffect
    cost: int
    input: msgspec.Raw  # JSON object; references inside are still unresolved
    references: tuple[Reference, ...] = ()
    depends_on: tuple[str, ...] = ()
    when: When | None = None
    required: bool = True
    name: str = ""
    reason: str = ""


class CheckedPlan(Value, frozen=True, kw_only=True):
    """A plan that may enter a run. `number` counts the plans of one run from 1."""

    plan_id: str
    goal: str
    number: int
    planner: str
    steps: tuple[Step, ...]
    why: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    budget: Budget | None = None
