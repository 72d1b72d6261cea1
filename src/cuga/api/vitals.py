"""Health, readiness and figures of a process that serves neither page nor API: the routes of a server, and no others.

It looks at the house that is open already and never opens one, so it goes on answering while that one is being closed.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from cuga.api import problems
from cuga.api.doors import Address, Doors
from cuga.api.guard import Guard
from cuga.api.house import health
from cuga.api.listening import answering, is_loopback
from cuga.api.live import Live
from cuga.api.metrics import metrics
from cuga.api.requests import Counted
from cuga.orchestrator.coordinator import Coordinator
from cuga.orchestrator.house.assembly import Assembly

MOST_OPEN = 50  # connections: two probes and a few scrapers need a handful


@contextlib.asynccontextmanager
async def vitals(assembly: Assembly, taken: socket.socket, host: str) -> AsyncIterator[Address]:
    """Answer for this process at a socket while the block runs."""
    front = Coordinator.on(assembly)
    address = Address(host=host, port=taken.getsockname()[1])
    doors = Doors(front=front, credentials=assembly.credentials(), live=Live(front), address=address, port=address.port)
    async with answering(create_app(doors), taken, most=MOST_OPEN):
        yield address


def create_app(doors: Doors) -> Any:
    """An ASGI app of the three routes. A key opens the figures, as it does at a server."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, title="cuga", redirect_slashes=False)
    app.state.doors = doors
    for room in (health, metrics):
        app.router.routes.extend(room.routes)
    paths = ", ".join(f"`{route.path}`" for route in app.routes if isinstance(route, APIRoute))
    problems.install(app, every_path=f"This process has {paths} and nothing else.")
    guarded = Guard(app, doors.address, any_name=not is_loopback(doors.address.host))
    return Counted(app, guarded, doors.requests)
