"""One run read from its events alone, with own sums: who agreed to what, what was spent, what was allowed to start.

It keeps books beside the kernel's and shares no code with it; where the two disagree, `Broken` says where.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from cuga.model import event as e
from cuga.testing.told import Broken
from cuga.testing.told_calls import Calls

__all__ = ["Broken", "StoryOfRun"]


_ENDS: dict[type[e.Event], str] = {e.StepSuperseded: "superseded", e.StepSkipped: "skipped"}
_LEFT_OUT = ("left out", "superseded", "skipped")


class StoryOfRun(Calls):
    """Reads a stream once; afterwards `intents`, `completed` and `consents` can be asked for."""

    def read(self) -> None:
        """Go through the stream; raises `Broken`."""
        for number, event in enumerate(self.events, 1):
            if number > self._last:
                self._last, self._current = next(self._appends, (1 << 30, self._current))
            if self._latest is not None and event.at < self._latest:
                self._broken("I11", f"time runs backwards at {number}")
            self._latest = event.at
            if self._end is not None and type(event) is not e.Annotation:
                self._broken("I11", f"{e.name_of(event)} after the end")
            reader = _READERS.get(type(event))
            if reader is not None:
                reader(self, number, event)
        if self._end is None:
            self._broken("I7", "it has no end")

    def _run_started(self, _number: int, event: e.RunStarted) -> None:
        self._requester = event.requester.id
        limits = self.setting.limits
        self._limits = {"calls": limits.calls, "cost": limits.cost}
        self._limits |= {f"calls/domain/{name}": limit for name, limit in limits.calls_per_domain.items()}
        self._limits |= {f"calls/tool/{name}": limit for name, limit in limits.calls_per_tool.items()}

    def _plan_requested(self, _number: int, event: e.PlanRequested) -> None:
        self._planning = event.attempt

    def _replan_requested(self, number: int, event: e.ReplanRequested) -> None:
        later = self.events[number : number + 2]
        if not any(isinstance(one, e.QuestionAsked) for one in later):  # else they are offered and nobody's yet
            self._words.append((number, event.by))
        self._replans += 1
        if self._replans > 3:
            self._broken("plan", "it was planned anew more than three times")

    def _plan_created(self, _number: int, event: e.PlanCreated) -> None:
        if self._plans and not self._planning:
            self._broken("plan", "a plan that nobody asked for")
        self._plans += 1
        self._planning = 0
        self._named = {step.step_id for step in event.plan.steps}
        again = set(event.again)
        for step in event.plan.steps:
            if step.step_id in self._calling or self._phase.get(step.step_id) in ("done", "doubt", "listed"):
                continue  # what has begun is no longer changed
            if self._steps.get(step.step_id, step) != step:
                self._amended.pop(step.step_id, None)
            self._steps[step.step_id] = step
            phase = self._phase.setdefault(step.step_id, "open")
            if phase in _LEFT_OUT or (phase == "put away" and step.step_id in again):
                self._phase[step.step_id] = "open"  # whatever it was left out for, a plan has it anew
                if step.step_id not in again:
                    self._broken("plan", f"{step.step_id} was {phase}, is planned again and is not judged again")
                again.remove(step.step_id)
        if again:
            self._broken("plan", f"{again} are judged again and were not left out")
        if event.plan.budget is not None and event.plan.budget.calls is not None:
            self._limits["calls"] = min(self._limits["calls"], event.plan.budget.calls)  # a newer plan loosens nothing

    def _no_plan(self, _number: int, event: e.Event) -> None:
        self._planning = 0
        if type(event) is e.PlanFailed:
            self._stopped = True

    def _step_ended(self, number: int, event: Any) -> None:
        step = event.step
        if step in self._calling:
            self._broken("I2", f"{step} ended by {e.name_of(event)} while it was being called")
        if step in self._open:
            self._broken("I2", f"{step} may have happened and is put away by {e.name_of(event)}")
        if self._phase[step] not in ("open", "asked"):
            self._broken("I11", f"{step} ended twice: {self._phase[step]}, then {e.name_of(event)}")
        by_condition = type(event) is e.StepSkipped and event.by_condition
        if by_condition and self._condition(self._steps[step]) is not False and not self._needs_a_skipped(step):
            self._broken("when", f"{step} was left out by its condition, which holds")
        self._phase[step] = "left out" if by_condition else _ENDS.get(type(event), "not done")

    def _list_opened(self, _number: int, event: e.ListOpened) -> None:
        step = self._steps[event.step]
        missing = [need for need in self._needs(step) if self._phase.get(need) != "done"]
        if self._phase[event.step] != "open" or missing or self._planning or self._cancelled or self._stopped:
            self._broken("list", f"{event.step} opens, and it is {self._phase[event.step]}, without {missing}")
        calls = [f"{event.step}#{at}" for at in range(1, len(event.inputs) + 1)]
        for call, body in zip(calls, event.inputs, strict=True):
            if bytes(body) not in self.course.expected.get(call, ()):
                self._broken("list", f"{call} is {bytes(body)!r}, which is no item of its list")
            whole = {"references": (), "depends_on": (), "when": None, "for_each": None}
            self._steps[call] = replace(step, step_id=call, input=body, list_of=event.step, **whole)
            self._phase[call] = "open"
        self._phase[event.step] = "listed"
        self._lists[event.step] = calls

    def _list_closed(self, _number: int, event: e.ListClosed) -> None:
        ends = [self._phase[call] for call in self._lists[event.step]]
        going = [call for call in self._lists[event.step] if call in self._calling]
        if going or {"open", "asked", "doubt"} & {*ends} or self._phase[event.step] != "listed":
            self._broken("list", f"{event.step} closes while its calls are {ends}")
        if event.done != ends.count("done") or event.done + event.missed != len(ends):
            self._broken("list", f"{event.step} says {event.done} done and {event.missed} missed of {ends}")
        is_wanted = event.step in self._named
        self._phase[event.step] = "done" if event.done else "not done" if is_wanted else "put away"

    def _needs_a_skipped(self, step: str) -> bool:
        return any(self._phase.get(need) == "left out" for need in self._needs(self._steps[step]))

    def _question_asked(self, number: int, event: e.QuestionAsked) -> None:
        if self._planning:
            self._planner_asks = event.question_id
        self._no_plan(number, event)

    def _answered(self, number: int, event: e.QuestionAnswered) -> None:
        if event.question_id == self._planner_asks:
            self._words.append((number, event.by))
        self._answers[event.question_id] = event.answer

    def _cancel(self, _number: int, _event: e.CancelRequested) -> None:
        self._cancelled = True

    def _parked(self, _number: int, event: e.RunParked) -> None:
        if self._calling or self._planning:
            self._broken("I7", f"parked while something is being made: {event.reason}")
        if not event.needs and event.wake_at is None:
            self._broken("I7", f"parked with nobody who could help: {event.reason}")
        if self._cancelled:
            self._broken("I7", "parked after it was cancelled")

    def _finished(self, _number: int, event: e.RunFinished) -> None:
        self._end = event
        if self._calling:
            self._broken("I7", f"it ends while {list(self._calling)} are being called")
        late = [scope for scope, said in self._warned.items() if not said]
        if late:
            self._broken("I5", f"{late} passed the threshold without a warning")
        if self._cancelled:
            if event.status is not e.Status.CANCELLED:
                self._broken("I7", f"it was cancelled and ends as {event.status.value}")
            if any(phase == "doubt" for phase in self._phase.values()) and "nobody knows" not in event.reason:
                self._broken("I7", "it ends without a word on what may have happened")
            return
        left = [step for step, phase in self._phase.items() if phase in ("open", "asked", "doubt", "listed")]
        if left:
            self._broken("I7", f"it ends, and {left} are open")
        required = {self._phase[step.step_id] for step in self._steps.values() if step.required}
        if event.status is e.Status.SUCCESS and not required.isdisjoint(("not done", "skipped")):
            self._broken("I7", "success, and a required step was not done")
        if lost := [step for step in self._named if self._phase[step] == "superseded"]:
            self._broken("plan", f"it ends, and {lost} of its plan were left out for an earlier one")
        any_done = "done" in self._phase.values()
        if (event.status is e.Status.PARTIAL and not any_done) or (event.status is e.Status.FAILED and any_done):
            self._broken("I7", f"{event.status.value}, and some steps are done: {any_done}")
        if event.status is e.Status.CANCELLED:
            self._broken("I7", "nobody cancelled it")


_READERS: dict[type[e.Event], Callable[[StoryOfRun, int, Any], None]] = {
    e.RunStarted: StoryOfRun._run_started,
    e.PlanRequested: StoryOfRun._plan_requested,
    e.PlanCreated: StoryOfRun._plan_created,
    e.PlanFailed: StoryOfRun._no_plan,
    e.QuestionAsked: StoryOfRun._question_asked,
    e.ReplanRequested: StoryOfRun._replan_requested,
    e.ListOpened: StoryOfRun._list_opened,
    e.ListClosed: StoryOfRun._list_closed,
    e.StepRefused: StoryOfRun._step_ended,
    e.StepFailed: StoryOfRun._step_ended,
    e.StepSkipped: StoryOfRun._step_ended,
    e.StepSuperseded: StoryOfRun._step_ended,
    e.ToolCallStart: StoryOfRun._started,
    e.ToolCallComplete: StoryOfRun._done,
    e.ToolCallError: StoryOfRun._error,
    e.StepInDoubt: StoryOfRun._in_doubt,
    e.DoubtResolved: StoryOfRun._doubt_resolved,
    e.TakenOver: StoryOfRun._taken_over,
    e.BudgetWarning: StoryOfRun._warning,
    e.BudgetExceeded: StoryOfRun._exceeded,
    e.BudgetRaised: StoryOfRun._top_up,
    e.ApprovalRequested: StoryOfRun._approval_requested,
    e.ApprovalReceived: StoryOfRun._approval_received,
    e.ApprovalTimeout: StoryOfRun._approval_ended,
    e.ApprovalLapsed: StoryOfRun._approval_ended,
    e.ApprovalRevoked: StoryOfRun._approval_ended,
    e.ApprovalSuperseded: StoryOfRun._approval_ended,
    e.QuestionAnswered: StoryOfRun._answered,
    e.CancelRequested: StoryOfRun._cancel,
    e.RunParked: StoryOfRun._parked,
    e.RunFinished: StoryOfRun._finished,
}
