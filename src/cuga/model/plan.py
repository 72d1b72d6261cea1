"""Plans: what a planner or a caller proposes, and what a run holds after the check.

`Plan` and `PlanStep` are proposals and decide nothing. `planning.check` stamps them from the registry into a
`CheckedPlan` of `Step`s; only that enters a run.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from cuga.errors import InvalidTransition
from cuga.model.tool import SideEffect
from cuga.model.value import Value, units

REFERENCE = "$from"  # the one key of an object that stands for an earlier output: {"$from": {"step": "s1"}}
ITEM = "$item"  # and of one that stands for the item of a list, or for a value in it: {"$item": "/name"}


class Reference(Value, frozen=True, kw_only=True):
    """A value inside an earlier step's output: the step's id and a JSON Pointer (RFC 6901)."""

    step: str
    path: str = ""


class When(Value, frozen=True, kw_only=True):
    """A CEL condition over values of earlier outputs, named one by one."""

    expr: str
    bind: dict[str, Reference] = {}


class ForEach(Value, frozen=True, kw_only=True):
    """A step that is one call for each item of a list: an earlier step's (`over`) or one that is written out (`items`).

    Items for which `when` holds are kept (CEL over `item`, `place` from 0, and what it binds), put in the order of the
    value at the JSON Pointer `by` (largest first unless `ascending`; without that value last), and the `first` of them
    taken. In the step's `input` `{"$item": "/name"}` stands for a value of the item, `{"$item": ""}` for all of it.
    """

    over: Reference | None = None
    items: tuple[Any, ...] = ()
    when: When | None = None
    by: str | None = None
    ascending: bool = False
    first: int | None = None


def needs_of_list(each: ForEach | None) -> tuple[Reference, ...]:
    """The earlier outputs that the items of a list, and the choice among them, come from."""
    if each is None:
        return ()
    bound = tuple(each.when.bind.values()) if each.when is not None else ()
    return bound if each.over is None else (each.over, *bound)


class Budget(Value, frozen=True, kw_only=True):
    """Limits of one plan or profile. Calls are counted, cost is in micro-units; None: not stated, 0: none allowed."""

    calls: int | None = None
    calls_per_domain: dict[str, int] = {}
    calls_per_tool: dict[str, int] = {}
    cost: int | None = None
    tokens: int | None = None

    @property
    def total_calls(self) -> int | None:
        """`calls` under an older name; so is `call_ceiling`."""
        return self.calls

    call_ceiling = total_calls

    @property
    def cost_ceiling(self) -> float | None:
        """`cost` in units; `ceiling` is another name for it."""
        return None if self.cost is None else units(self.cost)

    ceiling = cost_ceiling

    @property
    def token_ceiling(self) -> int | None:
        """`tokens` under an older name."""
        return self.tokens


class PlanningStage(str, Enum):
    """How far a plan has come. COMPLETED, CANCELLED and FAILED are ends."""

    CREATED = "CREATED"
    ROUTED = "ROUTED"
    EXECUTING = "EXECUTING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"

    @classmethod
    def _missing_(cls, value: object) -> PlanningStage | None:
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None

    @property
    def is_end(self) -> bool:
        """Whether nothing follows."""
        return not _FOLLOWS[self]


_FOLLOWS: dict[PlanningStage, tuple[PlanningStage, ...]] = {
    PlanningStage.CREATED: (PlanningStage.ROUTED, PlanningStage.CANCELLED, PlanningStage.FAILED),
    PlanningStage.ROUTED: (PlanningStage.EXECUTING, PlanningStage.CANCELLED, PlanningStage.FAILED),
    PlanningStage.EXECUTING: (PlanningStage.COMPLETED, PlanningStage.CANCELLED, PlanningStage.FAILED),
    PlanningStage.COMPLETED: (),
    PlanningStage.CANCELLED: (),
    PlanningStage.FAILED: (),
}


class PlanStep(Value, frozen=True, kw_only=True):
    """One proposed use of a tool. `input` may hold references to outputs of the steps it depends on."""

    tool: str
    input: dict[str, Any] = {}
    step_id: str = ""  # given by the check when empty: s1, s2, ...
    name: str = ""
    reason: str = ""
    depends_on: tuple[str, ...] = ()
    when: When | None = None
    for_each: ForEach | None = None
    required: bool = True
    ask_first: bool = False  # a person must agree, whatever the rules say; a plan can ask for more, never for less
    unproven: tuple[str, ...] = ()  # JSON Pointers of values that a model brought from who knows where
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
    stage: PlanningStage = PlanningStage.CREATED
    trace_id: str = ""

    def __post_init__(self) -> None:
        # callers write a stage as text and steps as a list; the value holds them one way
        if type(self.stage) is not PlanningStage:
            msgspec.structs.force_setattr(self, "stage", PlanningStage(self.stage))
        if type(self.steps) is not tuple:
            msgspec.structs.force_setattr(self, "steps", tuple(self.steps))

    def transition_to(self, stage: PlanningStage | str) -> Plan:
        """The same plan one stage on; `InvalidTransition` for a stage that does not follow."""
        wanted = PlanningStage(stage)
        if wanted not in _FOLLOWS[self.stage]:
            after = ", ".join(one.value for one in _FOLLOWS[self.stage]) or "nothing"
            raise InvalidTransition(f"a plan that is {self.stage.value} cannot become {wanted.value}; {after} follows")
        return msgspec.structs.replace(self, stage=wanted)


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
    ask_first: bool = False  # a person must agree, whatever the rules say
    unproven: tuple[str, ...] = ()  # JSON Pointers of values that a model brought from who knows where
    name: str = ""
    reason: str = ""
    for_each: ForEach | None = None  # it is a list: its calls become steps of their own, `s2#1`, `s2#2`, ...
    list_of: str = ""  # the list that this step is a call of


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
