"""Apply facts to a state: one small function per event, in a table. An event without one raises; nothing is skipped.

Here nothing is judged: a fact that is in the journal is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from cuga.errors import JournalCorrupt
from cuga.kernel.index import PlanIndex
from cuga.kernel.state import Closed, Grant, Phase, RunState
from cuga.model import event as e
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty
from cuga.model.tool import SideEffect
from cuga.policy.budget import TOKENS, charges

V = TypeVar("V")
PENDING, CALLING, DONE = Phase.PENDING, Phase.CALLING, Phase.DONE  # found once: a member costs ten times a name
_BEGUN = frozenset({Phase.CALLING, Phase.IN_DOUBT, Phase.DONE})  # what a newer plan can no longer change


def evolve(state: RunState, event: e.Event) -> RunState:
    """The state after one more fact; the given one stays as it is."""
    return apply(state.draft(), event)


def fold(run_id: str, events: Iterable[e.Event], state: RunState | None = None) -> RunState:
    """The state after all events, from nothing or from a state that is given away."""
    draft = RunState(run_id) if state is None else state
    for event in events:
        apply(draft, event)
    return draft


def apply(draft: RunState, event: e.Event) -> RunState:
    """Change a draft by one fact and return it."""
    try:
        change = _CHANGES[type(event)]
    except KeyError:
        raise JournalCorrupt(f"a run cannot hold a {type(event).__name__}") from None
    draft.version += 1
    if draft.latest is None or event.at > draft.latest:
        draft.latest = event.at
    if draft.parked is not None and type(event) is not e.Annotation:
        draft.parked = None
    change(draft, event)
    return draft


def without(held: Mapping[str, V], key: str) -> Mapping[str, V]:
    """A map without one of its keys, whether it is there or not."""
    return {name: value for name, value in held.items() if name != key} if key in held else held


def _begin_step(s: RunState, step: str, phase: Phase) -> None:
    s.phase[step] = phase
    s.ready.pop(step, None)
    if s.due:
        s.due = without(s.due, step)
    if s.blocked:
        s.blocked = without(s.blocked, step)


def _end_step(s: RunState, step: str, phase: Phase, reason: str = "") -> None:
    if not s.phase[step].is_end:
        s.open_steps -= 1
    _begin_step(s, step, phase)
    s.calling.pop(step, None)
    if s.doubts:
        s.doubts = without(s.doubts, step)
    if s.held:
        s.held = without(s.held, step)
    if s.unsure:
        s.unsure = without(s.unsure, step)
    if s.grants:
        grant = s.grants.get(step)
        if grant is not None:
            s.grants = without(s.grants, step)
            s.timed = without(s.timed, grant.approval_id)
    if reason:
        s.reasons = {**s.reasons, step: reason}


def _run_started(s: RunState, event: e.RunStarted) -> None:
    s.start = event


def _plan_requested(s: RunState, event: e.PlanRequested) -> None:
    s.planning = event
    s.planner = event.planner
    s.plan_attempt = event.attempt
    _withdraw_question(s)


def _withdraw_question(s: RunState) -> None:
    """The planner was asked anew or is through: what it wanted to know is no longer asked."""
    s.questions = without(s.questions, s.planner_asks)
    s.planner_asks = ""


def _plan_created(s: RunState, event: e.PlanCreated) -> None:
    plan = event.plan
    # every step that ever was stays known, for its name, its references and its history
    known = s.index.steps
    begun = {name for name, phase in s.phase.items() if phase in _BEGUN}
    s.index = PlanIndex.of(plan, known, begun)
    s.plan = plan
    if plan.budget is not None:
        s.budgets = (*s.budgets, plan.budget)
    s.planning = None
    s.ready = {}
    done = {name for name in begun if s.phase[name] is DONE}
    needs = s.index.needs
    for step in plan.steps:
        name = step.step_id
        if name in s.inputs and known[name] != step:
            s.inputs = without(s.inputs, name)  # a person amended another call than the one that is planned now
        phase = s.phase.get(name)
        if phase is None:
            phase = s.phase[name] = PENDING
            s.open_steps += 1
        unmet = s.unmet[name] = len([need for need in needs[name] if need not in done]) if done else len(needs[name])
        if unmet and phase is Phase.WAITING_RETRY:
            s.phase[name] = PENDING  # it has got new needs: these come first
            s.due = without(s.due, name)
        if phase is PENDING and not unmet:
            s.ready[name] = None


def _plan_failed(s: RunState, event: e.PlanFailed) -> None:
    s.planning = None
    s.stopped = event.reason


def _replan_requested(s: RunState, event: e.ReplanRequested) -> None:
    s.replans += 1
    s.feedback = (*s.feedback, event.reason)


def _question_asked(s: RunState, event: e.QuestionAsked) -> None:
    s.questions = {**s.questions, event.question_id: event}
    if s.planning is not None:
        s.planner_asks = event.question_id
        s.planning = None


def _question_answered(s: RunState, event: e.QuestionAnswered) -> None:
    s.questions = without(s.questions, event.question_id)
    s.answers = {**s.answers, event.question_id: event.answer}


def _cancel_requested(s: RunState, event: e.CancelRequested) -> None:
    s.cancel = event.reason or "cancelled"


def _run_parked(s: RunState, event: e.RunParked) -> None:
    s.parked = event


def _run_finished(s: RunState, event: e.RunFinished) -> None:
    s.end = event


def _taken_over(s: RunState, event: e.TakenOver) -> None:
    s.worker, s.epoch = event.worker, event.epoch


def _nothing(_s: RunState, _event: e.Event) -> None:
    return


def _route_decision(s: RunState, event: e.RouteDecision) -> None:
    if event.reduced:
        s.reduced = {**s.reduced, event.step: event.reduced}
    elif s.reduced:
        s.reduced = {step: lacking for step, lacking in s.reduced.items() if step != event.step}


def _tool_call_start(s: RunState, event: e.ToolCallStart) -> None:
    step = event.step
    _begin_step(s, step, CALLING)
    s.calling[step] = event
    s.attempt[step] = event.attempt
    used = s.used
    for scope, amount in charges(event.tool, event.domain, event.cost):
        used[scope] = used.get(scope, 0) + amount
    for claim in event.claims:
        if is_one_time(claim):
            s.held = {**s.held, step: (*s.held.get(step, ()), claim)}
    if event.approval:
        grant = s.grants.get(step)
        if grant is not None:
            s.grants = without(s.grants, step)
            s.timed = without(s.timed, grant.approval_id)
            s.approved = {**s.approved, step: grant}


def _tool_call_complete(s: RunState, event: e.ToolCallComplete) -> None:
    step = event.step
    if event.tokens:
        s.used[TOKENS] = s.used.get(TOKENS, 0) + event.tokens
    s.outputs[step] = event.result if event.blob is None else event.carried
    _done(s, step)


def _done(s: RunState, step: str) -> None:
    _end_step(s, step, DONE)
    for dependant in s.index.dependants.get(step, ()):
        phase = s.phase.get(dependant)
        if phase is None or phase.is_end or dependant not in s.unmet:
            continue  # above all: one that was left out must not come back
        s.unmet[dependant] -= 1
        if phase is PENDING:
            _make_ready(s, dependant)


def _make_ready(s: RunState, step: str) -> None:
    """It may be judged, unless a plan has given it needs that are not met yet."""
    if not s.unmet.get(step):
        s.ready[step] = None


def is_one_time(claim: e.Claim) -> bool:
    """Whether a claim stands for an effect that may happen once, not for a share of a rate."""
    return not claim.scope.startswith("rate/")


def _give_back(s: RunState, start: e.ToolCallStart) -> None:
    for scope, amount in charges(start.tool, start.domain, start.cost):
        s.used[scope] = s.used.get(scope, 0) - amount
    for step in list(s.blocked):  # there is room again: what waited for a top-up may be judged once more
        s.blocked = without(s.blocked, step)
        _make_ready(s, step)


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
        s.unsure = without(s.unsure, step)
    if event.retry_at is not None:
        s.phase[step] = Phase.WAITING_RETRY
        s.due = {**s.due, step: event.retry_at}
        if event.certainty is Certainty.UNKNOWN and start.side_effect is not SideEffect.READ_ONLY:
            s.unsure = {**s.unsure, step: start}
    elif event.certainty is Certainty.UNKNOWN and start.side_effect is not SideEffect.READ_ONLY:
        s.phase[step] = Phase.IN_DOUBT
        s.doubts = {**s.doubts, step: start}
    else:
        _end_step(s, step, Phase.FAILED, event.message)


def _step_refused(s: RunState, event: e.StepRefused) -> None:
    _end_step(s, event.step, Phase.FAILED, f"{event.reason} ({event.rule})")


def _step_failed(s: RunState, event: e.StepFailed) -> None:
    _end_step(s, event.step, Phase.FAILED, event.reason)


def _step_skipped(s: RunState, event: e.StepSkipped) -> None:
    # a condition that does not hold is a good end; the reason stays empty so that success counts it
    _end_step(s, event.step, Phase.SKIPPED, "" if event.by_condition else event.reason)


def _step_superseded(s: RunState, event: e.StepSuperseded) -> None:
    _end_step(s, event.step, Phase.SKIPPED)


def _step_in_doubt(s: RunState, event: e.StepInDoubt) -> None:
    if event.step not in s.doubts:  # it waited to be tried again, and cannot be
        s.doubts = {**s.doubts, event.step: s.unsure[event.step]}
        _begin_step(s, event.step, Phase.IN_DOUBT)


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
            _end_step(s, step, Phase.FAILED, event.reason or "it did not happen")
        case _:  # again
            s.consents = {**s.consents, step: s.consents.get(step, 0) + 1}
            s.spent = {**s.spent, step: s.attempt.get(step, 0)}
            s.unsure = without(s.unsure, step)
            s.approved = without(s.approved, step)
            s.phase[step] = Phase.PENDING
            _make_ready(s, step)


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
            _make_ready(s, step)


def _approval_requested(s: RunState, event: e.ApprovalRequested) -> None:
    _begin_step(s, event.step, Phase.AWAITING_APPROVAL)
    s.pending = {**s.pending, event.approval_id: event}
    s.awaiting = {**s.awaiting, event.step: event.approval_id}
    s.timed = {**s.timed, event.approval_id: event.expires_at}
    if event.amends:
        s.inputs = {**s.inputs, event.step: event.arguments}
        s.askers = {**s.askers, event.step: event.requesters}


def _close(s: RunState, approval_id: str, step: str, how: str, by: str) -> None:
    s.pending = without(s.pending, approval_id)
    s.votes = without(s.votes, approval_id)
    s.timed = without(s.timed, approval_id)
    s.closed = {**s.closed, approval_id: Closed(how, by)}
    if s.awaiting.get(step) == approval_id:
        s.awaiting = without(s.awaiting, step)
    grant = s.grants.get(step)
    if grant is not None and grant.approval_id == approval_id:
        s.grants = without(s.grants, step)


def _wait_again(s: RunState, step: str) -> None:
    if not s.phase[step].is_end and step not in s.calling:
        s.phase[step] = Phase.PENDING
        _make_ready(s, step)


def _approval_received(s: RunState, event: e.ApprovalReceived) -> None:
    if not event.final:
        s.votes = {**s.votes, event.approval_id: (*s.votes.get(event.approval_id, ()), (event.by, event.on_behalf_of))}
        return
    request = s.pending.get(event.approval_id)
    _close(s, event.approval_id, event.step, event.verdict.value, event.by)
    match event.verdict:
        case e.Verdict.APPROVE:
            adapters = request.adapters if request is not None else {}
            s.grants = {**s.grants, event.step: Grant(event.approval_id, event.digest, event.lapses_at, adapters)}
            if event.lapses_at is not None:
                s.timed = {**s.timed, event.approval_id: event.lapses_at}
            _wait_again(s, event.step)
        case e.Verdict.DENY:
            if request is not None:
                s.denied = {**s.denied, request.effect: event.reason or f"denied by {event.by}"}
            _end_step(s, event.step, Phase.DENIED, event.reason or f"denied by {event.by}")
        case e.Verdict.AMEND:
            pass  # the request that replaces this one follows in the same append
        case _:  # request-changes
            _wait_again(s, event.step)


def _approval_timeout(s: RunState, event: e.ApprovalTimeout) -> None:
    _close(s, event.approval_id, event.step, "expired", "")
    _end_step(s, event.step, Phase.DENIED, "nobody decided in time")


def _approval_lapsed(s: RunState, event: e.ApprovalLapsed) -> None:
    _close(s, event.approval_id, event.step, "lapsed", "")
    _wait_again(s, event.step)


def _approval_revoked(s: RunState, event: e.ApprovalRevoked) -> None:
    _close(s, event.approval_id, event.step, "revoked", event.by)
    _end_step(s, event.step, Phase.DENIED, event.reason or f"approval revoked by {event.by}")


def _approval_superseded(s: RunState, event: e.ApprovalSuperseded) -> None:
    _close(s, event.approval_id, event.step, "superseded", event.by)
    _wait_again(s, event.step)


_CHANGES: dict[type[e.Event], Callable[[RunState, Any], None]] = {
    e.RunStarted: _run_started,
    e.PlanRequested: _plan_requested,
    e.PlanCreated: _plan_created,
    e.PlanFailed: _plan_failed,
    e.ReplanRequested: _replan_requested,
    e.QuestionAsked: _question_asked,
    e.QuestionAnswered: _question_answered,
    e.CancelRequested: _cancel_requested,
    e.RunParked: _run_parked,
    e.RunFinished: _run_finished,
    e.Annotation: _nothing,
    e.TakenOver: _taken_over,
    e.RouteDecision: _route_decision,
    e.ToolCallStart: _tool_call_start,
    e.ToolCallComplete: _tool_call_complete,
    e.ToolCallError: _tool_call_error,
    e.StepRefused: _step_refused,
    e.StepFailed: _step_failed,
    e.StepSkipped: _step_skipped,
    e.StepSuperseded: _step_superseded,
    e.StepInDoubt: _step_in_doubt,
    e.DoubtResolved: _doubt_resolved,
    e.BudgetWarning: _budget_warning,
    e.BudgetExceeded: _budget_exceeded,
    e.BudgetRaised: _budget_raised,
    e.ApprovalRequested: _approval_requested,
    e.ApprovalReceived: _approval_received,
    e.ApprovalTimeout: _approval_timeout,
    e.ApprovalLapsed: _approval_lapsed,
    e.ApprovalRevoked: _approval_revoked,
    e.ApprovalSuperseded: _approval_superseded,
}
