"""What the engine owes a run: read from the state alone, so that a fresh start, a crash and a wake-up are one path."""

from __future__ import annotations

from cuga.kernel.state import RunState
from cuga.model.event import ModelCallStart, PlanRequested, ToolCallStart
from cuga.model.value import Value


class Outstanding(Value, frozen=True, kw_only=True):
    """Calls whose intent is durable and whose outcome is not known, and a plan that was asked for."""

    calls: tuple[ToolCallStart, ...] = ()
    plan: PlanRequested | None = None
    model: ModelCallStart | None = None


def outstanding(state: RunState) -> Outstanding:
    """Everything that somebody must perform now."""
    if state.end is not None:
        return Outstanding()
    plan = state.planning if state.asking is None else None  # the planner goes on when the model has been heard
    return Outstanding(calls=tuple(state.calling.values()), plan=plan, model=state.asking)


def plan_turn(state: RunState) -> str:
    """Which turn it is that a planner owes: of which request, after how many replies of models. Empty: none."""
    if state.end is not None or state.planning is None or state.asking is not None:
        return ""
    return f"{state.planning.attempt}/{len(state.heard)}"
