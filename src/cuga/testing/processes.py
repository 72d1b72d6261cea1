"""Processes of the simulation: each holds states and calls in memory, decides and appends as a driver does, and dies.

The kernel, the claims and the rows are production's; what a process may do after a death is what the engine may do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random

from cuga.errors import CugaError
from cuga.journal.port import Committed, Conflict, Refused
from cuga.kernel import decide as mind
from cuga.kernel.evolve import fold
from cuga.kernel.outstanding import outstanding
from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.event import ApprovalRequested, Event, PlanRequested, RunFinished, ToolCallStart
from cuga.model.outcome import Outcome
from cuga.policy.judge import Rules
from cuga.projections.rows import index_of
from cuga.testing import scenes, world
from cuga.testing.books import Book, QuickBook, StoredBook
from cuga.testing.factories import ADA, AT, GRACE, LIN, MAX, SOLO
from cuga.testing.invariants import Broken, Record
from cuga.testing.scenes import KEYED, PROBED

BEGINNINGS = 1_000  # a start is lost to a crash now and then; one that is never taken is a fault, and no wait
PER_POOL = 5_000  # schedules that share one pool of scenes
CRASH_BEFORE, CRASH_AFTER, UNKNOWN_LOST, UNKNOWN_KEPT = 1, 2, 3, 4


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


class Processes:
    """Two processes over one journal, with everything that a schedule knows."""

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
        courses = pool.courses_of(seed)
        for number in range(1 if chance() < 0.3 else 2):
            self.record.courses[f"r{number}"] = courses[int(chance() * len(courses))]

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
        for _ in range(BEGINNINGS):
            if self.book.version(run):
                return
            self._act(0, run, start)
        raise Broken(f"{run} cannot begin")

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

    def _outcome(self, start: ToolCallStart, outcome: Outcome) -> c.RecordOutcome:
        return c.RecordOutcome(
            at=self.now,
            step=start.step,
            attempt=start.attempt,
            outcome=outcome,
            key=start.key,
            tool_digest=start.tool_digest,
        )

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


def take_over(number: int, state: RunState, at: datetime) -> tuple[c.Command, ...]:
    """What a process says first about a run whose calls it did not make."""
    return (c.TakeOver(at=at, worker=f"w{number}", epoch=state.epoch + 1),)


def rules_for(schedule: Processes, digest: str) -> Rules:
    """The rules a run is pinned to, out of those the house knows."""
    setting = schedule.setting
    return setting.rules if setting.rules.digest == digest else setting.newer
