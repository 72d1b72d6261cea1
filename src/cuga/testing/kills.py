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

from cuga.model.value import encode
from cuga.testing.loop import PatientLoop
from cuga.testing.mortal import MortalHouse, Points, Target

TOLD = 1_000  # kills between two lines that say how far it is


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
        """Kill that many times, or until somebody has seen enough."""
        is_quick = self._durability == "process" and os.access("/dev/shm", os.W_OK)
        base = Path(tempfile.mkdtemp(prefix="kills-", dir="/dev/shm" if is_quick else None))
        try:
            while self.kills < count and len(self.faults) < 20:
                told = self.kills // TOLD
                self._one(base / str(self._seed))
                self._seed += 1
                if self.kills // TOLD > told:
                    print(f"{self.kills:,} kills, {len(self.faults)} faults", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
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
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the parent's to hear
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
