"""For whoever looks into how a house was overseen: signed evidence as a file, figures of decisions, other rules."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from fastapi import Body, Query
from starlette.responses import Response

from cuga.api.answers import answer, file, moment_if, nothing, period_if, router
from cuga.api.auth import Governing, Here, Looking
from cuga.model.value import Value
from cuga.orchestrator.keeping.evidence import Scope
from cuga.orchestrator.looking.overseeing import Overseen
from cuga.orchestrator.rehearsal import Backtest

evidence = router("evidence")


class OtherRules(Value, frozen=True, kw_only=True):
    """The text of another `registry.yaml`, and from when on the record is held against it (left out: the last week)."""

    registry: str
    since: datetime | None = None


@evidence.get("/evidence", response_class=Response)
async def take_evidence(
    doors: Here,
    asker: Looking,
    run_id: Annotated[str, Query(max_length=64)] = "",
    since: datetime | None = None,
    until: datetime | None = None,
    approver: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """A signed ZIP about one of: a run, a period, a person who decided. An auditor checks it offline."""
    scope = Scope(run_id=run_id, since=moment_if(since), until=moment_if(until), approver=approver)
    with tempfile.TemporaryDirectory(prefix="cuga-") as spare:
        path = Path(spare) / "evidence.zip"
        await doors.front.evidence(scope, str(path), by=asker.principal)
        body = await asyncio.to_thread(path.read_bytes)
    return file(body, f"evidence-{_word(scope)}.zip", "application/zip")


def _word(scope: Scope) -> str:
    said = scope.run_id or scope.approver or f"{scope.since:%Y-%m-%d}-{scope.until:%Y-%m-%d}"
    return "".join(one if one.isascii() and (one.isalnum() or one in "-_.") else "-" for one in said)


@evidence.get("/oversight", response_model=Overseen)
async def show_oversight(
    doors: Here, _: Looking, since: datetime | None = None, until: datetime | None = None
) -> Response:
    """How people decided in a time (left out: the last 30 days): how many, how fast, how often yes; and the rules."""
    return answer(await doors.front.overseen(*period_if(since, until)))


@evidence.post("/policy/backtest", response_model=Backtest)
async def try_rules(doors: Here, asker: Governing, said: Annotated[OtherRules, Body()]) -> Response:
    """What other rules would have done with the runs on record. Nothing is called, and no run is changed."""
    since = moment_if(said.since) or (await doors.front.open()).clock.now() - timedelta(days=7)
    return answer(await doors.front.backtest(said.registry, since, by=asker.principal))


@evidence.get("/policy/shadow", response_model=Backtest)
async def show_shadow(doors: Here, _: Looking) -> Response:
    """What the rules that are kept in the shadow would have done since they are there; 404 while there are none."""
    return answer(await doors.front.shadow())


@evidence.post("/policy/shadow", response_model=Backtest)
async def begin_shadow(doors: Here, asker: Governing, said: Annotated[OtherRules, Body()]) -> Response:
    """Keep other rules beside the house's own from now on. They decide nothing."""
    return answer(await doors.front.shadow(said.registry, by=asker.principal))


@evidence.delete("/policy/shadow", status_code=204)
async def end_shadow(doors: Here, asker: Governing) -> Response:
    """Forget the rules that are kept in the shadow."""
    await doors.front.shadow(end=True, by=asker.principal)
    return nothing()
