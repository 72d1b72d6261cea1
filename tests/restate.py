"""A Restate server of this test process, from its npm package; started when first asked for.

It listens on loopback only, tells nobody of itself, and keeps its data in a temporary directory. Where it cannot start,
whoever asks is skipped with the reason.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path

import pytest

PATIENCE_S = 60.0
PACKAGES = Path(sys.prefix) / "node" / "node_modules" / "@restatedev"


class Server:
    """One server process, which can be killed and started again on what it has kept."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="cuga-restate-"))
        self.ingress_port, self.admin_port, self._node_port = free_ports(3)
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.remove)

    @property
    def ingress(self) -> str:
        return f"http://127.0.0.1:{self.ingress_port}"

    @property
    def admin(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        told = {
            "RESTATE_DISABLE_TELEMETRY": "true",
            "RESTATE_LISTEN_MODE": "tcp",
            "RESTATE_BIND_IP": "127.0.0.1",
            "RESTATE_BIND_PORT": str(self._node_port),
            "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{self.ingress_port}",
            "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{self.admin_port}",
            "RESTATE_DEFAULT_NUM_PARTITIONS": "4",
            "RESTATE_ROCKSDB_TOTAL_MEMORY_SIZE": "256.0 MiB",
            "RESTATE_LOG_FILTER": "warn",
            "RESTATE_WORKER__INVOKER__HTTP2_KEEP_ALIVE_INTERVAL": "3s",  # else a host that stands still is not noticed
            "RESTATE_WORKER__INVOKER__HTTP2_KEEP_ALIVE_TIMEOUT": "3s",
            "DO_NOT_TRACK": "1",
        }
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(_binary()), "--no-logo", "--base-dir", str(self.directory / "data")],
                env=os.environ | told, cwd=self.directory, stdout=log, stderr=log,
            )  # fmt: skip
        until = time.monotonic() + PATIENCE_S
        while not (_answers(f"{self.admin}/health") and _answers(f"{self.ingress}/restate/health") and self._counts()):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.directory / "server.log").read_text()[-2000:] or "it does not answer")
            time.sleep(0.05)

    def _counts(self) -> bool:
        """Whether it can say what it has: it is healthy some moments before."""
        asked = urllib.request.Request(
            f"{self.admin}/query",
            data=b'{"query": "select count(*) as many from sys_invocation"}',
            headers={"content-type": "application/json", "accept": "application/json"},
        )
        return _answers(asked)

    def kill(self) -> None:
        """As a crash would: nothing is finished."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """Lose everything that it kept."""
        self.kill()
        shutil.rmtree(self.directory / "data")

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def new_server() -> Server:
    """A server that nobody else uses; skips where there is none."""
    if not shutil.which("npm") or _binary() is None:
        pytest.skip("the Restate server comes from npm, with `make .venv/.node`, and is not here")
    pytest.importorskip("restate", reason="the extra `restate` is not installed")
    server = Server()
    try:
        server.start()
    except (OSError, RuntimeError) as error:
        server.remove()
        pytest.skip(f"no Restate server can be started here: {error}")
    return server


@cache
def shared_server() -> Server:
    """The server that all tests of this process use which do not harm it."""
    return new_server()


def _binary() -> Path | None:
    return next(PACKAGES.glob("restate-server-*/bin/restate-server"), None)


def _answers(url: str | urllib.request.Request) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status) == 200
    except (OSError, urllib.error.URLError):
        return False
