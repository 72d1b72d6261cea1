"""A worker that is asked how it is: the same three answers as a server gives, about itself, until it has ended."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.doors.terminal import Terminal, ended
from tests.postgres import fresh_database

from cuga.api.vitals import MOST_OPEN
from cuga.cli.exits import Exit

PATIENCE_S = 60.0
PROBED_S = 10.0


def soon(holds: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    until = time.monotonic() + patience_s
    while not (found := holds()):
        assert time.monotonic() < until, "it did not come to it"
        time.sleep(0.05)
    return found


class Worker:
    """A real worker, and who asks it."""

    def __init__(self, cuga: Terminal, *words: str, **variables: str) -> None:
        self.process = cuga.start("worker", "--json", *words, **variables)
        self.url = ""
        if "--metrics" in words:
            assert self.process.stdout is not None
            said = self.process.stdout.readline()
            assert said, ended(self.process)
            self.url = json.loads(said)["url"]

    def ask(self, path: str, **headers: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", headers=headers, timeout=PROBED_S)

    def figures(self, key: str) -> dict[str, float]:
        answer = self.ask("/metrics", Authorization=f"Bearer {key}")
        assert answer.status_code == 200, answer.text
        lines = [line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return ended(self.process).code


@pytest.fixture
def house(cuga: Terminal) -> Terminal:
    """The house with the slow tools, in a database."""
    said = cuga("migrate", fresh_database())
    assert said.code == 0, said.err
    return cuga


@pytest.fixture
def key(house: Terminal) -> str:
    return house("keys", "make", "prometheus", "--scope", "look").out.strip()


@pytest.fixture
def begun() -> Iterator[list[Any]]:
    """Processes that end with the test, however it ends."""
    processes: list[Any] = []
    yield processes
    for one in processes:
        if one.poll() is None:
            one.kill()
        one.communicate()


LISTENS, IS_OPEN = "0A", "01"  # as the kernel calls it


def sockets(pid: int, state: str) -> list[int]:
    """The ports of a process at which it listens, or has connections open."""
    inodes = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            if found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{descriptor}")):
                inodes.add(found[1])
    rows = [
        line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()
    ]
    return [int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == state and row[9] in inodes]


def test_a_worker_answers_for_itself_and_says_no_while_it_drains(house: Terminal, key: str, begun: list[Any]) -> None:
    house.variables |= {"CUGA_CALL_THREADS": "1", "CUGA_GRACE_S": "20", "CUGA_LOG": "info"}
    worker = Worker(house, "--metrics", "127.0.0.1:0", TEST_SLEEP="4")
    begun.append(worker.process)
    soon(lambda: worker.ask("/readyz").status_code == 200)
    assert worker.ask("/healthz").json() == {"status": "ok"}
    assert worker.ask("/readyz").json() == {"status": "ready"}
    assert sockets(worker.process.pid, LISTENS) == [int(worker.url.rpartition(":")[2])]
    assert worker.url.startswith("http://127.0.0.1:")

    assert worker.ask("/metrics").status_code == 401
    assert worker.ask("/metrics", Authorization="Bearer cuga_no_such_key").status_code == 401
    blind = house("keys", "make", "starter", "--scope", "start_run").out.strip()
    assert worker.ask("/metrics", Authorization=f"Bearer {blind}").status_code == 403
    assert worker.ask("/metrics", Host="evil.example").status_code == 403, "a name elsewhere was made to point here"
    no_api = worker.ask("/api/runs", Authorization=f"Bearer {key}")
    assert no_api.status_code == 404
    assert no_api.json()["mend"] == "This process has `/healthz`, `/readyz`, `/metrics` and nothing else."

    begun += [house.start("run", "Count the clouds", "--json") for _ in range(3)]
    house.until_deed("counting")
    figures = soon(lambda: (now := worker.figures(key))["cuga_calls_without_thread"] == 2 and now)
    assert figures['cuga_runs_now{status="running"}'] == 3
    assert figures["cuga_journal_appends_total"] > 0
    assert figures["cuga_queue_workers"] == 1
    assert {"cuga_fenced_appends_total", "cuga_database_lost_total", "cuga_queue_sweep_lag_seconds"} <= figures.keys()
    own = Path(f"/proc/{worker.process.pid}/statm").read_text().split()
    told = figures["process_resident_memory_bytes"]
    assert abs(told - int(own[1]) * os.sysconf("SC_PAGE_SIZE")) < 64 << 20, "of this process and not of another"
    refused = 'cuga_http_requests_total{method="GET",route="/metrics",status="401"}'
    assert figures[refused] == 2

    worker.process.send_signal(signal.SIGTERM)
    soon(lambda: worker.ask("/readyz").status_code == 503, 3)
    assert worker.ask("/readyz").json() == {"status": "not ready"}
    assert worker.ask("/healthz").status_code == 200
    assert worker.figures(key)["cuga_calls_without_thread"] == 0, "what waited is handed over"
    assert "counted" not in house.deeds(), "all this was while a call was let end"
    said = ended(worker.process)
    assert said.code == 0, said.err
    assert "counted" in house.deeds()
    with pytest.raises(httpx2.ConnectError):
        worker.ask("/healthz")
    assert "Traceback" not in said.err


def test_without_the_option_nothing_listens_and_no_web_is_loaded(house: Terminal, begun: list[Any]) -> None:
    worker = Worker(house, PYTHONPROFILEIMPORTTIME="1")
    begun.append(worker.process)
    assert worker.process.stderr is not None
    loaded = []
    for line in worker.process.stderr:
        if "Serving" in line:
            break
        loaded.append(line.rpartition("|")[2].strip())
    assert "cuga.engine.distributed.engine" in loaded
    assert not [name for name in loaded if name.partition(".")[0] in ("fastapi", "starlette", "uvicorn")]
    assert not [name for name in loaded if name.startswith(("cuga.api", "prometheus_client"))]
    assert sockets(worker.process.pid, LISTENS) == []
    assert worker.stop() == 0


def test_a_port_that_is_taken_is_told_before_anything_is_begun(house: Terminal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        said = house("worker", "--metrics", where)
    assert said.code == Exit.BAD_INPUT
    assert f"{where} cannot be had: Address already in use" in said.err
    assert "--metrics" in said.err and "Serving" not in said.err


@pytest.mark.parametrize("where", ["", "here", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1", "::1", "[::1]"])
def test_an_address_that_is_none_is_told_with_one_that_would_do(cuga: Terminal, where: str) -> None:
    said = cuga("worker", "--metrics", where)
    assert said.code == Exit.BAD_INPUT
    assert "127.0.0.1:9464" in said.err


@pytest.mark.parametrize("where", ["nowhere.invalid:9464", "192.0.2.1:9464", "a..b:9464"])
def test_an_address_of_another_machine_cannot_be_had(house: Terminal, where: str) -> None:
    said = house("worker", "--metrics", where)
    assert said.code == Exit.BAD_INPUT
    assert f"{where} cannot be had" in said.err


def test_who_reads_nothing_or_hangs_on_holds_up_neither_work_nor_end(
    house: Terminal, key: str, begun: list[Any]
) -> None:
    worker = Worker(house, "--metrics", "0", CUGA_GRACE_S="1")
    begun.append(worker.process)
    port = int(worker.url.rpartition(":")[2])
    idle = []
    asks = f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    for number in range(2 * MOST_OPEN):
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        with contextlib.suppress(ConnectionError):  # cut off already, for those that came after it
            one.sendall(asks * 20 if number % 2 else b"GET /metr")
        idle.append(one)
    soon(lambda: worker.ask("/healthz").status_code == 200)
    assert sockets(worker.process.pid, IS_OPEN).count(port) <= MOST_OPEN
    assert house("run", "Count the clouds", "--json").json["status"] == "success"
    assert worker.ask("/readyz").status_code == 200
    at = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - at < 15
    for one in idle:
        one.close()


def test_on_another_host_any_name_that_leads_there_will_do_and_the_danger_is_said(
    house: Terminal, key: str, begun: list[Any]
) -> None:
    worker = Worker(house, "--metrics", "0.0.0.0:0")
    begun.append(worker.process)
    port = int(worker.url.rpartition(":")[2])
    worker.url = f"http://127.0.0.1:{port}"
    for name in (f"worker-1.internal:{port}", f"10.0.0.7:{port}"):
        assert worker.ask("/healthz", Host=name).status_code == 200
        assert worker.ask("/metrics", Host=name).status_code == 401
        assert worker.ask("/metrics", Host=name, Authorization=f"Bearer {key}").status_code == 200
    worker.process.send_signal(signal.SIGTERM)
    said = ended(worker.process)
    assert said.code == 0 and "no TLS" in said.err


def test_several_workers_of_one_directory_are_scraped_at_once(house: Terminal, key: str, begun: list[Any]) -> None:
    workers = [Worker(house, "--metrics", "0") for _ in range(2)]
    begun += [worker.process for worker in workers]
    runs = [house.start("run", "Count the clouds", "--json") for _ in range(2)]
    begun += runs
    while any(run.poll() is None for run in runs):
        for worker in workers:
            worker.figures(key)
    tell = [worker.figures(key)['cuga_runs_total{status="success"}'] for worker in workers]
    assert tell == [2, 2], "what is counted from the journal is the same from each"
    assert [worker.stop() for worker in workers] == [0, 0]


def test_a_machine_without_the_web_says_what_to_install(house: Terminal) -> None:
    hide = "import sys; sys.modules['uvicorn'] = None; from cuga.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", hide, "worker", "--metrics", "0"],
        env=house.environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == Exit.BAD_INPUT, done.stderr
    assert "pip install 'cugar[serve]'" in done.stderr
