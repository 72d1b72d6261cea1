"""What the doors cost: reads with many runs stored, many watchers, memory at rest. Prints one JSON line.

`python bench/doors.py reads [--count 100000]` stores that many runs and asks for each kind of page over real HTTP.
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
from cuga.orchestrator.place import Place, make

ROUNDS = 200
GOAL = "Score Velkarin Foods"


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
    """Runs that have ended, begun by hand over the last weeks: one tool each."""
    async with Coordinator(house=place.root) as front:
        await front.fill_with_sample()
        plan = Plan(goal=GOAL, steps=(PlanStep(tool="score_account_fit", input={"account": "Velkarin Foods"}),))
        gate = asyncio.Semaphore(500)
        at = int(time.time() * 1000) - count * 10

        async def one(number: int) -> None:
            async with gate:
                run_id = ulid(at + number * 10, number.to_bytes(10, "big"))
                await front.start(f"{GOAL} {number}", plan=plan, run_id=run_id)
                await front.wait(run_id)

        for first in range(0, count, 5_000):
            await asyncio.gather(*(one(number) for number in range(first, min(first + 5_000, count))))
            print(f"{min(first + 5_000, count):,} runs", file=sys.stderr)


def asked(server: Server, path: str, rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds of one request after the other."""
    times = []
    for number in range(rounds + 5):
        start = time.perf_counter()
        server.http.get(path).raise_for_status()
        if number >= 5:
            times.append((time.perf_counter() - start) * 1000)
    times.sort()
    print(f"{path}: {statistics.median(times):.2f} ms", file=sys.stderr)
    return {"p50_ms": round(statistics.median(times), 2), "p99_ms": round(times[int(len(times) * 0.99) - 1], 2)}


def reads(place: Place, count: int) -> dict[str, Any]:
    asyncio.run(fill(place, count))
    server = Server(place)
    try:
        first = server.http.get("/api/audit").elapsed.total_seconds()
        runs = server.http.get("/api/runs").json()
        run_id = runs["items"][0]["run_id"]
        paths = {
            "me": "/api/me", "house": "/api/house", "runs": "/api/runs?limit=50", "mine": "/api/runs?mine=true",
            "page_2": f"/api/runs?cursor={runs['next']}",
            "rare": "/api/runs?q=nothing-like-it", "run": f"/api/runs/{run_id}",
            "trace": f"/api/traces/{run_id}", "inbox": "/api/approvals", "tools": "/api/tools", "audit": "/api/audit",
            "accounts": "/api/crm/accounts", "signals": "/api/signals",
        }  # fmt: skip
        found = {name: asked(server, path) for name, path in paths.items()}
        return {
            "runs": count,
            "first_audit_s": round(first, 1),
            "reads": found,
            "rss_mb": round(rss(server.process.pid), 1),
        }
    finally:
        server.stop()


async def watched(server: Server, count: int) -> dict[str, Any]:
    url = server.url.replace("http", "ws")
    parked = server.http.post(
        "/api/agents/execute",
        json={"goal": "wait", "profile": "enterprise", "steps": [{"tool": "draft_outbound_message", "input": {
            "account": "Velkarin Foods", "channel": "email", "recipient": "buyer"}}]},
    ).json()["run_id"]  # fmt: skip

    def work() -> dict[str, float]:
        cpu = cpu_of(server.process.pid)
        start = time.perf_counter()
        for _ in range(20):
            server.http.post("/api/agents/execute", json={"goal": GOAL, "profile": "smb"}).raise_for_status()
        return {"cpu_s": cpu_of(server.process.pid) - cpu, "wall_s": time.perf_counter() - start}

    await asyncio.to_thread(work)
    alone = await asyncio.to_thread(work)
    before = rss(server.process.pid)
    headers = {"Cookie": server.cookie}
    sockets = [
        await connect(f"{url}{path}", origin=server.url, additional_headers=headers, max_queue=1)
        for _ in range(count // 2)
        for path in (f"/ws/traces/{parked}", "/ws/house")
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
    await asyncio.sleep(0.5)
    beside = await asyncio.to_thread(work)
    during = rss(server.process.pid)
    card = server.http.get("/api/approvals", params={"run_id": parked}).json()["items"][0]
    yes = {"verdict": "approve", "digest": card["digest"]}
    start = time.perf_counter()
    server.http.post(f"/api/approvals/{card['approval_id']}", json=yes).raise_for_status()
    decided = time.perf_counter() - start
    await asyncio.gather(*(one.close() for one in sockets[len(deaf) :]))
    frames = await asyncio.gather(*readers)
    for one in deaf:
        one.transport.abort()
    return {
        "watchers": count, "never_reading": len(deaf), "frames_read": sum(frames),
        "alone": alone, "beside": beside, "cpu_ratio": round(beside["cpu_s"] / alone["cpu_s"], 2),
        "decision_ms": round(decided * 1000, 1), "rss_mb": [round(before, 1), round(during, 1)],
    }  # fmt: skip


def cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["reads", "watch", "rest"])
    parser.add_argument("--count", type=int, default=0)
    said = parser.parse_args()
    spare = Path(tempfile.mkdtemp(prefix="cuga-bench-"))
    try:
        place = make(spare / "house")
        if said.what == "reads":
            print(json.dumps(reads(place, said.count or 100_000)))
            return
        asyncio.run(fill(place, 1))
        server = Server(place)
        try:
            if said.what == "watch":
                print(json.dumps(asyncio.run(watched(server, said.count or 500))))
            else:
                time.sleep(3)
                print(json.dumps({"rss_mb": round(rss(server.process.pid), 1)}))
        finally:
            server.stop()
    finally:
        shutil.rmtree(spare, ignore_errors=True)


if __name__ == "__main__":
    main()
