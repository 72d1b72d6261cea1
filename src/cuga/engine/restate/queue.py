"""Restate as what wakes runs, for the engine of many machines: sends, delayed sends, and being called.

A send means "look at this run" and holds no truth. It is made after the append that it is made for, and until Restate
has taken it, it is owed. What a process owed that died is found in the book again: every run that is not at rest there,
and whatever is due, is sent by a sweep. Sent twice is looked at twice, and the second look finds nothing to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from cuga.clock import Clock
from cuga.engine.distributed.attention import Figures, Job, Take
from cuga.engine.distributed.pace import Pace
from cuga.engine.restate.hold import Hold
from cuga.engine.restate.sending import AGAIN_S, Address, Naming, Sending
from cuga.engine.restate.service import Service
from cuga.errors import CugaError, HouseClosed, JournalFailed
from cuga.journal.port import Journal
from cuga.model.context import LOCAL_TENANT
from cuga.model.event import Status

UNHEARD_S = 30.0  # after which a send that brought nobody is made anew
PAGE = 500


class _Turn:
    """Those who attend to one run, one after the other."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class RestateQueue:
    """Wakes, is called and sweeps: what `DistributedEngine` asks of its queue, with Restate behind it."""

    def __init__(
        self, address: Address, naming: Naming, journal: Journal, clock: Clock, pace: Pace, hold: Hold
    ) -> None:
        self.pace = pace
        self.heard: Callable[[], None] = lambda: None  # called when nobody can have taken our runs
        self.is_stopping = False
        self.sending = Sending(address, naming, clock, self._is_unknown)
        self.sending.comes_here = not hold.is_shared
        self._journal = journal
        self._clock = clock
        self._hold = hold
        self._attended: dict[str, _Turn] = {}
        self._holding: set[str] = set()
        self._healed: dict[str, int] = {}  # running runs at the last healing -> version
        self._due: dict[str, float] = {}  # runs that are overdue -> when they were sent
        self._is_new = True
        self._is_known = False  # Restate knows where we are
        self._take: Take | None = None
        self._service: Service | None = None
        self._stopped = asyncio.Event()
        self._living: asyncio.Task[None] | None = None

    # --- waking ------------------------------------------------------------------------------------------------------
    async def wake(self, run_id: str, queue: str = "") -> None:
        """Let a run be looked at, even if nothing was appended to it."""
        self.sending.owe(run_id, again=True)

    async def wake_parked(self, tenant: str) -> int:
        """Let every parked run of a tenant be looked at."""
        return await self._owe_parked(tenant, again=True)

    async def _owe_parked(self, tenant: str, *, again: bool) -> int:
        before, found = "", 0
        while True:
            page = await self._journal.runs(tenant=tenant, status=Status.PARKED, before=before, limit=PAGE)
            for listed in page:
                self.sending.owe(listed.run_id, listed.version, again=again)
            found += len(page)
            if len(page) < PAGE:
                return found
            before = page[-1].run_id

    # --- being called ------------------------------------------------------------------------------------------------
    async def listen(self) -> None:
        """Listen where Restate is to find this process. `BadInput`: somebody else does, or it is no address of ours."""
        if self._service is None:
            service = Service(await self.sending.name(), self._attend, is_shared=self._hold.is_shared)
            service.listen(*self.sending.address.bound)
            self._service = service

    async def serve(
        self, take: Take, queues: Sequence[str] = (), ready: Callable[[int], None] = lambda _: None
    ) -> None:
        """Listen, have Restate know where, and attend to what it brings until told to stop. With `queues` we are ready
        before Restate has answered: what is begun meanwhile is owed to it."""
        await self.listen()
        assert self._service is not None
        self._take = take
        self._living = asyncio.ensure_future(self._keep_alive())
        if queues:
            ready(0)
        while not self.is_stopping and not self._is_known:
            await self._register()
            if not self._is_known:
                await self._wait(AGAIN_S)
        ready(0)
        await self._stopped.wait()
        await self._service.end()

    @property
    def trouble(self) -> str:
        """Why Restate was not reached the last time."""
        return self.sending.trouble

    async def _is_unknown(self) -> None:
        self._is_known = False
        await self._register()

    async def _register(self) -> None:
        if self._service is None:
            return
        try:
            body = {"uri": self.sending.address.reach, "force": True}
            await self.sending.client.post(
                f"{self.sending.address.admin}/deployments", key=self._clock.new_id(), json=body
            )
            self._is_known = True
            self.sending.trouble = ""
        except CugaError as error:
            self.sending.trouble = str(error)

    async def _keep_alive(self) -> None:
        """Have the others know that we live, where there are others."""
        while not self.is_stopping:
            if await self._hold.hear():
                self.heard()
            await self._wait(self.pace.heartbeat_s)

    async def _attend(self, run_id: str) -> None:
        """What a call of the handler does. One that joins another waits for it and then looks by itself, for whoever
        sent it may know of more than the other has seen."""
        turn = self._attended.setdefault(run_id, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                self._check_open()
                if self._take is None:
                    raise HouseClosed("this process is not ready yet")
                await self._hold.take(run_id)
                self.sending.sent.pop(run_id, None)
                self._holding.add(run_id)
                try:
                    await self._take(Job(id=0, key=run_id, run_id=run_id, tenant=""))
                finally:
                    self._holding.discard(run_id)
                    await self._hold.let_go(run_id)
                self._check_open()  # it may not be at rest: another process looks
        finally:
            turn.users -= 1
            if not turn.users:
                del self._attended[run_id]

    def _check_open(self) -> None:
        if self.is_stopping:
            raise HouseClosed("this process ends; Restate calls another one, or the next")

    # --- questions ---------------------------------------------------------------------------------------------------
    @property
    def worker_id(self) -> int | None:
        """None: nothing is taken into our hands by an append; Restate brings it."""
        return None

    async def holds(self, key: str) -> bool:
        """Whether a run is still ours alone."""
        return key in self._holding and await self._hold.holds(key)

    async def in_hand(self) -> set[str]:
        """Nothing is noted elsewhere as being in our hands."""
        return set()

    async def let_go(self, key: str, *, again: bool, begun: bool = False) -> None:
        """What we had in hand is somebody else's to look at, if `again`."""
        if again:
            self.sending.owe(key, again=True)

    async def busy(self, keys: Sequence[str]) -> set[str]:
        """Nobody makes the calls of a run but whoever advances it."""
        return set()

    async def take_place(self, tenant: str) -> int | None:
        """Nothing limits the runs of one tenant here."""
        return 0

    async def leave_place(self, tenant: str, number: int) -> None:
        """Nobody waits for it."""

    async def say_load(self, running: Mapping[str, int]) -> None:
        """Nobody hears of it: process pools need the engine of the database."""

    async def load_elsewhere(self) -> dict[str, tuple[int, int]]:
        """Nothing is heard of others."""
        return {}

    async def stands(self, run_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
        """Of some streams: the version, as far as others may move it, and whether somebody looks at them or is to."""
        found = await self._hold.stands(run_ids)
        return {run_id: (version, is_busy or self._is_busy(run_id)) for run_id, (version, is_busy) in found.items()}

    def _is_busy(self, run_id: str) -> bool:
        return run_id in self._attended or run_id in self.sending.sent or self.sending.is_owed(run_id)

    async def workers(self) -> int:
        """How many other processes are known to serve this book."""
        return await self._hold.workers()

    async def figures(self) -> Figures:
        """What Restate has of this house. `JournalFailed` when it does not answer."""
        query = (
            "select status, count(*) as many from sys_invocation "
            f"where target_service_name = '{await self.sending.name()}' and status <> 'completed' group by status"
        )
        try:
            answer = await self.sending.client.post(
                f"{self.sending.address.admin}/query", key=self._clock.new_id(), json={"query": query},
                headers={"accept": "application/json"},
            )  # fmt: skip
            rows = {row["status"]: int(row["many"]) for row in answer.json().get("rows", [])}
        except CugaError as error:
            raise JournalFailed(str(error)) from error
        now = self._clock.now()
        late = [] if (first := await self._journal.next_wake()) is None else [(now - first).total_seconds()]
        return Figures(
            waiting=sum(rows.get(name, 0) for name in ("pending", "ready")) + self.sending.count,
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
        lost = [run_id for run_id, since in self.sending.sent.items() if now_s - since > UNHEARD_S]
        for run_id in lost:
            if run_id not in self._attended:
                self.sending.owe(run_id, again=True)
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
            self.sending.owe(run_id, again=True)
        return len(fresh)

    async def _heal(self) -> int:
        """The book says what is not at rest; what a process owed that died is among it."""
        touched = await self._hold.touched()
        if self._is_new and touched is None:
            await self._owe_parked(LOCAL_TENANT, again=False)
        for run_id, version in touched or ():
            self.sending.owe(run_id, version)
        before, self._healed = self._healed, {}
        healed = 0
        for run_id in await self._journal.unfinished():
            if self._is_busy(run_id):
                continue
            version = self._healed[run_id] = await self._journal.version(run_id)
            if self._is_new or before.get(run_id) == version:
                self.sending.owe(run_id, version, again=not self._is_new)
                healed += 1
        self._is_new = False
        return healed

    # --- ending ------------------------------------------------------------------------------------------------------
    def stop(self) -> None:
        """Attend to nothing more; what is in hand is brought to another process by Restate."""
        self.is_stopping = True
        self._stopped.set()

    def leave(self) -> None:
        """What is in hand is held by our session until it is put down."""

    async def close(self) -> None:
        """Try once more to send what is owed, then let go."""
        self.stop()
        if self._living is not None:
            self._living.cancel()
        await self.sending.close()
        await self._hold.close()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            return
