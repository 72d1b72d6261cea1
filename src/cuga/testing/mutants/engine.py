"""Bugs of the driver and the engine, which only schedules on the real ones can notice."""

from __future__ import annotations

from typing import Any

from cuga.engine import driver, local
from cuga.engine.live import Live
from cuga.journal.port import Committed, Unknown
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.testing import handle
from cuga.testing.mutants.bed import Bed, engine_mutant


@engine_mutant
def answer_in_the_mail_is_forgotten(bed: Bed) -> None:
    """A call is made again while its answer waits for another append."""
    right = driver.Driver.put

    def wrong(self: driver.Driver, live: Live, command: c.Command, blob: bytes | None = None) -> bool:
        is_ours = right(self, live, command, blob)
        if isinstance(command, c.RecordOutcome):
            live.flying.pop(command.step, None)
        return is_ours

    bed.set(driver.Driver, "put", wrong)


@engine_mutant
def a_word_restarts_lost_calls(bed: Bed) -> None:
    """Somebody's word on a run of a dead process makes its calls once more."""
    bed.set(driver.Driver, "_taking_over", lambda self, live, state, letters: ())


@engine_mutant
def resuming_does_not_take_over(bed: Bed) -> None:
    """A new process goes on with the calls of the old one as if they were its own."""
    right = local.LocalEngine.resume

    async def wrong(self: local.LocalEngine, run_id: str, epoch: int | None = None) -> RunState:
        live = self._driver.lives.make(run_id)
        live.state = state = await self._driver.load(run_id)
        if state.end is None and (state.calling or state.planning is not None) and not live.flying:
            self._hands.go_on(live)
            return state
        return await right(self, run_id, epoch)

    bed.set(local.LocalEngine, "resume", wrong)


@engine_mutant
def unknown_taken_for_lost(bed: Bed) -> None:
    """An append that nobody can answer for is simply made again on the state as it was."""
    right = handle.Handle.append

    async def wrong(self: handle.Handle, stream: str, expected: int, events: Any, **more: Any) -> Any:
        answer = await right(self, stream, expected, events, **more)
        if isinstance(answer, Unknown):
            await right(self, stream, await self.version(stream), events, **more)
            return Committed(version=await self.version(stream))
        return answer

    bed.set(handle.Handle, "append", wrong)


@engine_mutant
def nobody_looks_behind_a_failed_write(bed: Bed) -> None:
    """What was stored although nobody could say so is left until the next process starts."""
    bed.set(local.LocalEngine, "_look_behind", lambda self, run_id: None)
