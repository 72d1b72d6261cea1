"""Reading the book, on a connection that cannot write.

Questions are answered from the primary: what a copy elsewhere shows may be older than what was decided on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg import AsyncConnection

from cuga.errors import ApprovalNotFound, JournalCorrupt, JournalFailed, NotFound, RunNotFound
from cuga.journal.blobs import intact
from cuga.journal.checkpoint import Kept
from cuga.journal.port import Listed, OpenApproval, Stored, Urgent
from cuga.journal.postgres.address import Address
from cuga.journal.postgres.batch import Head, decode_row
from cuga.journal.seal import GENESIS, verify
from cuga.journal.sqlite.batch import decode_card, moment, stamp
from cuga.journal.sqlite.row import stored_of
from cuga.journal.statements import queries
from cuga.model.event import Status

_LATEST = (1 << 63) - 1


class Server(NamedTuple):
    """A server, as far as a journal depends on it."""

    version: str
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    max_connections: int
    connections: int
    is_copy: bool  # a standby, which takes no appends


ATTEMPTS = 3  # connections, before a question is given up: one may have died of old age, and the server restart


class Reader:
    """The questions, by their names in `schema/postgres/read.sql`. One at a time; each is answered in a moment."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._query = queries("postgres/read")
        self._connection: AsyncConnection | None = None
        self._turn = asyncio.Lock()
        self._wanted: dict[str, asyncio.Future[list[Any]]] = {}  # streams that are asked for, until they are read
        self._reading: set[asyncio.Task[None]] = set()
        self._closed = False

    async def _all(self, name: str, *values: Any) -> list[Any]:
        for attempt in range(ATTEMPTS):
            try:
                async with self._turn:
                    if self._closed:
                        raise JournalFailed("it is closed")
                    if self._connection is None or self._connection.closed:
                        self._connection = await self._address.connect(
                            default_transaction_read_only="on", statement_timeout="60s", application_name="cuga reader"
                        )
                    cursor = await self._connection.execute(self._query[name], values, binary=True)
                    return await cursor.fetchall()
            except psycopg.OperationalError as error:
                if attempt == ATTEMPTS - 1:
                    raise self._address.failed(error) from error
                await asyncio.sleep(0.1 * attempt)
            except psycopg.Error as error:
                raise self._address.failed(error) from error
        raise JournalFailed("it was not asked")  # pragma: no cover - the loop answers or raises

    async def _one(self, name: str, *values: Any) -> Any:
        found = await self._all(name, *values)
        return found[0][0] if found else None

    async def head(self, stream: str) -> Head:
        """Where a stream stands; at 0 when there is none."""
        return Head(stream, *next(iter(await self._all("head", stream)), ()))

    async def version(self, stream: str) -> int:
        return int(await self._one("version", stream) or 0)

    async def versions(self, streams: Sequence[str]) -> dict[str, int]:
        return dict(await self._all("versions", list(streams)))

    async def read(self, stream: str, after: int) -> list[Stored]:
        rows = await (self._whole(stream) if after <= 0 else self._all("appends", stream, after))
        begin, before = 0, GENESIS
        if rows and rows[0][2] <= after:
            _, _, begin, _, before = rows.pop(0)
        found = [event for row in rows for event in stored_of(stream, *row)]
        fault = verify(stream, found, after=begin, before=before)
        if fault is not None:
            raise JournalCorrupt(f"{fault.where}: {fault.kind}, {fault.detail}", fault=fault)
        return found[max(0, after - begin) :]

    async def _whole(self, stream: str) -> list[Any]:
        """All appends to a stream. Streams that are asked for in one turn of the loop are read with one question."""
        wanted = self._wanted.get(stream)
        if wanted is None:
            wanted = self._wanted[stream] = asyncio.get_running_loop().create_future()
            if len(self._wanted) == 1:
                self._reading.add(task := asyncio.ensure_future(self._read_wanted()))
                task.add_done_callback(self._reading.discard)
        return list(await asyncio.shield(wanted))

    async def _read_wanted(self) -> None:
        wanted, self._wanted = self._wanted, {}
        found: dict[str, list[Any]] = {stream: [] for stream in wanted}
        try:
            if len(wanted) == 1:
                stream = next(iter(wanted))
                found[stream] = await self._all("appends", stream, 0)
            else:
                for stream, *row in await self._all("appends_of_many", list(wanted)):
                    found[stream].append(row)
        except BaseException as error:
            for answer in wanted.values():
                answer.set_exception(error if isinstance(error, JournalFailed) else JournalFailed("it is closed"))
                answer.exception()  # whoever asked may have gone
            if not isinstance(error, JournalFailed):
                raise
            return
        for stream, answer in wanted.items():
            answer.set_result(found[stream])

    async def page(self, after: int, limit: int) -> list[Stored]:
        """Events after a position, in order: those of so many appends."""
        rows = await self._all("page", after, limit)
        found = [event for position, stream, *row in rows for event in stored_of(stream, position, *row)]
        return [one for one in found if one.position > after]

    async def last_position(self) -> int:
        return int(await self._one("last_position"))

    async def blob(self, digest: str) -> bytes:
        body = await self._one("blob", digest)
        if body is None:
            raise NotFound(f"no blob {digest}")
        return intact(digest, bytes(body))

    async def used(self, scope: str) -> int:
        return int(await self._one("used", scope.encode("utf-8", "backslashreplace")) or 0)

    async def runs(self, tenant: str, status: Status | None, before: str, limit: int) -> list[Listed]:
        found = await self._all("run_started", before) if before else []
        start = found[0] if found else (_LATEST, _LATEST)
        if status is None:
            rows = await self._all("runs_newest", tenant, *start, limit)
        else:
            rows = await self._all("runs_by_status", tenant, *start, limit, status.value)
        return [Listed(run_id=run_id, version=version, row=decode_row(body)) for run_id, version, body in rows]

    async def due(self, now: datetime, limit: int) -> list[str]:
        return [run_id for (run_id,) in await self._all("due", stamp(now), limit)]

    async def unfinished(self, limit: int) -> list[str]:
        return [run_id for (run_id,) in await self._all("unfinished", limit)]

    async def next_wake(self) -> datetime | None:
        stamped = await self._one("next_wake")
        return None if stamped is None else moment(stamped)

    async def open_approvals(self, tenant: str, after: str, limit: int) -> list[OpenApproval]:
        found = await self._all("approval_requested", after) if after else []
        start = found[0] if found else (-_LATEST, "")
        return [decode_card(card) for (card,) in await self._all("approvals_open", tenant, *start, limit)]

    async def urgent_approvals(self, tenant: str, limit: int) -> list[Urgent]:
        return [Urgent(*found) for found in await self._all("approvals_urgent", tenant, limit)]

    async def waiting(self, tenant: str, limit: int) -> int:
        return int(await self._one("approvals_waiting", tenant, limit) or 0)

    async def find_approval(self, approval_id: str) -> str:
        run_id = await self._one("approval_run", approval_id)
        if run_id is None:
            raise ApprovalNotFound(approval_id)
        return str(run_id)

    async def find_trace(self, trace_id: str, tenant: str) -> str:
        run_id = await self._one("run_of_trace", trace_id.encode("utf-8", "backslashreplace"), tenant)
        if run_id is None:
            raise RunNotFound(trace_id)
        return str(run_id)

    async def links(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        return [(position, bytes(link)) for position, link in await self._all("links", after, limit)]

    async def checkpoint(self, size: int) -> Kept | None:
        for found, position, note, peaks in await self._all("checkpoint", size):
            parts = tuple(peaks[at : at + 32] for at in range(0, len(peaks), 32))
            return Kept(size=found, position=position, note=note, peaks=parts)
        return None

    async def epoch(self) -> int:
        return int(await self._one("epoch"))

    async def settings(self) -> Server:
        """What durability rests on in this server."""
        return Server(*(await self._all("settings"))[0])

    async def takes_appends(self) -> bool:
        """Whether something could be appended now."""
        return bool(await self._one("takes_appends"))

    async def time(self) -> datetime:
        """What the database's clock says."""
        return moment(await self._one("time"))

    async def close(self) -> None:
        self._closed = True
        if self._connection is not None:
            await self._connection.close()
