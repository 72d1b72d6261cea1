"""What facts about steps change: calls and what became of them, ends, doubts, and the budgets that calls draw on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from cuga.kernel.state import Grant, Listing, Phase, RunState, without
from cuga.model import event as e
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty
from cuga.model.tool import SideEffect
from cuga.policy.budget import TOKENS, drawn

RATE = "rate/"  # how the scopes of claims begin that stand for a share of a rate
PENDING, CALLING, DONE = Phase.PENDING, Phase.CALLING, Phase.DONE  # found once: a member costs ten times a name


def begin_step(s: RunState, step: str, phase: Phase) -> None:
    """A step leaves those that may be judged."""
    s.phase[step] = phase
    if step in s.ready:
        del s.ready[step]
    if s.due:
        s.due = without(s.due, step)
    if s.blocked:
        s.blocked = without(s.blocked, step)


def end_step(s: RunState, step: str, phase: Phase, reason: str = "") -> None:
    """A step is through; with a reason it was not done."""
    if not s.phase[step].is_end:
        s.open_steps -= 1
        if s.lists:
            _one_less(s, s.index.steps[step].list_of)
    begin_step(s, step, phase)
    if step in s.calling:
        del s.calling[step]
    if s.doubts:
        s.doubts = without(s.doubts, step)
    if s.held:
        s.held = without(s.held, step)
    if s.unsure:
        _let_go(s, step)
    if s.grants:
        grant = s.grants.get(step)
        if grant is not None:
            drop_grant(s, step, grant)
    if reason:
        s.reasons = {**s.reasons, step: reason}


def drop_grant(s: RunState, step: str, grant: Grant) -> None:
    """A consent is no longer at hand; with the last of its approval ends the time in which that lapses."""
    s.grants = without(s.grants, step)
    if not any(other.approval_id == grant.approval_id for other in s.grants.values()):
        s.timed = without(s.timed, grant.approval_id)


def _one_less(s: RunState, name: str) -> None:
    """A call of a list has ended."""
    listing = s.lists.get(name)
    if listing is not None:
        s.lists = {**s.lists, name: Listing(listing.calls, listing.open - 1)}


def _list_opened(s: RunState, event: e.ListOpened) -> None:
    name = event.step
    whole = s.step(name)
    calls = {f"{name}#{at}": arguments for at, arguments in enumerate(event.inputs, 1)}
    shared = replace(whole, references=(), depends_on=(), when=None, for_each=None, list_of=name)
    s.index = s.index.opened(name, [replace(shared, step_id=call, input=body) for call, body in calls.items()])
    begin_step(s, name, Phase.LISTED)
    s.lists = {**s.lists, name: Listing(tuple(calls), len(calls))}
    s.open_steps += len(calls)
    for call in calls:
        s.phase[call] = PENDING
        s.unmet[call] = 0
        s.ready[call] = None


def _list_closed(s: RunState, event: e.ListClosed) -> None:
    name = event.step
    if event.done:
        _done(s, name)
    elif name not in s.index.named:
        end_step(s, name, Phase.SKIPPED)  # a newer plan has no place for it
    else:
        ends = {s.phase[call] for call in s.lists[name].calls}
        how = ends.pop() if len(ends) == 1 else Phase.FAILED
        end_step(s, name, how, f"none of its {event.missed} calls was done")


def _route_decision(s: RunState, event: e.RouteDecision) -> None:
    if event.reduced:
        s.reduced = {**s.reduced, event.step: event.reduced}
    elif s.reduced:
        s.reduced = {step: lacking for step, lacking in s.reduced.items() if step != event.step}


def _tool_call_start(s: RunState, event: e.ToolCallStart) -> None:
    step = event.step
    begin_step(s, step, CALLING)
    s.calling[step] = event
    s.attempt[step] = event.attempt
    used = s.used
    for scope, amount in drawn(event.tool, event.domain, event.cost):
        used[scope] = used.get(scope, 0) + amount
    for claim in event.claims:
        if not claim.scope.startswith(RATE):
            s.held = {**s.held, step: (*s.held.get(step, ()), claim)}
    if event.approval:
        grant = s.grants.get(step)
        if grant is not None:
            drop_grant(s, step, grant)
            s.approved = {**s.approved, step: grant}


def _tool_call_complete(s: RunState, event: e.ToolCallComplete) -> None:
    step = event.step
    if event.tokens:
        s.used[TOKENS] = s.used.get(TOKENS, 0) + event.tokens
    s.outputs[step] = event.result if event.blob is None else event.carried
    _done(s, step)


def _done(s: RunState, step: str) -> None:
    end_step(s, step, DONE)
    unmet = s.unmet
    for dependant in s.index.dependants.get(step, ()):
        phase = s.phase.get(dependant)
        if phase is None or phase.is_end or dependant not in unmet:
            continue  # above all: one that was left out must not come back
        unmet[dependant] -= 1
        if phase is PENDING:
            make_ready(s, dependant)


def make_ready(s: RunState, step: str) -> None:
    """It may be judged, unless a plan has given it needs that are not met yet."""
    if not s.unmet.get(step):
        s.ready[step] = None


def _let_go(s: RunState, step: str) -> None:
    """No attempt that may have happened is behind a step any more."""
    s.unsure = without(s.unsure, step)
    s.first_try = without(s.first_try, step)


def is_one_time(claim: e.Claim) -> bool:
    """Whether a claim stands for an effect that may happen once, not for a share of a rate."""
    return not claim.scope.startswith(RATE)


def _give_back(s: RunState, start: e.ToolCallStart) -> None:
    for scope, amount in drawn(start.tool, start.domain, start.cost):
        s.used[scope] = s.used.get(scope, 0) - amount
    for step in list(s.blocked):  # there is room again: what waited for a top-up may be judged once more
        s.blocked = without(s.blocked, step)
        make_ready(s, step)


def _tool_call_error(s: RunState, event: e.ToolCallError) -> None:
    step = event.step
    start = s.calling.pop(step, None)
    if start is None:
        return
    if event.mode is FailureMode.SYSTEM_CRASH:
        s.crashes = {**s.crashes, step: s.crashes.get(step, 0) + 1}
    else:
        s.tries = {**s.tries, step: s.tries.get(step, 0) + 1}
    if event.claims:  # the fact itself says that they are given back
        s.held = without(s.held, step)
    if event.certainty is Certainty.NOT_DONE and start.side_effect is not SideEffect.READ_ONLY:
        # what surely did not happen costs nothing; a read that failed was still made and is charged
        _give_back(s, start)
        _let_go(s, step)
    if event.retry_at is not None:
        s.phase[step] = Phase.WAITING_RETRY
        s.due = {**s.due, step: event.retry_at}
        if event.certainty is Certainty.UNKNOWN and start.side_effect is not SideEffect.READ_ONLY:
            s.unsure = {**s.unsure, step: start}
            s.first_try = {step: start.at, **s.first_try}  # an earlier one stays
    elif event.certainty is Certainty.UNKNOWN and start.side_effect is not SideEffect.READ_ONLY:
        s.phase[step] = Phase.IN_DOUBT
        s.doubts = {**s.doubts, step: start}
    else:
        end_step(s, step, Phase.FAILED, event.message)


def _step_refused(s: RunState, event: e.StepRefused) -> None:
    end_step(s, event.step, Phase.FAILED, f"{event.reason} ({event.rule})")
    if event.mend:
        s.mends = {**s.mends, event.step: event.mend}


def _step_failed(s: RunState, event: e.StepFailed) -> None:
    end_step(s, event.step, Phase.FAILED, event.reason)


def _step_skipped(s: RunState, event: e.StepSkipped) -> None:
    # a condition that does not hold is a good end; the reason stays empty so that success counts it
    end_step(s, event.step, Phase.SKIPPED, "" if event.by_condition else event.reason)


def _step_superseded(s: RunState, event: e.StepSuperseded) -> None:
    end_step(s, event.step, Phase.SKIPPED)


def _step_in_doubt(s: RunState, event: e.StepInDoubt) -> None:
    if event.step not in s.doubts:  # it waited to be tried again, and cannot be
        s.doubts = {**s.doubts, event.step: s.unsure[event.step]}
        begin_step(s, event.step, Phase.IN_DOUBT)


def _doubt_resolved(s: RunState, event: e.DoubtResolved) -> None:
    step = event.step
    start = s.doubts[step]
    s.doubts = without(s.doubts, step)
    if event.claims:
        s.held = without(s.held, step)
    match event.answer:
        case e.DoubtAnswer.HAPPENED:
            s.outputs[step] = event.result
            _done(s, step)
        case e.DoubtAnswer.DID_NOT:
            _give_back(s, start)
            end_step(s, step, Phase.FAILED, event.reason or "it did not happen")
        case _:  # again
            s.consents = {**s.consents, step: s.consents.get(step, 0) + 1}
            s.spent = {**s.spent, step: s.attempt.get(step, 0)}
            _let_go(s, step)
            s.approved = without(s.approved, step)
            s.phase[step] = Phase.PENDING
            make_ready(s, step)


def _budget_warning(s: RunState, event: e.BudgetWarning) -> None:
    s.warned = s.warned | {event.scope}


def _budget_exceeded(s: RunState, event: e.BudgetExceeded) -> None:
    s.exceeded = s.exceeded | {(event.scope, event.limit)}
    match event.at_limit:
        case "stop":
            s.stopped = f"the budget {event.scope} is used up ({event.used} of {event.limit})"
        case "park":
            s.blocked = {**s.blocked, event.step: event.scope}
            s.ready.pop(event.step, None)


def _budget_raised(s: RunState, event: e.BudgetRaised) -> None:
    s.raised = {**s.raised, event.scope: s.raised.get(event.scope, 0) + event.amount}
    s.warned = s.warned - {event.scope}
    for step, scope in list(s.blocked.items()):
        if scope == event.scope:
            s.blocked = without(s.blocked, step)
            make_ready(s, step)


CHANGES: dict[type[e.Event], Callable[[RunState, Any], None]] = {
    e.RouteDecision: _route_decision,
    e.ToolCallStart: _tool_call_start,
    e.ToolCallComplete: _tool_call_complete,
    e.ToolCallError: _tool_call_error,
    e.StepRefused: _step_refused,
    e.StepFailed: _step_failed,
    e.StepSkipped: _step_skipped,
    e.StepSuperseded: _step_superseded,
    e.ListOpened: _list_opened,
    e.ListClosed: _list_closed,
    e.StepInDoubt: _step_in_doubt,
    e.DoubtResolved: _doubt_resolved,
    e.BudgetWarning: _budget_warning,
    e.BudgetExceeded: _budget_exceeded,
    e.BudgetRaised: _budget_raised,
}
