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
from datetime import timedelta

from cuga.kernel.evolve import fold
from cuga.model import command as c
from cuga.model.value import encode
from cuga.testing.invariants import Broken, check
from cuga.testing.people import People
from cuga.testing.processes import PER_POOL
from cuga.testing.scenes import FLAGS

MOVES = 26  # of a schedule, before everything is put right and every run must end


class Schedule(People):
    """One seed's worth of trouble."""

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

    def _crash(self, number: int) -> None:
        self._die(number)

    def _recover(self) -> None:
        """A process that finds a run of a dead one takes it over before it acts."""
        if not self.orphans:
            return self._perform()
        run = sorted(self.orphans)[int(self.chance() * len(self.orphans))]
        return self._take_over(int(self.chance() * 2), run)

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

    def _put_right(self) -> None:
        self.record.was_quiet_until_now = self.is_quiet
        self.is_quiet = True
        self.flags = frozenset()
        self.current = self.setting.now(self.flags)

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
            for name in kept.__struct_fields__:
                value, folded = getattr(kept, name), getattr(state, name)
                if name != "index" and value != folded:
                    raise Broken(f"I9: {name} of {run} is {value!r}, a fold gives {folded!r}")
        if cards.keys() != waiting:
            raise Broken(f"I12: open approvals are {sorted(cards)}, the events leave {sorted(waiting)}")


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
