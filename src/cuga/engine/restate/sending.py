"""What is owed to Restate, and sent to it: looks at runs, now or when they are due.

A send is made after the append that it is made for, and until Restate has taken it, it is owed, in memory. Nothing is
sent twice under one key; Restate knows a key again, so asking once more costs nothing but the question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import quote, urlsplit

from cuga.clock import Clock
from cuga.engine.restate.service import HANDLER
from cuga.errors import BadInput, CugaError
from cuga.model.value import Value
from cuga.outbound import Egress, SafeClient

AGAIN_S = 1.0  # after Restate did not answer
SENDING = 32  # sends at once

Naming = Callable[[], Awaitable[str]]


class Address(Value, frozen=True, kw_only=True):
    """Where a Restate server is, and where it finds this process."""

    ingress: str  # http://host:8080
    admin: str  # http://host:9070
    listen: str  # host:port
    reach: str  # http://host:port, as the server sees it: this process, or what stands before all of them

    @property
    def bound(self) -> tuple[str, int]:
        """Host and port to listen at. `BadInput`."""
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdigit():
            raise BadInput(f"CUGA_RESTATE_LISTEN={self.listen!r}: expected HOST:PORT")
        return host.strip("[]"), int(port)


class Sending:
    """The sends of one process. `unknown` is called when Restate knows of nobody who would look."""

    def __init__(self, address: Address, naming: Naming, clock: Clock, unknown: Callable[[], Awaitable[None]]) -> None:
        self.trouble = ""  # why Restate was not reached the last time
        self.is_over = False
        self.comes_here = True  # only this process can come for what it sends
        self.address = address
        self.client = _client_of(address)
        self.sent: dict[str, float] = {}  # run -> since when somebody is to come for it
        self._naming = naming
        self._name = ""
        self._clock = clock
        self._unknown = unknown
        self._room = asyncio.Semaphore(SENDING)
        self._owed: dict[tuple[str, datetime | None], str] = {}  # run and time -> the key of the send that is to come
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """How many sends are owed."""
        return len(self._owed)

    def is_owed(self, run_id: str) -> bool:
        """Whether a look at a run, now, has not left yet."""
        return (run_id, None) in self._owed

    async def name(self) -> str:
        """The name under which Restate knows the runs of this house."""
        if not self._name:
            self._name = await self._naming()
        return self._name

    def owe(self, run_id: str, version: int = 0, *, again: bool = False) -> None:
        """A run is to be looked at since it stands at a version; sent until Restate has it. `again`: whether or not it
        was sent for that version before."""
        self._owe((run_id, None), f"{run_id}.{version}" + (f".{self._clock.new_id()}" if again else ""))

    def owe_at(self, run_id: str, at: datetime) -> None:
        """A run is to be looked at when it is due."""
        self._owe((run_id, at), f"{run_id}.{at.timestamp():.3f}")

    def _owe(self, name: tuple[str, datetime | None], key: str) -> None:
        is_on_its_way = name in self._owed
        self._owed[name] = key
        if not is_on_its_way and not self.is_over:  # what was owed to it has not left yet, and will do for this
            self._spawn(self._deliver(name))

    async def _deliver(self, name: tuple[str, datetime | None]) -> None:
        run_id, at = name
        while True:
            async with self._room:
                if (key := self._owed.pop(name, None)) is None:
                    return
                if at is None and self.comes_here:
                    self.sent[run_id] = asyncio.get_running_loop().time()
                try:
                    is_sent = await self._send(run_id, key, at)
                except BaseException:  # we are told to end: `close` tries it once more
                    self._owed.setdefault(name, key)
                    raise
            if is_sent:
                return
            self._owed.setdefault(name, key)
            await asyncio.sleep(AGAIN_S)

    async def _send(self, run_id: str, key: str, at: datetime | None) -> bool:
        """Whether Restate has a wake now."""
        wait_s = 0.0 if at is None else max(0.0, (at - self._clock.now()).total_seconds() + 0.01)
        url = f"{self.address.ingress}/{await self.name()}/{quote(run_id, safe='')}/{HANDLER}/send"
        try:
            answer = await self.client.post(
                url, key=key, params={"delay": f"{wait_s * 1000:.0f}ms"} if wait_s else None, statuses=(404,)
            )
            if answer.status == 404:  # it does not know us, or not any more
                self.trouble = "Restate knows of nobody who advances runs of this house"
                await self._unknown()
                return False
            if at is None and answer.json().get("status") == "PreviouslyAccepted":
                self.sent.pop(run_id, None)  # looked at for this already, or about to be: nobody comes for it anew
        except CugaError as error:
            self.trouble = str(error)
            return False
        return True

    async def close(self) -> None:
        """Try once more to send what is owed, then let go: a sweep finds the rest in the book."""
        self.is_over = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for (run_id, at), key in self._owed.items():
            if not await self._send(run_id, key, at):
                break

    def _spawn(self, work: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _client_of(address: Address) -> SafeClient:
    """A client that reaches Restate, wherever it is, and nothing else; over no proxy."""
    hosts = tuple(dict.fromkeys(_host(url) for url in (address.ingress, address.admin)))
    return SafeClient(Egress(hosts=hosts, inside=hosts, plain=True), attempts=2, total_s=10.0)


def _host(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"{url!r} is no address of a Restate server: expected http://HOST:PORT")
    return parts.hostname
