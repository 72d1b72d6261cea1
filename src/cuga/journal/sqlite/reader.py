"""Reading the file, on a connection that cannot write.

Shows what is durable and nothing else. Each question is answered from an index in well under a millisecond, so it is
asked on the caller's thread; long readings (verify, backup) have connections of their own.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

from cuga.errors import ApprovalNotFound, JournalCorrupt, JournalFailed, NotFound, RunNotFound
from cuga.journal.blobs import intact
from cuga.journal.checkpoint import Kept
from cuga.journal.port import LARGEST, Listed, OpenApproval, RunRow, Stored, Urgent
from cuga.journal.seal import GENESIS, verify
from cuga.journal.sqlite.batch import Head, decode_card, moment, stamp
from cuga.journal.sqlite.connect import open_reader
from cuga.journal.sqlite.row import as_bytes, stored_of
from cuga.journal.statements import queries
from cuga.model.event import Status

_NEWEST = (LARGEST, LARGEST)  # begin and key of a run that all others come before
_OLDEST = (-LARGEST, "")  # time and id of a request that all others come after
_STATUS = {one.value: one for one in Status}


class Reader:
    """The questions, by their names in `schema/read.sql`."""

    def __init__(self, path: Path, vfs: str | None = None) -> None:
        self._connection = open_reader(path, vfs)
        self._query = queries("read")

    def _all(self, name: str, values: Any = ()) -> list[Any]:
        try:
            return self._connection.execute(self._query[name], values).fetchall()
        except (apsw.CorruptError, UnicodeDecodeError) as error:  # the latter for a text that is none
            raise JournalCorrupt(f"the file is damaged: {error}") from error
        except apsw.Error as error:
            raise JournalFailed(f"it cannot be read: {error}") from error

    def _one(self, name: str, values: Any = ()) -> Any:
        found = self._all(name, values)
        return found[0][0] if found else None

    def head(self, stream: str) -> Head | None:
        pk = self._one("stream_pk", (stream,))
        if pk is None:
            return None
        return Head(stream, pk, *next(iter(self._all("head", (pk,))), ()))

    def version(self, stream: str) -> int:
        head = self.head(stream)
        return head.version if head else 0

    def last_pk(self) -> int:
        return int(self._one("last_pk"))

    def last_id(self) -> int:
        return int(self._one("last_id"))

    def read(self, stream: str, after: int) -> list[Stored]:
        pk = self._one("stream_pk", (stream,))
        if pk is None:
            return []
        rows = self._all("appends", {"run": pk, "after": after})
        begin, before = 0, GENESIS
        if rows and rows[0][2] <= after:
            _, _, begin, _, before = rows.pop(0)
        found = [event for row in rows for event in stored_of(stream, *row)]
        fault = verify(stream, found, after=begin, before=before)
        if fault is not None:
            raise JournalCorrupt(f"{fault.where}: {fault.kind}, {fault.detail}", fault=fault)
        return found[max(0, after - begin) :]

    def page(self, after: int, limit: int) -> list[Stored]:
        """Events after a position, in order: those of so many appends."""
        rows = self._all("page", (after, limit))
        found = [event for position, stream, *row in rows for event in stored_of(stream, position, *row)]
        return found if not found or found[0].position > after else [one for one in found if one.position > after]

    def blob(self, digest: str) -> bytes:
        body = self._one("blob", (digest,))
        if body is None:
            raise NotFound(f"no blob {digest}")
        return intact(digest, body)

    def used(self, scope: str) -> int:
        return int(self._one("used", (scope,)) or 0)

    def runs(self, tenant: str, status: Status | None, before: str, limit: int) -> list[Listed]:
        started, run = next(iter(self._all("run_started", (before,))), _NEWEST)
        values = {"tenant": tenant, "started": started, "run": run, "limit": limit}
        if status is None:
            return [_listed(row) for row in self._all("runs_newest", values)]
        return [_listed(row) for row in self._all("runs_by_status", values | {"status": status.value})]

    def due(self, now: datetime, limit: int) -> list[str]:
        return [run_id for (run_id,) in self._all("due", (stamp(now), limit))]

    def unfinished(self, limit: int) -> list[str]:
        return [run_id for (run_id,) in self._all("unfinished", (limit,))]

    def next_wake(self) -> datetime | None:
        stamped = self._one("next_wake")
        return None if stamped is None else moment(stamped)

    def open_approvals(self, tenant: str, after: str, limit: int) -> list[OpenApproval]:
        start = next(iter(self._all("approval_requested", (after,))), _OLDEST)
        return [decode_card(card) for (card,) in self._all("approvals_open", (tenant, *start, limit))]

    def urgent_approvals(self, tenant: str, limit: int) -> list[Urgent]:
        return [Urgent(*found) for found in self._all("approvals_urgent", (tenant, limit))]

    def waiting(self, tenant: str, limit: int) -> int:
        return int(self._one("approvals_waiting", (tenant, limit)))

    def find_approval(self, approval_id: str) -> str:
        run_id = self._one("approval_run", (approval_id,))
        if run_id is None:
            raise ApprovalNotFound(approval_id)
        return str(run_id)

    def links(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        return [(position, as_bytes(link)) for position, link in self._all("links", (after, limit))]

    def checkpoint(self, size: int) -> Kept | None:
        for found, position, note, peaks in self._all("checkpoint", (size,)):
            parts = tuple(peaks[at : at + 32] for at in range(0, len(peaks), 32))
            return Kept(size=found, position=position, note=note, peaks=parts)
        return None

    def find_trace(self, trace_id: str, tenant: str) -> str:
        run_id = self._one("run_of_trace", (trace_id, tenant))
        if run_id is None:
            raise RunNotFound(trace_id)
        return str(run_id)

    def epoch(self) -> int:
        return int(self._one("epoch"))

    def version_of_data(self) -> int:
        return int(self._one("version_of_data"))

    def close(self) -> None:
        self._connection.close()


def _listed(row: tuple[Any, ...]) -> Listed:
    run_id, _, status, tenant, profile, goal, requester, trace_id, reason, wake_at, started, updated, _, version = row
    return Listed(
        run_id=run_id,
        version=version,
        row=RunRow(
            status=_STATUS[status], tenant=tenant, profile=profile, goal=goal, requester=requester, trace_id=trace_id,
            reason=reason, wake_at=None if wake_at is None else moment(wake_at),
            started_at=moment(started), updated_at=moment(updated),
        ),
    )  # fmt: skip
