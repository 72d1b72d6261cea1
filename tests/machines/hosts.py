"""Network namespaces as hosts: each worker has a network stack of its own, and a wire between them loses packets.

The wire is a thread that carries packets between TUN devices: it loses what it is told to, by chance with a seed, and a
host can be cut off altogether while its processes go on. It needs root and the `ip` command; elsewhere whoever asks is
skipped with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
import select
import socket
import struct
import subprocess
import threading
from collections import Counter
from types import TracebackType

import pytest
from tests.postgres import database

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
WIRE_MTU = 1500


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def tun(name: str) -> int:
    """A device whose packets are read and written here."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


class Hosts:
    """So many hosts on one wire, and the database at its other end."""

    def __init__(self, count: int, loss: float, seed: int) -> None:
        self.loss = loss  # share of packets, each way
        self.away: set[int] = set()  # hosts that are cut off
        self.packets: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._count = count
        self._tag = f"{os.getpid() % 100_000}"
        self._net = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
        self._ends: dict[int, int] = {}  # last part of the address -> device
        self._numbers: dict[int, int] = {}  # last part of the address -> host
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def inside(self, number: int) -> tuple[str, ...]:
        """What a command begins with that is to run on a host."""
        return ("ip", "netns", "exec", self._name(number))

    def address(self, name: str) -> str:
        """Where the database is, as the hosts see it."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql://postgres@{self._net}.1:{port}/{name}"

    def _name(self, number: int) -> str:
        return f"cuga-{self._tag}-{number}"

    async def __aenter__(self) -> Hosts:
        try:
            self._make()
        except OSError as error:
            self._take_away()
            pytest.skip(f"no hosts of network namespaces here: {error}")
        self._thread.start()
        self._server = await asyncio.start_server(self._serve, f"{self._net}.1", 0)
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        self._over.set()
        self._thread.join(5)
        self._take_away()

    def _make(self) -> None:
        self._ends[1] = tun(f"cg{self._tag}")
        ip("addr", "add", f"{self._net}.1/24", "dev", f"cg{self._tag}")
        ip("link", "set", f"cg{self._tag}", "mtu", str(WIRE_MTU), "up")
        for number in range(self._count):
            last, device = 10 + number, f"cg{self._tag}-{number}"
            ip("netns", "add", self._name(number))
            self._ends[last], self._numbers[last] = tun(device), number
            ip("link", "set", device, "netns", self._name(number))
            ip("-n", self._name(number), "addr", "add", f"{self._net}.{last}/24", "dev", device)
            ip("-n", self._name(number), "link", "set", device, "mtu", str(WIRE_MTU), "up")
            ip("-n", self._name(number), "link", "set", "lo", "up")

    def _take_away(self) -> None:
        for descriptor in self._ends.values():
            os.close(descriptor)
        self._ends.clear()
        for number in range(self._count):
            with contextlib.suppress(OSError):
                ip("netns", "del", self._name(number))

    def _carry(self) -> None:
        while not self._over.is_set():
            ready, _, _ = select.select(list(self._ends.values()), [], [], 0.2)
            for descriptor in ready:
                with contextlib.suppress(OSError):  # a host that is being taken away
                    self._pass_on(os.read(descriptor, 65_536))

    def _pass_on(self, packet: bytes) -> None:
        if packet[0] >> 4 != 4 or (target := self._ends.get(packet[19])) is None:
            return
        if {self._numbers.get(packet[15]), self._numbers.get(packet[19])} & self.away:
            self.packets["cut off"] += 1
        elif self._chance.random() < self.loss:
            self.packets["lost"] += 1
        else:
            self.packets["carried"] += 1
            os.write(target, packet)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What a server does with a connection whose other side is silent: it lets it go after some seconds."""
        line: socket.socket = writer.get_extra_info("socket")
        for option, value in ((socket.TCP_KEEPIDLE, 2), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 4)):
            line.setsockopt(socket.IPPROTO_TCP, option, value)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 8_000)
        there, back = await asyncio.open_unix_connection(f"{database().partition('host=')[2]}/.s.PGSQL.5432")
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.ensure_future(self._pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                target.write(data)
                await target.drain()
        target.close()
