"""Bugs about effects: attempts, keys, probes, doubts and take-overs."""

from __future__ import annotations

from typing import Any

import msgspec

from cuga.kernel import consent, decide, gate, outcomes
from cuga.kernel import outstanding as owed
from cuga.kernel.state import RunState, without
from cuga.kernel.turn import Turn
from cuga.model import command as c
from cuga.model import event as e
from cuga.policy.retry import Again
from cuga.testing import processes
from cuga.testing.mutants.bed import Bed, Change, mutant


@mutant
def late_outcome_accepted(bed: Bed) -> None:
    """An answer counts whichever attempt it is of."""
    right = outcomes.record

    def wrong(turn: Turn, command: Any) -> None:
        start = turn.state.calling.get(command.step)
        right(turn, command if start is None else msgspec.structs.replace(command, attempt=start.attempt))

    bed.set(outcomes, "record", wrong)


@mutant
def evidence_of_another_attempt(bed: Bed) -> None:
    """A late answer resolves a doubt, whichever attempt it is of."""
    right = outcomes._late

    def wrong(turn: Turn, command: Any) -> None:
        doubt = turn.state.doubts.get(command.step)
        right(turn, command if doubt is None else msgspec.structs.replace(command, attempt=doubt.attempt))

    bed.set(outcomes, "_late", wrong)


@mutant
def unkeyed_doubt_retried(bed: Bed) -> None:
    """What may have happened is simply tried again."""
    bed.set(
        outcomes, "next_try", lambda retry, attempt, **_: Again(delay_ms=1000) if attempt < retry.attempts else None
    )


@mutant
def key_changes_with_each_attempt(bed: Bed) -> None:
    """A repeat goes out under another key."""
    right = consent.idempotency_key
    count = iter(range(1 << 60))
    bed.set(gate, "idempotency_key", lambda *given: f"{right(*given)}{next(count)}")


@mutant
def key_believed_for_ever(bed: Bed) -> None:
    """A repeat goes out under its key however long ago the first attempt was."""
    bed.set(gate, "is_key_forgotten", lambda *_: False)


@mutant
def probe_left_out(bed: Bed) -> None:
    """A tool that could look first is simply called again."""
    right = gate._start

    def wrong(turn: Turn, step: Any, *given: Any) -> None:
        unsure, turn.state.unsure = turn.state.unsure, {}
        right(turn, step, *given)
        turn.state.unsure = unsure

    bed.set(gate, "_start", wrong)


@mutant
def uncertainty_forgotten(bed: Bed) -> None:
    """An attempt that surely failed stands for the earlier one, which may have happened."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.ToolCallError) -> None:
            right(s, event)
            s.unsure = without(s.unsure, event.step)

        return wrong

    bed.change(e.ToolCallError, wrap)


@mutant
def arguments_from_the_plan(bed: Bed) -> None:
    """The call is made with what the plan says, not with what was frozen."""

    def wrong(state: RunState) -> owed.Outstanding:
        calls = tuple(
            msgspec.structs.replace(start, arguments=state.step(start.step).input) for start in state.calling.values()
        )
        return owed.Outstanding(calls=calls, plan=state.planning) if state.end is None else owed.Outstanding()

    bed.set(processes, "outstanding", wrong)


@mutant
def called_before_commit(bed: Bed) -> None:
    """A call is made before its intent is durable."""
    right = processes.Processes._act

    def wrong(self: processes.Processes, number: int, run: str, *commands: Any) -> bool:
        state = self._fresh(number, run)
        if state.start is not None:
            try:
                ahead = decide.decide(state, commands, self._rules_of(state), self.current)
            except Exception:
                return right(self, number, run, *commands)
            for event in ahead.events:
                if isinstance(event, e.ToolCallStart):
                    self.world.call(run, state.version, event)
                    break
        return right(self, number, run, *commands)

    bed.set(processes.Processes, "_act", wrong)


@mutant
def lost_calls_made_again(bed: Bed) -> None:
    """A process goes on with the calls of a dead one without taking the run over."""
    bed.set(processes, "take_over", lambda number, state, at: (c.Tick(at=at),))


@mutant
def epoch_ignored(bed: Bed) -> None:
    """A take-over counts however old it is."""
    right = decide._take_over

    def wrong(turn: Turn, command: Any) -> None:
        epoch = turn.state.epoch
        turn.state.epoch = -1
        right(turn, command)
        if turn.state.epoch < 0:
            turn.state.epoch = epoch

    bed.set(decide, "_take_over", wrong)


@mutant
def simulated_call_performed(bed: Bed) -> None:
    """A call that is only to be shown is really made."""
    right = gate._start

    def wrong(turn: Turn, step: Any, contract: Any, ruling: Any, *given: Any) -> None:
        right(turn, step, contract, msgspec.structs.replace(ruling, simulated=False), *given)

    bed.set(gate, "_start", wrong)


@mutant
def doubt_put_away(bed: Bed) -> None:
    """A step whose earlier attempt may have happened is left out like any other."""
    bed.set(Turn, "doubt", lambda self, step, why: False)
