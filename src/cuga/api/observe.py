"""Looking back over HTTP: who did what, whether the journal holds, the golden signals and how they moved."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from cuga.api.answers import answer, cursor_of, mark_of, moment_if, period_if, router
from cuga.api.auth import Here, Looking
from cuga.api.pages import Given
from cuga.errors import BadInput
from cuga.orchestrator.looking.showing import Bucket, Verified
from cuga.projections.acts import Act
from cuga.projections.audit import AuditRecord
from cuga.projections.signals import Signals

observe = router("looking back")


class ActPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Who did what, newest first."""

    items: tuple[Act, ...]
    next: str | None


class Series(Given, frozen=True, kw_only=True, omit_defaults=False):
    """The signals over time, the earliest first."""

    items: tuple[Bucket, ...]
    next: str | None
    hours: int


@observe.get("/audit", response_model=ActPage)
async def list_acts(
    doors: Here,
    _: Looking,
    run_id: Annotated[str, Query(max_length=64)] = "",
    user: Annotated[str, Query(max_length=100)] = "",
    since: datetime | None = None,
    cursor: Annotated[str, Query(max_length=512)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Who did what: of the house, of a run, or of a person; newest first."""
    mark = mark_of(cursor) or "0"
    if not (mark.isascii() and mark.isdigit() and len(mark) < 13):
        raise BadInput("that is no cursor of ours", mend="Take `next` of the page before.")
    found = await doors.front.acts(run_id=run_id, by=user, since=moment_if(since), before=int(mark), limit=limit + 1)
    shown = found[:limit]
    following = cursor_of(str(shown[-1].number)) if len(found) > limit else None
    return answer(ActPage(items=tuple(shown), next=following))


@observe.post("/audit/verify", response_model=Verified)
async def verify(doors: Here, _: Looking) -> Response:
    """Check every chain, blob and claim of the journal now."""
    return answer(await doors.front.verified())


@observe.get("/audit/{run_id}", response_model=AuditRecord)
async def show_audit_record(doors: Here, _: Looking, run_id: str) -> Response:
    """The whole audit record of a run, bound to its stream by a hash."""
    return answer(await doors.front.audit(run_id))


@observe.get("/signals", response_model=Signals)
async def show_signals(
    doors: Here,
    _: Looking,
    profile: Annotated[str, Query(max_length=200)] = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Response:
    """The golden signals of the house, of a profile, or of a window of whole hours."""
    return answer(await doors.front.signals(profile, *period_if(since, until)))


@observe.get("/signals/series", response_model=Series)
async def show_series(
    doors: Here,
    _: Looking,
    profile: Annotated[str, Query(max_length=200)] = "",
    since: datetime | None = None,
    until: datetime | None = None,
    hours: Annotated[int, Query(ge=1, le=24 * 31)] = 1,
) -> Response:
    """The golden signals step by step over time; left out: the last day, hour by hour."""
    begin, end = period_if(since, until)
    end = end or (await doors.front.open()).clock.now()
    begin = begin or end - timedelta(hours=23)
    return answer(Series(items=tuple(await doors.front.series(begin, end, hours, profile)), next=None, hours=hours))
