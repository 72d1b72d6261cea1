"""The app: every room of routes behind the guard. It opens no house; it is given one with its doors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import BaseRoute

from cuga.api import (
    agents,
    approvals,
    crm,
    evidence,
    house,
    login,
    metrics,
    observe,
    page,
    people,
    policy,
    problems,
    runs,
    schema,
    stream,
    witness,
)
from cuga.api.answers import answer
from cuga.api.doors import Doors
from cuga.api.guard import Guard
from cuga.api.requests import Counted


def create_app(doors: Doors, more: Sequence[BaseRoute] = ()) -> Any:
    """An ASGI app on a house that is open; `more` are routes of other protocols."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, title="cuga", redirect_slashes=False)
    app.state.doors = doors
    problems.install(app)
    for room in (
        login.login,
        house.house,
        house.health,
        runs.runs,
        approvals.approvals,
        stream.traces,
        stream.sockets,
        policy.policy,
        crm.crm,
        observe.observe,
        evidence.evidence,
        people.people,
        agents.agents,
        metrics.metrics,
        witness.witness,
    ):
        app.router.routes.extend(room.routes)

    described: dict[str, Any] = {}

    @app.get("/api/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        if not described:
            described.update(schema.describe(app))
        return answer(described)

    app.router.routes.extend([*more, *page.page.routes])
    return Counted(app, Guard(app, doors.address), doors.requests)
