"""Workers as real processes on one Postgres house, with a ledger of what they did outside.

python -m tests.machines.fleet HOUSE LEDGER    is one worker, until it is told to stop
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.machines.deeds import tools

from cuga.model.event import ToolCallComplete
from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.orchestrator.house.place import make
from cuga.settings import Settings, read_settings

ROOT = Path(__file__).parents[2]


class Fleet:
    """A house on a database, a front to it in this process, and workers beside it."""

    def __init__(self, directory: Path, database: str, lease_s: int = 2) -> None:
        self.place = make(directory / "house")
        self.ledger = directory / "ledger"
        self.database = database
        self.lease_s = lease_s
        self.workers: list[subprocess.Popen[bytes]] = []
        self._errors = directory / "workers.log"
        self.told: dict[str, str] = {}  # further variables of the workers
        self.settings = Settings(database=database, lease_s=lease_s, seals=directory / "seals")

    def front(self) -> Coordinator:
        """A front that only appends; a worker has to be there."""
        return Coordinator("smb", house=self.place.root, settings=self.settings, tools=tools(self.ledger), user="ann")

    def start(self, *, watchdog: bool = True, pools: str = "") -> subprocess.Popen[bytes]:
        """One worker more."""
        environment = os.environ | {
            "CUGA_DATABASE": self.database,
            "CUGA_LEASE_S": str(self.lease_s),
            "CUGA_POOLS": pools,
            "CUGA_SEALS": str(self.settings.seals),
            "FLEET_WATCHDOG": str(int(watchdog)),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]),
            **self.told,
        }
        with self._errors.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.machines.fleet", str(self.place.root), str(self.ledger)],
                env=environment, stderr=log, stdout=log,
            )  # fmt: skip
        self.workers.append(worker)
        return worker

    async def ready(self, front: Coordinator, count: int, patience_s: float = 60.0) -> None:
        """Wait until so many workers are heard."""
        engine: Any = (await front.open()).engine
        async with asyncio.timeout(patience_s):
            while await engine.queue.workers() < count:
                await asyncio.sleep(0.1)

    def stop(self) -> None:
        """Kill every worker."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
            worker.wait()

    def log(self) -> str:
        """What the workers said."""
        return self._errors.read_text() if self._errors.exists() else ""

    def did(self, kind: str = "did") -> Counter[tuple[str, str, str]]:
        """How often each deed was done: run, step, key."""
        if not self.ledger.exists():
            return Counter()
        lines = [line.split() for line in self.ledger.read_text().splitlines()]
        return Counter((run, step, key) for said, run, step, key, _ in lines if said == kind)

    def pids(self) -> set[int]:
        """The processes that did something."""
        lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        return {int(line.split()[-1]) for line in lines}

    async def chaos(self, seed: int, seconds: float) -> Counter[str]:
        """For so long: kill, stop and wake, or end workers by chance; another one comes for each that goes."""
        chance = random.Random(seed)
        counts: Counter[str] = Counter()
        until = time.monotonic() + seconds
        stopped: list[tuple[float, subprocess.Popen[bytes]]] = []
        while time.monotonic() < until:
            await asyncio.sleep(chance.uniform(0.3, 1.0))
            for at, worker in list(stopped):
                if time.monotonic() > at:
                    worker.send_signal(signal.SIGCONT)
                    stopped.remove((at, worker))
            frozen = [worker for _, worker in stopped]
            alive = [worker for worker in self.workers if worker.poll() is None]
            for _ in range(3 - len(alive)):
                self.start()
            free = [worker for worker in alive if worker not in frozen]
            if not free:
                continue
            what = chance.choice(("kill", "stop", "stop", "end"))
            worker = chance.choice(free)
            counts[what] += 1
            if what == "kill":
                worker.kill()
            elif what == "end":
                worker.terminate()
            else:
                worker.send_signal(signal.SIGSTOP)
                stopped.append((time.monotonic() + chance.uniform(0.5, 2.0 * self.lease_s), worker))
        for _, worker in stopped:
            worker.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.5)
        while sum(worker.poll() is None for worker in self.workers) < 2:
            self.start()
        return counts


def deeds(count: int, seconds: float = 0.05, tool: str = "deed") -> Plan:
    """A chain of deeds, keyed ones unless another tool is named."""
    return Plan(
        goal="do them all",
        steps=tuple(
            PlanStep(
                step_id=f"s{number}",
                tool=tool,
                input={"seconds": seconds},
                depends_on=(f"s{number - 1}",) if number > 1 else (),
            )
            for number in range(1, count + 1)
        ),
    )


async def completions(front: Coordinator, run_id: str) -> Counter[str]:
    """How often each step came back."""
    return Counter(event.step for event in await front.events(run_id) if isinstance(event, ToolCallComplete))


async def work(house: Path, ledger: Path) -> None:
    from cuga.orchestrator.house.process import end_when_paused

    settings = read_settings()
    async with Coordinator("smb", house=house, settings=settings, tools=tools(ledger), drives_all=True) as worker:
        assembly = await worker.open()
        if os.environ["FLEET_WATCHDOG"] == "1":
            end_when_paused(assembly)
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        await assembly.engine.sweep()
        begins = os.environ.get("FLEET_BEGINS", "").split()  # the tool of each run that it begins itself
        for name in begins:
            await worker.start("do them all", plan=deeds(4, seconds=0.15, tool=name))
            print("begun", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), Path(sys.argv[2])))
