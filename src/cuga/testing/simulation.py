"""Schedules drawn from a seed: the production kernel, claims and rows, with only the edges faked.

One schedule is two runs, two processes that come and go, several people, an outside world that misbehaves, a journal
that answers everything a journal may answer, and a clock that jumps. After it the events and the world's ledger are
held against the promises (`cuga.testing.invariants`); nothing that decides is asked whether it decided well.

    python -m cuga.testing.simulation --seed 4711 --trace      # one schedule, event by event
    python -m cuga.testing.simulation --count 1000000          # many, on all cores
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from cuga.errors import CugaError
from cuga.journal.port import Committed, Conflict, Refused
from cuga.kernel import decide as mind
from cuga.kernel.evolve import fold
from cuga.kernel.outstanding import outstanding
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.context import Principal
from cuga.model.event import ApprovalRequested, DoubtAnswer, Event, PlanRequested, RunFinished, ToolCallStart, Verdict
from cuga.model.outcome import Outcome
from cuga.model.value import encode
from cuga.policy.judge import Rules
from cuga.projections.rows import index_of
from cuga.testing import scenes, world
from cuga.testing.books import Book, QuickBook, StoredBook
from cuga.testing.factories import ADA, AT, GRACE, LIN, MAX, SOLO
from cuga.testing.invariants import Broken, Click, Record, check
from cuga.testing.scenes import FLAGS, KEYED, PROBED, TARGETS
from cuga.testing.story import raw

MOVES = 26  # of a schedule, before everything is put right and every run must end
ROUNDS = 400  # moves within which runs must end once nothing goes wrong any more
PER_POOL = 5_000  # schedules that share one pool of scenes
CRASH_BEFORE, CRASH_AFTER, UNKNOWN_LOST, UNKNOWN_KEPT = 1, 2, 3, 4
_AMENDED = [raw({"n": 2, "to": target}) for target in TARGETS]


class Died(Exception):
    """A process ended in the middle of something."""


class Process:
    """What one process holds in memory: states it folded, and calls it is making."""

    def __init__(self) -> None:
        self.states: dict[str, RunState] = {}
        self.flying: list[tuple[str, ToolCallStart]] = []
        self.planning: list[tuple[str, PlanRequested]] = []

    def forget(self) -> None:
        """It died: memory is gone."""
        self.states.clear()
        self.flying.clear()
        self.planning.clear()


class Schedule:
    """One seed's worth of trouble."""

    def __init__(self, seed: int, book: Book | None = None) -> None:
        self.seed = seed
        random = Random(seed)
        self.chance = chance = random.random
        pool = scenes.pool(seed // PER_POOL)
        self.setting = pool.settings[int(chance() * len(pool.settings))]
        self.is_quiet = chance() < 0.2  # nothing goes wrong, people agree at once
        self.book: Book = book if book is not None else StoredBook() if seed % 16 == 0 else QuickBook()
        self.world = world.World(KEYED, PROBED)
        self.now = AT
        self.flags: frozenset[str] = frozenset()
        self.current = self.setting.now(self.flags)
        self.people = (SOLO,) if self.setting.solo else (ADA, GRACE, LIN, MAX)
        self.asker = self.people[0]
        self.processes = (Process(), Process())
        self.owner: dict[str, int] = {}  # run -> process that performs its calls
        self.orphans: set[str] = set()  # runs whose process died
        self.late: list[tuple[str, c.Command]] = []  # answers that are still on their way
        self.cards: list[tuple[str, ApprovalRequested]] = []  # what was shown to people
        self.ended: set[str] = set()
        self.plan_number: dict[str, int] = {}
        self.record = Record(self.setting, self.world)
        for number in range(1 if chance() < 0.3 else 2):
            self.record.courses[f"r{number}"] = pool.courses[int(chance() * len(pool.courses))]

    # --- the whole ------------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Play the schedule to its end and check it; raises `Broken`."""
        for run in self.record.courses:
            self._begin(run)
        moves = self._quiet_moves() if self.is_quiet else int(MOVES * (0.5 + self.chance() / 2))
        chance = self.chance
        for _ in range(moves):
            if len(self.ended) == len(self.record.courses):
                break
            self._move(chance())
        self._put_right()
        self._finish()
        self.record.streams = {run: self.book.read(run) for run in self.record.courses}
        self.record.is_quiet = self.is_quiet
        check(self.record)
        self._check_folds()

    def _begin(self, run: str) -> None:
        start = c.StartRun(
            at=self.now,
            by=self.asker,
            goal="sell more",
            profile=self.setting.rules.profile.name,
            policy_digest=self.setting.rules.digest,
            trace_id=run,
            plan=self.record.courses[run].plans[0] if self.chance() < 0.8 else None,
        )
        self.plan_number[run] = 1 if start.plan is not None else 0
        self.owner[run] = 0
        while not self.book.version(run):
            self._act(0, run, start)

    def _quiet_moves(self) -> int:
        return 0

    def _move(self, dice: float) -> None:
        if dice < 0.46:
            self._perform()
        elif dice < 0.70:
            self._person()
        elif dice < 0.78:
            self._time()
        elif dice < 0.83:
            self._recover()
        elif dice < 0.89:
            self._deliver_late()
        elif dice < 0.92:
            self._change_what_holds()
        elif dice < 0.95:
            self._crash(int(self.chance() * 2))
        elif dice < 0.97:
            self._usurp()
        else:
            self._interfere()

    # --- processes ------------------------------------------------------------------------------------------------
    def _rules_of(self, state: RunState) -> Rules:
        return rules_for(self, state.started.policy_digest)

    def _act(self, number: int, run: str, *commands: c.Command) -> bool:
        """Carry out commands as a driver does; False when they were refused or the process died."""
        process = self.processes[number]
        refused: dict[str, int] = {}
        fault = 0
        if not self.is_quiet and self.chance() < 0.06:
            fault = 1 + int(self.chance() * 4)
        for _ in range(12):
            state = process.states.get(run)
            if state is None:
                state = process.states[run] = fold(run, self.book.read(run))
            if run in self.orphans and number == self.owner[run] and (state.calling or state.planning is not None):
                # nothing is decided about a run with lost calls before they are known to be lost
                commands = (*take_over(number, state, self.now), *(x for x in commands if type(x) is not c.TakeOver))
            rules = self.setting.rules if state.start is None else self._rules_of(state)
            try:
                decision = mind.decide(state, commands, rules, self.current, refused)
            except CugaError:
                return False
            events = decision.events
            if not events:
                return True
            if fault in (CRASH_BEFORE, UNKNOWN_LOST):
                self._die(number)
                return False
            index = index_of(state, decision.state, events)
            answer = self.book.append(run, state.version, events, index)
            kind = type(answer)
            if kind is Committed:
                self.record.note(run, state.version, len(events), self.current)
                if fault:
                    self._die(number)
                    return False
                process.states[run] = decision.state
                if number == self.owner[run]:
                    self.orphans.discard(run)
                self._committed(number, run, decision.state, events)
                return True
            if kind is Conflict:
                del process.states[run]
            elif isinstance(answer, Refused):
                refused[answer.claim.scope] = answer.used
        raise Broken(f"{run} could not be moved on: the journal refused {refused} again and again")

    def _committed(self, number: int, run: str, state: RunState, events: Sequence[Event]) -> None:
        for event in events:
            kind = type(event)
            if kind is ApprovalRequested:
                self.cards.append((run, event))  # type: ignore[arg-type]
            elif kind is RunFinished:
                self.ended.add(run)
        if self.owner[run] == number:
            self._go_on(number, run, state)
        else:
            self._look(run)  # what somebody else wrote wakes the one who drives

    def _go_on(self, number: int, run: str, state: RunState) -> None:
        process = self.processes[number]
        owed = outstanding(state)
        for start in owed.calls:
            if not any(r == run and s.step == start.step and s.attempt == start.attempt for r, s in process.flying):
                process.flying.append((run, start))
        plan = owed.plan
        if plan is not None and not any(r == run and p.attempt == plan.attempt for r, p in process.planning):
            process.planning.append((run, plan))

    def _die(self, number: int) -> None:
        process = self.processes[number]
        for run, start in process.flying:
            if self.chance() < 0.5:  # it died after the effect and before the record
                self.world.call(run, self.book.version(run), start)
        process.forget()
        self.orphans |= {run for run, owner in self.owner.items() if owner == number and run not in self.ended}

    def _crash(self, number: int) -> None:
        self._die(number)

    def _recover(self) -> None:
        """A process that finds a run of a dead one takes it over before it acts."""
        if not self.orphans:
            return self._perform()
        run = sorted(self.orphans)[int(self.chance() * len(self.orphans))]
        return self._take_over(int(self.chance() * 2), run)

    def _take_over(self, number: int, run: str) -> None:
        process = self.processes[number]
        state = self._fresh(number, run)
        if state.end is not None:
            self.ended.add(run)
            self.orphans.discard(run)
            return
        self.owner[run] = number
        if state.calling or state.planning is not None:
            command: c.Command = c.TakeOver(at=self.now, worker=f"w{number}", epoch=state.epoch + 1)
        else:
            command = c.Tick(at=self.now)
        if self._act(number, run, command) and run in process.states:
            self.orphans.discard(run)
            self._go_on(number, run, process.states[run])

    def _usurp(self) -> None:
        """A process is believed dead and is not: what it began has happened or never will, its answers come late."""
        runs = [run for run, number in self.owner.items() if run not in self.ended and run not in self.orphans]
        if not runs:
            return
        run = runs[int(self.chance() * len(runs))]
        old = self.owner[run]
        zombie = self.processes[old]
        stale = c.TakeOver(at=self.now, worker="w9", epoch=1)
        for pair in [pair for pair in zombie.flying if pair[0] == run]:
            zombie.flying.remove(pair)
            if self.chance() < 0.6:
                outcome = self.world.call(run, self.book.version(run), pair[1], int(self.chance() * 1.5))
                self.late.append((run, self._outcome(pair[1], outcome)))
        self._take_over(1 - old, run)
        if self.chance() < 0.3:
            self._act(old, run, stale)

    # --- the outside ----------------------------------------------------------------------------------------------
    def _outcome(self, start: ToolCallStart, outcome: Outcome) -> c.RecordOutcome:
        return c.RecordOutcome(at=self.now, step=start.step, attempt=start.attempt, outcome=outcome)

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
            if dice < 0.08:
                if how == world.APPLY_THEN_RESET:  # nobody waits for the answer any more, and it comes
                    answer_later = self.world.answer_later(run, self.book.version(run), start)
                    self.late.append((run, self._outcome(start, answer_later)))
                else:
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

    def _deliver_late(self) -> None:
        if not self.late:
            return self._person()
        run, command = self.late.pop(int(self.chance() * len(self.late)))
        self._act(self.owner[run], run, command)
        return None

    def _time(self) -> None:
        dice = self.chance()
        if dice < 0.6:
            jump = 1 + 8 * self.chance()
        elif dice < 0.8:
            jump = 20 + 90 * self.chance()
        elif dice < 0.9:
            jump = 2_000.0
        else:
            jump = -300 * self.chance()
        self.now += timedelta(seconds=int(jump))
        for run in self.record.courses:
            if run not in self.ended and run not in self.orphans:
                self._act(self.owner[run], run, c.Tick(at=self.now))

    def _change_what_holds(self) -> None:
        flag = FLAGS[int(self.chance() * len(FLAGS))]
        self.flags = self.flags ^ {flag}
        self.current = self.setting.now(self.flags)
        for run in self.record.courses:
            if run not in self.ended and run not in self.orphans:
                self._act(self.owner[run], run, c.Tick(at=self.now))

    # --- people ---------------------------------------------------------------------------------------------------
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
            verdict, arguments = Verdict.AMEND, _AMENDED[int(self.chance() * len(_AMENDED))]
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

    def _look(self, run: str) -> None:
        state = self._fresh(self.owner[run], run)
        if run not in self.orphans:
            self._go_on(self.owner[run], run, state)

    def _fresh(self, number: int, run: str) -> RunState:
        """The state of a run as the journal has it now, from memory where memory is right."""
        process = self.processes[number]
        state = process.states.get(run)
        if state is None or state.version != self.book.version(run):
            state = process.states[run] = fold(run, self.book.read(run))
        return state

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
        self._tell(run, c.ResolveDoubt(at=self.now, by=self.people[-1], step=step, answer=answer, result=world.ANSWER))

    # --- the end --------------------------------------------------------------------------------------------------
    def _put_right(self) -> None:
        self.record.was_quiet_until_now = self.is_quiet
        self.is_quiet = True
        self.flags = frozenset()
        self.current = self.setting.now(self.flags)

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
            self._tell(
                run,
                c.AnswerQuestion(
                    at=self.now, by=self.people[-1], question_id=next(iter(state.questions)), answer="yes"
                ),
            )
        elif state.pending:
            for card in state.pending.values():
                for by in (SOLO,) if self.setting.solo else (GRACE, LIN):
                    self._resolve(run, card, by, Verdict.APPROVE, card.digest)
            if state.pending.keys() <= process.states[run].pending.keys():  # those who may agree wrote it themselves
                self._wake(run, state)
        elif state.parked is not None and any("top-up" in need for need in state.parked.needs):
            for scope in [scope for scope, _ in state.exceeded if not scope.startswith("rate/")]:
                self._tell(run, c.TopUp(at=self.now, by=(self.people[1:] or self.people)[0], scope=scope, amount=3))
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

    def _check_folds(self) -> None:
        """The state that was decided on, and the rows beside the streams, equal a fresh fold."""
        runs, cards = self.book.rows()
        waiting: set[str] = set()
        for run, events in self.record.streams.items():
            state = fold(run, events)
            waiting |= state.pending.keys()
            if runs[run].status is not state.status:
                raise Broken(f"I12: the row of {run} says {runs[run].status}, its events say {state.status}")
            kept = self.processes[self.owner[run]].states.get(run)
            if kept is None or kept.version != state.version:
                continue
            for name, value in kept.__dict__.items():
                if name != "index" and value != state.__dict__[name]:
                    raise Broken(f"I9: {name} of {run} is {value!r}, a fold gives {state.__dict__[name]!r}")
        if cards.keys() != waiting:
            raise Broken(f"I12: open approvals are {sorted(cards)}, the events leave {sorted(waiting)}")


def take_over(number: int, state: RunState, at: datetime) -> tuple[c.Command, ...]:
    """What a process says first about a run whose calls it did not make."""
    return (c.TakeOver(at=at, worker=f"w{number}", epoch=state.epoch + 1),)


def rules_for(schedule: Schedule, digest: str) -> Rules:
    """The rules a run is pinned to, out of those the house knows."""
    setting = schedule.setting
    return setting.rules if setting.rules.digest == digest else setting.newer


def play(seed: int) -> str:
    """Play one schedule; the fault it found, or nothing."""
    schedule = Schedule(seed)
    try:
        schedule.run()
    except Broken as broken:
        return str(broken)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def play_many(seeds: range) -> list[tuple[int, str]]:
    """The seeds of a range that found a fault, with the faults."""
    return [(seed, fault) for seed in seeds if (fault := play(seed))]


def play_all(seeds: range, processes: int = 1) -> list[tuple[int, str]]:
    """The same on several cores."""
    if processes == 1:
        return play_many(seeds)
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    parts = [range(first, min(first + PER_POOL, seeds.stop)) for first in range(seeds.start, seeds.stop, PER_POOL)]
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as workers:
        return [found for part in workers.map(play_many, parts) for found in part]


def trace(seed: int) -> str:
    """One schedule, event by event, with its fault at the end."""
    schedule = Schedule(seed)
    fault = ""
    try:
        schedule.run()
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
    lines = [f"seed {seed}, quiet {schedule.is_quiet}, {encode(schedule.setting.rules.profile).decode()}"]
    for run in schedule.record.courses:
        lines += [
            f"{run} {number:3} {encode(event).decode()}" for number, event in enumerate(schedule.book.read(run), 1)
        ]
    lines += [f"effect {effect}" for effect in schedule.world.effects]
    return "\n".join([*lines, fault or "no fault"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Play schedules from the command line; 1 when a fault was found."""
    parser = argparse.ArgumentParser(prog="python -m cuga.testing.simulation", description="Play seeded schedules.")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many seeds")
    parser.add_argument("--processes", type=int, default=1, help="on how many cores")
    parser.add_argument("--trace", action="store_true", help="show every event of the first seed")
    chosen = parser.parse_args(arguments)
    if chosen.trace:
        print(trace(chosen.seed))
        return 1 if play(chosen.seed) else 0
    began = time.perf_counter()
    found = play_all(range(chosen.seed, chosen.seed + chosen.count), chosen.processes)
    seconds = time.perf_counter() - began
    print(f"{chosen.count:,} schedules, {len(found)} faults, {chosen.count / seconds:,.0f} a second")
    for seed, fault in found[:20]:
        print(f"seed {seed}: {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
