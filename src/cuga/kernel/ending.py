"""How a step ends at the gate without having been called: the rules forbid it, or it cannot be done."""

from __future__ import annotations

from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.failure import FailureMode


def refuse(turn: Turn, step: str, rule: str, reason: str, mode: FailureMode, mend: str = "") -> None:
    """The rules forbid the step; one that may have happened already goes in doubt instead."""
    if turn.doubt(step, f"{reason} ({rule})"):
        return
    turn.emit(e.StepRefused(at=turn.now, step=step, rule=rule, reason=reason, mode=mode, mend=mend))
    turn.skip_dependants(step)


def fail(turn: Turn, step: str, reason: str) -> None:
    """The step cannot be done; one that may have happened already goes in doubt instead."""
    if turn.doubt(step, reason):
        return
    turn.emit(e.StepFailed(at=turn.now, step=step, mode=FailureMode.AGENT_VALIDATION, reason=reason))
    turn.skip_dependants(step)
