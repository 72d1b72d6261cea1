"""A fleet that works for hours, while workers are killed and the database is away now and then.

    python -m tests.machines.endure [--minutes 20] [--seed 1] [--log FILE]

Three workers on a Postgres of their own; runs come all the time. Workers but one are killed, stopped or ended by
chance, and started again as a supervisor would; the database is crashed and started again. Every ten seconds it is
looked at what `vitals` lists, one JSON line each in FILE. It ends with the time, or at the first fault, and says what
it found; 1 when there is one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import psycopg
from tests.machines.fleet import Fleet, deeds
from tests.machines.vitals import Sample, faults, process, table
from tests.postgres import package

from cuga.errors import CugaError, JournalFailed, RunNotFound
from cuga.model.event import Event, RunFinished, Status, StepInDoubt, TakenOver, ToolCallComplete, ToolCallStart
from cuga.orchestrator import Coordinator

LOOK_S = 10.0
AT_ONCE = 12  # runs that have not ended
STEPS = 5
LEAPS = 0.15  # share of runs whose deeds nobody can ask about afterwards, and a person answers for
OUTAGES_S = (8.0, 50.0)  # how long the database is away, in turn
BETWEEN_S = 480.0  # from one outage to the next
LEASE_S = 4


class Server:
    """A Postgres of its own that can be crashed."""

    def __init__(self, directory: Path) -> None:
        self._data = directory
        self._server = package().get_server(directory, cleanup_mode=None)
        self.address = self._server.get_uri().replace(":@", "@")

    def stop(self, how: str = "immediate") -> None:
        words = ("-w", "-D", str(self._data), "-m", how, "stop")
        server = self._server
        package().postgres_server.pgexec("pg_ctl", words, bin_path=server.bin_path, user=server.system_user)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def sizes_mb(self) -> tuple[float, float]:
        """The write-ahead log, and the database."""
        with psycopg.connect(self.address, connect_timeout=2) as connection:
            query = "select (select sum(size) from pg_ls_waldir()), pg_database_size(current_database())"
            wal, book = connection.execute(query).fetchone() or (0, 0)
        return float(wal) / 1e6, float(book) / 1e6


class Endurance:
    """One such time."""

    def __init__(self, directory: Path, minutes: float, seed: int, log: Path) -> None:
        self.server = Server(directory / "server")
        self.fleet = Fleet(directory, self.server.address, lease_s=LEASE_S)
        self.seconds = minutes * 60
        self.chance = random.Random(seed)
        self.log = log
        self.samples: list[Sample] = []
        self.troubles: list[tuple[float, float]] = []
        self.found: list[str] = []
        self.did: Counter[str] = Counter()  # what was broken, and what came of it
        self.broken: list[tuple[float, str]] = []  # when, by the clock, and what
        self.begun: dict[str, float] = {}
        self.open: set[str] = set()
        self.spared: subprocess.Popen[bytes] | None = None
        self.is_through = False
        self._zero = 0.0

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._zero

    @property
    def is_over(self) -> bool:
        return self.now() > self.seconds or bool(self.found)

    async def go(self) -> list[str]:
        """What was found; nothing: it held."""
        async with self.fleet.front() as front:
            for _ in range(3):
                self.fleet.start()
            self.spared = self.fleet.workers[0]
            await self.fleet.ready(front, 3)
            self._zero = time.monotonic()
            people = asyncio.ensure_future(self.people(front))
            await asyncio.gather(self.load(front), self.chaos(), self.outages(), self.look(front))
            await self.rest(front)
            self.is_through = True
            await people
            await self.judge(front)
        return self.found

    # --- what goes on ------------------------------------------------------------------------------------------------
    async def load(self, front: Coordinator) -> None:
        """Runs come as long as there are few."""
        clock = (await front.open()).clock
        while not self.is_over:
            await asyncio.sleep(self.chance.uniform(0.1, 0.5))
            await self.see_ends(front)
            if len(self.open) >= AT_ONCE:
                continue
            run_id = clock.new_id()
            tool = "leap" if self.chance.random() < LEAPS else "deed"
            self.open.add(run_id)
            self.begun[run_id] = self.now()
            with suppress(JournalFailed):  # whether it was begun is seen when it can be read
                await front.start("g", plan=deeds(STEPS, self.chance.uniform(0.02, 0.4), tool), run_id=run_id)

    async def see_ends(self, front: Coordinator) -> None:
        """Which runs are over, were never begun, or wait for a person who has to say what happened."""
        with suppress(JournalFailed):
            waiting = {card.run_id for card in await front.inbox()}
            for run_id in self.open - waiting:
                try:
                    status = (await front.result(run_id)).status
                except RunNotFound:
                    del self.begun[run_id]
                    status = Status.CANCELLED
                if status is Status.PARKED and not await self.is_in_doubt(front, run_id):
                    continue
                if status is not Status.RUNNING:
                    self.open.discard(run_id)

    async def is_in_doubt(self, front: Coordinator, run_id: str) -> bool:
        return bool((await front.state(run_id)).doubts)

    async def people(self, front: Coordinator) -> None:
        """Somebody who agrees to everything."""
        while not self.is_through:
            await asyncio.sleep(0.5)
            with suppress(CugaError):  # away, or somebody was quicker
                for card in await front.inbox():
                    await front.answer(card.approval_id, "approve")

    async def chaos(self) -> None:
        while not self.is_over:
            until = self.now() + self.chance.uniform(10.0, 30.0)
            while self.now() < until and not self.is_over:
                await asyncio.sleep(0.5)
                self.supervise()
            alive = [one for one in self.fleet.workers if one.poll() is None and one is not self.spared]
            if not alive or self.is_over:
                continue
            what, worker = self.chance.choice(("kill", "kill", "stop", "end")), self.chance.choice(alive)
            self.did[what] += 1
            begin = self.now()
            self.broken.append((time.time(), what))
            if what == "stop":
                worker.send_signal(signal.SIGSTOP)
                await asyncio.sleep(self.chance.uniform(0.5, 2.0 * LEASE_S))
                worker.send_signal(signal.SIGCONT)
            elif what == "kill":
                worker.kill()
            else:
                worker.terminate()
            self.troubles = [*self.troubles[-20:], (begin, self.now())]

    def supervise(self) -> None:
        """Start again whoever has ended, whatever it ended with."""
        for worker in [one for one in self.fleet.workers if one.poll() is not None]:
            self.fleet.workers.remove(worker)
            fresh = self.fleet.start()
            if worker is self.spared:
                self.did["the spared worker ended by itself"] += 1
                self.spared = fresh

    async def outages(self) -> None:
        between, number = min(BETWEEN_S, self.seconds * 0.4), 0
        while True:
            at = self.now() + between
            while self.now() < at:
                if self.is_over:
                    return
                await asyncio.sleep(0.5)
            long = OUTAGES_S[number % len(OUTAGES_S)]
            number += 1
            self.did[f"outage of {long:.0f} s"] += 1
            self.troubles.append((self.now(), self.now() + long + 30.0))
            self.broken.append((time.time(), "outage"))
            await asyncio.to_thread(self.server.stop)
            await asyncio.sleep(long)
            await asyncio.to_thread(self.server.start)

    # --- what is looked at -------------------------------------------------------------------------------------------
    async def look(self, front: Coordinator) -> None:
        while not self.is_over:
            await asyncio.sleep(LOOK_S)
            self.samples.append(await self.sample(front))
            with self.log.open("ab") as file:
                file.write(msgspec.json.encode(self.samples[-1]) + b"\n")
            self.found += faults(self.samples, self.troubles)

    async def sample(self, front: Coordinator) -> Sample:
        assert self.spared is not None
        engine: Any = (await front.open()).engine
        here = Sample(
            at_s=self.now(), spared=process(self.spared.pid), front=process(os.getpid()), begun=len(self.begun),
            ended=len(self.begun) - len(self.open), effects=self.fleet.did().total(),
            slowest_s=max((self.now() - self.begun[run_id] for run_id in self.open), default=0.0),
        )  # fmt: skip
        try:
            async with asyncio.timeout(5.0):
                figures = await engine.figures()
                wal, book = await asyncio.to_thread(self.server.sizes_mb)
        except (JournalFailed, psycopg.Error, TimeoutError):
            return here
        return msgspec.structs.replace(
            here, waiting=figures.waiting, running=figures.running, stalled=figures.stalled, oldest_s=figures.oldest_s,
            sweep_lag_s=figures.sweep_lag_s, wal_mb=wal, book_mb=book,
        )  # fmt: skip

    # --- the end -----------------------------------------------------------------------------------------------------
    async def rest(self, front: Coordinator) -> None:
        """Let everything come to its end."""
        until = time.monotonic() + 180.0
        while self.open and time.monotonic() < until:
            await asyncio.sleep(0.5)
            self.supervise()
            await self.see_ends(front)
        self.found += [f"{len(self.open)} runs did not come to an end in 180 s"] if self.open else []

    async def judge(self, front: Coordinator) -> None:
        """Hold the ledger of the other side against the book."""
        done: Counter[str] = Counter()
        took: list[float] = []
        for run_id in self.begun:
            events = await front.events(run_id)
            back = Counter(event.step for event in events if isinstance(event, ToolCallComplete))
            ends = sum(isinstance(event, RunFinished) for event in events)
            self.did["effects that nobody can know of, left to people"] += sum(
                isinstance(event, StepInDoubt) for event in events
            )
            self.did["runs taken over"] += sum(isinstance(event, TakenOver) for event in events)
            kind = "leapt" if any(isinstance(one, ToolCallStart) and one.tool == "leap" for one in events) else "did"
            done[kind] += len(back)
            if ends > 1 or any(count > 1 for count in back.values()):
                self.found.append(f"{run_id}: {ends} ends, steps that came back {dict(back)}")
            if kind == "did" and len(back) != STEPS:
                self.found.append(f"{run_id}: {len(back)} of {STEPS} steps came back")
            took += self.takeovers(events)
        did, leapt = self.fleet.did(), self.fleet.did("leapt")
        if len(did) != done["did"]:
            self.found.append(f"{done['did']} steps, and {len(did)} effects by their keys")
        if any(count > 1 for count in leapt.values()):
            self.found.append("an effect without a key was made twice")
        self.found += [f"{fault.kind} {fault.where} {fault.detail}" for fault in await front.verify()]
        self.did["steps"] = done["did"] + done["leapt"]
        self.did["effects by their keys"] = len(did)
        self.did["doings that the other side knew by their key"] = did.total() - len(did)
        self.did["effects without a key"] = len(leapt)
        if took:
            self.did["runs taken over after a kill"] = len(took)
            print(f"taken over after a kill: median {median(took):.1f} s, at most {max(took):.1f} s")

    def takeovers(self, events: list[Event]) -> list[float]:
        """How long after a worker was killed another went on with its run, where that was the last thing to break."""
        found = []
        for event in events:
            if isinstance(event, TakenOver):
                at = event.at.timestamp()
                last = max(((when, what) for when, what in self.broken if when <= at), default=(0.0, ""))
                found += [at - last[0]] if last[1] == "kill" else []
        return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.machines.endure", description="Let a fleet work for long.")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, default=None, help="where a line goes every ten seconds")
    chosen = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="cuga-endure-"))
    one = Endurance(directory, chosen.minutes, chosen.seed, chosen.log or directory / "samples.jsonl")
    try:
        found = asyncio.run(one.go())
    finally:
        one.fleet.stop()
        one.server.stop("fast")
    if one.samples:
        print("\n".join(table(one.samples)))
    print(f"{chosen.minutes:g} minutes, seed {chosen.seed}: {len(one.begun)} runs")
    for what, count in sorted(one.did.items()):
        print(f"  {what}: {count}")
    print("\n".join(found) or "nothing was lost, doubled or left behind")
    print(f"each line is in {one.log}; what the workers said in {directory}/workers.log")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
