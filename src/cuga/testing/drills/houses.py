"""Houses in trouble: clocks that are set forward and back, disks that fail under a house at work, deaths in pairs.

Each plays the schedule of a seed on the real driver and engine, with a world that counts what happened, and is then
held against the promises by `cuga.testing.invariants`.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from cuga.errors import CugaError
from cuga.journal.port import Appended, Index
from cuga.journal.sqlite import SqliteJournal, verify_file
from cuga.model.event import Event, name_of
from cuga.model.value import encode
from cuga.testing.drills import book
from cuga.testing.drills.disk import MANNERS, Disk, disk
from cuga.testing.drills.starve import Trial
from cuga.testing.drills.tally import Tally
from cuga.testing.factories import AT
from cuga.testing.handle import Handle
from cuga.testing.house import House
from cuga.testing.invariants import Broken
from cuga.testing.loop import JumpingLoop, LoopClock, PatientLoop, StandStill

HOURS_S = 6 * 3_600.0  # how far a clock is set, either way
VFS = "under-a-house"


class SetClock(LoopClock):
    """The clock of one process: it follows the machine's, wherever that is set, but never back while it lives."""

    def __init__(self, house: ClockHouse) -> None:
        super().__init__(house.loop)
        self._house = house
        self._latest = AT - timedelta(days=1)

    def now(self) -> datetime:
        self._latest = max(self._latest, super().now() + timedelta(seconds=self._house.offset_s))
        return self._latest


class ClockHouse(House):
    """The machine's clock is set by up to six hours, forward and back, at any moment, also while no process lives."""

    round_s = 120.0  # what was put off by hours is waited for

    def __init__(self, seed: int, loop: JumpingLoop) -> None:
        self.offset_s = 0.0
        self.jumps = 0
        super().__init__(seed, loop)

    def _open_house(self) -> None:
        if self.chance() < 0.5:
            self._set()
        self.clock = SetClock(self)
        super()._open_house()

    def _set(self) -> None:
        self.offset_s = round((self.chance() * 2 - 1) * HOURS_S, 6)
        self.jumps += 1

    async def pause(self, most_s: float) -> None:
        if not self.is_calm and self.chance() < 0.05:
            self._set()
        await super().pause(most_s)


class DiskHouse(House):
    """A house on a disk that fails at an operation, is put right once everybody has calmed down, and goes on."""

    may_live_on = False

    def __init__(self, seed: int, loop: PatientLoop, path: Path, bad: Disk, trial: Trial) -> None:
        self._path = path
        self._bad = bad
        self._trial = trial
        self._is_right = False
        super().__init__(seed, loop, SqliteJournal(path, vfs=VFS, prefill=False))

    async def play(self) -> None:
        await self.journal.keep_snapshot(encode(self.setting.rules.book))
        at, manner, lasting = self._trial
        self._bad.plan(self._bad.operations + at, manner, lasting=lasting)
        await super().play()

    async def _restart(self) -> None:
        await self._kill()
        if self.is_calm and not self._is_right:
            self._is_right = True
            await self.journal.close()
            self._bad.heal()
            if self._trial.manner == "power":
                self._bad.cut_the_power(Random(self.seed))
                self._bad.is_dark = False
            self.journal = SqliteJournal(self._path, prefill=False)
        self._open_house()
        await self._try(self.engine.sweep())

    async def _begin(self, run: str) -> None:
        if not await self.journal.version(run):
            await super()._begin(run)

    async def _until_the_end(self) -> None:
        for run in self.record.courses:
            await self._try(self._begin(run))  # who got no answer asks again
        await super()._until_the_end()


class DyingHandle(Handle):
    """Dies before or after the append with a number, as often as it was told to."""

    async def append(
        self, stream: str, expected: int, events: Sequence[Event], *, index: Index | None = None,
        blobs: Sequence[bytes] = (),
    ) -> Appended:  # fmt: skip
        house = self._house
        assert isinstance(house, DyingHouse)
        self.must_live()
        house.appends.append(name_of(events[-1]))
        number = len(house.appends)
        if (number, False) in house.deaths:
            house.die(self)
        answer = await super().append(stream, expected, events, index=index, blobs=blobs)
        if (number, True) in house.deaths:
            house.die(self)
        return answer


