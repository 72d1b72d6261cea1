"""Restate as what wakes runs, for the engine of many machines: sends, delayed sends, and being called.

A send means "look at this run" and holds no truth. It is made after the append that it is made for, and until Restate
has taken it, it is owed. What a process owed that died is found in the book again: every run that is not at rest there,
and whatever is due, is sent by a sweep. Sent twice is looked at twice, and the second look finds nothing to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from cuga.clock import Clock
from cuga.engine.distributed.pace import Pace
from cuga.engine.distributed.queue import Figures
from cuga.engine.restate.hold import Hold
from cuga.engine.restate.service import HANDLER, Service
from cuga.errors import BadInput, CugaError, HouseClosed, JournalFailed
from cuga.journal.port import Journal
from cuga.model.event import Status
from cuga.model.value import Value
from cuga.outbound import Egress, SafeClient

AGAIN_S = 1.0  # after Restate did not answer
SENDING = 32  # sends at once
UNHEARD_S = 30.0  # after which a send that brought nobody is made anew
PAGE = 500
Advance = Callable[[str, int, str], Awaitable[None]]  # (run id, number of the attendance, tenant)
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


class RestateQueue:
    """Wakes, is called and sweeps: what `DistributedEngine` asks of its queue, with Restate behind it."""

    def __init__(
        self, address: Address, naming: Naming, journal: Journal, clock: Clock, pace: Pace, hold: Hold
    ) -> None:
        self.pace = pace
        self.trouble = ""  # why Restate was not reached the last time
        self.heard: Callable[[], None] = lambda: None  # called when nobody can have taken our runs
        self.is_stopping = False
        self._address = address
        self._naming = naming
        self._name = ""
        self._journal = journal
        self._clock = clock
        self._hold = hold
        self._client = _client_of(address)
        self._room = asyncio.Semaphore(SENDING)
        self._owed: dict[tuple[str, datetime | None], str] = {}  # run and time -> the key of the send that is to come
        self._flying: dict[str, int] = {}  # run -> sends that Restate has not answered
        self._sent: dict[str, float] = {}  # run -> since when somebody is to come for it
        self._attended: dict[str, asyncio.Lock] = {}
        self._numbers = 0
        self._holders: dict[int, str] = {}  # attendance -> run
        self._healed: dict[str, int] = {}  # running runs at the last healing -> version
        self._due: dict[str, float] = {}  # runs that are overdue -> when they were sent
        self._is_new = True
        self._is_known = False  # Restate knows where we are
        self._advance: Advance | None = None
        self._service: Service | None = None
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- waking ------------------------------------------------------------------------------------------------------
    async def wake(self, run_id: str, queue: str = "") -> None:
        """Let a run be looked at, even if nothing was appended to it."""
        self.owe(run_id, again=True)

    async def wake_parked(self, tenant: str) -> int:
        """Let every parked run of a tenant be looked at."""
        return await self._owe_parked(tenant, again=True)

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
        if not is_on_its_way and not self.is_stopping:  # what was owed to it has not left yet, and will do for this
            self._spawn(self._deliver(name))

    async def _owe_parked(self, tenant: str, *, again: bool) -> int:
        before, found = "", 0
        while True:
            page = await self._journal.runs(tenant=tenant, status=Status.PARKED, before=before, limit=PAGE)
            for listed in page:
                self.owe(listed.run_id, listed.version, again=again)
            found += len(page)
            if len(page) < PAGE:
                return found
            before = page[-1].run_id

    async def _deliver(self, name: tuple[str, datetime | None]) -> None:
        run_id, at = name
        while True:
            async with self._room:
                if (key := self._owed.pop(name, None)) is None:
                    return
                self._flying[run_id] = self._flying.get(run_id, 0) + 1
                if at is None and not self._hold.is_shared:  # else another process may come for it
                    self._sent[run_id] = asyncio.get_running_loop().time()
                try:
                    is_sent = await self._send(run_id, key, at)
                finally:
                    self._flying[run_id] -= 1
                    if not self._flying[run_id]:
                        del self._flying[run_id]
            if is_sent:
                return
            self._owed.setdefault(name, key)
            await asyncio.sleep(AGAIN_S)

    async def _send(self, run_id: str, key: str, at: datetime | None) -> bool:
        """Whether Restate has a wake now."""
        wait_s = 0.0 if at is None else max(0.0, (at - self._clock.now()).total_seconds() + 0.01)
        url = f"{self._address.ingress}/{await self._named()}/{quote(run_id, safe='')}/{HANDLER}/send"
        try:
            answer = await self._client.post(
                url, key=key, params={"delay": f"{wait_s * 1000:.0f}ms"} if wait_s else None, statuses=(404,)
            )
            if answer.status == 404:  # it does not know us, or not any more
                self._is_known = False
                self.trouble = "Restate knows of nobody who advances runs of this house"
                await self._register()
                return False
            if answer.json().get("status") == "PreviouslyAccepted":
                self._sent.pop(run_id, None)  # looked at for this already, or about to be: nobody comes for it anew
        except CugaError as error:
            self.trouble = str(error)
            return False
        return True

    # --- being called ------------------------------------------------------------------------------------------------
    async def listen(self) -> None:
        """Listen where Restate is to find this process. `BadInput`: somebody else does, or it is no address of ours."""
        if self._service is None:
            service = Service(await self._named(), self._attend, is_shared=self._hold.is_shared)
            service.listen(*self._address.bound)
            self._service = service

    async def serve(
        self, advance: Advance, *, alone: bool = False, ready: Callable[[str], None] = lambda _: None
    ) -> None:
        """Listen, have Restate know where, and attend to what it brings until told to stop."""
        await self.listen()
        assert self._service is not None
        self._advance = advance
        self._spawn(self._keep_alive())
        if not alone:
            ready("")  # what is begun before Restate answers is owed to it
        while not self.is_stopping and not self._is_known:
            await self._register()
            if not self._is_known:
                await self._wait(AGAIN_S)
        ready("")
        await self._stopped.wait()
        await self._service.end()

    async def _named(self) -> str:
        """The name under which Restate knows the runs of this house."""
        if not self._name:
            self._name = await self._naming()
        return self._name

    async def _register(self) -> None:
        if self._service is None:
            return
        try:
            body = {"uri": self._address.reach, "force": True}
            await self._client.post(f"{self._address.admin}/deployments", key=self._clock.new_id(), json=body)
            self._is_known = True
            self.trouble = ""
        except CugaError as error:
            self.trouble = str(error)

    async def _keep_alive(self) -> None:
        """Have the others know that we live, where there are others."""
        while not self.is_stopping:
            if await self._hold.hear():
                self.heard()
            await self._wait(self.pace.heartbeat_s)

    async def _attend(self, run_id: str) -> None:
        """What a call of the handler does. One that joins another waits for it and then looks by itself, for whoever
        sent it may know of more than the other has seen."""
        turn = self._attended.setdefault(run_id, asyncio.Lock())
        try:
            async with turn:
                self._check_open()
                if self._advance is None:
                    raise HouseClosed("this process is not ready yet")
                await self._hold.take(run_id)
                self._sent.pop(run_id, None)
                self._numbers += 1
                number = self._numbers
                self._holders[number] = run_id
                try:
                    await self._advance(run_id, number, "")
                finally:
                    del self._holders[number]
                    await self._hold.let_go(run_id)
                self._check_open()  # it may not be at rest: another process looks
        finally:
            if not turn.locked() and self._attended.get(run_id) is turn:
                self._attended.pop(run_id)

    def _check_open(self) -> None:
        if self.is_stopping:
            raise HouseClosed("this process ends; Restate calls another one, or the next")

    # --- questions ---------------------------------------------------------------------------------------------------
    async def holds(self, number: int) -> bool:
        """Whether a run is still ours alone."""
        run_id = self._holders.get(number)
        return run_id is not None and await self._hold.holds(run_id)

    async def stands(self, run_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
        """Of some streams: the version, as far as others may move it, and whether somebody looks at them or is to."""
        found = await self._hold.stands(run_ids)
        return {run_id: (version, is_busy or self._is_busy(run_id)) for run_id, (version, is_busy) in found.items()}

    def _is_busy(self, run_id: str) -> bool:
        return run_id in self._attended or run_id in self._sent or (run_id, None) in self._owed

    async def workers(self) -> int:
        """How many other processes are known to serve this book."""
        return await self._hold.workers()

    async def figures(self) -> Figures:
        """What Restate has of this house. `JournalFailed` when it does not answer."""
        query = (
            "select status, count(*) as many from sys_invocation "
            f"where target_service_name = '{await self._named()}' and status <> 'completed' group by status"
        )
        try:
            answer = await self._client.post(
                f"{self._address.admin}/query", key=self._clock.new_id(), json={"query": query},
                headers={"accept": "application/json"},
            )  # fmt: skip
            rows = {row["status"]: int(row["many"]) for row in answer.json().get("rows", [])}
        except CugaError as error:
            raise JournalFailed(str(error)) from error
        now = self._clock.now()
        late = [] if (first := await self._journal.next_wake()) is None else [(now - first).total_seconds()]
        return Figures(
            waiting=sum(rows.get(name, 0) for name in ("pending", "ready")) + len(self._owed),
            running=rows.get("running", 0),
            stalled=sum(rows.get(name, 0) for name in ("backing-off", "paused", "suspended")),
            oldest_s=0.0,
            workers=await self._hold.workers() or int(self._service is not None),
            sweep_lag_s=max(0.0, *late, 0.0),
        )

    # --- the sweep ---------------------------------------------------------------------------------------------------
    async def sweep(self, *, healing: bool = False) -> tuple[int, int, int] | None:
        """Send again what brought nobody, what is overdue, and, `healing`, what is begun and nobody goes on with."""
        now_s = asyncio.get_running_loop().time()
        lost = [run_id for run_id, since in self._sent.items() if now_s - since > UNHEARD_S]
        for run_id in lost:
            if run_id not in self._attended:
                self.owe(run_id, again=True)
        due = await self._sweep_due(now_s)
        healed = await self._heal() if healing else 0
        return len(lost), due, healed

    async def _sweep_due(self, now_s: float) -> int:
        late = self._clock.now() - timedelta(seconds=2 * self.pace.sweep_s)
        overdue = await self._journal.due(late)
        self._due = {run_id: at for run_id, at in self._due.items() if now_s - at < UNHEARD_S}
        fresh = [run_id for run_id in overdue if run_id not in self._due and not self._is_busy(run_id)]
        for run_id in fresh:
            self._due[run_id] = now_s
            self.owe(run_id, again=True)
        return len(fresh)

    async def _heal(self) -> int:
        """The book says what is not at rest; what a process owed that died is among it."""
        touched = await self._hold.touched()
        if self._is_new and touched is None:
            await self._owe_parked("local", again=False)
        for run_id, version in touched or ():
            self.owe(run_id, version)
        before, self._healed = self._healed, {}
        healed = 0
        for run_id in await self._journal.unfinished():
            if self._is_busy(run_id):
                continue
            version = self._healed[run_id] = await self._journal.version(run_id)
            if self._is_new or before.get(run_id) == version:
                self.owe(run_id, version, again=not self._is_new)
                healed += 1
        self._is_new = False
        return healed

    # --- ending ------------------------------------------------------------------------------------------------------
    def stop(self) -> None:
        """Attend to nothing more; what is in hand is brought to another process by Restate."""
        self.is_stopping = True
        self._stopped.set()

    async def close(self) -> None:
        """Try once more to send what is owed, then let go."""
        self.is_stopping = True
        self._stopped.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for (run_id, at), key in self._owed.items():
            if not await self._send(run_id, key, at):
                break  # a sweep finds the rest in the book
        await self._hold.close()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return

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
