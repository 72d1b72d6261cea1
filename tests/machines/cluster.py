"""A Postgres, a server with the page and two workers on this machine, from packages alone, to try a house of many
machines.

    python -m tests.machines.cluster DIR

They run until Ctrl-C; whoever ends by itself is started again, as a supervisor does. The house and its database stay in
the directory.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.postgres import package

WORKERS = 2
SOON_S = 5.0  # who ends before that cannot work here


class Process:
    """A command of cuga that is started again when it ends."""

    def __init__(self, name: str, command: str, log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.environment = environment
        self.start()

    def start(self) -> None:
        """Start it, after what its log has already."""
        self.begun = time.monotonic()
        self.heard = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "cuga.cli", self.command], env=self.environment, stdout=log, stderr=log
            )

    def said(self) -> str:
        """What it said since it was started."""
        return self.log.read_bytes()[self.heard :].decode(errors="replace")

    def look(self) -> None:
        """Start it again when it has ended; `SystemExit` when that is of no use."""
        if (code := self.running.poll()) is None:
            return
        if time.monotonic() - self.begun < SOON_S:
            raise SystemExit(f"{self.name} ended at once, with {code}:\n{self.said()}")
        print(f"{self.name} ended, with {code}, and is started again.", flush=True)
        self.start()


def main(directory: Path) -> int:
    (directory / "postgres").mkdir(parents=True, exist_ok=True)
    server = package().get_server(directory / "postgres", cleanup_mode="stop")
    address = server.get_uri().replace(":@", "@")
    house = directory / "house"
    environment = os.environ | {"CUGA_HOUSE": str(house), "CUGA_DATABASE": address}
    if not (house / "registry.yaml").exists():
        words = [sys.executable, "-m", "cuga.cli", "init", str(house), "--sample"]
        done = subprocess.run(words, env=environment, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
    logs = directory / "logs"
    logs.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running: list[Process] = []
    try:
        for name, command in (("serve", "serve"), *((f"worker-{one}", "worker") for one in range(1, WORKERS + 1))):
            running.append(Process(name, command, logs / f"{name}.log", environment))
        link = page_of(running[0])
        print(
            f"A server and {WORKERS} workers on {address}; what they say is in {logs}.\n"
            f"  {link}    # the page; signs you in once\n"
            "In another terminal:\n"
            f"  export CUGA_HOUSE={house} CUGA_DATABASE='{address}'\n"
            '  cuga run "Score Velkarin Foods"\n'
            "  cuga doctor\n"
            f"  kill -9 {running[-1].running.pid}    # a worker: another one takes over what it had\n"
            "Ctrl-C stops them all.",
            flush=True,
        )
        while True:
            time.sleep(0.5)
            for one in running:
                one.look()
    except KeyboardInterrupt:
        return 0
    finally:
        for one in running:
            one.running.terminate()
        for one in running:
            one.running.wait()
        server.stop()


def page_of(serve: Process) -> str:
    """The link that it prints once it serves."""
    while True:
        serve.look()
        if found := re.search(r"http://\S+", serve.said()):
            return found[0]
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
