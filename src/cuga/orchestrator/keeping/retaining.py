"""How long the words of runs are kept: those that ended long ago are reduced to tombstones, and the record says so.

A tombstone keeps who, when, which step and tool, how it ended and the digest of what was there. It is written down
before it is made, and made again by whoever was cut off.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from cuga.errors import CugaError, NotAllowed, NotFound
from cuga.journal.codec import PLAIN
from cuga.journal.tombstone import RETIRED, is_tombstone, sum_of, tombstone, without_mark
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.event import Event, ToolCallComplete
from cuga.model.value import Value
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.looking.reading import Reading
from cuga.policy.access import Verb, may
from cuga.policy.retention import cut_off_age

BATCH = 200  # runs that are reduced in one go


class Retained(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What was, or would be, reduced to tombstones."""

    before: datetime  # runs that ended earlier
    runs: tuple[str, ...]
    events: int
    blobs: int
    retired: int  # runs that are tombstones by now, these included
    is_dry: bool


class Retaining(Reading):
    """Retention, at the front door."""

    async def retain(
        self, older_than: str = "", reason: str = "", dry_run: bool = False, by: Principal | None = None
    ) -> Retained:
        """Reduce runs that ended longer ago than an age (`18mo`, `2y`, `400d`; left out: as the registry says) to
        tombstones. An admin. `BadInput` for an age below the minimum. It cannot be taken back.
        """
        assembly = await self.open()
        who = by or await self.principal()
        ruling = may(who, Verb.GOVERN, assembly.current)
        if not ruling.allowed:
            raise NotAllowed("; ".join(ruling.reasons))
        before = assembly.clock.now() - cut_off_age(older_than, assembly.registry.retention)
        runs: list[str] = []
        blobs: set[str] = set()
        events = retired = 0
        batch: dict[str, list[bytes]] = {}
        async for run_id, is_done in _ended(assembly, before):
            if is_done:
                retired += 1
                continue
            bodies, used = await _reduced(assembly, run_id)
            if not bodies:
                continue  # of an event that this version cannot read: it stays as it is
            runs.append(run_id)
            events += len(bodies)
            blobs |= used
            if not dry_run:
                batch[run_id] = bodies
                if len(batch) == BATCH:
                    await _retire(assembly, batch, before, reason, who)
                    batch = {}
        if batch:
            await _retire(assembly, batch, before, reason, who)
        unused, seen = await _unused(assembly, blobs, set(runs), looks_back=bool(retired))
        if not dry_run and (runs or unused):
            await assembly.journal.retire({}, unused, seen=seen)
            assembly.fold_anew()
        return Retained(
            before=before,
            runs=tuple(runs),
            events=events,
            blobs=len(unused),
            retired=retired + (0 if dry_run else len(runs)),
            is_dry=dry_run,
        )


async def _ended(assembly: Assembly, before: datetime) -> AsyncIterator[tuple[str, bool]]:
    """Runs that ended by then, and whether they are tombstones already."""
    last = ""
    found: list[tuple[str, bool]] = []
    while page := await assembly.journal.runs(tenant=assembly.tenant, before=last, limit=500):
        last = page[-1].run_id
        found += [
            (one.run_id, one.row.goal == RETIRED)
            for one in page
            if one.row.status.is_end and one.row.updated_at < before
        ]
    for one in found:
        yield one


async def _reduced(assembly: Assembly, run_id: str) -> tuple[list[bytes], set[str]]:
    """The tombstones of a run, and the bytes out of line that it refers to."""
    bodies: list[bytes] = []
    used: set[str] = set()
    for stored in await assembly.journal.read(run_id):
        try:
            event: Event = PLAIN.decode(without_mark(stored.body))
        except CugaError:
            return [], set()
        bodies.append(tombstone(stored.body, event))
        used |= _blobs_of(event)
    return bodies, used


def _blobs_of(event: Event, *, kept: bool = True) -> set[str]:
    """The bytes out of line that an event refers to, or as a tombstone has referred to."""
    blob = event.blob if isinstance(event, ToolCallComplete) else None
    return {blob.digest} if blob is not None and blob.kept is kept else set()


async def _unused(assembly: Assembly, blobs: set[str], runs: set[str], *, looks_back: bool) -> tuple[list[str], int]:
    """Those of some bytes out of line that nobody but these runs refers to, and up to which position that was looked
    for; with what an earlier look left lying that was cut off between the tombstones and the bytes."""
    if not blobs and not looks_back:
        return [], 0
    left, used, seen = set(blobs), set[str](), 0
    async for stored in assembly.journal.feed():
        seen = stored.position
        if b'"blob"' not in stored.body:
            continue
        if is_tombstone(stored.body):
            left |= _blobs_of(PLAIN.decode(without_mark(stored.body)), kept=False)
        elif stored.stream not in runs:
            used |= _blobs_of(PLAIN.decode(stored.body))
    found = [digest for digest in left - used if digest in blobs or await _is_there(assembly, digest)]
    return sorted(found), seen


async def _is_there(assembly: Assembly, digest: str) -> bool:
    try:
        await assembly.journal.blob(digest, stored=True)
    except NotFound:
        return False
    return True


async def _retire(
    assembly: Assembly, batch: dict[str, list[bytes]], before: datetime, reason: str, by: Principal
) -> None:
    sums = {run_id: sum_of(bodies) for run_id, bodies in batch.items()}
    event = h.RunsRetired(at=assembly.clock.now(), by=by.id, before=before, runs=sums, reason=reason)
    await assembly.change(event, by)
    await assembly.journal.retire(batch)
