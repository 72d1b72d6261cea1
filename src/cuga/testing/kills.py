"""Real deaths: a process that runs a house on a real file is killed with SIGKILL at a named point, and another goes on.

The parent stays small and single-threaded and forks; the child opens the journal, drives runs on the real engine and
writes every call and effect of the outside world to a ledger file that is on the disk before the tool answers. When
the last child is through, events and ledger are held against the promises, and the file against its own chain.

    python -m cuga.testing.kills --count 200 --seed 1
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from cuga.journal.port import Appended, Committed, Index
from cuga.journal.sqlite import SqliteJournal, verify_file
from cuga.model.context import Principal
from cuga.model.event import Event, ToolCallStart, name_of
from cuga.model.outcome import Outcome
from cuga.model.value import encode
from cuga.testing.house import Handle, House
from cuga.testing.invariants import Broken, Click, check
from cuga.testing.loop import PatientLoop
from cuga.testing.scenes import KEYED, PROBED
from cuga.testing.world import Call, Effect, World

_call = msgspec.json.Decoder(tuple[str, str, int, ToolCallStart, Outcome])
_effect = msgspec.json.Decoder(tuple[str, str, str, str, str, str])
_click = msgspec.json.Decoder(tuple[str, str, Principal, str])
_told = msgspec.json.Decoder(tuple[str, str, int])

Target = tuple[str, int]  # a point's name, and which passage of it


class Points:
    """Counts the passages of named points and dies at one of them."""

    def __init__(self, target: Target | None) -> None:
        self._target = target
        self.passed: Counter[str] = Counter()

    def __call__(self, point: str) -> None:
        self.passed[point] += 1
        if self._target == (point, self.passed[point]):
            os.kill(os.getpid(), signal.SIGKILL)


class Ledger:
    """Lines that are on the disk before anybody is told."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, *fields: Any, sync: bool = True) -> None:
        os.write(self._file, encode(fields) + b"\n")
        if sync:
            os.fsync(self._file)


class FiledWorld(World):
    """The outside world, kept in a file that outlives the process."""

    def __init__(self, path: Path, points: Points) -> None:
        super().__init__(KEYED, PROBED)
        self.clicks: list[tuple[str, Principal, str]] = []
        self.told: dict[str, int] = {}
        for line in path.read_bytes().splitlines() if path.exists() else ():
            self._remember(line)
        self.ledger = Ledger(path)
        self._points = points

    def _remember(self, line: bytes) -> None:
        match line[2:4]:
            case b"ca":
                self.calls.append(Call(*_call.decode(line)[1:]))
            case b"ef":
                _, run, step, tool, target, key = _effect.decode(line)
                self.effects.append(Effect(run, step, tool, target))
                self._seen.add(key)
            case b"cl":
                self.clicks.append(_click.decode(line)[1:])
            case _:
                _, run, version = _told.decode(line)
                self.told[run] = max(version, self.told.get(run, 0))

    def call(self, run: str, version: int, start: ToolCallStart, how: int = 0) -> Outcome:
        kind = start.side_effect.value
        self._points(f"call.before/{kind}")
        outcome = super().call(run, version, start, how)
        self.ledger.write("call", run, version, start, outcome)
        self._points(f"call.after/{kind}")
        return outcome

    def _apply(self, run: str, start: ToolCallStart) -> None:
        before = len(self.effects)
        super()._apply(run, start)
        for effect in self.effects[before:]:
            self.ledger.write("effect", *effect, start.key)
            self._points(f"effect.after/{start.side_effect.value}")


class ToldHandle(Handle):
    """Passes a point before and after each append, named by what is appended, and notes what it was told."""

    async def append(
        self,
        stream: str,
        expected: int,
        events: Sequence[Event],
        *,
        index: Index | None = None,
        blobs: Sequence[bytes] = (),
    ) -> Appended:
        house = self._house
        assert isinstance(house, MortalHouse)
        kind = name_of(events[-1])
        house.points(f"append.before/{kind}")
        answer = await self._journal.append(stream, expected, events, index=index, blobs=blobs)
        if isinstance(answer, Committed):
            house.filed.ledger.write("told", stream, answer.version, sync=False)
            house.record.note(stream, expected, len(events), house.current)
        house.points(f"append.after/{kind}")
        return answer


