"""Durable steps per second through the whole house: rules, budgets, claims, consent, chain, run and inbox rows all on.

`python bench/run.py [--mode seq|conc] [--runs N] [--steps N] [--reps N] [--durability full|process] [--tool-ms MAX]`
prints one JSON line. A run is a chain of no-op tools with results of about 100 bytes. `seq` runs one after another,
`conc` all at once. `waits_x_sync` is durable waits a second times the disk's own sync time: 1.0 is the
disk's limit.
Usable as a line of an `--extra` file beside other engines: ["cuga conc", "python", "bench/run.py", "--mode", "conc"].
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cuga.journal.sqlite import SqliteJournal
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.assemble import open_house
from cuga.orchestrator.house.place import make
from cuga.orchestrator.house.process import settle_in
from cuga.settings import Settings
from cuga.tools import ToolContext, tool

REGISTRY = """
version: 1
default_profile: bench
domains: [bench]
packs: []
adapters: {crm: [offline], mail: [offline]}
profiles:
  bench:
    calls: 1000000
    calls_per_domain: {bench: 1000000}
    calls_per_tool: {noop: 1000000}
    cost: 1000000.0
    tokens: 100000
    at_limit: park
    max_parallel: 4
    approvals: strict
    adapters: [offline]
    rates: [{per: tenant, calls: 1000000000, every: day}]
"""
NOTE = "x" * 48


def noop_of(most_ms: float) -> Any:
    chance = random.Random(7)

    @tool(domain="bench", side_effect="read-only", cost=0.001, purpose="does nothing")
    async def noop(context: ToolContext, i: int = 0) -> dict[str, Any]:
        if most_ms:
            await asyncio.sleep(chance.random() * most_ms / 1000)
        return {"ok": True, "tool": "noop", "value": 42, "note": NOTE, "i": i}

    return noop


def sync_us(directory: Path) -> float:
    """The median time of overwriting 4 KiB and making it durable."""
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        os.pwrite(file.fileno(), os.urandom(1 << 20), 0)
        os.fsync(file.fileno())
        times = []
        for turn in range(300):
            begun = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 4096, (turn % 200) * 4096)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begun) * 1e6)
    return statistics.median(times)


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def three(values: list[float], digits: int = 1) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


async def measure(options: argparse.Namespace, directory: Path) -> dict[str, Any]:
    place = make(directory / "house")
    place.registry.write_text(REGISTRY)
    house = await open_house(
        place,
        settings=Settings(durability=options.durability, seals=place.root.parent / "seals"),
        tools=(noop_of(options.tool_ms),),
        owner="bench",
    )
    journal = house.journal
    assert isinstance(journal, SqliteJournal)
    coordinator = Coordinator.on(house, user="bench")
    chain = tuple(
        PlanStep(tool="noop", input={"i": i}, depends_on=(f"n{i - 1}",) if i else (), name=f"n{i}")
        for i in range(options.steps)
    )
    plan = await coordinator.checked(Plan(goal="measure", steps=chain), "bench")
    latencies: list[float] = []

    async def one() -> None:
        begun = time.perf_counter()
        run_id = await coordinator.start("measure", plan=plan, profile="bench")
        state = await house.engine.wait(run_id)
        if state.status.value != "success":
            raise SystemExit(f"run {run_id} ended as {state.status.value}: {state.end}")
        latencies.append(time.perf_counter() - begun)

    for _ in range(20):
        await one()
    settle_in()
    latencies.clear()
    warm = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    speed, cpu, waits = [], [], []
    for _ in range(options.reps):
        commits, begun, spent = journal.commits, time.perf_counter(), cpu_s()
        if options.mode == "seq":
            for _ in range(options.runs):
                await one()
        else:
            await asyncio.gather(*(one() for _ in range(options.runs)))
        wall, steps = time.perf_counter() - begun, options.runs * options.steps
        speed.append(steps / wall)
        cpu.append((cpu_s() - spent) / steps * 1e6)
        waits.append((journal.commits - commits) / steps)
    faults = await journal.verify()
    await house.close()
    if faults:
        raise SystemExit(f"the journal does not verify: {faults[0]}")
    disk = sync_us(directory)
    latencies.sort()
    return {
        "peer": "cuga",
        "backend": "sqlite",
        "durability": options.durability,
        "mode": options.mode,
        "runs": options.runs,
        "steps": options.steps,
        "reps": options.reps,
        "tool_ms": options.tool_ms,
        "steps_per_s": three(speed),
        "client_cpu_us_per_step": three(cpu),
        "durable_waits_per_step": three(waits, 3),
        "run_p50_ms": round(latencies[len(latencies) // 2] * 1e3, 2),
        "run_p95_ms": round(latencies[int(len(latencies) * 0.95)] * 1e3, 2),
        "rss_after_warmup_mb": round(warm, 1),
        "rss_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "disk_fdatasync_us": round(disk, 1),
        "waits_x_sync": round(statistics.median(speed) * statistics.median(waits) * disk / 1e6, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mode", choices=["seq", "conc"], default="conc")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--durability", choices=["full", "process"], default="full")
    parser.add_argument("--tool-ms", type=float, default=0.0)
    parser.add_argument("--directory", type=Path, default=None)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="cuga-bench-", dir=options.directory))
    try:
        print(json.dumps(asyncio.run(measure(options, directory))))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    sys.exit(0)


if __name__ == "__main__":
    main()
