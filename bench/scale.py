"""What waiting and crowding cost: many parked approvals, and many runs at once. Prints one JSON line.

`python bench/scale.py parked [--count 100000]` parks that many runs on an approval each, then, in a fresh process,
opens the house with its start-up sweep and decides some of them: start-up seconds, memory, milliseconds a decision.
`python bench/scale.py many [--count 10000] [--steps 5]` starts that many runs at once: steps a second, memory, and how
far apart first and last come to their end (fairness: a run waits for those before it, not for those behind).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cuga.model.context import Principal
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.assemble import open_house
from cuga.orchestrator.house.place import Place, make
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
  bench: {calls: 1000, cost: 1000.0, tokens: 1000, approvals: strict, adapters: [offline], max_parallel: 4}
"""


@tool(domain="bench", side_effect="read-only", cost=0.01, purpose="reads")
async def look(context: ToolContext, i: int = 0) -> dict[str, int]:
    return {"i": i}


@tool(domain="bench", side_effect="propose", cost=0.01, purpose="proposes", repeatable="key")
async def propose(context: ToolContext, text: str) -> dict[str, str]:
    return {"text": text}


TOOLS = (look, propose)


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def now_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


async def park(place: Place, count: int) -> None:
    house = await open_house(place, settings=Settings(seals=place.root.parent / "seals"), tools=TOOLS, owner="bench")
    settle_in()
    front = Coordinator.on(house, user="bench")
    plan = await front.checked(
        Plan(goal="wait", steps=(PlanStep(tool="look"), PlanStep(tool="propose", input={"text": "hello"}))), "bench"
    )

    async def one() -> None:
        run_id = await front.start("wait", plan=plan, profile="bench")
        state = await house.engine.wait(run_id)
        assert state.parked is not None and state.pending

    for begun in range(0, count, 1_000):
        await asyncio.gather(*(one() for _ in range(min(1_000, count - begun))))
    await house.close()


async def decide(place: Place, decisions: int) -> dict[str, Any]:
    before = time.perf_counter()
    house = await open_house(
        place, settings=Settings(seals=place.root.parent / "seals"), tools=TOOLS, owner="bench", drives_all=True
    )
    await house.engine.sweep()
    started = time.perf_counter() - before
    opened = now_mb()
    front = Coordinator.on(house, user="bench")
    by = Principal(id="bench", solo=True)
    waits = []
    for card in await house.journal.open_approvals(tenant=house.tenant, limit=decisions):
        before = time.perf_counter()
        await front.answer(card.approval_id, "approve", digest=card.digest, by=by)
        waits.append((time.perf_counter() - before) * 1e3)
    waits.sort()
    await house.close()
    return {
        "start_up_s": round(started, 3),
        "rss_open_mb": round(opened, 1),
        "rss_peak_mb": round(memory_mb(), 1),
        "decisions": len(waits),
        "decide_p50_ms": round(waits[len(waits) // 2], 2),
        "decide_p99_ms": round(waits[int(len(waits) * 0.99)], 2),
        "decide_max_ms": round(waits[-1], 2),
    }


async def crowd(place: Place, count: int, steps: int) -> dict[str, Any]:
    house = await open_house(place, settings=Settings(seals=place.root.parent / "seals"), tools=TOOLS, owner="bench")
    settle_in()
    front = Coordinator.on(house, user="bench")
    chain = tuple(
        PlanStep(tool="look", input={"i": i}, name=f"n{i}", depends_on=(f"n{i - 1}",) if i else ())
        for i in range(steps)
    )
    plan = await front.checked(Plan(goal="crowd", steps=chain), "bench")
    ends: dict[int, float] = {}
    begun = time.perf_counter()

    async def one(number: int) -> None:
        run_id = await front.start("crowd", plan=plan, profile="bench")
        state = await house.engine.wait(run_id)
        assert state.end is not None and state.end.status.value == "success"
        ends[number] = time.perf_counter() - begun

    await asyncio.gather(*(one(number) for number in range(count)))
    wall = time.perf_counter() - begun
    order = sorted(ends, key=ends.__getitem__)
    displaced = max(abs(place - number) for place, number in enumerate(order))
    await house.close()
    return {
        "steps_per_s": round(count * steps / wall, 1),
        "wall_s": round(wall, 2),
        "first_end_s": round(min(ends.values()), 3),
        "rss_peak_mb": round(memory_mb(), 1),
        "most_displaced": displaced,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["parked", "many", "decide"])
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--house", type=Path, default=None)
    options = parser.parse_args()
    if options.what == "decide":
        print(json.dumps(asyncio.run(decide(Place(options.house), 500))))
        return
    directory = Path(tempfile.mkdtemp(prefix="cuga-scale-"))
    place = make(directory / "house")
    place.registry.write_text(REGISTRY)
    try:
        if options.what == "many":
            count = options.count or 10_000
            found = asyncio.run(crowd(place, count, options.steps))
        else:
            count = options.count or 100_000
            begun = time.perf_counter()
            asyncio.run(park(place, count))
            parked = time.perf_counter() - begun
            fresh = subprocess.run(
                [sys.executable, __file__, "decide", "--house", str(place.root)], check=True, capture_output=True
            )
            size = sum(file.stat().st_size for file in place.root.glob("journal.db*"))
            found = {**json.loads(fresh.stdout), "parked_per_s": round(count / parked), "bytes_per_run": size // count}
        print(json.dumps({"bench": options.what, "durability": "full", "count": count, **found}))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
