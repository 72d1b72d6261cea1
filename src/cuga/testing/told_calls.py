"""What events say of calls: when they may start, what they cost, and how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cuga.model import event as e
from cuga.model.outcome import Certainty
from cuga.model.plan import Step
from cuga.model.tool import SideEffect
from cuga.policy.profile import AtLimit, Current

if TYPE_CHECKING:
    pass
from cuga.testing.told import Broken, drawn
from cuga.testing.told_people import People

_REPEATABLE = frozenset({"note_keyed", "note_probed", "send_keyed", "send_probed"})


class Calls(People):
    """Reads intents, answers and budgets."""

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
        return self._steps[name].list_of in self._named or name in self._named or self.consents[name] > 0

    def _within_budget(self, event: e.ToolCallStart) -> None:
        percent = self.setting.limits.warning_percent
        for scope, amount in drawn(event):
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
            made = self.intents.get((event.step, event.attempt))
            # proof of any attempt at the same consented effect ends the doubt; of another one it proves nothing
            is_same = (
                doubt is not None
                and made is not None
                and (made[1].key, made[1].tool_digest) == (doubt.key, doubt.tool_digest)
            )
            if not is_same or self._phase[event.step] != "doubt":
                self._broken("I2", f"a late answer of {event.step} counts")
            start = doubt
        elif start.attempt != event.attempt:
            self._broken(
                "I2", f"{event.step}: the answer of attempt {event.attempt} counts for attempt {start.attempt}"
            )
        assert start is not None
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
                    elif event.step in asked.calls:
                        asked.spent.add(event.step)

    def _taken_over(self, _number: int, event: e.TakenOver) -> None:
        if event.epoch <= self._epoch:
            self._broken("I2", f"epoch {event.epoch} follows {self._epoch}")
        self._epoch = event.epoch
