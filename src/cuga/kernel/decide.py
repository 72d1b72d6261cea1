"""Decide what happens next in a run.

Pure: one state, the same commands and the same rules always give the same events, today or in a replay. Whatever must
be known (the time, who asked, the rules in force) arrives as an argument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cuga.errors import InvalidTransition, NotAllowed
from cuga.kernel import approvals, outcomes, replan, thinking
from cuga.kernel.advance import advance
from cuga.kernel.approvals import access_of
from cuga.kernel.state import RunState
from cuga.kernel.turn import Turn
from cuga.model import command as c
from cuga.model import event as e
from cuga.model.context import SYSTEM, Principal
from cuga.model.event import DoubtAnswer
from cuga.model.failure import FailureMode
from cuga.model.outcome import Certainty, Failed
from cuga.policy.access import Verb, Whose, may, whose
from cuga.policy.judge import Rules
from cuga.policy.profile import Current
from cuga.policy.routing import QUIET, Traffic

NOTHING_REFUSED: Mapping[str, int] = {}


class Decision(msgspec.Struct, frozen=True, eq=False):
    """The facts that follow, and the state they lead to. The state given in has not moved.

    `queued` are the steps that wait for a place in a pool, `routed` the choices made: of which pools, and which one.
    """

    events: tuple[e.Event, ...]
    state: RunState
    queued: dict[str, tuple[str, ...]]
    routed: list[tuple[tuple[str, ...], str]]


def decide(
    state: RunState,
    commands: Sequence[c.Command],
    rules: Rules,
    current: Current,
    refused: Mapping[str, int] = NOTHING_REFUSED,
    *,
    may_start: bool = True,
    traffic: Traffic = QUIET,
) -> Decision:
    """The facts that follow from some wishes. A wish that cannot be had raises, and nothing follows from any of them.

    Without `may_start` no call begins and nothing parks for it: who decides is about to go, who comes next starts it.
    `refused` says what scopes were found to hold when an append of an earlier answer to these wishes was turned down,
    `traffic` what the worker pools are busy with.
    """
    now = commands[0].at if state.latest is None else state.latest
    for command in commands:
        if command.at > now:
            now = command.at
    turn = Turn(state.draft(), now, rules, current, refused, may_start, traffic)
    for command in commands:
        _carry_out(turn, command)
    advance(turn)
    return Decision(tuple(turn.events), turn.state, turn.queued, turn.routed)


def _carry_out(turn: Turn, command: c.Command) -> None:
    s = turn.state
    if isinstance(command, c.StartRun):
        _start(turn, command)
        return
    if s.start is None:
        raise InvalidTransition("it has not begun")
    if s.end is not None:
        _after_the_end(turn, command)
        return
    match command:
        case c.RecordOutcome():
            outcomes.record(turn, command)
        case c.Tick():
            pass
        case c.RecordPlan() | c.RecordPlanFailure() | c.AskQuestion():
            _planned(turn, command)
        case c.AskModel():
            thinking.ask(turn, command)
        case c.RecordModelReply():
            thinking.hear(turn, command)
        case c.ResolveApproval():
            approvals.resolve(turn, command)
        case c.RevokeApproval():
            approvals.revoke(turn, command)
        case c.AnswerQuestion():
            _answer(turn, command)
        case c.ResolveDoubt():
            _resolve_doubt(turn, command)
        case c.TopUp():
            _top_up(turn, command)
        case c.Cancel():
            _may(turn, command.by, Verb.STEER)
            if not s.cancel:
                turn.emit(e.CancelRequested(at=turn.now, by=command.by.id, reason=command.reason))
        case c.Replan():
            _may(turn, command.by, Verb.STEER)
            replan.ask(turn, command.feedback, (command.by.id,))
        case c.TakeOver():
            _take_over(turn, command)
        case c.Annotate():
            turn.emit(e.Annotation(at=turn.now, by=command.by.id, text=command.text, step=command.step))
        case _:
            raise InvalidTransition(f"nobody knows what a {type(command).__name__} is")


def _start(turn: Turn, command: c.StartRun) -> None:
    if turn.state.start is not None:
        raise InvalidTransition("it has begun already")
    _may(turn, command.by, Verb.START, Whose.OWN)
    turn.emit(
        e.RunStarted(
            at=turn.now,
            by=command.by.id,
            goal=command.goal,
            profile=command.profile,
            policy_digest=command.policy_digest,
            tenant=command.by.tenant,
            requester=command.by,
            trace_id=command.trace_id,
            budget=command.budget,
            plan_only=command.plan_only,
            as_of=command.as_of,
            crm_version=command.crm_version,
        )
    )
    if command.plan is not None:
        replan.take_in(turn, command.plan, command.plan.planner)
    else:
        turn.emit(e.PlanRequested(at=turn.now, planner=command.planner, attempt=1))


def _after_the_end(turn: Turn, command: c.Command) -> None:
    match command:
        case c.RecordOutcome():
            outcomes.record(turn, command)
        case c.Tick() | c.TakeOver() | c.RecordPlan() | c.RecordPlanFailure() | c.AskQuestion():
            pass
        case c.AskModel() | c.RecordModelReply():
            pass
        case c.Annotate():
            turn.emit(e.Annotation(at=turn.now, by=command.by.id, text=command.text, step=command.step))
        case c.ResolveApproval():
            approvals.resolve(turn, command)
        case _:
            end = turn.state.end
            assert end is not None
            raise InvalidTransition(f"the run has ended ({end.status.value}: {end.reason})")


def _planned(turn: Turn, command: c.RecordPlan | c.RecordPlanFailure | c.AskQuestion) -> None:
    s = turn.state
    if s.planning is None or s.planning.attempt != command.attempt or s.cancel:
        return  # late or repeated: another request has taken its place
    match command:
        case c.RecordPlan():
            replan.accept(turn, command)
        case c.RecordPlanFailure():
            turn.emit(e.PlanFailed(at=turn.now, reason=command.reason, mode=command.mode, mend=command.mend))
        case _:  # a question
            turn.emit(
                e.QuestionAsked(
                    at=turn.now, question_id=command.question_id, text=command.text, options=command.options
                )
            )


def _answer(turn: Turn, command: c.AnswerQuestion) -> None:
    s = turn.state
    if command.question_id not in s.questions:
        if s.answers.get(command.question_id) == command.answer:
            return
        raise InvalidTransition(f"no open question {command.question_id!r}")
    is_for_planner = command.question_id == s.planner_asks
    if is_for_planner:
        _may(turn, command.by, Verb.STEER)
    else:  # to take a changed tool is to agree to what it does
        roles = turn.rules.profile.approvals.roles
        access_of(turn, command.by, s.requesters, roles, what="to take a changed tool is an approval: ")
    turn.emit(e.QuestionAnswered(at=turn.now, by=command.by.id, question_id=command.question_id, answer=command.answer))
    if is_for_planner:
        turn.emit(e.PlanRequested(at=turn.now, planner=s.planner, attempt=s.plan_attempt + 1, feedback=command.answer))


def _resolve_doubt(turn: Turn, command: c.ResolveDoubt) -> None:
    s = turn.state
    if command.step not in s.doubts:
        mend = f"In doubt here: {', '.join(s.doubts)}." if s.doubts else "`cuga show RUN` says what the run waits for."
        raise InvalidTransition(f"step {command.step!r} is not in doubt", mend=mend)
    newest = s.attempt[command.step]
    if command.attempt not in (0, newest):
        raise InvalidTransition(
            f"attempt {newest} of {command.step!r} is in doubt, and what was looked at is attempt {command.attempt}",
            mend="Look at the other side once more, and say what became of the newest attempt.",
        )
    _must_be_a_person(command)
    _may(turn, command.by, Verb.SETTLE)
    # after "again" the first may have happened, whatever became of the repeat
    is_first = command.answer is DoubtAnswer.DID_NOT and not s.consents.get(command.step)
    gives_back = s.held.get(command.step, ()) if is_first else ()
    turn.emit(
        e.DoubtResolved(
            at=turn.now,
            by=command.by.id,
            step=command.step,
            answer=command.answer,
            reason=command.reason,
            result=command.result,
            claims=tuple(e.Claim(scope=x.scope, amount=-x.amount, limit=x.limit) for x in gives_back),
        )
    )
    if command.answer is DoubtAnswer.DID_NOT:
        turn.skip_dependants(command.step)


def _top_up(turn: Turn, command: c.TopUp) -> None:
    s = turn.state
    if command.amount <= 0:
        raise InvalidTransition("a top-up must be more than nothing")
    if command.scope not in turn.limits:
        raise InvalidTransition(f"no budget {command.scope!r}; there are: {', '.join(sorted(turn.limits))}")
    _must_be_a_person(command)
    roles = turn.rules.profile.approvals.roles
    access_of(turn, command.by, s.requesters, roles, what="a top-up is an approval: ")
    turn.emit(
        e.BudgetRaised(at=turn.now, by=command.by.id, scope=command.scope, amount=command.amount, reason=command.reason)
    )


def _may(turn: Turn, by: Principal, verb: Verb, about: Whose | None = None) -> None:
    """`NotAllowed` unless somebody may do this to this run now."""
    if about is None:
        about = whose(by, turn.state.started.requester.id, turn.current)
    access = may(by, verb, turn.current, about)
    if not access.allowed:
        raise NotAllowed("; ".join(access.reasons))


def _must_be_a_person(command: c.Command) -> None:
    if command.by == SYSTEM:
        raise NotAllowed("only a person can say that")


def _take_over(turn: Turn, command: c.TakeOver) -> None:
    s = turn.state
    if command.epoch <= s.epoch:
        raise InvalidTransition(f"epoch {command.epoch} is not newer than {s.epoch}")
    if not s.calling and s.planning is None:
        return
    turn.emit(e.TakenOver(at=turn.now, worker=command.worker, epoch=command.epoch))
    thinking.lose(turn, command.spared)
    for start in [one for one in s.calling.values() if one.step not in command.spared]:
        lost = Failed(
            mode=FailureMode.SYSTEM_CRASH,
            certainty=Certainty.UNKNOWN,
            message="the process that made the call ended before it could say what became of it",
        )
        outcomes.fail(turn, start, lost)