class MortalHouse(House):
    """One seed's house in a directory, gone on with by one process after another."""

    def __init__(self, seed: int, loop: PatientLoop, directory: Path, points: Points, durability: str) -> None:
        self.points = points
        self.path = directory / "journal.db"
        self.filed = FiledWorld(directory / "ledger", points)
        self.sqlite = SqliteJournal(self.path, on_point=points, prefill=False, durability=durability)
        super().__init__(seed, loop, self.sqlite, self.filed)
        self.record.clicks = [Click(approval, by, digest, self.current) for approval, by, digest in self.filed.clicks]

    def _hold(self) -> Handle:
        return ToldHandle(self)

    async def _click(self, run: str, request: Any, by: Any, verdict: Any) -> None:
        self.filed.ledger.write("click", request.approval_id, by, request.digest, sync=False)
        await super()._click(run, request, by, verdict)

    async def play(self) -> None:
        await self.sqlite.keep_snapshot(encode(self.setting.rules.book))
        for run in self.record.courses:
            if not await self.journal.version(run):
                await self._begin(run)
        await self.engine.sweep()
        for _ in range(2):
            await asyncio.sleep(1)
            await self._try(self._person())
        await self._until_the_end()
        self.record.streams = {run: await self._events(run) for run in self.record.courses}
        for run, version in self.filed.told.items():
            if len(self.record.streams[run]) < version:
                raise Broken(f"I1: {run} lost what somebody was told: {version} events")
        self.record.appends.clear()
        check(self.record)
        await self._check_rows()
        await self.engine.close(grace_s=0)
        await self.sqlite.close()
        faults = verify_file(self.path)
        if faults:
            raise Broken(f"I6: the file does not hold: {faults}")


class Sweep:
    """Kills, one after another, each at the least visited point of its seed."""

    def __init__(self, first: int, durability: str = "process") -> None:
        self._seed = first
        self._random = Random(f"kills {first}")
        self._durability = durability
        self.visited: Counter[str] = Counter()
        self.kills = 0
        self.faults: list[str] = []

    def run(self, count: int) -> None:
        """Kill that many times."""
        is_quick = self._durability == "process" and os.access("/dev/shm", os.W_OK)
        base = Path(tempfile.mkdtemp(prefix="kills-", dir="/dev/shm" if is_quick else None))
        try:
            while self.kills < count and len(self.faults) < 20:
                self._one(base / str(self._seed))
                self._seed += 1
        finally:
            shutil.rmtree(base, ignore_errors=True)

    def _one(self, directory: Path) -> None:
        """A seed: once through to learn its points, then from the beginning with a kill, until it comes to its end."""
        directory.mkdir()
        passed = self._until_its_end(directory, [])
        for _ in range(6):
            shutil.rmtree(directory)
            directory.mkdir()
            targets: list[Target | float] = [self._choose(passed)]
            while self._random.random() < 0.4:
                targets.append(self._choose(passed) if self._random.random() < 0.6 else self._random.random() * 0.03)
            self._until_its_end(directory, targets)
        shutil.rmtree(directory)

    def _choose(self, passed: dict[str, int]) -> Target:
        """The least visited point of those the seed passes, any passage of it."""
        if not passed:
            return ("append.before/run_started", 1)
        point = min(passed, key=lambda name: (self.visited[name], self._random.random()))
        self.visited[point] += 1
        return point, 1 + int(self._random.random() * passed[point])

    def _until_its_end(self, directory: Path, targets: list[Target | float]) -> dict[str, int]:
        for target in [*targets, None]:
            code, passed = self._child(directory, target)
            if code == -signal.SIGKILL:
                self.kills += 1
            elif code != 0:
                self.faults.append(f"seed {self._seed}, killed at {targets}: {passed or code}")
                return {}
            else:
                return passed if isinstance(passed, dict) else {}
        return {}

    def _child(self, directory: Path, target: Target | float | None) -> tuple[int, Any]:
        said, say = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(said)
            os._exit(_live(self._seed, directory, target if isinstance(target, tuple) else None, self._durability, say))
        os.close(say)
        if isinstance(target, float):
            time.sleep(target)
            os.kill(pid, signal.SIGKILL)
        with os.fdopen(said, "rb") as pipe:
            text = pipe.read()
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), msgspec.json.decode(text) if text else {}


def _live(seed: int, directory: Path, target: Target | None, durability: str, say: int) -> int:
    points = Points(target)
    loop = PatientLoop()
    asyncio.set_event_loop(loop)
    try:
        loop.run(_play(seed, loop, directory, points, durability))
        os.write(say, encode(dict(points.passed)))
        return 0
    except BaseException as error:
        os.write(say, encode(f"{type(error).__name__}: {error}"))
        return 3


async def _play(seed: int, loop: PatientLoop, directory: Path, points: Points, durability: str) -> None:
    await MortalHouse(seed, loop, directory, points, durability).play()


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill from the command line; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m cuga.testing.kills", description="Kill houses and look.")
    parser.add_argument("--count", type=int, default=50, help="how many kills")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--durability", default="process", choices=("process", "full"))
    chosen = parser.parse_args(arguments)
    began = time.perf_counter()
    sweep = Sweep(chosen.seed, chosen.durability)
    sweep.run(chosen.count)
    seconds = time.perf_counter() - began
    print(f"{sweep.kills} kills at {len(sweep.visited)} points in {seconds:.1f} s, {len(sweep.faults)} faults")
    for point, count in sorted(sweep.visited.items()):
        print(f"  {point:40} {count}")
    for fault in sweep.faults[:10]:
        print(fault)
    return 1 if sweep.faults else 0


if __name__ == "__main__":
    sys.exit(main())
