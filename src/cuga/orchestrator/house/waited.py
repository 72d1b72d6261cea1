"""Whether a call that had to wait for a thread is still to be made: what allowed it was a while ago.

Everything that is asked right before a call is asked once more, and what people wanted meanwhile is heeded: nothing
that had not begun begins in a house that was halted, or for a run that was cancelled. It surely was not done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from cuga.engine.hands import Perform
from cuga.kernel.state import RunState
from cuga.model.event import ToolCallStart
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Done, Failed, Outcome
from cuga.tools.invoke import StillWanted

if TYPE_CHECKING:
    from cuga.orchestrator.house.assembly import Assembly

_NOTHING = Done(result=msgspec.Raw(b"null"))


async def nothing(_state: RunState, _start: ToolCallStart) -> Outcome:
    """Stands in the place of a call where only what is asked before it matters."""
    return _NOTHING


def still_wanted(asked: Perform, house: Callable[[], Assembly]) -> StillWanted:
    """Why a call is not to be made any more; `asked` is `nothing` behind all that is asked before a call."""

    async def why_not(state: RunState, start: ToolCallStart) -> Failed | None:
        assembly = house()
        live = assembly.driver.lives.find(state.run_id)
        if live is not None and live.state is not None and live.state.cancel:
            return _not_done("the run was cancelled before the call began", FailureMode.USER_CANCELLED)
        if halted := assembly.current.halted:
            return _not_done(f"the house was halted before the call began: {halted}")
        outcome = await asked(state, start)
        return outcome if isinstance(outcome, Failed) else None

    return why_not


def _not_done(message: str, mode: FailureMode = FailureMode.SYSTEM_CRASH) -> Failed:
    return Failed(mode=mode, certainty=Certainty.NOT_DONE, message=message)
