"""People and tools of the simulation: they answer at once, late, twice or never, interfere, and help in the end."""

from __future__ import annotations

import msgspec

from cuga.kernel.evolve import fold
from cuga.kernel.facts_of_approvals import each_of
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.context import Principal
from cuga.model.event import ApprovalRequested, DoubtAnswer, PlanRequested, Verdict
from cuga.model.value import encode
from cuga.testing import world
from cuga.testing.factories import GRACE, LIN, SOLO
from cuga.testing.invariants import Broken, Click
from cuga.testing.processes import Processes
from cuga.testing.scenes import TARGETS
from cuga.testing.story import raw

ROUNDS = 400  # rounds within which runs must end once nothing goes wrong any more
NULL = msgspec.Raw(b"null")  # a call of a list that is taken off
_AMENDED = [raw({"n": 2, "to": target}) for target in TARGETS]


class People(Processes):
    """What people, planners and the outside world do to the runs of a schedule."""

    def _perform(self) -> None:
        """Some process gets an answer of a tool or a planner; most of the time a good one."""
        number = 0 if self.processes[0].flying or self.processes[0].planning else 1
        process = self.processes[number]
        if process.planning and (not process.flying or self.chance() < 0.5):
            run, request = process.planning.pop(0)
            self._plan(number, run, request)
            return
        if not process.flying:
            return
        run, start = process.flying.pop(int(self.chance() * len(process.flying)))
        how, dice = world.OK, self.chance()
        if not self.is_quiet and dice > 0.55:
            how = 1 + int((dice - 0.55) / 0.45 * 3.99)
        outcome = self.world.call(run, self.book.version(run), start, how)
        answer = self._outcome(start, outcome)
        if not self.is_quiet:
            dice = self.chance()
            if how == world.APPLY_THEN_RESET and self.chance() < 0.4:
                # nobody waits for the answer any more, and it comes
                truth = self.world.answer_later(run, self.book.version(run), start)
                self.late.append((run, self._outcome(start, truth)))
            if dice < 0.08:
                self.late.append((run, answer))  # it comes twice
            elif dice < 0.12:
                self._die(number)
                return
            elif dice < 0.16 and process.flying and process.flying[-1][0] == run:
                _, other = process.flying.pop()  # two answers gather in one mailbox
                outcome = self.world.call(run, self.book.version(run), other)
                self._act(number, run, answer, self._outcome(other, outcome))
                return
        self._act(number, run, answer)

    def _plan(self, number: int, run: str, request: PlanRequested) -> None:
        plans = self.record.courses[run].plans
        dice = 0.0 if self.is_quiet else self.chance()
        command: c.Command
        if dice < 0.8:
            at = min(self.plan_number[run], len(plans) - 1)
            self.plan_number[run] = at + 1
            command = c.RecordPlan(at=self.now, attempt=request.attempt, plan=plans[at], source="rules")
        elif dice < 0.9:
            command = c.AskQuestion(
                at=self.now, attempt=request.attempt, question_id=f"q{request.attempt}", text="which one?"
            )
        else:
            command = c.RecordPlanFailure(at=self.now, attempt=request.attempt, reason="no idea")
        if not self.is_quiet and self.chance() < 0.1:
            self.late.append((run, command))
        self._act(number, run, command)

    def _decider(self) -> Principal:
        """Whoever may decide on what the asker wants."""
        return (self.people[1:] or self.people)[0]

    def _answerers(self, state: RunState) -> tuple[Principal, ...]:
        """Planners are answered by whoever asked; to take a changed tool is a decision, which who wrote words of the
        plan may not make."""
        is_asked = next(iter(state.questions)) == state.planner_asks
        return self.people[:1] if is_asked else self.people[1:] or self.people

    def _somebody(self) -> Principal:
        return self.people[int(self.chance() * len(self.people))]

    def _person(self) -> None:
        """Somebody decides on something they were shown: at once, late, twice, or what is not theirs to decide."""
        if not self.cards:
            return self._perform()
        last = len(self.cards) - 1
        run, card = self.cards[last if self.chance() < 0.6 else int(self.chance() * (last + 1))]
        dice = self.chance()
        digest, arguments = card.digest, None
        if dice < 0.62:
            verdict = Verdict.APPROVE
        elif dice < 0.74:
            verdict = Verdict.DENY
        elif dice < 0.84:
            verdict, arguments = Verdict.AMEND, self._other(card)
        elif dice < 0.92:
            verdict = Verdict.REQUEST_CHANGES
        elif dice < 0.96:
            verdict, digest = Verdict.APPROVE, "0" * 64  # a page that shows something else
        else:
            by = self._somebody()
            return self._tell(run, c.RevokeApproval(at=self.now, by=by, approval_id=card.approval_id))
        self._resolve(run, card, self._somebody(), verdict, digest, arguments)
        while self.chance() < 0.25:  # a double click, or somebody else at the same time
            self._resolve(run, card, self._somebody(), verdict, digest, arguments)
        return None

    def _other(self, card: ApprovalRequested) -> msgspec.Raw:
        """Other arguments than those that were shown; of a list some calls are changed and some taken off."""
        if not card.calls:
            return _AMENDED[int(self.chance() * len(_AMENDED))]
        calls = []
        for body in each_of(card.arguments):
            dice = self.chance()
            calls.append(_AMENDED[int(dice * 2.99)] if dice < 0.3 else NULL if dice < 0.6 else body)
        return msgspec.Raw(encode(calls))

    def _resolve(
        self, run: str, card: ApprovalRequested, by: Principal, verdict: Verdict, digest: str, arguments: object = None
    ) -> None:
        command = c.ResolveApproval(
            at=self.now,
            by=by,
            approval_id=card.approval_id,
            verdict=verdict,
            digest=digest,
            reason="words",
            arguments=arguments,  # type: ignore[arg-type]
        )
        self.record.clicks.append(Click(card.approval_id, by, digest, self.current))
        self._tell(run, command)

    def _tell(self, run: str, command: c.Command) -> None:
        """People speak to any process; the one that does not drive the run may know it as it was."""
        number = self.owner[run]
        if not self.is_quiet and self.chance() < 0.3:
            number = 1 - number
        self._act(number, run, command)

    def _interfere(self) -> None:
        """A person cancels, tops up, asks for another plan, answers or says what became of a step in doubt."""
        runs = [run for run in self.record.courses if run not in self.ended]
        run = runs[int(self.chance() * len(runs))]
        state = self._fresh(self.owner[run], run)
        by, dice = self._somebody(), self.chance()
        if state.doubts and dice < 0.7:
            step = next(iter(state.doubts))
            self._say(run, step, again=self.chance() < 0.4)
        elif state.questions and dice < 0.7:
            question = next(iter(state.questions))
            self._tell(
                run, c.AnswerQuestion(at=self.now, by=by, question_id=question, answer="yes" if dice < 0.6 else "no")
            )
        elif dice < 0.3:
            self._tell(run, c.Cancel(at=self.now, by=by, reason="enough"))
        elif dice < 0.6:
            scope = ("calls", "cost")[int(self.chance() * 2)]
            self._tell(run, c.TopUp(at=self.now, by=by, scope=scope, amount=2))
        else:
            self._tell(run, c.Replan(at=self.now, by=by, feedback="otherwise"))

    def _say(self, run: str, step: str, again: bool = False) -> None:
        """A person looked at the other side and says truly what became of it, or wants it done once more."""
        answer = DoubtAnswer.HAPPENED if self.world.has(run, step) else DoubtAnswer.DID_NOT
        if again:
            answer = DoubtAnswer.AGAIN
        self._tell(run, c.ResolveDoubt(at=self.now, by=self._decider(), step=step, answer=answer, result=world.ANSWER))

    def _finish(self) -> None:
        """Nothing goes wrong any more and people help where they are asked to: every run must end."""
        self.is_quiet = True
        for run in self.record.courses:
            if run in self.orphans:
                self._take_over(self.owner[run], run)
            elif run not in self.ended:
                self._look(run)
                self._act(self.owner[run], run, c.Tick(at=self.now))
        rounds = 0
        while open_runs := [run for run in self.record.courses if run not in self.ended]:
            rounds += 1
            if rounds > ROUNDS:
                raise Broken(f"I7: {open_runs} do not end: {fold(open_runs[0], self.book.read(open_runs[0])).parked}")
            for run in open_runs:
                self._help(run)
        self.is_quiet = self.record.was_quiet_until_now

    def _help(self, run: str) -> None:
        number = self.owner[run]
        process = self.processes[number]
        if any(pair[0] == run for pair in process.flying) or any(pair[0] == run for pair in process.planning):
            self._perform()
            return
        state = process.states.get(run)
        if state is None:
            self._look(run)
            state = process.states[run]
        if state.end is not None:
            self.ended.add(run)
        elif state.doubts:
            self._say(run, next(iter(state.doubts)))
        elif state.questions:
            question = next(iter(state.questions))
            for by in self._answerers(state):
                self._tell(run, c.AnswerQuestion(at=self.now, by=by, question_id=question, answer="yes"))
        elif state.pending:
            for card in state.pending.values():
                for by in (SOLO,) if self.setting.solo else (GRACE, LIN):
                    self._resolve(run, card, by, Verdict.APPROVE, card.digest)
            if state.pending.keys() <= process.states[run].pending.keys():  # those who may agree wrote it themselves
                self._wake(run, state)
        elif state.parked is not None and any("top-up" in need for need in state.parked.needs):
            for scope in [scope for scope, _ in state.exceeded if not scope.startswith("rate/")]:
                for by in self.people[1:] or self.people:  # who wrote words of the plan may not
                    self._tell(run, c.TopUp(at=self.now, by=by, scope=scope, amount=3))
        else:
            self._wake(run, state)

    def _wake(self, run: str, state: RunState) -> None:
        if state.parked is None or state.parked.wake_at is None:
            raise Broken(f"I7: {run} waits for nothing that would come: {state.parked}, calling {list(state.calling)}")
        if any(process.flying or process.planning for process in self.processes):
            self._perform()  # nobody sleeps over an answer that is there already
            return
        self.now = max(self.now, state.parked.wake_at)
        self._act(self.owner[run], run, c.Tick(at=self.now))
