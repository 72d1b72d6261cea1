"""Plans after the first: feedback asks for another one, what is done stays, what the new plan drops is superseded."""

from __future__ import annotations

from cuga.errors import InvalidTransition
from cuga.kernel.state import Phase
from cuga.kernel.turn import Turn
from cuga.model import event as e
from cuga.model.command import RecordPlan
from cuga.model.failure import FailureMode
from cuga.model.plan import CheckedPlan

MAX_REPLANS = 3


def ask(
    turn: Turn, feedback: str, authors: tuple[str, ...], step: str = "", given_up: tuple[str, ...] = (), to: str = ""
) -> None:
    """Ask the planner again with a person's words; after three times what they are about is given up instead.

    Whose words they are asks for what comes of them. With `to` they are offered to who asked for the run instead, who
    takes them up or says it otherwise: without that nobody would be left to decide.
    """
    s = turn.state
    if s.plan is None:
        raise InvalidTransition("there is no plan yet")
    if s.replans >= MAX_REPLANS:
        for one in given_up:
            reason = f"changes were asked for again after {MAX_REPLANS} new plans"
            turn.emit(e.StepFailed(at=turn.now, step=one, mode=FailureMode.AGENT_LOGIC, reason=reason))
            turn.skip_dependants(one)
        if given_up:
            return
        raise InvalidTransition(f"a run is planned anew at most {MAX_REPLANS} times")
    by, attempt = authors[0], s.plan_attempt + 1
    counted = () if to else authors
    turn.emit(e.ReplanRequested(at=turn.now, by=by, reason=feedback, step=step, authors=counted))
    told = "" if to else feedback
    turn.emit(e.PlanRequested(at=turn.now, planner=s.planner or s.plan.planner, attempt=attempt, feedback=told))
    if to:
        about = f" of {s.step(step).name or s.step(step).tool}" if step else ""
        text = f'{by} asks for changes{about}: "{feedback}". What should the new plan heed?'
        turn.emit(e.QuestionAsked(at=turn.now, question_id=f"changes-{attempt}", text=text, options=(feedback,)))


def accept(turn: Turn, command: RecordPlan) -> None:
    """Take a plan in. Steps it shares with the one before keep their state; open steps it lacks are superseded."""
    s = turn.state
    plan = command.plan
    named = {step.step_id: step for step in plan.steps}
    for step, phase in list(s.phase.items()):
        if phase.is_end or phase in (Phase.LISTED, Phase.CALLING, Phase.IN_DOUBT) or named.get(step) == s.step(step):
            continue
        if s.step(step).list_of in named:
            continue  # its list has begun and stays what it is
        if turn.doubt(step, "a newer plan drops or changes it"):
            continue
        approval = s.awaiting.get(step) or (s.grants[step].approval_id if step in s.grants else "")
        if approval:
            reason = "a newer plan changes the step" if step in named else "a newer plan drops the step"
            whose = s.step(step).list_of or step
            turn.emit(e.ApprovalSuperseded(at=turn.now, approval_id=approval, step=whose, reason=reason))
        if step in named:
            continue
        turn.emit(e.StepSuperseded(at=turn.now, step=step, plan_number=plan.number))
    take_in(turn, plan, command.source)
    for step in list(s.index.steps):
        if s.phase.get(step) in (Phase.FAILED, Phase.DENIED, Phase.SKIPPED):
            turn.skip_dependants(step)


def take_in(turn: Turn, plan: CheckedPlan, source: str) -> None:
    """A plan enters the run. A step that needs what no plan has would wait for ever: it fails at once.

    A step that was left out, by a plan that had no place for it or because of what it needs, is judged anew by a plan
    that has it: else it would be lost without a word. One that people refused or that failed has had its end, and a
    list that was opened as well.
    """
    s = turn.state
    names = (step.step_id for step in plan.steps)
    again = tuple(name for name in names if s.phase.get(name) is Phase.SKIPPED and name not in s.lists)
    turn.emit(e.PlanCreated(at=turn.now, plan=plan, source=source, again=again))
    end_if_only_planned(turn)
    for step in plan.steps:
        needs = s.index.needs[step.step_id]
        if not s.phase.keys() >= set(needs) and s.phase[step.step_id] is Phase.PENDING:
            unknown = ", ".join(need for need in needs if need not in s.phase)
            reason = f"it needs {unknown}, which is in no plan of this run"
            turn.emit(e.StepFailed(at=turn.now, step=step.step_id, mode=FailureMode.AGENT_VALIDATION, reason=reason))
            turn.skip_dependants(step.step_id)


def end_if_only_planned(turn: Turn) -> None:
    """A run that only plans has no steps to do: they are left out, without a reason to regret."""
    s = turn.state
    if s.started.plan_only:
        for step, phase in list(s.phase.items()):
            if not phase.is_end:
                turn.emit(e.StepSkipped(at=turn.now, step=step, reason="planned only", by_condition=True))
