"""One run read from its events alone, with own sums: who agreed to what, what was spent, what was allowed to start.

It keeps books beside the kernel's and shares no code with it; where the two disagree, `Broken` says where.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from cuga.model import event as e
from cuga.model.outcome import Certainty
from cuga.model.plan import Step
from cuga.model.tool import SideEffect
from cuga.policy.profile import AtLimit, Consent, Current

if TYPE_CHECKING:
    from cuga.testing.invariants import Record


class Broken(AssertionError):
    """A promise does not hold."""


class Asked:
    """A request for approval, and how far it has come."""

    __slots__ = ("agreed", "at", "end", "request", "version", "voters")

    def __init__(self, request: e.ApprovalRequested, version: int) -> None:
        self.request = request
        self.version = version
        self.voters: list[str] = []
        self.agreed = False
        self.at: datetime | None = None  # when it was agreed
        self.end = ""  # why it can no longer be used


class StoryOfRun:
    """Reads a stream once; afterwards `intents`, `completed` and `consents` can be asked for."""

    def __init__(self, run: str, events: Sequence[e.Event], record: Record) -> None:
        self.run, self.events, self.record = run, events, record
        self.setting = record.setting
        self.course = record.courses[run]
        self.intents: dict[tuple[str, int], tuple[int, e.ToolCallStart]] = {}
        self.completed: dict[str, str] = {}
        self.consents: dict[str, int] = defaultdict(int)
        self.simulated: set[str] = set()
        self.is_simulated = self.setting.simulates
        self.targets: dict[str, set[str]] = defaultdict(set)
        self.said: list[tuple[int, str, int, str]] = []  # what attempts are recorded to have answered
        self.counted: set[tuple[str, str]] = set()
        self._steps: dict[str, Step] = {}
        self._named: set[str] = set()  # steps of the plan in force
        self._planned = False
        self._phase: dict[str, str] = {}
        self._calling: dict[str, e.ToolCallStart] = {}
        self._open: dict[str, e.ToolCallStart] = {}  # an attempt nobody knows the end of
        self._used: dict[str, int] = defaultdict(int)
        self._limits: dict[str, int] = {}
        self._raised: dict[str, int] = defaultdict(int)
        self._warned: dict[str, int] = {}
        self._asked: dict[str, Asked] = {}
        self._denied: dict[tuple[str, str], str] = {}
        self._amended: dict[str, list[bytes]] = defaultdict(list)
        self._tries: dict[str, int] = defaultdict(int)
        self._answers: dict[str, str] = {}
        self._planning = 0
        self._plans = 0
        self._replans = 0
        self._epoch = 0
        self._stopped = self._cancelled = False
        self._requester = ""
        self._latest: datetime | None = None
        self._end: e.RunFinished | None = None
        self._appends = iter(record.appends[run])
        self._last, self._current = 0, record.setting.now(frozenset())

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

    def _broken(self, invariant: str, what: str) -> None:
        raise Broken(f"{invariant}: {self.run}: {what}")

    # --- plans and steps ------------------------------------------------------------------------------------------
    def _run_started(self, _number: int, event: e.RunStarted) -> None:
        self._requester = event.requester.id
        self._bound(None)

    def _bound(self, plan_calls: int | None) -> None:
        limits = self.setting.limits
        self._limits = {
            "calls": limits.calls if plan_calls is None else min(limits.calls, plan_calls),
            "cost": limits.cost,
        }
        self._limits |= {f"calls/domain/{name}": limit for name, limit in limits.calls_per_domain.items()}
        self._limits |= {f"calls/tool/{name}": limit for name, limit in limits.calls_per_tool.items()}

    def _plan_requested(self, _number: int, event: e.PlanRequested) -> None:
        self._planning = event.attempt

    def _replan_requested(self, _number: int, _event: e.ReplanRequested) -> None:
        self._replans += 1
        if self._replans > 3:
            self._broken("plan", "it was planned anew more than three times")

    def _plan_created(self, _number: int, event: e.PlanCreated) -> None:
        if self._plans and not self._planning:
            self._broken("plan", "a plan that nobody asked for")
        self._plans += 1
        self._planning = 0
        self._named = {step.step_id for step in event.plan.steps}
        for step in event.plan.steps:
            if step.step_id in self._calling or self._phase.get(step.step_id) in ("done", "doubt"):
                continue  # what has begun is no longer changed
            if self._steps.get(step.step_id, step) != step:
                self._amended.pop(step.step_id, None)
            self._steps[step.step_id] = step
            self._phase.setdefault(step.step_id, "open")
        self._bound(event.plan.budget.calls if event.plan.budget is not None else None)

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
        self._phase[step] = (
            "left out" if by_condition else "superseded" if type(event) is e.StepSuperseded else "not done"
        )

    def _needs_a_skipped(self, step: str) -> bool:
        return any(self._phase.get(need) == "left out" for need in self._needs(self._steps[step]))

    @staticmethod
    def _needs(step: Step) -> set[str]:
        needs = set(step.depends_on) if step.depends_on else set()
        for reference in step.references:
            needs.add(reference.step)
        if step.when is not None:
            needs |= {reference.step for reference in step.when.bind.values()}
        return needs

    @staticmethod
    def _condition(step: Step) -> bool | None:
        from cuga.testing.scenes import CONDITIONS

        return True if step.when is None else CONDITIONS[step.when.expr]

    # --- calls ----------------------------------------------------------------------------------------------------
    def _started(self, number: int, event: e.ToolCallStart) -> None:
        step = self._steps.get(event.step)
        if step is None or event.step not in self._phase:
            raise Broken(f"plan: {self.run}: {event.step} is in no plan")
        self._may_start(step, event)
        self._within_budget(event)
        self._fits_what_holds(event, self._current)
        expected = self._amended[event.step] or self.course.expected[event.step]
        if bytes(event.arguments) not in expected:
            self._broken("I3", f"{event.step} starts with {bytes(event.arguments)!r}")
        self._consented(number, event)
        self.intents[event.step, event.attempt] = (number, event)
        self.targets[event.step].add(str(msgspec.json.decode(event.arguments).get("to", "")).casefold())
        self._calling[event.step] = event
        self.simulated.discard(event.step)  # a newer plan may use another tool under the same name
        if event.simulated:
            self.simulated.add(event.step)
        if (event.side_effect is SideEffect.EXECUTE and self.is_simulated) is not event.simulated:
            self._broken("I2", f"{event.step} is simulated: {event.simulated}")

    def _may_start(self, step: Step, event: e.ToolCallStart) -> None:
        name = event.step
        if self._phase[name] not in ("open", "asked") or name in self._calling:
            self._broken("plan", f"{name} starts, and it is {self._phase[name]}")
        if self._planning:
            self._broken("plan", f"{name} starts while another plan is awaited")
        if not self._planned_ok(name):
            self._broken("plan", f"{name} starts and has no place in the plan")
        if self._cancelled or self._stopped:
            self._broken("I5", f"{name} starts after the run was stopped or cancelled")
        if len(self._calling) >= self.setting.max_parallel:
            self._broken("plan", f"{name} starts beside {len(self._calling)} others")
        missing = [need for need in self._needs(step) if self._phase.get(need) != "done"]
        if missing:
            self._broken("plan", f"{name} starts before {missing}")
        if self._condition(step) is not True:
            self._broken("when", f"{name} starts, and its condition does not hold")
        open_call = self._open.get(name)
        if open_call is not None:
            if event.tool not in _REPEATABLE and event.side_effect is not SideEffect.READ_ONLY and not event.simulated:
                self._broken("I2", f"{name} is tried again though it may have happened")
            same = (open_call.key, open_call.adapters, open_call.tool_digest) == (
                event.key,
                event.adapters,
                event.tool_digest,
            )
            if event.side_effect is not SideEffect.READ_ONLY and not same:
                self._broken("I2", f"{name} is repeated in another form though it may have happened")
        if event.attempt != 1 + max([a for s, a in self.intents if s == name], default=0):
            self._broken("I2", f"{name} has attempt {event.attempt} twice or out of order")

    def _planned_ok(self, name: str) -> bool:
        return name in self._named or self.consents[name] > 0

    def _within_budget(self, event: e.ToolCallStart) -> None:
        percent = self.setting.limits.warning_percent
        for scope, amount in _drawn(event):
            self._used[scope] += amount
            if scope in self._limits:
                limit = self._limits[scope] + self._raised[scope]
                if self._used[scope] > limit:
                    self._broken("I5", f"{event.step} takes {scope} to {self._used[scope]} of {limit}")
                if self._used[scope] * 100 >= limit * percent and scope not in self._warned:
                    self._warned[scope] = 0  # a warning must follow in the same append

    def _warning(self, _number: int, event: e.BudgetWarning) -> None:
        if self._warned.get(event.scope, 1):
            self._broken("I5", f"{event.scope} warns twice, or too early")
        self._warned[event.scope] = 1

    def _exceeded(self, _number: int, event: e.BudgetExceeded) -> None:
        if event.at_limit == AtLimit.STOP.value:
            self._stopped = True

    def _top_up(self, _number: int, event: e.BudgetRaised) -> None:
        if event.by == self._requester and not self.setting.solo:
            self._broken("I5", f"{event.by} raised a limit of their own run")
        if not self.setting.solo and "approver" not in self._current.roles.get(event.by, ()) and event.by != "max":
            self._broken("I5", f"{event.by} may not raise a limit")
        self._raised[event.scope] += event.amount
        self._warned.pop(event.scope, None)

    def _fits_what_holds(self, event: e.ToolCallStart, current: Current) -> None:
        if current.halted:
            self._broken("now", f"{event.step} starts while the house is halted")
        if event.tool in current.forbidden_tools:
            self._broken("now", f"{event.step} starts {event.tool}, which is forbidden")
        if any(adapter in current.disabled_adapters for adapter in event.adapters.values()):
            self._broken("now", f"{event.step} goes through a disabled adapter")
        if event.tool_digest != current.tool_digests.get(event.tool):
            self._broken("now", f"{event.step} was judged by another definition of {event.tool} than the one in force")
        pinned = self.setting.rules.contracts[event.tool].digest()
        if event.tool_digest != pinned and self._answers.get(f"tool/{event.tool}/{event.tool_digest[:12]}") != "yes":
            self._broken("now", f"{event.step} uses a definition that nobody accepted")

    def _done(self, number: int, event: e.ToolCallComplete) -> None:
        start = self._calling.pop(event.step, None)
        if start is None:
            doubt = self._open.get(event.step)
            if doubt is None or self._phase[event.step] != "doubt" or doubt.attempt != event.attempt:
                self._broken("I2", f"a late answer of {event.step} counts")
            start = doubt
        assert start is not None
        if start.attempt != event.attempt:
            self._broken(
                "I2", f"{event.step}: the answer of attempt {event.attempt} counts for attempt {start.attempt}"
            )
        self._phase[event.step] = "done"
        self.said.append((number, event.step, event.attempt, "done"))
        self._open.pop(event.step, None)
        self.completed[event.step] = start.tool

    def _error(self, number: int, event: e.ToolCallError) -> None:
        start = self._calling.pop(event.step, None)
        if start is None or start.attempt != event.attempt:
            raise Broken(f"I2: {self.run}: an error of {event.step} that nobody waits for")
        is_read = start.side_effect is SideEffect.READ_ONLY
        if event.mode.value != "system_crash":
            self._tries[event.step] += 1
            if event.certainty is Certainty.NOT_DONE:
                self.said.append((number, event.step, event.attempt, "not_done"))
        if (
            event.retry_at is not None
            and event.mode.value != "system_crash"
            and self._tries[event.step] >= self.setting.retry.attempts
        ):
            self._broken("I7", f"{event.step} is tried more than {self.setting.retry.attempts} times")
        if event.certainty is Certainty.NOT_DONE and not is_read:
            earlier = self._open.get(event.step)
            if earlier is not None and not start.probe:
                self._broken("I2", f"{event.step} is called surely not done, and an earlier attempt may have happened")
            self._open.pop(event.step, None)
            self._give_back(start)
        elif not is_read:
            self._open[event.step] = start
        if event.retry_at is None:
            self._phase[event.step] = "doubt" if event.step in self._open else "not done"
        else:
            self._phase[event.step] = "open"

    def _give_back(self, start: e.ToolCallStart) -> None:
        for scope, amount in _drawn(start):
            self._used[scope] -= amount

    def _in_doubt(self, _number: int, event: e.StepInDoubt) -> None:
        if event.step not in self._open or event.step in self._calling:
            self._broken("I8", f"{event.step} is in doubt without a reason")
        self._phase[event.step] = "doubt"

    def _doubt_resolved(self, _number: int, event: e.DoubtResolved) -> None:
        start = self._open.pop(event.step)
        match event.answer:
            case e.DoubtAnswer.HAPPENED:
                self._phase[event.step] = "done"
            case e.DoubtAnswer.DID_NOT:
                self._phase[event.step] = "not done"
                self._give_back(start)
            case e.DoubtAnswer.AGAIN:
                self._phase[event.step] = "open"
                self.consents[event.step] += 1
                for asked in self._asked.values():
                    if asked.request.step == event.step:
                        asked.end = asked.end or "used"

    def _taken_over(self, _number: int, event: e.TakenOver) -> None:
        if event.epoch <= self._epoch:
            self._broken("I2", f"epoch {event.epoch} follows {self._epoch}")
        self._epoch = event.epoch

    # --- people ---------------------------------------------------------------------------------------------------
    def _consented(self, number: int, event: e.ToolCallStart) -> None:
        needed = self._consent_for(event)
        if needed is Consent.NONE:
            return
        asked = self._asked.get(event.approval)
        if asked is None or not asked.agreed:
            raise Broken(f"I3: {self.run}: {event.step} starts without an approval")
        request = asked.request
        if asked.end:
            self._broken("I3", f"{event.step} starts on approval {event.approval}, which is {asked.end}")
        bound = (
            request.step,
            request.tool,
            request.tool_digest,
            request.adapters,
            bytes(request.arguments),
            request.cost,
        )
        if bound != (event.step, event.tool, event.tool_digest, event.adapters, bytes(event.arguments), event.cost):
            self._broken("I3", f"{event.step} starts something else than what was approved")
        if (
            needed is Consent.HUMAN
            and not asked.voters
            and not (asked.agreed and event.side_effect is SideEffect.PROPOSE)
        ):
            self._broken("I3", f"{event.step} starts without a person's word")
        first = not any(start.approval == event.approval for _, start in self.intents.values())
        lapses = timedelta(seconds=self.setting.approvals.lapses_s)
        if first and asked.voters and asked.at is not None and event.at >= asked.at + lapses:
            self._broken("I3", f"{event.step} starts on an approval that has lapsed")

    def _consent_for(self, event: e.ToolCallStart) -> Consent:
        if event.side_effect is SideEffect.EXECUTE:
            return Consent.HUMAN
        approvals = self.setting.approvals
        return approvals.propose if event.side_effect is SideEffect.PROPOSE else approvals.read_only

    def _approval_requested(self, number: int, event: e.ApprovalRequested) -> None:
        self._asked[event.approval_id] = Asked(event, number)
        target = str(msgspec.json.decode(event.arguments).get("to", "")).casefold()
        if (event.tool, target) in self._denied and event.tool in _REMEMBERED:
            self._broken("A6", f"{event.tool} to {target} is asked for again after a denial")
        if event.amends:
            self._amended[event.step] = [bytes(event.arguments)]
        self._phase[event.step] = "asked"

    def _approval_received(self, _number: int, event: e.ApprovalReceived) -> None:
        asked = self._asked[event.approval_id]
        if asked.agreed or asked.end:
            self._broken("I4", f"{event.approval_id} is decided twice")
        if event.at >= asked.request.expires_at:
            self._broken("I4", f"{event.approval_id} is decided after it expired")
        if event.rule:
            if asked.request.side_effect is SideEffect.EXECUTE:
                self._broken("I3", f"the rule {event.rule} lets an outside effect pass")
        else:
            self._by_a_person(event, asked)
        if event.verdict is e.Verdict.APPROVE:
            if event.final:
                asked.agreed, asked.at = True, event.at
                self._phase[event.step] = "open"
            return
        asked.end = event.verdict.value
        if event.verdict is e.Verdict.DENY:
            self._phase[event.step] = "not done"
            target = str(msgspec.json.decode(asked.request.arguments).get("to", "")).casefold()
            self._denied[asked.request.tool, target] = event.approval_id
        else:
            self._phase[event.step] = "open"

    def _by_a_person(self, event: e.ApprovalReceived, asked: Asked) -> None:
        request = asked.request
        solo = self.setting.solo
        if not solo and (event.by in request.requesters or event.on_behalf_of in request.requesters):
            self._broken("I4", f"{event.by} decides about their own request {event.approval_id}")
        if request.amends and not solo:
            writer = self._asked[request.amends]
            if writer.voters and event.by == writer.voters[-1] and writer.end == "amend":
                self._broken("I4", f"{event.by} decides about what they wrote themselves")
        clicks = [
            click for click in self.record.clicks if click.approval_id == event.approval_id and click.by.id == event.by
        ]
        if not any(click.digest == request.digest for click in clicks):
            self._broken("I4", f"{event.by} decided {event.approval_id} having been shown something else")
        if not solo and not any(_holds_a_role(click, event, request.requesters) for click in clicks):
            self._broken("I4", f"{event.by} decided {event.approval_id} without a role")
        if event.verdict is e.Verdict.APPROVE and not solo:
            voter = event.on_behalf_of or event.by
            if voter in asked.voters or event.by in asked.voters:
                self._broken("I4", f"{event.by} counts twice for {event.approval_id}")
            if event.final and len(asked.voters) + 1 < self.setting.approvals.quorum:
                self._broken("I4", f"{event.approval_id} is agreed by {len(asked.voters) + 1} people")
        asked.voters.append(event.on_behalf_of or event.by)
        if event.verdict is e.Verdict.AMEND:
            asked.voters.append(event.by)

    def _approval_ended(self, _number: int, event: Any) -> None:
        asked = self._asked[event.approval_id]
        if asked.end:
            self._broken("I4", f"{event.approval_id} ends twice: {asked.end}, then {e.name_of(event)}")
        if type(event) is e.ApprovalTimeout and (asked.agreed or event.at < asked.request.expires_at):
            self._broken("I4", f"{event.approval_id} expired too early or after it was decided")
        asked.end = e.name_of(event)
        is_over = type(event) in (e.ApprovalTimeout, e.ApprovalRevoked)
        self._phase[event.step] = "not done" if is_over else "open"

    # --- the run --------------------------------------------------------------------------------------------------
    def _answered(self, _number: int, event: e.QuestionAnswered) -> None:
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
        left = [step for step, phase in self._phase.items() if phase in ("open", "asked", "doubt")]
        if left:
            self._broken("I7", f"it ends, and {left} are open")
        required = {self._phase[step.step_id] for step in self._steps.values() if step.required}
        if event.status is e.Status.SUCCESS and "not done" in required:
            self._broken("I7", "success, and a required step was not done")
        any_done = "done" in self._phase.values()
        if (event.status is e.Status.PARTIAL and not any_done) or (event.status is e.Status.FAILED and any_done):
            self._broken("I7", f"{event.status.value}, and some steps are done: {any_done}")
        if event.status is e.Status.CANCELLED:
            self._broken("I7", "nobody cancelled it")


_REPEATABLE = frozenset({"note_keyed", "note_probed", "send_keyed", "send_probed"})
_REMEMBERED = frozenset({"note", "send"})


def _drawn(start: e.ToolCallStart) -> tuple[tuple[str, int], ...]:
    return (
        ("calls", 1),
        (f"calls/domain/{start.domain}", 1),
        (f"calls/tool/{start.tool}", 1),
        ("cost", start.cost),
    )


def _holds_a_role(click: Any, event: e.ApprovalReceived, requesters: tuple[str, ...]) -> bool:
    current = click.current
    if event.on_behalf_of:
        return any(
            one.user == event.on_behalf_of
            and one.delegate == event.by
            and one.starts <= event.at < one.ends
            and "approver" in current.roles.get(one.user, ())
            for one in current.delegations
        )
    return "approver" in current.roles.get(event.by, ())


_READERS: dict[type[e.Event], Callable[[StoryOfRun, int, Any], None]] = {
    e.RunStarted: StoryOfRun._run_started,
    e.PlanRequested: StoryOfRun._plan_requested,
    e.PlanCreated: StoryOfRun._plan_created,
    e.PlanFailed: StoryOfRun._no_plan,
    e.QuestionAsked: StoryOfRun._no_plan,
    e.ReplanRequested: StoryOfRun._replan_requested,
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
