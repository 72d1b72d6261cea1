"""The list of runs as people see it: what each wants, how far it is, what it waits for, what it has used.

The order, the page and the status come from the journal's `runs` table; the rest is folded from each run's stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from cuga.errors import JournalFailed, RunNotFound
from cuga.journal.codec import PLAIN, Codec, events_of
from cuga.journal.port import Listed, ReadJournal, RunRow
from cuga.kernel.approvals import Asked
from cuga.kernel.evolve import fold
from cuga.kernel.state import Phase, RunState
from cuga.model.context import LOCAL_TENANT
from cuga.model.event import RunStarted, Status
from cuga.model.value import Value
from cuga.policy.budget import CALLS, COST
from cuga.policy.profile import Current
from cuga.projections.needs import after_the_end, as_of_now

PAGE = 250  # rows read at a time by a search
LOOKED = 500  # rows one search looks through at most
KEPT_LINES = 5_000


class RunLine(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One run. Cost is in micro-units; `steps` counts those of the plan in force and those done before it."""

    run_id: str
    trace_id: str
    tenant: str
    status: Status
    goal: str
    profile: str
    requester: str
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    steps: int = 0
    done: int = 0
    cost: int = 0
    calls: int = 0
    reason: str = ""
    waits_for: str = ""  # of a parked run
    needs: tuple[str, ...] = ()  # what a person can do, in commands
    wake_at: datetime | None = None
    plan_only: bool = False
    version: int = 0

    def duration(self, now: datetime) -> timedelta:
        """How long the run took, or has taken until now."""
        return max((self.ended_at or now) - self.started_at, timedelta(0))


KnownLines = dict[str, RunLine]  # by run, each as of its `version`


def line_of(state: RunState) -> RunLine:
    """The line of a run that has begun."""
    start, end, parked = state.started, state.end, state.parked
    current = state.index.named.keys() - state.lists.keys()  # a list counts as its calls
    done = {step for step, phase in state.phase.items() if phase is Phase.DONE and step not in state.lists}
    return RunLine(
        run_id=state.run_id,
        trace_id=start.trace_id,
        tenant=start.tenant,
        status=state.status,
        goal=start.goal,
        profile=start.profile,
        requester=start.requester.id,
        started_at=start.at,
        updated_at=state.latest or start.at,
        ended_at=end.at if end is not None else None,
        steps=len(current | done),
        done=len(done),
        cost=state.used.get(COST, 0),
        calls=state.used.get(CALLS, 0),
        reason=end.reason if end is not None else parked.reason if parked is not None else "",
        waits_for=parked.reason if parked is not None and end is None else "",
        needs=needs_of(state),
        wake_at=parked.wake_at if parked is not None and end is None else None,
        plan_only=start.plan_only,
        version=state.version,
    )


def needs_of(state: RunState) -> tuple[str, ...]:
    """What a person can do for the run now, in commands or words; empty when nothing is needed."""
    if state.end is not None:
        mend = after_the_end(state.end.mend, state.reasons.values())
        return (mend,) if mend else ()
    return state.parked.needs if state.parked is not None else ()


def as_it_stands(line: RunLine, asked: Iterable[Asked], current: Current, at: datetime) -> RunLine:
    """The line of a run as the house stands now; `asked` are its open requests."""
    if line.ended_at is not None or not line.waits_for:
        return line
    reason, needs = as_of_now(line.run_id, line.waits_for, line.needs, asked, current, at)
    return replace(line, reason=reason, waits_for=reason, needs=needs)


async def state_of(journal: ReadJournal, run_id: str, *, codec: Codec = PLAIN) -> RunState:
    """The state of a run, folded from its stream; `RunNotFound` when there is none."""
    events = events_of(await journal.read(run_id), codec)
    if not events or not isinstance(events[0], RunStarted):
        raise RunNotFound(run_id)
    return fold(run_id, events)


async def list_runs(
    journal: ReadJournal,
    *,
    tenant: str = LOCAL_TENANT,
    status: Status | None = None,
    before: str = "",
    limit: int = 50,
    codec: Codec = PLAIN,
) -> list[RunLine]:
    """Runs of a tenant, newest first, before a run id. One that cannot be read says so in its own line."""
    listed: list[Listed] = await journal.runs(tenant=tenant, status=status, before=before, limit=limit)
    return [await _line(journal, one, codec) for one in listed]


async def find_runs(
    journal: ReadJournal,
    wanted: Callable[[RunRow], bool],
    *,
    tenant: str = LOCAL_TENANT,
    status: Status | None = None,
    before: str = "",
    limit: int = 50,
    codec: Codec = PLAIN,
    known: KnownLines | None = None,
) -> tuple[list[RunLine], str]:
    """Runs whose row is wanted, newest first, and before which run to look on; empty: there are no more.

    One look goes through `LOOKED` rows at most, so that a search for something rare still answers soon. `known` lines
    are those of an earlier look, and are read again only when their run has moved.
    """
    kept = known if known is not None else {}
    lines: list[RunLine] = []
    looked = 0
    while looked < LOOKED:
        many = limit + 1 if not looked else PAGE
        page = await journal.runs(tenant=tenant, status=status, before=before, limit=many)
        for one in page:
            before = one.run_id
            looked += 1
            if wanted(one.row):
                if one.run_id not in kept or kept[one.run_id].version != one.version:
                    kept[one.run_id] = await _line(journal, one, codec)
                lines.append(kept[one.run_id])
                if len(kept) > KEPT_LINES:
                    kept.pop(next(iter(kept)))
                if len(lines) == limit:
                    return lines, before
        if len(page) < many:
            return lines, ""
    return lines, before


async def _line(journal: ReadJournal, listed: Listed, codec: Codec) -> RunLine:
    try:
        return line_of(await state_of(journal, listed.run_id, codec=codec))
    except JournalFailed:
        raise  # nothing can be read, whichever run
    except Exception as error:  # whatever damage does to a fold
        return _damaged(listed, error)


def _damaged(listed: Listed, error: Exception) -> RunLine:
    """What the table of runs still says of a run whose stream cannot be read."""
    row = listed.row
    return RunLine(
        run_id=listed.run_id,
        trace_id=row.trace_id,
        tenant=row.tenant,
        status=row.status,
        goal=row.goal,
        profile=row.profile,
        requester=row.requester,
        started_at=row.started_at,
        updated_at=row.updated_at,
        reason=f"damaged, it cannot be read: {error or type(error).__name__}",
        needs=("cuga verify",),
        version=listed.version,
    )


async def count_runs(journal: ReadJournal, *, tenant: str = LOCAL_TENANT, most: int = 10_000) -> dict[Status, int]:
    """How many runs stand where, looking at the newest `most`."""
    counts: dict[Status, int] = {}
    for one in await journal.runs(tenant=tenant, limit=most):
        counts[one.row.status] = counts.get(one.row.status, 0) + 1
    return counts
