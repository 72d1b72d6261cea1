"""What facts about the whole run change: its begin, its plans, its questions, its parks and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cuga.kernel.index import PlanIndex
from cuga.kernel.state import Phase, RunState, Wrote, without
from cuga.model import event as e
from cuga.model.context import SYSTEM
from cuga.model.value import digest_bytes
from cuga.policy.budget import MONEY, TOKENS

_BEGUN = frozenset({Phase.LISTED, Phase.CALLING, Phase.IN_DOUBT, Phase.DONE})  # what a newer plan can no longer change


def _run_started(s: RunState, event: e.RunStarted) -> None:
    s.start = event


def _plan_requested(s: RunState, event: e.PlanRequested) -> None:
    s.planning = event
    s.planner = event.planner
    s.plan_attempt = event.attempt
    s.heard = ()
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
    for name in event.again:
        s.phase[name] = Phase.PENDING
        s.open_steps += 1
        s.reasons = without(s.reasons, name)
    done = {name for name in begun if s.phase[name] is Phase.DONE}
    needs, pending = s.index.needs, Phase.PENDING
    for step in plan.steps:
        name = step.step_id
        if name in s.inputs and known[name] != step:
            s.inputs = without(s.inputs, name)  # a person amended another call than the one that is planned now
        if name in s.lists and name not in begun and known[name] != step:
            s.lists = without(s.lists, name)  # its calls were another list's, and say nothing of this one
        phase = s.phase.get(name)
        if phase is None:
            phase = s.phase[name] = pending
            s.open_steps += 1
        unmet = s.unmet[name] = len([need for need in needs[name] if need not in done]) if done else len(needs[name])
        if unmet and phase is Phase.WAITING_RETRY:
            s.phase[name] = pending  # it has got new needs: these come first
            s.due = without(s.due, name)
        if phase is pending and not unmet:
            s.ready[name] = None
    for listing in s.lists.values():
        for call in listing.calls:
            if s.phase[call] is pending and call in s.index.named:
                s.ready[call] = None


def _plan_failed(s: RunState, event: e.PlanFailed) -> None:
    s.planning = None
    s.stopped = event.reason


def _replan_requested(s: RunState, event: e.ReplanRequested) -> None:
    s.replans += 1
    if event.authors:
        s.feedback = (*s.feedback, event.reason)
        _count_authors(s, event.authors)


def _count_authors(s: RunState, authors: tuple[str, ...]) -> None:
    s.authors = tuple(dict.fromkeys((*s.authors, *(name for name in authors if name != SYSTEM.id))))


def _question_asked(s: RunState, event: e.QuestionAsked) -> None:
    s.questions = {**s.questions, event.question_id: event}
    if s.planning is not None:
        s.planner_asks = event.question_id
        s.planning = None


def _question_answered(s: RunState, event: e.QuestionAnswered) -> None:
    if event.question_id == s.planner_asks:
        _count_authors(s, (event.by,))
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


def _model_call_start(s: RunState, event: e.ModelCallStart) -> None:
    if event.step:
        s.writing = {**s.writing, event.step: event}
    else:
        s.asking = event
    s.model_calls = event.call
    _use(s, event.tokens, event.money or 0)


def _model_heard(s: RunState, event: e.ModelCallComplete | e.ModelCallError) -> None:
    if event.step:
        start = s.writing.get(event.step)
        s.writing = without(s.writing, event.step)
        s.written = {**s.written, event.step: _wrote(start, event)}
    else:
        start, s.asking = s.asking, None
        s.heard = (*s.heard, event)
    if start is not None:  # what is not known stays as it was reserved
        reserved = start.money or 0
        tokens = 0 if event.tokens is None else event.tokens - start.tokens
        _use(s, tokens, 0 if event.money is None else event.money - reserved)


def _wrote(start: e.ModelCallStart | None, event: e.ModelCallComplete | e.ModelCallError) -> Wrote:
    return Wrote(
        attempt=event.attempt,
        name=start.name if start is not None else "",
        host=start.host if start is not None else "",
        fields=start.fields if start is not None else (),
        reply=event.reply if isinstance(event, e.ModelCallComplete) else None,
        prompt=digest_bytes(start.prompt.encode()) if start is not None else "",
        why=event.message if isinstance(event, e.ModelCallError) else "",
    )


def _use(s: RunState, tokens: int, money: int) -> None:
    for scope, amount in ((TOKENS, tokens), (MONEY, money)):
        if amount:
            s.used[scope] = s.used.get(scope, 0) + amount


def nothing(_s: RunState, _event: e.Event) -> None:
    """A fact that only tells."""


CHANGES: dict[type[e.Event], Callable[[RunState, Any], None]] = {
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
    e.Annotation: nothing,
    e.TakenOver: _taken_over,
    e.ModelCallStart: _model_call_start,
    e.ModelCallComplete: _model_heard,
    e.ModelCallError: _model_heard,
}
