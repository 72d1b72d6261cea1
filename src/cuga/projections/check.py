"""Whether the tables beside the streams hold what the streams say: every stream folded anew and compared (I12).

A run that moves while it is looked at is looked at again; only a difference that stays is a fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import msgspec

from cuga.errors import CugaError
from cuga.journal.codec import PLAIN, Codec
from cuga.journal.port import Committed, Index, Journal, Listed, OpenApproval, ReadJournal, RunRow
from cuga.kernel.evolve import apply
from cuga.kernel.state import RunState
from cuga.model.event import Event, RunStarted
from cuga.model.value import Value
from cuga.projections.rows import open_approval, run_row

PAGE = 500
LOOKS = 3  # how often a difference must be seen


class RowFault(Value, frozen=True, kw_only=True):
    """A difference. Kinds: run_missing, run_differs, approval_missing, approval_differs, approval_stale, unreadable."""

    kind: str
    run_id: str
    approval_id: str = ""
    detail: str = ""


class Fresh(Value, frozen=True, kw_only=True):
    """What the tables must hold for one run."""

    version: int
    row: RunRow
    approvals: dict[str, OpenApproval]


def fresh_rows(run_id: str, events: Iterable[Event]) -> Fresh:
    """The fold of one run's events. The row's `updated_at` is when the run last started, parked, woke or ended."""
    state = RunState(run_id)
    moved_at = None
    for event in events:
        before = (state.start, state.parked, state.end)
        apply(state, event)
        if any(one is not other for one, other in zip(before, (state.start, state.parked, state.end), strict=True)):
            moved_at = state.latest
    row = run_row(state)
    return Fresh(
        version=state.version,
        row=msgspec.structs.replace(row, updated_at=moved_at or row.updated_at),
        approvals={name: open_approval(state, request) for name, request in state.pending.items()},
    )


async def check_rows(journal: ReadJournal, *, codec: Codec = PLAIN) -> tuple[RowFault, ...]:
    """Every difference between the tables and the streams; empty: they agree."""
    runs = await _runs_of(journal, codec)
    only: set[str] | None = None
    faults: tuple[RowFault, ...] = ()
    for _ in range(LOOKS):
        faults = await _look(journal, runs, only, codec)
        only = {fault.run_id for fault in faults}
        if not only:
            break
    return faults


async def rebuild_rows(journal: Journal, *, codec: Codec = PLAIN) -> tuple[RowFault, ...]:
    """Write anew what differs; returns the faults that were found and mended. Streams are not touched."""
    mended: list[RowFault] = []
    by_run: dict[str, list[RowFault]] = {}
    for fault in await check_rows(journal, codec=codec):
        if fault.kind != "unreadable":
            by_run.setdefault(fault.run_id, []).append(fault)
    for run_id, faults in by_run.items():
        stored = await journal.read(run_id)
        closed = {fault.approval_id: None for fault in faults if fault.kind == "approval_stale"}
        index = Index(approvals=dict(closed))
        if stored:
            fresh = fresh_rows(run_id, [codec.decode(one.readable) for one in stored])
            index = Index(run=fresh.row, approvals={**closed, **fresh.approvals})
        answer = await journal.append(run_id, len(stored), (), index=index)
        if isinstance(answer, Committed):
            mended += faults
    return tuple(mended)


async def _runs_of(journal: ReadJournal, codec: Codec) -> dict[str, str]:
    """Every run and its tenant; a stream that cannot be read counts as a run of nobody."""
    found: dict[str, str] = {}
    async for stored in journal.feed():
        if stored.seq == 1:
            try:
                first = codec.decode(stored.readable)
            except CugaError:
                found[stored.stream] = ""
                continue
            if isinstance(first, RunStarted):
                found[stored.stream] = first.tenant
    return found


async def _look(
    journal: ReadJournal, runs: dict[str, str], only: set[str] | None, codec: Codec
) -> tuple[RowFault, ...]:
    """The differences of all runs, or of those in `only`."""
    faults: list[RowFault] = []
    listed: dict[str, Listed] = {}
    cards: dict[str, dict[str, OpenApproval]] = {}
    for tenant in sorted(set(runs.values()) - {""}):
        listed |= {one.run_id: one async for one in _all_runs(journal, tenant)}
        async for card in all_open(journal, tenant):
            cards.setdefault(card.run_id, {})[card.approval_id] = card
    for run_id in sorted({*runs, *cards} if only is None else only):
        await asyncio.sleep(0)
        faults += await _differences(journal, run_id, listed.get(run_id), cards.get(run_id, {}), codec)
    return tuple(faults)


async def _differences(
    journal: ReadJournal, run_id: str, listed: Listed | None, cards: dict[str, OpenApproval], codec: Codec
) -> list[RowFault]:
    try:
        events = [codec.decode(one.readable) for one in await journal.read(run_id)]
        if not events:
            return [RowFault(kind="approval_stale", run_id=run_id, approval_id=one) for one in sorted(cards)]
        fresh = fresh_rows(run_id, events)
        listed_at = fresh_rows(run_id, events[: listed.version]) if listed is not None else fresh
    except (CugaError, KeyError) as error:
        return [RowFault(kind="unreadable", run_id=run_id, detail=str(error))]
    found: list[RowFault] = []
    if listed is None:
        found.append(RowFault(kind="run_missing", run_id=run_id, detail=fresh.row.status.value))
    elif listed.row != listed_at.row:
        found.append(RowFault(kind="run_differs", run_id=run_id, detail=_named(listed.row, listed_at.row)))
    for name in sorted({*cards, *fresh.approvals}):
        kept, wanted = cards.get(name), fresh.approvals.get(name)
        if kept is None:
            found.append(RowFault(kind="approval_missing", run_id=run_id, approval_id=name))
        elif wanted is None:
            found.append(RowFault(kind="approval_stale", run_id=run_id, approval_id=name))
        elif kept != wanted:
            found.append(
                RowFault(kind="approval_differs", run_id=run_id, approval_id=name, detail=_named(kept, wanted))
            )
    return found


def _named(kept: Value, wanted: Value) -> str:
    fields = [name for name in kept.__struct_fields__ if getattr(kept, name) != getattr(wanted, name)]
    return "; ".join(f"{name} is {getattr(kept, name)!s}, must be {getattr(wanted, name)!s}" for name in fields)


async def _all_runs(journal: ReadJournal, tenant: str) -> AsyncIterator[Listed]:
    before = ""
    while page := await journal.runs(tenant=tenant, before=before, limit=PAGE):
        for one in page:
            yield one
        before = page[-1].run_id


async def all_open(journal: ReadJournal, tenant: str) -> AsyncIterator[OpenApproval]:
    """Every open approval of a tenant, oldest first, read page by page."""
    after = ""
    while page := await journal.open_approvals(tenant=tenant, after=after, limit=PAGE):
        for one in page:
            yield one
        after = page[-1].approval_id
        await asyncio.sleep(0)  # there may be very many, and others want a turn
