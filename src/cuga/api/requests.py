"""Every request gets an id, is counted, and is worth one line in the log.

The id is the asker's own when it has a harmless form, and goes back in `X-Request-Id`. What is counted and logged is
the route as it is written in the code, never the path, which holds ids and words.
"""

from __future__ import annotations

import logging
import re
import secrets
import time

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cuga.observability.catalog import MOST_LABELS, OTHERS
from cuga.observability.log import FIELDS, request_id
from cuga.projections.telemetry import Histogram

HEADER = "x-request-id"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HARMLESS = re.compile(r"[0-9A-Za-z_.:\-]{8,64}")
_STREAMS = "text/event-stream"
log = logging.getLogger("cuga.requests")
log.addHandler(logging.NullHandler())  # silent unless somebody logs


class Requests:
    """What this process has answered."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.answered: dict[tuple[str, str, str], int] = {}  # method, route, status -> how many
        self.took: dict[str, Histogram] = {}  # route -> how long

    def count(self, method: str, route: str, status: int, took_s: float | None) -> None:
        """One was answered. `took_s` is None for a stream, which ends when whoever reads it goes."""
        if route not in self.took and len(self.took) >= MOST_LABELS:
            route = OTHERS
        key = (method, route, str(status))
        self.answered[key] = self.answered.get(key, 0) + 1
        one = self.took.setdefault(route, Histogram())
        if took_s is not None:
            one.add(round(took_s * 1_000_000))


class Counted:
    """Stands around all that answers, the guard included; the app itself is asked only which routes it has."""

    def __init__(self, app: FastAPI, answers: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._answers = answers
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._answers(scope, receive, send)
            return
        own = Headers(scope=scope).get(HEADER, "")
        name = own if _HARMLESS.fullmatch(own) else secrets.token_hex(8)
        mark = request_id.set(name)
        status, is_stream = 500, False

        async def told(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                headers[HEADER] = name
                is_stream = headers.get("content-type", "").startswith(_STREAMS)
                message["headers"] = headers.raw
            await send(message)

        start = time.perf_counter()
        self._requests.in_flight += 1
        try:
            await self._answers(scope, receive, told)
        finally:
            self._requests.in_flight -= 1
            took = time.perf_counter() - start
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = self._route(scope)
            self._requests.count(method, route, status, None if is_stream else took)
            level = logging.WARNING if status >= 500 else logging.INFO
            if log.isEnabledFor(level):
                said = {"method": method, "route": route, "status": status, "ms": round(took * 1_000, 3)}
                log.log(level, "request", extra={FIELDS: said})
            request_id.reset(mark)

    def _route(self, scope: Scope) -> str:
        """The route as the code has it; `OTHERS` when there is none."""
        found = scope.get("route")
        path = getattr(found, "path", None)
        if path is None:  # refused before it came to a route, or one that does not say so
            path = next(
                (
                    getattr(one, "path", OTHERS)
                    for one in self._app.router.routes
                    if one.matches(scope)[0] is Match.FULL
                ),
                OTHERS,
            )
        return str(path)
