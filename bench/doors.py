"""What the doors cost: reads with many runs stored, many watchers, memory at rest. Prints one JSON line.

`python bench/doors.py reads [--count 100000] [--house DIR]` stores that many runs, every hundredth of which waits for
somebody, and asks every route that only reads over real HTTP; a house that is named is kept, and used again.
`python bench/doors.py watch [--count 500]` lets that many watch a run, a tenth of them without reading, beside other
runs: processor time of the same work alone and beside them. `python bench/doors.py rest` measures a server at rest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2
from websockets.asyncio.client import connect

from cuga.clock import ulid
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.place import Place, make

ROUNDS = 200
RUNS_BESIDE = 20
AFTERWARDS = 20  # steps of the run that is watched
# these begin something, stay open, or make a file of everything
NOT_READ = {"/api/login/oidc", "/api/login/oidc/callback", "/api/traces/{trace_id}/stream", "/api/evidence"}
ABSENT = {"/api/policy/shadow", "/api/witness/{origin_hash}/checkpoint"}  # nothing is kept there
GOAL = "Score Velkarin Foods"
DRAFT = PlanStep(
    tool="draft_outbound_message", input={"account": "Velkarin Foods", "channel": "email", "recipient": "buyer"}
)


def rss(pid: int) -> float:
    """MB of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Server:
    """`cuga serve` on a house, in a process of its own."""

    def __init__(self, place: Place) -> None:
        command = [sys.executable, "-m", "cuga.cli", "serve", "--house", str(place.root), "--port", "0"]
        self.process = subprocess.Popen([*command, "--no-open", "--json"], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.url = str(told["url"])
        self.http = httpx2.Client(base_url=self.url, headers={"Origin": self.url}, timeout=60)
        self.http.post("/api/login/link", json={"token": told["link"].rpartition("/")[2]}).raise_for_status()

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


async def fill(place: Place, count: int) -> None:
    """Runs of one tool each, begun one after the other: they have ended, but every hundredth waits for somebody."""
    async with Coordinator(house=place.root) as front:
        await front.fill_with_sample()
        done = Plan(goal=GOAL, steps=(PlanStep(tool="score_account_fit", input={"account": "Velkarin Foods"}),))
        waits = Plan(goal=GOAL, steps=(DRAFT,))
        gate = asyncio.Semaphore(500)
        at = int(time.time() * 1000) - count * 10

        async def one(number: int) -> None:
            async with gate:
                run_id = ulid(at + number * 10, number.to_bytes(10, "big"))
                is_waiting = number % 100 == 99
                plan, profile = (waits, "enterprise") if is_waiting else (done, "smb")
                await front.start(f"{GOAL} {number}", plan=plan, profile=profile, run_id=run_id)
                await front.wait(run_id)

        for first in range(0, count, 5_000):
            await asyncio.gather(*(one(number) for number in range(first, min(first + 5_000, count))))
            print(f"{min(first + 5_000, count):,} runs", file=sys.stderr, flush=True)


def asked(server: Server, path: str, rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds of one request after the other, and those of a processor that the server needs for one."""
    times = []
    cpu = 0.0
    for number in range(rounds + 5):
        if number == 5:
            cpu = cpu_of(server.process.pid)
        start = time.perf_counter()
        server.http.get(path).raise_for_status()
        if number >= 5:
            times.append((time.perf_counter() - start) * 1000)
    times.sort()
    found = {
        "p50_ms": round(statistics.median(times), 2),
        "p99_ms": round(times[int(len(times) * 0.99) - 1], 2),
        "cpu_ms": round((cpu_of(server.process.pid) - cpu) / rounds * 1000, 2),
    }
    print(path, found, file=sys.stderr)
    return found


def routes(server: Server) -> dict[str, str]:
    """A path of every route that only reads, and of lists also a later page and searches, by name."""
    runs = server.http.get("/api/runs").json()
    waiting = server.http.get("/api/approvals").json()["items"][0]
    run_id = runs["items"][0]["run_id"]
    known = {
        "run_id": run_id, "trace_id": run_id, "approval_id": waiting["approval_id"], "profile": "smb",
        "table": "accounts", "record_id": server.http.get("/api/crm/accounts").json()["items"][0]["id"],
    }  # fmt: skip
    document = server.http.get("/api/openapi.json").json()
    reading = [path for path, way in document["paths"].items() if "get" in way and path not in NOT_READ]
    found = {path: path.format_map(known) for path in reading if path not in ABSENT}
    middle = server.http.get("/api/runs?status=parked&limit=200").json()["next"] or ""
    found |= {
        f"/api/runs?{words}": f"/api/runs?{words}"
        for words in ("limit=200", "mine=true", "status=parked", "status=failed", "profile=enterprise", "q=so-rare")
    }  # fmt: skip
    oldest = server.http.get("/api/audit?limit=200").json()["next"] or ""
    return found | {
        "/api/runs?cursor=": f"/api/runs?cursor={middle}",
        "/api/approvals?limit=200": "/api/approvals?limit=200",
        "/api/approvals?run_id=": f"/api/approvals?run_id={waiting['run_id']}",
        "/api/audit?cursor=": f"/api/audit?cursor={oldest}",
        "/api/audit?run_id=": f"/api/audit?run_id={run_id}",
    }


def reads(place: Place, count: int) -> dict[str, Any]:
    server = Server(place)
    try:
        start = time.perf_counter()
        server.http.get("/api/audit").raise_for_status()
        server.http.get("/api/signals").raise_for_status()
        first = time.perf_counter() - start
        found = {name: asked(server, path) for name, path in routes(server).items()}
        slow = {name: took for name, took in found.items() if took["p50_ms"] > 5 or took["p99_ms"] > 50}
        return {
            "runs": count,
            "first_views_s": round(first, 1),
            "routes": len(found),
            "slowest_p50_ms": max(took["p50_ms"] for took in found.values()),
            "slowest_p99_ms": max(took["p99_ms"] for took in found.values()),
            "beyond": slow,
            "rss_mb": round(rss(server.process.pid), 1),
        }
    finally:
        server.stop()


def parked_run(server: Server) -> str:
    """A run that waits for a decision, with `AFTERWARDS` steps behind it."""
    later = [
        {"tool": "score_account_fit", "input": {"account": "Velkarin Foods"}, "depends_on": ["s0"]}
        for _ in range(AFTERWARDS)
    ]
    first = {"tool": DRAFT.tool, "input": dict(DRAFT.input), "step_id": "s0"}
    body = {"goal": "wait", "profile": "enterprise", "steps": [first, *later]}
    return str(server.http.post("/api/agents/execute", json=body).raise_for_status().json()["run_id"])


async def watched(server: Server, count: int, more: str) -> dict[str, Any]:
    url = server.url.replace("http", "ws")

    def work() -> dict[str, float]:
        """Runs that nobody watches by themselves; those who watch the house hear of them."""
        cpu = cpu_of(server.process.pid)
        start = time.perf_counter()
        for _ in range(RUNS_BESIDE):
            server.http.post("/api/agents/execute", json={"goal": GOAL, "profile": "smb"}).raise_for_status()
        return {"cpu_s": cpu_of(server.process.pid) - cpu, "wall_s": time.perf_counter() - start}

    def decide(run_id: str) -> dict[str, float]:
        """Agree to what a run waits for, and see it end."""
        card = server.http.get("/api/approvals", params={"run_id": run_id}).json()["items"][0]
        cpu = cpu_of(server.process.pid)
        start = time.perf_counter()
        yes = {"verdict": "approve", "digest": card["digest"]}
        server.http.post(f"/api/approvals/{card['approval_id']}", json=yes).raise_for_status()
        decided = time.perf_counter() - start
        while server.http.get(f"/api/runs/{run_id}").json()["status"] != "success":
            time.sleep(0.02)
        took = time.perf_counter() - start
        time.sleep(1)  # what is still told afterwards counts too
        return {"decision_ms": decided * 1000, "wall_s": took, "cpu_s": cpu_of(server.process.pid) - cpu}

    await asyncio.to_thread(work)
    alone = await asyncio.to_thread(work)
    unwatched = await asyncio.to_thread(decide, parked_run(server))
    parked = parked_run(server)
    before = rss(server.process.pid)
    headers = {"Cookie": server.cookie}
    sockets = [
        await connect(f"{url}{path}", origin=server.url, additional_headers=headers, max_queue=1)
        for _ in range(count // 2)
        for path in (f"/ws/traces/{parked}?everything=1{more}", f"/ws/house?{more}")
    ]
    deaf = sockets[: count // 10]

    async def read(socket: Any) -> int:
        seen = 0
        try:
            while True:
                await socket.recv()
                seen += 1
        except Exception:
            return seen

    readers = [asyncio.ensure_future(read(one)) for one in sockets[len(deaf) :]]
    await asyncio.sleep(2)
    beside = await asyncio.to_thread(work)
    during = rss(server.process.pid)
    await asyncio.sleep(2)
    seen_by_all = await asyncio.to_thread(decide, parked)
    await asyncio.gather(*(one.close() for one in sockets[len(deaf) :]))
    frames = await asyncio.gather(*readers)
    for one in deaf:
        one.transport.abort()
    return {
        "watchers": count, "never_reading": len(deaf), "messages_read": sum(frames),
        "runs_alone": alone, "runs_beside": beside, "cpu_ratio": round(beside["cpu_s"] / alone["cpu_s"], 2),
        "run_unwatched": unwatched, "run_watched": seen_by_all, "rss_mb": [round(before, 1), round(during, 1)],
    }  # fmt: skip


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["reads", "watch", "rest"])
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--house", type=Path, default=None)
    parser.add_argument("--single", action="store_true", help="watch with a message for each frame")
    said = parser.parse_args()
    spare = Path(tempfile.mkdtemp(prefix="cuga-bench-"))
    try:
        place = Place(said.house or spare / "house")
        count = said.count or (100_000 if said.what == "reads" else 500)
        if not place.registry.exists():
            make(place.root)
            asyncio.run(fill(place, count if said.what == "reads" else 1))
        if said.what == "reads":
            print(json.dumps(reads(place, count)))
            return
        server = Server(place)
        try:
            if said.what == "watch":
                print(json.dumps(asyncio.run(watched(server, count, "" if said.single else "&batch=1"))))
            else:
                time.sleep(3)
                print(json.dumps({"rss_mb": round(rss(server.process.pid), 1)}))
        finally:
            server.stop()
    finally:
        shutil.rmtree(spare, ignore_errors=True)


if __name__ == "__main__":
    main()
