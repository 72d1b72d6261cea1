"""What the engine owes a run: read from the state alone, so that a fresh start, a crash and a wake-up are one path."""

from __future__ import annotations

from cuga.kernel.state import RunState
from cuga.model.event import PlanRequested, ToolCallStart
from cuga.model.value import Value


class Outstanding(Value, frozen=True, kw_only=True):
    """Calls whose intent is durable and whose outcome is not known, and a plan that was asked for."""

    calls: tuple[ToolCallStart, ...] = ()
    plan: PlanRequested | None = None


def outstanding(state: RunState) -> Outstanding:
    """Everything that somebody must perform now."""
    if state.end is not None:
        return Outstanding()
    return Outstanding(calls=tuple(state.calling.values()), plan=state.planning)
