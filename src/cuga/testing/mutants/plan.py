"""Bugs about the plan and about what holds now."""

from __future__ import annotations

from typing import Any

import msgspec

from cuga.kernel import advance, decide, facts_of_runs, facts_of_steps, gate, outcomes
from cuga.kernel.state import Phase, RunState
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.tool import Repeatable, SideEffect
from cuga.policy.condition import ConditionError, holds
from cuga.policy.judge import Rules
from cuga.policy.profile import Current
from cuga.policy.retry import next_try
from cuga.testing.mutants.bed import Bed, Change, mutant


@mutant
def skipped_counted_down(bed: Bed) -> None:
    """A step that was left out comes back when another of its needs is done."""
    right = facts_of_steps._done

    def wrong(s: RunState, step: str) -> None:
        for dependant in s.index.dependants.get(step, ()):
            if s.phase.get(dependant) is Phase.SKIPPED:
                s.phase[dependant] = Phase.PENDING
                s.open_steps += 1
                s.ready[dependant] = None
        right(s, step)

    bed.set(facts_of_steps, "_done", wrong)


@mutant
def dependants_of_a_failure_start(bed: Bed) -> None:
    """What needs a failed step starts as if it were done."""

    right = facts_of_steps.end_step

    def wrong(s: RunState, step: str, phase: Phase, reason: str = "") -> None:
        right(s, step, phase, reason)
        for dependant in s.index.dependants.get(step, ()) if phase is Phase.FAILED else ():
            if s.phase.get(dependant) is Phase.PENDING:
                s.unmet[dependant] = 0
                s.ready[dependant] = None

    bed.set(facts_of_steps, "end_step", wrong)
    bed.set(Turn, "skip_dependants", lambda self, step: None)


@mutant
def broken_condition_counts_as_true(bed: Bed) -> None:
    """A condition that cannot be evaluated lets its step start."""
    right = holds

    def wrong(expression: str, bindings: Any) -> bool:
        try:
            return right(expression, bindings)
        except ConditionError:
            return True

    bed.set(gate, "holds", wrong)


@mutant
def unmet_needs_forgotten(bed: Bed) -> None:
    """A step that was put back may start before what it needs."""
    bed.set(facts_of_steps, "make_ready", lambda s, step: s.ready.__setitem__(step, None))


@mutant
def more_in_parallel(bed: Bed) -> None:
    """One more call at a time than the profile allows."""
    right = advance._start_what_is_ready

    def wrong(turn: Turn) -> None:
        rules = turn.rules
        wider = msgspec.structs.replace(rules.profile, max_parallel=rules.profile.max_parallel + 1)
        copy = object.__new__(Rules)
        copy.__dict__.update(rules.__dict__)
        copy.profile = wider
        turn.rules = copy
        right(turn)
        turn.rules = rules

    bed.set(advance, "_start_what_is_ready", wrong)


@mutant
def starts_while_planning(bed: Bed) -> None:
    """Steps of the old plan start while a new one is awaited."""
    right = advance._start_what_is_ready
    settle = advance._settle

    def wrong(turn: Turn) -> None:
        if turn.state.planning is not None and not turn.state.stopped and not turn.current.halted:
            right(turn)
        settle(turn)

    bed.set(advance, "_settle", wrong)


@mutant
def dropped_step_goes_on(bed: Bed) -> None:
    """A newer plan's silence about a step does not end it."""
    bed.change(e.StepSuperseded, lambda right: facts_of_runs.nothing)


@mutant
def cancel_ignored(bed: Bed) -> None:
    """A cancelled run goes on."""
    bed.change(e.CancelRequested, lambda right: facts_of_runs.nothing)


# --- what holds now --------------------------------------------------------------------------------------------------
def _as_if(bed: Bed, **loosened: Any) -> None:
    right = decide.decide

    def wrong(state: RunState, commands: Any, rules: Rules, current: Current, *more: Any) -> Any:
        return right(state, commands, rules, msgspec.structs.replace(current, **loosened), *more)

    bed.set(decide, "decide", wrong)


@mutant
def halt_ignored(bed: Bed) -> None:
    """The stop button stops nothing."""
    _as_if(bed, halted="")


@mutant
def forbidden_now_ignored(bed: Bed) -> None:
    """A tool that was forbidden since goes on."""
    _as_if(bed, forbidden_tools={})


@mutant
def disabled_adapter_used(bed: Bed) -> None:
    """A switched-off adapter is still used."""
    _as_if(bed, disabled_adapters=())


@mutant
def changed_tool_accepted(bed: Bed) -> None:
    """A tool that is no longer what was pinned is called without a word."""
    bed.set(gate, "_accepted_definition", lambda turn, step, ruling: ruling)


@mutant
def clock_set_back(bed: Bed) -> None:
    """A run's time follows the clock backwards."""
    right = decide.decide

    def wrong(state: RunState, commands: Any, *given: Any) -> Any:
        draft = state.draft()
        draft.latest = None
        return right(draft, commands, *given)

    bed.set(decide, "decide", wrong)


@mutant
def read_counts_as_outside(bed: Bed) -> None:
    """A failed read is treated like a possible effect: it parks runs without need."""
    right = next_try

    def wrong(retry: Any, **given: Any) -> Any:
        return right(retry, **{**given, "side_effect": SideEffect.EXECUTE, "repeatable": Repeatable.KEY})

    bed.set(outcomes, "next_try", wrong)


@mutant
def parks_without_need(bed: Bed) -> None:
    """A run parks although it could go on: a call is taken for lost while it is being made."""
    right = advance._settle

    def wrong(turn: Turn) -> None:
        if turn.state.calling and len(turn.events) > 3:
            turn.emit(e.RunParked(at=turn.now, reason="nothing can go on now", needs=("cuga resume",)))
            return
        right(turn)

    bed.set(advance, "_settle", wrong)


@mutant
def planned_again_stays_left_out(bed: Bed) -> None:
    """A step that an earlier plan had no place for stays left out in the plan that has it again."""

    def wrap(right: Change) -> Change:
        def wrong(s: RunState, event: e.PlanCreated) -> None:
            right(s, msgspec.structs.replace(event, again=()))

        return wrong

    bed.change(e.PlanCreated, wrap)
