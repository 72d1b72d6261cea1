"""Planted bugs: each breaks one rule of the house while it runs, so that the checks can show that they would see it.

A mutant replaces functions in memory for the length of a `with` block and edits no file. `hunt` plays schedules until
the first one that notices.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from cuga.engine import driver, local
from cuga.journal import claims
from cuga.journal.port import Committed, Unknown
from cuga.kernel import advance, approvals, decide, evolve, gate, outcomes
from cuga.kernel import outstanding as owed
from cuga.kernel.state import Phase, RunState
from cuga.kernel.turn import Turn
from cuga.model import command as c
from cuga.model import event as e
from cuga.model.outcome import Certainty
from cuga.model.tool import Repeatable, SideEffect
from cuga.policy import access
from cuga.policy.condition import ConditionError
from cuga.policy.judge import Rules
from cuga.policy.profile import Current
from cuga.policy.retry import Again
from cuga.testing import books, house, simulation
from cuga.testing.simulation import Schedule

Plant = Callable[["Bed"], None]
REGISTER: dict[str, Plant] = {}  # of kernel, policy and journal
ENGINE: dict[str, Plant] = {}


class Bed:
    """Replaces attributes and table entries, and puts everything back."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def set(self, owner: Any, name: str, value: Any) -> Any:
        """Replace an attribute; returns the one before."""
        before = owner.__dict__[name]
        setattr(owner, name, value)
        self._undo.append(lambda: setattr(owner, name, before))
        return before

    def change(self, kind: type[e.Event], wrap: Callable[[Callable[[RunState, Any], None]], Any]) -> None:
        """Replace how a fact changes the state; `wrap` gets the right way and gives the wrong one."""
        table = evolve._CHANGES
        before = table[kind]
        table[kind] = wrap(before)
        self._undo.append(lambda: table.__setitem__(kind, before))

    def clear(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()


def mutant(plant: Plant) -> Plant:
    """Register a planted bug under its function's name; the docstring says what is broken."""
    REGISTER[plant.__name__.strip("_")] = plant
    return plant


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The house with one bug."""
    bed = Bed()
    (REGISTER | ENGINE)[name](bed)
    try:
        yield
    finally:
        bed.clear()


def hunt(name: str, most: int = 20_000, first: int = 0) -> tuple[int, str]:
    """How many schedules it took to notice a mutant, and what was noticed; 0: nobody did."""
    play = house.play if name in ENGINE else simulation.play
    with planted(name):
        for count in range(1, most + 1):
            fault = play(first + count)
            if fault:
                return count, fault
    return 0, ""


# --- scarce things and versions --------------------------------------------------------------------------------------
@mutant
def no_claims(bed: Bed) -> None:
    """Claims are taken whether they fit or not."""
    bed.set(claims.Ledger, "reserve", lambda self, wanted: {})


@mutant
def no_version_check(bed: Bed) -> None:
    """An append is kept wherever the stream stands."""

    def careless(append: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, stream, expected, events, index: append(self, stream, self.version(stream), events, index)

    bed.set(books.QuickBook, "append", careless(books.QuickBook.append))
    bed.set(books.StoredBook, "append", careless(books.StoredBook.append))


@mutant
def once_dropped_on_retry(bed: Bed) -> None:
    """A one-time effect is given back when nobody knows whether it happened."""
    right = Turn.emit

    def wrong(self: Turn, event: e.Event) -> None:
        if isinstance(event, e.ToolCallError):
            held = self.state.held.get(event.step, ())
            back = tuple(e.Claim(scope=one.scope, amount=-one.amount, limit=one.limit) for one in held)
            event = msgspec.structs.replace(event, claims=back)
        right(self, event)

    def wrap(known: Callable[[RunState, Any], None]) -> Callable[[RunState, Any], None]:
        def forgetful(s: RunState, event: e.ToolCallError) -> None:
            s.held.pop(event.step, None)
            known(s, event)

        return forgetful

    bed.set(Turn, "emit", wrong)
    bed.change(e.ToolCallError, wrap)


@mutant
def rate_ignored(bed: Bed) -> None:
    """Calls take no share of the rate."""
    right = gate._claims

    def wrong(*given: Any) -> Any:
        found = right(*given)
        return None if found is None else tuple(one for one in found if not one.scope.startswith("rate/"))

    bed.set(gate, "_claims", wrong)


@mutant
def claims_of_one_turn_forgotten(bed: Bed) -> None:
    """Two steps of one decision count on the same share."""
    bed.set(Turn, "take", lambda self, claims: None)


# --- budgets ---------------------------------------------------------------------------------------------------------
@mutant
def budget_counts_only_what_is_done(bed: Bed) -> None:
    """A call is charged when it is recorded, not when it starts."""

    def late(s: RunState, event: e.ToolCallComplete) -> None:
        start = s.calling.get(event.step)
        done(s, event)
        if start is not None:
            for scope, amount in evolve.charges(start.tool, start.domain, start.cost):
                s.used[scope] = s.used.get(scope, 0) + amount

    def free(right: Callable[[RunState, Any], None]) -> Callable[[RunState, Any], None]:
        def wrong(s: RunState, event: e.ToolCallStart) -> None:
            right(s, event)
            for scope, amount in evolve.charges(event.tool, event.domain, event.cost):
                s.used[scope] -= amount

        return wrong

    done = evolve._tool_call_complete
    bed.change(e.ToolCallStart, free)
    bed.change(e.ToolCallComplete, lambda right: late)


@mutant
def released_when_unknown(bed: Bed) -> None:
    """Budget comes back although nobody knows whether the call was made."""

    def wrap(right: Callable[[RunState, Any], None]) -> Callable[[RunState, Any], None]:
        def wrong(s: RunState, event: e.ToolCallError) -> None:
            start = s.calling.get(event.step)
            right(s, event)
            if start is not None and event.certainty is Certainty.UNKNOWN:
                for scope, amount in evolve.charges(start.tool, start.domain, start.cost):
                    s.used[scope] -= amount

        return wrong

    bed.change(e.ToolCallError, wrap)


@mutant
def warned_twice(bed: Bed) -> None:
    """A warning is forgotten as soon as it is given."""
    bed.change(e.BudgetWarning, lambda right: evolve._nothing)


@mutant
def exceeded_does_not_stop(bed: Bed) -> None:
    """A used-up budget is noted, and the run goes on."""

    def wrong(s: RunState, event: e.BudgetExceeded) -> None:
        s.exceeded = s.exceeded | {(event.scope, event.limit)}

    bed.change(e.BudgetExceeded, lambda right: wrong)


@mutant
def requester_tops_up(bed: Bed) -> None:
    """Whoever asked for a run may raise its limits."""
    bed.set(decide, "may_decide", lambda *_, **__: access.Access(allowed=True, reasons=()))


@mutant
def pinned_rules_replaced(bed: Bed) -> None:
    """A run is judged by what the registry says by now."""
    bed.set(simulation, "rules_for", lambda schedule, digest: schedule.setting.newer)


# --- people ----------------------------------------------------------------------------------------------------------
@mutant
def requester_may_approve(bed: Bed) -> None:
    """Anybody may decide."""
    bed.set(approvals, "may_decide", lambda *_, **__: access.Access(allowed=True, reasons=()))


@mutant
def solo_in_a_house_of_many(bed: Bed) -> None:
    """Everybody counts as alone."""
    bed.set(access, "is_solo", lambda by, current: True)


@mutant
def revoked_role_counts(bed: Bed) -> None:
    """The roles a person came with count, whatever the house says now."""
    bed.set(access, "roles_of", lambda by, current: by.roles)


@mutant
def stand_in_for_the_requester(bed: Bed) -> None:
    """A delegation from the one who asked counts as well."""
    right = approvals.may_decide

    def wrong(by: Any, **given: Any) -> Any:
        if any(one.delegate == by.id for one in given["current"].delegations) and by.id not in given["requesters"]:
            return access.Access(allowed=True, reasons=(), on_behalf_of="ada")
        return right(by, **given)

    bed.set(approvals, "may_decide", wrong)


@mutant
def approval_without_its_digest(bed: Bed) -> None:
    """A decision counts whatever page it was made on."""
    right = approvals.resolve

    def wrong(turn: Turn, command: Any) -> None:
        request = turn.state.pending.get(command.approval_id)
        right(turn, command if request is None else msgspec.structs.replace(command, digest=request.digest))

    _resolve(bed, wrong)


@mutant
def approval_fits_any_call(bed: Bed) -> None:
    """An approval covers the step whatever has changed since."""
    bed.set(gate, "call_digest", lambda state, step, *_: f"{state.run_id}/{step.step_id}")


@mutant
def approval_survives_amendment(bed: Bed) -> None:
    """The call as it was first asked for goes on after somebody amended it."""

    def wrap(right: Callable[[RunState, Any], None]) -> Callable[[RunState, Any], None]:
        def wrong(s: RunState, event: e.ApprovalReceived) -> None:
            if event.verdict is e.Verdict.AMEND and event.final:
                event = msgspec.structs.replace(event, verdict=e.Verdict.APPROVE)
            right(s, event)

        return wrong

    bed.change(e.ApprovalReceived, wrap)


@mutant
def amender_may_approve(bed: Bed) -> None:
    """Who wrote an amendment may agree to it."""
    right = gate.request

    def wrong(turn: Turn, *given: Any, requesters: tuple[str, ...] = (), **named: Any) -> Any:
        return right(turn, *given, requesters=requesters[:1], **named)

    bed.set(gate, "request", wrong)


@mutant
def late_approval_counts(bed: Bed) -> None:
    """A request can be decided after it has expired."""
    right = approvals.resolve

    def wrong(turn: Turn, command: Any) -> None:
        request = turn.state.pending.get(command.approval_id)
        if request is None or turn.now < request.expires_at:
            right(turn, command)
            return
        later = msgspec.structs.replace(request, expires_at=turn.in_seconds(10))
        turn.state.pending[command.approval_id] = later
        right(turn, command)

    _resolve(bed, wrong)


@mutant
def lapsed_approval_counts(bed: Bed) -> None:
    """An approval that was not used in time can still be used."""

    def wrap(right: Callable[[RunState, Any], None]) -> Callable[[RunState, Any], None]:
        def wrong(s: RunState, event: e.ApprovalReceived) -> None:
            right(s, event)
            if event.verdict is e.Verdict.APPROVE:
                s.timed.pop(event.approval_id, None)

        return wrong

    bed.change(e.ApprovalReceived, wrap)


@mutant
def quorum_ignored(bed: Bed) -> None:
    """The first vote decides."""
    right = approvals.resolve

    def wrong(turn: Turn, command: Any) -> None:
        request = turn.state.pending.get(command.approval_id)
        if request is not None:
            turn.state.pending[command.approval_id] = msgspec.structs.replace(request, quorum=1)
        right(turn, command)

    _resolve(bed, wrong)


@mutant
def double_vote_counts(bed: Bed) -> None:
    """Two clicks are two votes."""
    bed.set(approvals, "_has_voted", lambda *_: False)


@mutant
def denial_forgotten(bed: Bed) -> None:
    """What was denied may be asked for again."""

    def wrap(right: Callable[[RunState, Any], None]) -> Callable[[RunState, Any], None]:
        def wrong(s: RunState, event: e.ApprovalReceived) -> None:
            right(s, event)
            s.denied = {}

        return wrong

    bed.change(e.ApprovalReceived, wrap)


@mutant
def revocation_ignored(bed: Bed) -> None:
    """An approval that was taken back can still be used."""

    def wrong(s: RunState, event: e.ApprovalRevoked) -> None:
        s.closed[event.approval_id] = evolve.Closed("revoked", event.by)

    bed.change(e.ApprovalRevoked, lambda right: wrong)


@mutant
def consent_is_the_profiles_alone(bed: Bed) -> None:
    """The rule that agrees in advance also agrees to outside effects."""
    bed.set(gate, "_standing_consent", lambda turn, *_: ("profile:any", ()))


@mutant
def again_needs_no_new_approval(bed: Bed) -> None:
    """The approval of a call in doubt covers the one a person wants made once more."""

    def wrap(right: Callable[[RunState, Any], None]) -> Callable[[RunState, Any], None]:
        def wrong(s: RunState, event: e.DoubtResolved) -> None:
            kept = s.approved.get(event.step)
            right(s, event)
            if event.answer is e.DoubtAnswer.AGAIN:
                s.consents[event.step] -= 1  # the same key and so the same digest
                if kept is not None:
                    s.approved[event.step] = kept

        return wrong

    bed.change(e.DoubtResolved, wrap)


# --- effects ---------------------------------------------------------------------------------------------------------
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
    right = gate.idempotency_key
    count = iter(range(1 << 60))
    bed.set(gate, "idempotency_key", lambda *given: f"{right(*given)}{next(count)}")


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

    def wrap(right: Callable[[RunState, Any], None]) -> Callable[[RunState, Any], None]:
        def wrong(s: RunState, event: e.ToolCallError) -> None:
            right(s, event)
            s.unsure.pop(event.step, None)

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

    bed.set(simulation, "outstanding", wrong)


@mutant
def called_before_commit(bed: Bed) -> None:
    """A call is made before its intent is durable."""
    right = Schedule._act

    def wrong(self: Schedule, number: int, run: str, *commands: Any) -> bool:
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

    bed.set(Schedule, "_act", wrong)


@mutant
def lost_calls_made_again(bed: Bed) -> None:
    """A process goes on with the calls of a dead one without taking the run over."""
    bed.set(simulation, "take_over", lambda number, state, at: (c.Tick(at=at),))


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


# --- the plan --------------------------------------------------------------------------------------------------------
@mutant
def skipped_counted_down(bed: Bed) -> None:
    """A step that was left out comes back when another of its needs is done."""
    right = evolve._done

    def wrong(s: RunState, step: str) -> None:
        for dependant in s.index.dependants.get(step, ()):
            if s.phase.get(dependant) is Phase.SKIPPED:
                s.phase[dependant] = Phase.PENDING
                s.open_steps += 1
                s.ready[dependant] = None
        right(s, step)

    bed.set(evolve, "_done", wrong)


@mutant
def dependants_of_a_failure_start(bed: Bed) -> None:
    """What needs a failed step starts as if it were done."""

    right = evolve._end_step

    def wrong(s: RunState, step: str, phase: Phase, reason: str = "") -> None:
        right(s, step, phase, reason)
        for dependant in s.index.dependants.get(step, ()) if phase is Phase.FAILED else ():
            if s.phase.get(dependant) is Phase.PENDING:
                s.unmet[dependant] = 0
                s.ready[dependant] = None

    bed.set(evolve, "_end_step", wrong)
    bed.set(Turn, "skip_dependants", lambda self, step: None)


@mutant
def broken_condition_counts_as_true(bed: Bed) -> None:
    """A condition that cannot be evaluated lets its step start."""
    right = gate.holds

    def wrong(expression: str, bindings: Any) -> bool:
        try:
            return right(expression, bindings)
        except ConditionError:
            return True

    bed.set(gate, "holds", wrong)


@mutant
def unmet_needs_forgotten(bed: Bed) -> None:
    """A step that was put back may start before what it needs."""
    bed.set(evolve, "_make_ready", lambda s, step: s.ready.__setitem__(step, None))


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
    bed.change(e.StepSuperseded, lambda right: evolve._nothing)


@mutant
def cancel_ignored(bed: Bed) -> None:
    """A cancelled run goes on."""
    bed.change(e.CancelRequested, lambda right: evolve._nothing)


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
    right = outcomes.next_try

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


# --- the engine: only schedules on the real one can notice ------------------------------------------------------------
def engine_mutant(plant: Plant) -> Plant:
    """Register a bug of the driver or the engine."""
    ENGINE[plant.__name__] = plant
    return plant


@engine_mutant
def answer_in_the_mail_is_forgotten(bed: Bed) -> None:
    """A call is made again while its answer waits for another append."""
    right = local.LocalEngine._perform_one

    async def wrong(self: local.LocalEngine, live: Any, start: e.ToolCallStart) -> Any:
        answer = await right(self, live, start)
        live.flying.pop(start.step, None)
        return answer

    bed.set(local.LocalEngine, "_perform_one", wrong)


@engine_mutant
def a_word_restarts_lost_calls(bed: Bed) -> None:
    """Somebody's word on a run of a dead process makes its calls once more."""
    bed.set(driver.Driver, "_taking_over", lambda self, live, state, letters: ())


@engine_mutant
def resuming_does_not_take_over(bed: Bed) -> None:
    """A new process goes on with the calls of the old one as if they were its own."""
    right = local.LocalEngine.resume

    async def wrong(self: local.LocalEngine, run_id: str, epoch: int | None = None) -> RunState:
        live = self._driver.live(run_id)
        live.state = state = await self._driver.load(run_id)
        if state.end is None and (state.calling or state.planning is not None) and not live.flying:
            self._go_on(live)
            return state
        return await right(self, run_id, epoch)

    bed.set(local.LocalEngine, "resume", wrong)


@engine_mutant
def unknown_taken_for_lost(bed: Bed) -> None:
    """An append that nobody can answer for is simply made again on the state as it was."""
    right = house.Handle.append

    async def wrong(self: house.Handle, stream: str, expected: int, events: Any, **more: Any) -> Any:
        answer = await right(self, stream, expected, events, **more)
        if isinstance(answer, Unknown):
            await right(self, stream, await self.version(stream), events, **more)
            return Committed(version=await self.version(stream))
        return answer

    bed.set(house.Handle, "append", wrong)


def _resolve(bed: Bed, wrong: Callable[[Turn, Any], None]) -> None:
    bed.set(approvals, "resolve", wrong)


def main(arguments: Sequence[str] | None = None) -> int:
    """Hunt every mutant, or those that are named; 1 when one gets away."""
    parser = argparse.ArgumentParser(prog="python -m cuga.testing.mutants", description="Plant bugs and hunt them.")
    parser.add_argument("names", nargs="*", help="which; all when left out")
    parser.add_argument("--most", type=int, default=20_000, help="schedules before a mutant is given up")
    chosen = parser.parse_args(arguments)
    escaped = 0
    for name in chosen.names or (*REGISTER, *ENGINE):
        count, fault = hunt(name, chosen.most)
        escaped += not count
        print(f"{name:34} {count or 'ESCAPED':>8}  {fault}", flush=True)
    print(f"{len(chosen.names or (*REGISTER, *ENGINE))} mutants, {escaped} escaped")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