class DyingHouse(House):
    """A house whose process dies at chosen appends; the next one begins where the journal stands."""

    may_live_on = False

    def __init__(self, seed: int, loop: JumpingLoop, deaths: Sequence[tuple[int, bool]]) -> None:
        self.deaths = frozenset(deaths)
        self.appends: list[str] = []  # the last event of each append that was tried
        self.died = 0
        self._news: asyncio.Event = asyncio.Event()
        super().__init__(seed, loop)

    def _hold(self) -> Handle:
        return DyingHandle(self)

    def die(self, handle: Handle) -> None:
        """The process is gone in the middle of what it was doing."""
        self.died += 1
        handle.is_dead = True
        self._news.set()
        raise asyncio.CancelledError

    async def _try(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        death = asyncio.ensure_future(self._news.wait())
        await asyncio.wait({task, death}, return_when=asyncio.FIRST_COMPLETED)
        death.cancel()
        if self._news.is_set():
            self._news.clear()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._restart()
        elif not task.cancelled() and (error := task.exception()) and not isinstance(error, CugaError):
            raise error

    async def _until_the_end(self) -> None:
        for run in self.record.courses:
            await self._try(self._begin_once(run))
        while self.handle.is_dead:
            self._news.clear()
            await self._restart()
        await super()._until_the_end()

    async def _begin_once(self, run: str) -> None:
        if not await self.journal.version(run):
            await self._begin(run)

    async def _help(self, run: str) -> None:
        if self.handle.is_dead:
            self._news.clear()
            await self._restart()
        await super()._help(run)


def _end_of(loop: JumpingLoop, house: House) -> str:
    try:
        loop.run(house.play())
    except Broken as broken:
        return str(broken)
    except StandStill as error:
        return f"I7: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def clocks(base: Path, count: int, seed: int = 0) -> Tally:
    """That many schedules under a clock that is set forward and back."""
    tally, loop = Tally("clocks"), JumpingLoop()
    for number in range(seed * 100_000, seed * 100_000 + count):
        house = ClockHouse(number, loop)
        if fault := _end_of(loop, house):
            tally.fault(f"seed {number}: {fault}")
        else:
            tally.note(f"with {min(house.jumps // 10 * 10, 50)} or more jumps")
        if tally.is_hopeless:
            break
    loop.close()
    return tally


def disks(base: Path, count: int, seed: int = 0) -> Tally:
    """That many houses at work, each on a disk that fails once or from some operation on."""
    tally, random = Tally("disks under houses"), Random(f"disks {seed}")
    for number in range(seed * 100_000, seed * 100_000 + count):
        directory = base / str(number)
        directory.mkdir(parents=True)
        trial = Trial(1 + int(random.random() ** 2 * 150), random.choice(MANNERS), random.random() < 0.5)
        loop = PatientLoop()
        asyncio.set_event_loop(loop)
        with disk(VFS) as bad:
            bad.watch()
            house = DiskHouse(number, loop, directory / book.JOURNAL, bad, trial)
            fault = _end_of(loop, house)
            loop.run(house.journal.close())
        asyncio.set_event_loop(None)
        loop.close()
        if fault or (fault := "; ".join(f"{one.kind} at {one.where}" for one in verify_file(directory / book.JOURNAL))):
            tally.fault(f"seed {number}, {trial}: {fault}")
        else:
            tally.note(trial.manner)
        shutil.rmtree(directory)
        if tally.is_hopeless:
            break
    return tally


class Deaths:
    """Deaths at appends, alone and in pairs, spread over the kinds of what is appended last."""

    def __init__(self) -> None:
        self.tally = Tally("deaths")
        self.kinds: dict[str, int] = {}  # the last durable event before a death -> how often

    def learn(self, loop: JumpingLoop, seed: int) -> list[str]:
        """The last events of the appends of a seed that nobody disturbs."""
        house = DyingHouse(seed, loop, ())
        self._judge(seed, house, _end_of(loop, house))
        return house.appends

    def die(self, loop: JumpingLoop, seed: int, deaths: Sequence[tuple[int, bool]]) -> None:
        """Play a seed with deaths; a death after an append counts for the kind of its last event."""
        house = DyingHouse(seed, loop, deaths)
        self._judge(seed, house, _end_of(loop, house))
        for number, is_after in deaths:
            if is_after and number <= len(house.appends):
                kind = house.appends[number - 1]
                self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def _judge(self, seed: int, house: DyingHouse, fault: str) -> None:
        if fault:
            self.tally.fault(f"seed {seed}, deaths at {sorted(house.deaths)}: {fault}")
        else:
            self.tally.note(f"with {house.died} deaths")


def deaths(base: Path, count: int, seed: int = 0) -> Tally:
    """That many plays, with one death or two, at the kinds of appends that were met least often."""
    found = sweep_deaths(count, seed)
    for kind, times in sorted(found.kinds.items()):
        found.tally.verdicts[f"after {kind}"] = times
    return found.tally


def sweep_deaths(count: int, seed: int = 0) -> Deaths:
    """The same, with the kinds."""
    found, random, loop = Deaths(), Random(f"deaths {seed}"), JumpingLoop()
    number = seed * 100_000
    while found.tally.trials < count and not found.tally.is_hopeless:
        appends = found.learn(loop, number)
        for _ in range(8):
            places = range(1, len(appends) + 1)
            first = min(places, key=lambda at: (found.kinds.get(appends[at - 1], 0), random.random()), default=1)
            chosen = [(first, random.random() < 0.8)]
            if random.random() < 0.6:
                chosen.append((first + 1 + int(random.random() ** 2 * len(appends)), random.random() < 0.5))
            found.die(loop, number, chosen)
        number += 1
    loop.close()
    return found


def all_pairs(seed: int) -> Deaths:
    """Every pair of deaths of one seed: before or after each append, and again at each that follows."""
    found, loop = Deaths(), JumpingLoop()
    length = len(found.learn(loop, seed))
    places = [(number, is_after) for number in range(1, length + 3) for is_after in (False, True)]
    for at, first in enumerate(places):
        for second in places[at:]:
            found.die(loop, seed, sorted({first, second}))
            if found.tally.is_hopeless:
                return found
    loop.close()
    return found
